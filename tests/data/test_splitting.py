"""Splits for any table: disjoint, complete, stratified, group-disjoint, unseen classes kept out of training."""

from typing import Any

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from steradian.data.splitting import draw_grouped, draw_parts, draw_stratified, draw_test, draw_unseen
from steradian.errors import ConfigError, InputError

SHARES = st.floats(0.01, 0.99)
SEEDS = st.integers(0, 2**32)


@st.composite
def class_numbers(draw: st.DrawFn, *, min_size: int = 1) -> np.ndarray:
    sizes = draw(st.lists(st.integers(min_size, 12), min_size=1, max_size=8))
    classes = np.repeat(np.arange(len(sizes)), sizes)
    return np.random.default_rng(draw(SEEDS)).permutation(classes)


@st.composite
def grouped_classes(draw: st.DrawFn) -> tuple[np.ndarray, np.ndarray]:
    classes = draw(class_numbers())
    numbers = st.lists(st.integers(0, 9), min_size=len(classes), max_size=len(classes))
    return classes, np.array(draw(numbers))


@given(class_numbers(), SHARES, SEEDS)
def test_every_class_gives_its_share_to_within_one_object(classes: np.ndarray, share: float, random_state: int) -> None:
    sizes = np.bincount(classes)
    assume((sizes > 1).any())
    in_test = draw_test(classes, test_size=share, random_state=random_state)
    taken = np.bincount(classes[in_test], minlength=len(sizes))
    assert (np.abs(taken - share * sizes)[sizes > 1] < 1 + 1e-9).all()
    assert (taken < sizes).all()
    assert taken.any()


@given(class_numbers(), st.data(), SEEDS)
def test_a_number_of_objects_is_met_exactly(classes: np.ndarray, data: st.DataObject, random_state: int) -> None:
    sizes = np.bincount(classes)
    spare = int((sizes - 1).sum())
    assume(spare)
    number = data.draw(st.integers(1, spare))
    in_test = draw_test(classes, test_size=number, random_state=random_state)
    assert in_test.sum() == number
    assert (np.bincount(classes[in_test], minlength=len(sizes)) < sizes).all()


def test_the_size_of_the_test_is_the_share_of_the_table() -> None:
    classes = np.repeat(np.arange(40), 3)
    assert draw_test(classes, test_size=0.2).sum() == 24


@given(class_numbers(), st.none() | SHARES, st.data(), SEEDS)
def test_unseen_classes_are_never_in_training(
    classes: np.ndarray, test: float | None, data: st.DataObject, random_state: int
) -> None:
    num_classes = classes.max() + 1
    assume(num_classes > 1)
    count = data.draw(st.integers(1, num_classes - 1))
    unseen_only = draw_test(classes, test_size=None, unseen_classes=count, random_state=random_state)
    unseen = np.unique(classes[unseen_only])
    assert len(unseen) == count
    assert np.intersect1d(unseen, classes[~unseen_only]).size == 0
    if test is not None and (np.bincount(classes[~unseen_only]) > 1).any():
        in_test = draw_test(classes, test_size=test, unseen_classes=count, random_state=random_state)
        assert in_test[unseen_only].all()
        assert in_test.sum() > unseen_only.sum()
        seen = np.setdiff1d(classes, unseen)
        np.testing.assert_array_equal(np.unique(classes[~in_test]), seen)


@given(grouped_classes(), SHARES | st.integers(1, 20), SEEDS)
def test_no_group_is_on_both_sides_and_no_class_leaves_training(
    table: tuple[np.ndarray, np.ndarray], test: float, random_state: int
) -> None:
    classes, groups = table
    try:
        in_test = draw_test(classes, groups, test_size=test, random_state=random_state)
    except InputError:
        # Right only where each group holds all of some class.
        alone = [any((groups[classes == c] == g).all() for c in np.unique(classes)) for g in np.unique(groups)]
        assert all(alone)
        return
    assert in_test.any()
    assert np.intersect1d(groups[in_test], groups[~in_test]).size == 0
    np.testing.assert_array_equal(np.unique(classes[~in_test]), np.unique(classes))


