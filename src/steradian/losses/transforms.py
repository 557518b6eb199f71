"""What a caller does to a loss: torch.func, torch.vmap, torch.compile, DistributedDataParallel."""

import torch
from torch.nn.parallel import DistributedDataParallel

__all__ = ["in_distributed_forward", "is_compiled", "is_transformed"]


def is_transformed() -> bool:
    """Whether a transform of torch.func is at work, such as vmap or grad: it sees no values, and no custom function.

    Examples:
        >>> is_transformed(), bool(torch.vmap(lambda row: row + is_transformed())(torch.zeros(1)))
        (False, True)
    """
    # There is no public way to ask; without this one the transforms say themselves what they do not take.
    ask = getattr(torch._C._functorch, "peek_interpreter_stack", None)
    return not torch.compiler.is_compiling() and ask is not None and ask() is not None


def is_compiled() -> bool:
    """Whether torch.compile looks on: a question for a value would end its graph."""
    return torch.compiler.is_compiling()


def in_distributed_forward() -> bool:
    """Whether a module that is wrapped in DistributedDataParallel runs: it reduces no sparse gradients of our own."""
    return getattr(DistributedDataParallel, "_active_ddp_module", None) is not None
