"""Columns of every kind and what is guessed of them."""

import datetime
import io
from typing import Any

import numpy as np
import pytest
from PIL import Image as Pillow

from steradian.data.columns import from_cells
from steradian.data.guessed_columns import guess_column


def png() -> bytes:
    file = io.BytesIO()
    Pillow.new("RGB", (2, 2)).save(file, "PNG")
    return file.getvalue()


DAY = datetime.date(2024, 5, 31)
WORDS = [f"a thing of the number {row}" for row in range(40)]
COLUMNS: dict[str, tuple[str, list[Any], str]] = {
    "text": ("title", WORDS, "Text"),
    "names of many": ("maker", [f"maker{row % 30}" for row in range(200)], "categorical"),
    "more names": ("maker", [f"maker {row % 70}" for row in range(200)], "Text"),
    "colours": ("colour", ["red", "green", None, "red"], "categorical"),
    "ids": ("sku", ["a1", "a2", "a3"], "id"),
    "numbers as ids": ("item_id", [5, 6, 9], "id"),
    "repeated ids": ("user_id", [5, 5, 9], "group"),
    "codes": ("code", ["x1", "x2", "x3"], "id"),
    "persons": ("person", ["ann", "bob", "ann"], "group"),
    "numbers": ("price", [1.5, 2.0, None], "numeric"),
    "whole numbers": ("age", [30, 40, 30], "numeric"),
    "booleans": ("new", [True, False, True], "categorical"),
    "dates": ("sold", [DAY, None, DAY], "numeric"),
    "dates as text": ("sold", ["2024-05-31", "2024-05-31T18:30"], "numeric"),
    "split": ("train", [True, False, True], "nothing"),
    "nothing": ("x", [None, None], "nothing"),
    "vectors": ("x", [[1.0, 2.0], [3.0, 4.0], None], "Vector"),
    "series": ("x", [[1.0, 2.0], [3.0]], "Series"),
    "series of channels": ("x", [[[1.0, 2.0]], [[3.0, 4.0], [5.0, 6.0]]], "Series"),
    "pictures": ("x", [np.zeros((4, 5, 3), np.uint8), np.zeros((3, 5, 3), np.uint8)], "Image"),
    "equal pictures": ("x", [np.zeros((4, 5, 3), np.uint8)] * 3, "Image"),
    "picture files": ("x", ["a.PNG", "b/c.jpeg", None], "Image"),
    "sound files": ("x", ["a.wav", "b.flac"], "Audio"),
    "picture bytes": ("x", [png(), None, png()], "Image"),
    "sound bytes": ("x", [b"RIFF....WAVE", b"fLaC"], "Audio"),
    "other bytes": ("x", [b"abc"], "nothing"),
    "drawn pictures": ("x", [Pillow.new("L", (2, 2)), None], "Image"),
    "samples": ("x", [(np.zeros(9), 8000), (np.zeros(7), 8000)], "Audio"),
    "lists of files": ("x", [["a.png", "b.png"], [], None], "Image"),
    "lists of texts": ("x", [["red", "crimson"], ["blue"]], "Text"),
    "lists of bytes": ("x", [[png()], None], "Image"),
    "structs": ("x", [{"a": 1}, {"a": 2}], "nothing"),
    "names and numbers": ("x", ["a", 1, "b", "a"], "categorical"),
}


@pytest.mark.parametrize(("name", "cells", "kind"), COLUMNS.values(), ids=COLUMNS.keys())
def test_kinds(name: str, cells: list[Any], kind: str) -> None:
    guessed = guess_column(name, from_cells(cells))
    assert guessed.kind == kind and guessed.why
    assert guessed.missing == pytest.approx(sum(cell is None for cell in cells) / len(cells))


def test_labels_are_repeated_names_without_gaps() -> None:
    def fitness(name: str, cells: list[Any]) -> float:
        return guess_column(name, from_cells(cells)).as_label

    few = ["a", "b", "a", "b"]
    assert fitness("label", few) > fitness("kind", few) > fitness("colour", few) > 0
    assert fitness("shop", few) == fitness("label", [*few, None]) == fitness("x", [0.5, 1.5] * 4) == 0
    assert fitness("x", ["a", "b", "c", "d"]) == fitness("label", ["a"] * 4) == 0
    assert fitness("label", list(range(30)) * 2) > 0 == fitness("age", list(range(30)) * 2)


@pytest.mark.parametrize(
    ("cells", "told"),
    [
        (["999", "2,008", "2,008"], "'2,008'"),
        (["$36.2", "$4", "-$4", "$4"], "'$36.2'"),
        (["3 kg", "4.5 kg", "3 kg"], "'3 kg'"),
        (["12,5 %", "12,5 %"], "'12,5 %'"),
        (["01234", "01234"], None),
        (["3XL", "2XL", "3XL"], None),
        (["$36.2", "free", "free"], None),
        (["$36.25", "$1,200.00", "$8"], "'$36.25'"),
    ],
)
def test_numbers_as_people_write_them_are_told(cells: list[str], told: str | None) -> None:
    hint = f"; if {told} is a number, write all as plain numbers" if told else "texts"
    guessed = guess_column("price", from_cells(cells))
    assert guessed.why.endswith(hint) and guessed.kind in ("Text", "categorical")


def test_a_few_words_among_numbers_hide_them_not() -> None:
    told = guess_column("price", from_cells(["$1.5", "$2", "3", "ask"])).why
    assert told.endswith("if '$1.5' is a number, write all as plain numbers, and leave the other cells empty")
    assert guess_column("ean", from_cells(["1.5", "2", "3"])).kind == "id"


def test_fractions_beside_words_are_numbers_to_be_cleaned() -> None:
    prices = np.array([12.5, "on request", 8.0, 3, None] * 4, dtype=object)
    guessed = guess_column("price", prices)
    assert guessed.kind in ("Text", "categorical")
    assert "if '12.5' is a number, write all as plain numbers, and leave the other cells empty" in guessed.why
