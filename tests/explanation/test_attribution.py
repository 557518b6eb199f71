"""The attribution as a value: chosen, printed on 80 columns, plain JSON, a picture."""

import json
import unicodedata
from dataclasses import fields, replace
from io import StringIO
from typing import Any
from xml.etree import ElementTree

import numpy as np
import pytest
from rich.console import Console

from steradian.explanation import Attribution


def some(**changes: Any) -> Attribution:
    """Two objects of three modalities; the second lacks the last."""
    gone = np.nan
    attribution = Attribution(
        ids=np.array(["s1", "s2"]),
        modalities=("photo", "title", "specs"),
        targets=np.array(["cup", "lamp"]),
        target_kind="class",
        present=np.array([[True, True, True], [True, True, False]]),
        cosines=np.array([0.8, 0.5]),
        gates=np.array([[0.5, 0.3, 0.2], [0.75, 0.25, 0.0]]),
        modality_cosines=np.array([[0.9, 0.6, -0.1], [0.6, 0.2, gone]]),
        contributions=np.array([[0.6, 0.25, -0.05], [0.45, 0.05, 0.0]]),
        agreement=np.array([0.75, 0.9]),
        cosines_without=np.array([[0.5, 0.7, 0.85], [0.2, 0.6, gone]]),
        shapley=np.array([[0.5, 0.3, 0.0], [0.4, 0.1, 0.0]]),
    )
    return replace(attribution, **changes)


def columns(line: str) -> int:
    wide = sum(unicodedata.east_asian_width(character) in "WF" for character in line)
    return len(line) + wide - sum(unicodedata.category(character) in ("Mn", "Me") for character in line)


def test_one_object_is_printed_in_full() -> None:
    assert str(some()[0]).splitlines() == [
        "Attribution: object s1 to the class cup",
        "modality                 gate   angle  cosine    adds  without  Shapley",
        "photo                   0.500   0.451   0.900   0.600    1.047    0.500",
        "title                   0.300   0.927   0.600   0.250    0.795    0.300",
        "specs                   0.200   1.671  -0.100  -0.050    0.555    0.000",
        "whole object            1.000   0.644   0.800   0.800        -    0.800",
        "Angles in radians; without: the angle without the modality. Agreement of the",
        "modalities 0.750 (1: all point the same way).",
    ]
    assert [line.split()[0] for line in str(some()[1]).splitlines()[2:-2]] == ["photo", "title", "whole"]


def test_the_context_has_its_line() -> None:
    found = some(context=np.array([-0.1, 0.2]))[0]
    assert str(found).splitlines()[5] == "context                     -       -       -  -0.100        -        -"


def test_several_objects_are_a_line_each() -> None:
    assert str(some()).splitlines() == [
        "Attribution: 2 objects, each to a class",
        "object     target     cosine  angle  agree  adds most          adds least",
        "s1         cup         0.800  0.644  0.750  photo       0.600  specs      -0.050",
        "s2         lamp        0.500  1.047  0.900  photo       0.450  title       0.050",
        "attribution[row] shows one in full.",
    ]
    many = some()[np.arange(24) % 2]
    assert str(many).splitlines()[-1] == "... 10 of 24 objects shown; attribution[row] shows one in full."
    assert len(str(many).splitlines()) == 13


@pytest.mark.parametrize("name", ["long " * 30, "line\nbreak\x1b[31m", "🐙🦑" * 20, "é" * 40, "漢字" * 30])
def test_every_line_fits_80_columns(name: str) -> None:
    named = some(ids=np.array([name, name]), targets=np.array([name, name]), modalities=(name, name, name))
    named = replace(named, target_kind="object", context=np.array([0.1, 0.1]), contributions=-named.contributions)
    for found in (named, named[0]):
        assert max(map(columns, str(found).splitlines())) <= 80
        assert "\x1b" not in str(found)


def test_on_a_terminal_it_is_a_table_of_the_same_cells() -> None:
    for found in (some(), some()[0]):
        console = Console(width=90, file=StringIO(), color_system=None, force_terminal=True)
        console.print(found)
        shown = [line.split() for line in console.file.getvalue().splitlines()]  # type: ignore[attr-defined]
        assert all(line.split() in shown for line in repr(found).splitlines()[:4])


def test_objects_are_chosen() -> None:
    found = some(context=np.array([0.1, 0.2]))
    assert len(found) == 2
    assert [one.ids[0] for one in found] == ["s1", "s2"]
    second = found[-1]
    assert len(second) == 1
    for field in fields(Attribution):
        value = getattr(second, field.name)
        assert not isinstance(value, np.ndarray) or len(value) == 1
    assert second.context is not None and second.context[0] == 0.2
    assert second.modalities == found.modalities


def test_angles_are_in_radians() -> None:
    found = some(cosines=np.array([1.0000001, -1.0]))
    np.testing.assert_allclose(found.angles, [0, np.pi])
    np.testing.assert_allclose(found.modality_angles[0], np.arccos([0.9, 0.6, -0.1]))
    assert np.isnan(found.angles_without[1, 2])


def test_it_is_plain_json() -> None:
    entries = some().to_dict()
    assert json.loads(json.dumps(entries, allow_nan=False)) == entries
    first, second = entries["objects"]
    assert (first["id"], first["target"], first["cosine"], first["context"]) == ("s1", "cup", 0.8, None)
    assert list(second["modalities"]) == ["photo", "title"]
    assert first["modalities"]["specs"] == {
        "gate": 0.2,
        "angle": pytest.approx(np.arccos(-0.1)),
        "cosine": -0.1,
        "contribution": -0.05,
        "angle_without": pytest.approx(np.arccos(0.85)),
        "shapley": 0.0,
    }
    assert some(context=np.array([0.1, 0.2]), targets=np.array([4, 7])).to_dict()["objects"][1]["target"] == 7


def test_the_picture_is_of_one_object() -> None:
    found = some(context=np.array([0.02, 0.03]))
    texts = [text for node in ElementTree.fromstring(found.to_svg(1)).iter() if (text := (node.text or "").strip())]
    assert "photo" in texts and "context" in texts and "0.450" in texts
    assert "specs" not in texts
    assert any("object s2 to the class lamp: angle 1.047" in text for text in texts)
    assert found.to_svg() == found[0].to_svg() != found.to_svg(1)
