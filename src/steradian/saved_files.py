"""A JSON file and the file of arrays that it names: replaced at once, and read as a stranger's.

A saved model and an index are kept so. Nothing in them is unpickled. The JSON file holds the SHA-256 of the other one
and of its own entries: a damaged file, or one of another save, is found when it is read.
"""

import hashlib
import json
import os
import re
import stat
import sys
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path
from types import NoneType, UnionType
from typing import Any, Literal, TypeVar, Union, get_args, get_origin

import numpy as np

from steradian.errors import SavedModelError

__all__ = [
    *("MOST_JSON", "broken", "check_value", "read_files", "read_json", "refuse_special_file", "replace_files"),
    "with_digests",
]

Content = TypeVar("Content")

MOST_JSON = 1 << 26
"""Bytes of a JSON file at most, 64 MiB: reading takes some ten times as much memory."""
ORPHANED = 3600.0
"""Seconds after which a file that no JSON file names is nobody's."""
MOST_INTEGER = 1 << 62
"""Of any plain number in it."""
ARRAYS_DIGEST, ENTRIES_DIGEST = "arrays_sha256", "entries_sha256"
"""Entries of the JSON file: of the file that it names, as `sha256sum` prints it, and of all other entries."""


def replace_files(path: Path, entries: Mapping[str, Any], *, key: str, content: bytes) -> None:
    """Write a JSON file and the safetensors file it names; whoever reads finds the old two or the new two.

    The content goes to a file of a new name. Replacing the JSON file is the one step that counts; the file that only
    the old one named is removed after it. Of two saves at the same time, one stands; the other may leave its content.

    Args:
        path: the JSON file; its folder is made if it does not exist.
        entries: its values.
        key: the entry that names the other file, whose name begins with it.
        content: of the other file.

    Raises:
        SavedModelError: a file stands where the folder should be.
    """
    if path.parent.exists() and not path.parent.is_dir():
        raise SavedModelError("a folder to write to", "a file", str(path.parent), "Choose another name.")
    path.parent.mkdir(parents=True, exist_ok=True)
    name = f"{key}-{os.urandom(4).hex()}.safetensors"
    unfinished = path.with_name(f".{name}.unfinished")
    before = None
    try:
        unfinished.write_bytes(content)
        os.replace(unfinished, path.with_name(name))
        # Options may be numpy's numbers, such as those of a grid search; categories may hold lone surrogates.
        plain = json.loads(json.dumps({key: name, **entries}, default=np.generic.item))
        text = json.dumps(with_digests(plain, hashlib.sha256(content).hexdigest()), ensure_ascii=False, indent=1)
        unfinished.write_text(text, encoding="utf-8", errors="surrogatepass")
        before = _named(path, key)
        os.replace(unfinished, path)
    finally:
        unfinished.unlink(missing_ok=True)
        # What is not named now will never be: no two saves choose the same name.
        for unused in {before, name} - {_named(path, key), None}:
            path.with_name(str(unused)).unlink(missing_ok=True)
    _remove_orphans(path, key, kept=name)


def read_files(
    path: Path, *, key: str, read: Callable[[Path], dict[str, Any]], load: Callable[[Path], Content]
) -> tuple[Path, dict[str, Any], Content]:
    """What `replace_files` wrote, also while it is being replaced.

    Args:
        path: the JSON file.
        key: the entry that names the other file.
        read: the entries of a JSON file.
        load: the content of the other file.

    Returns:
        The path of the other file, the entries, the content.

    Raises:
        SavedModelError: from `read` or `load`, or a file that is not as it was saved.
    """
    entries = read(path)
    while True:
        name = entries[key]
        if not isinstance(name, str) or not _is_made(name, key):
            raise broken(path, f"the name of its arrays, {key}-....safetensors", repr(name)[:100])
        _check_entries(path, entries)
        other = path.with_name(name)
        try:
            content = load(other)
            with other.open("rb") as file:
                found = hashlib.file_digest(file, "sha256").hexdigest()
            if found != entries[ARRAYS_DIGEST]:
                want = f"the file that {path.name} was saved with, whole, of SHA-256 {entries[ARRAYS_DIGEST]}"
                raise broken(other, want, f"one of {found}")
            return other, entries, content
        except (SavedModelError, OSError) as error:
            # A save that ended meanwhile has removed the file, and named another.
            newer = read(path)
            if newer[key] != entries[key]:
                entries = newer
            elif isinstance(error, SavedModelError):
                raise
            else:
                raise broken(other, "a file that can be read", str(error)) from error


def _check_entries(path: Path, entries: Mapping[str, Any]) -> None:
    """Raise unless the entries are those that were saved."""
    try:
        expected = with_digests(entries, entries.get(ARRAYS_DIGEST))
    except RecursionError as error:
        raise broken(path, "the entries that were saved", "values within values too deep") from error
    if entries.get(ENTRIES_DIGEST) != expected[ENTRIES_DIGEST]:
        got = "others than its checksum is of" if ENTRIES_DIGEST in entries else "no checksum, as of an earlier version"
        raise broken(path, "the entries that were saved", got)


