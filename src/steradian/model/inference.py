"""From prepared objects to unit vectors, without gradients."""

from collections.abc import Iterator

import numpy as np
import torch
from torch import Tensor

from steradian.data.batch import PreparedObjects
from steradian.data.samplers import batches
from steradian.model.encoder import ModalityVectors, SphereEncoder

__all__ = ["embed", "embed_subsets"]


def embed(encoder: SphereEncoder, objects: PreparedObjects, rows: np.ndarray, *, batch_size: int) -> np.ndarray:
    """Unit vectors float32 [rows, embedding_dim] of some objects with all that is present.

    Args:
        encoder: in evaluation mode.
        objects: prepared objects.
        rows: int64 [rows].
        batch_size: objects at a time.
    """
    everything = torch.ones(1, objects.present.shape[1], dtype=torch.bool)
    parts = embed_subsets(encoder, objects, rows, subsets=everything, batch_size=batch_size)
    return np.concatenate([vectors for _, _, vectors in parts])


@torch.inference_mode()
def embed_subsets(
    encoder: SphereEncoder, objects: PreparedObjects, rows: np.ndarray, *, subsets: Tensor, batch_size: int
) -> Iterator[tuple[int, np.ndarray, np.ndarray]]:
    """Unit vectors of every subset of modalities, batch by batch; each item is encoded once.

    Args:
        encoder: in evaluation mode.
        objects: prepared objects.
        rows: int64 [rows].
        subsets: bool [subsets, modalities].
        batch_size: objects at a time.

    Yields:
        The number of a subset, those rows of a batch that have any of it, their vectors float32 [rows, embedding_dim].
    """
    device = next(encoder.parameters()).device
    for part in batches(rows, batch_size):
        encoded = encoder.encode(objects.batch(part).to(device))
        for number, subset in enumerate(subsets.to(device)):
            present = encoded.present & subset
            has = present.any(dim=1)
            kept = ModalityVectors(encoded.vectors[has], encoded.summaries[has], present[has])
            yield number, part[has.cpu().numpy()], encoder.fuse(kept).cpu().numpy()
