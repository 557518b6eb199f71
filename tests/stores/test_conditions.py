"""Conditions on columns: what they say, and what is refused."""

from typing import Any

import numpy as np
import pytest

from steradian.errors import InputError
from steradian.stores import Condition, conditions

KINDS = {"id": "text", "brand": "text", "price": "number", "count": "integer", "new": "boolean"}


def test_values_lists_and_ranges() -> None:
    assert conditions(None, KINDS) == ()
    where = {"brand": "Acme", "count": [1, 2], "price": {"from": 2}, "new": np.bool_(True)}
    assert conditions(where, KINDS) == (
        Condition("brand", ("Acme",)),
        Condition("count", (1, 2)),
        Condition("price", low=2),
        Condition("new", (True,)),
    )
    assert Condition("price", low=2, high=3).ends == {">=": 2, "<=": 3}


@pytest.mark.parametrize(
    ("where", "says"),
    [
        ({"brnad": "Acme"}, "Did you mean 'brand'"),
        ({"zzzz": 1}, "There are id, brand"),
        ({"brand": 3}, "a value of the kind 'text'"),
        ({"count": 1.5}, "a value of the kind 'integer'"),
        ({"count": 2**63}, "a value of the kind 'integer'"),
        ({"count": True}, "a value of the kind 'integer'"),
        ({"new": 1}, "a value of the kind 'boolean'"),
        ({"price": float("nan")}, "a value of the kind 'number'"),
        ({"price": {}}, 'low, "to": high}'),
        ({"price": {"above": 2}}, 'low, "to": high}'),
        ({"brand": {"from": "a"}}, 'low, "to": high}'),
        ({"price": None}, "a value of the kind 'number'"),
    ],
)
def test_what_is_no_condition_is_told(where: dict[str, Any], says: str) -> None:
    with pytest.raises(InputError, match=says):
        conditions(where, KINDS)
