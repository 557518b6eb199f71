"""A served model says what the fitted one says, of rows of any form and of every subset."""

from itertools import chain, combinations
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import steradian as sr
from steradian.runtime import RuntimeModel

ROWS: list[dict[str, Any]] = [
    {"title": "red cup", "size": [0.4, 1.0], "price": 3.0},
    {"title": "blue jar", "price": None},
    {"size": [2.0, 0.5]},
]


def rows(count: int, seed: int) -> dict[str, Any]:
    rng = np.random.default_rng(seed)
    labels = np.arange(count) % 3
    return {
        "title": [f"{['cup', 'jar', 'pan'][label]} {rng.integers(9)}" for label in labels],
        "size": list(rng.normal(size=(count, 2)) + labels[:, None]),
        "price": list(labels * 2.0 + rng.normal(size=count)),
        "label": [["cup", "jar", "pan"][label] for label in labels],
    }


@pytest.fixture(scope="module")
def fitted() -> sr.SphereEmbedder:
    modalities = {"title": sr.Text("title"), "size": sr.Vector("size"), "specs": sr.Tabular(numeric="price")}
    schema = sr.Schema(modalities)
    model = sr.SphereEmbedder(epochs=0, verbose=False).fit(sr.read_objects(rows(30, 0), schema))
    model.calibrate(sr.read_objects(rows(30, 1), schema), coverage=0.8)
    return model


@pytest.fixture(scope="module")
def folder(fitted: sr.SphereEmbedder, tmp_path_factory: pytest.TempPathFactory) -> Path:
    place = tmp_path_factory.mktemp("exported")
    fitted.export(place)
    return place


@pytest.fixture(scope="module")
def served(folder: Path) -> RuntimeModel:
    return RuntimeModel.load(folder)


def test_every_subset_has_the_same_vector(fitted: sr.SphereEmbedder, served: RuntimeModel) -> None:
    cells, names = rows(9, 2), fitted.fitted_.modalities
    objects = sr.read_objects(cells, fitted.schema_)
    for subset in chain.from_iterable(combinations(names, size) for size in range(1, len(names) + 1)):
        expected = fitted.transform(objects, modalities=subset)
        np.testing.assert_allclose(served.embed(cells, modalities=subset), expected, atol=1e-6)


@pytest.mark.parametrize("given", [ROWS, ROWS[0], {"title": ["red cup", None], "price": [None, 4.0]}])
def test_rows_of_any_form(given: Any, fitted: sr.SphereEmbedder, served: RuntimeModel) -> None:
    np.testing.assert_allclose(served.embed(given), fitted.transform(given), atol=1e-6)
    assert served.predict(given, reject=True).tolist() == fitted.predict(given, reject=True).tolist()
    assert served.predict(given).tolist() == fitted.predict(given).tolist()


def test_it_explains_certifies_and_verifies_alike(fitted: sr.SphereEmbedder, served: RuntimeModel) -> None:
    cells = rows(6, 3)
    first, second = served.explain(cells, "jar"), fitted.explain(cells, "jar")
    assert first.targets.tolist() == second.targets.tolist()
    np.testing.assert_allclose(first.contributions, second.contributions, atol=1e-6)
    np.testing.assert_allclose(first.shapley, second.shapley, atol=1e-6)
    leads = served.certify(cells, all_classes=True), fitted.certify(cells, all_classes=True)
    np.testing.assert_allclose(leads[0].all_leads, leads[1].all_leads, atol=1e-6)
    pairs = served.verify(cells, rows(6, 4)), fitted.verify(cells, rows(6, 4))
    np.testing.assert_allclose(pairs[0].angles, pairs[1].angles, atol=1e-4)
    np.testing.assert_array_equal(pairs[0].thresholds, pairs[1].thresholds)


def test_it_searches_with_weights(fitted: sr.SphereEmbedder, folder: Path, served: RuntimeModel) -> None:
    objects = sr.read_objects(rows(30, 0), fitted.schema_)
    sr.Index.build(fitted, objects).save(folder / "index")
    index, own = sr.Index.load(folder / "index", model=served), sr.Index.load(folder / "index", model=fitted)
    cells = rows(5, 5)
    for weights in (None, {"title": 3}, {"size": 0, "specs": 2}):
        expected = own.search(cells, k=4, weights=weights)
        for found in (served.search(cells, index, k=4, weights=weights), index.search(cells, k=4, weights=weights)):
            np.testing.assert_allclose(found.cosines, expected.cosines, atol=1e-6)
            assert found.labels.tolist() == expected.labels.tolist()


def test_what_does_not_fit_is_refused(served: RuntimeModel) -> None:
    with pytest.raises(sr.InputError, match="Did you mean 'title'"):
        served.embed({"titel": ["cup"]})
    with pytest.raises(sr.InputError, match="1 object without"):
        served.embed(ROWS, modalities="title")
    with pytest.raises(sr.InputError, match="shape"):
        served.nearest(np.ones((1, 3)))
    with pytest.raises(sr.InputError, match="one above 0"):
        served.encode(ROWS).weighted({"title": -1})
    assert served.embed(served.encode(ROWS)[:0]).shape == (0, served.embedding_dim)


def test_a_folder_of_one_network_alone_must_be_exported(tmp_path: Path) -> None:
    points, labels = np.random.default_rng(0).normal(size=(12, 3)), np.repeat(["a", "b"], 6)
    model = sr.SphereEmbedder(embedding_dim=4, epochs=0, closed_form=False, width=8, heads=1, verbose=False)
    model.fit(points, labels).save(tmp_path)
    with pytest.raises(sr.SavedModelError, match="steradian export"):
        RuntimeModel.load(tmp_path)


def test_class_centers_of_another_shape_are_refused(folder: Path, served: RuntimeModel, tmp_path: Path) -> None:
    from steradian.saved_folder import SavedModel, read_folder, write_folder

    saved = read_folder(folder)
    weights = {**saved.weights, "classifier.weight": saved.weights["classifier.weight"][:, :-1]}
    entries = {name: entry for name, entry in saved.entries.items() if name != "weights"}
    write_folder(tmp_path, SavedModel(entries, saved.preprocessor, weights))
    with pytest.raises(sr.SavedModelError, match="class centers"):
        RuntimeModel.load(tmp_path)


def test_it_prints_as_two_lines(served: RuntimeModel) -> None:
    first, second = repr(served).splitlines()
    assert first.startswith(f"RuntimeModel {served.fingerprint}: closed form, 3 classes, vectors of width ")
    assert first.endswith(f" {served.embedding_dim}, calibrated")
    assert second == "  title: Text, size: Vector, specs: Tabular"
