"""The closed form and the networks beside it: how their vectors add, and what that guarantees of subsets."""

from collections.abc import Callable, Iterator
from dataclasses import replace
from itertools import product

import numpy as np
import pytest
import torch
from torch import Tensor
from torch.nn import functional as F

from steradian.data.closed_form import fused
from steradian.metrics import guaranteed_leads
from steradian.model import ModalityVectors, SphereEncoder, TensorBatch, TwoPartEncoder
from steradian.model.two_part_encoder import LengthGates

NAMES, DIM = ("a", "b", "c"), 12
MakeEncoder = Callable[..., SphereEncoder]


def make_batch(present: Tensor, *, random_state: int = 0) -> TensorBatch:
    """Modalities of 5 features, and the closed form's vectors of all lengths; zeros where absent."""
    generator = torch.Generator().manual_seed(random_state)
    features = torch.randn(*present.shape, 5, generator=generator)
    items = {name: {"values": features[present[:, m], m]} for m, name in enumerate(NAMES)}
    lengths = torch.rand(*present.shape, 1, generator=generator) * 2 + 0.01
    closed = lengths * F.normalize(torch.randn(*present.shape, DIM, generator=generator), dim=-1)
    return TensorBatch(items, present, closed=closed * present[..., None])


def joined(
    *networks: SphereEncoder, share: float = 0.0, learned: bool = False, featured: tuple[bool, ...] = (True,) * 3
) -> TwoPartEncoder:
    encoder = TwoPartEncoder(NAMES, networks, embedding_dim=DIM, share=share, learned_gates=learned, featured=featured)
    return encoder.eval()


def subsets() -> Iterator[Tensor]:
    """Every subset of three modalities but the empty one."""
    yield from (torch.tensor(chosen) for chosen in product((False, True), repeat=3) if any(chosen))


def unit(vectors: Tensor) -> Tensor:
    return F.normalize(vectors, dim=-1)


@pytest.fixture
def present() -> Tensor:
    """Every pattern of three modalities but the empty one."""
    return torch.stack(list(subsets()))


@pytest.fixture
def networks(make_encoder: MakeEncoder) -> list[SphereEncoder]:
    return [make_encoder(*NAMES), make_encoder(*NAMES)]


def items_seen(networks: list[SphereEncoder]) -> int:
    return sum(modality.tokenizer.seen for network in networks for modality in network.modalities)


# -- The closed form alone ---------------------------------------------------------------------------------------------


def test_without_networks_every_subset_is_the_unit_of_the_sum(present: Tensor) -> None:
    batch, encoder = make_batch(present), joined()
    torch.testing.assert_close(encoder(batch), unit(batch.closed.sum(dim=1)), rtol=0, atol=1e-6)
    encoded = encoder.encode(batch)
    for subset in subsets():
        has = (present & subset).any(dim=1)
        kept = ModalityVectors(encoded.vectors[has], encoded.summaries[has], encoded.present[has])
        expected = unit((batch.closed * subset[:, None]).sum(dim=1)[has])
        torch.testing.assert_close(encoder.fuse(kept, subset), expected, rtol=0, atol=1e-6)


def test_at_share_0_networks_are_neither_heard_nor_run(present: Tensor, networks: list[SphereEncoder]) -> None:
    batch = make_batch(present)
    assert torch.equal(joined(*networks)(batch), joined()(batch))
    assert items_seen(networks) == 0
    joined(*networks, share=0.5)(batch)
    assert items_seen(networks) == 2 * int(present.sum())


def test_the_closed_forms_vectors_are_needed(present: Tensor) -> None:
    with pytest.raises(ValueError, match="closed form"):
        joined()(replace(make_batch(present), closed=None))


def test_vectors_of_zeros_and_opposite_ones_are_defined() -> None:
    one = torch.eye(DIM)[0]
    closed = torch.stack([torch.zeros(3, DIM), torch.stack([one, -one, 0 * one]), torch.stack([one, 0 * one, one])])
    present, encoder = torch.ones(3, 3, dtype=torch.bool), joined()
    encoded = encoder.joined(closed, [], present)
    vectors = encoder.fuse(encoded)
    for found in (encoded.vectors, vectors):
        torch.testing.assert_close(found.norm(dim=-1), torch.ones(found.shape[:-1]), rtol=0, atol=1e-6)
    # What is known of nothing has the same direction everywhere, and does not move what is known of the rest.
    assert torch.equal(encoded.vectors[0, 0], encoded.vectors[1, 2])
    torch.testing.assert_close(vectors[2], one, rtol=0, atol=1e-5)


