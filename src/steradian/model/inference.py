"""From prepared objects to unit vectors, without gradients."""

from collections.abc import Iterator, Sequence

import numpy as np
import torch
from torch import Tensor

from steradian.data import ObjectTable
from steradian.data.batch import PreparedObjects, Preprocessor
from steradian.data.prefetch import prefetched
from steradian.data.samplers import batches
from steradian.errors import InputError
from steradian.model.classifier import SphericalClassifier
from steradian.model.encoder import ModalityVectors, SphereEncoder
from steradian.model.tensor_batch import TensorBatch
from steradian.model.two_part_encoder import TwoPartEncoder

__all__ = [
    "Encoder",
    "FoundVectors",
    "class_cosines",
    "cosine_chunks",
    "embed",
    "embed_subsets",
    "embed_table",
    "encode_objects",
    "encode_table",
    "fuse_subset",
    "nearest_centers",
]

Encoder = SphereEncoder | TwoPartEncoder

PREPARED_AT_ONCE = 2048
"""Objects prepared at a time, so that pixels and n-grams of a large table never stand in memory together: only those
that are being encoded and, meanwhile, the next."""

MAX_COSINES = 1 << 21
"""Of objects x classes held at a time where objects are seen one by one: 16 MB."""

MAX_BYTES = 1 << 29
"""Of the vectors held at a time: subsets that do not fit together are embedded one group after the other."""


def embed(encoder: Encoder, objects: PreparedObjects, rows: np.ndarray, *, batch_size: int) -> np.ndarray:
    """Unit vectors float32 [rows, embedding_dim] of some objects with all that is present.

    Args:
        encoder: in evaluation mode.
        objects: prepared objects.
        rows: int64 [rows].
        batch_size: objects at a time.
    """
    parts = embed_subsets(encoder, objects, rows, subsets=[objects.present], batch_size=batch_size)
    vectors = np.concatenate([vectors for _, _, vectors in parts])
    if len(vectors) < len(rows):
        raise ValueError(f"{len(rows) - len(vectors)} of {len(rows)} objects have no modality at all")
    return vectors


