"""Objects as level 1 of a served model sees them, as arrays."""

from abc import abstractmethod
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any

import numpy as np

from steradian.data import ObjectTable
from steradian.model_answers import EncodedObjects, ModelAnswers, Summands, weight_factors

__all__ = ["RuntimeObjects", "WeighingModel", "units"]

AT_ONCE = 512
"""Objects that are fused at a time."""


class WeighingModel(ModelAnswers):
    """A model that says what the modalities' vectors weigh."""

    @abstractmethod
    def weigh(self, vectors: np.ndarray, summaries: np.ndarray, present: np.ndarray) -> list[np.ndarray]:
        """The gates float32 [objects, modalities], and a context where there is one; if "free", the fused vectors.

        Args:
            vectors: of level 1, float32 [objects, modalities, embedding_dim].
            summaries: likewise [objects, modalities, width].
            present: bool [objects, modalities], at least one True a row.
        """


@dataclass(frozen=True, eq=False)
class RuntimeObjects(EncodedObjects):
    """A table as level 1 of a `RuntimeModel` sees it; what is asked of it next encodes nothing again.

    Args:
        model: that encoded it.
        objects: the table.
        seen: unit vectors float32 [objects, modalities, embedding_dim].
        summaries: what level 2 weighs them by, float32 [objects, modalities, width].
        present: bool [objects, modalities].
        weights: of the modalities, above 0, float32 [modalities]; None: all alike.
    """

    model: WeighingModel
    objects: ObjectTable
    seen: np.ndarray = field(repr=False)
    summaries: np.ndarray = field(repr=False)
    present: np.ndarray = field(repr=False)
    weights: np.ndarray | None = None

    def __getitem__(self, rows: Any) -> "RuntimeObjects":
        """Some of the objects, by row numbers, a slice or a bool mask [objects]."""
        taken = np.arange(len(self))[rows]
        cut = {name: getattr(self, name)[taken] for name in ("objects", "seen", "summaries", "present")}
        return replace(self, **cut)

    def only(self, modalities: str | Sequence[str]) -> "RuntimeObjects":
        """The same objects as if they had only these modalities.

        Args:
            modalities: one or several names of the schema.

        Raises:
            InputError: no name, or an unknown one.
        """
        present = self.present & self.model.schema.mask(modalities)
        return replace(self, objects=self.objects.only(modalities), present=present)

    def weighted(self, weights: Mapping[str, float]) -> "RuntimeObjects":
        """The same objects, each modality's gate times its weight.

        Args:
            weights: numbers from 0 by modality, 1 where none is given; a modality of weight 0 counts as missing.

        Raises:
            ConfigError: fusion="free", which has no gates.
            InputError: an unknown modality, a weight below 0 or not finite, or no weight above 0.
        """
        factors = weight_factors(weights, self.model.modalities)
        self.refuse_free(where="weights")
        kept = self.only([name for name, factor in factors.items() if factor > 0])
        numbers = np.array([factor or 1.0 for factor in factors.values()], dtype=np.float32)
        return replace(kept, weights=numbers if self.weights is None else numbers * self.weights)

    def fused(self, subset: np.ndarray | None = None) -> tuple[np.ndarray, np.ndarray]:
        """Which objects have any of a subset, bool [objects], and their unit vectors float32 [objects with it, dim].

        Args:
            subset: bool [modalities], or [objects, modalities]; None: all that is present.
        """
        present = self.present if subset is None else self.present & subset
        has = np.asarray(present.any(axis=1))
        rows = np.flatnonzero(has)
        parts = (rows[start : start + AT_ONCE] for start in range(0, len(rows), AT_ONCE))
        nothing = np.zeros((0, self.seen.shape[2]), dtype=np.float32)
        return has, np.concatenate([nothing, *(self._fused(part, present[part]) for part in parts)])

    def summands(self) -> Iterator[Summands]:
        """Batches of the objects as sums."""
        for start in range(0, len(self), AT_ONCE):
            rows = np.arange(start, min(start + AT_ONCE, len(self)))
            here = self[rows]
            gates, context = here._weigh(here.present)
            yield Summands(rows, here.seen, here.present, gates, context, partial(RuntimeObjects.fused, here))

    def _fused(self, rows: np.ndarray, present: np.ndarray) -> np.ndarray:
        here = replace(self[rows], present=present)
        if self.model.fusion == "free":
            return self.model.weigh(here.seen, here.summaries, present)[0]
        gates, context = here._weigh(present)
        total = _sum(gates, here.seen)
        return units(total if context is None else total + context)

    def _weigh(self, present: np.ndarray) -> tuple[np.ndarray, np.ndarray | None]:
        """The gates float32 [objects, modalities], and the context [objects, dim], if any."""
        own, *contexts = self.model.weigh(self.seen, self.summaries, present)
        if self.weights is None:
            return own, contexts[0] if contexts else None
        gates = own * self.weights
        gates /= gates.sum(axis=1, keepdims=True)
        if not contexts:
            return gates, None
        # A context keeps its share of the sum's length.
        lengths = [np.linalg.norm(_sum(each, self.seen), axis=1, keepdims=True) for each in (own, gates)]
        return gates, contexts[0] * (lengths[1] / np.maximum(lengths[0], np.float32(1e-12)))


def units(vectors: np.ndarray) -> np.ndarray:
    """Vectors at unit length; one of zeros, which has no direction, gets the same fixed one everywhere.

    Args:
        vectors: float32 [..., dim].
    """
    lengths = np.linalg.norm(vectors, axis=-1, keepdims=True)
    fixed = np.float32(vectors.shape[-1] ** -0.5)
    return np.where(lengths > 1e-12, vectors / np.maximum(lengths, np.float32(1e-12)), fixed)


def _sum(gates: np.ndarray, vectors: np.ndarray) -> np.ndarray:
    return np.asarray(np.einsum("om,omd->od", gates, vectors))
