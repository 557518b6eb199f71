"""What is asked of a model once objects are encoded, whatever runs it: torch, or numpy where it is served."""

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from steradian.calibration import Calibration, with_unknown
from steradian.config import FusionKind
from steradian.data import ObjectTable, Schema
from steradian.data.closed_form import SHORTEST
from steradian.data.columns import to_objects
from steradian.errors import ConfigError, InputError
from steradian.metrics import to_angles, unit_vectors
from steradian.validation import present_modalities, refuse_objects_without

__all__ = ["EncodedObjects", "ModelAnswers", "Summands", "weight_factors"]


MAX_SCORES = 1 << 22
"""Of objects x classes held at a time."""


@dataclass(frozen=True, eq=False)
class Summands:
    """A batch of objects as sums of their modalities' vectors.

    Args:
        rows: int64 [objects], of the encoded objects.
        vectors: unit float32 [objects, modalities, embedding_dim].
        present: bool [objects, modalities].
        gates: float32 [objects, modalities], 0 or more with sum 1, and 0 where absent.
        context: what is added to the weighted sum, float32 [objects, embedding_dim], or None.
        fuse: from a subset bool [objects, modalities] to the objects that have any of it, bool [objects], and their
            unit vectors float32 [objects with it, embedding_dim].
    """

    rows: np.ndarray
    vectors: np.ndarray
    present: np.ndarray
    gates: np.ndarray
    context: np.ndarray | None
    fuse: Callable[[np.ndarray], tuple[np.ndarray, np.ndarray]]


