"""Where each modality's features stand: against those of single objects, absent modalities, sets, and what is left out
of large tables."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest

import steradian as sr
from steradian.data.batch import PreparedObjects, Preprocessor
from steradian.data.closed_form import features_of
from steradian.data.modality import FeatureMap
from steradian.data.sparse_rows import SparseRows
from steradian.modalities.text_features import COLUMNS, SUMS
from steradian.modalities.vector import FittedVector
from steradian.training import feature_rows
from steradian.training.feature_rows import FeatureLayout, Prepare

OBJECTS = 30
SCHEMA = sr.Schema({"x": sr.Vector("x"), "title": sr.Text("title"), "y": sr.Vector("y")})


def some_objects(random_state: int = 0) -> sr.ObjectTable:
    """Three modalities, of which each object has at least one."""
    rng = np.random.default_rng(random_state)
    has = rng.random((OBJECTS, 3)) < 0.6
    has[:, 0] |= ~has.any(axis=1)
    words = ["red", "blue", "shoe", "hat", "green"]
    cells = {
        "x": [list(rng.normal(size=3)) for _ in range(OBJECTS)],
        "title": [" ".join(rng.choice(words, 2)) for _ in range(OBJECTS)],
        "y": [list(rng.normal(size=2)) for _ in range(OBJECTS)],
    }
    for m, column in enumerate(cells.values()):
        column[:] = [cell if there else None for cell, there in zip(column, has[:, m], strict=True)]
    return sr.read_objects({**cells, "label": np.arange(OBJECTS) % 3}, SCHEMA)


def rows_of(objects: sr.ObjectTable, preprocessor: Preprocessor) -> Prepare:
    """Prepares only the rows that are asked for."""

    def prepare(rows: np.ndarray) -> tuple[PreparedObjects, np.ndarray]:
        return preprocessor.prepare(objects[rows]), np.arange(len(rows))

    return prepare


def whole_of(objects: sr.ObjectTable, preprocessor: Preprocessor) -> Prepare:
    """Prepares the table once; rows are places in it."""
    prepared = preprocessor.prepare(objects)
    return lambda rows: (prepared, rows)


def fitted(objects: sr.ObjectTable, *, exact: bool = True) -> tuple[FeatureLayout, Prepare]:
    preprocessor = Preprocessor.fit(objects)
    prepare = rows_of(objects, preprocessor)
    return FeatureLayout.fit(preprocessor, prepare, np.arange(len(objects)), exact=exact, new_classes=True), prepare


@dataclass(frozen=True)
class Repeated(FeatureMap):
    """A constant, many times, and a vector's numbers behind it."""

    constants: int = 20

    def __call__(self, inputs: np.ndarray) -> np.ndarray:
        return np.concatenate([np.ones((len(inputs), self.constants), np.float32), inputs, inputs], axis=1)


class WithMap(FittedVector):
    """A vector with another feature map."""

    chosen: FeatureMap | None = None

    def feature_map(self, inputs: Any, *, most: int, novel: bool) -> FeatureMap | None:
        return self.chosen


class WithRepeated(WithMap):
    chosen = Repeated()


def replaced(preprocessor: Preprocessor, name: str, kind: type[WithMap]) -> Preprocessor:
    modalities: Mapping[str, Any] = preprocessor.modalities
    vector = modalities[name]
    return Preprocessor({**modalities, name: kind(vector.mean, vector.std)})


def test_small_tables_have_dense_features_alone() -> None:
    layout, prepare = fitted(some_objects())
    assert (layout.dense, layout.sparse) == (["x", "title", "y"], [])
    rows = layout.rows(prepare, np.arange(OBJECTS))
    assert layout.blocks[1] == SUMS
    assert (rows.dense.shape, rows.dense.dtype) == ((OBJECTS, sum(layout.blocks)), np.float32)
    assert rows.sparse == []


def test_texts_of_large_tables_have_sparse_features() -> None:
    objects = some_objects()
    layout, prepare = fitted(objects, exact=False)
    assert (layout.dense, layout.sparse) == (["x", "y"], ["title"])
    rows = layout.rows(prepare, np.arange(OBJECTS))
    (sparse,) = rows.sparse
    assert sparse.shape == (OBJECTS, COLUMNS)
    assert np.array_equal(np.diff(sparse.indptr) > 0, objects.present[:, 1])
    lengths = np.sqrt(sparse.multiply(sparse).sum(axis=1))
    np.testing.assert_allclose(lengths[objects.present[:, 1]], 1, atol=0.1)


