"""Precomputed vectors: sensor features, omics, embeddings of another model."""

from dataclasses import dataclass
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
from steradian.errors import InputError

__all__ = ["FittedVector", "Vector"]

TOKENS = 8
"""Tokens a vector is cut into; the first prototype's value, within noise of 4 and 16 on the shared sets."""
CHUNK = 1 << 20
"""Numbers brought to float64 at a time: 8 MiB."""


@dataclass(frozen=True)
class Vector(Modality):
    """One or several columns of numbers, each a scalar or a fixed-length vector, joined end to end.

    A row whose entries are all NaN or None lacks the modality.

    Args:
        columns: the columns to join.

    Example:
        >>> Vector("mrna", "age").columns
        ('mrna', 'age')
    """

    columns: tuple[str, ...]

    def __init__(self, *columns: str) -> None:
        object.__setattr__(self, "columns", columns)

    @classmethod
    def from_options(cls, options: Any) -> "Vector":
        """From a schema file's `columns`, a name or a list of names."""
        columns = options["columns"]
        return cls(*([columns] if isinstance(columns, str) else columns))

    def read(self, columns: Columns) -> ReadValues:
        """Join the columns to one matrix `values` float32 [objects, features].

        Raises:
            InputError: text, unequal lengths, infinite or partly missing vectors.
        """
        matrices = [_matrix(columns[name], name) for name in self.columns]
        matrix = matrices[0] if len(matrices) == 1 else np.concatenate(matrices, axis=1)
        where = f"columns {', '.join(self.columns)}"
        gaps = np.isnan(matrix).sum(axis=1)
        absent = gaps == matrix.shape[1]
        partly = np.flatnonzero((gaps > 0) & ~absent)
        if partly.size:
            raise InputError(
                want="a vector that is whole, or wholly NaN where it is missing",
                got=f"{gaps[partly[0]]} NaN of {matrix.shape[1]} entries",
                where=f"row {partly[0]} (counted from 0), {where}",
                fix="Fill the gaps, make the whole row NaN, or declare the columns as Tabular(numeric=[...]).",
            )
        infinite = np.flatnonzero(np.isinf(matrix).any(axis=1))
        if infinite.size:
            raise InputError(
                want="finite float32 numbers",
                got="an infinite or too large one",
                where=f"row {infinite[0]} (counted from 0), {where}",
                fix="Clip or remove it.",
            )
        return ReadValues({"values": matrix}, ~absent)

    def fit(self, values: Values) -> "FittedVector":
        """Learn each feature's mean and standard deviation."""
        matrix = values["values"]
        mean, std = _mean_and_std(matrix)
        largest = np.maximum(matrix.max(axis=0), -matrix.min(axis=0)).astype(np.float64)
        # A feature that is constant but for rounding carries nothing: divide it by 1, not by noise.
        constant = std <= 1e-7 * np.maximum(largest, 1e-30)
        return FittedVector(mean=mean.astype(np.float32), std=np.where(constant, 1.0, std).astype(np.float32))


@dataclass(frozen=True)
class FittedVector(FittedModality):
    """Means and standard deviations of the training rows.

    Args:
        mean: float32 [features].
        std: float32 [features]; 1 where a feature is constant.
    """

    mean: np.ndarray
    std: np.ndarray

    def prepare(self, values: Values, rows: np.ndarray) -> Items:
        """Standardise; see `FittedModality.prepare`."""
        matrix = values["values"]
        # A column without a single vector has no width of its own.
        if len(rows) and matrix.shape[1] != len(self.mean):
            raise InputError(
                want=f"vectors of {len(self.mean)} features, as in training",
                got=f"{matrix.shape[1]}",
                where=f"row {rows[0]} (counted from 0) and all others",
                fix="Give the same columns in the same order as when the model was fitted.",
            )
        standardised = matrix - self.mean
        standardised /= self.std
        return IndexedTensors({"values": torch.from_numpy(standardised)})

    def tokenizer(self, width: int, dropout: float) -> nn.Module:
        """A linear map to a few tokens behind input dropout."""
        return VectorTokenizer(len(self.mean), width, dropout)


class VectorTokenizer(nn.Module):
    """A vector as a few tokens, each a linear view of all features.

    Args:
        features: length of a vector.
        width: length of a token.
        dropout: share of features zeroed in training.
    """

    def __init__(self, features: int, width: int, dropout: float) -> None:
        super().__init__()
        self.width = width
        self.dropout = nn.Dropout(dropout)
        self.project = nn.Linear(features, TOKENS * width)

    def forward(self, values: Tensor) -> Tokens:
        """Tokens of values [items, features]."""
        return Tokens(self.project(self.dropout(values)).unflatten(1, (TOKENS, self.width)))


def _mean_and_std(matrix: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Each feature's mean and standard deviation in float64, without a float64 copy of the whole matrix."""
    rows = max(1, CHUNK // max(1, matrix.shape[1]))
    chunks = [slice(start, start + rows) for start in range(0, len(matrix), rows)]
    total, squares = np.zeros((2, matrix.shape[1]))
    for chunk in chunks:
        total += matrix[chunk].sum(axis=0, dtype=np.float64)
    mean = total / len(matrix)
    for chunk in chunks:
        squares += np.square(matrix[chunk] - mean).sum(axis=0)
    return mean, np.sqrt(squares / len(matrix))


def _matrix(column: np.ndarray, name: str) -> np.ndarray:
    """A column as float32 [objects, features], missing rows NaN."""
    if column.dtype != object:
        if column.dtype.kind not in "fiub":
            raise _not_numbers(str(column.dtype), 0, name, dates=column.dtype.kind == "M")
        matrix = column[:, None] if column.ndim == 1 else column.reshape(len(column), -1)
        return _to_float32(matrix)
    rows = [None if is_missing(value) else _vector(value, row, name) for row, value in enumerate(column)]
    widths = {len(row): i for i, row in enumerate(rows) if row is not None}
    if len(widths) > 1:
        (first, row), (second, other) = sorted(widths.items(), key=lambda entry: entry[1])[:2]
        raise InputError(
            want="vectors of one length",
            got=f"{first} entries in row {row} and {second} in row {other}",
            where=f"column {name!r} (rows counted from 0)",
            fix="Pad or cut them, or declare the column as Series if its length may vary.",
        )
    matrix = np.full((len(rows), next(iter(widths), 1)), np.nan, dtype=np.float32)
    for i, vector in enumerate(rows):
        if vector is not None:
            matrix[i] = vector
    return matrix


def _vector(value: Any, row: int, name: str) -> np.ndarray:
    try:
        array = np.asarray(value)
        if array.dtype.kind not in "fiubO":
            raise TypeError(f"{array.dtype} is no real number")
        return _to_float32(array).reshape(-1)
    except (TypeError, ValueError) as error:
        raise _not_numbers(shown(value), row, name) from error


def _to_float32(array: np.ndarray) -> np.ndarray:
    # Overflow becomes infinite here and is reported with its row by `read`.
    with np.errstate(over="ignore"):
        return array.astype(np.float32, copy=False)


def _not_numbers(got: str, row: int, name: str, *, dates: bool = False) -> InputError:
    text = 'Write lists in CSV as "[1, 2]"; declare text as Text or Tabular(categorical=[...]).'
    return InputError(
        want="numbers",
        got=got,
        where=f"row {row} (counted from 0), column {name!r}",
        fix=f"Declare dates as Tabular(numeric=[{name!r}])." if dates else text,
    )