def test_a_network_that_says_the_opposite_leaves_a_unit_vector() -> None:
    closed = torch.eye(DIM)[:3][None]
    present = torch.ones(1, 3, dtype=torch.bool)
    opposite = ModalityVectors(-closed, torch.zeros(1, 3, 16), present)
    encoded = joined(share=1.0).joined(closed, [opposite], present)
    torch.testing.assert_close(encoded.vectors.norm(dim=-1), torch.ones(1, 3), rtol=0, atol=1e-6)


# -- Networks beside it ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("share", [0.25, 4.0])
def test_a_modality_is_the_sum_of_both_directions(present: Tensor, networks: list[SphereEncoder], share: float) -> None:
    batch = make_batch(present)
    own = [network.encode(batch).vectors for network in networks]
    expected = unit(unit(batch.closed) + share * unit((own[0] + own[1]) / 2)) * present[..., None]
    encoder = joined(*networks, share=share)
    encoded = encoder.encode(batch)
    torch.testing.assert_close(encoded.vectors, expected, rtol=0, atol=1e-6)
    assert torch.equal(encoded.present, present)
    lengths = batch.closed.norm(dim=-1, keepdim=True)
    torch.testing.assert_close(encoder(batch), unit((lengths * expected).sum(dim=1)), rtol=0, atol=1e-6)


@pytest.mark.parametrize("learned", [False, True])
def test_gates_are_shares_of_what_is_there(present: Tensor, networks: list[SphereEncoder], learned: bool) -> None:
    batch = make_batch(present)
    encoder = joined(*networks, share=0.5, learned=learned)
    encoded = encoder.encode(batch)
    gates, context = encoder.fusion.weigh(encoded.vectors, encoded.summaries, encoded.present)
    assert context is None and isinstance(encoder.fusion, LengthGates)
    assert (gates >= 0).all() and not gates[~present].any()
    torch.testing.assert_close(gates.sum(dim=1), torch.ones(len(present)), rtol=0, atol=1e-6)
    expected = batch.closed.norm(dim=-1)
    if learned:
        for network in networks:
            assert network.encode(batch).summaries.shape == (len(present), 3, 16)
        each = [network.fusion.weigh(*_parts(network.encode(batch)))[0] for network in networks]
        expected = expected * (each[0] + each[1]) / 2
    torch.testing.assert_close(gates, expected / expected.sum(dim=1, keepdim=True), rtol=0, atol=1e-5)


def _parts(encoded: ModalityVectors) -> tuple[Tensor, Tensor, Tensor]:
    return encoded.vectors, encoded.summaries, encoded.present


def test_learned_gates_run_the_networks_also_at_share_0(present: Tensor, networks: list[SphereEncoder]) -> None:
    batch = make_batch(present)
    encoder = joined(*networks, learned=True)
    encoded = encoder.encode(batch)
    assert items_seen(networks) == 2 * int(present.sum())
    torch.testing.assert_close(encoded.vectors, unit(batch.closed), rtol=0, atol=1e-6)
    several = present.sum(dim=1) > 1
    assert ((encoder.fuse(encoded) - joined()(batch)).abs().amax(dim=1)[several] > 1e-4).all()


@pytest.mark.parametrize("learned", [False, True])
def test_fusing_a_subset_is_lacking_the_rest(present: Tensor, networks: list[SphereEncoder], learned: bool) -> None:
    batch, encoder = make_batch(present), joined(*networks, share=0.5, learned=learned)
    encoded = encoder.encode(batch)
    for subset in subsets():
        kept = present & subset
        has = kept.any(dim=1)
        items = {name: {"values": batch.items[name]["values"][kept[present[:, m], m]]} for m, name in enumerate(NAMES)}
        lacking = TensorBatch(items, kept[has], closed=(batch.closed * kept[..., None])[has])
        chosen = ModalityVectors(encoded.vectors[has], encoded.summaries[has], encoded.present[has])
        torch.testing.assert_close(encoder.fuse(chosen, subset), encoder(lacking), rtol=0, atol=1e-6)


# -- A modality without features ---------------------------------------------------------------------------------------


def test_a_modality_without_features_is_the_networks_alone(present: Tensor, networks: list[SphereEncoder]) -> None:
    batch = make_batch(present)
    batch.closed[:, 1] = 0
    encoder = joined(networks[0], share=0.5, featured=(True, False, True))
    encoded, own = encoder.encode(batch), networks[0].encode(batch)
    torch.testing.assert_close(encoded.vectors[:, 1], own.vectors[:, 1], rtol=0, atol=1e-6)
    # It stands beside the others as a vector at its class center would: at length 1.
    lengths = torch.where(torch.tensor([True, False, True]), batch.closed.norm(dim=-1), 1.0)
    expected = unit((lengths[..., None] * encoded.vectors).sum(dim=1))
    torch.testing.assert_close(encoder(batch), expected, rtol=0, atol=1e-6)


