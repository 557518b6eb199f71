"""Whether a file or a folder can be written, asked before any work is done."""

import sys
import tempfile
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path

from steradian.errors import InputError

__all__ = ["check_file", "check_folder", "telling_of_replaced"]

FILE_ENDINGS = {".csv", ".json", ".jsonl", ".npy", ".npz", ".parquet", ".pkl", ".pt", ".pth", ".safetensors"}
"""Whoever ends a new folder's name so means a file."""
PLACE = "a place that can be written"
SAVED = {"config.json": "model", "index.json": "index"}
"""What a folder holds that has such a file."""
SHOWN = 3
"""Replaced files that are named."""


def check_folder(path: str, *, option: str = "--out", fix: str = "Name a folder.") -> None:
    """Refuse a folder that cannot be written, or that bears the name of a file.

    Args:
        path: that the user gave; it need not exist.
        option: that the user gave it by.
        fix: what to do about the name of a file.

    Raises:
        InputError: it is a file, or is named as one; or nothing can be written there.

    Examples:
        >>> check_folder("model")
    """
    place, want = Path(path), "a folder to write to"
    with _refusing(path, option):
        if not path:
            raise InputError(want, "no name", option, "Add the name of a folder.")
        if place.exists() and not place.is_dir():
            raise InputError(want, f"{path}, which is a file", option, "Choose another name.")
        if not place.exists() and place.suffix.lower() in FILE_ENDINGS:
            raise InputError(want, f"{path}, the name of a file", option, fix)
        _try_to_write(place, path, option)


def check_file(path: str | None, *, option: str = "--out", others: Iterable[str | None] = ()) -> None:
    """Refuse a file that cannot be written, or that the command reads or writes as something else.

    Args:
        path: that the user gave; None where none was. Neither it nor its folder need exist.
        option: that the user gave it by.
        others: the other files of the command.

    Raises:
        InputError: it is a folder, a device or one of the others; or nothing can be written there.

    Examples:
        >>> check_file("scores.json", others=["test.csv"])
    """
    if path is None:
        return
    place, want = Path(path), "a file to write to"
    with _refusing(path, option):
        if not path or place.is_dir():
            got = f"{path}, which is a folder" if path else "no name"
            raise InputError(want, got, option, "Add the name of a file.")
        if place.exists() and not place.is_file():
            raise InputError(want, f"{path}, which is a pipe or a device", option, "Choose another name.")
        if any(other is not None and place.resolve() == Path(other).resolve() for other in others):
            got = f"{path}, which the command uses for something else"
            raise InputError("a file of its own", got, option, "Choose another name.")
        _try_to_write(place.parent, path, option)


@contextmanager
def telling_of_replaced(*places: str | None) -> Iterator[None]:
    """Say on stderr what was replaced in each place meanwhile, if anything: a file, a model, an index, files.

    Args:
        places: files or folders that the user gave; None where none was.
    """
    before = {place: _files_of(place) for place in places if place}
    yield
    for place, files in before.items():
        now = _files_of(place)
        replaced = {name: stamp[0] for name, stamp in files.items() if now.get(name, stamp) != stamp}
        if replaced:
            saved = next((f"the {kind}" for name, kind in SAVED.items() if name in replaced), None)
            listed = ", ".join(sorted(replaced)[:SHOWN]) + ("" if len(replaced) <= SHOWN else " and others")
            what = f"{saved or listed} in {place}" if Path(place).is_dir() else place
            written = datetime.fromtimestamp(max(replaced.values()) / 1e9)
            print(f"steradian: this replaced {what}, written {written:%Y-%m-%d %H:%M}", file=sys.stderr)


def _files_of(place: str) -> dict[str, tuple[int, int]]:
    """When each file of a folder, or a file itself, was written in nanoseconds, and its number."""
    path = Path(place)
    try:
        files = path.iterdir() if path.is_dir() else [path]
        return {file.name: (file.stat().st_mtime_ns, file.stat().st_ino) for file in files if file.is_file()}
    except OSError:
        # What is wrong with it is told where it is written.
        return {}


def _try_to_write(folder: Path, path: str, option: str) -> None:
    """Write a file without a name, which leaves nothing behind, into the folder or the one it would be made in."""
    existing = next(place for place in (folder, *folder.absolute().parents) if place.exists())
    if not existing.is_dir():
        raise InputError(PLACE, f"{path}, but {existing} is a file", option, "Choose another place.")
    tempfile.TemporaryFile(dir=existing).close()


@contextmanager
def _refusing(path: str, option: str) -> Iterator[None]:
    """Tell an error of the system as one of the option's."""
    try:
        yield
    except OSError as error:
        got = f"{path[:100]}: {error.strerror or error}"
        raise InputError(PLACE, got, option, "Choose another place, or fix its rights.") from error
