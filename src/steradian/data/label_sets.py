"""Several labels an object: a tuple of names for each, empty where an object has none."""

from collections import Counter
from itertools import chain
from typing import Any

import numpy as np

from steradian.data.checks import to_names
from steradian.data.columns import to_column, to_objects
from steradian.data.modality import shown
from steradian.errors import ConfigError, InputError, warn_user

__all__ = [
    "are_several",
    "class_names",
    "given_sets",
    "holds_lists",
    "label_cells",
    "owned_classes",
    "strata",
    "to_labels",
]

_LISTS = list, tuple, set, frozenset, np.ndarray


def are_several(labels: np.ndarray) -> bool:
    """Whether each object has a tuple of labels in place of one.

    Args:
        labels: as `to_labels` gives them [objects].

    Examples:
        >>> are_several(to_labels(label_cells(to_column([["a", "b"], []], "tags")), np.arange(2), name="tags"))
        True
    """
    return labels.dtype == object and len(labels) > 0 and isinstance(labels[0], tuple)


def class_names(labels: np.ndarray) -> np.ndarray:
    """The different names in labels, sorted [num_classes].

    Args:
        labels: one or several an object [objects].

    Examples:
        >>> class_names(np.array(["b", "a", "b"]))
        array(['a', 'b'], dtype='<U1')
    """
    return np.unique(np.array([*chain.from_iterable(labels)]) if are_several(labels) else labels)


def owned_classes(labels: np.ndarray, classes: np.ndarray) -> np.ndarray:
    """Which of the classes objects have, bool [objects, num_classes]; labels that are none of them are left out.

    Args:
        labels: several an object [objects].
        classes: names [num_classes].

    Examples:
        >>> labels = to_labels(np.array([["a", "c"], []], object), np.arange(2), name="tags")
        >>> owned_classes(labels, np.array(["a", "b"]))
        array([[ True, False],
               [False, False]])
    """
    places = {name: place for place, name in enumerate(classes.tolist())}
    own = np.zeros((len(labels), len(classes)), dtype=bool)
    for row, names in enumerate(labels):
        own[row, [places[name] for name in names if name in places]] = True
    return own


def strata(labels: np.ndarray, *, unseen: bool = False) -> np.ndarray:
    """By what a split draws, int64 [objects]: the class, or where there are several the rarest that the object has.

    Args:
        labels: one or several an object [objects].
        unseen: whether whole classes are drawn.

    Raises:
        ConfigError: whole classes of several an object.

    Examples:
        >>> strata(np.array(["b", "a", "b"]))
        array([1, 0, 1])
    """
    if not are_several(labels):
        return np.unique(labels, return_inverse=True)[1]
    if unseen:
        got = "objects that have several labels, known and unseen ones together"
        raise ConfigError("objects of one class each", got, "split(unseen_classes=...)", "Leave it out.")
    names, counts = np.unique(np.array([*chain.from_iterable(labels)]), return_counts=True)
    order = {name: (count, place) for place, (name, count) in enumerate(zip(names.tolist(), counts, strict=True))}
    return np.array([1 + min((order[name] for name in own), default=(0, -1))[1] for own in labels])


def label_cells(column: np.ndarray) -> np.ndarray:
    """A column whose rows of numbers are lists, None where one is missing; any other column as it is.

    Args:
        column: as `to_column` gives it, first axis rows.
    """
    if column.ndim != 2:
        return column
    missing = (
        np.isnan(column).all(axis=1) & (column.shape[1] > 0) if column.dtype.kind == "f" else np.zeros(len(column))
    )
    return to_objects(None if gone else row for row, gone in zip(column.tolist(), missing, strict=True))


def holds_lists(column: np.ndarray) -> bool:
    """Whether cells are lists.

    Args:
        column: as `label_cells` gives it.
    """
    return column.dtype == object and any(isinstance(cell, _LISTS) for cell in column.tolist())


