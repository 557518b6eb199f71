"""What each kind of fusion guarantees."""

import math
from itertools import product

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor, nn
from torch.nn import functional as F

from steradian.config import FusionKind
from steradian.model import Fusion

WIDTH, DIM = 8, 6
KINDS: tuple[FusionKind, ...] = ("certified", "context", "free")


def make(
    kind: FusionKind = "certified", *, modalities: int = 4, context_limit: float = 0.2, random_state: int = 0
) -> Fusion:
    """A fusion in evaluation mode with large random weights everywhere, gates included."""
    torch.manual_seed(random_state)
    fusion = Fusion(
        modalities=modalities,
        width=WIDTH,
        embedding_dim=DIM,
        kind=kind,
        depth=2,
        heads=2,
        context_limit=context_limit,
    )
    for parameter in fusion.parameters():
        nn.init.normal_(parameter, std=0.7)
    return fusion.double().eval()


def inputs(objects: int = 40, modalities: int = 4, *, random_state: int = 0) -> tuple[Tensor, Tensor, Tensor]:
    """Unit vectors, summaries and which of them are present, at least one an object."""
    generator = torch.Generator().manual_seed(random_state)
    vectors = F.normalize(torch.randn(objects, modalities, DIM, generator=generator, dtype=torch.float64), dim=-1)
    summaries = torch.randn(objects, modalities, WIDTH, generator=generator, dtype=torch.float64)
    present = torch.rand(objects, modalities, generator=generator) < 0.6
    present[torch.arange(objects), torch.arange(objects) % modalities] = True
    return vectors, summaries, present


def all_subsets(modalities: int) -> Tensor:
    return torch.tensor([subset for subset in product([False, True], repeat=modalities) if any(subset)])


def worst_shortfall(kind: FusionKind, *, modalities: int, random_state: int) -> tuple[float, int]:
    """How far the fused vector falls short of the lead that all modalities of a subset agree on, and how many agree.

    A lead is by how much the cosine to one center exceeds that to another; all pairs of centers are tried.
    """
    fusion = make(kind, modalities=modalities, random_state=random_state)
    vectors, summaries, _ = inputs(30, modalities, random_state=random_state)
    generator = torch.Generator().manual_seed(random_state)
    centers = F.normalize(torch.randn(5, DIM, generator=generator, dtype=torch.float64), dim=-1)
    cosines = vectors @ centers.T
    leads = cosines[..., :, None] - cosines[..., None, :]
    worst, agreed = 0.0, 0
    for subset in all_subsets(modalities):
        fused = fusion(vectors, summaries, subset.expand(30, -1)).double() @ centers.T
        fused_leads = fused[:, :, None] - fused[:, None, :]
        least = leads[:, subset].amin(dim=1)
        agreed += int((least > 0).sum())
        worst = max(worst, (least - fused_leads)[least > 0].max().item())
    return worst, agreed


# -- Certified ---------------------------------------------------------------------------------------------------------


@given(random_state=st.integers(0, 100_000), modalities=st.integers(1, 4))
def test_certified_what_all_modalities_prefer_by_delta_every_subset_prefers_by_delta(
    random_state: int, modalities: int
) -> None:
    shortfall, agreed = worst_shortfall("certified", modalities=modalities, random_state=random_state)
    assert agreed > 0
    assert shortfall <= 1e-12


def test_the_free_fusion_shows_that_the_property_is_not_empty() -> None:
    assert worst_shortfall("free", modalities=3, random_state=0)[0] > 0.1


def test_certified_gates_depend_on_the_object_and_on_the_subset() -> None:
    # Else the certificate would hold for want of a transformer.
    fusion = make()
    vectors, summaries, _ = inputs(2)
    vectors[1] = vectors[0]
    everything = torch.ones(2, 4, dtype=torch.bool)
    fused = fusion(vectors, summaries, everything)
    assert (fused[0] - fused[1]).norm() > 0.01
    # Without the third and fourth, the shares of the first two change too, not only their sum.
    pair = torch.tensor([[True, True, False, False], [True, True, False, False]])
    of_four = torch.linalg.lstsq(vectors[0].T, fused[0]).solution
    of_two = torch.linalg.lstsq(vectors[0, :2].T, fusion(vectors, summaries, pair)[0]).solution
    assert abs((of_four[0] / of_four[1]).log() - (of_two[0] / of_two[1]).log()) > 0.001


