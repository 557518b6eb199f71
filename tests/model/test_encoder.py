"""Both levels together: the vector of an object depends on what the object has, and on nothing else."""

from collections.abc import Callable

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from steradian.data import ObjectTable
from steradian.data.batch import PreparedObjects, Preprocessor
from steradian.data.modality import Tokens
from steradian.model import ModalityEncoder, SphereEncoder, TensorBatch

MakeEncoder = Callable[..., SphereEncoder]


def make_batch(present: Tensor, *, random_state: int = 0) -> TensorBatch:
    """A batch of modalities a, b, c of 5 features."""
    generator = torch.Generator().manual_seed(random_state)
    features = torch.randn(*present.shape, 5, generator=generator)
    items = {name: {"values": features[present[:, m], m]} for m, name in enumerate("abc"[: present.shape[1]])}
    return TensorBatch(items, present)


@pytest.fixture
def present() -> Tensor:
    return torch.tensor([[1, 1, 1], [1, 0, 0], [0, 1, 0], [0, 0, 1], [1, 0, 1], [1, 0, 0]], dtype=torch.bool)


# -- Level 1 -----------------------------------------------------------------------------------------------------------


class PaddedTokenizer(nn.Module):
    """Takes tokens as they are, with their mask."""

    def forward(self, values: Tensor, mask: Tensor) -> Tokens:
        return Tokens(values, mask)


@pytest.mark.parametrize("depth", [1, 3])
def test_padding_of_tokens_has_no_influence(depth: int) -> None:
    encoder = ModalityEncoder(PaddedTokenizer(), width=8, embedding_dim=6, depth=depth, heads=2, dropout=0.5).eval()
    tokens, mask = torch.randn(3, 5, 8), torch.arange(5) < torch.tensor([[5], [2], [1]])
    vectors, summaries = encoder({"values": tokens, "mask": mask})
    assert vectors.shape == (3, 6)
    assert summaries.shape == (3, 8)
    for row, length in enumerate([5, 2, 1]):
        cut = {"values": tokens[row : row + 1, :length], "mask": mask[row : row + 1, :length]}
        vector, summary = encoder(cut)
        torch.testing.assert_close(vector[0], vectors[row], rtol=0, atol=1e-6)
        torch.testing.assert_close(summary[0], summaries[row], rtol=0, atol=1e-5)


def test_every_real_token_has_influence() -> None:
    encoder = ModalityEncoder(PaddedTokenizer(), width=8, embedding_dim=6, depth=1, heads=2, dropout=0.0)
    tokens, mask = torch.randn(1, 4, 8, requires_grad=True), torch.tensor([[True, True, True, False]])
    encoder({"values": tokens, "mask": mask})[0][0, 0].backward()
    assert tokens.grad is not None
    assert (tokens.grad[0].abs().sum(dim=1) > 0).tolist() == [True, True, True, False]


def test_vectors_are_unit_and_stay_float32_under_autocast(modality_encoder: Callable[[], ModalityEncoder]) -> None:
    with torch.autocast("cpu", dtype=torch.bfloat16):
        vectors, _ = modality_encoder()({"values": torch.randn(50, 5)})
    assert vectors.dtype == torch.float32
    torch.testing.assert_close(vectors.norm(dim=-1), torch.ones(50), rtol=0, atol=1e-6)


# -- Both levels, modality by modality ---------------------------------------------------------------------------------


def test_only_present_items_are_encoded(make_encoder: MakeEncoder, present: Tensor) -> None:
    encoder = make_encoder("a", "b", "c")
    encoder(make_batch(present))
    assert [modality.tokenizer.seen for modality in encoder.modalities] == present.sum(dim=0).tolist() == [4, 2, 3]


def test_each_vector_stands_at_its_object_and_modality(make_encoder: MakeEncoder, present: Tensor) -> None:
    encoder, batch = make_encoder("a", "b", "c"), make_batch(present)
    encoded = encoder.encode(batch)
    assert torch.equal(encoded.present, present)
    for m, (name, modality) in enumerate(zip("abc", encoder.modalities, strict=True)):
        vectors, summaries = modality(batch.items[name])
        assert torch.equal(encoded.vectors[present[:, m], m], vectors)
        assert torch.equal(encoded.summaries[present[:, m], m], summaries)
    assert not encoded.vectors[~present].any()
    assert not encoded.summaries[~present].any()


