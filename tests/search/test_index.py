"""The index: building, asking with vectors and objects, keeping on disk, and what it refuses."""

import json
import os
import pickle
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from safetensors.numpy import load_file, save_file

import steradian as sr
from steradian.errors import InputError, SavedModelError
from steradian.search import Index, Neighbors


class SumOfParts:
    """A model of two vector modalities: the unit sum of those that are used."""

    def transform(self, objects: Any, /, *, modalities: Sequence[str] | None = None) -> np.ndarray:
        parts = [np.nan_to_num(objects.columns[name]) for name in modalities or ("left", "right")]
        total: np.ndarray = np.sum(parts, axis=0)
        return (total / np.linalg.norm(total, axis=1, keepdims=True)).astype(np.float32)


def table(rng: np.random.Generator, *, labelled: bool = True) -> sr.ObjectTable:
    columns = {
        "left": rng.normal(size=(12, 4)),
        "right": rng.normal(size=(12, 4)),
        "kind": ["cat", "dog", "owl"] * 4,
        "code": [f"x{n}" for n in range(12)],
    }
    schema = sr.Schema({"left": sr.Vector("left"), "right": sr.Vector("right")}, label="kind", id="code")
    return sr.read_objects(columns if labelled else {**columns, "kind": [None] * 12}, schema, labelled=labelled)


def test_objects_find_themselves(rng: np.random.Generator) -> None:
    objects = table(rng)
    index = Index.build(SumOfParts(), objects)
    neighbors = index.search(objects[2:5], k=3)
    assert neighbors.rows[:, 0].tolist() == [2, 3, 4]
    assert neighbors.ids[:, 0].tolist() == ["x2", "x3", "x4"]
    assert neighbors.labels is not None
    assert neighbors.labels[:, 0].tolist() == ["owl", "cat", "dog"]
    np.testing.assert_allclose(neighbors.cosines[:, 0], 1.0)
    assert neighbors.rows.shape == (3, 3)
    assert repr(index) == "Index: 12 vectors of width 4, 3 classes, model SumOfParts"


@pytest.mark.parametrize("modalities", ["left", ["left"], ("right",)])
def test_queries_may_use_some_modalities(rng: np.random.Generator, modalities: Any) -> None:
    objects, model = table(rng), SumOfParts()
    index = Index.build(model, objects)
    names = [modalities] if isinstance(modalities, str) else list(modalities)
    want = index.search(model.transform(objects, modalities=names))
    assert_same(index.search(objects, modalities=modalities), want)


def test_a_table_without_labels_or_ids(rng: np.random.Generator) -> None:
    index = Index.build(SumOfParts(), table(rng, labelled=False))
    assert index.labels is None
    assert index.search(index.vectors[:1], k=2).labels is None
    assert Index.from_vectors(np.eye(3)).ids.tolist() == [0, 1, 2]
    # What is no table has neither.
    columns = type("Columns", (), {"columns": table(rng).columns})()
    assert Index.build(SumOfParts(), columns).ids.tolist() == list(range(12))


def test_vectors_of_any_length_are_asked_by_their_direction(rng: np.random.Generator) -> None:
    vectors = rng.normal(size=(30, 5)).astype(np.float32)
    index = Index.from_vectors(vectors * 7, labels=np.arange(30), ids=[f"n{n}" for n in range(30)])
    np.testing.assert_allclose(np.linalg.norm(index.vectors, axis=1), 1, rtol=1e-6)
    assert_same(index.search(vectors * 0.01, k=4), index.search(vectors.astype(np.float64), k=4))
    assert index.search(vectors[:2], k=100).rows.shape == (2, 30)


def assert_same(got: Neighbors, want: Neighbors) -> None:
    np.testing.assert_array_equal(got.rows, want.rows)
    np.testing.assert_array_equal(got.ids, want.ids)
    np.testing.assert_allclose(got.cosines, want.cosines, rtol=0, atol=1e-7)