@pytest.mark.parametrize("learned", [False, True])
def test_without_a_networks_vector_it_says_nothing(
    present: Tensor, networks: list[SphereEncoder], learned: bool
) -> None:
    batch = make_batch(present)
    batch.closed[:, 1] = 0
    beside = networks if learned else []
    encoder = joined(*beside, learned=learned, featured=(True, False, True))
    others = present & torch.tensor([True, False, True])
    vectors, has = encoder(batch), others.any(dim=1)
    torch.testing.assert_close(vectors.norm(dim=-1), torch.ones(len(present)), rtol=0, atol=1e-6)
    if not learned:
        expected = unit(batch.closed.sum(dim=1))
        torch.testing.assert_close(vectors[has], expected[has], rtol=0, atol=1e-3)
    single = others.sum(dim=1) == 1
    expected = unit((batch.closed * others[..., None]).sum(dim=1))
    torch.testing.assert_close(vectors[single], expected[single], rtol=0, atol=1e-3)


# -- Guarantees


@pytest.mark.parametrize(("share", "learned"), [(0.0, False), (0.0, True), (1.0, False), (2.0, True)])
@pytest.mark.parametrize("random_state", [0, 1])
def test_no_subset_breaks_a_promise(
    networks: list[SphereEncoder], share: float, learned: bool, random_state: int
) -> None:
    rng = np.random.default_rng(random_state)
    there = rng.random((200, 3)) < 0.7
    there[~there.any(axis=1), 0] = True
    present = torch.from_numpy(there)
    batch = make_batch(present, random_state=random_state)
    centers = unit(torch.randn(5, DIM))
    # Vectors near a center, so that something can be guaranteed.
    own = rng.integers(5, size=200)
    near = batch.closed + 1.5 * centers[own][:, None] * torch.from_numpy(rng.random((200, 3, 1))).float()
    batch = replace(batch, closed=near * present[..., None])
    encoder = joined(*networks, share=share, learned=learned)
    with torch.inference_mode():
        encoded = encoder.encode(batch)
        whole = encoder.fuse(encoded) @ centers.T
        classes = whole.argmax(dim=1)
        leads = guaranteed_leads(
            encoded.vectors.numpy(), there, class_centers=centers.numpy(), classes=classes.numpy()
        ).least
        least = np.full(200, np.inf)
        for subset in subsets():
            has = (present & subset).any(dim=1)
            kept = ModalityVectors(encoded.vectors[has], encoded.summaries[has], encoded.present[has])
            cosines = encoder.fuse(kept, subset) @ centers.T
            own_cosine = cosines.gather(1, classes[has][:, None])
            others = cosines.scatter(1, classes[has][:, None], -2.0).amax(dim=1)
            least[has.numpy()] = np.minimum(least[has.numpy()], (own_cosine[:, 0] - others).numpy())
    held = leads > 0
    assert 5 < held.sum() < 200
    assert (least >= leads)[held].all()
    assert (least[~held] < 0).any()


# -- As a module -------------------------------------------------------------------------------------------------------


def test_its_state_is_that_of_the_networks_once(networks: list[SphereEncoder], present: Tensor) -> None:
    encoder = joined(*networks, share=0.5, learned=True)
    names = set(encoder.state_dict())
    assert {name.split(".")[0] for name in names} == {"networks", "share", "featured"}
    again = joined(*networks[::-1], share=2.0, learned=True, featured=(False,) * 3)
    again.load_state_dict({name: tensor.clone() for name, tensor in encoder.state_dict().items()})
    assert float(again.share) == 0.5 and again.featured.all()
    assert encoder.device.type == "cpu" and encoder.names == NAMES
    assert set(joined().state_dict()) == {"share", "featured"}


def test_it_stands_where_its_networks_do(networks) -> None:
    # A network may stand in two encoders, of which one has been moved.
    assert joined().device == torch.device("cpu")
    networks[0].to("meta")
    assert joined(networks[0], share=1.0).device == torch.device("meta")


@pytest.mark.parametrize("featured", [(True, True, True), (True, False, True)])
def test_numpy_alone_gives_the_same_vectors_where_no_network_takes_part(
    present: Tensor, featured: tuple[bool, ...]
) -> None:
    batch = make_batch(present)
    assert batch.closed is not None
    closed = batch.closed * torch.tensor(featured)[:, None]
    # One of zeros is an object of which its modality knows nothing.
    closed[2, 2] = 0
    encoder = joined(featured=featured)
    found = encoder(replace(batch, closed=closed))
    np.testing.assert_allclose(fused(closed.numpy(), present.numpy()), found.numpy(), atol=1e-6)
