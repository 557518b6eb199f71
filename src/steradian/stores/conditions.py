"""Which rows of a store are searched: conditions on their columns, the same for every engine."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from steradian.errors import InputError
from steradian.misspelt import did_you_mean

__all__ = ["Condition", "conditions"]

_ENDS = {"from", "to"}
_TYPES: dict[str, tuple[type, ...]] = {"text": (str,), "integer": (int,), "number": (int, float), "boolean": (bool,)}


@dataclass(frozen=True)
class Condition:
    """What a column must be: one of some values, or a number between two; a missing cell meets none.

    Args:
        column: its name.
        values: of which it must be one, or None.
        low: the least number, itself allowed, or None.
        high: the largest number, itself allowed, or None.
    """

    column: str
    values: tuple[Any, ...] | None = None
    low: float | None = None
    high: float | None = None

    @property
    def ends(self) -> dict[str, float]:
        """The ends of the range that there are, by the operator that a row's cell meets."""
        return {sign: end for sign, end in ((">=", self.low), ("<=", self.high)) if end is not None}


def conditions(where: Mapping[str, Any] | None, kinds: Mapping[str, str]) -> tuple[Condition, ...]:
    """What a user asks of columns.

    Args:
        where: by column a value, a list of values, or {"from": low, "to": high} with either or both; all must hold.
        kinds: of the columns that there are.

    Raises:
        InputError: no such column, or a value of another kind.

    Examples:
        >>> found = conditions({"brand": ["Acme", "Bolt"], "price": {"to": 20}}, {"brand": "text", "price": "number"})
        >>> found[0].values, found[1].ends
        (('Acme', 'Bolt'), {'<=': 20})
    """
    found = []
    for column, wanted in (where or {}).items():
        if column not in kinds:
            fix = did_you_mean(column, kinds, otherwise=f"There are {', '.join(kinds)}.")
            raise InputError("a column of the store", repr(column), "search(where=...)", fix)
        if isinstance(wanted, Mapping):
            ends = {name: _plain(column, end, kinds[column]) for name, end in wanted.items() if end is not None}
            if not ends or not set(ends) <= _ENDS or kinds[column] not in {"integer", "number"}:
                want = '{"from": low, "to": high}, either or both, of a column of numbers'
                raise InputError(
                    want, repr(wanted), f"search(where=...), column {column!r}", "Name one value or several."
                )
            found.append(Condition(column, low=ends.get("from"), high=ends.get("to")))
        else:
            many = wanted if isinstance(wanted, (list, tuple, set, frozenset, np.ndarray)) else [wanted]
            found.append(Condition(column, tuple(_plain(column, value, kinds[column]) for value in many)))
    return tuple(found)


def _plain(column: str, value: Any, kind: str) -> Any:
    """A value of Python's own, of the kind of its column."""
    plain = value.item() if isinstance(value, np.generic) else value
    fits = isinstance(plain, _TYPES[kind]) and isinstance(plain, bool) == (kind == "boolean")
    # What engines hold integers in.
    beyond = isinstance(plain, int) and not -(2**63) <= plain < 2**63
    if not fits or beyond or (isinstance(plain, float) and not np.isfinite(plain)):
        want = f"a value of the kind {kind!r}, as the column"
        raise InputError(want, repr(value), f"search(where=...), column {column!r}", "Write it as the column has it.")
    return plain