def test_untrained_gates_weigh_all_present_modalities_the_same() -> None:
    fusion = Fusion(modalities=4, width=WIDTH, embedding_dim=DIM, heads=2).double().eval()
    vectors, summaries, present = inputs()
    expected = F.normalize((vectors * present[..., None]).sum(dim=1), dim=-1)
    torch.testing.assert_close(fusion(vectors, summaries, present), expected, rtol=0, atol=1e-12)


@pytest.mark.parametrize("kind", ["certified", "context"])
def test_a_fused_vector_is_the_unit_of_what_it_is_made_of(kind: FusionKind) -> None:
    fusion = make(kind)
    vectors, summaries, present = inputs()
    gates, context = fusion.weigh(vectors, summaries, present)
    assert ((gates > 0) == present).all()
    torch.testing.assert_close(gates.sum(dim=1).double(), torch.ones(40).double(), rtol=0, atol=1e-6)
    summed = (gates[..., None] * vectors).sum(dim=1)
    assert (context is None) == (kind == "certified")
    if context is not None:
        assert (context.norm(dim=1) <= 0.2 * summed.norm(dim=1) + 1e-6).all()
        summed = summed + context
    torch.testing.assert_close(fusion(vectors, summaries, present), F.normalize(summed, dim=-1), rtol=0, atol=1e-6)


def test_certified_a_single_modality_is_its_own_vector() -> None:
    fusion = make()
    vectors, summaries, _ = inputs()
    for m in range(4):
        alone = F.one_hot(torch.tensor(m), 4).bool().expand(40, -1)
        torch.testing.assert_close(fusion(vectors, summaries, alone), vectors[:, m], rtol=0, atol=1e-12)


# -- Context -----------------------------------------------------------------------------------------------------------


@given(random_state=st.integers(0, 100_000), limit=st.floats(0.01, 0.95), size=st.sampled_from([0.1, 1.0, 1000.0]))
def test_context_tilts_by_at_most_the_arcsine_of_its_limit(random_state: int, limit: float, size: float) -> None:
    fusion = make("context", context_limit=limit, random_state=random_state)
    with torch.no_grad():
        fusion.context.weight *= size
    certified = make("certified")
    certified.load_state_dict({name: w for name, w in fusion.state_dict().items() if not name.startswith("context")})
    vectors, summaries, present = inputs(random_state=random_state)
    tilted, straight = (f(vectors, summaries, present) for f in (fusion, certified))
    # By the chord, since arccos loses the small angles.
    angles = 2 * ((tilted - straight).norm(dim=-1) / 2).asin()
    assert angles.max() <= math.asin(limit) + 1e-9
    if size == 1000.0:
        assert angles.max() > 0.5 * math.asin(limit)


def test_context_of_length_0_is_certified() -> None:
    fusion, certified = make("context", context_limit=0.0), make("certified")
    certified.load_state_dict({name: w for name, w in fusion.state_dict().items() if not name.startswith("context")})
    assert torch.equal(fusion(*inputs()), certified(*inputs()))


# -- All kinds ---------------------------------------------------------------------------------------------------------


def test_certified_the_only_gate_is_1_as_the_transformer_says() -> None:
    fusion = make("certified", modalities=1)
    vectors, summaries, present = inputs(modalities=1)
    gates, context = fusion.weigh(vectors, summaries, present)
    tokens = fusion._transform(summaries + fusion.kinds_of_modality, present)
    assert torch.equal(gates, fusion.gates(tokens).squeeze(-1).float().softmax(dim=1)) and context is None


