"""Why an object lies where it lies: what each modality adds, and what no missing modality can change."""

from steradian.explanation.certificates import Certificates, certify
from steradian.explanation.explain import explain
from steradian.explanation.ledger import Ledger

__all__ = ["Certificates", "Ledger", "certify", "explain"]
