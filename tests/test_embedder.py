"""The front door: what a user calls, on one small table of all kinds of modality."""

import inspect
import subprocess
import sys
from dataclasses import fields
from importlib.metadata import version
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch
from sklearn.base import clone
from sklearn.exceptions import NotFittedError
from sklearn.model_selection import GridSearchCV, StratifiedKFold, cross_val_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.utils.estimator_checks import parametrize_with_checks

import steradian as sr
from steradian.config import ModelConfig, TrainingConfig
from steradian.model import class_cosines

SMALL = {"embedding_dim": 8, "width": 16, "heads": 2, "verbose": False}
SCHEMA = sr.Schema(
    {
        "photo": sr.Image("photo", size=16),
        "title": sr.Text("title"),
        "specs": sr.Tabular(numeric=["price"], categorical=["colour"]),
        "omics": sr.Vector("omics"),
        "motion": sr.Series("motion"),
    }
)


def columns(objects: int = 48, random_state: int = 0) -> dict[str, list]:
    """Three classes that every modality tells apart; each modality is missing for a third of the rows, never all."""
    rng = np.random.default_rng(random_state)
    labels = np.arange(objects) % 3
    has = rng.random((objects, 5)) < 0.67
    has[np.arange(objects), rng.integers(5, size=objects)] = True

    def cells(modality: int, make):
        return [make(label) if has[row, modality] else None for row, label in enumerate(labels)]

    colours = ["red", "green", "blue"]
    return {
        "photo": cells(0, lambda c: (np.eye(3)[c] * 200 + rng.integers(50, size=(9, 12, 3))).astype(np.uint8)),
        "title": cells(1, lambda c: f"a {colours[c]} thing number {rng.integers(9)}"),
        "price": [None if p is None else float(p) for p in cells(2, lambda c: 10 * c + rng.normal())],
        "colour": [None if not has[row, 2] else colours[c] for row, c in enumerate(labels)],
        "omics": cells(3, lambda c: rng.normal(size=6) + 3 * np.eye(6)[c]),
        "motion": cells(4, lambda c: rng.normal(size=(int(rng.integers(1, 40)), 2)) + c),
        "label": [colours[c] for c in labels],
    }


@pytest.fixture(scope="module")
def objects() -> sr.ObjectTable:
    return sr.read_objects(columns(), SCHEMA)


@pytest.fixture(scope="module")
def model(objects: sr.ObjectTable) -> sr.SphereEmbedder:
    return sr.SphereEmbedder(epochs=20, validation_fraction=0.0, **SMALL).fit(objects)


# -- scikit-learn's contract


def failing_checks(estimator: sr.SphereEmbedder) -> dict[str, str]:
    why = "what is learnt of the features, such as quantiles, is of the rows as they are"
    return {"check_sample_weight_equivalence_on_dense_data": why}


@parametrize_with_checks([sr.SphereEmbedder(epochs=1, **SMALL)], expected_failed_checks=failing_checks)
def test_scikit_learn_contract(estimator, check) -> None:
    check(estimator)


def test_parameters_are_the_configurations_fields_with_their_defaults() -> None:
    parameters = inspect.signature(sr.SphereEmbedder).parameters
    defaults = {name: p.default for name, p in parameters.items() if name not in {"class_weight", "schema", "verbose"}}
    assert defaults == {f.name: f.default for kind in (ModelConfig, TrainingConfig) for f in fields(kind)}


@pytest.mark.slow
def test_pipeline_cross_validation_and_grid_search_on_arrays(rng: np.random.Generator) -> None:
    labels = np.repeat([0, 1, 2], 10)
    points = rng.normal(size=(30, 4)) + 4 * np.eye(4)[labels]
    estimator = sr.SphereEmbedder(epochs=20, **SMALL)
    assert make_pipeline(StandardScaler(), estimator).fit(points, labels).score(points, labels) > 0.9
    search = GridSearchCV(estimator, {"margin": [0.0, 0.2]}, cv=2).fit(points, labels)
    assert set(search.best_params_) == {"margin"} and search.best_score_ > 0.8


