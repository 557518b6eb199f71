"""The rows of a fit's tables as prepared objects, whether they stand in memory or stay on disk."""

import numpy as np

from steradian.data import ObjectTable
from steradian.data.batch import PreparedObjects, Preprocessor
from steradian.training.class_targets import ClassLabels
from steradian.training.feature_rows import Prepare
from steradian.training.held_out import (
    MAX_GALLERY,
    MAX_QUERIES,
    RetrievalValidation,
    class_numbers,
    drawn_rows,
)

__all__ = ["at_most", "prepare_table", "preparing", "retrieval_validation"]


def prepare_table(preprocessor: Preprocessor, objects: ObjectTable, labels: ClassLabels) -> PreparedObjects:
    """The training table, of which rows that stay on disk are prepared when they are needed.

    Args:
        preprocessor: fitted on it.
        objects: the table.
        labels: of the objects; only class numbers stay, which networks learn from.
    """
    numbers = labels if isinstance(labels, np.ndarray) else None
    if objects.stored is not None:
        return preprocessor.prepare_stored(objects, numbers)
    return preprocessor.prepare(objects, numbers)


def preparing(preprocessor: Preprocessor, objects: ObjectTable, prepared: PreparedObjects | None) -> Prepare:
    """What brings rows to prepared objects: the whole table's where that is in memory, else some rows at a time.

    Args:
        preprocessor: fitted on the table.
        objects: the table.
        prepared: what `prepare_table` gave, or None.
    """
    if prepared is not None and objects.stored is None:
        return lambda rows: (prepared, rows)
    last: list[tuple[np.ndarray, PreparedObjects]] = []

    def prepare(rows: np.ndarray) -> tuple[PreparedObjects, np.ndarray]:
        # Several questions in a row are about the same rows.
        if not last or last[0][0] is not rows:
            last[:] = [(rows, preprocessor.prepare(objects[rows]))]
        return last[0][1], np.arange(len(rows))

    return prepare


def at_most(objects: ObjectTable, most: int, random_state: int) -> ObjectTable:
    """A table in memory as it is; of rows that stay on disk so many, drawn at random.

    Args:
        objects: the table.
        most: rows at most.
        random_state: of the draw.
    """
    return objects if objects.stored is None else objects[drawn_rows(len(objects), most, random_state)]


def retrieval_validation(
    preprocessor: Preprocessor,
    objects: ObjectTable,
    labels: np.ndarray,
    prepared: PreparedObjects,
    *,
    classes: np.ndarray,
    validation: ObjectTable,
    random_state: int,
) -> RetrievalValidation:
    """The score of validation objects; of rows that stay on disk those that it draws are read once for all.

    Args:
        preprocessor: fitted on the training table.
        objects: that table.
        labels: its class numbers int64 [objects].
        prepared: what `prepare_table` made of it.
        classes: class names [num_classes].
        validation: labelled objects.
        random_state: of the draws.
    """
    validation = at_most(validation, MAX_QUERIES, random_state)
    if objects.stored is not None:
        rows = drawn_rows(len(objects), MAX_GALLERY, random_state)
        prepared = preprocessor.prepare(objects[rows], labels[rows])
    held_out = preprocessor.prepare(validation, class_numbers(validation.labels, classes))
    return RetrievalValidation(held_out, prepared, random_state=random_state)
