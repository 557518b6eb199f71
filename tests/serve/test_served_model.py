"""A fitted model as the server asks it, beside what the model says itself."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

import steradian as sr
from steradian.runtime import RuntimeModel
from steradian.serve import FittedServedModel, load_served

ROWS: list[dict[str, Any]] = [{"title": "cup 3"}, {"price": 4.0, "view": [0.0, 1.0, 0.0]}]


def test_rows_of_some_columns_are_answered_as_a_table_is(model: sr.SphereEmbedder) -> None:
    served = FittedServedModel(model)
    table = {"title": ["cup 3", None], "my photo": [None] * 2, "price": [None, 4.0], "shade": [None] * 2}
    objects = sr.read_objects(table | {"view": [None, [0.0, 1.0, 0.0]]}, model.schema_, labelled=False)
    encoded = served.encode(ROWS)
    np.testing.assert_array_equal(served.vectors(encoded), model.transform(objects))
    decisions = served.decide(encoded, reject=True)
    assert decisions.answers.tolist() == model.predict(objects, reject=True).tolist()
    assert decisions.nearest.tolist() == model.predict(objects).tolist()
    angles = np.arccos(np.clip(model.decision_function(objects).max(axis=1), -1, 1))
    np.testing.assert_allclose(decisions.angles, angles, atol=1e-3)
    assert served.explain(encoded, "jar") == model.explain(objects, "jar").to_dict()
    assert served.verify(encoded[:1], encoded[1:]) == model.verify(objects[:1], objects[1:]).to_dict()


def test_it_says_what_it_can(model: sr.SphereEmbedder) -> None:
    served = FittedServedModel(model)
    assert (served.schema, served.fingerprint) == (model.schema_, model.fingerprint)
    assert (served.embedding_dim, served.calibrated, served.weighable) == (8, True, True)


def test_an_exported_folder_is_served_without_torch(model: sr.SphereEmbedder, tmp_path: Path) -> None:
    model.export(tmp_path)
    served, own = load_served(tmp_path), FittedServedModel(model)
    assert isinstance(served.model, RuntimeModel)
    encoded, expected = served.encode(ROWS), own.encode(ROWS)
    np.testing.assert_allclose(
        served.vectors(encoded.weighted({"title": 2})), own.vectors(expected.weighted({"title": 2})), atol=1e-6
    )
    assert served.decide(encoded, reject=True).answers.tolist() == own.decide(expected, reject=True).answers.tolist()
    said, right = served.explain(encoded, "jar"), own.explain(expected, "jar")
    assert [entry["modalities"].keys() for entry in said["objects"]] == [
        entry["modalities"].keys() for entry in right["objects"]
    ]
    assert (
        served.verify(encoded[:1], encoded[1:])["pairs"][0]["same"]
        == own.verify(expected[:1], expected[1:])["pairs"][0]["same"]
    )
    assert (served.calibrated, served.weighable, served.embedding_dim) == (True, True, own.embedding_dim)


def test_a_saved_folder_is_served_by_the_fitted_model(model: sr.SphereEmbedder, tmp_path: Path) -> None:
    model.save(tmp_path)
    assert load_served(tmp_path).fingerprint == model.fingerprint
    with pytest.raises(sr.SavedModelError):
        load_served(tmp_path / "nothing")


def test_where_there_is_no_torch_a_saved_folder_is_run_without(
    model: sr.SphereEmbedder, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    model.save(tmp_path)
    monkeypatch.setattr("steradian.serve.served_model.find_spec", lambda name: None)
    assert isinstance(load_served(tmp_path).model, RuntimeModel)