def embed_table(
    encoder: Encoder,
    preprocessor: Preprocessor,
    objects: ObjectTable,
    *,
    subsets: Sequence[np.ndarray],
    batch_size: int,
) -> Iterator[tuple[int, np.ndarray, np.ndarray]]:
    """Unit vectors of a whole table, subset after subset.

    Args:
        encoder: in evaluation mode.
        preprocessor: fitted with it.
        objects: any number of objects.
        subsets: bool arrays [modalities], or [objects, modalities] where each object has its own subset.
        batch_size: objects at a time.

    Yields:
        The number of a subset, the rows int64 [rows] that have any of it, their vectors float32 [rows, embedding_dim].
    """
    dim = encoder.embedding_dim
    group = max(1, MAX_BYTES // max(1, len(objects) * dim * 4))
    for first in range(0, len(subsets), group):
        masks = [np.broadcast_to(mask, (len(objects), mask.shape[-1])) for mask in subsets[first : first + group]]
        found = [FoundVectors(len(objects), dim) for _ in masks]
        for start, prepared in _prepared_parts(encoder, preprocessor, objects):
            every, here = np.arange(len(prepared)), [mask[start : start + PREPARED_AT_ONCE] for mask in masks]
            for number, part, fused in embed_subsets(encoder, prepared, every, subsets=here, batch_size=batch_size):
                found[number].append(start + part, fused)
        for number in range(len(masks)):
            yield first + number, *found[number].taken()


class FoundVectors:
    """Rows and their vectors, written one part after the other into arrays for all of them, so that none stands twice.

    Args:
        most: rows at most; memory is taken only for those that come.
        dim: the width of a vector.

    Examples:
        >>> found = FoundVectors(9, 2)
        >>> found.append(np.array([4]), np.ones((1, 2), dtype=np.float32))
        >>> [part.tolist() for part in found.taken()]
        [[4], [[1.0, 1.0]]]
    """

    def __init__(self, most: int, dim: int) -> None:
        self._rows, self._vectors = np.empty(most, dtype=np.int64), np.empty((most, dim), dtype=np.float32)
        self._count = 0

    def append(self, rows: np.ndarray, vectors: np.ndarray) -> None:
        """Write some more.

        Args:
            rows: int64 [rows].
            vectors: float32 [rows, dim].
        """
        place = slice(self._count, self._count + len(rows))
        self._rows[place], self._vectors[place] = rows, vectors
        self._count = place.stop

    def taken(self) -> tuple[np.ndarray, np.ndarray]:
        """What has come so far: rows int64 [rows] and vectors float32 [rows, dim]."""
        return self._rows[: self._count], self._vectors[: self._count]


@torch.inference_mode()
def embed_subsets(
    encoder: Encoder,
    objects: PreparedObjects,
    rows: np.ndarray,
    *,
    subsets: Sequence[np.ndarray],
    batch_size: int,
) -> Iterator[tuple[int, np.ndarray, np.ndarray]]:
    """Unit vectors of every subset of modalities, batch by batch; each item is encoded once.

    Args:
        encoder: in evaluation mode.
        objects: prepared objects.
        rows: int64 [rows].
        subsets: bool arrays [objects, modalities], the subset of each object.
        batch_size: objects at a time.

    Yields:
        The number of a subset, those rows of a batch that have any of it, their vectors float32 [rows, embedding_dim].
    """
    device = encoder.device
    for part in batches(rows, batch_size):
        encoded = _encoded(encoder, objects, part)
        for number, subset in enumerate(subsets):
            has, vectors = fuse_subset(encoder, encoded, torch.from_numpy(subset[part]).to(device))
            yield number, part[has], vectors


@torch.inference_mode()
def encode_table(
    encoder: Encoder, preprocessor: Preprocessor, objects: ObjectTable, *, batch_size: int
) -> ModalityVectors:
    """What level 1 says of a whole table, on the CPU.

    Args:
        encoder: in evaluation mode.
        preprocessor: fitted with it.
        objects: any number of objects.
        batch_size: objects at a time.
    """
    whole = None
    for start, prepared in _prepared_parts(encoder, preprocessor, objects):
        part = encode_objects(encoder, prepared, batch_size)
        # Written in place, so that the parts and the whole never stand in memory together.
        whole = part.room_for(len(objects)) if whole is None else whole
        whole.write(start, part)
    if whole is None:
        raise ValueError("no objects to encode")
    return whole


@torch.inference_mode()
def encode_objects(
    encoder: Encoder, objects: PreparedObjects, batch_size: int, rows: np.ndarray | None = None
) -> ModalityVectors:
    """What level 1 says of prepared objects, on the CPU.

    Args:
        encoder: in evaluation mode.
        objects: prepared objects.
        batch_size: objects at a time.
        rows: int64 [rows]; None takes all.
    """
    chosen = np.arange(len(objects)) if rows is None else rows
    # Of no objects, one batch of none: it has the widths.
    parts = list(batches(chosen, batch_size)) or [chosen]
    return ModalityVectors.joined([_encoded(encoder, objects, part) for part in parts])


def _encoded(encoder: Encoder, objects: PreparedObjects, rows: np.ndarray) -> ModalityVectors:
    """Level 1 of these rows, whatever autocast a caller is in."""
    with torch.autocast(encoder.device.type, enabled=False):
        return encoder.encode(_batch(encoder, objects, rows))


@torch.inference_mode()
def fuse_subset(encoder: Encoder, encoded: ModalityVectors, subset: Tensor) -> tuple[np.ndarray, np.ndarray]:
    """Level 2 for a subset of the modalities that are present.

    Args:
        encoder: in evaluation mode.
        encoded: level 1's output.
        subset: bool [modalities], or [objects, modalities].

    Returns:
        Which objects have any of the subset, bool [objects]; their unit vectors float32 [objects with it,
        embedding_dim].
    """
    subset = subset.expand_as(encoded.present)
    has = (encoded.present & subset).any(dim=1)
    with torch.autocast(encoder.device.type, enabled=False):
        return has.cpu().numpy(), encoder.fuse(encoded[has], subset[has]).cpu().numpy()


@torch.inference_mode()
def class_cosines(classifier: SphericalClassifier, vectors: np.ndarray) -> np.ndarray:
    """Cosines to the nearest center of each class float32 [objects, num_classes].

    Args:
        classifier: has the centers.
        vectors: unit rows [objects, embedding_dim].

    Raises:
        InputError: vectors of another width.
    """
    _check_width(classifier, vectors)
    return _cosines(classifier, vectors, classifier.class_centers)


def cosine_chunks(classifier: SphericalClassifier, vectors: np.ndarray) -> Iterator[tuple[slice, np.ndarray]]:
    """Some objects at a time, so that memory does not grow with objects x classes.

    Args:
        classifier: has the centers.
        vectors: unit rows [objects, embedding_dim].

    Yields:
        Which objects, and their cosines to the nearest center of each class, float64 [objects, num_classes]; of no
        objects, one empty chunk.

    Raises:
        InputError: vectors of another width.
    """
    return ((part, cosines.astype(np.float64)) for part, cosines in _single_chunks(classifier, vectors))


def nearest_centers(classifier: SphericalClassifier, vectors: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The class of the nearest center of each vector int64 [objects], and the cosine to it float64 [objects].

    Args:
        classifier: has the centers.
        vectors: unit rows [objects, embedding_dim].

    Raises:
        InputError: vectors of another width.
    """
    numbers, cosines = np.empty(len(vectors), dtype=np.int64), np.empty(len(vectors))
    for part, found in _single_chunks(classifier, vectors):
        numbers[part] = nearest = found.argmax(axis=1)
        cosines[part] = np.take_along_axis(found, nearest[:, None], axis=1)[:, 0]
    return numbers, cosines


def _batch(encoder: Encoder, objects: PreparedObjects, rows: np.ndarray) -> TensorBatch:
    return TensorBatch.of(objects.batch(rows, items=encoder.sees_items), encoder.device)


def _single_chunks(classifier: SphericalClassifier, vectors: np.ndarray) -> Iterator[tuple[slice, np.ndarray]]:
    """The chunks of `cosine_chunks` in float32."""
    _check_width(classifier, vectors)
    step = max(1, MAX_COSINES // len(classifier.weight))
    # Of many classes, to bring the centers to unit length takes as long as the products of a chunk.
    with torch.inference_mode():
        centers = classifier.class_centers
        for start in range(0, max(1, len(vectors)), step):
            part = slice(start, start + step)
            yield part, _cosines(classifier, vectors[part], centers)


def _cosines(classifier: SphericalClassifier, vectors: np.ndarray, class_centers: Tensor) -> np.ndarray:
    rows = torch.from_numpy(np.asarray(vectors, dtype=np.float32)).to(class_centers.device)
    return np.asarray(classifier.cosines(rows, class_centers).cpu())


def _check_width(classifier: SphericalClassifier, vectors: np.ndarray) -> None:
    dim = classifier.weight.shape[-1]
    if vectors.ndim != 2 or vectors.shape[1] != dim:
        raise InputError(
            want=f"vectors [objects, {dim}]",
            got=f"shape {vectors.shape}",
            where="the vectors",
            fix="Take them from model.transform(objects).",
        )


def _prepared_parts(
    encoder: Encoder, preprocessor: Preprocessor, objects: ObjectTable
) -> Iterator[tuple[int, PreparedObjects]]:
    """The first row of each part of a table and the part prepared, the next one meanwhile."""

    def made(start: int) -> PreparedObjects:
        prepared = preprocessor.prepare(objects[start : start + PREPARED_AT_ONCE])
        # What items put off until a batch is cut is done ahead too.
        prepared.batch(np.zeros(0, dtype=np.int64), items=encoder.sees_items)
        return prepared

    starts = range(0, len(objects), PREPARED_AT_ONCE)
    return zip(starts, prefetched(made, starts, ahead=1), strict=True)
