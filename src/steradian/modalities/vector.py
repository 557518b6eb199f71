"""Precomputed vectors: sensor features, omics, embeddings of another model."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import prod
from typing import TYPE_CHECKING, Any, Literal, get_args

import numpy as np

from steradian.data.columns import to_objects
from steradian.data.modality import (
    Columns,
    FittedModality,
    IndexedArrays,
    Items,
    Modality,
    ReadValues,
    Values,
    is_missing,
    listed,
    shown,
)
from steradian.data.sets import ItemCells
from steradian.data.shown import Shown, short_list, short_number
from steradian.errors import ConfigError, InputError
from steradian.misspelt import telling_of_misspelt
from steradian.modalities.kernel_features import KernelFeatures

if TYPE_CHECKING:
    from torch import nn

__all__ = ["FittedVector", "Vector", "to_float"]

SHOWN = 3
"""Numbers that people see."""
FARTHEST = 1e6
"""Standard deviations from the mean at most: from 1e19 on, squares within the model would overflow."""
EXACT = 1e4
"""From here on numbers stay float64 until they are centered: float32 has 7 digits."""
CENTERED = 1 << 15
"""Numbers centered in float64 at a time: 256 KiB, which a cache holds."""
CHUNK = 1 << 20
"""Numbers brought to float64 at a time: 8 MiB."""


Gaps = Literal["mean", "mask"]
"""What becomes of vectors with gaps."""


@telling_of_misspelt
@dataclass(frozen=True)
class Vector(Modality):
    """One or several columns of numbers, each a scalar or a fixed-length vector, joined end to end.

    A row whose entries are all NaN or None lacks the modality. In a single column a cell may hold several vectors, as a
    list or an array [vectors, features]: a set of any size, whose order has no meaning.

    Args:
        names: the columns to join.
        columns: further ones, one name or a list, as a schema file has them.
        gaps: what becomes of vectors that have some of their entries: "mean" puts the training mean in a gap, "mask"
            also gives each entry a second one that says whether it was there; None refuses them.

    Raises:
        ConfigError: another word for `gaps`.

    Examples:
        >>> Vector("mrna", "age").columns, Vector(columns=["mrna", "age"]) == Vector("mrna", "age")
        (('mrna', 'age'), True)
    """

    columns: tuple[str, ...]
    gaps: Gaps | None = None

    def __init__(self, *names: str, columns: str | Sequence[str] = (), gaps: Gaps | None = None) -> None:
        object.__setattr__(self, "columns", (*names, *([columns] if isinstance(columns, str) else columns)))
        object.__setattr__(self, "gaps", gaps)
        if gaps not in (None, *get_args(Gaps)):
            raise ConfigError('"mean", "mask" or None', repr(gaps), "Vector, gaps", 'Write for example gaps="mean".')

    def shown(self, values: Mapping[str, Any], cells: Mapping[str, Any]) -> Shown:
        """How many numbers it has, and the first of them."""
        numbers = values["values"]
        if numbers.ndim == 2:
            return Shown(f"{len(numbers):,} vectors of {numbers.shape[1]:,} numbers")
        count = f"{len(numbers):,} numbers"
        return Shown(f"{count}: {short_list(map(short_number, numbers), SHOWN)}", brief=count)

    def read(self, columns: Columns) -> ReadValues:
        """Join the columns to one matrix `values` [objects, features] of floats, or an object array of sets of vectors.

        Raises:
            InputError: text, unequal lengths, infinite or partly missing vectors.
        """
        where = f"columns {listed(self.columns)}"
        if len(self.columns) == 1 and (cells := _sets(columns[self.columns[0]])) is not None:
            return _read_sets(ItemCells.of(cells), self.columns[0], where, self.gaps)
        matrices = [_matrix(columns[name], name, np.arange(len(columns[name]))) for name in self.columns]
        matrix = matrices[0] if len(matrices) == 1 else np.concatenate(matrices, axis=1)
        owners = [(name, part.shape[1]) for name, part in zip(self.columns, matrices, strict=True)]
        present = _present(matrix, where, np.arange(len(matrix)), owners, gaps=self.gaps)
        return ReadValues({"values": _with_mask(matrix) if self.gaps == "mask" else matrix}, present)

    def fit(self, values: Values) -> "FittedVector":
        """Learn each feature's mean and standard deviation."""
        matrix = _all_vectors(values["values"])
        if self.gaps is not None:
            return _fitted_beside_gaps(matrix)
        mean, std = _mean_and_std(matrix)
        largest = np.maximum(matrix.max(axis=0), -matrix.min(axis=0)).astype(np.float64)
        return _fitted(mean, std, largest, matrix.dtype)


