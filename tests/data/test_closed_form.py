"""The closed form applied: each modality's vector by hand, zeros where it is absent, sets, and in parts."""

from typing import Any

import numpy as np
import pytest

import steradian as sr
from steradian.data import closed_form
from steradian.data.batch import Preprocessor
from steradian.data.closed_form import ClosedForm, LinearMap, distinct_rows, features_of, mapped_features
from steradian.data.modality import FeatureMap
from steradian.data.ragged import Ragged
from steradian.data.sets import SetItems
from steradian.data.sparse_rows import SparseRows

OUTPUTS = 4
SCHEMA = sr.Schema({"x": sr.Vector("x"), "y": sr.Vector("y"), "z": sr.Vector("z")})
CELLS = {
    "x": [[1.0, 0.0], None, [3.0, 1.0], [0.0, 2.0], [5.0, 5.0], None],
    "y": [None, [[1.0, 2.0, 0.0]], [[0.0, 0.0, 1.0], [2.0, 1.0, 0.0]], None, [[4.0, 2.0, 1.0]], None],
    "z": [[1.0], [2.0], [1.0], [2.0], [3.0], [7.0]],
}


class Plain(FeatureMap):
    """A row's own numbers."""

    def __call__(self, inputs: np.ndarray) -> np.ndarray:
        return inputs


class Sparse(FeatureMap):
    """Those that are above 0."""

    def __call__(self, inputs: np.ndarray) -> SparseRows:
        columns = [np.flatnonzero(row > 0) for row in inputs]
        return SparseRows(Ragged.from_rows(columns), inputs[inputs > 0], inputs.shape[1])


def some_objects() -> tuple[sr.ObjectTable, Preprocessor]:
    objects = sr.read_objects({**CELLS, "label": [0, 1, 0, 1, 0, 1]}, SCHEMA)
    return objects, Preprocessor.fit(objects)


def maps_of(features: FeatureMap) -> ClosedForm:
    """One for x and y; z has none."""
    rng = np.random.default_rng(0)
    matrices = {name: rng.normal(size=(size, OUTPUTS)).astype(np.float32) for name, size in (("x", 2), ("y", 3))}
    offsets = rng.normal(size=(2, OUTPUTS)).astype(np.float32)
    maps = {name: LinearMap(features, matrices[name], offset) for name, offset in zip("xy", offsets, strict=True)}
    return ClosedForm(maps, OUTPUTS)


def by_hand(closed: ClosedForm, preprocessor: Preprocessor, *, above_0: bool) -> np.ndarray:
    found = np.zeros((6, 3, OUTPUTS))
    for m, name in enumerate("xy"):
        fitted: Any = preprocessor.modalities[name]
        for row, cell in enumerate(CELLS[name]):
            if cell is not None:
                items = (np.atleast_2d(np.array(cell, dtype=float)) - fitted.mean) / fitted.std
                features = (np.maximum(items, 0) if above_0 else items).mean(axis=0)
                found[row, m] = features @ closed.maps[name].matrix - closed.maps[name].offset
    return found


@pytest.mark.parametrize("features", [Plain(), Sparse()])
def test_vectors_are_those_by_hand_and_zeros_where_absent(features: FeatureMap) -> None:
    objects, preprocessor = some_objects()
    closed = maps_of(features)
    prepared = preprocessor.prepare(objects)
    found = closed.vectors(preprocessor.modalities, prepared.items, prepared.present)
    assert (found.shape, found.dtype) == ((6, 3, OUTPUTS), np.float32)
    slow = by_hand(closed, preprocessor, above_0=isinstance(features, Sparse))
    np.testing.assert_allclose(found, slow, rtol=1e-4, atol=1e-5)
    assert np.array_equal(found[:, :2].any(axis=2), objects.present[:, :2])
    # A modality without a map has none for anyone.
    assert not found[:, 2].any()


