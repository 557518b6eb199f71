"""Matches of two tables beside a slow reference, and the precision that they keep."""

from typing import Any

import numpy as np
import pytest

import steradian as sr
from steradian.calibration.threshold_rules import ACCEPT_NONE
from steradian.errors import ConfigError, InputError, SteradianError
from steradian.search.matching import NOT_MUTUAL

SCHEMA = sr.Schema({"x": sr.Vector("x")}, id="sku")


class Unchanged:
    """A model whose vectors are those of the table."""

    schema_ = SCHEMA

    def transform(self, objects: Any, *, modalities: Any = None) -> np.ndarray:
        values = objects.values["x"]["values"].astype(np.float32)
        return values / np.linalg.norm(values, axis=1, keepdims=True)


def shops(rows: int, *, noise: float, seed: int = 0) -> tuple[dict[str, Any], dict[str, Any]]:
    """The same things in two tables, in another order, each measured with some noise; a{n} is b{n}."""
    rng = np.random.default_rng(seed)
    things, order = rng.normal(size=(rows, 8)), rng.permutation(rows)
    noisy = [things + noise * rng.normal(size=things.shape) for _ in range(2)]
    names = np.arange(rows)
    return (
        {"x": noisy[0], "sku": [f"a{n}" for n in names]},
        {"x": noisy[1][order], "sku": [f"b{n}" for n in names[order]]},
    )


def test_doubts_are_those_of_a_slow_reference() -> None:
    first, second = shops(40, noise=0.6)
    found = sr.match_tables(Unchanged(), first, second, limit=0.9)
    vectors = [table["x"] / np.linalg.norm(table["x"], axis=1, keepdims=True) for table in (first, second)]
    angles = np.arccos(np.clip(vectors[0] @ vectors[1].T, -1, 1))
    expected = {}
    for row, name in enumerate(first["sku"]):
        near, next_near = np.argsort(angles[row])[:2]
        doubt = angles[row, near] / angles[row, next_near]
        mutual = np.argmin(angles[:, near]) == row
        expected[name] = second["sku"][near], angles[row, near], doubt if mutual else NOT_MUTUAL
    assert NOT_MUTUAL in found.doubts and (np.diff(found.doubts) >= 0).all() and len(found) == 40
    for row, name in enumerate(found.first.tolist()):
        match, angle, doubt = expected[name]
        assert found.second[row] == match
        np.testing.assert_allclose((found.angles[row], found.doubts[row]), (angle, doubt), atol=1e-4)
    assert (found.same == (found.doubts <= 0.9)).all()
    entries = found.to_dict()["pairs"]
    assert [*entries[0]] == ["first", "second", "angle", "doubt", "verdict"]
    assert [entry["verdict"] == "same" for entry in entries] == found.same.tolist()


def test_the_precision_that_is_asked_for_is_kept_on_pairs_that_were_not_known() -> None:
    kept, matched, nearest = [], [], []
    for seed in range(20):
        first, second = shops(400, noise=0.28, seed=seed)
        known = {"a": first["sku"][:200], "b": [name.replace("a", "b") for name in first["sku"][:200]]}
        found = sr.match_tables(Unchanged(), first, second, known=known, precision=0.9)
        right = found.second == np.char.replace(found.first, "a", "b")
        nearest.append(right.mean())
        kept.append(right[found.same].mean() if found.same.any() else 1.0)
        matched.append(found.same.mean())
        assert found.known == 200 and not set(found.first) & set(first["sku"][:200])
    # The nearest alone would not do.
    assert np.mean(nearest) < 0.9
    # With 90% confidence: of 20 draws 2 may fall short, and 5 or more do by chance in less than 5 of 100 such tests.
    assert np.sum(np.array(kept) < 0.9) <= 4 and np.mean(matched) > 0.6


def test_of_two_rows_alike_neither_is_surely_meant() -> None:
    first = {"x": np.eye(3), "sku": ["a0", "a1", "a2"]}
    second = {"x": np.eye(3)[[0, 0, 1, 2]], "sku": ["b0", "b0 again", "b1", "b2"]}
    found = sr.match_tables(Unchanged(), first, second, limit=0.5)
    assert found.first[found.same].tolist() == ["a1", "a2"] and found.doubts[2] == 1.0


def test_known_rows_without_a_match_count_as_wrong_and_several_matches_as_right() -> None:
    first, second = shops(120, noise=0.05)
    partners = [name.replace("a", "b") for name in first["sku"]]
    known = {"a": first["sku"][:100], "b": partners[:100]}
    whole = sr.match_tables(Unchanged(), first, second, known=known)
    assert (whole.known_same, whole.known_right) == (100, 100) and whole.same.mean() >= 0.9
    assert "so 100 of 100 known objects are matched, 100 rightly" in " ".join(str(whole).split())
    several = {"a": first["sku"][:100] * 2, "b": partners[:100] + partners[1:101]}
    assert sr.match_tables(Unchanged(), first, second, known=several).known_right == 100
    none = sr.match_tables(Unchanged(), first, second, known=known | {"b": [None] * 100})
    assert none.limit == ACCEPT_NONE and not none.same.any()
    assert "100 known objects do not show a precision of 0.95; 77 are the least" in " ".join(str(none).split())


@pytest.mark.parametrize(
    ("options", "kind", "told"),
    [
        ({}, ConfigError, "want known=TABLE or limit=DOUBT, got neither"),
        ({"known": {"a": ["a0"], "b": ["b0"]}, "limit": 0.9}, ConfigError, "got both"),
        ({"limit": "0.9"}, ConfigError, "limit: want a doubt, from 0 to 2, got '0.9'"),
        ({"limit": 0.9, "precision": 95}, InputError, r"Did you mean precision=0\.95\?"),
        ({"known": {"a": ["a0"], "b": ["b00"]}}, InputError, r"want ids of the second table, got 'b00'"),
        ({"known": {"a": ["b0"], "b": ["b0"]}}, InputError, r"want ids of the first table, got 'b0'"),
    ],
)
def test_mistakes_are_told(options: dict[str, Any], kind: type[SteradianError], told: str) -> None:
    with pytest.raises(kind, match=told):
        sr.match_tables(Unchanged(), *shops(10, noise=0.1), **options)


def test_one_object_gives_nothing_to_choose_from() -> None:
    one = {"x": [[1.0, 0.0]], "sku": ["b0"]}
    with pytest.raises(InputError, match="want at least 2 objects in the second table, got 1"):
        sr.match_tables(Unchanged(), one, one, limit=0.9)
