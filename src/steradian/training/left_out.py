"""What `fit` has left out in turn, seen by models that have not learnt from it."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import torch

from steradian.model import Encoder, ModalityVectors
from steradian.model.inference import fuse_subset

__all__ = ["LeftOut", "LeftOutPart"]

MOST_NUMBERS = 1 << 24
"""Of all vectors that are kept: 64 MiB."""


@dataclass(frozen=True)
class LeftOutPart:
    """Objects that one fit has left out.

    Args:
        encoder: of that fit.
        encoded: its vectors of the objects' modalities, on the CPU.
        labels: class names [objects].
        rows: which of the table they are, int64 [objects].
    """

    encoder: Encoder
    encoded: ModalityVectors
    labels: np.ndarray
    rows: np.ndarray

    def drawn(self, rows: np.ndarray) -> "LeftOutPart":
        """Some of the objects.

        Args:
            rows: int64 [rows].
        """
        return LeftOutPart(self.encoder, self.encoded[torch.from_numpy(rows)], self.labels[rows], self.rows[rows])

    def fused(self, mask: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Which objects have any of what a mask leaves them, bool [objects], and the unit vectors of these.

        Args:
            mask: bool [objects, modalities].
        """
        # Its network may stand in the model as well, and there on another device.
        device = self.encoder.device
        return fuse_subset(self.encoder, self.encoded.to(device), torch.from_numpy(mask).to(device))


@dataclass(frozen=True)
class LeftOut:
    """The objects that the fits of a table have left out, one part a fit.

    Args:
        parts: none share an object.
        new_classes: whether whole classes were left out, so that no center of theirs is known.
    """

    parts: tuple[LeftOutPart, ...]
    new_classes: bool

    @classmethod
    def drawn(cls, parts: Sequence[LeftOutPart], *, new_classes: bool, random_state: int) -> "LeftOut":
        """As many objects of each part as the memory allows.

        Args:
            parts: at least one.
            new_classes: see the class.
            random_state: of the draw.
        """
        rng = np.random.default_rng(random_state)
        size = parts[0].encoded.vectors[0].numel()
        most = max(1, MOST_NUMBERS // (size * len(parts)))
        kept = (part.drawn(np.sort(rng.permutation(len(part.labels))[:most])) for part in parts)
        return cls(tuple(kept), new_classes)

    @property
    def labels(self) -> np.ndarray:
        """Class names of all objects, part after part [objects]."""
        return np.concatenate([part.labels for part in self.parts])

    @property
    def numbers(self) -> np.ndarray:
        """Which part each object is of, int64 [objects]."""
        return np.repeat(np.arange(len(self.parts)), [len(part.labels) for part in self.parts])

    @property
    def present(self) -> np.ndarray:
        """What each object has, bool [objects, modalities]."""
        return np.concatenate([part.encoded.present.numpy() for part in self.parts])

    def subsets(self, masks: Sequence[np.ndarray]) -> Iterator[tuple[np.ndarray, np.ndarray]]:
        """For each mask, the rows int64 [rows] that have any of it and their unit vectors [rows, embedding_dim].

        Args:
            masks: bool [objects, modalities] each.
        """
        ends = np.cumsum([len(part.labels) for part in self.parts])[:-1]
        for mask in masks:
            found = [part.fused(own) for part, own in zip(self.parts, np.split(mask, ends), strict=True)]
            has, vectors = zip(*found, strict=True)
            yield np.flatnonzero(np.concatenate(has)), np.concatenate(vectors)
