"""Objects are told apart by what was read of them, whatever table they stand in."""

from typing import Any

import numpy as np

import steradian as sr
from steradian.data.object_digests import known_objects, object_digests, told_of_training_objects

MODALITIES: dict[str, Any] = {
    "v": sr.Vector("v"),
    "t": sr.Text("t"),
    "p": sr.Tabular(numeric=["p"], categorical=["c"]),
    "i": sr.Image("i", size=8),
    "s": sr.Series("s"),
    "a": sr.Audio("a"),
}


def make(rows: np.ndarray) -> sr.ObjectTable:
    table = {
        "v": [[float(row), 1.0] if row % 2 else None for row in rows],
        "t": [[f"cup {row}", "\ud800"] for row in rows],
        "p": rows / 3,
        "c": [f"c{row % 3}" for row in rows],
        "i": [np.full((8, 8, 3), row % 250, np.uint8) for row in rows],
        "s": [np.arange(3.0 + row % 2) + row for row in rows],
        "a": [(np.full(3000, row % 7), 8000) for row in rows],
        "label": rows % 2,
    }
    return sr.read_objects(table, sr.Schema(MODALITIES))


def test_the_same_values_have_the_same_number_in_any_table() -> None:
    numbers = object_digests(make(np.arange(20)), MODALITIES)
    assert len(np.unique(numbers)) == 20
    rows = np.array([7, 3, 12, 3])
    np.testing.assert_array_equal(object_digests(make(rows), MODALITIES), numbers[rows])
    np.testing.assert_array_equal(object_digests(make(np.arange(20))[rows], MODALITIES), numbers[rows])


def test_every_modality_counts_where_it_is_named() -> None:
    objects = make(np.arange(40))
    # An object without a vector, and one of the 7 sounds, look like others of their kind.
    kinds = {name: len(np.unique(object_digests(objects, [name]))) for name in MODALITIES}
    assert kinds == {"v": 21, "t": 40, "p": 40, "i": 40, "s": 40, "a": 7}


def test_sounds_that_begin_and_end_alike_are_told_apart() -> None:
    sounds = [np.zeros(3000), np.zeros(3000)]
    sounds[1][1500] = 1
    schema = sr.Schema({"a": sr.Audio("a")})
    objects = sr.read_objects({"a": [(sound, 8000) for sound in sounds], "label": [0, 1]}, schema)
    assert len(np.unique(object_digests(objects, ["a"]))) == 2


def test_objects_of_which_there_are_several_prove_nothing() -> None:
    schema = sr.Schema({"c": sr.Tabular(categorical=["c"])})
    train = sr.read_objects({"c": ["a", "b", "a", "b", "only"], "label": [0, 1, 0, 1, 0]}, schema)
    trained = object_digests(train, ["c"])
    assert known_objects(train, ["c"], trained) == 1
    assert known_objects(train[[4, 4, 0]], ["c"], trained) == 2


def test_only_a_majority_is_told() -> None:
    assert told_of_training_objects(5, 10) is None
    assert "6 of the 10 objects seem to be training objects" in str(told_of_training_objects(6, 10))