def test_blocks_are_the_modalities_features_in_order_and_zeros_where_absent() -> None:
    objects = some_objects()
    layout, prepare = fitted(objects)
    rows = layout.rows(prepare, np.arange(OBJECTS))
    np.testing.assert_array_equal(rows.present, objects.present)
    prepared, start = layout.preprocessor.prepare(objects), 0
    for m, (name, size) in enumerate(zip(layout.dense, layout.blocks, strict=True)):
        block, has = rows.dense[:, start : start + size], objects.present[:, m]
        assert not block[~has].any()
        numbers = np.arange(has.sum())
        raw = features_of(layout.preprocessor.modalities[name], layout.maps[name], prepared.items[name], numbers)
        assert not isinstance(raw, SparseRows)
        np.testing.assert_allclose(block[has], (raw - layout.means[name]) * layout.scales[name], atol=1e-4)
        np.testing.assert_allclose(block[has].mean(axis=0), 0, atol=1e-5)
        assert np.square(block[has]).sum(axis=1).mean() == pytest.approx(1, rel=1e-4)
        start += size
    assert start == rows.dense.shape[1]


@pytest.mark.parametrize("exact", [True, False])
def test_rows_are_the_same_alone_together_and_in_any_order(exact: bool) -> None:
    layout, prepare = fitted(some_objects(), exact=exact)
    together, order = layout.rows(prepare, np.arange(OBJECTS)), np.array([7, 3, 3, 29])
    for wanted, found in [(together.take(order), layout.rows(prepare, order))] + [
        (together.take(np.array([row])), layout.rows(prepare, np.array([row]))) for row in range(5)
    ]:
        np.testing.assert_allclose(found.dense, wanted.dense, atol=1e-4)
        np.testing.assert_array_equal(found.present, wanted.present)
        for one, other in zip(found.sparse, wanted.sparse, strict=True):
            np.testing.assert_allclose(one.toarray(), other.toarray(), atol=1e-6)


