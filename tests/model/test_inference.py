"""Vectors of tables and of subsets of modalities, a batch at a time."""

from itertools import product

import numpy as np
import pytest
import torch

from steradian.data import ObjectTable
from steradian.data.batch import PreparedObjects, Preprocessor
from steradian.model import SphereEncoder, embed, embed_subsets

SUBSETS = torch.tensor([subset for subset in product([False, True], repeat=5) if any(subset)])


def collect(
    encoder: SphereEncoder, prepared: PreparedObjects, rows: np.ndarray, *, batch_size: int
) -> list[tuple[np.ndarray, np.ndarray]]:
    """Rows and vectors of each subset."""
    parts: list[list[tuple[np.ndarray, np.ndarray]]] = [[] for _ in SUBSETS]
    for number, found, vectors in embed_subsets(encoder, prepared, rows, subsets=SUBSETS, batch_size=batch_size):
        parts[number].append((found, vectors))
    return [(np.concatenate([r for r, _ in part]), np.concatenate([v for _, v in part])) for part in parts]


def test_embed_is_the_encoder_whatever_the_batch_size(encoder: SphereEncoder, prepared: PreparedObjects) -> None:
    rows = np.random.default_rng(0).permutation(len(prepared))[:17]
    with torch.no_grad():
        expected = encoder(prepared.batch(rows)).numpy()
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
    for subset, (rows, vectors) in zip(SUBSETS.numpy(), found, strict=True):
        assert rows.tolist() == np.flatnonzero((objects.present & subset).any(axis=1)).tolist()
        alone = preprocessor.prepare(objects.only(names[subset].tolist())[rows])
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
    only_first = torch.tensor([[True, False, False, False, False]])
    ((number, rows, vectors),) = embed_subsets(encoder, prepared, without, subsets=only_first, batch_size=10)
    assert (number, rows.shape, vectors.shape) == (0, (0,), (0, 12))


@pytest.mark.parametrize("encoder", ["certified"], indirect=True)
def test_no_graph_is_kept(encoder: SphereEncoder, prepared: PreparedObjects) -> None:
    _, _, vectors = next(embed_subsets(encoder, prepared, np.arange(4), subsets=SUBSETS[-1:], batch_size=4))
    assert isinstance(vectors, np.ndarray)
    assert all(parameter.grad is None for parameter in encoder.parameters())
