"""The objects that a calibration rests on: a held-out table, or what `fit` has left out in turn."""

from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence

import numpy as np

from steradian.data import ObjectTable
from steradian.errors import InputError
from steradian.fitted_model import Encoded, FittedModel, table_of
from steradian.metrics import fit_scale
from steradian.model import class_cosines
from steradian.training import LeftOut
from steradian.training.train_networks import SMALL

__all__ = ["Evidence", "HeldOut", "LeftOutClasses", "LeftOutObjects", "left_out_of"]

MOST_COSINES = 1 << 24
"""For the scale of a subset: of more objects x classes, some objects are drawn; 128 MB."""


class Evidence(ABC):
    """Labelled objects, the vectors of what they have, and how near each is to the centers of the classes.

    Args:
        labels: class names [objects].
        known: whose class has a center, bool [objects].
        present: what each object has, bool [objects, modalities].
        fits: a number of the fit that each object's vectors come from, int64 [objects]; None: all are of one.
    """

    def __init__(
        self, labels: np.ndarray, known: np.ndarray, present: np.ndarray, fits: np.ndarray | None = None
    ) -> None:
        self.labels, self.known, self.present, self.fits = labels, known, present, fits

    @abstractmethod
    def subsets(self, masks: Sequence[np.ndarray]) -> Iterator[tuple[np.ndarray, np.ndarray]]:
        """For each mask, the rows int64 [rows] that have any of it, and their unit vectors [rows, embedding_dim].

        Args:
            masks: bool [objects, modalities] each.
        """

    @abstractmethod
    def nearest(self, rows: np.ndarray, vectors: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Whether the center nearest to each vector is that of its class, bool [rows], and the cosine to it [rows].

        Args:
            rows: of the objects, int64 [rows].
            vectors: theirs [rows, embedding_dim].
        """

    @abstractmethod
    def cosines(self, rows: np.ndarray, vectors: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Cosines to all centers [rows, centers] of objects of known classes, and the own center of each int64 [rows].

        Args:
            rows: of the objects, int64 [rows].
            vectors: theirs [rows, embedding_dim].
        """

    @property
    @abstractmethod
    def centers(self) -> int:
        """How many class centers there are."""

    def scale(self, rows: np.ndarray, vectors: np.ndarray, *, random_state: int) -> float:
        """The scale of cosines fitted to objects of known classes, drawn where there are many.

        Args:
            rows: of objects of known classes, int64 [rows].
            vectors: theirs [rows, embedding_dim].
            random_state: of the draw.
        """
        most = max(1, MOST_COSINES // self.centers)
        if len(rows) > most:
            drawn = np.random.default_rng(random_state).choice(len(rows), most, replace=False)
            rows, vectors = rows[drawn], vectors[drawn]
        return fit_scale(*self.cosines(rows, vectors))


class _OfModel(Evidence):
    """Objects whose classes have the model's own centers."""

    def __init__(
        self, model: FittedModel, labels: np.ndarray, present: np.ndarray, fits: np.ndarray | None = None
    ) -> None:
        super().__init__(labels, np.asarray(np.isin(labels, model.classes)), present, fits)
        self._model = model

    def nearest(self, rows: np.ndarray, vectors: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """See `Evidence`."""
        numbers, cosines = self._model.nearest(vectors)
        return self._model.classes[numbers] == self.labels[rows], cosines

    def cosines(self, rows: np.ndarray, vectors: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """See `Evidence`."""
        return class_cosines(self._model.classifier, vectors), np.searchsorted(self._model.classes, self.labels[rows])

    @property
    def centers(self) -> int:
        """See `Evidence`."""
        return len(self._model.classes)


class HeldOut(_OfModel):
    """A table that the model was not trained on.

    Args:
        model: whose classes count.
        objects: labelled.
    """

    def __init__(self, model: FittedModel, objects: ObjectTable | Encoded) -> None:
        table = table_of(objects)
        super().__init__(model, table.labels, model.present(table))
        self._objects = objects

    def subsets(self, masks: Sequence[np.ndarray]) -> Iterator[tuple[np.ndarray, np.ndarray]]:
        """See `Evidence`."""
        return ((rows, vectors) for _, rows, vectors in self._model.subset_vectors(self._objects, masks))


class LeftOutObjects(_OfModel):
    """Training objects, each seen by a fit that has left it out.

    Args:
        model: whose classes count.
        left_out: by its fit.
    """

    def __init__(self, model: FittedModel, left_out: LeftOut) -> None:
        super().__init__(model, left_out.labels, left_out.present, left_out.numbers)
        self._left_out = left_out

    def subsets(self, masks: Sequence[np.ndarray]) -> Iterator[tuple[np.ndarray, np.ndarray]]:
        """See `Evidence`."""
        return self._left_out.subsets(masks)


class LeftOutClasses(Evidence):
    """Training objects of classes that a fit has left out: each is looked for at the mean of the others of its class.

    An object alone in its class is unknown. Centers are those of the classes that the same fit has left out.

    Args:
        left_out: by `fit`.
    """

    def __init__(self, left_out: LeftOut) -> None:
        labels, parts = left_out.labels, left_out.numbers
        names, numbers = np.unique(labels, return_inverse=True)
        super().__init__(labels, np.bincount(numbers)[numbers] > 1, left_out.present, parts)
        self._left_out, self._numbers, self._parts = left_out, numbers, parts
        ((rows, vectors),) = left_out.subsets([left_out.present])
        self._whole = np.zeros((len(labels), vectors.shape[1]))
        self._whole[rows] = vectors
        self._sums = np.zeros((len(names), vectors.shape[1]))
        np.add.at(self._sums, numbers, self._whole)
        self._part_of_class = np.zeros(len(names), dtype=np.int64)
        self._part_of_class[numbers] = parts

    def subsets(self, masks: Sequence[np.ndarray]) -> Iterator[tuple[np.ndarray, np.ndarray]]:
        """See `Evidence`."""
        return self._left_out.subsets(masks)

    def nearest(self, rows: np.ndarray, vectors: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """See `Evidence`."""
        cosines, own = self.cosines(rows, vectors)
        return cosines.argmax(axis=1) == own, cosines.max(axis=1)

    def cosines(self, rows: np.ndarray, vectors: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """See `Evidence`; those to classes of another fit, and to the own class of an object alone in it, are -1."""
        own = self._numbers[rows]
        cosines = vectors @ _unit(self._sums).T
        others = _unit(self._sums[own] - self._whole[rows])
        cosines[np.arange(len(rows)), own] = (vectors * others).sum(axis=1)
        cosines[~self.known[rows], own[~self.known[rows]]] = -1.0
        cosines[self._parts[rows, None] != self._part_of_class] = -1.0
        return cosines, own

    @property
    def centers(self) -> int:
        """See `Evidence`."""
        return len(self._sums)


def left_out_of(model: FittedModel) -> Evidence:
    """What a model's fits have left out.

    Args:
        model: that was just fitted.

    Raises:
        InputError: it has left nothing out, or was saved since.
    """
    found = model.left_out
    if found is None:
        raise InputError(
            want="a table of held-out objects, or a model that has left training objects out",
            got=f"no table, and a model that {_why_nothing(model)}",
            where="calibrate()",
            fix="Hold objects out with table.split(test_size=0.2) and call model.calibrate(held_out).",
        )
    return LeftOutClasses(found) if found.new_classes else LeftOutObjects(model, found)


def _why_nothing(model: FittedModel) -> str:
    """Why a model has no left-out objects."""
    if model.trained is None:
        return "was loaded: left-out objects are not saved"
    if model.preprocessor.closed_form is None:
        return "was trained without a closed form"
    if model.training.interrupted:
        return "was stopped before it had left any out"
    if model.training_config.epochs == 0 and len(model.trained) >= SMALL:
        return f"is the closed form alone of a table of {SMALL:,} objects or more"
    return "was fitted on too few objects, or with validation=... of training objects"


def _unit(vectors: np.ndarray) -> np.ndarray:
    """Rows at length 1; one of zeros stays."""
    units: np.ndarray = vectors / np.maximum(np.linalg.norm(vectors, axis=1, keepdims=True), 1e-12)
    return units
