"""Vectors of tables and of subsets of modalities, a batch at a time."""

from dataclasses import replace
from itertools import product

import numpy as np
import pytest
import torch

from steradian.data import ObjectTable
from steradian.data.batch import PreparedObjects, Preprocessor
from steradian.data.closed_form import fused
from steradian.errors import InputError
from steradian.metrics import unit_vectors
from steradian.model import (
    SphereEncoder,
    SphericalClassifier,
    TensorBatch,
    TwoPartEncoder,
    class_cosines,
    embed,
    embed_subsets,
    embed_table,
    encode_table,
    fuse_subset,
    inference,
    nearest_centers,
)

SUBSETS = [np.array(subset) for subset in product([False, True], repeat=5) if any(subset)]


def of_all(subsets: list[np.ndarray], prepared: PreparedObjects) -> list[np.ndarray]:
    """The same subset for each object."""
    return [np.broadcast_to(subset, prepared.present.shape) for subset in subsets]


def collect(
    encoder: SphereEncoder, prepared: PreparedObjects, rows: np.ndarray, *, batch_size: int
) -> list[tuple[np.ndarray, np.ndarray]]:
    """Rows and vectors of each subset."""
    parts: list[list[tuple[np.ndarray, np.ndarray]]] = [[] for _ in SUBSETS]
    masks = of_all(SUBSETS, prepared)
    for number, found, vectors in embed_subsets(encoder, prepared, rows, subsets=masks, batch_size=batch_size):
        parts[number].append((found, vectors))
    return [(np.concatenate([r for r, _ in part]), np.concatenate([v for _, v in part])) for part in parts]


def test_embed_is_the_encoder_whatever_the_batch_size(encoder: SphereEncoder, prepared: PreparedObjects) -> None:
    rows = np.random.default_rng(0).permutation(len(prepared))[:17]
    with torch.no_grad():
        expected = encoder(TensorBatch.of(prepared.batch(rows))).numpy()
    for batch_size in (1, 5, 17, 1000):
        vectors = embed(encoder, prepared, rows, batch_size=batch_size)
        assert vectors.dtype == np.float32
        np.testing.assert_allclose(vectors, expected, rtol=0, atol=1e-5)


def test_every_subset_is_as_if_encoded_on_its_own(
    encoder: SphereEncoder, preprocessor: Preprocessor, prepared: PreparedObjects, objects: ObjectTable
) -> None:
    names = np.array(list(objects.schema.modalities))
    found = collect(encoder, prepared, np.arange(len(prepared)), batch_size=7)
    assert len(found) == 31
    for subset, (rows, vectors) in zip(SUBSETS, found, strict=True):
        assert rows.tolist() == np.flatnonzero((objects.present & subset).any(axis=1)).tolist()
        alone = preprocessor.prepare(objects.only(names[subset].tolist())[rows])
        expected = embed(encoder, alone, np.arange(len(alone)), batch_size=100)
        np.testing.assert_allclose(vectors, expected, rtol=0, atol=1e-5)


