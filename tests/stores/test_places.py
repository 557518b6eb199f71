"""Places of stores, in one line."""

import pytest

from steradian.errors import ConfigError
from steradian.stores import is_place, open_store


@pytest.mark.parametrize(
    "text",
    ["", "shoes", "lancedb:", "lancedb:path", "lancedb:path#", "qdrant:#x", "parquet:", "chroma:x#y", "a/b"],
)
def test_what_is_no_place_is_told_with_the_forms(text: str) -> None:
    with pytest.raises(ConfigError, match="want lancedb:PATH#TABLE, qdrant:URL_OR_PATH#NAME"):
        open_store(text)


def test_no_password_is_told() -> None:
    with pytest.raises(ConfigError) as told:
        open_store("pgvectr:postgresql://me:secret@there/shop#shoes")
    assert "secret" not in str(told.value)


def test_places_are_no_folders() -> None:
    assert is_place("qdrant:http://there:6333#shoes") and not is_place(None) and not is_place("model/index")
