"""An object is shown by what it has, and what it lacks is named."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image as Pillow

import steradian as sr
from steradian.report.cards import TEXT, object_card


def test_each_kind_of_modality_has_its_way(table: Callable[..., sr.ObjectTable], elements: Any) -> None:
    found = elements(object_card(table(0), 0))
    (picture,) = found.found("img")
    assert picture["alt"] == "picture of <script>alert(1)</script>"
    assert str(picture["src"]).startswith("data:image/png;base64,")
    assert "<script>alert(1)</script> a" in found.text  # the text
    assert "specs: price " in found.text
    assert "motion: series of 4 steps, 2 channels" in found.text
    assert "vector: 5 numbers" in found.text
    assert "object <u>0-0" in found.text


def test_what_is_missing_is_named(table: Callable[..., sr.ObjectTable], elements: Any) -> None:
    found = elements(object_card(table(0), 10))
    assert "no picture" in found.text and "no <i>text" in found.text
    assert found.found("img") == []
    assert [each["aria-label"] for each in found.found("div") if each.get("class") == "lacking"] == ["no picture"]
    # Without picture and text, the numbers themselves are told.
    assert "5 numbers: " in found.text


def test_sets_long_texts_and_pictures_that_are_gone(tmp_path: Path, elements: Any) -> None:
    path = tmp_path / "gone.png"
    Pillow.new("RGB", (4, 4)).save(path)
    columns = {
        "photo": [str(path)],
        "title": [["one", "x" * 500]],
        "vectors": [[[1.0, 2.0], [3.0, 4.0]]],
        "label": ["a"],
    }
    modalities = {"photo": sr.Image("photo"), "title": sr.Text("title"), "vectors": sr.Vector("vectors")}
    objects = sr.read_objects(columns, sr.Schema(modalities))
    path.unlink()
    found = elements(object_card(objects, 0))
    assert "photo: cannot be read any more" in found.text
    assert "one · xxx" in found.text and "x" * TEXT not in found.text
    assert "2 vectors of 2 numbers" in found.text


def test_labels_can_be_left_out_and_numbers_are_short() -> None:
    objects = sr.read_objects({"v": [[0.123456, 1234.5678]], "label": [5]}, sr.Schema({"v": sr.Vector("v")}))
    assert "0.12, 1235" in object_card(objects, 0)
    assert "<b>" in object_card(objects, 0) and "<b>" not in object_card(objects, 0, label=False)


def test_the_same_object_gives_the_same_card(table: Callable[..., sr.ObjectTable]) -> None:
    objects = table(0)
    assert object_card(objects, 3) == object_card(objects[np.array([5, 3])], 1)
