"""The angular attribution: what each modality adds to a cosine, how it prints, and as a picture."""

from collections.abc import Iterator
from dataclasses import dataclass, fields
from typing import Any, Literal

import numpy as np

from steradian.explanation.attribution_bars import attribution_bars
from steradian.metrics import to_angles
from steradian.result_table import ResultTable
from steradian.text_table import fit_text

__all__ = ["Attribution"]

TargetKind = Literal["class", "object", "vector"]

_SHOWN = 10
_ONE = "{} {:>6} {:>7} {:>7} {:>7} {:>8} {:>8}"
_SEVERAL = "{} {} {:>6} {:>6} {:>6}  {}  {}"


@dataclass(frozen=True, eq=False, repr=False)
class Attribution(ResultTable, rows="objects", words={"modality", "object", "target", "adds most", "adds least"}):
    """The cosine of each object to a target as an exact sum over its modalities; prints as a table.

    `attribution[i]` and `attribution[i:j]` are those of some of the objects; that of one object prints in full. Angles
    are in radians. What stands in the columns of an absent modality is 0 or NaN.

    Args:
        ids: of the objects [objects].
        modalities: their names.
        targets: what each object is compared with: a class name, an id, or a row number [objects].
        target_kind: "class", "object" or "vector". Of a class with sub-centers, it is the one nearest to the object.
        present: bool [objects, modalities].
        cosines: of the whole object to its target [objects].
        gates: the weights of the modalities, 0 or more, sum 1 [objects, modalities].
        modality_cosines: of each modality's own vector [objects, modalities].
        contributions: what each modality adds to the object's cosine [objects, modalities].
        agreement: the length of the modalities' weighted sum, from 0 to 1 [objects]: 1 where all point the same way.
        cosines_without: of the object fused without the modality [objects, modalities]; NaN where nothing is left.
        shapley: Shapley values of the cosine over all subsets [objects, modalities]; NaN with more than 8 present.
        context: what the context adds to the object's cosine [objects]; None without one.

    Examples:
        >>> cells = [np.array([[number, number]]) for number in (0.5, 0.8, 0.45, 0.8, 0.45)]
        >>> names = {"modalities": ("photo", "title"), "target_kind": "class", "targets": np.array(["cup"])}
        >>> columns = ("gates", "modality_cosines", "contributions", "cosines_without", "shapley")
        >>> arrays = dict(zip(columns, cells)) | {"ids": np.array([7]), "present": np.ones((1, 2), dtype=bool)}
        >>> Attribution(**names, **arrays, cosines=np.array([0.9]), agreement=np.array([0.889]))
        Attribution: object 7 to the class cup
        modality                 gate   angle  cosine    adds  without  Shapley
        photo                   0.500   0.644   0.800   0.450    0.644    0.450
        title                   0.500   0.644   0.800   0.450    0.644    0.450
        whole object            1.000   0.451   0.900   0.900        -    0.900
        Angles in radians; without: the angle without the modality. Agreement of the
        modalities 0.889 (1: all point the same way).
    """

    ids: np.ndarray
    modalities: tuple[str, ...]
    targets: np.ndarray
    target_kind: TargetKind
    present: np.ndarray
    cosines: np.ndarray
    gates: np.ndarray
    modality_cosines: np.ndarray
    contributions: np.ndarray
    agreement: np.ndarray
    cosines_without: np.ndarray
    shapley: np.ndarray
    context: np.ndarray | None = None

    @property
    def angles(self) -> np.ndarray:
        """Of the whole object to its target, in radians [objects]."""
        return to_angles(self.cosines)

    @property
    def modality_angles(self) -> np.ndarray:
        """Of each modality's own vector, in radians [objects, modalities]; NaN where absent."""
        return to_angles(self.modality_cosines)

    @property
    def angles_without(self) -> np.ndarray:
        """Of the object without the modality, in radians [objects, modalities]; NaN where nothing is left."""
        return to_angles(self.cosines_without)

    def __len__(self) -> int:
        return len(self.ids)

    def __getitem__(self, rows: Any) -> "Attribution":
        chosen = np.atleast_1d(np.arange(len(self))[rows])
        columns = {field.name: getattr(self, field.name) for field in fields(self)}
        cut = {name: value[chosen] if isinstance(value, np.ndarray) else value for name, value in columns.items()}
        return Attribution(**cut)

    def __iter__(self) -> Iterator["Attribution"]:
        return (self[row] for row in range(len(self)))

    def to_dict(self) -> dict[str, Any]:
        """Plain JSON values, of each object the modalities that it has."""
        return {"target_kind": self.target_kind, "objects": [self._entry(row) for row in range(len(self))]}

    def to_svg(self, row: int = 0) -> str:
        """A picture of what each modality adds to the cosine of one object: an SVG document.

        Args:
            row: of this attribution, counted from 0.
        """
        one = self[row]
        here = np.flatnonzero(one.present[0])
        bars = [(self.modalities[m], float(one.contributions[0, m])) for m in here]
        bars += [] if one.context is None else [("context", float(one.context[0]))]
        return attribution_bars(one._subject(), bars, total=float(one.cosines[0]), angle=float(one.angles[0]))

    @property
    def _line(self) -> str:  # type: ignore[override]
        return _ONE if len(self) == 1 else _SEVERAL

    def _entry(self, row: int) -> dict[str, Any]:
        numbers = {
            "gate": self.gates[row],
            "angle": self.modality_angles[row],
            "cosine": self.modality_cosines[row],
            "contribution": self.contributions[row],
            "angle_without": self.angles_without[row],
            "shapley": self.shapley[row],
        }
        return {
            "id": self.ids[row : row + 1].tolist()[0],
            "target": self.targets[row : row + 1].tolist()[0],
            "cosine": float(self.cosines[row]),
            "angle": float(self.angles[row]),
            "agreement": float(self.agreement[row]),
            "context": None if self.context is None else float(self.context[row]),
            "modalities": {
                self.modalities[m]: {key: _number(values[m]) for key, values in numbers.items()}
                for m in np.flatnonzero(self.present[row])
            },
        }

    def _subject(self) -> str:
        """The one object and its target in words."""
        kind = {"class": "the class", "object": "the object", "vector": "the vector"}[self.target_kind]
        names = [fit_text(str(name), 22).rstrip() for name in (self.ids[0], self.targets[0])]
        return f"object {names[0]} to {kind} {names[1]}"

    def _title(self) -> str:
        if len(self) == 1:
            return f"Attribution: {self._subject()}"
        target = "a class" if self.target_kind == "class" else "its target"
        return f"Attribution: {len(self):,} objects, each to {target}"

    def _table(self) -> Iterator[list[str]]:
        """The heads of the columns, then the cells of each row."""
        yield from self._table_of_one() if len(self) == 1 else self._table_of_several()

    def _table_of_one(self) -> Iterator[list[str]]:
        yield [fit_text("modality", 22), "gate", "angle", "cosine", "adds", "without", "Shapley"]
        for m in np.flatnonzero(self.present[0]):
            columns = [self.gates, self.modality_angles, self.modality_cosines, self.contributions]
            columns += [self.angles_without, self.shapley]
            yield [fit_text(self.modalities[m], 22), *(_shown(column[0, m]) for column in columns)]
        if self.context is not None:
            yield [fit_text("context", 22), "-", "-", "-", _shown(self.context[0]), "-", "-"]
        whole = [_shown(number) for number in (1.0, self.angles[0], self.cosines[0], self.cosines[0])]
        yield [fit_text("whole object", 22), *whole, "-", _shown(self.shapley[0].sum())]

    def _table_of_several(self) -> Iterator[list[str]]:
        heads = [fit_text(head, 17) for head in ("adds most", "adds least")]
        yield [fit_text("object", 10), fit_text("target", 10), "cosine", "angle", "agree", *heads]
        for row in range(min(len(self), _SHOWN)):
            here = np.flatnonzero(self.present[row])
            order = here[np.argsort(self.contributions[row, here])]
            words = fit_text(str(self.ids[row]), 10), fit_text(str(self.targets[row]), 10)
            numbers = [_shown(column[row]) for column in (self.cosines, self.angles, self.agreement)]
            ends = [self._addend(row, order[-1]), self._addend(row, order[0]) if len(here) > 1 else ""]
            yield [*words, *numbers, *ends]

    def _addend(self, row: int, m: int) -> str:
        return f"{fit_text(self.modalities[m], 10)} {self.contributions[row, m]:>6.3f}"

    def _notes(self) -> list[str]:
        if len(self) == 1:
            agreement = f"Agreement of the modalities {self.agreement[0]:.3f} (1: all point the same way)."
            return [f"Angles in radians; without: the angle without the modality. {agreement}"]
        more = f"... {_SHOWN} of {len(self):,} objects shown; " if len(self) > _SHOWN else ""
        return [f"{more}attribution[row] shows one in full."]


def _number(value: float) -> float | None:
    return None if np.isnan(value) else float(value)


def _shown(value: float) -> str:
    return "-" if np.isnan(value) else f"{value:.3f}"
