"""Near classes against sorted lists, CurricularFace against its formula, and what a sample of classes holds."""

import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor
from torch.nn import functional as F

from steradian.losses import hard_negatives, nearest_others, sample_classes


def seeded(random_state: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(random_state)


def problem(rows: int = 7, num_classes: int = 12, *, centers_a_class: int = 0) -> tuple[Tensor, Tensor, Tensor]:
    """Embeddings of unit length, labels, and class centers of any length."""
    shape = (num_classes, centers_a_class, 5) if centers_a_class else (num_classes, 5)
    embeddings = F.normalize(torch.randn(rows, 5, generator=seeded(1), dtype=torch.float64), dim=1)
    labels = torch.randint(num_classes, (rows,), generator=seeded(2))
    return embeddings, labels, torch.randn(shape, generator=seeded(3), dtype=torch.float64)


# -- The nearest of the other classes ----------------------------------------------------------------------------------


def sorted_others(
    embeddings: Tensor, labels: Tensor, class_centers: Tensor, *, count: int, numbers: list[int]
) -> list[list[int]]:
    """Row by row."""
    found = []
    for row, label in zip(embeddings.tolist(), labels.tolist(), strict=True):
        cosines = {}
        for number in numbers:
            centers = class_centers[number].reshape(-1, len(row)).tolist()
            cosines[number] = max(
                math.fsum(a * b for a, b in zip(row, center, strict=True)) / math.hypot(*center) for center in centers
            )
        found.append(sorted((n for n in numbers if n != label), key=cosines.__getitem__, reverse=True)[:count])
    return found


@pytest.mark.parametrize("count", [1, 3, 10])
@pytest.mark.parametrize("centers_a_class", [0, 1, 3])
@pytest.mark.parametrize("at_once", [1, 7 * 5, 2**22])
def test_nearest_others_are_the_first_of_the_sorted(
    count: int, centers_a_class: int, at_once: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Of the 12 classes one, five or all are searched at once.
    monkeypatch.setattr(hard_negatives, "COSINES", at_once)
    embeddings, labels, centers = problem(centers_a_class=centers_a_class)
    found = nearest_others(embeddings, labels, class_centers=centers, count=count)
    assert found.dtype == torch.int64
    assert found.tolist() == sorted_others(embeddings, labels, centers, count=count, numbers=list(range(12)))


@pytest.mark.parametrize("at_once", [7, 7 * 2, 2**22])
def test_of_sampled_classes_only_these_are_searched(at_once: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(hard_negatives, "COSINES", at_once)
    embeddings, _, centers = problem()
    numbers, labels = [1, 4, 5, 8, 11], torch.tensor([1, 4, 5, 8, 11, 1, 4])
    found = nearest_others(embeddings, labels, class_centers=centers, count=4, classes=torch.tensor(numbers))
    assert found.tolist() == sorted_others(embeddings, labels, centers, count=4, numbers=numbers)


def test_the_search_takes_no_gradient_and_changes_nothing() -> None:
    given_tensors = problem()
    before = [tensor.clone() for tensor in given_tensors]
    embeddings, labels, centers = given_tensors
    leaf = embeddings.clone().requires_grad_()
    assert not nearest_others(leaf, labels, class_centers=centers, count=2).requires_grad
    assert all(torch.equal(tensor, copy) for tensor, copy in zip(given_tensors, before, strict=True))


# -- A sample of the classes -------------------------------------------------------------------------------------------


@given(
    labels=st.lists(st.integers(-1, 39), max_size=20),
    share=st.floats(0.01, 1.0),
    random_state=st.integers(0, 1000),
)
def test_a_sample_rises_and_holds_every_label(labels: list[int], share: float, random_state: int) -> None:
    chosen = sample_classes(torch.tensor(labels, dtype=torch.int64), 40, share=share, generator=seeded(random_state))
    assert chosen.dtype == torch.int64
    assert {label for label in labels if label >= 0} <= set(chosen.tolist()) <= set(range(40))
    assert (chosen.diff() > 0).all()


def test_labels_of_any_shape_and_none() -> None:
    labels = torch.tensor([[3, -1], [7, 3]])
    chosen = sample_classes(labels, 10, share=1e-9, generator=seeded())
    assert chosen.tolist() == [3, 7]
    assert sample_classes(torch.full((4, 2), -1), 10, share=1e-9, generator=seeded()).tolist() == []
    assert sample_classes(labels, 10, share=1.0).tolist() == list(range(10))


@pytest.mark.parametrize("share", [0.1, 0.3, 0.9])
def test_of_the_other_classes_it_is_about_the_share(share: float) -> None:
    count, own = 20_000, 500
    chosen = sample_classes(torch.arange(own), count, share=share, generator=seeded())
    others = (chosen >= own).sum().item()
    spread = math.sqrt((count - own) * share * (1 - share))
    assert abs(others - (count - own) * share) < 5 * spread
    # Low and high class numbers are as likely.
    assert chosen[chosen >= own].double().mean().item() == pytest.approx((count + own) / 2, rel=0.02)


def test_a_generator_gives_the_same_sample_again_and_leaves_the_global_one() -> None:
    labels, state = torch.tensor([5]), torch.get_rng_state()
    first, again, other = (
        sample_classes(labels, 200, share=0.3, generator=seeded(random_state)) for random_state in (4, 4, 5)
    )
    assert torch.equal(first, again)
    assert not torch.equal(first, other)
    assert torch.equal(torch.get_rng_state(), state)


def test_without_a_generator_every_call_draws_anew() -> None:
    labels = torch.tensor([5])
    first, second = (sample_classes(labels, 200, share=0.3) for _ in range(2))
    assert not torch.equal(first, second)
    torch.manual_seed(0)
    assert torch.equal(sample_classes(labels, 200, share=0.3), first)