def test_cross_validation_hands_on_weights(rng: np.random.Generator) -> None:
    # Half of the labels are wrong, and say nothing where they weigh nothing.
    labels = np.repeat([0, 1], 20)
    points, right = rng.normal(size=(40, 2)) + 4 * np.eye(2)[labels], np.arange(40) % 2 == 0
    told = np.where(right, labels, 1 - labels)
    estimator = sr.SphereEmbedder(4, epochs=0, verbose=False)
    splits = [(np.arange(40) % 4 < 2, (np.arange(40) % 4 > 1) & right)]
    options = {"cv": splits, "error_score": "raise", "params": {"sample_weight": right}}
    assert cross_val_score(estimator, points, told, **options) == [1.0]


@pytest.mark.slow
def test_cross_validation_on_a_table(objects: sr.ObjectTable) -> None:
    estimator = sr.SphereEmbedder(epochs=10, **SMALL)
    scores = cross_val_score(estimator, objects, objects.labels, cv=StratifiedKFold(2), error_score="raise")
    assert scores.shape == (2,) and (scores > 0.5).all()


# -- Vectors


def test_vectors_are_unit_rows_that_tell_the_classes_apart(model, objects) -> None:
    vectors = model.transform(objects)
    assert vectors.shape == (48, 8) and vectors.dtype == np.float32
    np.testing.assert_allclose(np.linalg.norm(vectors, axis=1), 1.0, atol=1e-6)
    assert model.score(objects) > 0.9
    assert model.score(objects) == np.mean(model.predict(objects) == objects.labels)


@pytest.mark.parametrize("batch_size", [1, 7, 1000])
def test_vectors_do_not_depend_on_the_batch(model, objects, batch_size: int) -> None:
    vectors = model.transform(objects, batch_size=batch_size)
    np.testing.assert_allclose(vectors, model.transform(objects), atol=1e-5)


def test_vectors_do_not_depend_on_rows_columns_or_padding(model, objects) -> None:
    vectors = model.transform(objects)
    order = np.random.default_rng(1).permutation(len(objects))
    np.testing.assert_allclose(model.transform(objects[order]), vectors[order], atol=1e-5)
    table = columns()
    reordered = sr.Schema(dict(reversed(SCHEMA.modalities.items())))
    turned = sr.read_objects(dict(reversed(table.items())), reordered)
    np.testing.assert_allclose(model.transform(turned), vectors, atol=1e-5)
    # A row alone is padded to its own length, not to the longest of the batch.
    alone = np.concatenate([model.transform(objects[row : row + 1]) for row in range(len(objects))])
    np.testing.assert_allclose(alone, vectors, atol=1e-5)


def test_a_subset_is_the_same_as_missing_cells(model, objects) -> None:
    only_title = [row for row, title in enumerate(columns()["title"]) if title is not None]
    emptied = {name: cells if name in ("title", "label") else [None] * len(cells) for name, cells in columns().items()}
    emptied = {name: [cells[row] for row in only_title] for name, cells in emptied.items()}
    expected = model.transform(sr.read_objects(emptied, SCHEMA))
    np.testing.assert_allclose(model.transform(objects[only_title], modalities=["title"]), expected, atol=1e-6)


def test_subsets_together_equal_subsets_one_by_one(model, objects) -> None:
    subsets = [("photo",), ("omics", "motion"), tuple(SCHEMA.modalities)]
    for subset, rows, vectors in model.transform_subsets(objects, subsets, batch_size=11):
        np.testing.assert_allclose(vectors, model.transform(objects[rows], modalities=subset), atol=1e-5)
        has = objects.present[:, [list(SCHEMA.modalities).index(name) for name in subset]].any(axis=1)
        np.testing.assert_array_equal(rows, np.flatnonzero(has))


def test_raw_tables_are_read_by_the_models_own_schema(model, objects) -> None:
    table = {name: cells for name, cells in columns().items() if name != "label"}
    np.testing.assert_array_equal(model.transform(table), model.transform(objects))


def test_probabilities_and_cosines(model, objects) -> None:
    cosines, probabilities = model.decision_function(objects), model.predict_proba(objects)
    assert cosines.shape == probabilities.shape == (48, 3)
    assert np.abs(cosines).max() <= 1 + 1e-6
    np.testing.assert_allclose(probabilities.sum(axis=1), 1.0)
    np.testing.assert_array_equal(model.classes_[probabilities.argmax(axis=1)], model.predict(objects))
    np.testing.assert_array_equal(model.predict_vectors(model.transform(objects)), model.predict(objects))


