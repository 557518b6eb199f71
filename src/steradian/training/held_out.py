"""The validation score: how well held-out objects find their class among held-out and training objects."""

import numpy as np

from steradian.data import ObjectTable
from steradian.data.batch import PreparedObjects
from steradian.errors import InputError
from steradian.metrics import retrieval_scores
from steradian.model import SphereEncoder, embed

__all__ = [
    "MAX_GALLERY",
    "MAX_QUERIES",
    "RetrievalValidation",
    "asks_for_new_classes",
    "class_numbers",
    "drawn_rows",
    "hold_out",
]

MAX_QUERIES, MAX_GALLERY, BATCH = 2000, 4000, 512
USUAL_SHARE, MIN_CLASS, MIN_OBJECTS = 0.1, 20, 5_000
FEW = 5
"""Objects of a class, in the middle of all classes, up to which a table asks to find new classes again."""
MANY_CLASSES = 30
"""Classes from which on it does."""


class RetrievalValidation:
    """MAP@R of validation objects in a gallery of themselves and training objects.

    It serves classes seen and unseen alike: an unseen class finds its own held-out objects. At most 2000 queries and
    4000 training objects take part, drawn once by the seed, so that its cost is bounded.

    Args:
        validation: held-out objects with class numbers.
        training: training objects with class numbers of the same coding.
        random_state: of the draw.

    Raises:
        InputError: no validation object has another of its class to be found.
    """

    def __init__(self, validation: PreparedObjects, training: PreparedObjects, *, random_state: int) -> None:
        self._parts = [
            (validation, drawn_rows(len(validation), MAX_QUERIES, random_state)),
            (training, drawn_rows(len(training), MAX_GALLERY, random_state)),
        ]
        self._labels = [_labels(objects)[rows] for objects, rows in self._parts]
        names, counts = np.unique(np.concatenate(self._labels), return_counts=True)
        if not np.isin(self._labels[0], names[counts > 1]).any():
            raise InputError(
                want="a validation object whose class has another object to be found",
                got=f"{self.queries} objects, each the only one of its class",
                where="the validation objects",
                fix="Add objects of their classes, or validate on classes of the training objects.",
            )

    @property
    def queries(self) -> int:
        """How many objects are looked for."""
        return len(self._labels[0])

    def score(self, encoder: SphereEncoder) -> float:
        """MAP@R in 0..1 of the encoder as it is; the encoder is left in training mode."""
        encoder.eval()
        queries, others = (embed(encoder, objects, rows, batch_size=BATCH) for objects, rows in self._parts)
        encoder.train()
        return retrieval_scores(
            queries,
            self._labels[0],
            np.concatenate([queries, others]),
            np.concatenate(self._labels),
            exclude=np.arange(len(queries)),
        ).map_at_r


def hold_out(objects: ObjectTable, share: float | None, *, random_state: int) -> tuple[ObjectTable, ObjectTable | None]:
    """Training objects and validation objects, None when nothing is held out.

    Args:
        objects: all objects with labels.
        share: of the objects; None: 0.1 of 5,000 objects or more whose median class has 20 or more, else 0, since small
            sets need every object (a tenth of bdgp's 1,600 costs it a point) and a few held-out ones say little.
        random_state: of the draw.
    """
    if share is None:
        _, sizes = np.unique(objects.labels, return_counts=True)
        large = len(objects) >= MIN_OBJECTS and np.median(sizes) >= MIN_CLASS
        share = USUAL_SHARE if large else 0.0
    if share == 0:
        return objects, None
    _, validation = objects.split(test_size=share, random_state=random_state)
    held_out = np.isin(objects.rows, validation.rows)
    # Training must know every modality, also one that very few objects have.
    for holders in objects.present.T:
        if not (holders & ~held_out).any():
            held_out[np.flatnonzero(holders)[:1]] = False
    return objects[~held_out], objects[held_out]


def asks_for_new_classes(labels: np.ndarray, classes: np.ndarray, validation: ObjectTable | None) -> bool:
    """Whether the model is to find new classes, as most validation objects are, or few objects of many classes say.

    Args:
        labels: class numbers of the training objects [objects].
        classes: class names [num_classes].
        validation: labelled objects, if there are any.
    """
    if validation is not None:
        return bool(np.isin(validation.labels, classes).mean() < 0.5)
    return len(classes) >= MANY_CLASSES and bool(np.median(np.bincount(labels)) <= FEW)


def class_numbers(labels: np.ndarray, classes: np.ndarray) -> np.ndarray:
    """Numbers of labels: known classes by their place, so that they find training objects; new ones behind them.

    Args:
        labels: class names [objects].
        classes: known class names [num_classes], sorted.

    Examples:
        >>> class_numbers(np.array(["b", "new", "a"]), np.array(["a", "b"]))
        array([1, 2, 0])
    """
    new = np.setdiff1d(labels, classes)
    numbers = {label: n for n, label in enumerate([*classes.tolist(), *new.tolist()])}
    return np.array([numbers[label] for label in labels.tolist()])


def drawn_rows(objects: int, most: int, random_state: int) -> np.ndarray:
    """The numbers of some rows in order, int64 [rows].

    Args:
        objects: of which they are drawn.
        most: rows at most.
        random_state: of the draw.
    """
    rows = np.arange(objects)
    return rows if len(rows) <= most else np.sort(np.random.default_rng(random_state).permutation(rows)[:most])


def _labels(objects: PreparedObjects) -> np.ndarray:
    if objects.labels is None:
        raise ValueError("validation needs class numbers")
    return objects.labels
