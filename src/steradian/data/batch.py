"""From a table of objects to batches of arrays, holding only what is present."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import numpy as np

from steradian.data.closed_form import ClosedForm
from steradian.data.modality import FittedModality, Items, Values, listed
from steradian.data.objects import ObjectTable
from steradian.data.samplers import Windows
from steradian.data.stored_rows import StoredValues
from steradian.errors import InputError

__all__ = ["Batch", "PreparedObjects", "Preprocessor"]

DRAWN = 1 << 17
"""Rows at most from which a modality learns where rows stay on disk."""


@dataclass(frozen=True)
class Batch:
    """Some objects as arrays; `steradian.model.TensorBatch` is the same for torch.

    Args:
        items: for each modality, the arrays of the objects that have it, in the objects' order.
        present: bool [objects, modalities].
        labels: int64 [objects], or None.
        closed: the closed form's vectors float32 [objects, modalities, embedding_dim], or None.
        weights: of the objects' losses float32 [objects], or None.
    """

    items: dict[str, dict[str, np.ndarray]]
    present: np.ndarray
    labels: np.ndarray | None = None
    closed: np.ndarray | None = None
    weights: np.ndarray | None = None


class PreparedObjects:
    """A table ready to be cut into batches.

    Args:
        items: for each modality, the prepared values of the objects that have it.
        present: bool [objects, modalities].
        labels: class numbers int64 [objects], or None.
        closed: the closed form's vectors float32 [objects, modalities, embedding_dim], or None.
        windows: how the rows are to be shuffled where they stay on disk; None: at will.
        weights: of the objects [objects], or None.
    """

    def __init__(
        self,
        items: Mapping[str, Items],
        present: np.ndarray,
        labels: np.ndarray | None = None,
        closed: np.ndarray | None = None,
        windows: Windows | None = None,
        weights: np.ndarray | None = None,
    ) -> None:
        self.items = items
        self.windows = windows
        self.present = present
        self.labels = labels
        self.closed = closed
        self.weights = None if weights is None else weights.astype(np.float32)
        # The n-th object that has a modality is the n-th of its items.
        self._item_numbers = present.cumsum(axis=0) - 1

    def __len__(self) -> int:
        return len(self.present)

    def rows(self, rows: np.ndarray) -> "PreparedObjects":
        """These objects, as a view: nothing is copied but what says which they are."""
        items = {
            name: _chosen_items(values, self._item_numbers[rows[self.present[rows, m]], m])
            for m, (name, values) in enumerate(self.items.items())
        }
        windows = None if self.windows is None else self.windows.at(rows)
        labels, closed, weights = self._chosen(rows)
        return PreparedObjects(items, self.present[rows], labels, closed, windows, weights)

    def item_numbers(self, rows: np.ndarray, modality: int) -> np.ndarray:
        """Where the items of these rows, which have it, stand among a modality's items."""
        numbers: np.ndarray = self._item_numbers[rows, modality]
        return numbers

    def batch(self, rows: np.ndarray, *, items: bool = True) -> Batch:
        """These rows as arrays; without `items` only what the closed form says of them."""
        present, numbers = self.present[rows], self._item_numbers[rows]
        values = self.items.items() if items else ()
        cut = {name: each(numbers[present[:, m], m]) for m, (name, each) in enumerate(values)}
        return Batch(cut, present, *self._chosen(rows))

    def _chosen(self, rows: np.ndarray) -> Iterator[np.ndarray | None]:
        """The labels, closed form and weights of these rows."""
        return (None if each is None else each[rows] for each in (self.labels, self.closed, self.weights))


