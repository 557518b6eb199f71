"""Memory that one step leaves for the next: asking the system for fresh pages can cost as much as a matrix product."""

import mmap
import weakref
from math import prod
from threading import Lock

import torch
from torch import Tensor
from torch.utils.weak import WeakIdKeyDictionary

__all__ = ["give_workspace", "gradient_memory", "take_workspace"]

LARGE = 1 << 20
"""From about here on the system may give fresh pages at every allocation (glibc: from 32 MB always)."""

_lock = Lock()
_idle: dict[torch.dtype, Tensor] = {}
_pages: WeakIdKeyDictionary = WeakIdKeyDictionary()


def take_workspace(elements: int, like: Tensor) -> Tensor:
    """A flat tensor [at least elements] with anything in it.

    On the CPU it is the one given back last, if that is long enough. Two takers never get the same memory.

    Args:
        elements: how many, 0 or more.
        like: gives type and device.
    """
    if like.device.type == "cpu":
        with _lock:
            idle = _idle.pop(like.dtype, None)
        if idle is not None and idle.numel() >= elements:
            return idle
    # A tensor made in inference mode could never be written to by a training that gets it later.
    with torch.inference_mode(False):
        return torch.empty(elements, dtype=like.dtype, device=like.device)


def give_workspace(workspace: Tensor) -> None:
    """Leave a workspace for the next taker; of several the longest is kept.

    Args:
        workspace: from `take_workspace`; the giver uses it no more.
    """
    if workspace.device.type != "cpu":
        return
    with _lock:
        idle = _idle.get(workspace.dtype)
        if idle is None or idle.numel() < workspace.numel():
            _idle[workspace.dtype] = workspace


def gradient_memory(parameter: Tensor, shape: tuple[int, ...]) -> Tensor:
    """A tensor of this shape with anything in it, for a gradient of the parameter.

    On the CPU of a Linux machine the memory of a large one stays with its parameter: once no tensor is left that uses
    it, the next gradient of the same shape gets it again, as `zero_grad(set_to_none=False)` would keep it. So gradients
    are best cleared before a forward pass. It lies on huge pages, and goes when the parameter goes.

    Args:
        parameter: gives type and device, and owns the memory.
        shape: of the gradient.
    """
    size = prod(shape) * parameter.element_size()
    if parameter.device.type != "cpu" or size < LARGE or not hasattr(mmap, "MADV_HUGEPAGE"):
        return torch.empty(shape, dtype=parameter.dtype, device=parameter.device)
    with _lock:
        pages, in_use = _pages.pop(parameter, (None, None))
        if pages is None or len(pages) != size or in_use() is not None:
            pages = mmap.mmap(-1, size, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS)
            pages.madvise(mmap.MADV_HUGEPAGE)
        # Only the tensor and its views hold the window, so it is gone when they are.
        window = memoryview(pages)
        tensor = torch.frombuffer(window, dtype=parameter.dtype).view(shape)
        _pages[parameter] = pages, weakref.ref(window)
    return tensor
