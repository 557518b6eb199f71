"""A batch of arrays as tensors on a device."""

from dataclasses import dataclass

import torch
from torch import Tensor

from steradian.data.batch import Batch
from steradian.modalities.tensors import to_tensors

__all__ = ["TensorBatch"]


@dataclass(frozen=True)
class TensorBatch:
    """Some objects as tensors, on one device.

    Args:
        items: for each modality, what its tokenizer takes of the objects that have it, in the objects' order.
        present: bool [objects, modalities].
        labels: int64 [objects], or None.
        closed: the closed form's vectors float32 [objects, modalities, embedding_dim], or None.
        weights: of the objects' losses float32 [objects], or None.
    """

    items: dict[str, dict[str, Tensor]]
    present: Tensor
    labels: Tensor | None = None
    closed: Tensor | None = None
    weights: Tensor | None = None

    @classmethod
    def of(cls, batch: Batch, device: torch.device | str = "cpu") -> "TensorBatch":
        """The tensors of a batch; on a CPU they share its memory.

        Args:
            batch: arrays that nobody else changes.
            device: where the tensors are to stand.
        """
        items = {name: to_tensors(arrays, device) for name, arrays in batch.items.items()}
        others = {"present": batch.present, "labels": batch.labels, "closed": batch.closed, "weights": batch.weights}
        return cls(items, **to_tensors({name: array for name, array in others.items() if array is not None}, device))
