"""Vectors of a table of several files: a part for each, so that a run that was killed goes on where it was."""

import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from steradian.atomic_write import whole_file
from steradian.errors import InputError

if TYPE_CHECKING:
    from steradian import ObjectTable, SphereEmbedder

__all__ = ["Parts", "part_name", "write_parts"]


class Parts(NamedTuple):
    """How many parts were written, with how many vectors; how many were there, and are of files not named."""

    written: int
    vectors: int
    there: int
    others: int


def write_parts(
    model: "SphereEmbedder",
    files: Sequence[Path],
    folder: str | Path,
    read: Callable[[Path], "ObjectTable | None"],
    *,
    reading: str = "",
) -> Parts:
    """Write a Parquet file for each file of a table: ids, labels where every row has one, and vectors.

    Where the schema names no column of ids, they are the row numbers of a file, whose path stands beside them. A part
    takes its place when it is whole. One that is there already is not made again, whichever run made it. A file that
    has changed has its part replaced; one without rows has none.

    Args:
        model: a fitted model.
        files: of the table.
        folder: of the parts.
        read: from a file to its objects; None where it has no rows.
        reading: what beside the file decides what `read` gives.

    Raises:
        InputError: a file that cannot be read, the folder of a file itself, or one with parts of another model.
    """
    place, files = Path(folder), [*dict.fromkeys(Path(os.path.abspath(path)) for path in files)]
    names = {path: part_name(path, model.fingerprint, reading=reading) for path in files}
    there = {path.name for path in place.glob("part-*-*-*.parquet")}
    _refuse_folder(place, files, there, model.fingerprint)
    places = {_of_place(name) for name in names.values()}
    written, vectors, empty = 0, 0, 0
    for path in files:
        # Another run may have made it by now.
        if (part := place / names[path]).exists():
            continue
        with _naming(path):
            objects = read(path)
            for old in {*place.glob(f"{_of_place(part.name)}-*")} - {part}:
                old.unlink(missing_ok=True)
            if objects is None:
                empty += 1
            elif _write_part(model, objects, path, part):
                written, vectors = written + 1, vectors + len(objects)
    # What processes that were killed have left. A run at the same time may lose what is of no use any more.
    for left in place.glob(".part-*-*-*.parquet.*"):
        if _of_place(left.name[1:]) in places:
            left.unlink(missing_ok=True)
    others = sum(_of_place(name) not in places for name in there)
    return Parts(written, vectors, len(files) - written - empty, others)


def part_name(file: Path, fingerprint: str, *, reading: str = "") -> str:
    """The name of a file's part: hashes of its path, and of its size, its time of change and `reading`; the model's.

    Args:
        file: of a table.
        fingerprint: of the model.
        reading: as of `write_parts`.

    Examples:
        >>> Path("a.csv").touch()
        >>> len(part_name(Path("a.csv"), "0123456789abcdef"))
        63
    """
    state = file.stat()
    hashes = (os.path.abspath(file), f"{state.st_size} {state.st_mtime_ns} {reading}")
    return "-".join(["part", *(sha256(each.encode()).hexdigest()[:16] for each in hashes), f"{fingerprint}.parquet"])


def _of_place(name: str) -> str:
    """The beginning of a part's name, the same whatever the file's content and the model."""
    return "-".join(name.split("-")[:2])


def _refuse_folder(place: Path, files: Sequence[Path], there: set[str], fingerprint: str) -> None:
    """Refuse to write among what is read, or among vectors of another model."""
    fix = "Name a folder of its own."
    if place.resolve() in {path.parent for path in files}:
        raise InputError("a folder that the table does not lie in", str(place), "--out", fix)
    other = next((name for name in sorted(there) if not name.endswith(f"-{fingerprint}.parquet")), None)
    if other is not None:
        got = f"{other}, of the model of fingerprint {Path(other).stem.split('-')[-1]}"
        raise InputError(f"parts of this model, of fingerprint {fingerprint}", got, str(place), fix)


@contextmanager
def _naming(path: Path) -> Iterator[None]:
    """Name the file in what is wrong with it."""
    try:
        yield
    except InputError as error:
        where = error.where if str(path) in error.where else f"{path}, {error.where}"
        raise InputError(error.want, error.got, where, error.fix) from error


def _write_part(model: "SphereEmbedder", objects: "ObjectTable", file: Path, part: Path) -> bool:
    """Write the vectors of a file, some rows in memory at a time; False where another run has been faster."""
    import pyarrow as pa
    from pyarrow.parquet import ParquetWriter

    columns = {} if model.schema_.id is not None else {"file": pa.array([str(file)] * len(objects))}
    columns["id"] = pa.array(objects.ids.tolist())
    if objects.has_labels:
        columns["label"] = pa.array(objects.labels.tolist())
    names = pa.table(columns)
    kind = pa.list_(pa.float32(), model.embedding_dim)
    schema = names.schema.append(pa.field("vector", kind))
    try:
        with whole_file(part) as unfinished, ParquetWriter(unfinished, schema) as to:
            for rows, vectors in model.fitted_.vector_parts(objects):
                flat = pa.array(np.ascontiguousarray(vectors, dtype=np.float32).ravel())
                named = names.slice(rows.start, len(vectors))
                to.write_table(named.append_column("vector", pa.FixedSizeListArray.from_arrays(flat, type=kind)))
    except FileNotFoundError:
        if not part.exists():
            raise
        return False
    return True
