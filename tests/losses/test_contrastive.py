"""The losses between modalities against loops written from the formulas of their papers."""

from collections.abc import Callable, Sequence
from functools import partial
from itertools import combinations, permutations, product
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor
from torch.nn import functional as F

from steradian.errors import InputError
from steradian.losses import clip_loss, gmc_loss, gram_loss, symile_loss
from steradian.losses.contrastive import LEAST_HEIGHT, RIDGE

OBJECTS, MODALITIES, DIM = 7, 3, 4
CLASSES = torch.tensor([0, 1, 0, 2, 1, 0, 3])
OWNERS = {"class": CLASSES, "object": torch.arange(OBJECTS)}
close = partial(torch.testing.assert_close, rtol=1e-9, atol=1e-9)
each_owner = pytest.mark.parametrize("positives", OWNERS)
Pairs = Callable[[int, int], Any]


def unit_vectors(*shape: int, random_state: int = 0) -> Tensor:
    generator = torch.Generator().manual_seed(random_state)
    return F.normalize(torch.randn(*shape, generator=generator, dtype=torch.float64), dim=-1)


def problem(
    *, random_state: int = 0, modalities: int = MODALITIES, missing: bool = True
) -> tuple[Tensor, Tensor, Tensor]:
    """Vectors of modalities, fused ones, and what is present: everything in the first four objects."""
    vectors, fused = (
        unit_vectors(OBJECTS, modalities, DIM, random_state=random_state),
        unit_vectors(OBJECTS, DIM, random_state=random_state + 1),
    )
    present = torch.ones(OBJECTS, modalities, dtype=torch.bool)
    if missing:
        present[4, 0] = present[5, -1] = present[6, :-1] = False
    return vectors, fused, present


def symile_of_every_row(vectors: Tensor, labels: Tensor, **options: Any) -> Tensor:
    """Symile whose shuffles leave every row at its place, so that nothing depends on their order."""
    plain = torch.randperm
    torch.randperm = lambda n, **_: torch.arange(n)  # type: ignore[assignment]
    try:
        return symile_loss(vectors, labels, **options)
    finally:
        torch.randperm = plain


def loss_of(name: str, vectors: Tensor, fused: Tensor, labels: Tensor, *, present: Tensor, scale: float) -> Tensor:
    """Each loss by its name; the vectors of absent modalities are never looked at."""
    vectors = torch.where(present[..., None], vectors, torch.nan)
    if name == "gmc":
        return gmc_loss(vectors, fused, labels, present=present, scale=scale)
    loss: Any = {
        "clip": clip_loss,
        "anchor": partial(clip_loss, anchor=1),
        "symile": symile_of_every_row,
        "gram": gram_loss,
    }[name]
    found: Tensor = loss(vectors, labels, present=present, scale=scale)
    return found


NAMES = ["clip", "anchor", "gmc", "symile", "gram"]
each_loss = pytest.mark.parametrize("name", NAMES)

# -- The formulas ------------------------------------------------------------------------------------------------------


def info_nce(rows: Sequence[int], logit: Pairs, positive: Pairs) -> Tensor:
    """The mean over rows that have a positive of the mean over positives of -log(exp l_ip / sum_k exp l_ik)."""
    losses = []
    for i in rows:
        others = {k: logit(i, k) for k in rows if logit(i, k) is not None}
        total = torch.stack([value.exp() for value in others.values()]).sum() if others else None
        terms = [-(value.exp() / total).log() for k, value in others.items() if positive(i, k)]
        if terms:
            losses.append(torch.stack(terms).mean())
    return torch.stack(losses).mean() if losses else torch.zeros((), dtype=torch.float64)


def clip_by_loops(
    vectors: Tensor, labels: Tensor, present: Tensor, scale: float, pairs: Sequence[tuple[int, int]]
) -> Tensor:
    losses = []
    for a, b in pairs:
        rows = [i for i in range(len(labels)) if present[i, a] and present[i, b]]
        positive: Pairs = lambda i, k: labels[i] == labels[k]  # noqa: E731
        there = info_nce(rows, lambda i, k, a=a, b=b: scale * vectors[i, a] @ vectors[k, b], positive)
        back = info_nce(rows, lambda i, k, a=a, b=b: scale * vectors[i, b] @ vectors[k, a], positive)
        losses.append((there + back) / 2)
    return torch.stack(losses).mean()


def gmc_by_loops(vectors: Tensor, fused: Tensor, labels: Tensor, present: Tensor, scale: float) -> Tensor:
    losses = []
    for m in range(vectors.shape[1]):
        has = [i for i in range(len(labels)) if present[i, m]]
        halves = [(i, fused[i]) for i in has] + [(i, vectors[i, m]) for i in has]

        def logit(i: int, k: int, halves: Any = halves) -> Tensor | None:
            return None if i == k else scale * halves[i][1] @ halves[k][1]

        def positive(i: int, k: int, halves: Any = halves) -> bool:
            return bool(labels[halves[i][0]] == labels[halves[k][0]])

        losses.append(info_nce(range(len(halves)), logit, positive))
    return torch.stack(losses).mean()