@dataclass(frozen=True)
class FittedVector(FittedModality):
    """Means and standard deviations of the training rows.

    Args:
        mean: float64 [features].
        std: float64 [features]; 1 where a feature is constant.
    """

    mean: np.ndarray
    std: np.ndarray

    def prepare(self, values: Values, rows: np.ndarray) -> Items:
        """Standardise; see `FittedModality.prepare`."""
        sets = values["values"]
        matrix = _all_vectors(sets)
        # A column without a single vector has no width of its own.
        if len(rows) and matrix.shape[1] != len(self.mean):
            raise InputError(
                want=f"vectors of {len(self.mean)} features, as in training",
                got=f"{matrix.shape[1]}",
                where=f"row {rows[0]} (counted from 0) and all others",
                fix="Give the same columns in the same order as when the model was fitted.",
            )
        standardised = np.empty(matrix.shape, dtype=np.float32)
        step = max(1, CENTERED // max(1, matrix.shape[1]))
        for start in range(0, len(matrix), step):
            exact = (matrix[start : start + step] - self.mean) / self.std
            # Where there is a gap, and gaps are allowed.
            exact[np.isnan(exact)] = 0.0
            standardised[start : start + step] = exact.clip(-FARTHEST, FARTHEST)
        items = IndexedArrays({"values": standardised})
        if sets.dtype != object:
            return items
        return ItemCells(matrix, np.array([len(vectors) for vectors in sets], dtype=np.int64)).grouped(items)

    def feature_inputs(self, items: Items, rows: np.ndarray) -> np.ndarray:
        """Standardised rows float32 [rows, features]."""
        return items(rows)["values"]

    def feature_map(self, inputs: np.ndarray, *, most: int, novel: bool) -> KernelFeatures:
        """Four kernels."""
        return KernelFeatures.fit(inputs, offset=self.mean, factor=self.std, most=most)

    def tokenizer(self, width: int, dropout: float) -> "nn.Module":
        """A linear map to a few tokens behind input dropout."""
        from steradian.modalities.vector_tokenizer import VectorTokenizer

        return VectorTokenizer(len(self.mean), width, dropout)


def _fitted(mean: np.ndarray, std: np.ndarray, largest: np.ndarray, kind: np.dtype[Any]) -> FittedVector:
    # A feature that is constant but for rounding carries nothing: divide it by 1, not by noise.
    rounding = 1e-7 if kind == np.float32 else 1e-14
    constant = std <= rounding * np.maximum(largest, 1e-30)
    return FittedVector(mean=mean, std=np.where(constant, 1.0, std))


def _fitted_beside_gaps(matrix: np.ndarray) -> FittedVector:
    """The same of the entries that are there; a feature that no vector has is 0."""
    known = ~np.isnan(matrix)
    number = np.maximum(known.sum(axis=0), 1)
    mean = np.where(known, matrix, 0.0).sum(axis=0, dtype=np.float64) / number
    deviations = np.where(known, matrix - mean, 0.0)
    largest = np.abs(np.where(known, matrix, 0.0)).max(axis=0).astype(np.float64)
    return _fitted(mean, np.sqrt(np.square(deviations).sum(axis=0) / number), largest, matrix.dtype)


def _with_mask(matrix: np.ndarray) -> np.ndarray:
    """The vectors, and behind them 1 for each entry that is there [vectors, 2 x features]."""
    return np.concatenate([matrix, ~np.isnan(matrix)], axis=1, dtype=matrix.dtype)


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


def _sets(column: np.ndarray) -> np.ndarray | None:
    """A column's cells with each set of vectors as a list; None where no cell is a set."""
    if column.dtype != object:
        return to_objects(list(cell) for cell in column) if column.ndim == 3 else None
    sets = [_is_set(cell) for cell in column]
    if not any(sets):
        return None
    return to_objects(list(cell) if several else [cell] for cell, several in zip(column, sets, strict=True))


def _is_set(cell: Any) -> bool:
    if isinstance(cell, np.ndarray):
        return cell.ndim == 2
    try:
        return isinstance(cell, (list, tuple)) and all(item is None or np.ndim(item) == 1 for item in cell)
    except (ValueError, TypeError):
        # Lists of several lengths, of very many axes or of what numpy does not know are no vectors; `_vector` says so.
        return False


def _read_sets(cells: ItemCells, name: str, where: str, gaps: Gaps | None) -> ReadValues:
    rows = cells.rows(np.arange(len(cells.items) if cells.sizes is None else len(cells.sizes)))
    matrix = _matrix(cells.items, name, rows)
    known = _present(matrix, where, rows, [(name, matrix.shape[1])], gaps=gaps)
    matrix = _with_mask(matrix) if gaps == "mask" else matrix
    sizes = np.ones(len(rows), dtype=np.int64) if cells.sizes is None else cells.sizes
    ends = np.cumsum(sizes)
    places = [slice(end - size, end) for end, size in zip(ends, sizes, strict=True)]
    sets = to_objects(matrix[place][known[place]] for place in places)
    return ReadValues({"values": sets}, np.array([len(vectors) > 0 for vectors in sets]))


def _all_vectors(values: np.ndarray) -> np.ndarray:
    """One matrix [vectors, features] of rows that are vectors or sets of them."""
    if values.dtype != object:
        return values
    return np.concatenate(list(values)) if len(values) else np.zeros((0, 1), dtype=np.float32)


def _present(
    matrix: np.ndarray, where: str, rows: np.ndarray, owners: list[tuple[str, int]], *, gaps: Gaps | None
) -> np.ndarray:
    """Which vectors [vectors] are there; refuses those that are partly. Owners are the columns and their widths."""
    empty = np.isnan(matrix).sum(axis=1)
    absent = empty == matrix.shape[1]
    partly = np.flatnonzero((empty > 0) & ~absent)
    if partly.size and gaps is None:
        raise InputError(
            want="a vector that is whole, or wholly NaN where it is missing",
            got=f"{empty[partly[0]]} NaN of {matrix.shape[1]} entries, {_first(np.isnan(matrix[partly[0]]), owners)}",
            where=f"row {rows[partly[0]]} (counted from 0), {where}",
            fix='Write gaps="mean" or gaps="mask", make the whole row NaN, or declare Tabular(numeric=[...]).',
        )
    infinite = np.flatnonzero(np.isinf(matrix).any(axis=1))
    if infinite.size:
        raise InputError(
            want="finite float32 numbers",
            got=f"an infinite or too large one, {_first(np.isinf(matrix[infinite[0]]), owners)}",
            where=f"row {rows[infinite[0]]} (counted from 0), {where}",
            fix="Clip or remove it.",
        )
    present: np.ndarray = ~absent
    return present


def _first(faulty: np.ndarray, owners: list[tuple[str, int]]) -> str:
    """Where the first faulty entry of a vector [features] comes from."""
    place = int(np.argmax(faulty))
    ends = np.cumsum([width for _, width in owners])
    name, width = owners[owner := int(np.searchsorted(ends, place, side="right"))]
    several = f", entry {place - ends[owner] + width} (counted from 0)" if width > 1 else ""
    return f"the first in column {name!r}{several}"


def _matrix(column: np.ndarray, name: str, rows: np.ndarray) -> np.ndarray:
    """A column as floats [vectors, features], missing ones NaN; rows are the vectors' row numbers, for messages."""
    if column.dtype != object:
        if column.dtype.kind not in "fiub":
            raise _not_numbers(str(column.dtype), 0, name, dates=column.dtype.kind == "M")
        # Of no rows numpy cannot tell the width.
        matrix = column.reshape(len(column), prod(column.shape[1:]))
        return to_float(matrix)
    vectors = [None if is_missing(v) else _vector(v, row, name) for v, row in zip(column, rows.tolist(), strict=True)]
    widths: dict[int, int] = {}
    for vector, row in zip(vectors, rows.tolist(), strict=True):
        if vector is not None:
            widths.setdefault(len(vector), row)
    if len(widths) > 1:
        (first, row), (second, other) = list(widths.items())[:2]
        raise InputError(
            want="vectors of one length",
            got=f"{first} entries in row {row} and {second} in row {other}",
            where=f"column {name!r} (rows counted from 0)",
            fix="Pad or cut them, or declare the column as Series if its length may vary.",
        )
    exact = any(vector is not None and vector.dtype == np.float64 for vector in vectors)
    kind = np.float64 if exact else np.float32
    matrix = np.full((len(vectors), next(iter(widths), 1)), np.nan, dtype=kind)
    for i, vector in enumerate(vectors):
        if vector is not None:
            matrix[i] = vector
    return matrix


def _vector(value: Any, row: int, name: str) -> np.ndarray | None:
    """A cell as floats [features]; None where it holds nothing, whatever its length."""
    try:
        array = np.asarray(value)
        if array.dtype.kind not in "fiubO":
            raise TypeError(f"{array.dtype} is no real number")
        vector = to_float(array).reshape(-1)
    except (TypeError, ValueError, OverflowError) as error:
        raise _not_numbers(shown(value), row, name) from error
    return None if np.isnan(vector).all() else vector


def to_float(array: np.ndarray) -> np.ndarray:
    """Real numbers as float32, or float64 where float32 would not tell them apart, such as Unix seconds.

    Args:
        array: of any shape; what is too large for float32 becomes infinite.

    Examples:
        >>> to_float(np.array([1, 2])).dtype, to_float(np.array([1_700_000_000, 0], dtype=np.int32)).dtype
        (dtype('float32'), dtype('float64'))
    """
    with np.errstate(over="ignore", invalid="ignore"):
        narrow = array.astype(np.float32, copy=False)
        fits = array.dtype.itemsize <= (4 if array.dtype.kind == "f" else 2)
        if fits or not np.isfinite(narrow).any() or np.isinf(narrow).any():
            return narrow
        return array.astype(np.float64) if np.nanmax(np.abs(narrow)) > EXACT else narrow


def _not_numbers(got: str, row: int, name: str, *, dates: bool = False) -> InputError:
    text = 'Write lists in CSV as "[1, 2]"; declare text as Text or Tabular(categorical=[...]).'
    return InputError(
        want="numbers",
        got=got,
        where=f"row {row} (counted from 0), column {name!r}",
        fix=f"Declare dates as Tabular(numeric=[{name!r}])." if dates else text,
    )
