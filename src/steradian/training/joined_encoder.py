"""An encoder whose work several ranks share: each encodes its rows of a batch, and all get the vectors of all rows."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace

import numpy as np
import torch
from torch.nn import functional as F

from steradian.data.batch import Batch, PreparedObjects
from steradian.model import ModalityVectors, SphereEncoder, TensorBatch
from steradian.ranks import Ranks, gather_rows

__all__ = ["JoinedEncoder", "shared_batch"]


class JoinedEncoder:
    """What an objective sees of an encoder: its vectors of the joined batch, of which a rank computes its own rows.

    What is drawn within it, such as dropout, each rank draws for itself, by seed, step and rank; what the objective
    draws is the same in every rank, and in one process.

    Args:
        encoder: both levels, the same in each rank.
        ranks: the processes.
        random_state: of the draws.
    """

    def __init__(self, encoder: SphereEncoder, ranks: Ranks, *, random_state: int) -> None:
        self._encoder, self._ranks, self._random_state = encoder, ranks, random_state
        self._step = self._calls = self._objects = 0

    def begin(self, step: int) -> None:
        """Draw by this step from now on."""
        self._step, self._calls = step, 0

    def encode(self, batch: TensorBatch) -> ModalityVectors:
        """Level 1; summaries are zero but in this rank's rows.

        Args:
            batch: labels and presence of all rows, items of this rank's: see `shared_batch`.
        """
        self._objects = len(batch.present)
        own = self._ranks.share(self._objects)
        with self._own_draws():
            encoded = self._encoder.encode(replace(batch, present=batch.present[own]))
        vectors = gather_rows(encoded.vectors, self._ranks, counts=self._ranks.counts(self._objects))
        summaries = F.pad(encoded.summaries, (0, 0, 0, 0, own.start, self._objects - own.stop))
        return ModalityVectors(vectors, summaries, batch.present)

    def fuse(self, encoded: ModalityVectors, subset: torch.Tensor | None = None) -> torch.Tensor:
        """Level 2; arguments as of `SphereEncoder`, the rows of `encode` once or several times.

        Args:
            encoded: of all rows.
            subset: likewise.
        """
        own = self._ranks.share(self._objects)
        times, device = len(encoded.present) // self._objects, encoded.present.device
        rows = torch.arange(len(encoded.present), device=device).view(times, -1)[:, own].flatten()
        with self._own_draws():
            fused = self._encoder.fuse(encoded[rows], None if subset is None else subset[rows])
        # All that belongs to an object side by side, so that ranks' objects follow each other.
        fused = fused.view(times, -1, fused.shape[-1]).transpose(0, 1)
        joined = gather_rows(fused, self._ranks, counts=self._ranks.counts(self._objects))
        return joined.transpose(0, 1).flatten(0, 1)

    @contextmanager
    def _own_draws(self) -> Iterator[None]:
        device = self._encoder.device
        with torch.random.fork_rng(devices=[device] if device.type == "cuda" else []):
            seed = np.random.SeedSequence((self._random_state, self._step, self._calls, self._ranks.rank))
            torch.manual_seed(int(seed.generate_state(1)[0]))
            yield
        self._calls += 1


def shared_batch(objects: PreparedObjects, rows: np.ndarray, ranks: Ranks) -> Batch:
    """A batch with the items of this rank's share of the rows; labels, weights and presence are of all.

    Args:
        objects: with class numbers.
        rows: of all ranks, int64 [rows].
        ranks: the processes.
    """
    batch = objects.batch(rows[ranks.share(len(rows))])
    labels, weights = (None if each is None else each[rows] for each in (objects.labels, objects.weights))
    return replace(batch, present=objects.present[rows], labels=labels, weights=weights)