def symile_by_loops(
    vectors: Tensor, labels: Tensor, present: Tensor, scale: float, orders: dict[tuple[int, int], list[int]]
) -> Tensor:
    """The orders are those of modality n where modality m is compared, of the rows that are whole."""
    whole = [i for i in range(len(labels)) if present[i].all()]
    modalities, dim = vectors.shape[1:]
    losses = []
    for m in range(modalities):
        others = [n for n in range(modalities) if n != m]

        def source(i: int, k: int, n: int, m: int = m) -> int:
            return whole[k] if i == k else whole[orders[m, n][k]]

        def logit(i: int, k: int, m: int = m, others: list[int] = others, source: Any = source) -> Tensor:
            factors = torch.stack([vectors[whole[i], m], *(vectors[source(i, k, n), n] for n in others)])
            return scale * dim ** (modalities / 2 - 1) * factors.prod(dim=0).sum()

        def positive(i: int, k: int, others: list[int] = others, source: Any = source) -> bool:
            return all(labels[source(i, k, n)] == labels[whole[i]] for n in others)

        losses.append(info_nce(range(len(whole)), logit, positive))
    return torch.stack(losses).mean()


def gram_by_loops(
    vectors: Tensor, labels: Tensor, present: Tensor, scale: float, *, anchor: int, ridge: float = RIDGE
) -> Tensor:
    whole = [i for i in range(len(labels)) if present[i].all()]
    others = [m for m in range(vectors.shape[1]) if m != anchor]

    def volume(i: int, k: int) -> Tensor:
        sides = torch.stack([vectors[i, anchor], *(vectors[k, m] for m in others)])
        lift = torch.diag(torch.tensor([0.0, *[ridge] * len(others)], dtype=sides.dtype))
        return torch.linalg.det(sides @ sides.T + lift).sqrt()

    positive: Pairs = lambda i, k: labels[i] == labels[k]  # noqa: E731
    there = info_nce(whole, lambda i, k: -scale * volume(i, k), positive)
    return (there + info_nce(whole, lambda i, k: -scale * volume(k, i), positive)) / 2


def assert_same(found: Tensor, expected: Tensor, leaves: Sequence[Tensor], **tolerance: float) -> None:
    """In value and gradient."""
    close(found, expected, **tolerance)
    gradients = (torch.autograd.grad(loss, leaves, retain_graph=True) for loss in (found, expected))
    close(*gradients, **tolerance)


@each_owner
@pytest.mark.parametrize("missing", [False, True])
@pytest.mark.parametrize("anchor", [None, 0, 2])
def test_clip_is_that_of_the_loop(positives: str, missing: bool, anchor: int | None) -> None:
    vectors, _, present = problem(missing=missing)
    vectors.requires_grad_()
    labels = OWNERS[positives]
    found = clip_loss(vectors, labels, present=present, scale=5.0, anchor=anchor)
    pairs = list(combinations(range(3), 2)) if anchor is None else [(anchor, m) for m in range(3) if m != anchor]
    assert_same(found, clip_by_loops(vectors, labels, present, 5.0, pairs), [vectors])


def test_clip_of_two_whole_modalities_is_the_papers_pseudocode() -> None:
    vectors, _, present = problem(modalities=2, missing=False)
    logits, labels = 7.0 * vectors[:, 0] @ vectors[:, 1].T, torch.arange(OBJECTS)
    expected = (F.cross_entropy(logits, labels) + F.cross_entropy(logits.T, labels)) / 2
    close(clip_loss(vectors, labels, present=present, scale=7.0), expected)
    # Symile of two modalities is CLIP.
    close(symile_of_every_row(vectors, labels, present=present, scale=7.0), expected)


@each_owner
@pytest.mark.parametrize("missing", [False, True])
@pytest.mark.parametrize("modalities", [1, 3])
def test_gmc_is_that_of_the_loop(positives: str, missing: bool, modalities: int) -> None:
    vectors, fused, present = problem(modalities=modalities, missing=missing)
    leaves, labels = [vectors.requires_grad_(), fused.requires_grad_()], OWNERS[positives]
    found = gmc_loss(*leaves, labels, present=present, scale=5.0)
    assert_same(found, gmc_by_loops(*leaves, labels, present, 5.0), leaves)