@pytest.mark.parametrize(
    ("labels", "ids"),
    [(None, None), (["ä", "b", "🐙"], ["1", "\ud800", "3"]), ([1, 2, 3], [30, 20, 10]), ([True, False, True], None)],
)
def test_saved_and_loaded_it_answers_the_same(tmp_path: Path, rng: np.random.Generator, labels: Any, ids: Any) -> None:
    index = Index.from_vectors(rng.normal(size=(3, 4)), labels=labels, ids=ids)
    index.save(tmp_path / "new" / "index")
    again = Index.load(tmp_path / "new" / "index")
    np.testing.assert_array_equal(again.vectors, index.vectors)
    np.testing.assert_array_equal(again.ids, index.ids)
    if index.labels is None:
        assert again.labels is None
    else:
        np.testing.assert_array_equal(again.labels, index.labels)
        assert again.labels is not None
        assert again.labels.dtype == index.labels.dtype
    assert len(again) == 3
    vectors = json.loads((tmp_path / "new" / "index" / "index.json").read_bytes().decode("utf-8", "surrogatepass"))[
        "vectors"
    ]
    assert sorted(path.name for path in (tmp_path / "new").rglob("*")) == ["index", "index.json", vectors]


def test_a_loaded_index_takes_the_model_given(tmp_path: Path, rng: np.random.Generator) -> None:
    objects = table(rng)
    Index.build(SumOfParts(), objects).save(tmp_path / "index")
    assert Index.load(tmp_path / "index", model=SumOfParts()).search(objects[:1], k=1).rows.tolist() == [[0]]
    with pytest.raises(InputError, match=r"ObjectTable, and this index has no model. Use Index.load\(folder, model"):
        Index.load(tmp_path / "index").search(objects[:1])


@pytest.mark.parametrize("error", [OSError("no space left"), KeyboardInterrupt()], ids=["full disk", "Ctrl-C"])
@pytest.mark.parametrize(("owner", "step"), [(Path, "write_bytes"), (Path, "write_text"), (os, "replace")])
def test_saving_again_replaces_the_index_whole_or_not_at_all(
    tmp_path: Path, owner: Any, step: str, error: BaseException, monkeypatch: pytest.MonkeyPatch
) -> None:
    Index.from_vectors(np.eye(3)).save(tmp_path)
    Index.from_vectors(np.eye(5)).save(tmp_path)
    assert len(Index.load(tmp_path)) == 5

    def stop(*_: Any, **__: Any) -> None:
        raise error

    monkeypatch.setattr(owner, step, stop)
    with pytest.raises(type(error)):
        Index.from_vectors(np.eye(2)).save(tmp_path)
    assert len(Index.load(tmp_path)) == 5
    assert len(list(tmp_path.iterdir())) == 2


def test_other_files_stay(tmp_path: Path) -> None:
    (tmp_path / "config.json").write_text("{}")
    (tmp_path / "vectors-mine.safetensors").write_text("")
    for size in (3, 4):
        Index.from_vectors(np.eye(size)).save(tmp_path)
    assert len(Index.load(tmp_path)) == 4
    assert (tmp_path / "config.json").read_text() == "{}"
    assert len(list(tmp_path.iterdir())) == 4