def to_labels(column: np.ndarray, rows: np.ndarray, *, name: str) -> np.ndarray:
    """The labels [objects]: names, or a sorted tuple of names an object where cells are lists.

    Args:
        column: an entry a row, as `label_cells` gives it.
        rows: the row numbers in the user's table, for messages.
        name: the column's.

    Raises:
        InputError: what `to_names` refuses; a name beside lists, or one that stands twice in a list.

    Examples:
        >>> to_labels(np.array([["b", "a"], None, ["a"]], dtype=object)[[0, 2]], np.arange(2), name="tags").tolist()
        [('a', 'b'), ('a',)]
    """
    cells = column.tolist()
    if not holds_lists(column):
        names = to_names(column, rows, name=name, role="a label")
        _tell_of_written_lists(names, name)
        return names
    for cell, row in zip(cells, rows, strict=True):
        if not isinstance(cell, _LISTS):
            raise InputError(
                want="a list of labels in every row, as in others",
                got="nothing" if cell is None else shown(cell),
                where=f"row {row} (counted from 0), column {name!r}",
                fix="Write [] where an object has no label, and [label] where it has one.",
            )
    sizes = [len(cell) for cell in cells]
    flat = to_names(to_objects(chain.from_iterable(cells)), np.repeat(rows, sizes), name=name, role="a label").tolist()
    ends = np.cumsum(sizes).tolist()
    found = [tuple(sorted(set(flat[end - size : end]))) for end, size in zip(ends, sizes, strict=True)]
    for own, end, size, row in zip(found, ends, sizes, rows, strict=True):
        if len(own) < size:
            twice = Counter(flat[end - size : end]).most_common(1)[0][0]
            raise InputError(
                want="labels of which none stands twice",
                got=f"{twice!r} twice",
                where=f"row {row} (counted from 0), column {name!r}",
                fix="Write each once. A table of 0 and 1 must be an array: fit(X, Y), objects.with_labels(Y).",
            )
    return to_objects(found)


def _tell_of_written_lists(names: np.ndarray, column: str) -> None:
    """Warn of texts that are lists, as a CSV file has them: each would be a class of its own."""
    if names.dtype.kind == "U" and len(names) and all(name[:1] + name[-1:] == "[]" for name in names.tolist()):
        told = f"column {column!r}: each text is one label, also {shown(names[0])}, which looks like a list"
        fix = "For several labels an object make lists of the texts first, such as by json.loads or ast.literal_eval."
        warn_user(f"{told}. {fix}")


def given_sets(labels: Any) -> np.ndarray | None:
    """What a user gives as several labels an object, as cells [objects]; None where it is one an object.

    Args:
        labels: lists or sets of names, or a table of 0 and 1 [objects, classes], whose classes are its columns' names
            where it is a data frame or an arrow table, else numbers from 0.

    Raises:
        InputError: a table of other numbers.

    Examples:
        >>> given_sets(np.array([[0, 1, 1], [0, 0, 0]])).tolist(), given_sets(["a", "b"])
        ([[1, 2], []], None)
    """
    if len(getattr(labels, "shape", ())) == 2 and labels.shape[1] > 1:
        table = np.asarray(labels.toarray() if hasattr(labels, "toarray") else labels)
        if not _are_0_and_1(table):
            raise InputError(
                want="labels [objects], or a table of 0 and 1 [objects, classes]",
                got=f"{table.dtype} of shape {table.shape} with other values",
                where="the labels",
                fix="Give one name an object, or lists of names.",
            )
        # An arrow table has the cells where frames have the names.
        names = [*getattr(labels, "column_names", getattr(labels, "columns", range(table.shape[1])))]
        return to_objects([names[place] for place in np.flatnonzero(row)] for row in table)
    if isinstance(labels, np.ndarray) and labels.dtype != object:
        return None
    try:
        column = label_cells(to_column(labels, "labels"))
    except InputError:
        return None
    return column if holds_lists(column) else None


def _are_0_and_1(table: np.ndarray) -> bool:
    try:
        return bool(np.isin(table, (0, 1)).all())
    except TypeError:
        # pandas.NA equals nothing.
        return False
