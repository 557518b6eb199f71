"""Products by other kernels: how far off, when they are used, and that the switch behind them is put back."""

from collections.abc import Iterator
from contextlib import nullcontext
from functools import partial
from pathlib import Path

import pytest
import torch
from torch import Tensor

from steradian.losses import matmul
from steradian.losses.matmul import LARGE, Precision, add_product, product

PRECISIONS: tuple[Precision, ...] = ("float32", "bfloat16")
in_either_precision = pytest.mark.parametrize("precision", PRECISIONS)
SWITCH = getattr(torch.backends.mkldnn, "matmul", None)
has_switch = pytest.mark.skipif(SWITCH is None, reason="this torch has no switch for it")


def factors(dtype: torch.dtype = torch.float32, n: int = 37, k: int = 64, m: int = 29) -> tuple[Tensor, Tensor]:
    return torch.randn(n, k, dtype=dtype), torch.randn(m, k, dtype=dtype).T


def both(left: Tensor, right: Tensor, precision: Precision) -> tuple[Tensor, Tensor]:
    """The product, and a total of ones with the product added."""
    out, total = left.new_full((len(left), right.shape[1]), torch.nan), left.new_ones(len(left), right.shape[1])
    assert product(left, right, precision=precision, out=out) is out
    assert add_product(total, left, right, precision=precision) is total
    return out, total


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_in_float32_it_is_the_product_of_torch(dtype: torch.dtype) -> None:
    left, right = factors(dtype)
    found, added = both(left, right, "float32")
    expected = left.double() @ right.double()
    tolerance = 1e-5 if dtype == torch.float32 else 1e-13
    torch.testing.assert_close(found.double(), expected, rtol=0.0, atol=tolerance * 10)
    torch.testing.assert_close(added.double(), expected + 1.0, rtol=0.0, atol=tolerance * 10)


def test_bfloat16_rounds_each_factor_to_within_two_to_the_minus_8() -> None:
    left, right = factors()
    most = 2.0 * 2.0**-8 * (left.double().abs() @ right.double().abs()) + 1e-4
    expected = left.double() @ right.double()
    found, added = both(left, right, "bfloat16")
    assert ((found.double() - expected).abs() <= most).all()
    assert ((added.double() - expected - 1.0).abs() <= most).all()


def test_bfloat16_sums_in_float32() -> None:
    """Small integers are exact in bfloat16; their sums, of up to 16 bits, are exact in float32 only."""
    left, right = torch.randint(-15, 16, (20, 300)).float(), torch.randint(-15, 16, (300, 20)).float()
    expected = left @ right
    assert not expected.bfloat16().float().equal(expected)
    found, added = both(left, right, "bfloat16")
    assert found.equal(expected) and added.equal(expected + 1.0)


def test_bfloat16_leaves_float64_as_it_is() -> None:
    left, right = factors(torch.float64)
    for found, expected in zip(both(left, right, "bfloat16"), both(left, right, "float32"), strict=True):
        assert found.equal(expected)


@in_either_precision
@pytest.mark.parametrize(("n", "k", "m"), [(0, 4, 3), (3, 0, 4), (3, 4, 0), (1, 1, 1)])
def test_empty_and_single(n: int, k: int, m: int, precision: Precision) -> None:
    left, right = factors(n=n, k=k, m=m)
    found, added = both(left, right, precision)
    torch.testing.assert_close(found, left @ right, rtol=0.01, atol=0.0)
    torch.testing.assert_close(added, left @ right + 1.0, rtol=0.01, atol=0.01)


@in_either_precision
def test_factors_and_results_of_any_layout(precision: Precision) -> None:
    left, right = factors()
    views = left.T.contiguous().T, torch.randn(64, 58)[:, ::2].copy_(right)
    room = torch.zeros(50, 29)
    found = product(*views, precision=precision, out=room[5:42])
    torch.testing.assert_close(found, left @ right, rtol=0.0, atol=0.3 if precision == "bfloat16" else 1e-4)
    assert not room[:5].any() and not room[42:].any()


@has_switch
@in_either_precision
def test_the_switch_is_on_during_bfloat16_products_only(monkeypatch: pytest.MonkeyPatch, precision: Precision) -> None:
    seen = []
    multiply, add = torch.mm, Tensor.addmm_
    monkeypatch.setattr(torch, "mm", lambda *a, **k: (seen.append(SWITCH.fp32_precision), multiply(*a, **k))[1])
    monkeypatch.setattr(Tensor, "addmm_", lambda *a, **k: (seen.append(SWITCH.fp32_precision), add(*a, **k))[1])
    before = SWITCH.fp32_precision
    both(*factors(), precision)
    assert seen == (["bf16", "bf16"] if precision == "bfloat16" else [before, before])
    assert SWITCH.fp32_precision == before


