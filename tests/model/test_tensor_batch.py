"""A batch of tensors holds what the batch of arrays holds, on the device that is asked for."""

import numpy as np
import pytest
import torch

from steradian.data.batch import Batch
from steradian.model import TensorBatch


@pytest.mark.parametrize("device", ["cpu", "meta"])
@pytest.mark.parametrize("others", [{}, {"labels": np.array([3, 1])}, {"closed": np.ones((2, 1, 4), np.float32)}])
def test_everything_moves(device: str, others: dict[str, np.ndarray]) -> None:
    batch = Batch({"x": {"values": np.array([[1.0, 2.0]])}}, np.array([[True], [False]]), **others)
    found = TensorBatch.of(batch, torch.device(device))
    pairs = [(found.items["x"]["values"], batch.items["x"]["values"]), (found.present, batch.present)]
    for name in ("labels", "closed"):
        tensor, array = getattr(found, name), getattr(batch, name)
        assert (tensor is None) == (array is None)
        pairs += [] if array is None else [(tensor, array)]
    for tensor, array in pairs:
        assert tensor.device.type == device and tuple(tensor.shape) == array.shape
        assert device == "meta" or tensor.numpy().tolist() == array.tolist()
