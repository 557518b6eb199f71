"""The streaming softmax against all cosines at once, in every way it goes about it, and what must not change it."""

import gc
import weakref
from collections.abc import Callable
from typing import Any, NamedTuple

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor
from torch.nn import functional as F

from steradian.losses import stream_plan, streaming, workspace
from steradian.losses.blockwise_softmax import Bend
from steradian.losses.stream_plan import plan_stream
from steradian.losses.streaming import Streamed, stream_softmax

TILE_CLASSES = 4
ROWS = 6
WAYS: dict[str, Any] = {"plain": {}, "steep": {"scale": 300.0}, "sum": {"with_sum": True}}
in_every_way = pytest.mark.parametrize("options", WAYS.values(), ids=WAYS)
many_or_few_rows = pytest.mark.parametrize("dim", [3, 8])


@pytest.fixture(autouse=True)
def _small_tiles_and_nothing_from_before(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(workspace, "_idle", {})
    monkeypatch.setitem(stream_plan.TILE, "cpu", TILE_CLASSES * ROWS)
    monkeypatch.setattr(streaming, "FEW_CLASSES", 0)


class Problem(NamedTuple):
    embeddings: Tensor
    own: Tensor
    centers: Tensor

    def to(self, dtype: torch.dtype) -> "Problem":
        return Problem(self.embeddings.to(dtype), self.own, self.centers.to(dtype))

    def leaves(self) -> tuple[Tensor, Tensor]:
        return self.embeddings.clone().requires_grad_(), self.centers.clone().requires_grad_()


def problem(num_classes: int = 13, dim: int = 8, *, a_class: int = 0, own: int = 1, random_state: int = 0) -> Problem:
    """Of several own classes, all are missing in the first row, none in the second."""
    generator = torch.Generator().manual_seed(random_state)
    embeddings = F.normalize(torch.randn(ROWS, dim, generator=generator, dtype=torch.float64), dim=1)
    shape = (num_classes, a_class, dim) if a_class else (num_classes, dim)
    centers = torch.randn(shape, generator=generator, dtype=torch.float64)
    classes = torch.rand(ROWS, num_classes, generator=generator).argsort(1)[:, :own]
    if own > 1:
        missing = torch.rand(classes.shape, generator=generator) < 0.3
        missing[0], missing[1] = True, False
        classes = classes.masked_fill(missing, -1)
    return Problem(embeddings, classes, centers)


def bend_of(largest: float) -> Bend:
    """Logits that rise ever faster, more so for a row near its first own class."""

    def bend(cosines: Tensor, own: Tensor) -> tuple[Tensor, Tensor]:
        linear = 1.0 + 0.2 * own[:, 0]
        return largest / 1.5 * cosines * (linear + 0.3 * cosines), largest / 1.5 * (linear + 0.6 * cosines)

    return bend


def run(given_: Problem, leaves: tuple[Tensor, ...] | None = None, *, scale: float = 12.0, **options: Any) -> Streamed:
    embeddings, centers = leaves or (given_.embeddings, given_.centers)
    return stream_softmax(embeddings, given_.own, class_centers=centers, scale=scale, **options)


def dense(
    given_: Problem,
    leaves: tuple[Tensor, ...],
    *,
    scale: float = 12.0,
    classes: Tensor | None = None,
    bend: Bend | None = None,
    with_sum: bool = False,
    **_: object,
) -> Streamed:
    """All cosines at once, and a mask."""
    (embeddings, centers), own = leaves, given_.own
    units = centers / centers.norm(dim=-1, keepdim=True)
    units = units if units.ndim == 3 else units[:, None]
    cosines = torch.einsum("rd,ckd->rck", embeddings, units).amax(2)
    own_cosines = torch.where(own >= 0, cosines.gather(1, own.clamp(min=0)), 0.0)
    logits = scale * cosines if bend is None else bend(cosines.T, own_cosines.detach())[0].T
    taking_part = set(range(len(centers)) if classes is None else classes.tolist())
    others = torch.zeros_like(logits, dtype=torch.bool)
    for row, numbers in enumerate(own.tolist()):
        others[row, [*(taking_part - {*numbers})]] = True
    total = logits.masked_fill(~others, 0.0).sum(1) if with_sum else torch.zeros_like(logits[:, 0])
    return Streamed(logits.masked_fill(~others, -torch.inf).logsumexp(1), own_cosines, total)


def weighted(streamed: Streamed) -> Tensor:
    """Some sum of all that came out, to have gradients of."""
    generator = torch.Generator().manual_seed(7)
    loss = streamed.others.new_zeros(())
    for part in streamed:
        weights = torch.randn(part.shape, generator=generator, dtype=torch.float64).to(part)
        loss = loss + (weights * torch.where(part.isfinite(), part, 0.0)).sum()
    return loss


def outcome(given_: Problem, function: Callable[..., Streamed] = run, **options: Any) -> list[Tensor]:
    """What comes out, and its gradients in embeddings and centers."""
    leaves = given_.leaves()
    streamed = function(given_, leaves, **options)
    gradients = torch.autograd.grad(weighted(streamed), leaves)
    return [part.detach() for part in streamed] + [g.to_dense() if g.is_sparse else g for g in gradients]


def assert_same(found: list[Any], expected: list[Tensor], tolerance: float = 1e-12) -> None:
    """Up to this part of the largest number of each tensor."""
    for one, other in zip(found, expected, strict=True):
        finite = other.isfinite()
        assert one.shape == other.shape
        assert one[~finite].tolist() == other[~finite].tolist()
        largest = other[finite].abs().max().item() if finite.any() else 0.0
        atol = tolerance * max(1e-3, largest)
        torch.testing.assert_close(one[finite].double(), other[finite].double(), rtol=0.0, atol=atol)


def assert_equals_dense(given_: Problem, tolerance: float = 1e-12, **options: Any) -> None:
    expected = outcome(given_.to(torch.float64), dense, **options)
    assert_same(outcome(given_, **options), expected, tolerance)


def sampled(given_: Problem, among: int = 3) -> Tensor:
    """Every third class, and all own ones."""
    return torch.cat([given_.own[given_.own >= 0], torch.arange(0, len(given_.centers), among)]).unique()


# -- It equals the dense computation -----------------------------------------------------------------------------------


@pytest.mark.parametrize(("dtype", "tolerance"), [(torch.float64, 1e-12), (torch.float32, 1e-5)])
@many_or_few_rows
@pytest.mark.parametrize("num_classes", range(1, 3 * TILE_CLASSES + 2))
def test_any_number_of_classes(num_classes: int, dim: int, dtype: torch.dtype, tolerance: float) -> None:
    given_ = problem(num_classes, dim).to(dtype)
    assert plan_stream(ROWS, num_classes, dim).tiles == -(-num_classes // TILE_CLASSES)
    for budget in (0, 10**9):
        assert_equals_dense(given_, tolerance, scale=12.0, memory_budget=budget)


@pytest.mark.parametrize("all_classes", [True, False])
@pytest.mark.parametrize("bent", [True, False])
@in_every_way
@pytest.mark.parametrize("own", [1, 3])
@pytest.mark.parametrize("a_class", [0, 1, 3])
def test_any_options_together(a_class: int, own: int, options: dict[str, Any], bent: bool, all_classes: bool) -> None:
    for dim in (4, 9):
        given_ = problem(11, dim, a_class=a_class, own=own)
        bend = bend_of(options.get("scale", 12.0)) if bent else None
        assert_equals_dense(given_, bend=bend, classes=None if all_classes else sampled(given_), **options)


@in_every_way
def test_a_row_that_has_all_classes_has_no_others_and_no_gradient_of_them(options: dict[str, Any]) -> None:
    own = torch.full((ROWS, 5), -1)
    own[0], own[1, 0] = torch.arange(5), 2
    given_ = problem(5)._replace(own=own)
    assert_equals_dense(given_, **options)
    leaves = given_.leaves()
    others = run(given_, leaves, **options).others[0]
    assert others.item() == -torch.inf
    assert [gradient.abs().sum().item() for gradient in torch.autograd.grad(others, leaves)] == [0.0, 0.0]


@pytest.mark.parametrize("own", [0, 1, 2])
@pytest.mark.parametrize("rows", [0, ROWS])
def test_no_rows_or_no_own_classes(rows: int, own: int) -> None:
    given_ = problem()._replace(embeddings=problem().embeddings[:rows], own=torch.full((rows, own), -1))
    for options in ({"with_sum": True}, {"scale": 300.0}, {"classes": torch.arange(0, 13, 2)}):
        assert_equals_dense(given_, **options)


@pytest.mark.parametrize("scale", [12.0, 300.0])
def test_class_centers_of_any_length(scale: float) -> None:
    given_ = problem()
    lengths = torch.logspace(-3, 3, 13, dtype=torch.float64)[:, None]
    found = outcome(given_._replace(centers=given_.centers * lengths), scale=scale)
    expected = outcome(given_, scale=scale)
    # The longer a center, the less the same step turns it.
    assert_same([*found[:4], found[4] * lengths], expected)


def test_inputs_in_any_layout() -> None:
    given_ = problem(9, a_class=3, own=3)
    layout = Problem(given_.embeddings.T.contiguous().T, given_.own.T.contiguous().T, given_.centers.mT.contiguous().mT)
    assert not any(tensor.is_contiguous() for tensor in layout)
    for classes in (None, torch.arange(9)):
        assert_equals_dense(layout, classes=classes)
        assert_equals_dense(layout._replace(centers=layout.centers[:, 1]), classes=classes)


def test_gradcheck() -> None:
    given_ = problem(6, 3, own=2)
    straight = {"scale": 6.0, "bend": lambda cosines, _: (6.0 * cosines, torch.full_like(cosines, 6.0))}
    for options in ({"scale": 6.0}, {"scale": 90.0}, straight):

        def streamed(*leaves: Tensor, options: Any = options) -> Any:
            return tuple(run(given_, leaves, with_sum=True, **options))

        assert torch.autograd.gradcheck(streamed, given_.leaves())


# -- What takes part, and who gets the gradient ------------------------------------------------------------------------


@pytest.mark.parametrize("a_class", [0, 3])
def test_a_leaf_has_a_sparse_gradient_of_the_sampled_classes(a_class: int) -> None:
    given_ = problem(a_class=a_class)
    classes, leaf, other_leaf = sampled(given_), given_.leaves()[1], given_.leaves()[1]
    for centers in (leaf, other_leaf * 1.0):
        weighted(run(given_, (given_.embeddings, centers), classes=classes)).backward()
    assert leaf.grad is not None and other_leaf.grad is not None
    assert leaf.grad.is_sparse and not other_leaf.grad.is_sparse
    assert leaf.grad.shape == leaf.shape and leaf.grad._indices()[0].equal(classes)
    assert leaf.grad.to_dense().equal(other_leaf.grad)


def test_the_sampled_classes_may_be_overwritten_with_the_next_ones() -> None:
    given_ = problem()
    expected = outcome(given_, classes=sampled(given_))
    leaves, classes = given_.leaves(), sampled(given_)
    loss = weighted(run(given_, leaves, classes=classes))
    classes += 1
    gradients = torch.autograd.grad(loss, leaves)
    classes += 1
    assert_same([gradient.to_dense() for gradient in gradients], expected[3:])


@pytest.mark.parametrize("all_classes", [True, False])
@in_every_way
@pytest.mark.parametrize("a_class", [0, 3])
def test_the_parts_of_a_taken_gradient_are_the_whole(a_class: int, options: dict[str, Any], all_classes: bool) -> None:
    given_ = problem(a_class=a_class, own=3)
    options = {"classes": None if all_classes else sampled(given_), **options}
    expected = outcome(given_, **options)
    leaves, parts, times = given_.leaves(), torch.zeros_like(given_.centers), torch.zeros(13)

    def take(numbers: slice | Tensor, gradient: Tensor) -> None:
        parts[numbers] += gradient
        times[numbers] += 1
        with torch.no_grad():
            leaves[1][numbers] -= 0.1 * gradient

    streamed = run(given_, leaves, take_gradient=take, **options)
    weighted(streamed).backward()
    assert leaves[1].grad is None and leaves[0].grad is not None
    # The centers have moved meanwhile; the embeddings' gradient is that of the old ones.
    assert_same([leaves[0].grad, parts], expected[3:])
    taken = range(13) if options["classes"] is None else options["classes"].tolist()
    assert times.nonzero().flatten().tolist() == [*taken] and times.max() == 1
    assert_same([leaves[1].detach()], [given_.centers - 0.1 * expected[4]])


@many_or_few_rows
@in_every_way
def test_only_the_gradient_that_is_needed(options: dict[str, Any], dim: int) -> None:
    given_ = problem(dim=dim)
    expected = outcome(given_, **options)
    embeddings, centers = given_.leaves()
    weighted(run(given_, (embeddings, given_.centers), **options)).backward()
    weighted(run(given_, (given_.embeddings, centers), **options)).backward()
    assert_same([embeddings.grad, centers.grad], expected[3:])
    assert given_.embeddings.grad is None and given_.centers.grad is None


@pytest.mark.parametrize("without", [torch.no_grad, torch.inference_mode])
def test_without_gradients_it_says_the_same_and_training_goes_on(without: Callable[[], Any]) -> None:
    given_ = problem()
    expected = outcome(given_)
    with without():
        streamed = run(given_, given_.leaves())
    assert not any(part.requires_grad for part in streamed)
    assert_same([*streamed], expected[:3])
    assert_same(outcome(given_), expected)


# -- Autograd ----------------------------------------------------------------------------------------------------------


@in_every_way
@many_or_few_rows
def test_backward_twice_gives_the_same_twice(dim: int, options: dict[str, Any]) -> None:
    leaves = problem(dim=dim).leaves()
    loss = weighted(run(problem(dim=dim), leaves, **options))
    first, doubled = (torch.autograd.grad(loss * factor, leaves, retain_graph=True) for factor in (1.0, 2.0))
    assert_same([*doubled], [2.0 * gradient for gradient in first], 1e-14)


@many_or_few_rows
def test_two_forwards_before_their_backwards_do_not_meet(dim: int) -> None:
    cases, scales = [problem(dim=dim, random_state=random_state) for random_state in (1, 2)], (12.0, 300.0)
    expected = [outcome(case, scale=scale)[3:] for case, scale in zip(cases, scales, strict=True)]
    leaves = [case.leaves() for case in cases]
    losses = [weighted(run(*each, scale=scale)) for *each, scale in zip(cases, leaves, scales, strict=True)]
    for loss, inputs, gradients in zip(losses, leaves, expected, strict=True):
        assert_same([*torch.autograd.grad(loss, inputs)], gradients, 1e-14)


def test_the_rows_of_several_heads_in_one_call() -> None:
    heads = [problem(random_state=random_state, own=3)._replace(centers=problem().centers) for random_state in range(3)]
    together = Problem(torch.cat([h.embeddings for h in heads]), torch.cat([h.own for h in heads]), heads[0].centers)
    values, gradients = [], []
    for case in (together, *heads):
        leaves = case.leaves()
        others, own, _ = run(case, leaves)
        to_rows, to_centers = torch.autograd.grad(others.square().sum() + own.sum(), leaves)
        values.append((others.detach(), own.detach(), to_rows))
        gradients.append(to_centers)
    assert_same([*values[0]], [torch.cat(parts) for parts in zip(*values[1:], strict=True)])
    assert_same(gradients[:1], [torch.stack(gradients[1:]).sum(0)])


def test_what_is_given_stays_as_it_is() -> None:
    given_, classes = problem(own=3), sampled(problem(own=3))
    before = [(tensor.clone(), tensor._version) for tensor in (*given_, classes)]
    given_.embeddings.requires_grad_(), given_.centers.requires_grad_()
    for options in ({}, {"classes": classes}, {"bend": bend_of(12.0)}, {"with_sum": True}, {"scale": 300.0}):
        weighted(run(given_, **options)).backward()
    assert all(
        one.equal(copy) and one._version == old for one, (copy, old) in zip((*given_, classes), before, strict=True)
    )


def test_autocast_does_not_reach_it() -> None:
    given_, seen = problem().to(torch.float32), []

    def bend(cosines: Tensor, own: Tensor) -> tuple[Tensor, Tensor]:
        seen.append(torch.is_autocast_enabled("cpu"))
        return bend_of(12.0)(cosines, own)

    expected = outcome(given_, bend=bend)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        found = outcome(given_, bend=bend)
    assert len(seen) == 4 * len(range(0, 13, TILE_CLASSES)) and not any(seen)
    assert all(one.equal(other) for one, other in zip(found, expected, strict=True))


def test_inputs_that_were_changed_since_are_refused() -> None:
    for changed in (0, 1):
        leaves = problem().leaves()
        loss = weighted(run(problem(), leaves))
        with torch.no_grad():
            leaves[changed].mul_(2.0)
        with pytest.raises(RuntimeError, match="modified by an inplace operation"):
            loss.backward()


def test_a_gradient_is_the_same_where_a_second_may_follow() -> None:
    leaves = problem().leaves()
    value = run(problem(), leaves).others.square().sum()
    expected = torch.autograd.grad(value, leaves, retain_graph=True)
    found = torch.autograd.grad(value, leaves, create_graph=True)
    assert all(gradient.requires_grad for gradient in found)
    assert_same([gradient.detach() for gradient in found], [*expected], 1e-6)


@pytest.mark.parametrize("backward", [True, False])
def test_nothing_lives_on_when_its_outputs_are_gone(backward: bool, request: pytest.FixtureRequest) -> None:
    request.addfinalizer(gc.enable)
    gc.disable()
    given_ = problem()
    rows, centers = given_.embeddings.clone().requires_grad_() * 1.0, given_.centers.clone().requires_grad_()
    streamed = run(given_, (rows, centers), with_sum=backward)
    watched = [weakref.ref(rows), weakref.ref(centers), weakref.ref(streamed.others.grad_fn)]
    if backward:
        weighted(streamed).backward()
    del rows, centers, streamed
    assert [watch() for watch in watched] == [None, None, None]


# -- Invariances -------------------------------------------------------------------------------------------------------


@given(
    random_state=st.integers(0, 10_000),
    num_classes=st.integers(2, 14),
    dim=st.integers(2, 9),
    scale=st.floats(1.0, 200.0),
)
def test_turning_embeddings_and_centers_together(random_state: int, num_classes: int, dim: int, scale: float) -> None:
    given_ = problem(num_classes, dim, random_state=random_state, own=2)
    rotation = torch.linalg.qr(problem(dim, dim, random_state=random_state + 1).centers).Q
    still = outcome(given_, scale=scale)
    turned = Problem(given_.embeddings @ rotation, given_.own, given_.centers @ rotation)
    found = outcome(turned, scale=scale)
    assert_same([*found[:3], *(gradient @ rotation.T for gradient in found[3:])], still, 1e-10)


@given(random_state=st.integers(0, 10_000), order=st.permutations(range(13)), scale=st.floats(1.0, 200.0))
def test_numbering_the_classes_anew(random_state: int, order: list[int], scale: float) -> None:
    given_ = problem(random_state=random_state, own=2)
    old_number, new_number = torch.tensor(order), torch.tensor(order).argsort()
    own = torch.where(given_.own >= 0, new_number[given_.own.clamp(min=0)], -1)
    renumbered = Problem(given_.embeddings, own, given_.centers[old_number])
    before = outcome(given_, scale=scale)
    after = outcome(renumbered, scale=scale)
    assert_same([*after[:4], after[4][new_number]], before, 1e-11)
