"""What is wrong with a table: labels, outliers, near-duplicates, and classes that cannot be told apart."""

from steradian.audit.audit import audit
from steradian.audit.findings import Audit, Finding

__all__ = ["Audit", "Finding", "audit"]
