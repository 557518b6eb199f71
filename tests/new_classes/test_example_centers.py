import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from steradian.errors import InputError
from steradian.new_classes.example_centers import Imprint, imprint


def unit(rows: np.ndarray) -> np.ndarray:
    return np.asarray(rows / np.linalg.norm(rows, axis=-1, keepdims=True))


def slow_cosines(made: Imprint) -> np.ndarray:
    """Every example taken out, and all centers made again from the rest of their parts."""
    cosines = []
    for row, vector in enumerate(made.vectors):
        rest = np.arange(len(made.vectors)) != row
        parts = {part for part in made.parts[rest]}
        centers = [unit(made.vectors[rest & (made.parts == part)].mean(axis=0)) for part in parts]
        cosines.append(max((vector @ center for center in centers), default=-1.0))
    return np.array(cosines)


@settings(max_examples=25)
@given(random_state=st.integers(0, 1000), examples=st.integers(1, 12), subcenters=st.integers(1, 4))
def test_cosines_without_itself_are_those_of_centers_made_again(
    random_state: int, examples: int, subcenters: int
) -> None:
    vectors = unit(np.random.default_rng(random_state).normal(size=(examples, 5)))
    made = imprint(vectors, subcenters, name="cup")
    assert made.cosines_without_itself() == pytest.approx(slow_cosines(made), abs=1e-9)


@settings(max_examples=25)
@given(random_state=st.integers(0, 1000), subcenters=st.integers(1, 4))
def test_neither_order_nor_repetition_of_examples_moves_the_parts(random_state: int, subcenters: int) -> None:
    rng = np.random.default_rng(random_state)
    vectors = unit(rng.normal(size=(9, 5))).astype(np.float32)
    order = rng.permutation(9)
    made, other = (imprint(rows, subcenters, name="cup") for rows in (vectors, vectors[order]))
    assert other.centers == pytest.approx(made.centers, abs=1e-9)
    assert np.array_equal(other.parts, made.parts[order])
    twice = imprint(np.repeat(vectors, 2, axis=0), subcenters, name="cup")
    assert twice.centers == pytest.approx(made.centers, abs=1e-6)


def test_parts_are_the_clusters_of_the_examples(rng: np.random.Generator) -> None:
    ends = np.repeat(np.eye(6)[:3], 8, axis=0)
    made = imprint(unit(ends + 0.1 * rng.normal(size=ends.shape)), 3, name="cup")
    assert sorted(made.centers.argmax(axis=1)) == [0, 1, 2]
    assert np.array_equal(made.centers.argmax(axis=1)[made.parts], np.repeat([0, 1, 2], 8))


@pytest.mark.parametrize(("different", "centers"), [(1, 1), (2, 2), (3, 3), (5, 3)])
def test_there_are_no_more_centers_than_different_examples(different: int, centers: int) -> None:
    vectors = np.repeat(np.eye(6)[:different], 2, axis=0).astype(np.float32)
    assert imprint(vectors, 3, name="cup").centers.shape == (centers, 6)


def test_vectors_that_cancel_out_are_refused() -> None:
    with pytest.raises(InputError, match=r"class 'cup': want examples .* mean direction, got 2 that cancel out"):
        imprint(np.array([[1.0, 0.0], [-1.0, 0.0]]), name="cup")
    # As sub-centers the two are fine.
    assert len(imprint(np.array([[1.0, 0.0], [-1.0, 0.0]]), 2, name="cup").centers) == 2