@pytest.mark.parametrize(
    ("file", "harm", "says"),
    [
        ("index.json", None, "want the folder of an index, got no such file"),
        ("index.json", 20, "want the entries of an index, whole"),
        ("index.json", b"\xff\xfe", "want the entries of an index, whole"),
        ("index.json", b"[]", "another file of that name"),
        ("index.json", {"kind": "a model"}, "another file of that name"),
        ("index.json", {"format": 1}, "want an index of format 2, got format 1.*build and save it again"),
        ("index.json", b'{"kind": "steradian index", "format": 2}', "no vectors, rows, dim, labelled"),
        ("index.json", {"rows": 4}, r"float32 vectors of shape \[4, 3\]"),
        ("index.json", {"rows": "3"}, r"float32 vectors of shape \['3', 3\]"),
        ("vectors", None, "want the arrays of an index, whole"),
        ("vectors", b"", "SafetensorError"),
        ("vectors", -1, "SafetensorError"),
        ("vectors", pickle.dumps(np.eye(3)), "SafetensorError"),
    ],
    ids=str,
)
def test_what_is_no_index_is_refused(
    tmp_path: Path, file: str, harm: Any, says: str, sign: Callable[..., None]
) -> None:
    Index.from_vectors(np.eye(3), labels=["a", "b", "c"]).save(tmp_path)
    path = next(path for path in tmp_path.iterdir() if path.name.startswith(file))
    match harm:
        case None:
            path.unlink()
        case bytes():
            path.write_bytes(harm)
        case int():
            path.write_bytes(path.read_bytes()[:harm])
        case dict():
            sign(path, **harm)
    with pytest.raises(SavedModelError, match=says):
        Index.load(tmp_path)


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"vectors": None}, r"float32 vectors of shape \[3, 3\]"),
        ({"vectors": np.eye(3)}, r"float32 vectors of shape \[3, 3\]"),
        ({"vectors": np.eye(4, 3, dtype=np.float32)}, r"float32 vectors of shape \[3, 3\]"),
        ({"vectors": np.zeros((3, 3), dtype=np.float32)}, "row 0: want a vector with a direction"),
        ({"vectors": np.full((3, 3), np.nan, dtype=np.float32)}, "row 0: want a vector with a direction"),
        ({"vectors": np.full((3, 3), 7, dtype=np.float32)}, "want unit vectors"),
        ({"ids/numbers": np.array([1, 1, 2])}, "1 twice"),
        ({"ids/numbers": np.array([1.0, 2.0, 3.0])}, "ids of type float64"),
        ({"ids/numbers": np.array([1, 2])}, r"ids of type int64 and shape \[2\]"),
        ({"ids/numbers": None}, "no ids"),
        ({"labels/ends": None}, "no labels"),
        ({"labels/ends": np.array([1, 2])}, r"labels of types and shapes uint8 \[3\] and int64 \[2\]"),
        ({"labels/ends": np.array([1.0, 2.0, 3.0])}, "float64"),
        ({"labels/ends": np.array([1, 2, 4])}, "labels whose ends do not fit"),
        ({"labels/ends": np.array([2, 1, 3])}, "labels whose ends do not fit"),
        ({"labels/ends": np.array([-1, 1, 3])}, "labels whose ends do not fit"),
        ({"labels/ends": np.array([2**62, -(2**62), 3])}, "labels whose ends do not fit"),
        ({"labels/text": np.array([97, 255, 98], dtype=np.uint8)}, "utf-8"),
        ({"labels/text": np.array([97, 98, 99])}, "int64"),
    ],
    ids=str,
)
def test_arrays_are_not_trusted(tmp_path: Path, change: dict[str, Any], says: str, sign: Callable[..., None]) -> None:
    Index.from_vectors(np.eye(3), labels=["a", "b", "c"]).save(tmp_path)
    (path,) = tmp_path.glob("*.safetensors")
    arrays = {key: array for key, array in (load_file(path) | change).items() if array is not None}
    save_file(arrays, path)
    sign(tmp_path / "index.json")
    with pytest.raises(SavedModelError, match=says):
        Index.load(tmp_path)


def test_a_flipped_bit_is_found(tmp_path: Path) -> None:
    Index.from_vectors(np.eye(3), labels=["a", "b", "c"]).save(tmp_path)
    (path,) = tmp_path.glob("*.safetensors")
    content = bytearray(path.read_bytes())
    content[-1] ^= 1
    path.write_bytes(content)
    with pytest.raises(
        SavedModelError, match=r"vectors-.*want the file that index\.json was saved with.*make and save"
    ):
        Index.load(tmp_path)


