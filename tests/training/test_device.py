"""Where to compute, and in which precision."""

import pytest
import torch

from steradian.errors import ConfigError
from steradian.training.device import choose_device, choose_precision, own_modes


@pytest.mark.parametrize(
    ("cuda", "mps", "expected"),
    [(True, True, "cuda"), (True, False, "cuda"), (False, True, "mps"), (False, False, "cpu")],
)
def test_auto_takes_the_best_there_is(cuda: bool, mps: bool, expected: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: cuda)
    monkeypatch.setattr(torch.backends.mps, "is_available", lambda: mps)
    assert choose_device("auto") == torch.device(expected)


def test_a_device_by_its_name() -> None:
    assert choose_device("cpu") == torch.device("cpu")


@pytest.mark.parametrize("name", ["abacus", "", "cuda:999", "cpu:x", "Auto"])
def test_a_device_that_is_not_there_is_refused(name: str) -> None:
    with pytest.raises(ConfigError, match=r"^device: want .*Leave device=\"auto\"") as caught:
        choose_device(name)
    assert caught.value.got == repr(name)


@pytest.mark.parametrize(
    ("name", "device", "supported", "expected"),
    [
        ("auto", "cpu", True, torch.float32),
        ("auto", "mps", True, torch.float32),
        ("auto", "cuda", True, torch.bfloat16),
        ("auto", "cuda", False, torch.float32),
        ("float32", "cuda", True, torch.float32),
        ("bfloat16", "cpu", False, torch.bfloat16),
    ],
)
def test_precision(
    name: str, device: str, supported: bool, expected: torch.dtype, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(torch.cuda, "is_bf16_supported", lambda: supported)
    assert choose_precision(name, torch.device(device)) == expected


def test_a_callers_modes_do_not_reach_within_and_come_back() -> None:
    torch.set_default_dtype(torch.float64)
    try:
        with torch.inference_mode(), torch.no_grad(), torch.autocast("cpu"):
            with own_modes("cpu"):
                made = torch.ones(1, requires_grad=True)
                assert (made @ made).requires_grad and made.dtype == torch.float32
                assert not torch.is_autocast_enabled("cpu") and not made.is_inference()
            assert torch.is_inference_mode_enabled() and torch.is_autocast_enabled("cpu")
        assert torch.get_default_dtype() == torch.float64
    finally:
        torch.set_default_dtype(torch.float32)