@pytest.mark.parametrize("exact", [True, False])
def test_it_is_the_rows_that_count_and_not_what_was_prepared_beside_them(exact: bool) -> None:
    objects, drawn = some_objects(), np.arange(OBJECTS // 2, OBJECTS)
    preprocessor = Preprocessor.fit(objects)
    found = []
    for prepare in (rows_of(objects, preprocessor), whole_of(objects, preprocessor)):
        layout = FeatureLayout.fit(preprocessor, prepare, drawn, exact=exact, new_classes=True)
        found.append(layout.rows(prepare, np.arange(OBJECTS)))
    np.testing.assert_allclose(found[0].dense, found[1].dense, atol=1e-4)
    for one, other in zip(found[0].sparse, found[1].sparse, strict=True):
        np.testing.assert_allclose(one.toarray(), other.toarray(), atol=1e-6)


@pytest.mark.parametrize("exact", [True, False])
def test_features_of_sets_are_means(exact: bool) -> None:
    rng = np.random.default_rng(0)
    vectors = [rng.normal(size=(int(size), 2)).astype(np.float32) for size in rng.integers(1, 4, 12)]
    texts = [["red shoe", "blue hat"][: 1 + row % 2] for row in range(12)]
    vectors[4], texts[5] = None, None  # type: ignore[call-overload]
    schema = sr.Schema({"x": sr.Vector("x"), "title": sr.Text("title")})
    table = {"x": vectors, "title": texts, "label": np.arange(12) % 2}
    layout, prepare = fitted(sr.read_objects(table, schema), exact=exact)
    found = layout.rows(prepare, np.arange(12))
    size = layout.blocks[0]
    modality: Any = layout.preprocessor.modalities["x"]
    for row in (0, 1, 2, 11):
        items = (vectors[row] - modality.mean) / modality.std
        mean = np.mean([layout.maps["x"](item[None])[0] for item in items], axis=0)
        np.testing.assert_allclose(found.dense[row, :size], (mean - layout.means["x"]) * layout.scales["x"], atol=1e-3)
    assert not found.dense[4, :size].any()
    title = found.dense[:, size:] if exact else found.sparse[0].toarray()
    assert not title[5].any()
    # One text alone and both of them: the other text alone follows.
    np.testing.assert_allclose(title[1], title[3], atol=1e-6)
    assert np.abs(title[0] - title[1]).max() > 0.01


def test_landmarks_of_sets_come_from_the_whole_table() -> None:
    sets = [np.full((5, 1), row, np.float32) + np.arange(5, dtype=np.float32)[:, None] / 100 for row in range(10)]
    objects = sr.read_objects({"x": sets, "label": np.arange(10) % 2}, sr.Schema({"x": sr.Vector("x")}))
    layout, _ = fitted(objects)
    modality: Any = layout.preprocessor.modalities["x"]
    learnt: Any = layout.maps["x"]
    assert len(np.unique((learnt.landmarks * modality.std + modality.mean).round(1))) == 10


@pytest.mark.parametrize("name", ["x", "y"])
def test_a_modality_without_fixed_features_is_left_out(name: str) -> None:
    objects = some_objects()
    preprocessor = replaced(Preprocessor.fit(objects), name, WithMap)
    prepare = rows_of(objects, preprocessor)
    layout = FeatureLayout.fit(preprocessor, prepare, np.arange(OBJECTS), exact=True, new_classes=True)
    assert list(layout.maps) == [each for each in ("x", "title", "y") if each != name]
    whole, _ = fitted(objects)
    start = whole.blocks[0] if name == "x" else 0
    rows, full = (each.rows(prepare, np.arange(OBJECTS)) for each in (layout, whole))
    np.testing.assert_array_equal(rows.dense, full.dense[:, start : start + sum(layout.blocks)])
    assert rows.present.shape == (OBJECTS, 3)


def test_modalities_without_any_fixed_features_leave_nothing() -> None:
    objects = sr.read_objects({"x": [[1.0], [2.0]], "label": [0, 1]}, sr.Schema({"x": sr.Vector("x")}))
    preprocessor = replaced(Preprocessor.fit(objects), "x", WithMap)
    prepare = rows_of(objects, preprocessor)
    layout = FeatureLayout.fit(preprocessor, prepare, np.arange(2), exact=True, new_classes=True)
    assert (layout.dense, layout.sparse, layout.blocks) == ([], [], [])
    assert layout.rows(prepare, np.arange(2)).dense.shape == (2, 0)


def test_a_modality_that_no_drawn_row_has_is_left_out() -> None:
    objects = some_objects()
    preprocessor = Preprocessor.fit(objects)
    drawn = np.flatnonzero(~objects.present[:, 2])
    layout = FeatureLayout.fit(preprocessor, rows_of(objects, preprocessor), drawn, exact=True, new_classes=True)
    assert layout.dense == ["x", "title"]


def test_modalities_of_large_tables_share_the_landmarks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(feature_rows, "MOST", 15)
    objects = some_objects()
    assert fitted(objects, exact=False)[0].blocks == [5, 5]
    assert fitted(objects)[0].blocks[0] == 15


def test_too_many_features_become_fewer_with_nearly_the_same_products(monkeypatch: pytest.MonkeyPatch) -> None:
    objects = some_objects()
    preprocessor = replaced(Preprocessor.fit(objects), "x", WithRepeated)
    prepare, everything = rows_of(objects, preprocessor), np.arange(OBJECTS)
    exact = FeatureLayout.fit(preprocessor, prepare, everything, exact=True, new_classes=True)
    assert (exact.blocks[0], exact.projections) == (26, {})
    monkeypatch.setattr(feature_rows, "MOST", 24)
    fewer = FeatureLayout.fit(preprocessor, prepare, everything, exact=False, new_classes=True)
    # Constant features come first, and do not make all rows seem one.
    assert fewer.blocks[0] == 8
    assert fewer.projections["x"].shape == (26, 8)
    one, other = exact.rows(prepare, everything).dense[:, :26], fewer.rows(prepare, everything).dense[:, :8]
    np.testing.assert_allclose(other @ other.T, one @ one.T, atol=0.02)


def test_equal_rows_have_a_scale_of_1() -> None:
    objects = sr.read_objects({"x": [[1.0, 2.0]] * 4, "label": [0, 1, 0, 1]}, sr.Schema({"x": sr.Vector("x")}))
    for exact in (True, False):
        layout, prepare = fitted(objects, exact=exact)
        assert layout.scales == {"x": 1.0}
        assert not layout.rows(prepare, np.arange(4)).dense.any()
