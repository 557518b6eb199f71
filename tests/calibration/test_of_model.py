"""What a model has of a calibration."""

from types import SimpleNamespace

import numpy as np
import pytest
from sklearn.exceptions import NotFittedError

import steradian as sr
from steradian.calibration import calibration_of, scales_of

PRESENT = np.array([[True, True], [True, False], [False, True]])


def test_without_a_calibration_every_object_has_the_scale_of_training() -> None:
    assert scales_of(SimpleNamespace(scale_=12.5), PRESENT).tolist() == [12.5] * 3


def test_with_one_each_has_that_of_what_it_has(model, held_out) -> None:
    points = {point.subset: point.scale for point in model.calibrate(held_out).points}
    assert scales_of(model, PRESENT).tolist() == [points["photo", "title"], points["photo",], points["title",]]
    assert calibration_of(model) is model.calibration_


def test_thresholds_are_asked_of_fitted_and_calibrated_models_only(model) -> None:
    with pytest.raises(NotFittedError):
        calibration_of(sr.SphereEmbedder())
    fresh = sr.SphereEmbedder(embedding_dim=8, width=16, heads=2, epochs=1, verbose=False)
    fresh.fit(np.eye(4)[[0, 1, 0, 1]], ["cup", "jar"] * 2)
    with pytest.raises(sr.InputError, match=r"Call model\.calibrate"):
        calibration_of(fresh)
