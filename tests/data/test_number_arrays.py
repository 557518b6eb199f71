"""numpy alone makes the same columns of Python values as pyarrow."""

import re
from typing import Any

import numpy as np
import pytest

from steradian.data import columns
from steradian.data.columns import from_cells


@pytest.mark.parametrize(
    "cells",
    [
        [1, 2, 3],
        [1, None, 3],
        [1.5, 2, None],
        [True, False],
        [True, None],
        [True, 2],
        [2**60, None],
        [2**60, 2**60 + 1],
        [2**70, 1],
        [[1, 2], [3, 4]],
        [[1, None], None, [2.5, 3]],
        [[1, 2], [3]],
        [[[1, 2], [3, 4]], None],
        [[[1, 2], [3, 4]], [[5, 6]]],
        [[1, "2"], [3]],
        [[1.5, "a"], None],
        [np.float32(1.5), None],
        [object(), 1],
    ],
    ids=lambda cells: re.sub(" at 0x[0-9a-f]+", "", str(cells)),
)
def test_without_arrow_a_column_is_the_same(cells: list[Any], monkeypatch: pytest.MonkeyPatch) -> None:
    expected = from_cells(cells)
    monkeypatch.setattr(columns, "pa", None)
    found = from_cells(cells)
    assert found.dtype == expected.dtype and found.shape == expected.shape
    for one, other in zip(found, expected, strict=True):
        np.testing.assert_array_equal(one, other)
