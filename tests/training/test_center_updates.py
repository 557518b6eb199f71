"""Centers that move in the backward pass: the rule against float64, and against the dense gradient computed first."""

import math
from typing import Any

import pytest
import torch
from torch import Tensor
from torch.nn import functional as F

from steradian.losses import angular_softmax_loss, sample_classes, stream_plan
from steradian.training.center_updates import RowwiseAdam

ROWS, CLASSES, DIM, RATE, DECAY, EPSILON = 10, 11, 4, 0.05, 0.999, 1e-8


class SlowAdam:
    """The rule of the docstring in float64, center by center."""

    def __init__(self, directions: Tensor, *, rate: float = RATE, decay: float = DECAY, epsilon: float = EPSILON):
        self.weight = directions.detach().double().clone()
        self.rate, self.decay, self.epsilon = rate, decay, epsilon
        self.moments = dict.fromkeys(self.places(range(len(directions))), 0.0)
        self.steps = dict.fromkeys(self.moments, 0)

    def places(self, rows: Any) -> list[tuple[int, ...]]:
        inner = range(self.weight.shape[1]) if self.weight.ndim == 3 else None
        return [(row,) if inner is None else (row, center) for row in rows for center in (inner or [0])]

    def update(self, rows: list[int], gradient: Tensor) -> None:
        flat = gradient.double().reshape(-1, gradient.shape[-1]).tolist()
        for place, numbers in zip(self.places(rows), flat, strict=True):
            mean_square = math.fsum(number * number for number in numbers) / len(numbers)
            self.steps[place] += 1
            self.moments[place] = self.decay * self.moments[place] + (1 - self.decay) * mean_square
            corrected = self.moments[place] / (1 - self.decay ** self.steps[place])
            size = self.rate / (math.sqrt(corrected) + self.epsilon)
            for number, slope in enumerate(numbers):
                self.weight[(*place, number)] -= size * slope


def centers(*, a_class: int = 0) -> Tensor:
    return torch.randn((CLASSES, a_class, DIM) if a_class else (CLASSES, DIM))


# -- The rule


@pytest.mark.parametrize("a_class", [0, 3])
@pytest.mark.parametrize("options", [{}, {"decay": 0.9}, {"decay": 0.0, "epsilon": 0.5}], ids=str)
def test_many_steps_are_those_of_the_rule(a_class: int, options: dict[str, float]) -> None:
    directions = centers(a_class=a_class)
    slow = SlowAdam(directions, **options)
    fast = RowwiseAdam(directions, learning_rate=RATE, **options)
    start = directions.clone()
    for step in range(120):
        rows = torch.randperm(CLASSES)[: 1 + step % CLASSES].sort().values
        # Of every size, from step to step and from center to center.
        gradient = torch.randn(len(rows), *directions.shape[1:]) * 10.0 ** float(torch.randn(()))
        slow.update(rows.tolist(), gradient)
        fast.update(rows, gradient)
    torch.testing.assert_close(directions.double(), slow.weight, rtol=1e-4, atol=1e-5)
    assert (directions - start).norm(dim=-1).min() > RATE, "every center has gone a way"


def test_slices_and_numbers_are_the_same_to_the_last_bit() -> None:
    by_slice = centers()
    by_number = by_slice.clone()
    first, second = RowwiseAdam(by_slice, learning_rate=RATE), RowwiseAdam(by_number, learning_rate=RATE)
    for step in range(30):
        begin, end = sorted(torch.randint(CLASSES + 1, (2,)).tolist())
        gradient = torch.randn(end - begin, DIM)
        first.update(slice(begin, end), gradient.clone())
        second.update(torch.arange(begin, end), gradient.clone())
        assert torch.equal(by_slice, by_number), step


@pytest.mark.parametrize("as_slice", [True, False])
def test_centers_that_are_not_named_stay_bit_for_bit(as_slice: bool) -> None:
    directions = centers(a_class=2)
    updates = RowwiseAdam(directions, learning_rate=RATE)
    before = directions.clone()
    for _ in range(5):
        updates.update(slice(3, 6) if as_slice else torch.tensor([3, 4, 5]), torch.randn(3, 2, DIM))
    assert torch.equal(directions[:3], before[:3]) and torch.equal(directions[6:], before[6:])
    assert bool((directions[3:6] != before[3:6]).all())


def test_a_center_that_is_drawn_seldom_makes_a_whole_first_step() -> None:
    directions = torch.zeros(2, DIM)
    updates = RowwiseAdam(directions, learning_rate=0.1)
    for _ in range(50):
        updates.update(slice(0, 1), torch.ones(1, DIM))
    updates.update(slice(1, 2), torch.full((1, DIM), 1e-3))
    # Equal numbers are their own root mean square: a step is the learning rate, whatever their size.
    torch.testing.assert_close(directions, torch.tensor([[-5.0], [-0.1]]).expand(2, DIM), rtol=1e-4, atol=0)


