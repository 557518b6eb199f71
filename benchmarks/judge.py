"""A verdict on a claim: held, depends, not held."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

__all__ = ["Verdict", "judge", "judge_leads"]


@dataclass(frozen=True)
class Verdict:
    """One claim and what was found.

    Args:
        section: of the claims: faster, separable, interpretable, light or good.
        claim: what is said.
        result: "held" in every comparison, "depends" on which, "not held" in any, or "not measured".
        wins: comparisons that it holds in.
        of: comparisons.
        number: the figures, in words.
    """

    section: str
    claim: str
    result: str
    wins: int
    of: int
    number: str

    def __str__(self) -> str:
        return f"{self.result.upper()}: {self.claim}: {self.number}"


def judge(section: str, claim: str, wins: int, of: int, number: str) -> Verdict:
    """Held everywhere, nowhere, or here and there.

    Args:
        section: as of `Verdict`.
        claim: likewise.
        wins: likewise.
        of: likewise; 0 is "not measured".
        number: likewise.
    """
    result = "not measured" if not of else "held" if wins == of else "depends" if wins else "not held"
    return Verdict(section, claim, result, wins, of, number)


def judge_leads(claim: str, leads: Sequence[float]) -> Verdict:
    """Leads over rivals in points; within a tenth of a point below counts as good as.

    Args:
        claim: as of `Verdict`.
        leads: one a comparison.
    """
    wins = sum(lead >= -0.1 for lead in leads)
    number = f"{wins} of {len(leads)}"
    number += f"; leads {min(leads):+.1f} to {max(leads):+.1f}, median {np.median(leads):+.1f} points" if leads else ""
    return judge("good", claim, wins, len(leads), number)
