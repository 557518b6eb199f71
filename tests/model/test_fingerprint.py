"""The fingerprint: another for other data, the same for other classes."""

import numpy as np
import pytest

import steradian as sr
from steradian.model import fingerprint_of, has_fingerprint_of


@pytest.fixture(scope="module")
def models() -> list[sr.SphereEmbedder]:
    """Three of the same classes, the last of other rows."""
    made = []
    for rows in (20, 20, 24):
        table = {"size": list(np.random.default_rng(rows).normal(size=(rows, 3)) + 1), "label": [1, 2] * (rows // 2)}
        objects = sr.read_objects(table, sr.Schema({"size": sr.Vector("size")}))
        made.append(sr.SphereEmbedder(epochs=0, embedding_dim=4, verbose=False).fit(objects))
    return made


def test_models_of_other_data_have_other_fingerprints(models: list[sr.SphereEmbedder]) -> None:
    first, again, other = (model.fitted_ for model in models)
    assert first.fingerprint == again.fingerprint != other.fingerprint
    # The centers alone do not tell them apart.
    assert first.classifier.fingerprint == other.classifier.fingerprint
    assert first.fingerprint == fingerprint_of(first.preprocessor, first.encoder, first.classifier)


def test_other_classes_are_told(models: list[sr.SphereEmbedder]) -> None:
    model = sr.SphereEmbedder(epochs=0)
    model.fitted_ = models[0].fitted_
    assert has_fingerprint_of(model.fitted_.classifier, model.fingerprint)
    model.add_classes(sr.read_objects({"size": [np.ones(3)], "label": [3]}, model.schema_))
    assert model.fingerprint == models[0].fingerprint
    assert not has_fingerprint_of(model.fitted_.classifier, model.fingerprint)