def test_the_learning_rate_may_be_set_anew_and_a_gradient_of_zero_moves_nothing() -> None:
    directions = centers()
    updates = RowwiseAdam(directions, learning_rate=RATE)
    slow = SlowAdam(directions)
    for rate in (0.1, 0.01, 0.0):
        gradient = torch.randn(CLASSES, DIM)
        updates.learning_rate = slow.rate = rate
        slow.update(list(range(CLASSES)), gradient)
        updates.update(slice(0, CLASSES), gradient)
        torch.testing.assert_close(directions.double(), slow.weight, rtol=1e-5, atol=1e-6)
    fresh = centers()
    before = fresh.clone()
    RowwiseAdam(fresh, learning_rate=RATE).update(slice(0, CLASSES), torch.zeros(CLASSES, DIM))
    assert torch.equal(fresh, before)


# -- In the backward pass


@pytest.mark.parametrize("tile_classes", [1, 3, 100])
@pytest.mark.parametrize("drawn", [False, True])
@pytest.mark.parametrize("a_class", [0, 3])
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_moving_tile_by_tile_is_the_dense_gradient_first_and_then_the_rule(
    tile_classes: int, drawn: bool, a_class: int, dtype: torch.dtype, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(stream_plan.TILE, "cpu", ROWS * tile_classes * max(1, a_class))
    directions = centers(a_class=a_class).to(dtype).requires_grad_()
    updates, slow = RowwiseAdam(directions, learning_rate=RATE), SlowAdam(directions)
    tiles: list[slice | Tensor] = []

    def take(rows: slice | Tensor, gradient: Tensor) -> None:
        tiles.append(rows)
        updates.update(rows, gradient)

    for step in range(8):
        embeddings = F.normalize(torch.randn(ROWS, DIM, dtype=dtype), dim=1).requires_grad_()
        labels = torch.randint(CLASSES // 2, (ROWS,))
        classes = sample_classes(labels, CLASSES, share=0.3) if drawn else None
        options: dict[str, Any] = {"scale": 8.0, "margin": 0.2, "smoothing": 0.1, "classes": classes}
        before = directions.detach().clone()
        # The slow way: all of the gradient, at the centers as they are.
        dense = before.clone().requires_grad_()
        angular_softmax_loss(embeddings, labels, class_centers=dense, **options).sum().backward()
        assert dense.grad is not None and embeddings.grad is not None
        of_embeddings, embeddings.grad = embeddings.grad, None
        rows = list(range(CLASSES)) if classes is None else classes.tolist()
        slow.update(rows, dense.grad.to_dense()[rows])

        tiles.clear()
        loss = angular_softmax_loss(embeddings, labels, class_centers=directions, take_gradient=take, **options).sum()
        assert torch.equal(directions, before), "nothing moves in the forward pass"
        loss.backward()
        assert directions.grad is None
        assert len(tiles) == -(-len(rows) // tile_classes)
        if a_class:
            assert directions.shape == (CLASSES, a_class, DIM)
        tight = 1e-12 if dtype == torch.float64 else 1e-5
        torch.testing.assert_close(embeddings.grad, of_embeddings, rtol=tight, atol=tight)
        # The steps follow the signs of small gradients too, so that rounding is divided by their size.
        rule = 1e-9 if dtype == torch.float64 else 1e-3
        torch.testing.assert_close(directions.detach().double(), slow.weight, rtol=rule, atol=rule, msg=str(step))
        assert not torch.equal(directions[rows], before[rows])
        left_out = [row for row in range(CLASSES) if row not in rows]
        assert torch.equal(directions[left_out], before[left_out])


def test_centers_learn_the_classes_by_themselves() -> None:
    directions = torch.randn(CLASSES, DIM).requires_grad_()
    means = F.normalize(torch.randn(CLASSES, DIM), dim=1)
    updates = RowwiseAdam(directions, learning_rate=0.03)
    labels = torch.arange(110) % CLASSES
    embeddings = F.normalize(means[labels] + 0.1 * torch.randn(110, DIM), dim=1)
    losses = []
    for _ in range(300):
        loss = angular_softmax_loss(
            embeddings, labels, class_centers=directions, scale=16.0, take_gradient=updates.update
        ).mean()
        loss.backward()
        losses.append(loss.item())
    assert losses[-1] < 0.1 * losses[0]
    predicted = (embeddings @ F.normalize(directions, dim=1).T).argmax(1)
    assert (predicted == labels).float().mean() > 0.95
