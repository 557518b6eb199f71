"""Bounds are above 0."""

import pytest

from steradian.errors import ConfigError
from steradian.serve import Limits


def test_a_bound_of_nothing_is_refused() -> None:
    assert Limits(max_rows=3).max_rows == 3
    with pytest.raises(ConfigError, match="max_rows: want a number above 0, got 0"):
        Limits(max_rows=0)
