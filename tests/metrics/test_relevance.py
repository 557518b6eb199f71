"""Which neighbors are of a query's class, against the neighbors themselves."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from steradian.metrics import nearest
from steradian.metrics.nearest import check_rows
from steradian.metrics.relevance import relevant_neighbors


def check(
    queries: np.ndarray, codes: np.ndarray, gallery: np.ndarray, gallery_codes: np.ndarray, **options: int
) -> None:
    """The slow way: all neighbors in order, and their classes beside the query's. What lies below the last of a class
    is of another one, so that what is not there counts as such."""
    rng = np.random.default_rng(options["random_state"])
    exclude = rng.integers(-1, len(gallery), size=len(queries))
    depths = rng.integers(1, options["most"] + 1, size=len(queries))
    rows, _ = nearest(queries, gallery, k=len(gallery), exclude=exclude)
    want = (gallery_codes[rows] == codes[:, None]) & (rows >= 0)
    seen = []
    for part, relevant in relevant_neighbors(
        queries,
        codes,
        check_rows(gallery),
        gallery_codes,
        depths=depths,
        exclude=exclude,
        memory_bytes=options["memory_bytes"],
    ):
        assert relevant.shape == (len(part), min(depths[part].max(), len(gallery)))
        np.testing.assert_array_equal(relevant, want[part, : relevant.shape[1]])
        seen += part.tolist()
    assert sorted(seen) == list(range(len(queries)))
    assert (np.diff(depths[seen]) >= 0).all()


@given(st.integers(0, 2**32 - 1), st.integers(1, 200), st.integers(1, 30), st.sampled_from([1, 30_000, 2**26]))
def test_equals_the_neighbors_with_many_ties(random_state: int, size: int, classes: int, memory_bytes: int) -> None:
    rng = np.random.default_rng(random_state)
    gallery = rng.integers(-2, 3, size=(size, 3)) * 2.0 + 1
    gallery_codes = rng.integers(classes, size=size)
    rows = rng.integers(size, size=11)
    queries = rng.integers(-2, 3, size=(11, 3)) * 2.0 + 1
    check(
        queries,
        gallery_codes[rows],
        gallery,
        gallery_codes,
        random_state=random_state,
        most=size + 3,
        memory_bytes=memory_bytes,
    )


@pytest.mark.parametrize("classes", [2, 5, 300])
@pytest.mark.parametrize("noise", [0.05, 0.5, 3.0])
@pytest.mark.parametrize("most", [3, 600])
def test_equals_the_neighbors_of_clouds(rng: np.random.Generator, classes: int, noise: float, most: int) -> None:
    codes = rng.integers(classes, size=900)
    vectors = rng.normal(size=(classes, 16))[codes] + noise * rng.normal(size=(900, 16))
    check(vectors[:150], codes[:150], vectors, codes, random_state=0, most=most, memory_bytes=2**24)


def test_rows_that_float32_cannot_tell_apart(rng: np.random.Generator) -> None:
    codes = rng.integers(3, size=400)
    vectors = rng.normal(size=(1, 16)) + 1e-7 * rng.normal(size=(400, 16))
    check(vectors[:50], codes[:50], vectors, codes, random_state=0, most=400, memory_bytes=2**24)
