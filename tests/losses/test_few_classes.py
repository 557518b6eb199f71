"""The streaming softmax where it does not stream: few classes, all cosines at once, against the sweep."""

from typing import Any

import pytest
import torch
from torch import Tensor
from torch.nn import functional as F

from steradian.losses import streaming
from steradian.losses.streaming import Streamed, stream_softmax


def problem(rows: int, classes: int, own: int, *, dtype: torch.dtype = torch.float64) -> tuple[Tensor, Tensor, Tensor]:
    """Embeddings, own classes, of which a third are missing where a row may have several, and centers of any length."""
    generator = torch.Generator().manual_seed(rows + classes + own)
    embeddings = F.normalize(torch.randn(rows, 8, generator=generator, dtype=dtype), dim=1)
    numbers = torch.rand(rows, classes, generator=generator).argsort(1)[:, :own]
    if own > 1:
        numbers = numbers.masked_fill(torch.rand(numbers.shape, generator=generator) < 0.3, -1)
    return embeddings, numbers, 3 * torch.randn(classes, 8, generator=generator, dtype=dtype)


def values_and_gradients(inputs: tuple[Tensor, Tensor, Tensor], **options: Any) -> tuple[Streamed, list[Tensor]]:
    embeddings, own, centers = inputs[0].clone().requires_grad_(), inputs[1], inputs[2].clone().requires_grad_()
    found = stream_softmax(embeddings, own, class_centers=centers, scale=9.0, **options)
    weights = torch.linspace(1, 2, len(own), dtype=embeddings.dtype)
    total = (found.others * weights).sum() + (found.own.sum(1) * weights.flip(0)).sum()
    if options.get("with_sum"):
        total = total + 0.1 * (found.others_sum * weights).sum()
    return found, list(torch.autograd.grad(total, [embeddings, centers]))


@pytest.fixture
def swept(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Which of the three ways was gone."""
    ways: list[str] = []
    plain, few, sweep = streaming._all_at_once, streaming._Few.apply, streaming._Stream.apply
    monkeypatch.setattr(streaming, "_all_at_once", lambda *a, **k: ways.append("at once") or plain(*a, **k))
    monkeypatch.setattr(streaming._Few, "apply", lambda *a: ways.append("by hand") or few(*a))
    monkeypatch.setattr(streaming._Stream, "apply", lambda *a: ways.append("sweep") or sweep(*a))
    return ways


@pytest.mark.parametrize(("rows", "classes", "own"), [(1, 2, 1), (7, 3, 1), (7, 3, 2), (40, 100, 1), (40, 100, 5)])
@pytest.mark.parametrize("with_sum", [True, False])
@pytest.mark.parametrize(("dtype", "tolerance"), [(torch.float64, 1e-12), (torch.float32, 2e-5)])
def test_it_is_the_sweep(
    rows: int,
    classes: int,
    own: int,
    with_sum: bool,
    dtype: torch.dtype,
    tolerance: float,
    swept: list[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    inputs = problem(rows, classes, own, dtype=dtype)
    found, gradients = values_and_gradients(inputs, with_sum=with_sum)
    monkeypatch.setattr(streaming, "FEW_CLASSES", 0)
    expected, expected_gradients = values_and_gradients(inputs, with_sum=with_sum)
    assert swept == ["by hand" if own == 1 and not with_sum else "at once", "sweep"]
    for one, other in zip([*found, *gradients], [*expected, *expected_gradients], strict=True):
        torch.testing.assert_close(one, other, rtol=tolerance, atol=tolerance)


def test_gradients_by_finite_differences() -> None:
    embeddings, own, centers = problem(4, 5, 2)

    def total(embeddings: Tensor, centers: Tensor) -> Tensor:
        found = stream_softmax(embeddings, own, class_centers=centers, scale=5.0, with_sum=True)
        return found.others.sum() + found.own.sum() + found.others_sum.sum()

    assert torch.autograd.gradcheck(total, (embeddings.requires_grad_(), centers.requires_grad_()))


def test_second_gradients_by_finite_differences() -> None:
    embeddings, own, centers = problem(3, 4, 1)

    def parts(embeddings: Tensor, centers: Tensor) -> tuple[Tensor, Tensor]:
        return stream_softmax(embeddings, own, class_centers=centers, scale=5.0)[:2]

    inputs = embeddings.requires_grad_(), centers.requires_grad_()
    assert torch.autograd.gradcheck(parts, inputs)
    assert torch.autograd.gradgradcheck(parts, inputs)


@pytest.mark.parametrize("needed", [0, 1])
def test_by_hand_gives_the_gradient_that_is_needed(needed: int, swept: list[str]) -> None:
    embeddings, own, centers = problem(6, 5, 1)
    expected = values_and_gradients((embeddings, own, centers))[1][needed]
    tensors = [embeddings, centers]
    tensors[needed].requires_grad_()
    found = stream_softmax(tensors[0], own, class_centers=tensors[1], scale=9.0)
    weights = torch.linspace(1, 2, 6, dtype=torch.float64)
    ((found.others * weights).sum() + (found.own[:, 0] * weights.flip(0)).sum()).backward()
    torch.testing.assert_close(tensors[needed].grad, expected, rtol=1e-12, atol=1e-12)
    assert swept == ["by hand", "by hand"]


@pytest.mark.parametrize(
    ("rows", "classes", "options"),
    [
        (2, 257, {}),
        (1100, 250, {}),
        (2, 3, {"memory_budget": 0}),
        (2, 3, {"precision": "bfloat16"}),
        (2, 3, {"classes": torch.tensor([0, 1, 2])}),
        (2, 3, {"take_gradient": lambda rows, gradient: None}),
        (2, 3, {"bend": lambda cosines, own: (9.0 * cosines, torch.full_like(cosines, 9.0))}),
    ],
    ids=["many classes", "many cosines", "no memory", "bfloat16", "sampled", "taken", "bent"],
)
def test_all_else_is_swept(rows: int, classes: int, options: dict[str, Any], swept: list[str]) -> None:
    embeddings, own, centers = problem(rows, classes, 1, dtype=torch.float32)
    stream_softmax(embeddings, own, class_centers=centers, scale=9.0, **options)
    assert swept == ["sweep"]


def test_sub_centers_and_rows_with_every_class_are_swept(swept: list[str]) -> None:
    embeddings, own, centers = problem(3, 4, 4)
    assert stream_softmax(embeddings, own.clamp(min=-1), class_centers=centers, scale=9.0).others.shape == (3,)
    stream_softmax(embeddings, own[:, :1], class_centers=centers[:, None], scale=9.0)
    assert swept == ["sweep", "sweep"]


def test_autocast_does_not_reach_the_cosines() -> None:
    embeddings, own, centers = problem(6, 5, 1, dtype=torch.float32)
    expected = stream_softmax(embeddings, own, class_centers=centers, scale=9.0)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        found = stream_softmax(embeddings, own, class_centers=centers, scale=9.0)
    assert torch.equal(found.own, expected.own)
    assert torch.equal(found.others, expected.others)
