"""Files that are damaged, or not as the others of their table."""

from pathlib import Path

import pyarrow as pa
import pytest

from steradian import InputError
from steradian.data.file_errors import common_types, damage_told

PATHS = [Path("a.parquet"), Path("b.parquet")]


def test_types_that_go_together_become_one() -> None:
    whole, half = (pa.schema([("x", kind)]) for kind in (pa.int64(), pa.float64()))
    assert common_types([whole, half], PATHS).field("x").type == pa.float64()
    assert common_types([whole, pa.schema([("y", pa.int8())])], PATHS, may_lack=True).names == ["x", "y"]


@pytest.mark.parametrize(
    ("second", "said"),
    [
        (pa.schema([("y", pa.int64())]), r"b\.parquet: .* no 'x', and 'y' beside them"),
        (pa.schema([("x", pa.string())]), r"b\.parquet: want int64 in column 'x', as in a\.parquet, got string"),
    ],
)
def test_another_file_is_named(second: pa.Schema, said: str) -> None:
    with pytest.raises(InputError, match=said):
        common_types([pa.schema([("x", pa.int64())]), second], PATHS)


@pytest.mark.parametrize("raised", [FileNotFoundError(), pa.ArrowInvalid("a torn page"), OSError(5, "broken disk")])
def test_what_readers_say_names_the_file(raised: Exception) -> None:
    with pytest.raises(InputError, match=r"a\.parquet"), damage_told(PATHS[0]):
        raise raised
