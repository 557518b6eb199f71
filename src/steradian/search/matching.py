"""Two tables without a common key: for each object of one its match in the other, where no other could be meant."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np

from steradian.calibration import precision_angle
from steradian.calibration.threshold_rules import ACCEPT_NONE, ROUNDING, check_rate, least_for_precision
from steradian.data import ObjectTable, Schema, read_objects
from steradian.errors import ConfigError, InputError
from steradian.misspelt import telling_of_misspelt
from steradian.result_table import ResultTable
from steradian.search.id_pairs import rows_of_pairs
from steradian.search.index import Index
from steradian.search.queries import Embedder
from steradian.text_table import fit_text

__all__ = ["Matcher", "Matches", "match_tables"]

NOT_MUTUAL = 2.0
"""The doubt where another object lies nearer to the match."""
_SHOWN = 10
_LINE = "{} {} {:>7} {:>7}  {}"
_ROUNDING_ANGLE = float(np.arccos(1.0 - ROUNDING))
"""Two angles below are both 0."""


class Matcher(Embedder, Protocol):
    """What a match needs of a model."""

    @property
    def schema_(self) -> Schema:
        """Of the training table."""
        ...


@dataclass(frozen=True, eq=False, repr=False)
class Matches(ResultTable, rows="pairs", line=_LINE, words={"first", "second", "verdict"}):
    """Objects of a first table, each with the nearest of a second, the least doubtful first; prints as a table.

    Args:
        first: ids of the first objects [pairs].
        second: ids of their nearest ones [pairs].
        angles: between the two, in radians [pairs].
        doubts: the angle divided by that to the second nearest, from 0 to 1; 2 where the nearest of the match, in turn,
            is another object [pairs].
        limit: the doubt up to which a match is taken for the same; -1 takes none.
        precision: the share that is right of those taken, with 90% confidence; None where the limit was given.
        known: how many objects, whose matches are known, the limit rests on.
        known_same: how many of them are within it.
        known_right: how many of these are right.

    Examples:
        >>> ids, angles, doubts = np.array(["a", "b"]), np.array([0.2, 0.9]), np.array([0.25, 0.98])
        >>> Matches(ids, ids, angles, doubts, limit=0.9, precision=0.95, known=90, known_same=80, known_right=79)
        Matches: 2 pairs, 1 the same, 1 doubtful
        first          second           angle   doubt  verdict
        a              a                0.200   0.250  same
        b              b                0.900   0.980  doubtful
        Angles in radians. Doubt: the angle divided by that to the second nearest, and 2
        where another object is nearer to the match. The same up to 0.9: so 80 of 90
        known objects are matched, 79 rightly, which shows a precision of 0.95 with 90%
        confidence.
    """

    first: np.ndarray
    second: np.ndarray
    angles: np.ndarray
    doubts: np.ndarray
    limit: float
    precision: float | None = None
    known: int = 0
    known_same: int = 0
    known_right: int = 0

    @property
    def same(self) -> np.ndarray:
        """Which pairs are taken for the same, bool [pairs]; the others are to be looked at."""
        return np.asarray(self.doubts <= self.limit)

    def __len__(self) -> int:
        return len(self.first)

    def to_dict(self) -> dict[str, Any]:
        """Plain JSON values."""
        verdicts = np.where(self.same, "same", "doubtful")
        columns = self.first, self.second, self.angles, self.doubts, verdicts
        names = "first", "second", "angle", "doubt", "verdict"
        rows = zip(*(column.tolist() for column in columns), strict=True)
        counts = {name: getattr(self, name) for name in ("limit", "precision", "known", "known_same", "known_right")}
        return {"pairs": [dict(zip(names, row, strict=True)) for row in rows], **counts}

    def _title(self) -> str:
        same = int(self.same.sum())
        pairs = f"{len(self):,} pair{'s' * (len(self) != 1)}"
        return f"Matches: {pairs}, {same:,} the same, {len(self) - same:,} doubtful"

    def _table(self) -> Iterator[list[str]]:
        """The heads of the columns, then the cells of each row."""
        yield [fit_text("first", 14), fit_text("second", 14), "angle", "doubt", "verdict"]
        for row in self.to_dict()["pairs"][:_SHOWN]:
            names = fit_text(str(row["first"]), 14), fit_text(str(row["second"]), 14)
            yield [*names, f"{row['angle']:.3f}", f"{row['doubt']:.3f}", row["verdict"]]

    def _notes(self) -> list[str]:
        more = [f"... {_SHOWN} of {len(self):,} pairs shown"] if len(self) > _SHOWN else []
        note = (
            "Angles in radians. Doubt: the angle divided by that to the second nearest, and 2 where another object is "
            f"nearer to the match. The same up to {self.limit:.4g}"
        )
        if self.precision is None:
            return [*more, f"{note}, as given."]
        if self.limit == ACCEPT_NONE:
            least = least_for_precision(self.precision)
            shown = f"{self.known:,} known objects do not show a precision of {self.precision:g}"
            return [*more, f"Nothing is taken for the same: {shown}; {least} are the least, all of them right."]
        shown = f"so {self.known_same:,} of {self.known:,} known objects are matched, {self.known_right:,} rightly"
        return [*more, f"{note}: {shown}, which shows a precision of {self.precision:g} with 90% confidence."]


@telling_of_misspelt
def match_tables(
    model: Matcher,
    first: Any,
    second: Any,
    *,
    known: Any = None,
    precision: float = 0.95,
    limit: float | None = None,
) -> Matches:
    """For each object of a first table the nearest of a second one, and whether it is surely the same.

    Objects whose match is known decide how much doubt is allowed; they are in no pair of the
    result. So the known ones must be drawn by chance, those without a match too, and be none that the model was
    trained on. The guarantee is for both tables as they are: in a larger second one more lies near.

    Args:
        model: a fitted model.
        first: an `ObjectTable`, or what `read_objects` takes with partial=True; labels are not needed.
        second: likewise, of at least 2 objects.
        known: a table of two columns, the id of an object of the first table and that of its match; an empty cell where
            it has none. Several rows with one first id name several matches.
        precision: the share that is to be right of the pairs taken for the same, with 90% confidence.
        limit: instead of `known` the doubt up to which a match is the same, such as an earlier result has.

    Raises:
        ConfigError: not one of `known` and `limit`, or a limit that is no doubt.
        InputError: tables that cannot be read, ids that are not there, or a precision that is no share.

    Examples:
        >>> import steradian as sr
        >>> points = np.random.default_rng(0).normal(size=(60, 4))
        >>> table = {"x": points.repeat(2, axis=0), "label": np.arange(60).repeat(2)}
        >>> schema = sr.Schema({"x": sr.Vector("x")})
        >>> model = sr.SphereEmbedder(epochs=0, verbose=False).fit(sr.read_objects(table, schema))
        >>> known = {"first": np.arange(50), "second": np.arange(50)}
        >>> found = sr.match_tables(model, {"x": points}, {"x": points + 0.01}, known=known, precision=0.9)
        >>> found.second[found.same].tolist() == found.first.tolist()
        True
    """
    if (known is None) == (limit is None):
        fix = "Give one of them: pairs of ids that a person has matched, or the doubt that an earlier result has."
        raise ConfigError("known=TABLE or limit=DOUBT", "neither" if limit is None else "both", "the matches", fix)
    if limit is not None and not (isinstance(limit, (int, float, np.number)) and 0 <= limit <= NOT_MUTUAL):
        raise ConfigError("a doubt, from 0 to 2", repr(limit), "limit", "Write for example limit=0.9.")
    check_rate(precision, name="precision")
    tables = [_table(model, objects) for objects in (first, second)]
    if len(tables[1]) < 2:
        raise InputError("at least 2 objects in the second table", "1", "the matches", "Add objects to choose from.")
    rows, angles, doubts = _doubts(model, *tables)
    names = tables[0].ids, tables[1].ids[rows]
    if limit is not None:
        order = np.argsort(doubts, kind="stable")
        return Matches(names[0][order], names[1][order], angles[order], doubts[order], float(limit))
    left, right = rows_of_pairs(known, *tables, where="known", unmatched=True)
    true, asked = set(zip(left.tolist(), right.tolist(), strict=True)), np.unique(left)
    is_right = np.array([(row, rows[row]) in true for row in asked.tolist()], dtype=bool)
    found = precision_angle(doubts[asked], is_right, precision=precision)
    same = doubts[asked] <= found
    rest = np.setdiff1d(np.arange(len(rows)), asked)
    order = rest[np.argsort(doubts[rest], kind="stable")]
    counts = {"known": len(asked), "known_same": int(same.sum()), "known_right": int(is_right[same].sum())}
    return Matches(names[0][order], names[1][order], angles[order], doubts[order], found, precision, **counts)


def _table(model: Matcher, objects: Any) -> ObjectTable:
    if isinstance(objects, ObjectTable):
        return objects
    return read_objects(objects, model.schema_, labelled=False, partial=True)


def _doubts(model: Matcher, first: ObjectTable, second: ObjectTable) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """For each first object the place of the nearest second one, the angle to it, and the doubt."""
    one, other = Index.build(model, first), Index.build(model, second)
    there = other.search(one.vectors, k=2)
    back = one.search(other.vectors, k=1).rows[:, 0]
    nearest, runner_up = there.angles.T
    # Of two that are as near either may be meant, also at an angle of 0, which is none to the last digit.
    doubts = np.maximum(nearest, _ROUNDING_ANGLE) / np.maximum(runner_up, _ROUNDING_ANGLE)
    mutual = back[there.rows[:, 0]] == np.arange(len(first))
    return there.rows[:, 0], nearest, np.where(mutual, doubts, NOT_MUTUAL)
