"""Rows of subsets: the whole first, found by name, shown in a column."""

from dataclasses import dataclass

import pytest

from steradian.errors import InputError
from steradian.evaluation.subset_rows import SubsetRows


@dataclass(frozen=True)
class Row:
    subset: tuple[str, ...]

    @property
    def name(self) -> str:
        return " + ".join(self.subset)


@dataclass(frozen=True)
class Rows(SubsetRows[Row]):
    scores: tuple[Row, ...]
    modalities: tuple[str, ...]


def rows(*names: str) -> Rows:
    return Rows((Row(names), Row(names[:2]), Row(names[1:]), Row(names[:1])), names)


def test_a_row_is_found_by_its_names_in_any_order() -> None:
    found = rows("photo", "title", "price")
    assert found.whole is found["price", "title", "photo"] is found.scores[0]
    assert found["photo + title"] is found[["title", "photo"]] is found.scores[1]
    assert found["photo"] is found.scores[3]
    assert list(found) == list(found.scores) and len(found) == 4
    with pytest.raises(
        InputError, match=r"Rows\[subset\]: want a subset that was measured: photo \+ title.* got 'price'"
    ):
        found["price"]


@pytest.mark.parametrize(
    ("names", "shown"),
    [
        (("photo", "title", "price"), "photo + title"),
        (("camera number one", "camera two", "camera three"), "all but camera three"),
        (("a name of many words 1", "a name of many words 2", "another of these names"), "a name of …1+a name of …2"),
    ],
)
def test_a_long_name_says_what_it_lacks_or_how_its_names_begin_and_end(names: tuple[str, ...], shown: str) -> None:
    found = rows(*names)
    assert found.shown_name(found.scores[1], 26) == shown


def test_wide_characters_count_as_two_columns() -> None:
    found = rows("写真と題名と価格と重さ", "another such name of words", "a third of the long names")
    assert found.shown_name(found.scores[1], 24) == "写真と題…さ+another s…s"
