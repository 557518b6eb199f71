"""Thresholds that keep a guarantee: what is accepted, what is unknown, which two are the same."""

from steradian.thresholds.verify import Verification, verify

__all__ = ["Verification", "verify"]