@dataclass(frozen=True)
class Preprocessor:
    """What all modalities learnt from training rows; turns tables into prepared objects.

    Args:
        modalities: the fitted modalities by name, in the order of the schema.
        closed_form: what the fixed features of the training rows gave; None before or without it.

    Examples:
        >>> import steradian as sr
        >>> table = {"title": ["red shoe", "blue shoe"], "label": ["a", "b"]}
        >>> objects = sr.read_objects(table, sr.Schema({"title": sr.Text("title")}))
        >>> prepared = Preprocessor.fit(objects).prepare(objects)
        >>> prepared.batch(np.array([0])).present
        array([[ True]])
    """

    modalities: Mapping[str, FittedModality]
    closed_form: ClosedForm | None = None

    @classmethod
    def fit(cls, objects: ObjectTable) -> "Preprocessor":
        """Learn from the rows of a table that have each modality.

        Of rows that stay on disk at most 131,072 that have it take part, and no more than fit a window, always the same
        random ones.

        Raises:
            InputError: a modality that no row has.
        """
        fitted = {}
        for m, (name, modality) in enumerate(objects.schema.modalities.items()):
            present = objects.present[:, m]
            if not present.any():
                raise InputError(
                    want="at least one training object that has each modality",
                    got="none of these training rows",
                    where=f"modality {name!r} (columns {listed(modality.columns)})",
                    fix="Check its columns, or leave the modality out of the schema. If other rows of the table "
                    "have it, they were held out or are in another fold: give more rows that have it.",
                )
            if objects.stored is None:
                fitted[name] = modality.fit(_at(present, objects.values[name]))
            else:
                fitted[name] = modality.fit(objects[_drawn(present, objects.stored.window)].values[name])
        return cls(fitted)

    def prepare(self, objects: ObjectTable, labels: np.ndarray | None = None) -> PreparedObjects:
        """Bring a table to its compact form.

        Args:
            objects: a table of the same schema.
            labels: class numbers int64 [objects], for training.

        Raises:
            InputError: a value that does not fit what was learnt, with its row and column.
        """
        items, present = {}, []
        names = list(objects.schema.modalities)
        for name, fitted in self.modalities.items():
            has = objects.present[:, names.index(name)]
            items[name] = fitted.prepare(_at(has, objects.values[name]), objects.rows[has])
            present.append(has)
        has_any = np.stack(present, axis=1)
        closed = None if self.closed_form is None else self.closed_form.vectors(self.modalities, items, has_any)
        return PreparedObjects(items, has_any, labels, closed, weights=objects.weights)

    def prepare_stored(self, objects: ObjectTable, labels: np.ndarray | None) -> PreparedObjects:
        """A table whose rows stay on disk: each batch is read and prepared when it is cut, without the closed form.

        Args:
            objects: such a table of the same schema.
            labels: class numbers int64 [objects], or None.
        """
        if objects.stored is None or not isinstance(objects.values, StoredValues):
            raise ValueError("rows that stay on disk are needed")
        places = [list(objects.schema.modalities).index(name) for name in self.modalities]
        items = {
            name: _StoredItems(fitted, objects, name, place, np.flatnonzero(objects.present[:, place]))
            for (name, fitted), place in zip(self.modalities.items(), places, strict=True)
        }
        windows = Windows(objects.stored.row_groups(objects.values.places), objects.stored.window)
        return PreparedObjects(items, objects.present[:, places], labels, windows=windows, weights=objects.weights)


@dataclass(frozen=True)
class _StoredItems:
    """Items of rows that stay on disk.

    Args:
        fitted: prepares them.
        objects: the table.
        name: of the modality.
        place: of the modality in the table's schema.
        holders: the rows that have it, int64 [items].
    """

    fitted: FittedModality
    objects: ObjectTable
    name: str
    place: int
    holders: np.ndarray

    def __call__(self, rows: np.ndarray) -> dict[str, np.ndarray]:
        # Of no rows the first object shows what arrays there are.
        part = self.objects[self.holders[rows] if len(rows) else slice(0, 1)]
        has = part.present[:, self.place]
        items = self.fitted.prepare(_at(has, part.values[self.name]), part.rows[has])
        return items(np.arange(len(rows)))


def _drawn(present: np.ndarray, window: int) -> np.ndarray:
    """Rows that have a modality, in order: all, or random ones."""
    holders, most = np.flatnonzero(present), min(DRAWN, window)
    if len(holders) <= most:
        return holders
    return np.sort(np.random.default_rng(0).choice(holders, most, replace=False))


def _chosen_items(items: Items, numbers: np.ndarray) -> Items:
    """Some of the items, under new numbers."""
    return lambda rows: items(numbers[rows])


def _at(present: np.ndarray, values: Mapping[str, np.ndarray]) -> Values:
    """The values of the rows that have the modality; the very arrays, not copies, where all rows do."""
    return {key: array if present.all() else array[present] for key, array in values.items()}
