"""Approximate search by FAISS, against the exact one."""

import numpy as np
import pytest

from steradian.metrics import unit_vectors
from steradian.search import Index

pytest.importorskip("faiss", reason="FAISS is not installed: pip install 'steradian[faiss]'")


def clouds(rng: np.random.Generator, size: int, *, noise: float) -> np.ndarray:
    return unit_vectors(rng.normal(size=(50, 24))[rng.integers(50, size=size)] + noise * rng.normal(size=(size, 24)))


@pytest.mark.parametrize("noise", [0.5, 5.0])
def test_the_recall_that_is_told_is_reached_by_new_queries(
    rng: np.random.Generator, noise: float, capsys: pytest.CaptureFixture[str]
) -> None:
    vectors = clouds(rng, 20_000, noise=noise)
    index = Index.from_vectors(vectors[:19_500], labels=np.arange(19_500) % 7)
    found = index.approximate(recall=0.99)
    assert found.lists is not None and found.lists.recall >= 0.99
    assert f"recall@10 {found.lists.recall:.3f} of 500 drawn rows" in capsys.readouterr().out
    assert found.lists.lists.nprobe < found.lists.lists.nlist == 500
    exact, near = index.search(vectors[19_500:]), found.search(vectors[19_500:])
    same = (near.rows[:, :, None] == exact.rows[:, None, :]).any(axis=2)
    assert same.mean() >= 0.98
    # What both have has the same cosine, bit for bit.
    whole = (near.rows == exact.rows).all(axis=1)
    np.testing.assert_array_equal(near.cosines[whole], exact.cosines[whole])
    assert index.lists is None


def test_more_neighbors_than_the_lists_hold_are_searched_exactly(rng: np.random.Generator) -> None:
    vectors = clouds(rng, 3000, noise=0.2)
    index = Index.from_vectors(vectors)
    found = index.approximate(recall=0.5, verbose=False)
    np.testing.assert_array_equal(found.search(vectors[:5], k=2900).rows, index.search(vectors[:5], k=2900).rows)


@pytest.mark.parametrize("size", [1, 2, 30, 100])
def test_small_indexes_are_searched_whole(rng: np.random.Generator, size: int) -> None:
    index = Index.from_vectors(clouds(rng, size, noise=1.0))
    found = index.approximate(recall=1.0, verbose=False)
    assert found.lists is not None and found.lists.recall == 1.0
    np.testing.assert_array_equal(
        found.search(index.vectors[:1], k=50).rows, index.search(index.vectors[:1], k=50).rows
    )
