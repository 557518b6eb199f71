"""What a store keeps: read back as it was, and not trusted."""

import json
from typing import Any

import pytest

from steradian.errors import InputError, SavedModelError
from steradian.stores import StoreFacts

FACTS = StoreFacts("3f", 4, {"id": "integer", "label": "text", "price": "number"}, {"points": []})


def test_a_line_gives_the_facts_back_and_says_the_metric() -> None:
    assert StoreFacts.from_json(FACTS.to_json(), "there") == FACTS
    assert json.loads(FACTS.to_json())["metric"] == "cosine"
    assert [str(kind) for kind in FACTS.schema.types] == [
        "int64",
        "fixed_size_list<item: float>[4]",
        "string",
        "double",
    ]


@pytest.mark.parametrize(
    ("key", "value"),
    [("dim", "4"), ("kinds", {"id": "date"}), ("kinds", {"label": "text"}), ("format", 2), ("fingerprint", 3)],
)
def test_damaged_lines_are_refused(key: str, value: Any) -> None:
    entries = json.loads(FACTS.to_json()) | {key: value}
    with pytest.raises(SavedModelError):
        StoreFacts.from_json(json.dumps(entries), "there")
    for line in ("", "[]", "{}", "[" * 9000):
        with pytest.raises(SavedModelError, match="there"):
            StoreFacts.from_json(line, "there")


def test_new_rows_may_lack_columns_and_bring_thresholds_but_no_columns() -> None:
    new = StoreFacts("3f", 4, {"id": "integer", "price": "integer"}, None)
    assert FACTS.joined(new, "there") == StoreFacts("3f", 4, FACTS.kinds, None)
    for kinds in ({"id": "text"}, {"id": "integer", "brand": "text"}, {"id": "integer", "price": "boolean"}):
        with pytest.raises(InputError, match="the columns that the store has: id"):
            FACTS.joined(StoreFacts("3f", 4, kinds), "there")
