"""What tests/engines/test_stores.py does with the engine stands there; here is what needs none."""

import sys

import pytest

from steradian.errors import MissingExtraError
from steradian.stores import Condition, open_store
from steradian.stores.lancedb_store import _sql as sql


def test_the_extra_is_named_where_the_package_is_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "lancedb", None)
    with pytest.raises(MissingExtraError, match=r"pip install 'steradian\[lancedb\]'"):
        open_store("lancedb:there#shoes")


def test_conditions_are_quoted_so_that_no_value_is_a_command() -> None:
    assert sql(Condition("brand", ("o'x", "b"))) == "`brand` IN ('o''x', 'b')"
    assert sql(Condition("new", (True,))) == "`new` IN (true)"
    assert sql(Condition("unit price", low=1.5, high=2)) == "`unit price` >= 1.5 AND `unit price` <= 2"
    assert sql(Condition("brand", ())) == "false"
