"""The two sweeps: where exponentials are kept and in what order they are used up, and how large they may get."""

from itertools import product
from typing import Any, NamedTuple

import pytest
import torch
from torch import Tensor
from torch.nn import functional as F

from steradian.losses import stream_plan, workspace
from steradian.losses.blockwise_softmax import STEEPEST, GradientTaker, Sweep
from steradian.losses.stream_plan import plan_stream

TILE_CLASSES = 4
ROWS = 6
WAYS: dict[str, Any] = {"plain": {}, "steep": {"scale": 300.0}, "sum": {"with_sum": True}}
in_every_way = pytest.mark.parametrize("options", WAYS.values(), ids=WAYS)


@pytest.fixture(autouse=True)
def _small_tiles_and_nothing_from_before(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(workspace, "_idle", {})
    monkeypatch.setitem(stream_plan.TILE, "cpu", TILE_CLASSES * ROWS)


class Case(NamedTuple):
    """Unit rows, one own class a row, centers; and gradients [3, rows] of what comes out of the first sweep."""

    embeddings: Tensor
    own: Tensor
    centers: Tensor
    upstream: Tensor


def case(num_classes: int = 11, dim: int = 8, *, rows: int = ROWS, dtype: torch.dtype = torch.float64) -> Case:
    generator = torch.Generator().manual_seed(num_classes + 100 * dim)
    embeddings = F.normalize(torch.randn(rows, dim, generator=generator, dtype=torch.float64), dim=1)
    centers = torch.randn(num_classes, dim, generator=generator, dtype=torch.float64)
    own = torch.randint(num_classes, (rows, 1), generator=generator)
    upstream = torch.randn(3, rows, generator=generator, dtype=torch.float64)
    return Case(embeddings.to(dtype), own, centers.to(dtype), upstream.to(dtype))


def dense(given: Case, *, scale: float = 12.0, with_sum: bool = False, upstream: float = 1.0) -> list[Tensor]:
    """All cosines at once, in float64: others, own cosines, and the gradients in embeddings and centers."""
    embeddings, centers = (tensor.double().clone().requires_grad_() for tensor in (given.embeddings, given.centers))
    cosines = embeddings @ F.normalize(centers, dim=1).T
    is_own = F.one_hot(given.own[:, 0], len(centers)).bool()
    others = (scale * cosines).masked_fill(is_own, -torch.inf).logsumexp(1)
    total = (scale * cosines).masked_fill(is_own, 0.0).sum(1)
    values = torch.stack([others, cosines[is_own], total if with_sum else 0.0 * total])
    gradients = torch.autograd.grad((upstream * given.upstream.double() * values).sum(), (embeddings, centers))
    return [*values.detach()[:2], *gradients]


def sweep_over(given: Case, **options: Any) -> Sweep:
    defaults = {"scale": 12.0, "classes": None, "bend": None, "precision": "float32", "memory_budget": 0}
    defaults |= {"with_sum": False, "needed": (True, True), "dense": True}
    return Sweep(given.embeddings, given.centers, own=given.own, **(defaults | options))


def back(
    sweep: Sweep,
    others: Tensor,
    given: Case,
    *,
    upstream: float = 1.0,
    take: GradientTaker | None = None,
) -> tuple[Tensor | None, Tensor | None]:
    of_others, of_own, of_sum = upstream * given.upstream
    return sweep.gradients(others, of_others=of_others, of_own=of_own[:, None], of_sum=of_sum, take=take)


def there_and_back(given: Case, *, upstream: float = 1.0, **options: Any) -> list[Tensor | None]:
    sweep = sweep_over(given, **options)
    others, _ = sweep.logsumexp()
    return [others, sweep.own_cosines[:, 0], *back(sweep, others, given, upstream=upstream)]


def assert_same(found: list[Any], expected: list[Tensor], tolerance: float = 1e-12) -> None:
    """Up to this part of the largest number of each tensor."""
    for one, other in zip(found, expected, strict=True):
        largest = max(1e-3, other.abs().max().item())
        torch.testing.assert_close(one.double(), other.double(), rtol=0.0, atol=tolerance * largest)


# -- Where exponentials are kept ---------------------------------------------------------------------------------------


@in_every_way
@pytest.mark.parametrize(
    ("dim", "dense_gradient", "paid", "expected"),
    [
        # How many of 3 tiles keep their exponentials in the gradient, in the workspace, and not at all.
        (8, True, 0, (3, 0, 0)),
        (5, True, 0, (2, 0, 1)),
        (3, True, 0, (1, 0, 2)),
        (3, True, 1, (1, 1, 1)),
        (3, True, 9, (1, 2, 0)),
        (2, True, 0, (0, 0, 3)),
        (8, False, 0, (0, 0, 3)),
        (8, False, 2, (0, 2, 1)),
        (3, False, 9, (0, 3, 0)),
    ],
)
def test_wherever_exponentials_are_kept(
    dim: int, dense_gradient: bool, paid: int, expected: tuple[int, ...], options: dict[str, Any]
) -> None:
    bare = plan_stream(ROWS, 11, dim, memory_budget=0, element_size=8, gradient=dense_gradient)
    budget = bare.size + paid * TILE_CLASSES * ROWS * 8
    given = case(dim=dim)
    plan = sweep_over(given, memory_budget=budget, dense=dense_gradient).plan
    assert (plan.kept_in_gradient, plan.kept_in_workspace, plan.tiles - plan.kept) == expected
    found = there_and_back(given, memory_budget=budget, dense=dense_gradient, **options)
    assert_same(found, dense(given, **options))


@in_every_way
def test_a_gradient_never_overwrites_exponentials_still_to_be_read(options: dict[str, Any]) -> None:
    """The numbers of rows and of columns decide which is the longer of the two that share memory."""
    in_gradient = set()
    for num_classes, dim in product((2, 4, 7, 8, 13, 30), (2, 3, 5, 6, 7, 12)):
        given = case(num_classes, dim)
        plan = sweep_over(given, memory_budget=10**9).plan
        assert plan.kept == plan.tiles
        in_gradient.add(plan.kept_in_gradient)
        assert_same(there_and_back(given, memory_budget=10**9, **options), dense(given, **options))
    assert in_gradient >= {0, 1, 2, 3, 4, 8}


def test_exponentials_in_the_gradient_take_no_memory_of_their_own() -> None:
    given = case(13, ROWS)
    sweep = sweep_over(given)
    assert sweep.plan.kept_in_gradient == 4
    others, _ = sweep.logsumexp()
    cosines = given.embeddings @ F.normalize(given.centers, dim=1).T
    exponentials = (12.0 * cosines).exp().scatter(1, given.own, 0.0).T
    before = sweep._gradient_memory()
    address = before.data_ptr()
    # As many rows as an embedding has numbers: class by class, the one stands where the other will.
    assert_same([before], [exponentials])
    del before
    gradient = back(sweep, others, given)[1]
    assert gradient is not None and gradient.data_ptr() == address
    assert_same([gradient], [dense(given)[3]])


@in_every_way
@pytest.mark.parametrize("budget", [0, 10**9])
def test_a_closed_sweep_still_gives_its_gradients(budget: int, options: dict[str, Any]) -> None:
    given = case(dim=3)
    sweep = sweep_over(given, memory_budget=budget, **options)
    others, _ = sweep.logsumexp()
    sweep.close()
    for _ in range(3):
        assert_same([*back(sweep, others, given)], dense(given, **options)[2:])


def test_a_workspace_is_left_to_the_next_once_the_gradients_are_there() -> None:
    given = case()
    sweep = sweep_over(given)
    others, _ = sweep.logsumexp()
    assert workspace._idle == {}
    back(sweep, others, given)
    idle = workspace._idle[torch.float64]
    for following in (given, case(5, 3, rows=2)):
        there_and_back(following)
        assert workspace._idle[torch.float64] is idle


def test_what_stood_in_the_memory_before_does_not_matter() -> None:
    for options in WAYS.values():
        for dim in (3, 8):
            given = case(dim=dim)
            workspace.give_workspace(torch.full((10_000,), torch.nan, dtype=torch.float64))
            assert_same(there_and_back(given, memory_budget=1000, **options), dense(given, **options))


# -- Who gets which gradient -------------------------------------------------------------------------------------------


@in_every_way
@pytest.mark.parametrize("dim", [3, 8])
def test_only_what_is_needed(dim: int, options: dict[str, Any]) -> None:
    given = case(dim=dim)
    for needed in ((True, False), (False, True), (False, False)):
        sweep = sweep_over(given, dense=needed[1], needed=needed, **options)
        others, _ = sweep.logsumexp()
        found = back(sweep, others, given)
        assert [gradient is not None for gradient in found] == [*needed]
        expected = zip(found, dense(given, **options)[2:], strict=True)
        assert all((one - other).abs().max() < 1e-11 for one, other in expected if one is not None)


@pytest.mark.parametrize("classes", [None, torch.tensor([0, 1, 2, 4, 5, 7, 8, 10])])
def test_a_taker_gets_tile_by_tile_in_order(classes: Tensor | None) -> None:
    given = case()._replace(own=torch.tensor([[0], [10], [4], [4], [7], [2]]))
    sweep = sweep_over(given, classes=classes, dense=False)
    others, _ = sweep.logsumexp()
    taken: list[tuple[list[int], Tensor]] = []

    def take(numbers: slice | Tensor, gradient: Tensor) -> None:
        taken.append((torch.arange(11)[numbers].tolist(), gradient.clone()))

    assert back(sweep, others, given, take=take)[1] is None
    numbers = [*range(11)] if classes is None else classes.tolist()
    assert [part for part, _ in taken] == [numbers[:4], numbers[4:8], *([numbers[8:]] if numbers[8:] else [])]
    whole = there_and_back(given, classes=classes, dense=False)[3]
    assert whole is not None
    assert_same([torch.cat([gradient for _, gradient in taken])], [whole.to_dense()[numbers]])


# -- How large numbers may get -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("scale", [STEEPEST - 2.0, STEEPEST, STEEPEST + 1e-3, 90.0, 3000.0])
@pytest.mark.parametrize("dim", [3, 8])
def test_a_large_scale_overflows_nowhere(scale: float, dim: int) -> None:
    given = case(13, dim, dtype=torch.float32)
    given.centers[3], given.centers[4] = given.embeddings[0] * 2, -given.embeddings[0]
    found = there_and_back(given, scale=scale, memory_budget=10**9)
    assert_same(found, dense(given, scale=scale), 1e-6 * scale)


@pytest.mark.parametrize("scale", [64.0, STEEPEST])
def test_many_classes_in_one_direction_do_not_overflow(monkeypatch: pytest.MonkeyPatch, scale: float) -> None:
    monkeypatch.setitem(stream_plan.TILE, "cpu", 2**16)
    given = case(10_000, 3, dtype=torch.float32)._replace(own=torch.zeros(ROWS, 1, dtype=torch.int64))
    given.centers[:] = given.embeddings[0]
    assert_same(there_and_back(given, scale=scale), dense(given, scale=scale), 1e-4)


@pytest.mark.parametrize("scale", [64.0, STEEPEST])
def test_a_gradient_scaler_does_not_make_far_classes_overflow(scale: float) -> None:
    """Where the only other class is on the far side, its weight is of_others / exp(-scale)."""
    given = case(2, 3, dtype=torch.float32)._replace(own=torch.zeros(ROWS, 1, dtype=torch.int64))
    given.embeddings[:] = F.normalize(torch.tensor([1.0, 0.1, -0.1]), dim=0)
    given.centers[1] = torch.tensor([-2.0, 0.1, 0.1])
    options = {"scale": scale, "upstream": 65536.0}
    assert_same(there_and_back(given, **options), dense(given, **options), 1e-4)


def test_bfloat16_does_not_reach_own_cosines() -> None:
    given = case(40, 64, dtype=torch.float32)
    found, expected = there_and_back(given, precision="bfloat16"), dense(given)
    assert_same(found[:1], expected[:1], 0.01)
    assert_same(found[1:2], expected[1:2], 1e-6)
    assert_same(found[2:], expected[2:], 0.02)
    exact = case(40, 64)
    assert_same(there_and_back(exact, precision="bfloat16"), dense(exact))
