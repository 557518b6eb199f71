"""How people see an object's modality: a picture, a text, or a line of words."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np

__all__ = ["Shown", "short_list", "short_number"]


@dataclass(frozen=True)
class Shown:
    """What there is to see of one object's modality. Where there is a picture or a text, nobody reads numbers.

    Args:
        words: a line on it.
        brief: the line where another modality has a picture or a text; None: the same one.
        text: its own words, in place of the line.
        pictures: what `Image` takes in a cell, in place of the line; the first is shown.
    """

    words: str = ""
    brief: str | None = None
    text: str | None = None
    pictures: tuple[Any, ...] = ()


def short_list(parts: Iterable[str], most: int) -> str:
    """The first parts, and three dots where there are more.

    Args:
        parts: any number.
        most: parts that are named.

    Examples:
        >>> short_list("abc", 2)
        'a, b, …'
    """
    found = [part for part, _ in zip(parts, range(most + 1), strict=False)]
    return ", ".join(found[:most]) + (", …" if len(found) > most else "")


def short_number(value: Any) -> str:
    """A cell in few digits.

    Args:
        value: of a table.

    Examples:
        >>> [short_number(value) for value in (0.12345, 1234.5, 7, "red")]
        ['0.12', '1234', '7', 'red']
    """
    if not isinstance(value, (float, np.floating)):
        return str(value)
    number = float(value)
    return f"{number:.2g}" if abs(number) < 1 else f"{number:.4g}"
