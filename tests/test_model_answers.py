"""What every model answers from vectors, by a small model of arrays."""

from typing import Any

import numpy as np
import pytest

import steradian as sr
from steradian.model_answers import ModelAnswers, weight_factors


class Compass(ModelAnswers):
    """Two classes, north and east, and vectors as they are given."""

    schema = sr.Schema({"course": sr.Vector("course")})
    classes, class_centers = np.array(["east", "north"]), np.eye(2, dtype=np.float32)
    scale, fingerprint, calibration = 8.0, "0" * 16, None
    fusion, context_limit = "certified", 0.0

    def vectors(self, objects: Any) -> np.ndarray:
        return np.asarray(objects)

    def nearest(self, vectors: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        cosines = vectors.astype(np.float64) @ self.class_centers.T
        return cosines.argmax(axis=1), cosines.max(axis=1)


def test_the_nearest_center_names_the_class() -> None:
    model = Compass()
    assert model.predict_vectors(np.array([[3.0, 1.0], [0.0, 2.0]])).tolist() == ["east", "north"]
    assert (model.embedding_dim, model.modalities) == (2, ("course",))
    assert model.scales(np.ones((3, 1), dtype=bool)).tolist() == [8.0] * 3


def test_without_thresholds_nothing_is_unknown() -> None:
    with pytest.raises(sr.InputError, match="not calibrated"):
        Compass().predict_vectors(np.eye(2), present=np.ones((2, 1), dtype=bool))


def test_vectors_of_another_model_are_refused() -> None:
    Compass().checked_fingerprint("0" * 16)
    with pytest.raises(sr.InputError, match="of fingerprint 0123"):
        Compass().checked_fingerprint("0123")


@pytest.mark.parametrize("weights", [{"sound": 1}, {"photo": -1}, {"photo": 0, "title": 0}, {"photo": np.inf}])
def test_weights_that_are_none_are_refused(weights: dict[str, float]) -> None:
    with pytest.raises(sr.InputError, match="weights"):
        weight_factors(weights, ["photo", "title"])
