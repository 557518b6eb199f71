"""Arrays become tensors of the same values, and on a CPU of the same memory."""

import numpy as np
import pytest
import torch

from steradian.modalities.tensors import laid_out, to_tensors


@pytest.mark.parametrize("kind", ["f2", "f4", "f8", "i4", "i8", "u1", "?"])
def test_tensors_have_the_arrays_values_kinds_and_memory(kind: str) -> None:
    array = np.arange(6).reshape(2, 3).astype(kind)
    (tensor,) = to_tensors({"a": array}).values()
    np.testing.assert_array_equal(tensor.numpy(), array)
    assert tensor.numpy().dtype == array.dtype and np.shares_memory(tensor.numpy(), array)


def test_they_stand_on_the_device() -> None:
    found = to_tensors({"a": np.zeros(2), "b": np.zeros(0)}, torch.device("meta"))
    assert {name: tensor.device.type for name, tensor in found.items()} == {"a": "meta", "b": "meta"}


def test_rows_are_laid_out_where_the_mask_is() -> None:
    mask = torch.tensor([[True, False, True], [False, False, False], [False, True, False]])
    rows = torch.arange(1.0, 7).reshape(3, 2).requires_grad_()
    expected = torch.zeros(3, 3, 2).masked_scatter(mask[..., None], rows)
    assert torch.equal(laid_out(rows, mask), expected)
    above = torch.randn(3, 3, 2)
    laid_out(rows, mask).backward(above)
    assert torch.equal(rows.grad, above[mask])
    assert laid_out(torch.zeros(0, 2), torch.zeros(0, 3, dtype=torch.bool)).shape == (0, 3, 2)