def test_the_largest_remainder_rounds_up() -> None:
    classes = np.repeat([0, 1], [8, 3])
    assert np.bincount(classes[draw_test(classes, test_size=0.25)]).tolist() == [2, 1]


def test_small_groups_come_near_the_wanted_size(rng: np.random.Generator) -> None:
    groups = rng.integers(0, 200, size=1000)
    classes = rng.integers(0, 3, size=1000)
    for random_state in range(10):
        assert abs(draw_test(classes, groups, test_size=0.2, random_state=random_state).sum() - 200) <= 5


def test_large_groups_are_rounded_to_the_nearer_size() -> None:
    groups = np.repeat(np.arange(4), 10)
    classes = np.zeros(40, dtype=int)
    assert draw_test(classes, groups, test_size=0.15).sum() == 10
    assert draw_test(classes, groups, test_size=0.35).sum() == 10
    assert draw_test(classes, groups, test_size=0.4).sum() == 20
    assert draw_test(classes, groups, test_size=1).sum() == 10


def test_groups_within_classes_go_with_unseen_classes() -> None:
    classes = np.repeat(np.arange(6), 4)
    groups = np.repeat(np.arange(12), 2)
    in_test = draw_test(classes, groups, test_size=0.5, unseen_classes=2, random_state=3)
    taken = np.bincount(classes[in_test])
    assert sorted(taken.tolist()) == [2, 2, 2, 2, 4, 4]
    assert np.intersect1d(groups[in_test], groups[~in_test]).size == 0


def test_a_group_of_seen_and_unseen_classes_is_refused() -> None:
    with pytest.raises(InputError, match=r"split\(groups=..., unseen_classes=...\): .* got 1 groups with both"):
        draw_test(np.array([0, 0, 1, 1]), np.zeros(4, dtype=int), test_size=None, unseen_classes=1)


@given(class_numbers(min_size=2), SEEDS)
def test_the_same_seed_draws_the_same_whatever_the_global_state(classes: np.ndarray, random_state: int) -> None:
    first = draw_test(classes, test_size=0.3, random_state=random_state)
    np.random.random(7)
    np.testing.assert_array_equal(first, draw_test(classes, test_size=0.3, random_state=random_state))


def test_other_seeds_draw_others() -> None:
    classes, groups = np.repeat(np.arange(5), 20), np.tile(np.arange(20), 5)
    draws = [draw_test(classes, test_size=0.2, random_state=random_state) for random_state in range(4)]
    draws += [draw_test(classes, groups, test_size=0.2, random_state=random_state) for random_state in range(4)]
    draws += [
        draw_test(classes, test_size=None, unseen_classes=2, random_state=random_state) for random_state in range(4)
    ]
    assert len({draw.tobytes() for draw in draws}) >= 10


def test_objects_and_classes_of_one_size_are_as_likely_as_each_other() -> None:
    classes = np.repeat(np.arange(4), 3)
    drawn = np.mean([draw_test(classes, test_size=2, random_state=random_state) for random_state in range(600)], axis=0)
    # 1/6 each, give or take four standard deviations of 600 draws.
    assert np.abs(drawn - 1 / 6).max() < 4 * np.sqrt(1 / 6 * 5 / 6 / 600)


@pytest.mark.parametrize(("share", "count"), [(0.5, 2), (0.3, 1), (0.01, 1), (0.99, 3)])
def test_a_share_of_unseen_classes(share: float, count: int) -> None:
    classes = np.arange(4).repeat(2)
    unseen = draw_unseen(classes, share, rng=np.random.default_rng(0))
    assert len(np.unique(classes[unseen])) == count


@pytest.mark.parametrize("test", [-1, -0.1, 1.0, 1.5, 5.0, True, "0.2", float("nan")], ids=repr)
def test_a_share_or_number_that_cannot_be(test: Any) -> None:
    with pytest.raises(ConfigError, match=r"split\(test_size=...\): want a share .*, or an integer, got"):
        draw_test(np.zeros(4, dtype=int), test_size=test)
    with pytest.raises(ConfigError, match=r"split\(unseen_classes=...\): want a share"):
        draw_test(np.zeros(4, dtype=int), unseen_classes=test)


