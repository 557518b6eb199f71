"""Approximate search without FAISS: what is made of its answers, and what is said where it is not installed."""

import sys
from typing import Any

import numpy as np
import pytest

from steradian.errors import ConfigError, InputError, MissingExtraError
from steradian.metrics import nearest, unit_vectors
from steradian.metrics.nearest import check_rows
from steradian.search import Index
from steradian.search.approximate import ApproximateSearch


class Lists:
    """What is asked of FAISS, by all products; of odd queries it finds one row only."""

    def __init__(self, vectors: np.ndarray) -> None:
        self.vectors, self.nprobe, self.nlist = vectors, 3, 40

    def search(self, queries: np.ndarray, k: int) -> tuple[np.ndarray, np.ndarray]:
        products = queries @ self.vectors.T
        rows = np.argsort(-products, axis=1)[:, :k]
        rows[1::2, 1:] = -1
        # In any order.
        return np.take_along_axis(products, rows, axis=1)[:, ::-1], rows[:, ::-1]


def test_what_is_found_has_the_exact_cosines_and_what_is_short_is_searched_whole(rng: np.random.Generator) -> None:
    vectors = unit_vectors(rng.normal(size=(60, 5)))
    made = ApproximateSearch(check_rows(vectors), Lists(vectors), 0.995, 50)
    queries = 3.0 * rng.normal(size=(9, 5))
    for got, want in zip(made.nearest(queries, k=4), nearest(queries, vectors, k=4), strict=True):
        np.testing.assert_array_equal(got, want)
    index = Index(vectors, np.arange(60), lists=made)
    np.testing.assert_array_equal(index.search(queries, k=4).rows, nearest(queries, vectors, k=4)[0])
    assert repr(index).endswith("no model; 3 of 40 lists, recall@10 0.995 of 50 drawn rows")
    with pytest.raises(InputError, match="queries, row 0"):
        index.search(np.zeros((1, 5)))


def test_without_faiss_the_extra_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "faiss", None)
    with pytest.raises(MissingExtraError, match=r"approximate search: want the package 'faiss'.*steradian\[faiss\]"):
        Index.from_vectors(np.eye(3)).approximate()


@pytest.mark.parametrize("recall", [0.0, 1.5, float("nan")])
def test_a_recall_that_is_no_share_is_refused(recall: Any) -> None:
    with pytest.raises(ConfigError, match="approximate"):
        Index.from_vectors(np.eye(3)).approximate(recall=recall)
