"""The class centers and the cosines to them."""

import math
from threading import Barrier

import pytest
import torch
from torch import Tensor
from torch.nn import functional as F

from steradian.model import SphericalClassifier
from steradian.ranks import Ranks
from tests.thread_ranks import ThreadRanks, in_threads


@pytest.fixture
def classifier() -> SphericalClassifier:
    return SphericalClassifier(5, 7)


def test_cosines_are_those_of_the_angles(classifier: SphericalClassifier) -> None:
    embeddings = F.normalize(torch.randn(4, 7), dim=-1)
    with torch.no_grad():
        classifier.weight *= torch.tensor([[0.01], [1.0], [3.0], [100.0], [1.0]])
    expected = [[math.cos(_angle(z, w)) for w in classifier.weight.tolist()] for z in embeddings.tolist()]
    torch.testing.assert_close(classifier(embeddings), torch.tensor(expected), rtol=0, atol=1e-6)


def _angle(first: list[float], second: list[float]) -> float:
    product = math.fsum(a * b for a, b in zip(first, second, strict=True))
    return math.acos(product / math.hypot(*first) / math.hypot(*second))


def test_centers_are_unit_and_differ(classifier: SphericalClassifier) -> None:
    centers = classifier.class_centers
    assert centers.shape == (5, 7)
    torch.testing.assert_close(centers.norm(dim=-1), torch.ones(5), rtol=0, atol=1e-6)
    torch.testing.assert_close(classifier.weight.norm(dim=-1), torch.ones(5), rtol=0, atol=1e-6)
    assert (centers @ centers.T - torch.eye(5)).max() < 0.999


def test_only_the_direction_of_a_row_learns(classifier: SphericalClassifier) -> None:
    (classifier(torch.randn(4, 7)) * torch.randn(4, 5)).sum().backward()
    gradient = classifier.weight.grad
    assert gradient is not None
    assert (gradient.norm(dim=-1) > 0.01).all()
    along = (gradient * classifier.weight).sum(dim=-1)
    torch.testing.assert_close(along, torch.zeros(5), rtol=0, atol=1e-5)


def test_cosines_stay_float32(classifier: SphericalClassifier) -> None:
    embeddings = F.normalize(torch.randn(4, 7), dim=-1)
    expected = classifier(embeddings)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        assert torch.equal(classifier(embeddings), expected)
    assert classifier(embeddings.bfloat16()).dtype == torch.float32


def test_it_has_one_parameter(classifier: SphericalClassifier) -> None:
    assert {name: tuple(p.shape) for name, p in classifier.named_parameters()} == {"weight": (5, 7)}


# -- Sub-centers


def test_the_nearest_center_of_a_class_counts() -> None:
    classifier = SphericalClassifier(5, 7, subcenters=3)
    embeddings = F.normalize(torch.randn(40, 7), dim=-1)
    with torch.no_grad():
        classifier.weight *= torch.rand(5, 3, 1) + 0.1
    rows = embeddings.tolist()
    of_classes = classifier.weight.tolist()
    expected = [[max(math.cos(_angle(z, w)) for w in of_class) for of_class in of_classes] for z in rows]
    torch.testing.assert_close(classifier(embeddings), torch.tensor(expected), rtol=0, atol=1e-6)
    nearest = torch.tensor(
        [[min(range(3), key=lambda k: _angle(z, of_class[k])) for of_class in of_classes] for z in rows]
    )
    assert all((nearest == number).any() for number in range(3))


def test_sub_centers_are_unit_and_differ_and_only_the_nearest_learns() -> None:
    classifier = SphericalClassifier(5, 7, subcenters=3)
    assert classifier.weight.shape == classifier.class_centers.shape == (5, 3, 7)
    torch.testing.assert_close(classifier.class_centers.norm(dim=-1), torch.ones(5, 3), rtol=0, atol=1e-6)
    flat = classifier.class_centers.flatten(0, 1)
    assert (flat @ flat.T - torch.eye(15)).max() < 0.999
    embedding = F.normalize(torch.randn(1, 7), dim=-1)
    classifier(embedding)[0, 2].backward()
    assert classifier.weight.grad is not None
    learning = classifier.weight.grad.norm(dim=-1) > 0
    nearest = (classifier.class_centers[2] @ embedding[0]).argmax()
    assert learning.nonzero().tolist() == [[2, int(nearest)]]


def test_one_sub_center_is_a_plain_center() -> None:
    torch.manual_seed(0)
    plain = SphericalClassifier(5, 7)
    torch.manual_seed(0)
    one = SphericalClassifier(5, 7, subcenters=1)
    assert torch.equal(plain.weight, one.weight)


def test_cosines_to_sub_centers_stay_float32() -> None:
    classifier = SphericalClassifier(5, 7, subcenters=2)
    embeddings = F.normalize(torch.randn(4, 7), dim=-1)
    expected = classifier(embeddings)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        assert torch.equal(classifier(embeddings), expected)


def test_ranks_of_one_seed_hold_the_centers_of_one_process(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("steradian.model.classifier.DRAWN", 16)

    def drawn(ranks: Ranks) -> Tensor:
        torch.manual_seed(3)
        return SphericalClassifier(37, 5, subcenters=2, ranks=ranks).weight.detach()

    slices = [drawn(ThreadRanks(number, [None] * 3, Barrier(3))) for number in range(3)]
    assert [len(part) for part in slices] == [12, 12, 13]
    torch.testing.assert_close(torch.cat(slices), drawn(Ranks()), rtol=0, atol=0)


def test_slices_are_brought_together_for_a_while_or_for_good() -> None:
    def run(ranks: Ranks) -> tuple[Tensor, Tensor, int, bool]:
        centers = SphericalClassifier(5, 2)
        with torch.no_grad():
            centers.weight.copy_(torch.arange(10.0).view(5, 2))
        centers.spread(ranks)
        part, count = centers.weight, len(centers.weight)
        with centers.whole():
            whole = centers.weight.detach()
        same = centers.weight is part and centers.num_classes == 5
        centers.gather()
        return whole, centers.weight.detach(), count, same

    for (whole, gathered, count, same), size in zip(in_threads(2, run), (2, 3), strict=True):
        assert whole.tolist() == gathered.tolist() == torch.arange(10.0).view(5, 2).tolist()
        assert count == size and same
