"""What tests/engines/test_stores.py does with the engine stands there; here is what needs none."""

import sys

import pytest

from steradian.errors import MissingExtraError
from steradian.stores import open_store


def test_the_extra_is_named_where_the_package_is_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "psycopg", None)
    with pytest.raises(MissingExtraError, match=r"pip install 'steradian\[pgvector\]'"):
        open_store("pgvector:there#shoes")
