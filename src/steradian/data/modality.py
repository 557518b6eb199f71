"""What one modality must provide. Each file of `modalities/` fulfils it for one kind of raw value.

A modality passes through three forms:

1. `Modality`: what the user declares (which columns, how to read them). Immutable, written in the schema.
2. `FittedModality`: what was learnt from training rows (means, vocabularies, widths). Saved with the model.
3. a tokenizer: the torch module that turns prepared arrays, as tensors, into tokens [items, tokens, width].

Torch begins at the tokenizer: the first two forms, and the closed form, are numpy alone.
"""

from abc import ABC, abstractmethod
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from inspect import signature
from typing import TYPE_CHECKING, Any, ClassVar, Protocol

import numpy as np

from steradian.data.shown import Shown
from steradian.data.sparse_rows import SparseRows

if TYPE_CHECKING:
    from torch import Tensor, nn

Columns = Mapping[str, np.ndarray]
"""Raw columns by name, each with one entry a row: numeric arrays (first axis rows) or arrays of Python objects."""

Values = dict[str, np.ndarray]
"""A modality's values as read from its columns: arrays whose first axis is rows."""

WHOLE_FLOATS: dict[Any, int] = {np.float16: 2**11, np.float32: 2**24}
"""From here on a float of fewer bits than 64 leaves integers out."""


@dataclass(frozen=True)
class ReadValues:
    """A modality's checked values and the rows that have it.

    Args:
        values: arrays by name, first axis rows; what stands in an absent row has no meaning.
        present: bool [objects].
    """

    values: Values
    present: np.ndarray


class Modality(ABC):
    """A user's declaration of one modality; subclasses are frozen dataclasses, one a file of `modalities/`.

    Attributes:
        columns: the names of the columns it reads.
        holds_paths: whether text in its columns names files; then `read_objects` looks for
            them beside the table's file.
        holds_lists: whether a list of texts in a cell means several items; a CSV cell
            writes it as a JSON list.
        query_option: the option of `steradian search` that fills its only column, or None.
        is_picture: whether people see it as a picture.
    """

    columns: tuple[str, ...]
    holds_paths: ClassVar[bool] = False
    holds_lists: ClassVar[bool] = False
    query_option: ClassVar[str | None] = None
    is_picture: ClassVar[bool] = False

    @property
    def text_columns(self) -> tuple[str, ...]:
        """Those of its columns that it reads as text; a CSV file, which has no types, leaves them as written."""
        return ()

    @classmethod
    def from_options(cls, options: Mapping[str, Any]) -> "Modality":
        """The modality as a schema file writes it: its own arguments by name."""
        return cls(**options)

    def shown(self, values: Mapping[str, Any], cells: Mapping[str, Any]) -> Shown:
        """How the report shows an object that has it.

        Args:
            values: the object's own of what `read` returned, by name.
            cells: its raw cells by column.
        """
        return Shown(type(self).__name__.lower())

    def as_code(self) -> str:
        """The call that makes it again, for the report: its columns, and the arguments that are no defaults."""
        parameters = signature(type(self)).parameters
        given = {
            name: getattr(self, name)
            for name, parameter in parameters.items()
            if name not in {"columns", "column"} and hasattr(self, name) and getattr(self, name) != parameter.default
        }
        # A column that has an argument of its own is no other one.
        own = [repr(column) for column in self.columns if column not in given.values()]
        return f"{type(self).__name__}({', '.join([*own, *(f'{name}={value!r}' for name, value in given.items())])})"

    @abstractmethod
    def read(self, columns: Columns) -> ReadValues:
        """Check the raw columns and bring them to arrays; None and NaN mean missing.

        Raises:
            InputError: a value of the wrong type or shape, with its row and column.
        """

    def probe(self, item: Any) -> None:  # noqa: B027
        """Try one item that `read` lets pass unseen, for on_error="missing"; here nothing is left to try.

        Modalities that decode their items in `FittedModality.prepare` decode it once and let go of it. May be called by
        several threads at a time.

        Args:
            item: as it stands in a cell, or in a list that is a cell.

        Raises:
            InputError: it cannot be decoded.
        """

    @abstractmethod
    def fit(self, values: Values) -> "FittedModality":
        """Learn sizes and statistics from training rows that have the modality."""


class Items(Protocol):
    """A table's prepared values of one modality: kept compact, turned into arrays a batch at a time."""

    def __call__(self, rows: np.ndarray) -> dict[str, np.ndarray]:
        """The arrays of these rows (indices into the prepared values), named as the tokenizer's forward takes them."""
        ...


