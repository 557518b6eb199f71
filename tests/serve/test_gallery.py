"""What a card shows: cells as text, the first picture that can be read, and nothing of a stranger's markup lost."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

import steradian as sr
from steradian.errors import InputError
from steradian.serve import Gallery, gallery


def test_cells_and_pictures(objects: sr.ObjectTable, index: sr.Index) -> None:
    gallery = Gallery(objects, index)
    shown: Any = gallery.shown("s2")
    assert shown["cells"]["title"] == objects.columns["title"][2] and "view" not in shown["cells"]
    assert float(shown["cells"]["price"]) == pytest.approx(objects.columns["price"][2], rel=1e-4)
    assert shown["picture"].startswith("data:image/png;base64,")
    assert gallery.shown("s2") is shown and gallery.shown("no such") is None


def test_what_cannot_be_shown_is_left_out() -> None:
    table = {
        "photo": [[b"broken", np.zeros((50, 50, 3), np.uint8)], b"broken", None],
        "title": ["a" * 300, None, ["x\x00", "y"]],
        "label": ["a", "b", "a"],
    }
    schema = sr.Schema({"photo": sr.Image("photo"), "title": sr.Text("title")})
    gallery = Gallery(sr.read_objects(table, schema), sr.Index.from_vectors(np.eye(3)))
    first, second, third = (gallery.shown(row) for row in range(3))
    assert first is not None and first["picture"].startswith("data:image/webp") and len(first["cells"]["title"]) == 200
    assert second == {"cells": {}, "picture": None, "pixelated": False}
    assert third is not None and third["cells"] == {"title": "x\N{REPLACEMENT CHARACTER}, y"}


def test_a_table_of_other_objects_is_refused(objects: sr.ObjectTable) -> None:
    with pytest.raises(InputError, match="want the table that the index was made of"):
        Gallery(objects, sr.Index.from_vectors(np.eye(3)))


def test_a_store_is_asked_for_ids_until_it_has_one(
    model: sr.SphereEmbedder, objects: sr.ObjectTable, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(gallery, "_ASKED", 10)
    with sr.Index.open(sr.write_vectors(model, objects[30:], f"parquet:{tmp_path / 'rows.parquet'}")) as store:
        assert Gallery(objects, store).shown("s2") is not None
        with pytest.raises(InputError, match="want the table that the index was made of"):
            Gallery(objects[:30], store)
