from functools import partial
from typing import Any

import pytest
import torch
from torch import Tensor
from torch.nn import functional as F

from steradian.errors import ConfigError
from steradian.losses import angular_multilabel_loss, angular_softmax_loss, cosface, curricular, nearest_others
from steradian.losses.sharded_softmax import ClassSlices, nearest_of_slices, own_cosines, sharded_softmax
from steradian.ranks import Ranks, gather_rows
from tests.thread_ranks import ThreadRanks, in_threads

CLASSES, ROWS, DIM = 23, 7, 5


def inputs(*, subcenters: int = 1) -> tuple[Tensor, Tensor, Tensor]:
    draw = torch.Generator().manual_seed(0)
    shape = (CLASSES, DIM) if subcenters == 1 else (CLASSES, subcenters, DIM)
    rows = F.normalize(torch.randn(ROWS, DIM, generator=draw, dtype=torch.float64), dim=-1)
    return rows, torch.randint(CLASSES, (ROWS,), generator=draw), torch.randn(shape, generator=draw).double()


SAMPLED = torch.tensor([0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 15, 16, 17, 18, 19, 20, 22])


@pytest.mark.parametrize("size", [2, 3])
@pytest.mark.parametrize("subcenters", [1, 2])
@pytest.mark.parametrize(
    "options",
    [
        {"margin": 0.3},
        {"margin": partial(cosface, cosine_margin=0.2), "gradient": "detached", "smoothing": 0.1},
        {"margin": 0.2, "hard_negatives": 4},
        {"margin": 0.2, "bend": curricular(8.0, 0.3, margin=0.2)},
        {"margin": 0.2, "classes": SAMPLED},
        {"margin": 0.2, "scale": 100.0, "memory_budget": 1},
    ],
    ids=["margin", "smoothing", "hard negatives", "bend", "sampled", "steep"],
)
def test_slices_give_the_loss_and_the_gradients_of_one_process(
    options: dict[str, Any], subcenters: int, size: int
) -> None:
    rows, labels, centers = inputs(subcenters=subcenters)
    if "classes" in options:
        labels = SAMPLED[labels % len(SAMPLED)]
    weights = torch.linspace(0.5, 2.0, ROWS, dtype=torch.float64)

    def run(ranks: Ranks) -> tuple[Tensor, Tensor, Tensor]:
        slices = ClassSlices(CLASSES, ranks)
        own, part = ranks.share(ROWS), centers[slices.own].clone().requires_grad_()
        here = rows[own].clone().requires_grad_()
        joined = gather_rows(here, ranks, counts=ranks.counts(ROWS))
        losses = angular_softmax_loss(joined, labels, class_centers=part, slices=slices, **{"scale": 8.0, **options})
        (losses * weights).sum().backward()
        assert here.grad is not None and part.grad is not None
        # As DistributedDataParallel averages over ranks.
        return losses.detach(), here.grad / ranks.size, part.grad.to_dense()

    losses, of_rows, of_centers = run(Ranks())
    found = in_threads(size, run)
    for each, _, _ in found:
        torch.testing.assert_close(each, losses, rtol=1e-12, atol=1e-12)
    torch.testing.assert_close(torch.cat([each for _, each, _ in found]), of_rows, rtol=1e-9, atol=1e-12)
    torch.testing.assert_close(torch.cat([each for _, _, each in found]), of_centers, rtol=1e-9, atol=1e-12)


def test_a_slice_of_which_no_class_was_sampled_gets_no_gradient() -> None:
    rows, labels, centers = inputs()
    few = torch.tensor([0, 1, 2])

    def run(ranks: Ranks) -> tuple[Tensor, Tensor]:
        slices = ClassSlices(CLASSES, ranks)
        part, here = centers[slices.own].clone().requires_grad_(), rows.clone().requires_grad_()
        losses = angular_softmax_loss(
            here, labels % 3, class_centers=part, slices=slices, scale=8.0, classes=few, smoothing=0.1
        )
        losses.sum().backward()
        assert here.grad is not None
        return losses.detach(), here.grad

    (one,), found = [run(Ranks())], in_threads(2, run)
    torch.testing.assert_close(found[1][0], one[0])
    torch.testing.assert_close((found[0][1] + found[1][1]) / 2, one[1])


def test_several_labels_a_row_may_lie_in_several_slices() -> None:
    rows, labels, centers = inputs()
    several = torch.stack([labels, torch.where(labels < 12, labels + 9, -1)], dim=1)
    options: dict[str, Any] = {"scale": 8.0, "threshold": torch.tensor(1.0), "margin": 0.1}
    whole = angular_multilabel_loss(rows, several, class_centers=centers, **options)

    def run(ranks: ThreadRanks) -> Tensor:
        slices = ClassSlices(CLASSES, ranks)
        return angular_multilabel_loss(rows, several, class_centers=centers[slices.own], slices=slices, **options)

    for losses in in_threads(3, run):
        torch.testing.assert_close(losses, whole)


def test_the_nearest_others_are_found_in_all_slices() -> None:
    rows, labels, centers = inputs(subcenters=2)
    options: dict[str, Any] = {"class_centers": centers, "count": 4}

    def run(ranks: ThreadRanks) -> Tensor:
        slices = ClassSlices(CLASSES, ranks)
        return nearest_of_slices(rows, labels, slices=slices, **options | {"class_centers": centers[slices.own]})

    for found in in_threads(3, run):
        assert found.tolist() == nearest_others(rows, labels, **options).tolist()
    assert nearest_of_slices(rows, labels, **options).tolist() == nearest_others(rows, labels, **options).tolist()


def test_own_cosines_are_those_of_the_nearest_center() -> None:
    rows, labels, centers = inputs(subcenters=2)
    every = torch.einsum("rd,ckd->rck", rows, F.normalize(centers, dim=-1)).amax(2)
    own = torch.stack([labels, torch.full_like(labels, -1)], dim=1)

    def run(ranks: ThreadRanks) -> Tensor:
        slices = ClassSlices(CLASSES, ranks)
        return own_cosines(rows, own, class_centers=centers[slices.own], slices=slices)

    expected = torch.stack([every.gather(1, labels[:, None])[:, 0], torch.zeros(ROWS)], dim=1)
    for found in in_threads(2, run):
        torch.testing.assert_close(found, expected)


def test_what_goes_over_the_wire_is_what_was_announced() -> None:
    rows, labels, centers = inputs()

    def run(ranks: ThreadRanks) -> tuple[int, int]:
        slices = ClassSlices(CLASSES, ranks)
        sharded_softmax(
            rows.float(), labels[:, None], class_centers=centers[slices.own].float(), slices=slices, scale=8.0
        )
        return int(vars(ranks)["sent"]), slices.wire(ROWS)

    for handed_over, announced in in_threads(2, run):
        # Of a sum over two ranks each sends half to the other, and half of the sum back.
        assert announced == handed_over


def test_fewer_classes_than_ranks_are_refused() -> None:
    with pytest.raises(ConfigError, match="a class for each rank, got 2 classes on 3 ranks"):
        in_threads(3, partial(ClassSlices, 2))
