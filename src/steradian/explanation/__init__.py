"""Why an object lies where it lies: what each modality adds, and what no missing modality can change."""

from steradian.explanation.attribution import Attribution
from steradian.explanation.certificates import Certificates, certify
from steradian.explanation.explain import explain

__all__ = ["Attribution", "Certificates", "certify", "explain"]
