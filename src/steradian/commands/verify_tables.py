"""`steradian verify`: whether objects of two tables are the same."""

import csv
import io
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from jsonargparse import ArgumentParser, Namespace

from steradian.atomic_write import write_whole
from steradian.command_mistakes import did_you_mean
from steradian.commands.tables import add_on_error, load_named, read_named, show
from steradian.errors import InputError
from steradian.out_paths import check_file

if TYPE_CHECKING:
    from steradian import ObjectTable

__all__ = ["verify", "verify_words"]


def verify_words(parser: ArgumentParser) -> None:
    """Its arguments.

    Args:
        parser: to add them to.
    """
    parser.add_argument("model", metavar="MODEL", help="a model folder that was calibrated")
    parser.add_argument("table", metavar="TABLE", help="objects, with or without labels")
    parser.add_argument("other", metavar="OTHER", help="as many objects, row for row; with --pairs any number")
    line = "a table of two columns: the id of an object of TABLE, and the id of one of OTHER"
    parser.add_argument("--pairs", metavar="FILE", help=line)
    parser.add_argument("--out", metavar="FILE", help="the CSV file to write: all pairs; without it, some are printed")
    add_on_error(parser)


def verify(options: Namespace) -> int:
    """Compare the pairs and show or write the answers; the exit code.

    Args:
        options: as typed.
    """
    check_file(options.out, others=[options.table, options.other, options.pairs])
    model = load_named(options.model)
    if model.fitted_.calibration is None:
        fix = "Run this first: steradian calibrate MODEL TABLE."
        raise InputError("a model with thresholds", "one that was not calibrated", options.model, fix)
    first, second = (
        read_named(table, model.schema_, options, labelled=False) for table in (options.table, options.other)
    )
    if options.pairs is not None:
        left, right = _ids(options.pairs)
        first = first[_rows(first, left, options.table)]
        second = second[_rows(second, right, options.other)]
    elif len(first) != len(second):
        fix = "Give as many rows, or name the pairs by --pairs."
        raise InputError("as many objects in both tables", f"{len(first)} and {len(second)}", "TABLE and OTHER", fix)
    found = model.verify(first, second)
    if options.out is None:
        show(found)
        return 0
    lines, entries = io.StringIO(), found.to_dict()["pairs"]
    writer = csv.DictWriter(lines, [*entries[0]] if entries else ["first", "second"], lineterminator="\n")
    writer.writeheader()
    writer.writerows(entries)
    write_whole(Path(options.out), lines.getvalue())
    print(f"wrote {len(found)} pair{'s' * (len(found) != 1)}, {int(found.same.sum())} the same, to {options.out}")
    return 0


def _ids(path: str) -> tuple[Sequence[str], Sequence[str]]:
    """The two columns of ids, as text."""
    from steradian.data.reading import read_columns

    columns = read_columns(path)
    if len(columns) != 2:
        fix = "Write the first id and the second id of each pair, below a header line."
        raise InputError("a table of two columns", f"{len(columns)} columns in {path}", "--pairs", fix)
    left, right = ([str(name) for name in np.asarray(columns[column]).tolist()] for column in columns)
    return left, right


def _rows(objects: "ObjectTable", ids: Sequence[str], table: str) -> np.ndarray:
    """The rows of ids."""
    places = {str(name): row for row, name in enumerate(objects.ids.tolist())}
    lost = [name for name in ids if name not in places]
    if lost:
        near = did_you_mean(lost[0], places).strip() or "Write ids as they stand in the table."
        raise InputError(f"ids of {table}", repr(lost[0]), "--pairs", near)
    return np.array([places[name] for name in ids], dtype=np.int64)
