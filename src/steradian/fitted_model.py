"""A fitted model as one value: what `fit` returns, what is saved, and what everything else asks."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any, TypeVar, cast

import numpy as np
import torch

from steradian.calibration import Calibration
from steradian.config import FusionKind, ModelConfig, TrainingConfig
from steradian.data import ObjectTable, Schema
from steradian.data.batch import Preprocessor
from steradian.data.samplers import batches
from steradian.errors import InputError
from steradian.model import (
    Encoder,
    FoundVectors,
    ModalityVectors,
    SphericalClassifier,
    WeightedEncoder,
    embed_table,
    encode_table,
    fuse_subset,
    nearest_centers,
)
from steradian.model_answers import EncodedObjects, ModelAnswers, Summands, weight_factors
from steradian.training import LeftOut, TrainingResult
from steradian.validation import labelled_table, refuse_objects_without

__all__ = ["BATCH", "Encoded", "FittedModel", "Subset", "labelled_objects", "table_of"]

Subset = TypeVar("Subset", bound=Sequence[str] | np.ndarray)
"""Names of modalities, or a bool array [objects, modalities] with a subset for each object."""

BATCH = 512
"""Objects encoded at a time: 256 to 1024 are equally fast on CPU."""


@dataclass(frozen=True, eq=False)
class FittedModel(ModelAnswers):
    """All that a fit has made; what changes it, such as new classes, gives another one.

    Args:
        schema: of the training table.
        classes: class names, sorted [num_classes].
        preprocessor: from a table to batches; holds the closed form.
        encoder: both levels, in evaluation mode.
        classifier: the class centers.
        model_config: the options of the model, what was derived filled in.
        training_config: the options of the training, as given.
        scale: factor of the cosines that training used.
        margin: in radians, likewise.
        training: how training went, or that it has not ended.
        fingerprint: 16 hexadecimal digits, the same for as long as the vectors are.
        calibration: scales and thresholds; None before `calibrate`.
        left_out: training objects as fits that left them out see them; None where there are none, as after loading.
        trained: a number for each training object, see `object_digests`; None after loading.
        level: of several labels an object, the coordinate that is alike in all vectors
            before these have length 1; else None.
    """

    schema: Schema
    classes: np.ndarray
    preprocessor: Preprocessor = field(repr=False)
    encoder: Encoder = field(repr=False)
    classifier: SphericalClassifier = field(repr=False)
    model_config: ModelConfig
    training_config: TrainingConfig
    scale: float
    margin: float
    training: TrainingResult
    fingerprint: str
    calibration: Calibration | None = None
    left_out: LeftOut | None = field(default=None, repr=False)
    trained: np.ndarray | None = field(default=None, repr=False)
    level: int | None = None

    @property
    def fusion(self) -> FusionKind:
        """See `ModelAnswers`; so for what follows."""
        return self.encoder.fusion.kind

    @property
    def context_limit(self) -> float:
        """See `ModelAnswers`."""
        return self.encoder.fusion.context_limit if self.fusion == "context" else 0.0

    @property
    def embedding_dim(self) -> int:
        """See `ModelAnswers`."""
        return self.encoder.embedding_dim

    @property
    def class_centers(self) -> np.ndarray:
        """See `ModelAnswers`."""
        return np.asarray(self.classifier.class_centers.detach().cpu())

    def vectors(
        self, objects: "ObjectTable | Encoded", *, modalities: Sequence[str] | None = None, batch_size: int = BATCH
    ) -> np.ndarray:
        """Unit vectors float32 [objects, embedding_dim].

        Args:
            objects: a table of the model's modalities.
            modalities: names of those to use; None uses all that are present.
            batch_size: objects at a time.

        Raises:
            InputError: an object that has none of the modalities.
        """
        names = self.modalities if modalities is None else tuple(modalities)
        ((_, rows, vectors),) = self.subset_vectors(objects, [names], batch_size=batch_size)
        refuse_objects_without(table_of(objects), rows, names=names)
        return vectors

    transform = vectors
    """What an index asks of a model."""

    def vector_parts(
        self, objects: "ObjectTable | Encoded", *, rows: int = 65_536, modalities: Sequence[str] | None = None
    ) -> Iterator[tuple[slice, np.ndarray]]:
        """The vectors of a table some rows at a time, for more of them than should stand in memory together.

        Args:
            objects: a table of the model's modalities.
            rows: so many at a time; 65,536 vectors of 128 numbers take 34 MB.
            modalities: names of those to use; None uses all that are present.

        Yields:
            Which rows, and their unit vectors float32 [rows, embedding_dim].

        Raises:
            InputError: an object that has none of the modalities, or `rows` below 1.

        Examples:
            >>> import steradian as sr
            >>> table = {"size": [[1.0], [2.0], [8.0]], "label": ["a", "a", "b"]}
            >>> objects = sr.read_objects(table, sr.Schema({"size": sr.Vector("size")}))
            >>> model = sr.SphereEmbedder(epochs=0, verbose=False).fit(objects)
            >>> [(part, len(vectors)) for part, vectors in model.fitted_.vector_parts(objects, rows=2)]
            [(slice(0, 2, None), 2), (slice(2, 3, None), 1)]
        """
        if rows < 1:
            raise InputError("at least 1", repr(rows), "vector_parts(rows=...)", "Leave it out for 65,536.")
        parts = (slice(start, min(start + rows, len(objects))) for start in range(0, len(objects), rows))
        return ((part, self.vectors(objects[part], modalities=modalities)) for part in parts)

    def subset_vectors(
        self, objects: "ObjectTable | Encoded", subsets: Iterable[Subset], *, batch_size: int = BATCH
    ) -> Iterator[tuple[Subset, np.ndarray, np.ndarray]]:
        """For each subset itself, the rows int64 [rows] that have any of it, and their vectors [rows, embedding_dim].

        Args:
            objects: a table of the model's modalities, of which each item is encoded once.
            subsets: each names of modalities, or a bool array [objects, modalities].
            batch_size: objects at a time.

        Raises:
            InputError: no subset, or no batch size.
        """
        chosen = list(subsets)
        if batch_size < 1 or not chosen:
            got = f"batch_size={batch_size} and {len(chosen)} subsets"
            raise InputError("at least 1 of each", got, "transform", "Leave batch_size out, or name a subset.")
        masks = [subset if isinstance(subset, np.ndarray) else self.schema.mask(subset) for subset in chosen]
        if isinstance(objects, Encoded):
            return ((subset, *self.checked(objects).fused(mask)) for subset, mask in zip(chosen, masks, strict=True))
        parts = embed_table(self.encoder, self.preprocessor, objects, subsets=masks, batch_size=batch_size)
        return ((chosen[number], rows, vectors) for number, rows, vectors in parts)

    def encode(self, objects: "ObjectTable | Encoded", *, batch_size: int = BATCH) -> "Encoded":
        """What level 1 says of a table, for all that is asked of it afterwards.

        Args:
            objects: a table of the model's modalities; one that this model has encoded stays as it is.
            batch_size: objects at a time.

        Raises:
            InputError: no objects, no batch size, or objects that another model has encoded.
        """
        if batch_size < 1 or not len(objects):
            got = f"batch_size={batch_size} and {len(objects)} objects"
            raise InputError("at least 1 of each", got, "encode(objects)", "Leave batch_size out, or pass objects.")
        if isinstance(objects, Encoded):
            return self.checked(objects)
        return Encoded(self, objects, encode_table(self.encoder, self.preprocessor, objects, batch_size=batch_size))

    def checked(self, objects: "Encoded") -> "Encoded":
        """The encoded objects, once their vectors are known to be this model's.

        Args:
            objects: encoded by any model.

        Raises:
            InputError: another model has encoded them.
        """
        self.checked_fingerprint(objects.model.fingerprint)
        return objects

    def nearest(self, vectors: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """The number of the nearest class int64 [objects], and the cosine to its center float64 [objects].

        Args:
            vectors: unit rows [objects, embedding_dim].

        Raises:
            InputError: vectors of another width.
        """
        return nearest_centers(self.classifier, vectors)

    def with_classes(self, classes: np.ndarray, classifier: SphericalClassifier) -> "FittedModel":
        """The same model with other classes; the vectors stay, and so does the fingerprint.

        Args:
            classes: names, sorted [num_classes].
            classifier: their centers.
        """
        calibration = None if self.calibration is None else self.calibration.for_classes(classes)
        return replace(self, classes=classes, classifier=classifier, calibration=calibration)


@dataclass(frozen=True, eq=False)
class Encoded(EncodedObjects):
    """A table as level 1 of a model sees it, so that what is asked of it next encodes nothing again.

    It holds modalities x (embedding_dim + width of a summary) numbers an object, 4 bytes each.

    Args:
        model: that encoded it.
        objects: the table.
        seen: level 1's output, on the CPU.
    """

    model: FittedModel
    objects: ObjectTable
    seen: ModalityVectors = field(repr=False)

    def __getitem__(self, rows: np.ndarray | slice) -> "Encoded":
        """Some of the objects, by row numbers, a slice or a bool mask [objects]."""
        taken = np.arange(len(self))[rows]
        return Encoded(self.model, self.objects[taken], self.seen[torch.from_numpy(taken)])

    def only(self, modalities: str | Sequence[str]) -> "Encoded":
        """The same objects as if they had only these modalities.

        Args:
            modalities: one or several names of the schema.

        Raises:
            InputError: no name, or an unknown one.
        """
        mask = torch.from_numpy(self.model.schema.mask(modalities))
        seen = replace(self.seen, present=self.seen.present & mask)
        return Encoded(self.model, self.objects.only(modalities), seen)

    def weighted(self, weights: Mapping[str, float]) -> "Encoded":
        """The same objects, each modality's gate times its weight; certificates and attributions are of these gates.

        Args:
            weights: numbers from 0 by modality, 1 where none is given; a modality of weight 0 counts as missing.

        Raises:
            ConfigError: fusion="free", which has no gates.
            InputError: an unknown modality, a weight below 0 or not finite, or no weight above 0.

        Examples:
            >>> import steradian as sr
            >>> views = np.random.default_rng(0).normal(size=(2, 40, 3)) + np.repeat([-2, 2], 20)[:, None]
            >>> table = {"left": views[0], "right": views[1], "label": ["a"] * 20 + ["b"] * 20}
            >>> objects = sr.read_objects(table, sr.Schema({name: sr.Vector(name) for name in ("left", "right")}))
            >>> model = sr.SphereEmbedder(embedding_dim=4, epochs=0, verbose=False).fit(objects)
            >>> model.transform(model.encode(objects).weighted({"left": 2})).shape
            (40, 4)
        """
        factors = weight_factors(weights, self.model.modalities)
        self.refuse_free(where="weights")
        kept = self.only([name for name, factor in factors.items() if factor > 0])
        numbers = torch.tensor([factor or 1.0 for factor in factors.values()])
        # It has all that is asked of an encoder.
        encoder = cast(Encoder, WeightedEncoder(self.model.encoder, numbers))
        return replace(kept, model=replace(self.model, encoder=encoder))

    def fused(self, mask: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """The rows int64 [rows] that have any of a subset, and their unit vectors float32 [rows, embedding_dim].

        Args:
            mask: bool [modalities], or [objects, modalities] where each object has its own subset.
        """
        encoder, masks = self.model.encoder, np.broadcast_to(mask, (len(self), mask.shape[-1]))
        found = FoundVectors(len(self), encoder.embedding_dim)
        for part, encoded in self.batches():
            has, fused = fuse_subset(encoder, encoded, torch.from_numpy(masks[part].copy()).to(encoder.device))
            found.append(part[has], fused)
        return found.taken()

    def batches(self) -> Iterator[tuple[np.ndarray, ModalityVectors]]:
        """Rows int64 [rows], and level 1's output for them on the encoder's device."""
        for part in batches(np.arange(len(self)), BATCH):
            yield part, self.seen[torch.from_numpy(part)].to(self.model.encoder.device)

    def summands(self) -> Iterator[Summands]:
        """Batches of the objects as sums, as arrays."""
        encoder = self.model.encoder
        for rows, encoded in self.batches():
            with torch.inference_mode(), torch.autocast(encoder.device.type, enabled=False):
                weighed = encoder.fusion.weigh(encoded.vectors, encoded.summaries, encoded.present)
            gates, context = (None if each is None else each.cpu().numpy() for each in weighed)
            vectors, present = encoded.vectors.cpu().numpy(), encoded.present.cpu().numpy()
            fuse = partial(_fused, encoder, encoded)
            yield Summands(rows, vectors, present, cast(np.ndarray, gates), context, fuse)


def _fused(encoder: Encoder, encoded: ModalityVectors, subset: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    return fuse_subset(encoder, encoded, torch.from_numpy(subset).to(encoded.present.device))


def table_of(objects: ObjectTable | Encoded) -> ObjectTable:
    """The table, whether it is encoded or not.

    Args:
        objects: as a table, or encoded.
    """
    return objects.objects if isinstance(objects, Encoded) else objects


def labelled_objects(objects: Any, schema: Schema, *, where: str) -> ObjectTable | Encoded:
    """Objects with their labels, encoded or as a table, which is read where it was not.

    Args:
        objects: encoded, or as of `labelled_table`.
        schema: that the model was fitted on.
        where: what to call the objects.

    Raises:
        InputError: as of `labelled_table`.
    """
    return objects if isinstance(objects, Encoded) else labelled_table(objects, schema, where=where)
