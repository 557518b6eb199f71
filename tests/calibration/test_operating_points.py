"""What a calibration holds: the point of each object, the printed table, values that are kept."""

import numpy as np
import pytest

from steradian.calibration import Calibration, OperatingPoint, PairPoint
from steradian.calibration.threshold_rules import ACCEPT_ALL, ACCEPT_NONE

NAMES = ("photo", "title", "price")


def make(**changes: object) -> Calibration:
    points = (
        OperatingPoint(NAMES, 50, 14.0, 0.6, 0.96),
        OperatingPoint(("photo", "title"), 60, 12.0, 0.7, 0.95),
        OperatingPoint(("title",), 6, 8.0, ACCEPT_ALL, 1.0),
    )
    pairs = tuple(
        PairPoint(one.subset, other.subset, 90, 0.5 + i + j, 0.01, 0.9)
        for i, one in enumerate(points)
        for j, other in enumerate(points[i:], i)
    )
    fields = {
        "modalities": NAMES,
        "goal": "coverage",
        "rate": 0.95,
        "points": points,
        "pair_false_accept": 0.01,
        "pairs": pairs,
        "classes": np.array(["cup", "jar"]),
        "kappas": np.array([30.0, np.nan]),
        "kappa_objects": np.array([40, 1]),
    }
    return Calibration(**(fields | changes))


def test_objects_get_the_point_of_what_they_have_or_of_the_largest_subset_within_it() -> None:
    present = np.array([[1, 1, 1], [1, 1, 0], [0, 1, 0], [0, 1, 1], [1, 0, 0]], dtype=bool)
    calibration = make()
    # Photo alone has no point, nor has any subset of it: no guarantee can be kept but by accepting all, or none.
    assert calibration.thresholds(present).tolist() == [0.6, 0.7, ACCEPT_ALL, ACCEPT_ALL, ACCEPT_ALL]
    assert make(goal="precision").thresholds(present).tolist()[3:] == [ACCEPT_ALL, ACCEPT_NONE]
    assert calibration.scales(present).tolist() == [14.0, 12.0, 8.0, 8.0, 8.0]
    assert calibration.thresholds(present[:0]).shape == (0,)


def test_pairs_are_the_same_either_way_round() -> None:
    calibration = make()
    one, other = np.array([[1, 1, 1]], dtype=bool), np.array([[0, 1, 0]], dtype=bool)
    (point,) = calibration.pair_points(one, other)
    assert (point.first, point.second) == (NAMES, ("title",))
    assert calibration.pair_points(other, one) == [point]
    (nothing,) = calibration.pair_points(one, np.array([[0, 0, 1]], dtype=bool))
    assert (nothing.pairs, nothing.threshold, nothing.shown_threshold) == (0, ACCEPT_NONE, "none")


def test_it_prints_within_80_columns_and_says_what_no_angle_promises() -> None:
    printed = repr(make())
    assert max(map(len, printed.splitlines())) <= 80
    assert "title                                     6      8.0           any     1.000" in printed
    assert "up to 0.500: 1.0% of pairs of different" in printed
    note = "No angle guarantees as much for title (6): it takes at least 19 objects. Of these all are accepted."
    assert note in printed.replace("\n", " ")
    nothing = make(goal="precision", points=(OperatingPoint(NAMES, 99, 9.0, ACCEPT_NONE, 0.0),), pairs=())
    assert "none     0.000" in repr(nothing) and "is right, with 90% confidence" in repr(nothing)
    assert "for everything (99): their objects do not show it. Of these all are" in repr(nothing).replace("\n", " ")
    strangers = make(goal="false_accept", rate=0.05, points=(OperatingPoint(NAMES, 99, 9.0, ACCEPT_NONE, 0.0, 16),))
    assert "everything (16): it takes at least 19 unknown objects." in repr(strangers).replace("\n", " ")
    apart = repr(make(pairs=(PairPoint(NAMES, NAMES, 40, ACCEPT_NONE, 0.0, 0.0),))).replace("\n", " ")
    assert "No two are taken for the same: 40 pairs of different classes are too few" in apart


def test_the_same_stands_on_a_terminal() -> None:
    table = make().__rich__()
    assert table.row_count == 3 and "any" in list(table.columns[3].cells)[2].plain


def test_plain_values_give_it_back() -> None:
    before = make(other_classes=True)
    after = Calibration.from_dict(before.to_dict(), modalities=NAMES, classes=before.classes)
    assert repr(after) == repr(before) and after.points == before.points and after.pairs == before.pairs
    np.testing.assert_array_equal(after.kappas, before.kappas)
    np.testing.assert_array_equal(after.kappa_objects, before.kappa_objects)


def test_other_classes_keep_what_is_known_of_the_old_ones_and_are_told() -> None:
    calibration = make().for_classes(np.array(["bowl", "cup"]))
    np.testing.assert_array_equal(calibration.kappas, [np.nan, 30.0])
    assert calibration.kappa_objects.tolist() == [0, 40]
    assert "calibrate again" in repr(calibration) and "calibrate again" not in repr(make())


@pytest.mark.parametrize("goal", ["coverage", "false_accept", "precision"])
def test_every_goal_is_a_sentence(goal: str) -> None:
    assert "95.0%" in repr(make(goal=goal)).splitlines()[0]


def test_what_has_enough_objects_is_not_said_to_have_too_few() -> None:
    both = ("photo", "title")
    points = OperatingPoint(both, 99, 9.0, ACCEPT_ALL, 1.0), OperatingPoint(("title",), 6, 9.0, ACCEPT_ALL, 1.0)
    known = {"classes": np.array(["cup", "jar"]), "kappas": np.ones(2), "kappa_objects": np.ones(2)}
    few, enough = Calibration(both, "coverage", 0.95, points, 0.01, (), **known).caveats
    assert few.startswith("No angle guarantees as much for title (6): it takes at least 19 objects.")
    assert enough.startswith("No angle guarantees as much for everything (99): their objects do not show it.")