@pytest.mark.parametrize("random_state", [-1, 0.5, "0", None], ids=repr)
def test_a_seed_that_cannot_be(random_state: Any) -> None:
    with pytest.raises(ConfigError, match=r"split\(random_state=...\)"):
        draw_test(np.zeros(4, dtype=int), random_state=random_state)


@pytest.mark.parametrize("nothing", [None, 0, 0.0], ids=repr)
def test_nothing_to_test_on(nothing: Any) -> None:
    with pytest.raises(ConfigError, match="want something to test on"):
        draw_test(np.zeros(4, dtype=int), test_size=nothing)


def test_numpy_numbers_are_numbers() -> None:
    classes = np.repeat([0, 1], 10)
    assert draw_test(classes, test_size=np.float32(0.5), random_state=np.int64(1)).sum() == 10
    assert draw_test(classes, test_size=np.int64(4)).sum() == 4


@pytest.mark.parametrize("test", [0.2, 1], ids=repr)
@pytest.mark.parametrize("classes", [[0], [0, 1, 2]], ids=["one object", "classes of one object"])
def test_classes_of_one_object_cannot_be_tested(classes: list[int], test: float) -> None:
    with pytest.raises(InputError, match="want at most 0 test objects, so that every class keeps one in training"):
        draw_stratified(np.array(classes), test, rng=np.random.default_rng(0))


def test_more_test_objects_than_can_be_spared() -> None:
    with pytest.raises(InputError, match=r"want at most 3 test objects, .* got 4"):
        draw_test(np.array([0, 0, 0, 1, 1, 2]), test_size=4)


def test_groups_that_hold_a_class_alone_cannot_be_tested() -> None:
    with pytest.raises(InputError, match="every class keeps a group in training, got 2 groups, none of them"):
        draw_grouped(np.array([0, 0, 1]), np.array([0, 0, 1]), test=0.5, rng=np.random.default_rng(0))


def test_training_keeps_a_class() -> None:
    for unseen in (2, 5, 0.5):
        classes = np.array([0, 1] if unseen != 0.5 else [0, 0])
        with pytest.raises(InputError, match=r"want fewer unseen classes than the . there are"):
            draw_test(classes, unseen_classes=unseen)


@pytest.mark.parametrize("unseen", [0, 2])
@pytest.mark.parametrize("grouped", [False, True])
def test_three_parts_are_whole_apart_and_the_test_stays(unseen: int, grouped: bool) -> None:
    classes = np.repeat(np.arange(10), 12)
    groups = np.arange(120) // 3 if grouped else None
    options = {"unseen_classes": unseen, "random_state": 3}
    parts = draw_parts(classes, groups, test_size=0.2, validation_size=0.25, **options)
    assert np.sort(np.concatenate(parts)).tolist() == list(range(120))
    if not unseen:
        in_test = draw_test(classes, groups, test_size=0.2, random_state=3)
        assert parts[2].tolist() == np.flatnonzero(in_test).tolist()
    train, validation, test = (set(classes[part]) for part in parts)
    assert len(test - train) == len(validation - train) == unseen and not (test - train) & (validation - train)
    seen = np.isin(classes, list(train))
    for part, share in zip(parts[1:], (0.25, 0.2), strict=True):
        assert seen[part].sum() == pytest.approx(share * seen.sum(), abs=2)
    if grouped:
        owners = [set(groups[part]) for part in parts]
        assert sum(map(len, owners)) == len(set.union(*owners))


def test_a_validation_of_new_classes_alone_and_shares_that_leave_nothing() -> None:
    classes = np.repeat(np.arange(10), 4)
    parts = draw_parts(classes, test_size=None, validation_size=0, unseen_classes=0.2, random_state=0)
    assert [len(part) for part in parts] == [24, 8, 8]
    with pytest.raises(ConfigError, match=r"got test_size=0.6 and validation_size=0.5"):
        draw_parts(classes, test_size=0.6, validation_size=0.5, unseen_classes=0, random_state=0)
    with pytest.raises(ConfigError, match="validation_size"):
        draw_parts(classes, test_size=0.6, validation_size=2.5, unseen_classes=0, random_state=0)
