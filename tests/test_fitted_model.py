"""The value that a fit gives: it never changes, and a table that it has encoded is not encoded again."""

import inspect
from collections.abc import Callable
from dataclasses import FrozenInstanceError, fields, replace
from typing import Any

import numpy as np
import pytest
from sklearn.exceptions import NotFittedError

import steradian as sr
from steradian.errors import InputError
from steradian.fitted_model import Encoded, FittedModel, table_of
from steradian.model import SphereEncoder

NAMES = ("photo", "title")
OPTIONS: dict[str, Any] = {"embedding_dim": 8, "width": 8, "heads": 2, "verbose": False}
QUESTIONS = {
    name: method
    for name, method in inspect.getmembers(sr.SphereEmbedder, inspect.isfunction)
    if method.__module__ == "steradian.embedder" and not name.startswith("_") and name not in {"fit", "load"}
}


def make_table(count: int = 60, *, random_state: int = 0, missing: float = 0.3) -> sr.ObjectTable:
    rng = np.random.default_rng(random_state)
    kinds = np.arange(count) % 3
    table: dict[str, Any] = {"label": np.array(["cup", "jar", "pan"])[kinds]}
    lacks = rng.random((count, 2)) < missing
    lacks[:, 0] &= ~lacks[:, 1]
    for place, name in enumerate(NAMES):
        cells = np.eye(4)[kinds] * 3 + rng.normal(size=(count, 4))
        table[name] = [None if lack else cell for lack, cell in zip(lacks[:, place], cells, strict=True)]
    return sr.read_objects(table, sr.Schema({name: sr.Vector(name) for name in NAMES}))


@pytest.fixture(scope="module")
def estimator() -> sr.SphereEmbedder:
    """With networks, since only they encode."""
    return sr.SphereEmbedder(**OPTIONS, closed_form=False, epochs=3).fit(make_table())