def test_no_folder_is_no_index(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    for place in ("nothing", "file"):
        with pytest.raises(SavedModelError, match="want the folder of an index, got no such file"):
            Index.load(tmp_path / place)


@pytest.mark.parametrize(
    ("queries", "options", "says"),
    [
        (np.ones((1, 4)), {}, r"search\(queries\): want queries of width 3, as the index, got width 4"),
        (np.ones(3), {}, r"shape \[3\]"),
        (np.ones((0, 3)), {}, "at least one row"),
        (np.array([[1, 0, 0], [np.nan, 0, 0]]), {}, "queries, row 1"),
        (np.zeros((1, 3)), {}, "queries, row 0: .* only zeros"),
        (np.eye(3), {"k": 0}, "k: want an integer from 1, got 0"),
        (np.eye(3), {"k": "ten"}, "got 'ten'"),
        (np.eye(3), {"modalities": ["left"]}, "want objects and an index with a model, got vectors"),
        ([[1.0, 0, 0]], {}, "got list, and this index has no model"),
    ],
)
def test_what_cannot_be_asked_is_refused(queries: Any, options: dict[str, Any], says: str) -> None:
    with pytest.raises(InputError, match=says):
        Index.from_vectors(np.eye(3)).search(queries, **options)


@pytest.mark.parametrize(
    ("vectors", "options", "says"),
    [
        (np.zeros((0, 3)), {}, "at least one row"),
        (np.zeros((2, 3)), {}, "vectors, row 0"),
        (np.eye(3), {"labels": ["a", "b"]}, "want 3 labels, one a vector, got 2"),
        (np.eye(3), {"labels": ["a", "b", None]}, "column 'labels'"),
        (np.eye(3), {"ids": ["a", "b", "a"]}, "'a' twice"),
        (np.eye(3), {"ids": [1.5, 2, 3]}, "column 'ids'"),
    ],
)
def test_what_cannot_be_indexed_is_refused(vectors: np.ndarray, options: dict[str, Any], says: str) -> None:
    with pytest.raises(InputError, match=says):
        Index.from_vectors(vectors, **options)


def test_objects_come_go_and_change_and_the_old_index_stays(rng: np.random.Generator) -> None:
    objects = table(rng)
    index = Index.build(SumOfParts(), objects[:8])
    more = index.add(objects[8:])
    assert (len(index), len(more)) == (8, 12)
    whole = Index.build(SumOfParts(), objects)
    assert_same(more.search(objects, k=12), whole.search(objects, k=12))
    less = more.remove(["x3", "x11"])
    kept = np.array([row for row in range(12) if row not in {3, 11}])
    assert_same(less.search(objects, k=3), Index.build(SumOfParts(), objects[kept]).search(objects, k=3))
    changed = less.update(whole.vectors[[3, 11]], ids=["x9", "x0"], labels=["cat", "cat"])
    np.testing.assert_array_equal(changed.vectors[[8, 0]], whole.vectors[[3, 11]])
    assert changed.labels is not None and changed.labels[[8, 0]].tolist() == ["cat", "cat"]
    np.testing.assert_array_equal(changed.vectors[1:8], less.vectors[1:8])
    assert changed.ids.tolist() == less.ids.tolist() and changed.model is index.model


def test_numbers_go_on_where_no_ids_are_given(tmp_path: Path) -> None:
    index = Index.from_vectors(np.eye(3)[:2]).add(np.eye(3)[2:])
    assert index.ids.tolist() == [0, 1, 2]
    again = index.remove(0).add(np.eye(3)[:1])
    again.save(tmp_path)
    assert Index.load(tmp_path).ids.tolist() == [1, 2, 3]


@pytest.mark.parametrize(
    ("call", "says"),
    [
        (lambda index: index.add(np.eye(3), ids=["c", "a", "d"], labels=[1, 1, 1]), "1 that are in it: 'a'"),
        (lambda index: index.add(np.eye(3), ids=["c", "c", "d"], labels=[1, 1, 1]), "(?i)id.*'c'"),
        (lambda index: index.add(np.eye(3)[:1], labels=[1]), "an id for each object, got none, and the index has"),
        (lambda index: index.add(np.eye(3)[:1], ids=["c"]), "want labels, as the index has, got no labels"),
        (lambda index: index.add(np.eye(3)[:1], ids=["c"], labels=["x"]), "labels that are integers"),
        (lambda index: index.add(np.eye(3)[:1], ids=[5], labels=[1]), "ids that are text"),
        (lambda index: index.add(np.eye(4)[:1], ids=["c"], labels=[1]), "vectors of width 3"),
        (lambda index: index.add(np.eye(3)[:1], ids=["c", "d"], labels=[1]), "1 ids, one a vector"),
        (
            lambda index: index.update(np.eye(3)[:1], ids=["c"], labels=[1]),
            r"update\(ids=...\): want ids of the index",
        ),
        (lambda index: index.update(np.eye(3)[:1], labels=[1]), "an id for each object, got none. Add"),
        (lambda index: index.remove(["a", "c"]), r"remove\(ids\): want ids of the index, got 1 others: 'c'"),
        (lambda index: index.remove(["a", "a"]), "(?i)id.*'a'"),
        (lambda index: index.remove(["a", "b"]), "an index with an object left"),
    ],
)
def test_wrong_ids_and_labels_are_told(call: Callable[[Index], Index], says: str) -> None:
    with pytest.raises(InputError, match=says):
        call(Index.from_vectors(np.eye(3)[:2], ids=["a", "b"], labels=[1, 2]))
