"""Memory that is used again: never by two at once, and not for longer than it may."""

import gc
import mmap
import weakref
from collections.abc import Callable
from itertools import pairwise
from typing import Any

import pytest
import torch
from torch import Tensor
from torch.nn import Parameter

from steradian.losses import workspace
from steradian.losses.workspace import give_workspace, gradient_memory, take_workspace

LIKE = torch.zeros(1)
ROWS, DIM = 1024, 16
USES = {
    "tensor": lambda gradient: gradient,
    "view": lambda gradient: gradient.view(DIM, ROWS),
    "row": lambda gradient: gradient[5],
    "detached": lambda gradient: gradient.detach(),
    "numpy": lambda gradient: gradient.numpy(),
    "storage": lambda gradient: gradient.untyped_storage(),
}
on_large_pages = pytest.mark.skipif(not hasattr(mmap, "MADV_HUGEPAGE"), reason="only Linux keeps it")


@pytest.fixture(autouse=True)
def _nothing_from_before(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(workspace, "_idle", {})
    monkeypatch.setattr(workspace, "LARGE", ROWS * DIM * 4)


def span(tensor: Tensor) -> tuple[int, int]:
    storage = tensor.untyped_storage()
    return storage.data_ptr(), storage.data_ptr() + storage.nbytes()


# -- Workspaces --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("elements", [0, 1, 1000])
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_it_is_flat_long_enough_and_of_the_type_asked_for(elements: int, dtype: torch.dtype) -> None:
    taken = take_workspace(elements, LIKE.to(dtype))
    assert (taken.ndim, taken.dtype, taken.device) == (1, dtype, LIKE.device)
    assert taken.numel() >= elements


def test_two_takers_never_share_memory() -> None:
    give_workspace(take_workspace(1000, LIKE))
    taken = sorted(span(take) for take in [take_workspace(length, LIKE) for length in (1000, 1000, 10, 500)])
    assert all(end <= start for (_, end), (start, _) in pairwise(taken))


def test_what_was_given_back_is_taken_next() -> None:
    first = take_workspace(1000, LIKE)
    give_workspace(first)
    assert take_workspace(1000, LIKE) is first
    give_workspace(first)
    assert take_workspace(10, LIKE) is first
    give_workspace(first)
    longer = take_workspace(1001, LIKE)
    assert longer is not first and longer.numel() >= 1001


@pytest.mark.parametrize("lengths", [(10, 1000, 100), (1000, 10, 100), (10, 100, 1000)])
def test_the_longest_is_kept_and_it_alone(lengths: tuple[int, ...]) -> None:
    taken = [take_workspace(length, LIKE) for length in lengths]
    dies = [weakref.ref(each) for each in taken]
    for each in taken:
        give_workspace(each)
    del taken, each
    assert [watch() is not None for watch in dies] == [length == 1000 for length in lengths]
    assert take_workspace(1, LIKE).numel() == 1000


def test_types_are_kept_apart() -> None:
    single, double = take_workspace(100, LIKE), take_workspace(100, LIKE.double())
    give_workspace(single)
    give_workspace(double)
    assert take_workspace(100, LIKE.double()) is double
    assert take_workspace(100, LIKE) is single


def test_one_from_inference_can_be_written_to_in_training() -> None:
    with torch.inference_mode():
        give_workspace(take_workspace(100, LIKE))
    assert take_workspace(100, LIKE).zero_().sum() == 0.0


def test_only_the_cpu_keeps_any() -> None:
    elsewhere = take_workspace(100, LIKE.to("meta"))
    assert elsewhere.is_meta and elsewhere.shape == (100,)
    give_workspace(elsewhere)
    assert workspace._idle == {}


# -- Gradient memory ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("rows", [0, 1, ROWS - 1, ROWS, ROWS + 1])
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_gradient_memory_is_a_tensor_like_any_other(rows: int, dtype: torch.dtype) -> None:
    parameter = Parameter(torch.randn(rows, DIM, dtype=dtype))
    gradient = gradient_memory(parameter, (rows, DIM))
    assert (gradient.shape, gradient.dtype) == (parameter.shape, dtype)
    assert gradient.is_contiguous() and not gradient.requires_grad
    assert gradient.copy_(parameter.detach()).equal(parameter)
    parameter.grad = gradient
    torch.optim.SGD([parameter], lr=1.0).step()
    assert not parameter.any()


def test_small_gradients_leave_nothing_behind() -> None:
    parameter = Parameter(torch.zeros(ROWS - 1, DIM))
    gradient_memory(parameter, (ROWS - 1, DIM))
    assert parameter not in workspace._pages


@on_large_pages
def test_a_large_one_comes_back_once_nothing_uses_it() -> None:
    parameter = Parameter(torch.zeros(ROWS, DIM))
    gradient = gradient_memory(parameter, (ROWS, DIM)).fill_(7.0)
    address = gradient.data_ptr()
    for _ in range(3):
        del gradient
        gradient = gradient_memory(parameter, (ROWS, DIM))
        assert gradient.data_ptr() == address
        # What stood there still stands there: the pages are the same, not new ones in the same place.
        assert gradient.eq(7.0).all()


@on_large_pages
@pytest.mark.parametrize("use", USES.values(), ids=USES)
def test_never_while_anything_uses_it(use: Callable[[Tensor], Any]) -> None:
    parameter = Parameter(torch.zeros(ROWS, DIM))
    gradient = gradient_memory(parameter, (ROWS, DIM)).fill_(1.0)
    address, used = gradient.data_ptr(), use(gradient)
    del gradient
    assert gradient_memory(parameter, (ROWS, DIM)).fill_(2.0).data_ptr() != address
    read = torch.empty(0).set_(used) if use is USES["storage"] else torch.as_tensor(used)
    assert read.eq(1.0).all()


@on_large_pages
def test_two_parameters_never_share_it() -> None:
    first, second = (Parameter(torch.zeros(ROWS, DIM)) for _ in range(2))
    address = gradient_memory(first, (ROWS, DIM)).data_ptr()
    assert gradient_memory(second, (ROWS, DIM)).data_ptr() != address
    assert gradient_memory(first, (ROWS, DIM)).data_ptr() == address


@on_large_pages
def test_another_size_is_other_memory_and_the_same_size_in_another_shape_is_not() -> None:
    parameter = Parameter(torch.zeros(ROWS, DIM))
    address = gradient_memory(parameter, (ROWS, DIM)).data_ptr()
    assert gradient_memory(parameter, (DIM, ROWS)).data_ptr() == address
    assert gradient_memory(parameter, (ROWS + 1, DIM)).shape == (ROWS + 1, DIM)
    assert gradient_memory(parameter, (ROWS, DIM)).shape == (ROWS, DIM)


@on_large_pages
@pytest.mark.parametrize("used", [True, False])
def test_it_goes_with_its_parameter_and_the_last_tensor(
    used: bool, request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch
) -> None:
    made, new_pages = [], mmap.mmap

    def watched(*sizes: int, **flags: int) -> mmap.mmap:
        pages = new_pages(*sizes, **flags)
        made.append(weakref.ref(pages))
        return pages

    monkeypatch.setattr(workspace.mmap, "mmap", watched)
    request.addfinalizer(gc.enable)
    gc.disable()
    parameter = Parameter(torch.zeros(ROWS, DIM))
    gradient = gradient_memory(parameter, (ROWS, DIM)).fill_(3.0)
    (pages,) = made
    parameters = len(workspace._pages)
    if not used:
        del gradient
    del parameter
    assert len(workspace._pages) == parameters - 1
    assert (pages() is not None) == used
    if used:
        assert gradient.eq(3.0).all()
        del gradient
        assert pages() is None


@on_large_pages
def test_a_training_loop_uses_one_memory_over_and_over() -> None:
    parameter = Parameter(torch.ones(ROWS, DIM))
    addresses = set()
    for _ in range(4):
        parameter.grad = None
        parameter.grad = gradient_memory(parameter, (ROWS, DIM)).fill_(0.1)
        addresses.add(parameter.grad.data_ptr())
    assert len(addresses) == 1
    assert gradient_memory(parameter, (ROWS, DIM)).fill_(9.0).data_ptr() not in addresses
    assert parameter.grad is not None and parameter.grad.eq(0.1).all()