class ModelAnswers(ABC):
    """What all models answer from vectors.

    Attributes:
        schema: of the training table.
        classes: class names, sorted [num_classes].
        scale: factor of the cosines that training used.
        fingerprint: 16 hexadecimal digits, the same for as long as the vectors are.
        calibration: scales and thresholds; None before `calibrate`.
        level: of several labels an object, the coordinate that is alike in all vectors before these have length 1; of
            one label None.
    """

    schema: Schema
    classes: np.ndarray
    scale: float
    fingerprint: str
    calibration: Calibration | None
    level: int | None = None

    @property
    @abstractmethod
    def fusion(self) -> FusionKind:
        """How the modalities' vectors are joined."""

    @property
    @abstractmethod
    def context_limit(self) -> float:
        """Of a fusion with a context, by how much it is shorter than the sum; else 0."""

    @property
    @abstractmethod
    def class_centers(self) -> np.ndarray:
        """Unit rows float32 [num_classes, embedding_dim], or [num_classes, subcenters, embedding_dim]."""

    @abstractmethod
    def vectors(self, objects: Any) -> np.ndarray:
        """Unit vectors float32 [objects, embedding_dim] of a table of its modalities, or of encoded objects."""

    @abstractmethod
    def nearest(self, vectors: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """The number of the nearest class int64 [objects], and the cosine to its center float64 [objects]."""

    @property
    def embedding_dim(self) -> int:
        """Length of a vector."""
        return int(self.class_centers.shape[-1])

    @property
    def modalities(self) -> tuple[str, ...]:
        """Their names, in the order of the schema."""
        return tuple(self.schema.modalities)

    def present(self, objects: ObjectTable) -> np.ndarray:
        """Which of the modalities each object has, bool [objects, modalities].

        Args:
            objects: a table of these modalities, in any order.
        """
        return present_modalities(self.schema, objects)

    def predict_vectors(self, vectors: np.ndarray, *, present: np.ndarray | None = None) -> np.ndarray:
        """The class of the center nearest to each vector [objects]; of several labels a sorted tuple of them.

        Args:
            vectors: unit rows [objects, embedding_dim].
            present: what each object has, bool [objects, modalities], to answer "unknown" beyond its threshold; None
                always names a class.

        Raises:
            InputError: vectors of another width, one that is zero or not finite; with `present`, no calibration, or a
                class called "unknown".
        """
        vectors = unit_vectors(vectors) if len(vectors) else vectors
        if self.several:
            if present is not None:
                self.refuse_several(where="predict(..., reject=True)")
            return self._label_sets(vectors)
        numbers, cosines = self.nearest(vectors)
        predicted = np.asarray(self.classes[numbers])
        if present is None:
            return predicted
        accepted = to_angles(cosines) <= self.calibrated().thresholds(present)
        return with_unknown(predicted, accepted, self.classes)

    @property
    def several(self) -> bool:
        """Whether objects may have several labels."""
        return self.level is not None

    def label_scores(self, vectors: np.ndarray) -> np.ndarray:
        """How far objects are within each of several labels float32 [objects, num_classes]: they have those above 0.

        They are cosines to the class centers, all of an object's longer by what its length has shortened them.

        Args:
            vectors: unit rows [objects, embedding_dim].
        """
        rows = vectors.astype(np.float32)
        scores: np.ndarray = rows @ self.class_centers.T / np.maximum(rows[:, self.level, None], SHORTEST)
        return scores

    def _label_sets(self, vectors: np.ndarray) -> np.ndarray:
        """The sorted tuple of each object's labels [objects]."""
        step, sets = max(1, MAX_SCORES // len(self.classes)), list[tuple[Any, ...]]()
        for start in range(0, len(vectors), step):
            own = self.label_scores(vectors[start : start + step]) > 0
            sets += [tuple(self.classes[row].tolist()) for row in own]
        return to_objects(sets)

    def refuse_several(self, *, where: str) -> None:
        """See to it that an object has one label.

        Args:
            where: the name of the method that needs it.

        Raises:
            InputError: the model was fitted to several.
        """
        if self.several:
            raise InputError(
                want="a model of one label an object",
                got="one that was fitted to several",
                where=where,
                fix="docs/several-labels.md says what there is for several; or fit one label an object.",
            )

    def calibrated(self) -> Calibration:
        """The calibration.

        Raises:
            InputError: there is none.
        """
        self.refuse_several(where="predict(..., reject=True) and verify(...)")
        if self.calibration is None:
            raise InputError(
                want="a model with thresholds",
                got="one that was not calibrated",
                where="predict(..., reject=True) and verify(...)",
                fix="Call model.calibrate(held_out_objects) first.",
            )
        return self.calibration

    def scales(self, present: np.ndarray) -> np.ndarray:
        """The scale of each object's cosines float64 [objects]: calibrated for what it has, or else that of training.

        Args:
            present: what each object has, bool [objects, modalities].
        """
        found = self.calibration
        return np.full(len(present), float(self.scale)) if found is None else found.scales(present)

    def checked_fingerprint(self, fingerprint: str) -> None:
        """See to it that this model has encoded some objects.

        Args:
            fingerprint: of the model that did.

        Raises:
            InputError: it was another.
        """
        if fingerprint != self.fingerprint:
            raise InputError(
                want=f"objects encoded by this model, of fingerprint {self.fingerprint}",
                got=f"by one of fingerprint {fingerprint}",
                where="the encoded objects",
                fix="Encode them again: model.encode(objects).",
            )


class EncodedObjects(ABC):
    """A table as level 1 of a model sees it.

    Attributes:
        model: that encoded it.
        objects: the table.
    """

    model: ModelAnswers
    objects: ObjectTable

    @abstractmethod
    def summands(self) -> Iterator[Summands]:
        """Batches of the objects as sums; not for fusion="free"."""

    def __len__(self) -> int:
        return len(self.objects)

    def check_sums(self, *, where: str) -> None:
        """See to it that the vectors of all objects are sums of their modalities' vectors.

        Args:
            where: the name of the method that needs it.

        Raises:
            ConfigError: fusion="free", whose vectors are none.
            InputError: no objects, or one without any modality.
        """
        self.refuse_free(where=where)
        if not len(self):
            raise InputError("at least one object", "0 objects", where, "Check how the rows were chosen.")
        rows = np.flatnonzero(self.model.present(self.objects).any(axis=1))
        refuse_objects_without(self.objects, rows, names=self.model.modalities)

    def refuse_free(self, *, where: str) -> None:
        """See to it that there are gates.

        Args:
            where: the name of the method that needs them.

        Raises:
            ConfigError: fusion="free", which has none.
        """
        if self.model.fusion == "free":
            raise ConfigError(
                want='fusion="certified" or fusion="context", whose vectors are sums of the modalities\' vectors',
                got='fusion="free", whose vectors come out of a transformer whole: nothing bounds or divides them',
                where=where,
                fix='Fit again with fusion="certified", or compare the subsets themselves: model.transform_subsets.',
            )


def weight_factors(weights: Mapping[str, float], modalities: Sequence[str]) -> dict[str, float]:
    """The weight of each modality, 1 where none is given.

    Args:
        weights: numbers from 0 by modality.
        modalities: all of them.

    Raises:
        InputError: an unknown modality, a weight below 0 or not finite, or no weight above 0.

    Examples:
        >>> weight_factors({"photo": 2}, ["photo", "title"])
        {'photo': 2.0, 'title': 1.0}
    """
    wrong = {name: weight for name, weight in weights.items() if name not in modalities or not 0 <= weight < np.inf}
    factors = {name: float(weights.get(name, 1.0)) for name in modalities}
    if wrong or not any(factors.values()):
        raise InputError(
            want=f"a number from 0 for some of {', '.join(modalities)}, and one above 0",
            got=f"{dict(wrong or weights)}",
            where="weights",
            fix=f'Write for example weights={{"{modalities[0]}": 2}}.',
        )
    return factors