@pytest.mark.parametrize("most", [1, 2, 3])
@pytest.mark.parametrize("features", [Plain(), Sparse()])
def test_vectors_in_parts_are_the_same(monkeypatch: pytest.MonkeyPatch, features: FeatureMap, most: int) -> None:
    objects, preprocessor = some_objects()
    prepared = preprocessor.prepare(objects)
    given = preprocessor.modalities, prepared.items, prepared.present
    whole = maps_of(features).vectors(*given)
    monkeypatch.setattr(closed_form, "ROWS", most)
    np.testing.assert_allclose(maps_of(features).vectors(*given), whole, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("rows", [[0], [5, 2, 2], [], [1, 5], [3, 4, 0, 1, 2, 5]])
def test_vectors_of_some_rows_are_those_of_all(rows: list[int]) -> None:
    objects, preprocessor = some_objects()
    prepared = preprocessor.prepare(objects)
    given = preprocessor.modalities, prepared.items, prepared.present
    chosen = np.array(rows, dtype=np.int64)
    found = maps_of(Plain()).vectors(*given, rows=chosen)
    np.testing.assert_allclose(found, maps_of(Plain()).vectors(*given)[chosen], rtol=1e-5, atol=1e-6)


def test_prepared_objects_carry_the_vectors() -> None:
    objects, preprocessor = some_objects()
    assert preprocessor.prepare(objects).closed is None
    with_form = Preprocessor(preprocessor.modalities, maps_of(Plain()))
    prepared = with_form.prepare(objects)
    assert prepared.closed is not None
    slow = by_hand(maps_of(Plain()), preprocessor, above_0=False)
    np.testing.assert_allclose(prepared.closed, slow, rtol=1e-4, atol=1e-5)
    batch = prepared.batch(np.array([4, 1]))
    assert batch.closed is not None
    np.testing.assert_array_equal(batch.closed, prepared.closed[[4, 1]])


class Counted(FeatureMap):
    """A row's own numbers, and how many rows were looked at."""

    def __init__(self, features: FeatureMap) -> None:
        self.features, self.seen = features, 0

    def __call__(self, inputs: np.ndarray) -> Any:
        self.seen += len(inputs)
        return self.features(inputs)


class Repeated:
    """Items of which many are the same: `which` says which one each is."""

    def __init__(self, values: np.ndarray, which: np.ndarray) -> None:
        self.values, self.which = values, which

    def __call__(self, rows: np.ndarray) -> dict[str, np.ndarray]:
        return {"values": self.values[self.which[rows]]}


@pytest.mark.parametrize("most", [2, 3])
@pytest.mark.parametrize("features", [Plain(), Sparse()])
def test_equal_items_are_looked_at_once_where_few_differ(
    monkeypatch: pytest.MonkeyPatch, features: FeatureMap, most: int
) -> None:
    monkeypatch.setattr(closed_form, "MOST_KEPT", most)
    _, preprocessor = some_objects()
    values = np.random.default_rng(0).normal(size=(8, 2)).astype(np.float32)
    items = Repeated(values, np.array([5, 0, 5, 5, 2, 0]))
    counted, eye = Counted(features), np.eye(2, dtype=np.float32)
    for rows in ([0, 1, 2], [5, 4, 3], [4, 4]):
        found = features_of(preprocessor.modalities["x"], counted, items, np.array(rows))
        np.testing.assert_allclose(found @ eye, features(values[items.which[rows]]) @ eye, rtol=1e-6)
    assert counted.seen == (3 if most == 3 else 8)
    # Another map has features of its own.
    other = Counted(Plain())
    found = features_of(preprocessor.modalities["x"], other, items, np.array([1, 0]))
    np.testing.assert_array_equal(found, values[[0, 5]])


def test_halves_are_enough_for_a_matrix() -> None:
    matrix = np.random.default_rng(0).normal(size=(3, OUTPUTS)).astype(np.float16)
    features = np.random.default_rng(1).normal(size=(5, 3)).astype(np.float32)
    found = LinearMap(Plain(), matrix, np.ones(OUTPUTS, np.float32))(features)
    assert found.dtype == np.float32
    np.testing.assert_allclose(found, features @ matrix.astype(np.float32) - 1, rtol=1e-6)


def test_features_of_sets_are_means_of_their_items() -> None:
    objects, preprocessor = some_objects()
    items, fitted = preprocessor.prepare(objects).items["y"], preprocessor.modalities["y"]
    assert isinstance(items, SetItems)
    plain, sparse = (features_of(fitted, each, items, np.array([1, 0])) for each in (Plain(), Sparse()))
    single = fitted.feature_inputs(items.items, np.arange(4))
    assert isinstance(plain, np.ndarray)
    assert plain.dtype == np.float32
    np.testing.assert_allclose(plain, [(single[1] + single[2]) / 2, single[0]], rtol=1e-6)
    above = np.maximum(single, 0)
    np.testing.assert_allclose(sparse @ np.eye(3, dtype=np.float32), [(above[1] + above[2]) / 2, above[0]], rtol=1e-6)


@pytest.mark.parametrize("features", [Plain(), Sparse()])
@pytest.mark.parametrize("name", ["x", "y"])
def test_a_part_of_the_objects_has_the_same_features(features: FeatureMap, name: str) -> None:
    objects, preprocessor = some_objects()
    items, fitted = preprocessor.prepare(objects).items[name], preprocessor.modalities[name]
    eye = np.eye(3 if name == "y" else 2, dtype=np.float32)
    together = features_of(fitted, features, items, np.arange(3)) @ eye
    alone = [(features_of(fitted, features, items, np.array([row])) @ eye)[0] for row in range(3)]
    np.testing.assert_allclose(together, alone, rtol=1e-6)


@pytest.mark.parametrize("features", [Plain(), Sparse()])
@pytest.mark.parametrize("most", [2, 3])
def test_a_map_sees_each_distinct_item_once_where_few_differ(
    monkeypatch: pytest.MonkeyPatch, features: FeatureMap, most: int
) -> None:
    monkeypatch.setattr(closed_form, "MOST_KEPT", most)
    monkeypatch.setattr(closed_form, "ROWS", 2)
    _, preprocessor = some_objects()
    rng = np.random.default_rng(0)
    single = Repeated(rng.normal(size=(8, 2)).astype(np.float32), np.array([5, 0, 5, 5, 2, 0]))
    sets = SetItems(single, Ragged.from_rows([np.array([0, 4]), np.array([2]), np.array([5, 3, 1])]))
    linear = LinearMap(features, rng.normal(size=(2, 3)).astype(np.float32), rng.normal(size=3).astype(np.float32))
    seen = []

    def then(given: Any) -> np.ndarray:
        seen.append(len(given))
        return linear(given)

    fitted: Any = preprocessor.modalities["x"]
    for items, rows in ((single, [5, 4, 3, 3, 0]), (sets, [2, 0, 1, 2])):
        found = mapped_features(fitted, features, items, np.array(rows), then)
        slow = linear(features_of(fitted, features, items, np.array(rows)))
        np.testing.assert_allclose(found, slow, rtol=1e-4, atol=1e-5)
    assert seen == ([2, 1] if most == 3 else [5, 4])


def test_the_first_of_equal_rows_stand_for_them_in_order() -> None:
    items = Repeated(np.zeros((8, 2), np.float32), np.array([5, 0, 5, 5, 2, 0]))
    rows = np.array([3, 4, 0, 1, 5, 4])
    firsts, places = distinct_rows(items, rows)
    assert firsts.tolist() == [3, 4, 1]
    assert places.tolist() == [0, 1, 0, 2, 2, 1]
    every, own = distinct_rows(lambda rows: {}, rows)
    assert (every.tolist(), own.tolist()) == (rows.tolist(), list(range(6)))