@pytest.fixture
def encodings(estimator: sr.SphereEmbedder, monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """How many objects each encoded batch had."""
    counts: list[int] = []
    encode = SphereEncoder.encode

    def counted(self: SphereEncoder, batch: Any) -> Any:
        counts.append(len(batch.present))
        return encode(self, batch)

    monkeypatch.setattr(SphereEncoder, "encode", counted)
    return counts


@pytest.mark.parametrize("name", QUESTIONS)
def test_an_unfitted_estimator_answers_nothing(name: str) -> None:
    required = [
        parameter
        for parameter in list(inspect.signature(QUESTIONS[name]).parameters.values())[1:]
        if parameter.default is inspect.Parameter.empty
    ]
    with pytest.raises(NotFittedError):
        QUESTIONS[name](sr.SphereEmbedder(), *[None] * len(required))


def test_nothing_in_it_can_be_set(estimator: sr.SphereEmbedder) -> None:
    for field in fields(FittedModel):
        with pytest.raises(FrozenInstanceError):
            setattr(estimator.fitted_, field.name, None)


def test_what_changes_a_model_gives_another_and_leaves_the_old_one(estimator: sr.SphereEmbedder) -> None:
    model = sr.SphereEmbedder(**OPTIONS, epochs=0).fit(make_table())
    first = model.fitted_
    model.calibrate(make_table(120, random_state=1), coverage=0.9)
    second = model.fitted_
    model.add_classes({"photo": [[9.0, 9.0, 9.0, 9.0]], "title": [None], "label": ["vase"]})
    third = model.fitted_
    model.remove_classes(["cup", "jar"])
    assert first.calibration is None and second.calibration is not None
    assert [len(each.classes) for each in (first, second, third, model.fitted_)] == [3, 3, 4, 2]
    assert len({each.fingerprint for each in (first, second, third, model.fitted_)}) == 1
    assert first.encoder is model.fitted_.encoder


def test_encoded_objects_are_like_their_table_for_every_question(estimator: sr.SphereEmbedder) -> None:
    table = make_table(40, random_state=2)
    encoded = estimator.encode(table)
    for subset in (None, ["title", "photo"]):
        np.testing.assert_array_equal(
            estimator.transform(encoded, modalities=subset), estimator.transform(table, modalities=subset)
        )
    np.testing.assert_array_equal(estimator.predict_proba(encoded), estimator.predict_proba(table))
    assert estimator.score(encoded) == estimator.score(table)
    assert estimator.certify(encoded).to_dict() == estimator.certify(table).to_dict()
    assert estimator.explain(encoded).to_dict() == estimator.explain(table).to_dict()
    assert estimator.audit(encoded).to_dict() == estimator.audit(table).to_dict()
    quiet: dict[str, Any] = {"verbose": False}
    evaluations = (sr.evaluate(estimator, each, floor="none", **quiet).to_dict() for each in (encoded, table))
    assert next(evaluations) == next(evaluations)
    assert sr.measure_geometry(estimator, encoded).to_dict() == sr.measure_geometry(estimator, table).to_dict()
    decisions = (sr.measure_decisions(estimator, each, **quiet).to_dict() for each in (encoded, table))
    assert next(decisions) == next(decisions)
    curves = (sr.robustness(estimator, each, draws=1, **quiet).to_dict() for each in (encoded, table))
    assert next(curves) == next(curves)


def test_an_evaluation_and_its_report_encode_each_object_once(
    estimator: sr.SphereEmbedder, encodings: list[int], tmp_path: Any
) -> None:
    objects, gallery = make_table(50, random_state=3), make_table(70, random_state=4)
    evaluation = sr.evaluate(estimator, objects, gallery=gallery, verbose=False)
    sr.write_report(evaluation, tmp_path / "report.html")
    assert sum(encodings) == 50 + 70


def test_all_that_is_asked_of_encoded_objects_encodes_nothing(
    estimator: sr.SphereEmbedder, encodings: list[int]
) -> None:
    encoded = estimator.encode(make_table(50, random_state=3))
    encodings.clear()
    estimator.predict(encoded)
    estimator.certify(encoded)
    estimator.explain(encoded, "cup")
    estimator.audit(encoded)
    sr.measure_geometry(estimator, encoded)
    sr.robustness(estimator, encoded, verbose=False)
    assert encodings == []


def test_some_rows_of_encoded_objects_are_these_objects(estimator: sr.SphereEmbedder) -> None:
    table = make_table(20, random_state=5)
    encoded, rows = estimator.encode(table), np.array([7, 3, 11])
    np.testing.assert_allclose(estimator.transform(encoded[rows]), estimator.transform(table[rows]), atol=1e-6)
    assert encoded[rows].objects.rows.tolist() == [7, 3, 11]
    assert len(encoded[np.zeros(20, dtype=bool)]) == 0
    assert table_of(encoded) is table is table_of(table)


def test_the_vectors_come_in_parts_too(estimator: sr.SphereEmbedder) -> None:
    table, whole = make_table(23, random_state=5), estimator.transform(make_table(23, random_state=5))
    for objects in (table, estimator.encode(table)):
        parts = list(estimator.fitted_.vector_parts(objects, rows=10))
        assert [part for part, _ in parts] == [slice(0, 10), slice(10, 20), slice(20, 23)]
        np.testing.assert_allclose(np.concatenate([vectors for _, vectors in parts]), whole, atol=1e-6)
    with pytest.raises(InputError, match="vector_parts"):
        estimator.fitted_.vector_parts(table, rows=0)


def test_objects_that_another_model_encoded_are_refused(estimator: sr.SphereEmbedder) -> None:
    other = sr.SphereEmbedder(**OPTIONS, epochs=0).fit(make_table(random_state=9))
    encoded = other.encode(make_table(10))
    asks: list[Callable[[Encoded], Any]] = [estimator.transform, estimator.encode, estimator.certify, estimator.audit]
    for ask in asks:
        with pytest.raises(sr.InputError, match="encoded by this model, of fingerprint"):
            ask(encoded)


# -- What has no sums cannot be explained


each_question = pytest.mark.parametrize("name", ["certify", "explain"])


@each_question
def test_a_free_fusion_is_refused_with_the_reason(name: str) -> None:
    free = sr.SphereEmbedder(**OPTIONS, fusion="free", epochs=1).fit(make_table())
    with pytest.raises(sr.ConfigError, match=r'fusion="free".*Fit again with fusion="certified"'):
        getattr(free, name)(make_table())


@each_question
def test_nothing_and_objects_without_anything_are_refused(estimator: sr.SphereEmbedder, name: str) -> None:
    table = make_table()
    with pytest.raises(sr.InputError, match="0 objects"):
        getattr(estimator, name)(table[[]])
    bare = table.only("photo")
    first = int(np.flatnonzero(~bare.present.any(axis=1))[0])
    with pytest.raises(sr.InputError, match=f"row {first} "):
        getattr(estimator, name)(bare)


@each_question
def test_other_tables_are_refused(estimator: sr.SphereEmbedder, name: str) -> None:
    with pytest.raises(sr.InputError):
        getattr(estimator, name)({"z": [1.0]})


@each_question
@pytest.mark.parametrize("batch_size", [0, -1])
def test_a_batch_of_nothing_is_refused(estimator: sr.SphereEmbedder, name: str, batch_size: int) -> None:
    with pytest.raises(sr.InputError, match=f"batch_size={batch_size}"):
        getattr(estimator, name)(make_table(), batch_size=batch_size)


def test_modalities_in_another_order_are_the_same(estimator: sr.SphereEmbedder) -> None:
    table = make_table(20)
    schema = replace(table.schema, modalities=dict(reversed(table.schema.modalities.items())))
    turned = sr.read_objects(dict(table.columns), schema)
    np.testing.assert_allclose(estimator.certify(turned).leads, estimator.certify(table).leads, atol=1e-5)
    np.testing.assert_allclose(estimator.explain(turned).gates, estimator.explain(table).gates, atol=1e-5)


def test_every_row_comes_once_and_in_order(estimator: sr.SphereEmbedder, monkeypatch: pytest.MonkeyPatch) -> None:
    table = make_table(23)
    monkeypatch.setattr("steradian.fitted_model.BATCH", 5)
    rows = [part for part, _ in estimator.encode(table, batch_size=4).batches()]
    assert max(map(len, rows)) <= 5
    np.testing.assert_array_equal(np.concatenate(rows), np.arange(23))


@pytest.mark.parametrize("value", [np.nan, np.inf, 0.0])
def test_vectors_without_a_direction_have_no_class(estimator: sr.SphereEmbedder, value: float) -> None:
    vectors = estimator.transform(make_table(5))
    np.testing.assert_array_equal(estimator.predict_vectors(3 * vectors), estimator.predict_vectors(vectors))
    vectors[2] = value
    with pytest.raises(sr.InputError, match="row 2"):
        estimator.predict_vectors(vectors)
    assert len(estimator.predict_vectors(vectors[:0])) == 0


def test_a_verdict_compares_scores_of_the_same_objects_alone() -> None:
    train, test = make_table(90), make_table(60, random_state=1)
    model = sr.SphereEmbedder(**OPTIONS, epochs=0).fit(train)
    before = sr.evaluate(model, test, gallery=train, verbose=False)
    assert before.verdict is not None and "accuracy" in before.verdict
    model.remove_classes("pan")
    after = sr.evaluate(model, test, gallery=train, verbose=False)
    assert after.verdict is not None and "accuracy" not in after.verdict and "R@1" in after.verdict
