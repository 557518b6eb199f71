"""Columns of a table: numbers and categories, each cell a token; an empty cell is a token of its own."""

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from steradian.data.modality import (
    Columns,
    FittedModality,
    IndexedTensors,
    Items,
    Modality,
    ReadValues,
    Tokens,
    Values,
    is_missing,
    shown,
)
from steradian.errors import ConfigError, InputError

__all__ = ["FittedTabular", "Tabular"]

BINS = 16
"""Quantile bins of a number at most; Gorishniy et al. 2022 (arXiv 2203.05556) search 2..256."""

WHOLE_FLOAT = re.compile(r"(-?\d+)\.0")
TRUTH = {"true": "True", "false": "False"}


@dataclass(frozen=True)
class Tabular(Modality):
    """Numbers and categories of a table; a row lacks the modality only when all its cells are empty.

    Args:
        numeric: columns of numbers; NaN is a value of its own.
        categorical: columns of strings, integers or booleans, known by their text: 7, 7.0 and "7" are one category, so
            are True and "true". Categories met once or never in training share one token.

    Raises:
        ConfigError: no column at all.

    Example:
        >>> Tabular(numeric=["price"], categorical=["colour"]).columns
        ('price', 'colour')
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

    def read(self, columns: Columns) -> ReadValues:
        """Bring cells to `numbers` float64 [objects, numeric] and `categories` object [objects, categorical].

        Raises:
            InputError: a number that is text or infinite, a category that is neither string, integer nor boolean.
        """
        rows = len(columns[self.columns[0]])
        numbers = np.full((rows, len(self.numeric)), np.nan)
        categories = np.empty((rows, len(self.categorical)), dtype=object)
        for place, name in enumerate(self.numeric):
            numbers[:, place] = _numbers(columns[name], name)
        for place, name in enumerate(self.categorical):
            categories[:, place] = [_category(cell, row, name) for row, cell in enumerate(columns[name])]
        known = np.array([cell is not None for cell in categories.flat], dtype=bool).reshape(categories.shape)
        present = ~np.isnan(numbers).all(axis=1) | known.any(axis=1)
        return ReadValues({"numbers": numbers, "categories": categories}, present)

    def fit(self, values: Values) -> "FittedTabular":
        """Learn quantile edges a number and a vocabulary a category."""
        edges = [_edges(column[~np.isnan(column)]) for column in values["numbers"].T]
        vocabularies = []
        for column in values["categories"].T:
            names, counts = np.unique([cell for cell in column if cell is not None], return_counts=True)
            vocabularies.append([str(name) for name in names[counts >= 2]])
        return FittedTabular(edges, vocabularies)


@dataclass(frozen=True)
class FittedTabular(FittedModality):
    """Quantile edges and vocabularies of the training rows.

    Args:
        edges: for each number, the ascending edges of its bins.
        vocabularies: for each category, its known values in order.
    """

    edges: list[list[float]]
    vocabularies: list[list[str]]

    def prepare(self, values: Values, rows: np.ndarray) -> Items:
        """Place numbers among their bins and number the categories; see `FittedModality.prepare`.

        Returns:
            `positions` float32 [objects, numeric]: 2.5 is half-way through the third bin, NaN an empty cell;
            `codes` int64 [objects, categorical]: 0 is an empty cell, 1 an unknown category.
        """
        numbers, categories = values["numbers"], values["categories"]
        positions = np.zeros(numbers.shape, dtype=np.float32)
        for place, edges in enumerate(self.edges):
            positions[:, place] = _position(numbers[:, place], np.array(edges))
        codes = np.zeros(categories.shape, dtype=np.int64)
        for place, vocabulary in enumerate(self.vocabularies):
            code: dict[str | None, int] = {name: i + 2 for i, name in enumerate(vocabulary)}
            code[None] = 0
            codes[:, place] = [code.get(cell, 1) for cell in categories[:, place]]
        return IndexedTensors({"positions": torch.from_numpy(positions), "codes": torch.from_numpy(codes)})

    def tokenizer(self, width: int, dropout: float) -> nn.Module:
        """A token a column."""
        bins = [len(edges) - 1 for edges in self.edges]
        return TabularTokenizer(bins, [len(v) + 2 for v in self.vocabularies], width, dropout)


class TabularTokenizer(nn.Module):
    """A token a column: piecewise-linear embeddings of numbers, embeddings of categories.

    A number becomes one entry a bin: 1 below it, 0 above it, the share passed within it (Gorishniy et al. 2022,
    arXiv 2203.05556).

    Args:
        bins: for each number, how many bins it has.
        sizes: for each category, its rows in the embedding table.
        width: length of a token.
        dropout: share of cells emptied in training.
    """

    last_bin: Tensor
    first_row: Tensor

    def __init__(self, bins: list[int], sizes: list[int], width: int, dropout: float) -> None:
        super().__init__()
        self.dropout = dropout
        self.register_buffer("last_bin", torch.tensor(bins, dtype=torch.float32), persistent=False)
        self.register_buffer("first_row", torch.tensor([0, *sizes]).cumsum(0)[:-1], persistent=False)
        features = max(bins, default=0) + 1
        self.slopes = nn.Parameter(torch.randn(len(bins), features, width) / features**0.5)
        self.bias = nn.Parameter(torch.randn(len(bins), width) * 0.02)
        self.empty = nn.Parameter(torch.randn(len(bins), width) * 0.02)
        self.categories = nn.Embedding(max(sum(sizes), 1), width)

    def forward(self, positions: Tensor, codes: Tensor) -> Tokens:
        """Tokens [items, columns, width] of positions [items, numeric] and codes int64 [items, categorical]."""
        if self.training:
            positions = positions.masked_fill(torch.rand_like(positions) < self.dropout, float("nan"))
            codes = codes.masked_fill(torch.rand(codes.shape, device=codes.device) < self.dropout, 0)
        numbers = torch.einsum("inf,nfw->inw", self._shares(positions.nan_to_num()), self.slopes) + self.bias
        cells = torch.where(positions.isnan()[..., None], self.empty, numbers)
        return Tokens(torch.cat([cells, self.categories(codes + self.first_row)], dim=1))

    def _shares(self, positions: Tensor) -> Tensor:
        """The share passed of each bin, and how far outside all bins: [items, numeric, bins + 1]."""
        inside = positions.clamp(min=0).minimum(self.last_bin)
        bins = torch.arange(self.slopes.shape[1] - 1, device=positions.device)
        shares = (inside[..., None] - bins).clamp(0, 1)
        return torch.cat([shares, (positions - inside)[..., None]], dim=-1)


def _numbers(column: np.ndarray, name: str) -> np.ndarray:
    """A column as float64 [objects], empty cells NaN; dates become days."""
    if column.dtype.kind == "M":
        days = column.astype("datetime64[us]").astype(np.float64) / 86_400e6
        return np.where(np.isnat(column), np.nan, days)
    if column.dtype.kind in "fiub" and column.ndim == 1:
        numbers = column.astype(np.float64)
        infinite = np.flatnonzero(np.isinf(numbers))
        if infinite.size:
            raise _not_finite(column[infinite[0]], int(infinite[0]), name)
        return numbers
    numbers = np.full(len(column), np.nan)
    for row, cell in enumerate(column):
        if is_missing(cell):
            continue
        if not isinstance(cell, (int, float, np.number, np.bool_)) or not np.isfinite(cell):
            raise _not_finite(cell, row, name)
        numbers[row] = cell
    return numbers


def _not_finite(cell: Any, row: int, name: str) -> InputError:
    return InputError(
        want="a finite number",
        got=shown(cell),
        where=f"row {row} (counted from 0), column {name!r}",
        fix="Convert the column to numbers, or declare it as categorical or Text.",
    )


def _category(cell: Any, row: int, name: str) -> str | None:
    if is_missing(cell):
        return None
    # Whole floats are integers of a column with gaps.
    if isinstance(cell, (float, np.floating)) and float(cell).is_integer():
        cell = int(cell)
    if isinstance(cell, (str, bool, np.bool_, int, np.integer)):
        # As text too they are the same: a CSV file has nothing else.
        text = str(cell)
        whole = WHOLE_FLOAT.fullmatch(text)
        return whole[1] if whole else TRUTH.get(text.lower(), text)
    raise InputError(
        want="a string, an integer or a boolean",
        got=shown(cell),
        where=f"row {row} (counted from 0), column {name!r}",
        fix="Convert the column to strings, or declare it as numeric.",
    )


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
