"""Columns of a table: numbers, dates and categories, each cell a token; an empty cell is a token of its own."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import numpy as np

from steradian.data.modality import (
    Columns,
    FittedModality,
    IndexedArrays,
    Items,
    Modality,
    ReadValues,
    Values,
    is_missing,
    shown,
)
from steradian.data.shown import Shown, short_list, short_number
from steradian.errors import ConfigError, InputError
from steradian.misspelt import telling_of_misspelt
from steradian.modalities.categories import category_codes, read_categories
from steradian.modalities.dates import calendar, datetimes_to_days, to_days
from steradian.modalities.kernel_features import KernelFeatures

if TYPE_CHECKING:
    from torch import nn

__all__ = ["FittedTabular", "Tabular"]

SHOWN = 4
"""Cells that people see."""

BINS = 16
"""Quantile bins of a number at most; Gorishniy et al. 2022 (arXiv 2203.05556) search 2..256."""
OWN_TOKENS = 1000
"""Categories of a column that have a token of their own at most; the others share the hashed buckets."""
ONE_HOT = 256
"""Codes of a category that have a feature of their own in the closed form; others have none there."""


@telling_of_misspelt
@dataclass(frozen=True)
class Tabular(Modality):
    """Numbers, dates and categories of a table; a row lacks the modality only when all its cells are empty.

    Args:
        numeric: columns of numbers, or of dates: `date`, `datetime`, `datetime64`, or text such as 2024-05-31 or
            2024-05-31T18:30. A date counts as its days and as its day of the week, day of the year and time of day.
            A column of durations, such as `timedelta64`, is read as days. NaN is a value of its own.
        categorical: columns of strings, integers or booleans, known by their text: 7, 7.0 and "7" are one category, so
            are True and "true". Categories met once or never in training share one token. Where a column has more
            than 1,000 others, the most frequent 1,000 have a token each, and the rest, new ones included, share
            1,024 hashed ones, two each.

    Raises:
        ConfigError: no column at all.

    Examples:
        >>> Tabular(numeric=["price", "sold_on"], categorical=["colour"]).columns
        ('price', 'sold_on', 'colour')
    """

    numeric: Sequence[str] = ()
    categorical: Sequence[str] = ()
    columns: tuple[str, ...] = field(init=False, repr=False)

    def __post_init__(self) -> None:
        for name in ("numeric", "categorical"):
            given = getattr(self, name)
            object.__setattr__(self, name, (given,) if isinstance(given, str) else tuple(given))
        object.__setattr__(self, "columns", (*self.numeric, *self.categorical))
        if not self.columns:
            raise ConfigError(
                want="at least one column",
                got="none",
                where="Tabular(numeric=..., categorical=...)",
                fix='Write for example Tabular(numeric=["price"]).',
            )

    @property
    def text_columns(self) -> tuple[str, ...]:
        """The categorical ones, unless they are numeric too."""
        return tuple(name for name in self.categorical if name not in self.numeric)

    def shown(self, values: Mapping[str, Any], cells: Mapping[str, Any]) -> Shown:
        """The first of its cells that are there."""
        there = (f"{column} {short_number(cell)}" for column, cell in cells.items() if not is_missing(cell))
        return Shown(short_list(there, SHOWN))

    def as_code(self) -> str:
        """As it prints."""
        return repr(self)

    def read(self, columns: Columns) -> ReadValues:
        """Bring cells to arrays.

        Returns:
            `numbers` float64 [objects, numeric], a date as days since 1970; `dates` bool [objects, numeric], True where
            a date stands; `categories` object [objects, categorical], text or None.

        Raises:
            InputError: a number that is infinite or text other than a date, numbers and dates in one column, a category
                that is neither string, integer nor boolean.
        """
        rows = len(columns[self.columns[0]])
        numbers = np.full((rows, len(self.numeric)), np.nan)
        dates = np.zeros(numbers.shape, dtype=bool)
        categories = np.empty((rows, len(self.categorical)), dtype=object)
        for place, name in enumerate(self.numeric):
            numbers[:, place], dates[:, place] = _numbers(columns[name], name)
        for place, name in enumerate(self.categorical):
            categories[:, place] = read_categories(columns[name], name)
        present = ~np.isnan(numbers).all(axis=1) | (categories != np.array(None)).any(axis=1)
        return ReadValues({"numbers": numbers, "dates": dates, "categories": categories}, present)

    def fit(self, values: Values) -> "FittedTabular":
        """Learn quantile edges a number and a vocabulary a category."""
        dates = np.array([column.any() for column in values["dates"].T], dtype=bool)
        edges = [_edges(column[~np.isnan(column)]) for column in _with_calendar(values["numbers"], dates).T]
        counts = [Counter(column.tolist()) for column in values["categories"].T]
        known = [[name for name, times in column.items() if times > 1 and name is not None] for column in counts]
        vocabularies = [
            sorted(sorted(names, key=lambda name: (-column[name], name))[:OWN_TOKENS])
            for names, column in zip(known, counts, strict=True)
        ]
        return FittedTabular(
            edges,
            vocabularies,
            hashed=[len(names) > OWN_TOKENS for names in known],
            numeric=list(self.numeric),
            dates=[bool(each) for each in dates],
        )


@dataclass(frozen=True)
class FittedTabular(FittedModality):
    """Quantile edges and vocabularies of the training rows.

    Args:
        edges: for each number, then for each calendar part of each date, the ascending edges of its bins.
        vocabularies: for each category, its values that have a token of their own, in order.
        hashed: for each category, whether its other values share hashed tokens.
        numeric: the names of the numeric columns, for messages.
        dates: for each of them, whether it holds dates.
    """

    edges: list[list[float]]
    vocabularies: list[list[str]]
    hashed: list[bool]
    numeric: list[str]
    dates: list[bool]

    def prepare(self, values: Values, rows: np.ndarray) -> Items:
        """Place numbers among their bins and number the categories; see `FittedModality.prepare`.

        Returns:
            `positions` float32 [objects, numbers]: 2.5 is half-way through the third bin, NaN an empty cell;
            `deviations` float32 [objects, numbers]: from the mean of the edges, in their standard deviations;
            `codes` int64 [objects, categorical]: 0 is an empty cell, 1 an unknown category, the last are hashed.

        Raises:
            InputError: a date where training had numbers, or a number where it had dates.
        """
        self._refuse_another_kind(values, rows)
        numbers, categories = _with_calendar(values["numbers"], np.array(self.dates, dtype=bool)), values["categories"]
        positions, deviations = np.zeros((2, *numbers.shape), dtype=np.float32)
        for place, edges in enumerate(self.edges):
            positions[:, place] = _position(numbers[:, place], np.array(edges))
            deviations[:, place] = _deviation(numbers[:, place], np.array(edges))
        codes = np.zeros(categories.shape, dtype=np.int64)
        for place, (vocabulary, hashed) in enumerate(zip(self.vocabularies, self.hashed, strict=True)):
            column = categories[:, place].tolist()
            code = category_codes(column, vocabulary, hashed=hashed)
            codes[:, place] = [code.get(cell, 1) for cell in column]
        return IndexedArrays({"positions": positions, "deviations": deviations, "codes": codes})

    def feature_inputs(self, items: Items, rows: np.ndarray) -> np.ndarray:
        """Rows float32 [rows, columns]: numbers standardised, whether each is empty, and categories one-hot."""
        arrays = items(rows)
        deviations, codes = arrays["deviations"], arrays["codes"]
        empty = np.isnan(deviations)
        known = [min(len(vocabulary) + 2, ONE_HOT) for vocabulary in self.vocabularies]
        categories = [column[:, None] == np.arange(count) for column, count in zip(codes.T, known, strict=True)]
        return np.concatenate([np.where(empty, 0, deviations), empty, *categories], axis=1).astype(np.float32)

    def feature_map(self, inputs: np.ndarray, *, most: int, novel: bool) -> KernelFeatures:
        """Four kernels."""
        return KernelFeatures.fit(inputs, most=most)

    def tokenizer(self, width: int, dropout: float) -> "nn.Module":
        """A token a column, and a few that see the whole row."""
        from steradian.modalities.tabular_tokenizer import TabularTokenizer

        bins = [len(edges) - 1 for edges in self.edges]
        return TabularTokenizer(bins, [len(v) + 2 for v in self.vocabularies], self.hashed, width, dropout)

    def _refuse_another_kind(self, values: Values, rows: np.ndarray) -> None:
        other = ~np.isnan(values["numbers"]) & (values["dates"] != np.array(self.dates, dtype=bool))
        for row, place in np.argwhere(other)[:1]:
            kinds = ("a number", "a date")
            raise InputError(
                want=f"{kinds[self.dates[place]]}, as in training",
                got=kinds[not self.dates[place]],
                where=f"row {rows[row]} (counted from 0), column {self.numeric[place]!r}",
                fix="Give the column as it was when the model was fitted.",
            )


def _numbers(column: np.ndarray, name: str) -> tuple[np.ndarray, np.ndarray]:
    """A column as float64 [objects], empty cells NaN and dates as days, and which are dates [objects]."""
    if column.dtype.kind == "M" and column.ndim == 1:
        return datetimes_to_days(column), ~np.isnat(column)
    if column.dtype.kind == "m" and column.ndim == 1:
        return column / np.timedelta64(1, "D"), np.zeros(len(column), dtype=bool)
    if column.dtype.kind in "fiub" and column.ndim == 1:
        numbers = column.astype(np.float64)
        infinite = np.flatnonzero(np.isinf(numbers))
        if infinite.size:
            raise _not_finite(column[infinite[0]], int(infinite[0]), name)
        return numbers, np.zeros(len(column), dtype=bool)
    numbers, dates = np.full(len(column), np.nan), np.zeros(len(column), dtype=bool)
    for row, cell in enumerate(column):
        if is_missing(cell):
            continue
        days = to_days(cell)
        number = _number(cell) if days is None else days
        if not np.isfinite(number):
            at_fault = _at_fault(column, row)
            raise _not_finite(column[at_fault], at_fault, name)
        numbers[row], dates[row] = number, days is not None
    _refuse_a_mixture(numbers, dates, name)
    return numbers, dates


def _at_fault(column: np.ndarray, first: int) -> int:
    """The row to tell: one text among numbers makes a whole CSV column text, and then it is not the first cell."""
    texts = (row for row in range(first, len(column)) if isinstance(column[row], str))
    return next((row for row in texts if not _reads_as_a_number(column[row])), first)


def _reads_as_a_number(text: str) -> bool:
    try:
        return bool(np.isfinite(float(text)))
    except ValueError:
        return False


def _number(cell: Any) -> float:
    """A number as a float, infinite if it is too large for one; NaN if it is no real number."""
    real = isinstance(cell, (int, float, Decimal, np.integer, np.floating, np.bool_)) and not isinstance(
        cell, np.timedelta64
    )
    try:
        with np.errstate(over="ignore"):
            return float(cell) if real else np.nan
    except OverflowError:
        return np.inf
    except ValueError:  # a signaling NaN of decimal
        return np.nan


def _refuse_a_mixture(numbers: np.ndarray, dates: np.ndarray, name: str) -> None:
    known = ~np.isnan(numbers)
    if dates.any() and not dates[known].all():
        first, other = int(np.argmax(dates)), int(np.argmax(known & ~dates))
        raise InputError(
            want="numbers or dates",
            got=f"a date in row {first} and a number in row {other}",
            where=f"row {max(first, other)} (counted from 0), column {name!r}",
            fix="Convert the numbers to dates, or the dates to numbers.",
        )


def _not_finite(cell: Any, row: int, name: str) -> InputError:
    return InputError(
        want="a finite number",
        got=shown(cell),
        where=f"row {row} (counted from 0), column {name!r}",
        fix="Convert the column to numbers such as 12.5 or dates as 2024-05-31, or declare it as categorical or Text.",
    )


def _with_calendar(numbers: np.ndarray, dates: np.ndarray) -> np.ndarray:
    """The numbers [objects, numeric] with the calendar parts of those that are dates behind them."""
    return np.concatenate([numbers, *(calendar(column) for column in numbers.T[dates])], axis=1)


def _edges(known: np.ndarray) -> list[float]:
    """Quantile edges, each once; at least one bin."""
    edges = np.unique(np.quantile(known, np.linspace(0, 1, BINS + 1))) if known.size else np.zeros(1)
    # Half a unit is less than a float64 step of a large number.
    reach = max(0.5, 1e-9 * abs(float(edges[0])))
    return [float(edge) for edge in edges] if len(edges) > 1 else [float(edges[0]) - reach, float(edges[0]) + reach]


def _position(numbers: np.ndarray, edges: np.ndarray) -> np.ndarray:
    """Where numbers lie among the edges, in bins; outside them the outer bins' slope goes on for three bins."""
    position = np.interp(numbers, edges, np.arange(len(edges), dtype=np.float64))
    # Infinitely many narrow bins away are three.
    with np.errstate(over="ignore"):
        below = np.clip((numbers - edges[0]) / (edges[1] - edges[0]), -3, 0)
        above = np.clip((numbers - edges[-1]) / (edges[-1] - edges[-2]), 0, 3)
    placed: np.ndarray = position + below + above
    return placed


def _deviation(numbers: np.ndarray, edges: np.ndarray) -> np.ndarray:
    """Numbers standardised by the edges, at most 5 from 0."""
    # Divided first, so that neither sums nor squares overflow.
    largest = np.abs(edges).max()
    mean, std = (edges / largest).mean(), (edges / largest).std()
    with np.errstate(over="ignore"):
        deviations: np.ndarray = np.clip((numbers / largest - mean) / std, -5, 5)
    return deviations
