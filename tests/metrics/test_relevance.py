"""Where the own class stands among the neighbors of a query, against the neighbors themselves."""

from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from steradian.metrics import nearest
from steradian.metrics.exact_cosines import fixed_point
from steradian.metrics.nearest import check_rows
from steradian.metrics.relevance import own_places


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
    for part, places in own_places(
        queries,
        codes,
        check_rows(gallery),
        gallery_codes,
        depths=depths,
        exclude=exclude,
        memory_bytes=options["memory_bytes"],
    ):
        depth = min(depths[part].max(), len(gallery))
        assert (np.diff(places, axis=1) >= 0).all()
        np.testing.assert_array_equal((places[:, :, None] == np.arange(depth)).sum(axis=1), want[part, :depth])
        seen += part.tolist()
    assert sorted(seen) == list(range(len(queries)))
    assert (np.diff(depths[seen]) >= 0).all()


def places_by_whole_numbers(query: np.ndarray, own: np.ndarray, gallery: np.ndarray, itself: int) -> list[int]:
    """The obvious way: cosines as whole multiples of 2^-52, rounded to 2^-24, sorted with their rows."""
    numbers = (fixed_point(gallery) * 2.0**26).astype(np.int64)
    cosines = [int(cosine) for cosine in numbers @ (fixed_point(query[None])[0] * 2.0**26).astype(np.int64)]
    steps = [round(Fraction(cosine, 2**28)) for cosine in cosines]
    ranked = sorted((-step, row) for row, step in enumerate(steps) if row != itself)
    return [place for place, (_, row) in enumerate(ranked) if own[row]]


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


@settings(max_examples=60)
@given(st.integers(0, 2**32 - 1), st.integers(2, 80), st.sampled_from([1e-9, 1e-7, 3e-6, 1e-4]), st.booleans())
def test_near_ties_and_copies_equal_whole_numbers(random_state: int, dim: int, apart: float, single: bool) -> None:
    """Few directions, each with exact copies and with rows about as far apart as float32 products err, of any class."""
    rng = np.random.default_rng(random_state)
    gallery = rng.normal(size=(6, dim))[rng.integers(6, size=150)]
    gallery += apart * rng.normal(size=gallery.shape) * (rng.random((150, 1)) < 0.7)
    gallery /= np.linalg.norm(gallery, axis=1, keepdims=True)
    gallery = gallery.astype(np.float32 if single else np.float64)
    codes = rng.integers(3, size=150)
    found = own_places(
        gallery[:8],
        codes[:8],
        check_rows(gallery),
        codes,
        depths=np.full(8, 150),
        exclude=np.arange(8),
        memory_bytes=2**20,
    )
    for part, places in found:
        for query, row in zip(part, places, strict=True):
            want = places_by_whole_numbers(gallery[query], codes == codes[query], gallery, query)
            assert row[: len(want)].tolist() == want
            assert (row[len(want) :] == 150).all()
