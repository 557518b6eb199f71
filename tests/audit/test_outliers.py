"""What is far out, and what is only in a class that lies farther out."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from steradian.audit.outliers import class_offsets, find_outliers, main_centers


def test_each_class_is_measured_by_its_own_median(rng: np.random.Generator) -> None:
    classes = np.repeat([0, 1], 100)
    angles = np.where(classes == 0, 0.2, 0.8) + 0.05 * rng.normal(size=200)
    angles[7] = 0.8
    offsets = class_offsets(angles, classes)
    assert offsets.argmax() == 7
    assert offsets[7] > 8
    assert np.delete(offsets, 7).max() < 4


def test_what_lacks_a_modality_is_measured_among_its_like(rng: np.random.Generator) -> None:
    classes, lacks = np.arange(200) % 4, np.arange(200) >= 180
    angles = 0.2 + 0.6 * lacks + 0.05 * rng.normal(size=200)
    none = np.zeros(200, dtype=int)
    assert find_outliers(class_offsets(angles, classes, none), angles, none + 1.2).tolist() != []
    assert find_outliers(class_offsets(angles, classes, lacks.astype(int)), angles, none + 1.2).tolist() == []


def test_few_objects_of_each_class_raise_no_false_alarm(rng: np.random.Generator) -> None:
    """Ten draws of 100 classes of two objects, none of them odd."""
    flagged = 0
    for _ in range(10):
        classes = np.repeat(np.arange(100), 2)
        angles = np.abs(0.5 + 0.1 * rng.normal(size=100)[classes] + 0.1 * rng.normal(size=200))
        flagged += len(find_outliers(class_offsets(angles, classes), angles, np.full(200, 0.9)))
    assert flagged <= 4


def test_an_object_firmly_in_its_class_is_none_however_tight_the_class() -> None:
    angles = np.array([0.010, 0.011, 0.012, 0.013] * 5 + [0.3])
    offsets = class_offsets(angles, np.zeros(21, dtype=int))
    assert offsets[20] > 100
    assert find_outliers(offsets, angles, np.full(21, 1.5)).tolist() == []
    assert find_outliers(offsets, angles, np.full(21, 0.5)).tolist() == [20]


def test_the_farthest_comes_first_and_too_few_objects_show_nothing() -> None:
    angles = np.array([0.10, 0.12, 0.14, 0.16] * 5 + [0.8, 1.1])
    offsets = class_offsets(angles, np.zeros(22, dtype=int))
    assert find_outliers(offsets, angles, np.full(22, 1.2)).tolist() == [21, 20]
    assert find_outliers(offsets[-9:], angles[-9:], np.full(9, 1.2)).tolist() == []


@given(st.lists(st.floats(0.01, 3), min_size=2, max_size=30), st.floats(0.1, 3))
def test_the_unit_of_angles_has_no_influence(angles: list[float], factor: float) -> None:
    # Away from where offsets count as none at all.
    values, groups = np.round(angles, 2), np.arange(len(angles)) % 3
    np.testing.assert_allclose(class_offsets(values, groups), class_offsets(factor * values, groups), atol=1e-6)


def test_objects_that_lie_alike_have_no_offset() -> None:
    assert class_offsets(np.full(20, 0.3), np.zeros(20, dtype=int)).tolist() == [0] * 20


def test_main_sub_centers_are_those_with_many_objects() -> None:
    centers = np.eye(6).reshape(2, 3, 6)
    rows = [0] * 10 + [1] * 5 + [2] + [4] * 2
    main, cosines = main_centers(np.eye(6)[rows], np.array([0] * 16 + [1] * 2), centers)
    assert main.tolist() == [[True, True, False], [False, True, False]]
    assert cosines[0].tolist() == [1, 0, 0]
    assert cosines[-1].tolist() == [0, 1, 0]
