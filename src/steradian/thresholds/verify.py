"""Are two objects the same? The angle between them, against the threshold for what both have."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

from steradian.calibration.operating_points import shown_threshold
from steradian.data import ObjectTable
from steradian.errors import InputError
from steradian.metrics import to_angles
from steradian.model_answers import ModelAnswers
from steradian.result_table import ResultTable
from steradian.text_table import fit_text

__all__ = ["Verification", "verify"]

_SHOWN = 10
_LINE = "{} {} {:>7} {:>10} {:>6} {:>12} {:>11}"


@dataclass(frozen=True, eq=False, repr=False)
class Verification(ResultTable, rows="pairs", line=_LINE, words={"first", "second"}):
    """Of each pair of objects whether they are the same, and how often such an answer is wrong; prints as a table.

    Args:
        first: ids of the first objects [pairs].
        second: ids of the second ones [pairs].
        angles: between the two, in radians [pairs].
        thresholds: up to which two that have what these have are taken for the same [pairs].
        false_accepts: the share of pairs of different classes taken for the same at that angle [pairs].
        true_accepts: the share of pairs of one class taken for the same at that angle [pairs]; NaN where unknown.

    Examples:
        >>> rates = np.array([0.01, 0.01]), np.array([0.93, 0.93])
        >>> Verification(np.arange(2), np.arange(2), np.array([0.3, 1.2]), np.array([0.8, 0.8]), *rates)
        Verification: 2 pairs, 1 taken for the same
        first          second           angle  same up to   same false accept true accept
        0              0                0.300       0.800    yes        0.010       0.930
        1              1                1.200       0.800     no        0.010       0.930
        Angles in radians. False accept: the share of pairs of different classes that
        are taken for the same at this angle; true accept: of pairs of one class.
    """

    first: np.ndarray
    second: np.ndarray
    angles: np.ndarray
    thresholds: np.ndarray
    false_accepts: np.ndarray
    true_accepts: np.ndarray

    @property
    def same(self) -> np.ndarray:
        """Which pairs are taken for the same: bool [pairs]."""
        return np.asarray(self.angles <= self.thresholds)

    def __len__(self) -> int:
        return len(self.angles)

    def to_dict(self) -> dict[str, Any]:
        """Plain JSON values; a true accept rate that is not known is None."""
        names = ("first", "second", "angles", "thresholds", "false_accepts", "same")
        singular = ("first", "second", "angle", "threshold", "false_accept", "same")
        cells = zip(*(getattr(self, name).tolist() for name in names), self.true_accepts.tolist(), strict=True)
        entries = (dict(zip((*singular, "true_accept"), row, strict=True)) for row in cells)
        return {"pairs": [entry | {"true_accept": _known(entry["true_accept"])} for entry in entries]}

    def _title(self) -> str:
        count = f"{len(self):,} pair{'s' * (len(self) != 1)}"
        return f"Verification: {count}, {np.count_nonzero(self.same):,} taken for the same"

    def _table(self) -> Iterator[list[str]]:
        """The heads of the columns, then the cells of each row."""
        heads = "angle", "same up to", "same", "false accept", "true accept"
        yield [fit_text("first", 14), fit_text("second", 14), *heads]
        for row in range(min(len(self), _SHOWN)):
            true = _known(float(self.true_accepts[row]))
            yield [
                fit_text(str(self.first[row]), 14),
                fit_text(str(self.second[row]), 14),
                f"{self.angles[row]:.3f}",
                shown_threshold(self.thresholds[row]),
                "yes" if self.same[row] else "no",
                f"{self.false_accepts[row]:.3f}",
                "-" if true is None else f"{true:.3f}",
            ]

    def _notes(self) -> list[str]:
        more = [f"... {_SHOWN} of {len(self):,} pairs shown"] if len(self) > _SHOWN else []
        note = (
            "Angles in radians. False accept: the share of pairs of different classes that are taken for the same at "
            "this angle; true accept: of pairs of one class."
        )
        return [*more, note]


def verify(model: ModelAnswers, first: ObjectTable, second: ObjectTable) -> Verification:
    """Whether the objects of each row of two tables are the same.

    Args:
        model: with a calibration.
        first: one object a pair, of any modalities.
        second: as many.

    Raises:
        InputError: tables of different lengths, an object without any modality, or no calibration.
    """
    calibration = model.calibrated()
    if len(first) != len(second):
        raise InputError(
            want="as many second objects as first ones, a pair a row",
            got=f"{len(first)} and {len(second)}",
            where="verify(first, second)",
            fix="Repeat the rows of an object that is compared with several.",
        )
    vectors = [model.vectors(table).astype(np.float64) for table in (first, second)]
    points = calibration.pair_points(*(model.present(table) for table in (first, second)))
    cosines = (vectors[0] * vectors[1]).sum(axis=1)
    true = [np.nan if point.true_accept is None else point.true_accept for point in points]
    return Verification(
        first=first.ids,
        second=second.ids,
        angles=to_angles(cosines),
        thresholds=np.array([point.threshold for point in points], dtype=np.float64),
        false_accepts=np.array([point.false_accept for point in points], dtype=np.float64),
        true_accepts=np.array(true, dtype=np.float64),
    )


def _known(rate: float) -> float | None:
    return None if np.isnan(rate) else rate
