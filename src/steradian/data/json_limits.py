"""How deep JSON may be nested, and how long a line of it may be: readers that recurse crash on what is deeper."""

import json
from pathlib import Path
from typing import Any

import numpy as np

from steradian.data.regular_files import open_unpacked
from steradian.errors import InputError

__all__ = ["LONGEST_LINE", "MOST_NESTED", "nesting", "parse_json", "refuse_deep_lines"]

MOST_NESTED = 32
"""Brackets within brackets at most; a row of a table is one itself."""
LONGEST_LINE = 1 << 26
"""Bytes of a line at most: 64 MiB."""

BLOCK = 1 << 20
"""Bytes looked at together at least."""

NEWLINE, QUOTE = b'\n"'
STEPS = np.zeros(256, dtype=np.int8)
STEPS[list(b"[{")], STEPS[list(b"]}")] = 1, -1
NO_STRUCTURE = bytes(sorted(set(range(256)) - set(b'[]{}"\n')))


def nesting(text: bytes) -> int:
    """How deep brackets outside strings are nested; 0 without any. Nothing is parsed, and nothing need be valid.

    Args:
        text: JSON, encoded.

    Examples:
        >>> nesting(b'{"sizes": [[1], [2]], "title": "[[[[["}')
        3
    """
    return int(_depths(_structure(text)).max(initial=0))


def parse_json(text: str) -> Any:
    """The value of a short JSON text.

    Args:
        text: JSON.

    Raises:
        ValueError: no JSON, or nested too deep.

    Examples:
        >>> parse_json("[1, null]")
        [1, None]
    """
    if nesting(text.encode("utf-8", "surrogatepass")) > MOST_NESTED:
        raise ValueError(f"nested more than {MOST_NESTED} deep")
    return json.loads(text)


def refuse_deep_lines(path: Path) -> None:
    """Refuse a file of JSON lines of which one is too long or nested too deep, without parsing it.

    Args:
        path: of a regular file.

    Raises:
        InputError: such a line, with its number counted from 1.
    """
    before, lines = 0, bytearray()
    with open_unpacked(path) as file:
        while block := file.read(BLOCK):
            end = block.rfind(b"\n") + 1
            lines += block[:end] or block
            if end:
                _refuse_deep(bytes(lines), path, before)
                before += lines.count(b"\n")
                lines = bytearray(block[end:])
            if len(lines) > LONGEST_LINE:
                raise _unusable(path, before, f"lines of at most {LONGEST_LINE >> 20} MiB", "a longer one")
        _refuse_deep(bytes(lines), path, before)


def _refuse_deep(lines: bytes, path: Path, before: int) -> None:
    structure = _structure(lines)
    open_strings = np.cumsum(structure == QUOTE)[structure == NEWLINE] % 2
    if not open_strings.any() and _depths(structure).max(initial=0) <= MOST_NESTED:
        return
    # A line that is broken off is no reason to take those behind it for deeper than they are.
    for number, line in enumerate(lines.split(b"\n"), before):
        if (deep := nesting(line)) > MOST_NESTED:
            raise _unusable(path, number, f"JSON nested at most {MOST_NESTED} deep", f"{deep:,} brackets in each other")


def _structure(text: bytes) -> np.ndarray:
    """The brackets, quotes and ends of lines of JSON, uint8."""
    for escaped in (b"\\\\", b'\\"'):
        # Looking is faster than replacing nothing.
        text = text.replace(escaped, b"") if escaped in text else text
    return np.frombuffer(text.translate(None, NO_STRUCTURE), dtype=np.uint8)


def _depths(structure: np.ndarray) -> np.ndarray:
    """How many brackets are open behind each byte of the structure; one that closes none counts as none."""
    in_string = np.cumsum(structure == QUOTE) % 2 == 1
    depths = np.cumsum(np.where(in_string, 0, STEPS[structure]), dtype=np.int64)
    opened: np.ndarray = depths - np.minimum.accumulate(np.minimum(depths, 0))
    return opened


def _unusable(path: Path, before: int, want: str, got: str) -> InputError:
    fix = "Write the row in another form, such as Parquet, or leave the value out."
    return InputError(want, got, f"{path}, line {before + 1}", fix)
