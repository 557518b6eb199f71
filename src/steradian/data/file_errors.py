"""What is wrong with the files of a table: damaged ones, and those that are not as the others."""

import csv
import zlib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import pyarrow as pa

from steradian.data.modality import listed
from steradian.errors import InputError

__all__ = ["LONGEST_ROW", "common_types", "damage_told"]

LONGEST_ROW = 1 << 24
"""Bytes of a CSV row at most, 16 MiB."""


@contextmanager
def damage_told(path: Path) -> Iterator[None]:
    """What readers complain of as errors that name the file.

    Args:
        path: of the file.

    Raises:
        InputError: no such file, or a damaged one.
    """
    try:
        yield
    except FileNotFoundError as error:
        raise InputError(
            want="a table's file",
            got="no such file",
            where=str(path),
            fix=f"Check the path; relative ones start at {Path.cwd()}.",
        ) from error
    except (pa.ArrowException, OSError, EOFError, ValueError, RecursionError, csv.Error, zlib.error) as error:
        if isinstance(error, InputError):
            raise
        raise InputError(
            want=f"a whole {path.suffix} file",
            got=_short(error),
            where=str(path),
            fix="Fix the place it names, or write the file again (as UTF-8 if it is text).",
        ) from error


def common_types(schemas: Sequence[pa.Schema], paths: Sequence[Path], *, may_lack: bool = False) -> pa.Schema:
    """The columns of all files, of types that hold what each of them has.

    Args:
        schemas: the columns of each file.
        paths: their names.
        may_lack: whether a file may have other columns than the first.

    Raises:
        InputError: a file of other columns than the first, or of a column whose types do not go together.
    """
    first, whole = set(schemas[0].names), schemas[0]
    for schema, path in zip(schemas[1:], paths[1:], strict=True):
        names = set(schema.names)
        if names != first and not may_lack:
            got = [f"no {listed(map(repr, sorted(first - names)))}"] if first - names else []
            got += [f"{listed(map(repr, sorted(names - first)))} beside them"] if names - first else []
            raise InputError(
                want=f"the columns of {paths[0].name}: {listed(map(repr, schemas[0].names))}",
                got=", and ".join(got),
                where=str(path),
                fix="Write the file with these columns, or leave it out.",
            )
        for column in schema:
            try:
                whole = pa.unify_schemas([whole, pa.schema([column])], promote_options="permissive")
            except pa.ArrowException as error:
                raise InputError(
                    want=f"{whole.field(column.name).type} in column {column.name!r}, as in {paths[0].name}",
                    got=str(column.type),
                    where=str(path),
                    fix="Write the column with one type in all files.",
                ) from error
    return whole


def _short(error: Exception) -> str:
    """What a library says, on a line."""
    if "straddling object" in str(error):
        return f"a row of more than {LONGEST_ROW >> 20} MiB, or a quote that is never closed"
    said = (error.strerror if isinstance(error, OSError) else None) or str(error)
    return (" ".join(said.split())[:200] or type(error).__name__).rstrip(".")
