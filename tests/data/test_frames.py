"""Columns as a data frame."""

import sys

import numpy as np
import pytest

from steradian import (
    MissingExtraError,
    Schema,
    Text,
    read_objects,
)
from steradian.data.frames import to_frame


def test_columns_of_every_form_stand_in_a_frame() -> None:
    words = np.array(["a", None], dtype=object)
    frame = to_frame({"word": words, "n": np.array([1.5, np.nan]), "v": np.eye(2)}, np.array(["x", "y"]), name="sku")
    assert frame.index.tolist() == ["x", "y"] and frame.index.name == "sku"
    assert frame["v"]["y"].tolist() == [0, 1] and frame["n"].dtype == np.float64
    assert frame["word"].tolist()[0] == "a"


def test_pandas_is_asked_for_by_name(monkeypatch: pytest.MonkeyPatch) -> None:
    objects = read_objects({"title": ["a"]}, Schema({"title": Text("title")}), labelled=False)
    monkeypatch.setitem(sys.modules, "pandas", None)
    with pytest.raises(MissingExtraError, match=r"pip install 'steradian\[pandas\]'"):
        objects.to_pandas()
