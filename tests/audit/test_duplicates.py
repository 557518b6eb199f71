"""Near-duplicates against all pairs looked at one by one."""

from dataclasses import replace

import numpy as np
import pytest

import steradian as sr
from steradian.audit.duplicates import SHARE, ModalityView, find_twins, reads_alike
from steradian.metrics import unit_vectors


def view(rng: np.random.Generator, objects: int = 60, modalities: int = 3, *, missing: float = 0.0) -> ModalityView:
    vectors = unit_vectors(rng.normal(size=(objects * modalities, 8))).reshape(objects, modalities, 8)
    present = rng.random((objects, modalities)) >= missing
    present[np.arange(objects), rng.integers(modalities, size=objects)] = True
    return ModalityView(np.where(present[..., None], vectors, np.float32(0)), present)


def copies(source: ModalityView, rows: np.ndarray, *, radians: float, rng: np.random.Generator) -> ModalityView:
    turned = source.vectors[rows] + radians / 8**0.5 * rng.normal(size=source.vectors[rows].shape)
    turned = turned / np.maximum(np.linalg.norm(turned, axis=2, keepdims=True), 1e-9)
    return ModalityView(turned.astype(np.float32) * source.present[rows, :, None], source.present[rows])


@pytest.mark.parametrize("missing", [0.0, 0.4])
def test_every_copy_in_another_table_is_found_and_nothing_else(rng: np.random.Generator, missing: float) -> None:
    table, rows = view(rng, missing=missing), np.array([50, 3, 17, 17])
    other = view(rng, 40, missing=missing)
    copied = copies(table, rows, radians=0.005, rng=rng)
    other = ModalityView(
        np.concatenate([other.vectors, copied.vectors]), np.concatenate([other.present, copied.present])
    )
    found = find_twins(table, other)
    assert found.left.tolist() == [3, 17, 50]
    assert found.right[[0, 2]].tolist() == [41, 40]
    assert found.right[1] in (42, 43)
    assert (found.angles > 0).all()
    assert (found.angles < 0.03).all()
    np.testing.assert_array_equal(found.shared, table.present[found.left])


def test_the_pairs_within_a_table_are_those_of_a_plain_loop(rng: np.random.Generator) -> None:
    table = view(rng, missing=0.3)
    copied = copies(table, np.arange(12), radians=0.02, rng=rng)
    table = ModalityView(
        np.concatenate([table.vectors, copied.vectors]), np.concatenate([table.present, copied.present])
    )
    found = find_twins(table)
    usual = dict(zip(map(tuple, found.shared.tolist()), found.usual, strict=True))
    slow = []
    for one in range(72):
        for other in range(one + 1, 72):
            both = table.present[one] & table.present[other]
            if not any((both == table.present[row]).all() for row in (one, other)):
                continue
            cosines = np.einsum("md,md->m", table.vectors[one, both], table.vectors[other, both])
            if np.arccos(np.clip(cosines.min(), -1, 1)) <= SHARE * usual.get(tuple(both.tolist()), 0):
                slow.append((one, other))
    assert list(zip(found.left.tolist(), found.right.tolist(), strict=True)) == slow
    assert {(row, 60 + row) for row in range(12)} <= set(slow)


def test_a_copy_that_lacks_a_modality_is_found(rng: np.random.Generator) -> None:
    table = view(rng)
    lacking = ModalityView(table.vectors[[4]] * np.float32([1, 0, 1])[:, None], np.array([[True, False, True]]))
    found = find_twins(table, lacking)
    assert (found.left.tolist(), found.right.tolist()) == ([4], [0])
    assert found.shared.tolist() == [[True, False, True]]


def test_a_modality_in_which_most_are_alike_proves_nothing(rng: np.random.Generator) -> None:
    table = view(rng, modalities=2)
    table.vectors[:, 1] = np.eye(8)[rng.integers(3, size=60)]
    assert len(find_twins(table).left) == 0
    only = ModalityView(table.vectors * np.float32([0, 1])[:, None], table.present & np.array([False, True]))
    found = find_twins(only)
    assert len(found.left) == 0
    assert [subset.tolist() for subset in found.skipped] == [[False, True]]


def test_few_objects_show_nothing_but_what_is_the_same(rng: np.random.Generator) -> None:
    table = view(rng, 5)
    near = copies(table, np.arange(5), radians=0.01, rng=rng)
    assert len(find_twins(table, near).left) == 0
    same = find_twins(table, copies(table, np.array([2]), radians=0, rng=rng))
    assert same.left.tolist() == [2]
    assert np.isnan(same.usual).all()
    assert len(find_twins(view(rng, 1)).left) == 0


def test_what_was_read_from_the_same_values_reads_alike() -> None:
    cells = {"t": ["red", "red", "blue"], "v": np.array([[1.0, 2], [1, 2], [1, 3]]), "label": [0, 1, 0]}
    objects = sr.read_objects(cells, sr.Schema({"t": sr.Text("t"), "v": sr.Vector("v")}))
    for modality in ("t", "v"):
        assert reads_alike(objects, 0, objects, 1, modality=modality)
        assert not reads_alike(objects, 0, objects, 2, modality=modality)
    odd = replace(objects, values={"t": {"text": np.array([object(), None, [np.ones(2), 1]], dtype=object)}})
    assert not reads_alike(odd, 0, odd, 2, modality="t")


def test_what_several_objects_show_in_part_is_no_copy(rng: np.random.Generator) -> None:
    """Forty objects of a photo and a colour; six have but the colour, one and the same."""
    vectors = rng.normal(size=(46, 2, 8)).astype(np.float32)
    vectors /= np.linalg.norm(vectors, axis=2, keepdims=True)
    present = np.ones((46, 2), dtype=bool)
    present[40:, 0] = False
    vectors[40:, 1] = vectors[0, 1]
    # A true copy in both, and one lone twin in part.
    vectors[11] = vectors[10]
    vectors[45, 1] = vectors[20, 1]
    shown = ModalityView(np.where(present[:, :, None], vectors, 0), present)
    pairs = find_twins(shown)
    listed = {(left, right) for left, right in zip(pairs.left.tolist(), pairs.right.tolist(), strict=True)}
    assert {(10, 11), (20, 45)} <= listed
    assert not any(left == 0 for left, _ in listed) and pairs.common >= 5