@pytest.mark.parametrize("kind", KINDS)
def test_rows_are_unit_whatever_is_present(kind: FusionKind) -> None:
    fusion = make(kind)
    vectors, summaries, _ = inputs()
    for subset in all_subsets(4):
        fused = fusion(vectors, summaries, subset.expand(40, -1))
        assert fused.shape == (40, DIM)
        torch.testing.assert_close(fused.double().norm(dim=-1), torch.ones(40).double(), rtol=0, atol=3e-7)


@pytest.mark.parametrize("kind", KINDS)
def test_what_stands_in_absent_modalities_has_no_influence(kind: FusionKind) -> None:
    fusion = make(kind)
    vectors, summaries, present = inputs()
    garbage = [torch.where(present[..., None], t, 1e3 * torch.randn_like(t)) for t in (vectors, summaries)]
    assert torch.equal(fusion(*garbage, present), fusion(vectors, summaries, present))


@pytest.mark.parametrize("kind", KINDS)
def test_no_gradient_goes_to_absent_modalities(kind: FusionKind) -> None:
    vectors, summaries, present = inputs()
    leaves = [vectors.requires_grad_(), summaries.requires_grad_()]
    loss = (make(kind)(vectors, summaries, present) * torch.randn(40, DIM, dtype=torch.float64)).sum()
    for gradient in torch.autograd.grad(loss, leaves, allow_unused=True):
        assert gradient is None or (gradient[~present] == 0).all()


@pytest.mark.parametrize("kind", KINDS)
@given(order=st.permutations(range(4)))
def test_the_order_of_modalities_has_no_influence(kind: FusionKind, order: list[int]) -> None:
    fusion, permuted = make(kind), make(kind)
    with torch.no_grad():
        permuted.kinds_of_modality.copy_(fusion.kinds_of_modality[order])
    vectors, summaries, present = inputs()
    found = permuted(vectors[:, order], summaries[:, order], present[:, order])
    torch.testing.assert_close(found, fusion(vectors, summaries, present), rtol=0, atol=1e-6)


@pytest.mark.parametrize("kind", KINDS)
def test_which_modality_it_is_matters(kind: FusionKind) -> None:
    fusion = make(kind)
    vectors, summaries, present = inputs()
    order = [1, 0, 3, 2]
    swapped = fusion(vectors[:, order], summaries[:, order], present[:, order])
    assert (swapped - fusion(vectors, summaries, present)).norm(dim=-1).max() > 0.01


@pytest.mark.parametrize("kind", KINDS)
def test_the_other_objects_have_no_influence(kind: FusionKind) -> None:
    fusion = make(kind)
    vectors, summaries, present = inputs()
    whole = fusion(vectors, summaries, present)
    for row in range(0, 40, 7):
        one = slice(row, row + 1)
        alone = fusion(vectors[one], summaries[one], present[one])
        torch.testing.assert_close(alone, whole[one], rtol=0, atol=1e-6)


@pytest.mark.parametrize("kind", KINDS)
def test_under_autocast_the_vectors_stay_float32(kind: FusionKind) -> None:
    fusion = make(kind).float()
    vectors, summaries, present = inputs()
    with torch.autocast("cpu", dtype=torch.bfloat16):
        fused = fusion(vectors.float(), summaries.float(), present)
    assert fused.dtype == torch.float32
    torch.testing.assert_close(fused.norm(dim=-1), torch.ones(40), rtol=0, atol=1e-6)


@pytest.mark.parametrize("kind", KINDS)
def test_gradient_reaches_every_parameter_that_can_matter(kind: FusionKind) -> None:
    fusion = make(kind)
    (fusion(*inputs()) * torch.randn(40, DIM, dtype=torch.float64)).sum().backward()
    untouched = {name for name, p in fusion.named_parameters() if p.grad is None or p.grad.abs().max() < 1e-6}
    # What is added to the gates of all modalities alike, their softmax cancels.
    blind = {"certified": {"norm.bias"}, "context": set(), "free": set()}
    assert untouched == blind[kind]