@pytest.mark.parametrize("kind", ["certified", "context", "free"])
def test_fusing_a_subset_is_lacking_the_rest(make_encoder: MakeEncoder, present: Tensor, kind: str) -> None:
    encoder, batch = make_encoder("a", "b", "c", kind=kind), make_batch(present)
    subset = torch.tensor([[1, 0, 1], [1, 1, 1], [0, 1, 1], [0, 0, 1], [0, 0, 1], [1, 0, 0]], dtype=torch.bool)
    found = encoder.fuse(encoder.encode(batch), subset)
    kept = present & subset
    items = {
        name: {"values": batch.items[name]["values"][kept[present[:, m], m]]} for m, name in enumerate(encoder.names)
    }
    torch.testing.assert_close(found, encoder(TensorBatch(items, kept)), rtol=0, atol=1e-6)


def test_a_modality_that_no_object_of_the_batch_has(make_encoder: MakeEncoder) -> None:
    encoder = make_encoder("a", "b", "c")
    batch = make_batch(torch.tensor([[True, False, False], [True, False, True]]))
    vectors = encoder(batch)
    torch.testing.assert_close(vectors[0], encoder.encode(batch).vectors[0, 0], rtol=0, atol=1e-6)
    assert vectors.isfinite().all()


@pytest.mark.parametrize("kind", ["certified", "context", "free"])
def test_the_order_of_modalities_has_no_influence(make_encoder: MakeEncoder, present: Tensor, kind: str) -> None:
    encoder, batch = make_encoder("a", "b", "c", kind=kind), make_batch(present)
    expected = encoder(batch)
    order = [2, 0, 1]
    with torch.no_grad():
        encoder.fusion.kinds_of_modality.copy_(encoder.fusion.kinds_of_modality[order])
    modalities = {encoder.names[m]: encoder.modalities[m] for m in order}
    permuted = SphereEncoder(modalities, encoder.fusion).eval()
    found = permuted(TensorBatch(batch.items, present[:, order]))
    torch.testing.assert_close(found, expected, rtol=0, atol=1e-6)


def weigh_all_vectors(encoder: SphereEncoder, batch: TensorBatch) -> Tensor:
    """A number to which the vectors of objects and of modalities all add."""
    encoded = encoder.encode(batch)
    vectors = torch.cat([encoder.fuse(encoded), encoded.vectors[encoded.present]])
    return (vectors * torch.randn_like(vectors)).sum()


@pytest.mark.parametrize("kind", ["certified", "context", "free"])
def test_gradient_reaches_every_parameter(make_encoder: MakeEncoder, present: Tensor, kind: str) -> None:
    encoder = make_encoder("a", "b", "c", kind=kind)
    weigh_all_vectors(encoder, make_batch(present)).backward()
    # The softmax over the gates cancels what is added to all of them.
    cancelled = {"certified": ("fusion.norm.bias",), "context": (), "free": ()}
    lacking = [
        name
        for name, p in encoder.named_parameters()
        if name not in cancelled[kind] and "item_gates" not in name and (p.grad is None or not p.grad.any())
    ]
    assert lacking == []


def join_slowly(encoder: ModalityEncoder, values: Tensor, sizes: list[int]) -> Tensor:
    """A row at a time: the unit of its items' vectors, weighed by a softmax of their gates."""
    vectors, summaries = encoder({"values": values})
    gates = encoder.item_gates(summaries)[:, 0]
    rows = []
    for end, size in zip(np.cumsum(sizes), sizes, strict=True):
        items = slice(end - size, end)
        rows.append(nn.functional.normalize(gates[items].softmax(dim=0) @ vectors[items], dim=0))
    return torch.stack(rows)


