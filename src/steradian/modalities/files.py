"""What is wrong with the file of a picture or a sound, in a user's words."""

from pathlib import Path
from typing import Any

from steradian.data.modality import is_url

__all__ = ["LARGEST_PICTURE", "LARGEST_SOUND", "file_mistake"]

LARGEST_PICTURE = 1 << 28
"""Bytes of a picture's file at most: 256 MiB."""
LARGEST_SOUND = 1 << 32
"""Bytes of a sound's file at most: 4 GiB."""

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


def _is_empty(path: str | Path) -> bool:
    try:
        return Path(path).stat().st_size == 0
    except (OSError, ValueError):
        return False