@has_switch
@pytest.mark.parametrize("before", ["none", "ieee", "tf32", "bf16"])
def test_the_switch_is_put_back_also_after_a_mistake(before: str, request: pytest.FixtureRequest) -> None:
    request.addfinalizer(partial(setattr, SWITCH, "fp32_precision", SWITCH.fp32_precision))
    SWITCH.fp32_precision = before
    left, right = factors()
    both(left, right, "bfloat16")
    assert SWITCH.fp32_precision == before
    with pytest.raises(RuntimeError):
        product(left, left, precision="bfloat16", out=torch.empty(37, 37))
    assert SWITCH.fp32_precision == before
    with pytest.raises(RuntimeError):
        add_product(torch.zeros(2, 2), left, right, precision="bfloat16")
    assert SWITCH.fp32_precision == before


@has_switch
def test_the_switch_is_put_back_when_two_threads_have_it_on_at_once() -> None:
    before, first, second = SWITCH.fp32_precision, matmul._half_factors(True), matmul._half_factors(True)
    first.__enter__()
    second.__enter__()
    first.__exit__(None, None, None)
    assert SWITCH.fp32_precision == "bf16"
    second.__exit__(None, None, None)
    assert SWITCH.fp32_precision == before


# -- Float32 by the faster kernel --------------------------------------------------------------------------------------


@pytest.fixture
def fresh_probe() -> Iterator[None]:
    """The probe asks anew, and after the test again."""
    matmul._switch_is_exact.cache_clear()
    yield
    matmul._switch_is_exact.cache_clear()


@pytest.fixture
def amd(fresh_probe: None, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """A machine that says it is one of AMD with AVX-512."""
    processor = tmp_path / "cpuinfo"
    processor.write_text("processor\t: 0\nvendor_id\t: AuthenticAMD\n")
    monkeypatch.setattr(matmul, "PROCESSOR", processor)
    monkeypatch.setattr(torch.backends.cpu, "get_cpu_capability", lambda: "AVX512")
    return processor


def test_large_float32_products_round_no_factor() -> None:
    left, right = factors(n=LARGE // 128 // 256 + 1, k=128, m=256)
    most = 128 * 2.0**-24 * (left.double().abs() @ right.double().abs())
    expected = left.double() @ right.double()
    found, added = both(left, right, "float32")
    assert ((found.double() - expected).abs() <= most).all()
    assert ((added.double() - expected - 1.0).abs() <= most + 2.0**-19).all()


@pytest.mark.parametrize("exact", [True, False])
@pytest.mark.parametrize("rows", [1023, 1024])
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_the_other_kernel_takes_large_float32_products_where_it_is_exact(
    dtype: torch.dtype, rows: int, exact: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(matmul, "_switch_is_exact", lambda: exact)
    left, right = factors(dtype, rows, 128, 256)
    expected = exact and dtype == torch.float32 and rows * 128 * 256 >= LARGE
    assert matmul._switched(left, right, "float32") == expected


def test_the_probe_refuses_a_kernel_that_rounds(amd: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    # The plain kernel stands for the other one, which may itself round here.
    monkeypatch.setattr(matmul, "_half_factors", lambda wanted: nullcontext())
    multiply = torch.mm
    for rounded in ("left", "right", "none"):

        def rounding(left: Tensor, right: Tensor, *, out: Tensor, rounded: str = rounded) -> Tensor:
            left = left.bfloat16().float() if rounded == "left" else left
            return multiply(left, right.bfloat16().float() if rounded == "right" else right, out=out)

        monkeypatch.setattr(torch, "mm", rounding)
        matmul._switch_is_exact.cache_clear()
        assert matmul._switch_is_exact() == (rounded == "none")


def test_the_probe_leaves_other_processors_alone(amd: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch, "mm", lambda *factors, out: pytest.fail("nothing is to be multiplied"))
    amd.write_text("processor\t: 0\nvendor_id\t: GenuineIntel\n")
    assert not matmul._switch_is_exact()
    matmul._switch_is_exact.cache_clear()
    amd.unlink()
    assert not matmul._switch_is_exact()
    matmul._switch_is_exact.cache_clear()
    amd.write_text("processor\t: 0\nvendor_id\t: AuthenticAMD\n")
    monkeypatch.setattr(torch.backends.cpu, "get_cpu_capability", lambda: "AVX2")
    assert not matmul._switch_is_exact()