def test_a_row_of_several_items_is_the_unit_of_their_weighted_sum(
    modality_encoder: Callable[[], ModalityEncoder],
) -> None:
    encoder, sizes = modality_encoder().eval(), [2, 1, 3]
    nn.init.normal_(encoder.item_gates.weight)
    values = torch.randn(6, 5)
    vectors, summaries = encoder({"values": values, "set_sizes": torch.tensor(sizes)})
    torch.testing.assert_close(vectors, join_slowly(encoder, values, sizes), rtol=0, atol=1e-5)
    assert summaries.shape[0] == 3
    swapped, _ = encoder({"values": values[[1, 0, 2, 5, 3, 4]], "set_sizes": torch.tensor(sizes)})
    torch.testing.assert_close(swapped, vectors, rtol=0, atol=1e-5)
    (vectors * torch.randn_like(vectors)).sum().backward()
    assert encoder.item_gates.weight.grad is not None
    assert bool(encoder.item_gates.weight.grad.any())


def test_a_modality_may_have_any_name(make_encoder: MakeEncoder) -> None:
    encoder = make_encoder("photo.front", "", "foto 前")
    assert encoder.names == ("photo.front", "", "foto 前")
    assert len(list(encoder.state_dict())) == len(list(encoder.parameters()))


def test_no_modality_at_all_is_refused(make_encoder: MakeEncoder) -> None:
    encoder = SphereEncoder({}, make_encoder("a").fusion)
    with pytest.raises(ValueError, match="at least one modality"):
        encoder(TensorBatch({}, torch.zeros(2, 0, dtype=torch.bool)))


# -- All kinds of modality, mixed freely -------------------------------------------------------------------------------


def vectors_of(encoder: SphereEncoder, prepared: PreparedObjects, rows: np.ndarray) -> Tensor:
    with torch.no_grad():
        return encoder(TensorBatch.of(prepared.batch(rows)))


def test_the_vector_of_an_object_is_the_same_in_every_batch(encoder: SphereEncoder, prepared: PreparedObjects) -> None:
    rows = np.arange(len(prepared))
    whole = vectors_of(encoder, prepared, rows)
    torch.testing.assert_close(whole.norm(dim=-1), torch.ones(len(rows)), rtol=0, atol=1e-6)
    assert (whole @ whole.T - torch.eye(len(rows))).max() < 0.9999, "different objects need different vectors"
    alone = torch.cat([vectors_of(encoder, prepared, rows[i : i + 1]) for i in rows])
    torch.testing.assert_close(alone, whole, rtol=0, atol=1e-5)
    order = np.random.default_rng(1).permutation(len(rows))
    torch.testing.assert_close(vectors_of(encoder, prepared, order), whole[order], rtol=0, atol=1e-5)
    twice = np.concatenate([order[:5], order[:5]])
    torch.testing.assert_close(vectors_of(encoder, prepared, twice), whole[twice], rtol=0, atol=1e-5)


def test_the_order_of_the_schema_has_no_influence(
    encoder: SphereEncoder, preprocessor: Preprocessor, objects: ObjectTable
) -> None:
    rows = np.arange(len(objects))
    expected = vectors_of(encoder, preprocessor.prepare(objects), rows)
    names = list(preprocessor.modalities)
    order = [3, 0, 4, 2, 1]
    with torch.no_grad():
        encoder.fusion.kinds_of_modality.copy_(encoder.fusion.kinds_of_modality[order])
    permuted = SphereEncoder({names[m]: encoder.modalities[m] for m in order}, encoder.fusion).eval()
    other = Preprocessor({names[m]: preprocessor.modalities[names[m]] for m in order})
    torch.testing.assert_close(vectors_of(permuted, other.prepare(objects), rows), expected, rtol=0, atol=1e-5)


def test_gradient_reaches_every_parameter_of_all_kinds(encoder: SphereEncoder, prepared: PreparedObjects) -> None:
    encoder.train()
    weigh_all_vectors(encoder, TensorBatch.of(prepared.batch(np.arange(len(prepared))))).backward()
    lacking = [
        name
        for name, p in encoder.named_parameters()
        if "item_gates" not in name and (p.grad is None or not p.grad.any())
    ]
    assert set(lacking) <= {"fusion.norm.bias", "modalities.2.tokenizer.categories.weight"}


def test_bfloat16_mixes_all_kinds(encoder: SphereEncoder, prepared: PreparedObjects) -> None:
    rows = np.arange(len(prepared))
    with torch.autocast("cpu", dtype=torch.bfloat16):
        half = vectors_of(encoder, prepared, rows)
    assert half.dtype == torch.float32
    torch.testing.assert_close(half, vectors_of(encoder, prepared, rows), rtol=0, atol=0.05)
