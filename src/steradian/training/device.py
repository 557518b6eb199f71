"""Where to compute, and in which precision."""

from collections.abc import Iterator
from contextlib import contextmanager

import torch

from steradian.errors import ConfigError

__all__ = ["choose_device", "choose_precision", "own_modes"]


def choose_device(name: str) -> torch.device:
    """The device of a name; "auto" is CUDA, else MPS, else CPU.

    Args:
        name: "auto", or a device as torch names it.

    Raises:
        ConfigError: a device that torch does not know or this machine does not have.

    Examples:
        >>> choose_device("cpu")
        device(type='cpu')
    """
    if name == "auto":
        mps = torch.backends.mps.is_available()
        return torch.device("cuda" if torch.cuda.is_available() else "mps" if mps else "cpu")
    try:
        device = torch.device(name)
        torch.empty(0, device=device)
    except (RuntimeError, AssertionError) as error:
        raise ConfigError(
            want='"auto" or a torch device of this machine, such as "cpu" or "cuda:0"',
            got=repr(name),
            where="device",
            fix='Leave device="auto" to take the best there is.',
        ) from error
    return device


def choose_precision(name: str, device: torch.device) -> torch.dtype:
    """The encoders' float type; "auto" is bfloat16 on CUDA devices that have it, else float32.

    On CPU bfloat16 brought nothing at this size of model (docs/lab-log.md).

    Args:
        name: "auto", "float32" or "bfloat16".
        device: where the encoders are.

    Examples:
        >>> choose_precision("auto", torch.device("cpu"))
        torch.float32
    """
    if name == "auto":
        return torch.bfloat16 if device.type == "cuda" and torch.cuda.is_bf16_supported() else torch.float32
    return torch.bfloat16 if name == "bfloat16" else torch.float32


@contextmanager
def own_modes(device: str) -> Iterator[None]:
    """Gradients, float32 and no autocast, whatever a caller has set; modules are made and trained so.

    Args:
        device: the type of torch's device.

    Examples:
        >>> with torch.no_grad(), own_modes("cpu"):
        ...     torch.is_grad_enabled()
        True
    """
    usual = torch.get_default_dtype()
    torch.set_default_dtype(torch.float32)
    try:
        with torch.inference_mode(False), torch.enable_grad(), torch.autocast(device, enabled=False):
            yield
    finally:
        torch.set_default_dtype(usual)
