"""The comparison of guessed with right kinds."""

from benchmarks.guessed_schemas import compare


def test_what_is_left_out_is_alike_and_what_is_wrong_is_named() -> None:
    table = {"x": [[1.0, 2.0]] * 4, "shop": ["a", "b"] * 2, "train": [True, False] * 2, "label": [0, 1] * 2}
    expected = {"x": "Vector", "shop": "nothing", "train": "group", "label": "label"}
    assert compare("one", table, expected) == ("one", 4, {})
    assert compare("two", table, {**expected, "x": "Series"}) == ("two", 3, {"x": ("Vector", "Series")})
