"""What an explanation needs of a model: gates, and the vectors of single modalities."""

from collections.abc import Iterator
from typing import Any, Protocol

import numpy as np

from steradian.data import ObjectTable, Schema
from steradian.data.batch import Preprocessor
from steradian.errors import ConfigError, InputError
from steradian.inputs import present_modalities, refuse_objects_without
from steradian.model import ModalityVectors, SphereEncoder, SphericalClassifier, encode_table

__all__ = ["GatedEmbedder", "class_numbers", "encode_objects"]


class GatedEmbedder(Protocol):
    """A fitted `SphereEmbedder`."""

    schema_: Schema
    classes_: np.ndarray
    preprocessor_: Preprocessor
    encoder_: SphereEncoder
    classifier_: SphericalClassifier

    def transform(self, objects: Any, /) -> np.ndarray:
        """Unit vectors [objects, embedding_dim]."""
        ...

    def predict_vectors(self, vectors: np.ndarray, /) -> np.ndarray:
        """The class of each vector [objects]."""
        ...


def encode_objects(
    model: GatedEmbedder, objects: ObjectTable, *, batch_size: int, where: str
) -> Iterator[tuple[np.ndarray, ModalityVectors]]:
    """Rows int64 [rows] and what level 1 says of them, batch by batch.

    Args:
        model: a fitted model.
        objects: a table of its modalities.
        batch_size: objects at a time.
        where: the name of the method.

    Raises:
        ConfigError: fusion="free", which has no gates.
        InputError: no objects, one without any modality, or no batch size.
    """
    if model.encoder_.fusion.kind == "free":
        raise ConfigError(
            want='fusion="certified" or fusion="context", whose vectors are sums of the modalities\' vectors',
            got='fusion="free", whose vectors come out of a transformer whole: nothing bounds or divides them',
            where=where,
            fix='Fit again with fusion="certified", or compare the subsets themselves: model.transform_subsets.',
        )
    if batch_size < 1 or not len(objects):
        got = f"batch_size={batch_size} and {len(objects)} objects"
        raise InputError("at least 1 of each", got, where, "Leave batch_size out, or pass objects.")
    rows = np.flatnonzero(present_modalities(model, objects).any(axis=1))
    refuse_objects_without(objects, rows, names=tuple(model.schema_.modalities))
    return encode_table(model.encoder_, model.preprocessor_, objects, batch_size=batch_size)


def class_numbers(model: GatedEmbedder, vectors: np.ndarray) -> np.ndarray:
    """The number of the class that is predicted for each vector, int64 [objects].

    Args:
        model: a fitted model.
        vectors: unit vectors [objects, embedding_dim].
    """
    return np.searchsorted(model.classes_, model.predict_vectors(vectors))