def test_certificates_and_attributions_of_all_kinds_of_modality(model, objects) -> None:
    certificates, attribution = model.certify(objects), model.explain(objects)
    np.testing.assert_array_equal(certificates.predicted, model.predict(objects))
    np.testing.assert_allclose(
        attribution.contributions.sum(axis=1),
        class_cosines(model.fitted_.classifier, model.transform(objects)).max(axis=1),
        atol=1e-6,
    )
    # A table that was not read is read, as by `transform`.
    table = {name: cells for name, cells in columns().items() if name != "label"}
    assert model.certify(table).to_dict() == certificates.to_dict()
    assert model.explain(table, "red").targets.tolist() == ["red"] * 48


# -- Training


@pytest.mark.slow
def test_training_is_the_same_bit_for_bit_and_leaves_the_global_generator_alone(objects) -> None:
    estimator = sr.SphereEmbedder(epochs=1, **SMALL)
    state = torch.random.get_rng_state()
    first = clone(estimator).fit(objects).transform(objects)
    assert torch.equal(torch.random.get_rng_state(), state)
    torch.rand(3)
    again = clone(estimator).fit(objects).transform(objects)
    np.testing.assert_array_equal(first, again)
    other = clone(estimator).set_params(random_state=1).fit(objects).transform(objects)
    assert np.abs(first - other).max() > 1e-3


@pytest.mark.parametrize("fusion", ["context", "free"])
def test_other_fusions_learn_too(objects, fusion: str) -> None:
    assert sr.SphereEmbedder(epochs=20, fusion=fusion, **SMALL).fit(objects).score(objects) > 0.8


# -- Keeping


@pytest.mark.slow
def test_a_fresh_process_loads_and_gives_the_same_vectors(model, objects, tmp_path) -> None:
    model.save(tmp_path / "model")
    np.savez(tmp_path / "query.npz", omics=np.ones((2, 6)))
    script = """
import sys, numpy as np, steradian as sr
model = sr.SphereEmbedder.load(sys.argv[1] + "/model")
omics = np.load(sys.argv[1] + "/query.npz")["omics"]
none = [None, None]
table = dict(photo=none, title=["a red thing", None], price=none, colour=none, omics=omics, motion=none)
np.save(sys.argv[1] + "/vectors.npy", model.transform(table))
"""
    subprocess.run([sys.executable, "-W", "error", "-c", script, str(tmp_path)], check=True)
    none = [None, None]
    table = {"photo": none, "title": ["a red thing", None], "price": none, "colour": none, "motion": none}
    expected = model.transform({**table, "omics": np.ones((2, 6))})
    np.testing.assert_allclose(np.load(tmp_path / "vectors.npy"), expected, atol=1e-5)


def test_a_loaded_model_is_the_saved_one(model, objects, tmp_path) -> None:
    model.save(tmp_path)
    loaded = sr.SphereEmbedder.load(tmp_path)
    np.testing.assert_array_equal(loaded.transform(objects), model.transform(objects))
    np.testing.assert_array_equal(loaded.predict(objects), model.predict(objects))
    np.testing.assert_array_equal(loaded.predict_proba(objects), model.predict_proba(objects))
    assert loaded.schema_ == model.schema_ and loaded.classes_.dtype == model.classes_.dtype
    # What was derived is kept as it was used.
    derived = {"dropout": 0.3, "input_dropout": 0.4}
    assert loaded.get_params() | {"verbose": False} == model.get_params() | derived


def test_options_changed_after_fit_do_not_reach_the_fitted_model(objects, tmp_path) -> None:
    model = sr.SphereEmbedder(epochs=2, **SMALL).fit(objects)
    vectors = model.transform(objects)
    model.set_params(embedding_dim=16, width=32)
    np.testing.assert_array_equal(model.transform(objects), vectors)
    model.save(tmp_path)
    np.testing.assert_array_equal(sr.SphereEmbedder.load(tmp_path).transform(objects), vectors)


