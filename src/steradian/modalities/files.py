"""What is wrong with the file of a picture or a sound, in a user's words."""

import os
import re
from pathlib import Path
from typing import Any

from steradian.data.modality import is_url
from steradian.errors import InputError

__all__ = ["LARGEST_PICTURE", "LARGEST_SOUND", "file_mistake", "refuse_plain_text"]

LARGEST_PICTURE = 1 << 28
"""Bytes of a picture's file at most: 256 MiB."""
LARGEST_SOUND = 1 << 32
"""Bytes of a sound's file at most: 4 GiB."""

ENDING = re.compile(r"\.\w{1,8}$")
WORDS = re.compile(r"\S\s+[^\s/\\][^/\\]*$")
"""A blank within the last part of a path."""
FOLDER = "the folder of the table's file, or at the working directory if it has none"


def file_mistake(value: Any, error: Exception, *, kind: str) -> tuple[str, str]:
    """What was got instead of a picture or a sound, and how to fix it.

    Args:
        value: the path, the bytes or whatever else could not be read.
        error: what reading it raised.
        kind: "picture" or "sound".

    Examples:
        >>> file_mistake(b"", ValueError("no header"), kind="sound")
        ('no bytes', 'Replace the sound, or put None where it is missing.')
    """
    fix = f"Replace the {kind}, or put None where it is missing."
    is_path, name = isinstance(value, (str, Path)), f"{str(value)!r:.300}"
    if is_url(value):
        return f"the URL {value!r:.80}", f"URLs are not fetched: download the {kind}s and give their paths."
    if isinstance(error, FileNotFoundError):
        return f"no such file: {name}", f"Check the path; relative ones start at {FOLDER}."
    if isinstance(error, IsADirectoryError):
        return f"the folder {name}", f"Give the path of a {kind}; a list of paths is a set of several {kind}s."
    if isinstance(error, OSError) and error.strerror:
        return f"{error.strerror}: {name}", fix
    if value == b"" if isinstance(value, bytes) else is_path and _is_empty(value):
        return "an empty file: " + name if is_path else "no bytes", fix
    got = " ".join(str(error).split()).rstrip(".") or type(error).__name__
    return got + (f" in the file {name}" if is_path else ""), fix


def refuse_plain_text(item: Any, *, kind: str, where: str) -> None:
    """Refuse words that name no file and do not end as the name of one, such as a title; a file may have moved since.

    Args:
        item: of a column of pictures or sounds.
        kind: "picture" or "sound".
        where: the row and the column.

    Raises:
        InputError: it is such a text.
    """
    words = isinstance(item, str) and WORDS.search(item) and not ENDING.search(item) and not is_url(item)
    if words and not os.path.exists(item):
        got, fix = file_mistake(item, FileNotFoundError(), kind=kind)
        raise InputError(f"a {kind} that can be read", got, where, fix)


def _is_empty(path: str | Path) -> bool:
    try:
        return Path(path).stat().st_size == 0
    except (OSError, ValueError):
        return False