def test_no_vector_of_a_table_stands_twice(
    encoder: SphereEncoder, preprocessor: Preprocessor, objects: ObjectTable, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(inference, "PREPARED_AT_ONCE", 5)
    written: list[np.ndarray] = []
    append = inference.FoundVectors.append

    def watched(self: inference.FoundVectors, rows: np.ndarray, vectors: np.ndarray) -> None:
        append(self, rows, vectors)
        written.append(self.taken()[1])

    monkeypatch.setattr(inference.FoundVectors, "append", watched)
    everything = np.ones(len(objects.schema.modalities), dtype=bool)
    ((_, rows, vectors),) = embed_table(encoder, preprocessor, objects, subsets=[everything], batch_size=5)
    assert len(written) == -(-len(objects) // 5) > 1 and len(rows) == len(vectors)
    # What the first part wrote is already where the result stands.
    assert np.shares_memory(written[0], vectors)
    assert vectors.base is not None and vectors.base.shape == (len(objects), encoder.embedding_dim)


def test_each_object_may_have_its_own_subset(
    encoder: SphereEncoder,
    preprocessor: Preprocessor,
    objects: ObjectTable,
    rng: np.random.Generator,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    # Several chunks of the table, and several groups of masks.
    monkeypatch.setattr(inference, "PREPARED_AT_ONCE", 10)
    monkeypatch.setattr(inference, "MAX_BYTES", 2 * len(objects) * encoder.embedding_dim * 4)
    masks = [rng.random(objects.present.shape) < share for share in (0.2, 0.5, 0.8)]
    masks.append(np.array([True, False, True, False, True]))
    found = list(embed_table(encoder, preprocessor, objects, subsets=masks, batch_size=4))
    assert [number for number, _, _ in found] == [0, 1, 2, 3]
    for mask, (_, rows, vectors) in zip(masks, found, strict=True):
        cut = replace(objects, present=objects.present & mask)
        assert rows.tolist() == np.flatnonzero(cut.present.any(axis=1)).tolist()
        alone = preprocessor.prepare(cut[rows])
        expected = embed(encoder, alone, np.arange(len(alone)), batch_size=100)
        np.testing.assert_allclose(vectors, expected, rtol=0, atol=1e-5)


def test_rows_in_any_order(encoder: SphereEncoder, prepared: PreparedObjects) -> None:
    straight = collect(encoder, prepared, np.arange(len(prepared)), batch_size=100)
    order = np.array([20, 3, 3, 11, 0])
    for (rows, vectors), (all_rows, all_vectors) in zip(
        collect(encoder, prepared, order, batch_size=2), straight, strict=True
    ):
        assert rows.tolist() == [row for row in order if row in all_rows]
        expected = all_vectors[np.searchsorted(all_rows, rows)]
        np.testing.assert_allclose(vectors, expected, rtol=0, atol=1e-5)


@pytest.mark.parametrize("encoder", ["certified"], indirect=True)
def test_each_item_is_encoded_once_for_all_subsets(
    encoder: SphereEncoder, prepared: PreparedObjects, objects: ObjectTable
) -> None:
    seen = [0] * 5
    for m, modality in enumerate(encoder.modalities):

        def count(_module: object, _given: object, output: tuple[torch.Tensor, ...], m: int = m) -> None:
            seen[m] += len(output[0])

        modality.register_forward_hook(count)
    collect(encoder, prepared, np.arange(len(prepared)), batch_size=6)
    assert seen == objects.present.sum(axis=0).tolist()


@pytest.mark.parametrize("encoder", ["certified"], indirect=True)
def test_a_subset_that_no_object_of_a_batch_has_gives_no_row(encoder: SphereEncoder, prepared: PreparedObjects) -> None:
    without = np.flatnonzero(~prepared.present[:, 0])[:3]
    only_first = of_all([np.array([True, False, False, False, False])], prepared)
    ((number, rows, vectors),) = embed_subsets(encoder, prepared, without, subsets=only_first, batch_size=10)
    assert (number, rows.shape, vectors.shape) == (0, (0,), (0, 12))


@pytest.mark.parametrize("encoder", ["certified"], indirect=True)
def test_no_graph_is_kept(encoder: SphereEncoder, prepared: PreparedObjects, monkeypatch: pytest.MonkeyPatch) -> None:
    encode, modes = encoder.encode, []
    monkeypatch.setattr(
        encoder, "encode", lambda batch: modes.append(torch.is_inference_mode_enabled()) or encode(batch)
    )
    everything = of_all(SUBSETS[-1:], prepared)
    _, _, vectors = next(embed_subsets(encoder, prepared, np.arange(4), subsets=everything, batch_size=4))
    assert isinstance(vectors, np.ndarray) and modes == [True]
    assert all(parameter.grad is None for parameter in encoder.parameters())


@pytest.mark.parametrize("encoder", ["certified"], indirect=True)
def test_the_next_objects_are_prepared_while_these_are_encoded(
    encoder: SphereEncoder, preprocessor: Preprocessor, objects: ObjectTable, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(inference, "PREPARED_AT_ONCE", 5)
    prepared, encoded = [], []
    prepare, embed_these = Preprocessor.prepare, inference.embed_subsets

    def spy(self: Preprocessor, part: ObjectTable) -> PreparedObjects:
        prepared.append((len(encoded), part.rows[0]))
        return prepare(self, part)

    def count(*given: object, **options: object) -> object:
        encoded.append(1)
        return embed_these(*given, **options)  # type: ignore[arg-type]

    monkeypatch.setattr(Preprocessor, "prepare", spy)
    monkeypatch.setattr(inference, "embed_subsets", count)
    ((_, _, vectors),) = embed_table(encoder, preprocessor, objects, subsets=SUBSETS[-1:], batch_size=4)
    assert [row for _, row in prepared] == [0, 5, 10, 15, 20]
    # Two at most stand in memory: those that are being encoded, and the next.
    assert all(started - done <= 1 for started, (done, _) in enumerate(prepared))
    monkeypatch.setattr(inference, "prefetched", lambda make, inputs, ahead: map(make, inputs))
    ((_, _, again),) = embed_table(encoder, preprocessor, objects, subsets=SUBSETS[-1:], batch_size=4)
    np.testing.assert_array_equal(vectors, again)


def test_a_table_is_encoded_once_and_fused_as_often_as_wanted(
    encoder: SphereEncoder, preprocessor: Preprocessor, objects: ObjectTable, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(inference, "PREPARED_AT_ONCE", 9)
    encoded = encode_table(encoder, preprocessor, objects, batch_size=4)
    assert len(encoded.vectors) == len(encoded.summaries) == len(encoded.present) == 23
    for subset in SUBSETS[::5]:
        has, found = fuse_subset(encoder, encoded, torch.from_numpy(subset))
        expected = embed_table(encoder, preprocessor, objects, subsets=[subset], batch_size=100)
        ((_, rows, vectors),) = expected
        assert np.flatnonzero(has).tolist() == rows.tolist()
        np.testing.assert_allclose(found, vectors, rtol=0, atol=1e-5)


@pytest.mark.parametrize("subcenters", [1, 3])
def test_nearest_centers_are_those_of_all_cosines_however_many_are_held(
    rng: np.random.Generator, monkeypatch: pytest.MonkeyPatch, subcenters: int
) -> None:
    classifier = SphericalClassifier(5, 4, subcenters=subcenters)
    vectors = unit_vectors(rng.normal(size=(23, 4)))
    cosines = class_cosines(classifier, vectors)
    for held in (1, 12, 1 << 24):
        monkeypatch.setattr(inference, "MAX_COSINES", held)
        numbers, nearest = nearest_centers(classifier, vectors)
        np.testing.assert_array_equal(numbers, cosines.argmax(axis=1))
        np.testing.assert_allclose(nearest, cosines.max(axis=1), atol=1e-6)
    numbers, nearest = nearest_centers(classifier, vectors[:0])
    assert len(numbers) == len(nearest) == 0
    with pytest.raises(InputError, match=r"want vectors \[objects, 4\], got shape \(0, 3\)"):
        nearest_centers(classifier, vectors[:0, :3])


def test_no_item_is_cut_where_no_network_sees_one(prepared: PreparedObjects) -> None:
    def cut(rows: np.ndarray) -> dict[str, np.ndarray]:
        raise AssertionError("a batch of items was cut")

    names = list(prepared.items)
    closed = np.random.default_rng(0).normal(size=(*prepared.present.shape, 6)).astype(np.float32)
    objects = PreparedObjects(dict.fromkeys(names, cut), prepared.present, closed=closed * prepared.present[..., None])
    options = {"embedding_dim": 6, "share": 0.0, "learned_gates": False, "featured": [True] * len(names)}
    rows = np.flatnonzero(prepared.present.any(axis=1))
    vectors = embed(TwoPartEncoder(names, [], **options), objects, rows, batch_size=7)
    np.testing.assert_allclose(vectors, fused(objects.closed[rows], prepared.present[rows]), atol=1e-6)