def test_column_names_of_a_data_frame_are_kept(rng, tmp_path) -> None:
    frame = pd.DataFrame(rng.normal(size=(20, 3)), columns=["a", "b", "c"])
    model = sr.SphereEmbedder(epochs=1, **SMALL).fit(frame, np.arange(20) % 2)
    model.save(tmp_path)
    loaded = sr.SphereEmbedder.load(tmp_path)
    np.testing.assert_array_equal(loaded.transform(frame), model.transform(frame))
    with pytest.raises(sr.InputError, match="feature names"):
        loaded.transform(frame[["c", "b", "a"]])


def test_a_model_of_plain_arrays_is_saved_too(rng, tmp_path) -> None:
    points, labels = rng.normal(size=(20, 3)), np.arange(20) % 2
    model = sr.SphereEmbedder(epochs=2, **SMALL).fit(points, labels)
    model.save(tmp_path)
    np.testing.assert_array_equal(sr.SphereEmbedder.load(tmp_path).predict(points), model.predict(points))


# -- What a user may get wrong


def test_unknown_modality_and_objects_without_any(model, objects) -> None:
    with pytest.raises(sr.InputError, match="photo, title"):
        model.transform(objects, modalities=["smell"])
    without = int(np.flatnonzero(~objects.present[:, 0])[0])
    with pytest.raises(sr.InputError, match=f"row {without} "):
        model.transform(objects, modalities=["photo"])


