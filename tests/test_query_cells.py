"""Words of the command line become the cells of one object."""

from typing import Any

import pytest
from jsonargparse import Namespace

import steradian as sr
from steradian.query_cells import parsed_value, query_cells, store_conditions

SCHEMA = sr.Schema({"title": sr.Text("title"), "size": sr.Vector("size"), "specs": sr.Tabular(numeric=["price"])})


def cells(**options: Any) -> dict[str, Any]:
    return query_cells(SCHEMA, Namespace(**{"text": None, "image": None, "query": None} | options))


def test_texts_stay_as_they_are_and_other_cells_are_what_they_spell() -> None:
    found = cells(text="red shoe", query=["size=[1, 2]", "price=3.5"])
    assert found == {"title": "red shoe", "size": [1, 2], "price": 3.5}
    assert cells(query=["title=12"]) == {"title": "12"}


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({}, "Give --text, --image or --query"),
        ({"image": "cup.png"}, "a model with one Image modality"),
        ({"query": ["titel=cup"]}, "Did you mean title"),
        ({"query": ["title"]}, "Write for example --query"),
    ],
)
def test_what_cannot_be_asked_is_told(options: dict[str, Any], words: str) -> None:
    with pytest.raises(sr.InputError, match=words):
        cells(**options)


def test_a_word_that_spells_nothing_is_itself() -> None:
    assert [parsed_value(word) for word in ("0.2", "true", "[1]", "cup")] == [0.2, True, [1], "cup"]


def test_conditions_are_of_the_kind_of_their_column() -> None:
    kinds = {"size": "text", "price": "number"}
    assert store_conditions(["size=42", "price=3.5"], kinds) == {"size": "42", "price": 3.5}
    assert store_conditions(['size=["42", "43"]'], kinds) == {"size": ["42", "43"]}
    assert store_conditions(None, kinds) == {}
    with pytest.raises(sr.InputError, match="--where brand=Acme"):
        store_conditions(["size"], kinds)