class FeatureMap(ABC):
    """A fixed map from a modality's values to numbers whose inner products say how alike two of them are.

    Nothing in it is learnt by gradients, and of labels no more than `column_weights`; numpy alone applies it.
    Subclasses are dataclasses of numbers, strings, lists and arrays, which is how they are saved.
    """

    @abstractmethod
    def __call__(self, inputs: Any) -> "np.ndarray | SparseRows":
        """Features [items, features] of what `FittedModality.feature_inputs` gives; a row knows no other row."""

    def folded(self, matrix: np.ndarray) -> "tuple[FeatureMap, np.ndarray]":
        """A map and a matrix with the same product as this map's features and a matrix [features, outputs]."""
        return self, matrix

    def column_weights(self, inputs: Any, targets: np.ndarray, *, turns: int) -> np.ndarray | None:
        """How much distances along each column of the inputs should count; None where all columns are alike to the map.

        Args:
            inputs: of training rows [rows, columns].
            targets: what is to be told of them [rows, outputs].
            turns: times that weights are learnt anew from what the last ones see, at least 1.
        """
        return None

    def weighed(self, weights: np.ndarray) -> "FeatureMap":
        """The map with such weights of columns; called only where `column_weights` gave some."""
        raise NotImplementedError

    def inner_products(self, inputs: Any, weights: np.ndarray) -> np.ndarray:
        """Of such a map's features of each two of the inputs, float32 [rows, rows], but for what landmarks lose."""
        raise NotImplementedError


class FittedModality(ABC):
    """What a modality learnt from training rows; subclasses are dataclasses of numbers, strings, lists and arrays.

    Its fields are all that is saved: arrays beside the weights, everything else as JSON.
    """

    @abstractmethod
    def prepare(self, values: Values, rows: np.ndarray) -> Items:
        """Bring the values to the compact form from which batches are cut.

        Args:
            values: what `Modality.read` returned, present rows only.
            rows: the row numbers in the user's table, for messages.

        Raises:
            InputError: a value that does not fit what was learnt, with its row and column.
        """

    @abstractmethod
    def tokenizer(self, width: int, dropout: float) -> "nn.Module":
        """The module that turns a batch of items into `Tokens`; its file is imported here, since it needs torch."""

    def feature_inputs(self, items: Items, rows: np.ndarray) -> Any:
        """What the feature map sees of prepared items.

        Args:
            items: what `prepare` returned, or the single items of its sets.
            rows: which of them, int64 [rows].
        """
        return items(rows)

    def feature_map(self, inputs: Any, *, most: int, novel: bool) -> FeatureMap | None:
        """The fixed features of the closed form, fitted on training items; None where a modality has none.

        Args:
            inputs: `feature_inputs` of training items, at least one.
            most: training rows to compare others with, for maps that do so.
            novel: what training never met must count too, since new classes are to be found in a small table.
        """
        return None


@dataclass(frozen=True)
class Tokens:
    """A batch of items as tokens.

    Args:
        values: float [items, tokens, width].
        mask: bool [items, tokens], True where a token is real; None when all are.
    """

    values: "Tensor"
    mask: "Tensor | None" = None


@dataclass(frozen=True)
class IndexedArrays:
    """The plainest `Items`: arrays with one entry a row, cut by indexing."""

    arrays: Mapping[str, np.ndarray]

    def __call__(self, rows: np.ndarray) -> dict[str, np.ndarray]:
        """These rows of every array."""
        return {name: array.take(rows, axis=0) for name, array in self.arrays.items()}


def is_missing(value: Any) -> bool:
    """True for None, NaN, NaT and pandas' NA: the ways a table says that a cell is empty."""
    if value is None:
        return True
    if isinstance(value, (float, np.floating)):
        return bool(np.isnan(value))
    if isinstance(value, (np.datetime64, np.timedelta64)):
        return bool(np.isnat(value))
    return type(value).__name__ in {"NAType", "NaTType"}


def is_told_apart(number: Any) -> bool:
    """True where a float tells an integer from its neighbors, below 2**53, or less with fewer bits.

    Examples:
        >>> is_told_apart(2.0**53), is_told_apart(np.float32(2**24)), is_told_apart(-5.0)
        (False, False, True)
    """
    return bool(abs(number) < WHOLE_FLOATS.get(type(number), 2**53))


def is_url(value: Any) -> bool:
    """True for text that names a place on the web or holds the data itself, and so no file."""
    return isinstance(value, str) and ("://" in value or value.startswith("data:"))


def listed(names: Iterable[str], most: int = 5) -> str:
    """What a message shows of many names: the first ones, and how many more there are.

    Examples:
        >>> listed("abcdefg")
        'a, b, c, d, e and 2 more'
    """
    names = list(names)
    return ", ".join(names[:most]) + (f" and {len(names) - most:,} more" if len(names) > most else "")


def shown(value: Any) -> str:
    """What a message shows of a value: its type and its beginning, on one line.

    Examples:
        >>> shown(np.float64(7.5))
        'float 7.5'
    """
    if isinstance(value, np.generic) and value.dtype.kind not in "mM":
        value = value.item()
    try:
        beginning = f"{value!r}"
    except RecursionError:
        beginning = "nested too deep to be shown"
    return " ".join(f"{type(value).__name__} {beginning}".split())[:80]