@each_owner
@pytest.mark.parametrize("missing", [False, True])
@pytest.mark.parametrize("modalities", [2, 3, 4])
def test_symile_is_that_of_the_loop(
    positives: str, missing: bool, modalities: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    vectors, _, present = problem(modalities=modalities, missing=missing)
    vectors.requires_grad_()
    rows = int(present.all(dim=1).sum())
    asked = list(permutations(range(modalities), 2))
    orders = {pair: torch.randperm(rows).tolist() for pair in asked}
    left = iter([torch.tensor(orders[pair]) for pair in asked])
    monkeypatch.setattr(torch, "randperm", lambda n, **_: next(left))
    found = symile_loss(vectors, OWNERS[positives], present=present, scale=5.0)
    assert next(left, None) is None
    assert_same(found, symile_by_loops(vectors, OWNERS[positives], present, 5.0, orders), [vectors])


@each_owner
@pytest.mark.parametrize("missing", [False, True])
@pytest.mark.parametrize(("modalities", "anchor"), [(2, 0), (2, 1), (3, 0), (3, 1), (4, 3)])
def test_gram_is_that_of_the_loop(positives: str, missing: bool, modalities: int, anchor: int) -> None:
    raw, _, present = problem(modalities=modalities, missing=missing)
    # The lengths are taken to be 1, so that only gradients along the sphere are those of the determinant.
    vectors, labels = F.normalize(raw.requires_grad_(), dim=-1), OWNERS[positives]
    found = gram_loss(vectors, labels, present=present, scale=5.0, anchor=anchor)
    assert_same(found, gram_by_loops(vectors, labels, present, 5.0, anchor=anchor), [raw], rtol=1e-7)
    # The paper's own volume, without anything added to the squares.
    bare = gram_by_loops(vectors, labels, present, 5.0, anchor=anchor, ridge=0.0)
    torch.testing.assert_close(found, bare, rtol=1e-3, atol=1e-4)


def test_the_volume_is_numpys_determinant() -> None:
    vectors, _, present = problem(missing=False)
    grams = np.array(
        [
            [np.linalg.det(sides @ sides.T) for sides in ([a, *rest] @ np.eye(DIM) for rest in vectors[:, 1:].numpy())]
            for a in vectors[:, 0].numpy()
        ]
    )
    logits, labels = torch.from_numpy(-4.0 * np.sqrt(grams)), torch.arange(OBJECTS)
    expected = (F.cross_entropy(logits, labels) + F.cross_entropy(logits.T, labels)) / 2
    torch.testing.assert_close(gram_loss(vectors, labels, present=present, scale=4.0), expected, rtol=1e-4, atol=1e-4)


@each_loss
@each_owner
@pytest.mark.parametrize("missing", [False, True])
def test_gradcheck(name: str, positives: str, missing: bool) -> None:
    vectors, fused, present = problem(missing=missing)

    def loss(vectors: Tensor, fused: Tensor, scale: Tensor) -> Tensor:
        return loss_of(name, vectors, fused, OWNERS[positives], present=present, scale=scale)  # type: ignore[arg-type]

    scale = torch.tensor(3.0, dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(loss, (vectors.requires_grad_(), fused.requires_grad_(), scale))


# -- What does not change it -------------------------------------------------------------------------------------------


@each_loss
@settings(max_examples=25)
@given(
    random_state=st.integers(0, 1000), order=st.permutations(range(OBJECTS)), names=st.permutations(range(MODALITIES))
)
def test_turning_the_sphere_and_changing_the_order_of_objects_and_modalities(
    name: str, random_state: int, order: list[int], names: list[int]
) -> None:
    vectors, fused, present = problem(random_state=random_state)
    rotation = torch.linalg.qr(torch.randn(DIM, DIM, generator=torch.Generator().manual_seed(random_state)).double()).Q
    if name == "symile":
        # A product of three vectors, entry by entry, knows the axes.
        rotation = torch.eye(DIM, dtype=torch.float64)
    if name in ("anchor", "gram"):
        anchor = {"anchor": 1, "gram": 0}[name]
        names = [n for n in names if n != anchor]
        names.insert(anchor, anchor)
    before = loss_of(name, vectors, fused, CLASSES, present=present, scale=6.0)
    turned, seen = (vectors @ rotation)[order][:, names], present[order][:, names]
    after = loss_of(name, turned, (fused @ rotation)[order], CLASSES[order], present=seen, scale=6.0)
    close(after, before, rtol=1e-7, atol=1e-7)


@settings(max_examples=25)
@given(random_state=st.integers(0, 1000))
def test_symile_of_two_modalities_knows_no_axes(random_state: int) -> None:
    vectors, _, present = problem(random_state=random_state, modalities=2)
    rotation = torch.linalg.qr(torch.randn(DIM, DIM, generator=torch.Generator().manual_seed(random_state)).double()).Q
    before, after = (symile_of_every_row(v, CLASSES, present=present, scale=6.0) for v in (vectors, vectors @ rotation))
    close(after, before)


@each_loss
def test_vectors_of_absent_modalities_get_no_gradient(name: str) -> None:
    vectors, fused, present = problem()
    vectors.requires_grad_()
    (gradient,) = torch.autograd.grad(loss_of(name, vectors, fused, CLASSES, present=present, scale=4.0), vectors)
    assert not gradient[~present].any()
    looked_at = present.all(dim=1) if name in ("symile", "gram") else torch.ones(OBJECTS, dtype=torch.bool)
    assert gradient[looked_at[:, None] & present].any()
    assert not gradient[~looked_at].any()


# -- Where there is nothing to learn from ------------------------------------------------------------------------------

NOTHING = {
    "no objects": torch.ones(0, 3, dtype=torch.bool),
    "one object": torch.ones(1, 3, dtype=torch.bool),
    "nothing present": torch.zeros(4, 3, dtype=torch.bool),
    "nobody whole and no pair": torch.eye(3, dtype=torch.bool)[[0, 1, 2, 0]],
    "one whole": torch.tensor([[1, 1, 1], [1, 0, 0], [0, 1, 0], [0, 0, 1]], dtype=torch.bool),
}


@each_loss
@each_owner
@pytest.mark.parametrize("case", NOTHING)
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_batches_without_pairs_or_whole_objects(name: str, positives: str, case: str, dtype: torch.dtype) -> None:
    present = NOTHING[case]
    vectors = unit_vectors(len(present), 3, DIM).to(dtype).requires_grad_()
    fused = unit_vectors(len(present), DIM, random_state=1).to(dtype).requires_grad_()
    loss = loss_of(name, vectors, fused, OWNERS[positives][: len(present)], present=present, scale=14.0)
    assert loss.dtype == dtype and loss.shape == ()
    assert loss >= 0 and loss.isfinite()
    assert name == "gmc" or loss == 0
    gradients = torch.autograd.grad(loss, [vectors, fused], allow_unused=True)
    known = [gradient for gradient in gradients if gradient is not None]
    assert known and all(gradient.isfinite().all() for gradient in known)


@each_loss
@pytest.mark.parametrize(("modalities", "dtype"), list(product([2, 3, 8, 24], [torch.float32, torch.float64])))
def test_coinciding_vectors_have_finite_gradients(name: str, modalities: int, dtype: torch.dtype) -> None:
    ones = torch.ones(6, modalities, dtype=torch.bool)
    for directions in (1, 3):
        vectors = unit_vectors(directions, 32).to(dtype).repeat(6 // directions, 1)[:, None].expand(-1, modalities, -1)
        leaf = vectors.clone().requires_grad_()
        loss = loss_of(name, leaf, vectors[:, 0], torch.arange(6) % 3, present=ones, scale=14.0)
        (gradient,) = torch.autograd.grad(loss, leaf)
        assert loss.isfinite() and gradient.isfinite().all()
        assert name == "symile" or gradient.abs().max() < 14.0 / LEAST_HEIGHT


def test_gram_learns_where_many_modalities_lie_in_a_narrow_cone() -> None:
    noise = unit_vectors(6, 8, 32)
    vectors = F.normalize(unit_vectors(1, 1, 32, random_state=1) + 0.3 * noise, dim=-1).requires_grad_()
    loss = gram_loss(vectors, torch.arange(6), present=torch.ones(6, 8, dtype=torch.bool), scale=14.0)
    (gradient,) = torch.autograd.grad(loss, vectors)
    assert (gradient.norm(dim=-1) > 0).all()


# -- Mistakes ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("loss", [clip_loss, symile_loss, gram_loss])
def test_what_does_not_belong_together_is_refused(loss: Any) -> None:
    vectors, _, present = problem()
    for wrong in [(vectors[0], CLASSES, present), (vectors, CLASSES[1:], present), (vectors, CLASSES, present[:, 1:])]:
        with pytest.raises(InputError, match=rf"{loss.__name__}: want vectors \[objects, modalities, embedding_dim\]"):
            loss(wrong[0], wrong[1], present=wrong[2], scale=5.0)
    with pytest.raises(InputError, match=rf"{loss.__name__}: want 2 modalities or more, got 1"):
        loss(vectors[:, :1], CLASSES, present=present[:, :1], scale=5.0)


def test_gmc_refuses_other_shapes_too() -> None:
    vectors, fused, present = problem()
    with pytest.raises(InputError, match=r"gmc_loss: want vectors \[objects, modalities, embedding_dim\]"):
        gmc_loss(vectors, fused, CLASSES[1:], present=present, scale=5.0)
    with pytest.raises(InputError, match=r"gmc_loss: want a fused vector an object, got \(7, 3\)"):
        gmc_loss(vectors, fused[:, :3], CLASSES, present=present, scale=5.0)