def with_digests(entries: Mapping[str, Any], arrays: str | None) -> dict[str, Any]:
    """The entries of a JSON file with both digests.

    Args:
        entries: as JSON gives them back; digests among them are replaced.
        arrays: the SHA-256 of the other file.
    """
    plain = {name: value for name, value in entries.items() if name != ENTRIES_DIGEST} | {ARRAYS_DIGEST: arrays}
    text = json.dumps(plain, sort_keys=True)
    return plain | {ENTRIES_DIGEST: hashlib.sha256(text.encode()).hexdigest()}


def _named(path: Path, key: str) -> str | None:
    """The file that a JSON file names, if it is one that `replace_files` made: no other is ever removed."""
    try:
        refuse_special_file(path, most=MOST_JSON)
        name = json.loads(path.read_bytes().decode("utf-8", "surrogatepass"))[key]
    except (OSError, ValueError, LookupError, TypeError, RecursionError, SavedModelError):
        return None
    return name if isinstance(name, str) and _is_made(name, key) else None


def _remove_orphans(path: Path, key: str, *, kept: str) -> None:
    """Remove what saves that were killed have left; what is young may belong to one that is still at work."""
    for other in path.parent.glob(f"*{key}-*.safetensors*"):
        name = other.name.removeprefix(".").removesuffix(".unfinished")
        with suppress(OSError):
            if _is_made(name, key) and name != kept and time.time() - other.stat().st_mtime > ORPHANED:
                other.unlink()


def read_json(path: Path) -> dict[str, Any]:
    """The entries of a JSON file.

    Args:
        path: of the file; no other than a regular one is opened.

    Raises:
        SavedModelError: no such file, one that is too large or too deep, or no JSON object.
    """
    try:
        refuse_special_file(path, most=MOST_JSON)
        entries = json.loads(path.read_text(encoding="utf-8", errors="surrogatepass"))
    except (FileNotFoundError, NotADirectoryError) as error:
        got = "a file" if path.parent.is_file() else "no such file"
        raise SavedModelError("a model folder", got, str(path), "Check the path.") from error
    except (OSError, ValueError, RecursionError) as error:
        got = "values within values too deep" if isinstance(error, RecursionError) else str(error)
        raise broken(path, "the model's configuration, whole", got) from error
    return entries if isinstance(entries, dict) else {}


def refuse_special_file(path: Path, *, most: int | None = None) -> None:
    """See to it that a path is a regular file: pipes and devices would hang, or never end.

    Args:
        path: to be opened next.
        most: its bytes at most; None sets no limit.

    Raises:
        SavedModelError: it is another kind of file, or too large.
        OSError: there is none.
    """
    found = os.stat(path)
    if not stat.S_ISREG(found.st_mode):
        raise broken(path, "a regular file", "a folder" if stat.S_ISDIR(found.st_mode) else "a pipe or a device")
    if most is not None and found.st_size > most:
        raise broken(path, f"at most {most:,} bytes", f"{found.st_size:,}")


def check_value(value: Any, kind: Any, *, where: str) -> None:
    """See to it that a plain value is of an annotated kind.

    Args:
        value: from a JSON file.
        kind: a type such as `int`, `list[float]`, `dict[str, int]`, `Literal["a", "b"]` or `float | None`. Numbers are
            finite, and an integer may stand for a `float`.
        where: the file and the entry.

    Raises:
        SavedModelError: it is of another.
    """
    if not _is_of(value, kind):
        named = getattr(kind, "__name__", None) if get_origin(kind) is None else None
        raise SavedModelError(
            want=f"a value of the kind {named or str(kind).replace('typing.', '')}",
            got=repr(value)[:100],
            where=where,
            fix="Copy the whole folder again, or fit and save the model again.",
        )


def _is_of(value: Any, kind: Any) -> bool:
    origin, inner = get_origin(kind), get_args(kind)
    if kind is Any:
        return True
    if origin in (Union, UnionType):
        return any(_is_of(value, each) for each in inner)
    if origin is Literal:
        return any(type(value) is type(each) and value == each for each in inner)
    if origin in (list, tuple):
        # JSON has no tuples; of tuple[X, ...] only the first counts.
        return isinstance(value, (list, tuple)) and all(_is_of(each, inner[0]) for each in value)
    if origin is dict or getattr(origin, "__name__", "") == "Mapping":
        return isinstance(value, dict) and all(_is_of(k, inner[0]) and _is_of(v, inner[1]) for k, v in value.items())
    if kind is float:
        return not isinstance(value, bool) and isinstance(value, (int, float)) and abs(value) <= sys.float_info.max
    if kind is int:
        return not isinstance(value, bool) and isinstance(value, int) and abs(value) < MOST_INTEGER
    return value is None if kind is NoneType else isinstance(value, kind)


def broken(path: Path, want: str, got: str) -> SavedModelError:
    """The error that a file is damaged.

    Args:
        path: of the file.
        want: what should be in it.
        got: what was found.
    """
    return SavedModelError(want, got, str(path), "Copy the whole folder again, or make and save it again.")


def _is_made(name: str, key: str) -> bool:
    """Whether `replace_files` made a file's name: no other is ever removed or read."""
    return re.fullmatch(rf"{key}-[0-9a-f]+\.safetensors", name) is not None
