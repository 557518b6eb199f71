"""What may stand for a category, and the numbers of those that have tokens of their own or hashed ones."""

from typing import Any

import numpy as np
import pytest

from steradian.data.columns import to_objects
from steradian.errors import InputError
from steradian.modalities.categories import BUCKETS, category_codes, read_categories

NAN, INF = float("nan"), float("inf")


def read(cells: Any) -> list[str | None]:
    found: list[str | None] = read_categories(
        cells if isinstance(cells, np.ndarray) else to_objects(cells), "c"
    ).tolist()
    return found


@pytest.mark.parametrize(
    ("name", "forms"),
    [
        ("a", ["a"]),
        ("", [""]),
        ("7", [7, np.int8(7), 7.0, np.float32(7), "7", "7.0"]),
        ("7.50", ["7.50"]),
        ("v7.0", ["v7.0"]),
        ("007", ["007"]),
        ("True", [True, np.True_, "True", "true", "TRUE"]),
        ("False", [False, "false"]),
    ],
)
def test_every_form_of_category(name: str, forms: list[Any]) -> None:
    assert read(["x", *forms]) == ["x", *[name] * len(forms)]


@pytest.mark.parametrize("cell", [1.5, INF, -INF, b"b", ["a"], 1j])
def test_a_cell_that_is_no_category_is_refused_with_its_row_and_column(cell: Any) -> None:
    with pytest.raises(InputError, match=r"^row 1 \(counted from 0\), column 'c': want a string, an integer or"):
        read([None, cell])


@pytest.mark.parametrize("cells", [np.array([3, 1, 1]), np.array([3.0, NAN, 1.0]), np.array([True, False, True])])
def test_plain_columns_are_read_like_their_categories(cells: np.ndarray) -> None:
    assert read(cells) == read(list(cells))


def test_the_first_mistake_of_a_plain_column_of_categories_is_told() -> None:
    with pytest.raises(InputError, match=r"^row 1 \(counted from 0\), column 'c': .* got float 7.5"):
        read(np.array([1.0, 7.5, 2.5, 7.5]))


@pytest.mark.parametrize("hashed", [False, True])
def test_codes_tell_apart_empty_known_and_other_cells(hashed: bool) -> None:
    codes = category_codes(["b", None, "x", "y", "x"], ["a", "b"], hashed=hashed)
    assert (codes[None], codes["a"], codes["b"]) == (0, 2, 3)
    others = [codes[name] for name in "xy" if name in codes]
    assert len(others) == (2 if hashed else 0)
    assert all(4 <= code < 4 + BUCKETS**2 for code in others)
