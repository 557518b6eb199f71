"""What an exported folder holds."""

from pathlib import Path

import numpy as np
import pytest

import steradian as sr
from steradian.export_model import exported
from steradian.saved_folder import read_folder


def test_only_an_export_is_replaced(tmp_path: Path) -> None:
    points, labels = np.random.default_rng(0).normal(size=(12, 3)), np.repeat(["a", "b"], 6)
    model = sr.SphereEmbedder(embedding_dim=4, epochs=0, verbose=False).fit(points, labels)
    assert exported(tmp_path) is None
    model.export(tmp_path)
    assert exported(tmp_path)
    model.export(tmp_path)
    model.save(tmp_path / "saved")
    before = (tmp_path / "saved" / "config.json").read_bytes()
    with pytest.raises(sr.InputError, match=r"export: want a folder of its own"):
        model.export(tmp_path / "saved")
    assert (tmp_path / "saved" / "config.json").read_bytes() == before


def test_of_a_closed_form_the_networks_are_left_out(tmp_path: Path) -> None:
    points, labels = np.random.default_rng(0).normal(size=(12, 3)), np.repeat(["a", "b"], 6)
    model = sr.SphereEmbedder(embedding_dim=4, epochs=0, verbose=False).fit(points, labels)
    model.export(tmp_path)
    assert sorted(read_folder(tmp_path).weights) == ["classifier.weight", "encoder.featured", "encoder.share"]
    # Without networks an exported model is a saved one.
    again = sr.SphereEmbedder.load(tmp_path)
    np.testing.assert_array_equal(again.transform(points), model.transform(points))