def test_a_label_never_seen(model, objects) -> None:
    labels = objects.labels.copy()
    labels[5] = "mauve"[: labels.dtype.itemsize // 4]
    with pytest.raises(sr.InputError, match=r"never seen in training.*steradian\.evaluate"):
        model.score(objects, labels)
    with pytest.raises(sr.InputError, match="want labels that are text"):
        model.score(objects, np.arange(len(objects)))


def test_nothing_to_transform_and_nothing_to_do(model, objects) -> None:
    assert model.transform(objects[[]]).shape == (0, 8)
    with pytest.raises(sr.InputError, match="at least one object"):
        sr.SphereEmbedder(**SMALL).fit(objects[[]])
    with pytest.raises(sr.InputError, match="batch_size=0"):
        model.transform(objects, batch_size=0)
    with pytest.raises(sr.InputError, match="0 subsets"):
        model.transform_subsets(objects, [])


def test_a_table_of_another_schema(model) -> None:
    other = sr.read_objects({"name": ["x"]}, sr.Schema({"name": sr.Text("name")}), labelled=False)
    with pytest.raises(sr.InputError, match=r"model\.schema_"):
        model.transform(other)


def test_the_version_is_that_of_the_package() -> None:
    assert sr.__version__ == version("steradian")


def test_rows_with_some_of_the_columns_are_rows_with_missing_modalities(model) -> None:
    titles, prices = ["a red thing", "a blue thing"], [0.5, 21.0]
    whole = {name: [None, None] for name in SCHEMA.columns} | {"title": titles, "price": prices}
    expected = model.transform(whole)
    rows = [{"title": title, "price": price} for title, price in zip(titles, prices, strict=True)]
    for some in ({"title": titles, "price": prices}, rows, pd.DataFrame(rows)):
        np.testing.assert_array_equal(model.transform(some), expected)
    np.testing.assert_array_equal(model.transform(rows[1]), expected[1:])
    assert model.predict({"title": titles}).tolist() == ["red", "blue"]
    assert model.predict({"title": "a red thing"}).tolist() == ["red"]
    np.testing.assert_array_equal(model.certify(rows).leads, model.certify(whole).leads)
    np.testing.assert_array_equal(model.explain(rows[0], rows[1]).cosines, model.explain(rows[:1], rows[1:]).cosines)
    index = sr.Index.build(model, whole)
    assert index.search({"title": titles}, k=1).rows.shape == (2, 1)
    np.testing.assert_array_equal(index.search(rows, k=2).rows, index.search(whole, k=2).rows)
    with pytest.raises(sr.InputError, match=r"got 'titel'. Did you mean 'title'\?"):
        model.predict({"titel": titles})


def test_a_schema_lets_it_fit_and_be_validated_on_data_frames() -> None:
    rng = np.random.default_rng(0)
    kinds = np.array(["cup", "jar"])[np.arange(40) % 2]
    frame = pd.DataFrame({"kind": kinds, "height": rng.normal(size=40) + 9 * (kinds == "jar"), "sku": range(40)})
    frame.loc[3, "height"] = None
    frame["title"] = [f"a {kind}" if row % 3 else None for row, kind in enumerate(kinds)]
    frame = frame[frame["height"].notna() | frame["title"].notna()]
    modalities = {"size": sr.Tabular(numeric=["height"]), "title": sr.Text("title")}
    schema = sr.Schema(modalities, label="kind", id="sku")
    small = sr.SphereEmbedder(embedding_dim=4, epochs=0, schema=schema, verbose=False)
    plain = sr.SphereEmbedder(embedding_dim=4, epochs=0, verbose=False).fit(sr.read_objects(frame, schema))
    for fitted in (clone(small).fit(frame), clone(small).fit(frame.drop(columns=["kind", "sku"]), frame["kind"])):
        np.testing.assert_array_equal(fitted.transform(frame), plain.transform(frame))
        assert fitted.score(frame) == 1.0
    scores = cross_val_score(small, frame, frame["kind"], cv=3)
    assert scores.shape == (3,) and scores.min() > 0.9
    with pytest.raises(sr.InputError, match=r"or SphereEmbedder\(schema=schema\)"):
        sr.SphereEmbedder(verbose=False).fit(frame)


def test_a_refused_fit_leaves_the_model_as_it_was(objects) -> None:
    model = sr.SphereEmbedder(epochs=0, **SMALL).fit(objects)
    expected = model.transform(objects)
    with pytest.raises(sr.InputError, match="a fitted SphereEmbedder"):
        model.fit(objects, compatible_with="a folder")
    with pytest.raises(sr.InputError, match="no such file"):
        model.fit(objects, validation="validation.csv")
    with pytest.raises(sr.ConfigError):
        model.set_params(width=-1).fit(objects)
    np.testing.assert_array_equal(model.transform(objects), expected)


def test_a_model_that_is_not_fitted_says_so(objects) -> None:
    model = sr.SphereEmbedder()
    with pytest.raises(NotFittedError, match="not fitted yet"):
        sr.evaluate(model, objects)
    with pytest.raises(NotFittedError, match="not fitted yet"):
        _ = model.classes_
    assert not hasattr(model, "fitted_")


def test_every_question_about_labelled_objects_takes_what_transform_takes() -> None:
    points = np.random.default_rng(0).normal(size=(60, 2)) + np.repeat([[-2, 0], [2, 0], [0, 3]], 20, axis=0)
    table = {"x": points[:, 0], "y": points[:, 1], "kind": np.repeat(["a", "b", "c"], 20)}
    schema = sr.Schema({"x": sr.Tabular("x"), "y": sr.Tabular("y")}, label="kind", id=None)
    objects, frame = sr.read_objects(table, schema), pd.DataFrame(table)
    with pytest.warns(sr.SteradianWarning, match="seem to be training objects"):
        model = sr.SphereEmbedder(4, epochs=0, verbose=False).fit(objects, validation=frame)
    other = frame[::2]
    quiet: dict[str, Any] = {"verbose": False}
    for source in (table, frame):
        asked = (
            lambda X: sr.evaluate(model, X, gallery=X, **quiet),
            lambda X: sr.robustness(model, X, gallery=X, shares=[0.5], draws=1, **quiet),
            lambda X: sr.compare_models(model, model, X, gallery=X, rounds=10),
            lambda X: sr.measure_decisions(model, X, **quiet),
            lambda X: sr.measure_geometry(model, X),
            lambda X: model.audit(X, against=other),
            lambda X: model.score(X),
        )
        for ask in asked:
            assert repr(ask(source)) == repr(ask(objects))
    with pytest.warns(sr.SteradianWarning, match="seem to be training objects"):
        assert repr(model.calibrate(frame)) == repr(model.calibrate(objects))
    with pytest.raises(sr.InputError, match="in the column 'kind', got the columns 'x', 'y'"):
        model.add_classes(frame.drop(columns="kind"))
    model.add_classes(frame[:20].assign(kind="d"))
    assert model.classes_.tolist() == ["a", "b", "c", "d"]
