"""What commands share: models and tables that a user names, and results shown."""

import csv
import io
import sys
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from jsonargparse import ArgumentParser, Namespace

from steradian.atomic_write import write_whole

if TYPE_CHECKING:
    from rich.console import RenderableType

    from steradian import ObjectTable, Schema, SphereEmbedder
    from steradian.fitted_model import FittedModel
    from steradian.result_table import ResultTable
    from steradian.runtime import RuntimeModel

__all__ = [
    "add_max_queries",
    "add_on_error",
    "load_named",
    "load_to_search",
    "read_both",
    "read_named",
    "save_and_show",
    "show",
    "write_pairs",
]


def add_on_error(parser: ArgumentParser) -> None:
    """What to do with what cannot be read.

    Args:
        parser: to add it to.
    """
    line = "an item that cannot be read: stop, or go on as if it were not there and count it"
    parser.add_argument("--on-error", choices=["raise", "missing"], default="raise", help=line)


def add_max_queries(parser: ArgumentParser) -> None:
    """How many objects are searched for.

    Args:
        parser: to add it to.
    """
    line = "objects to search for: of more, so many are drawn, and the table says how far off that may be; 0 for all"
    parser.add_argument("--max-queries", type=int, default=4000, metavar="N", help=line)


def show(result: "RenderableType") -> None:
    """On a terminal a table as wide as that needs; in a file or a pipe plain lines.

    Args:
        result: a value that prints.
    """
    from rich.console import Console

    console = Console()
    if console.is_terminal:
        console.print(result)
    else:
        print(result)


def save_and_show(result: "ResultTable", path: str | None) -> None:
    """Save a result where a file is named, then show it: what cannot be printed is saved all the same.

    Args:
        result: a table.
        path: of a JSON file, or None.
    """
    if path is not None:
        result.save(path)
    show(result)
    if path is not None:
        print(f"wrote {path}")


def load_named(folder: str) -> "SphereEmbedder":
    """A saved model.

    Args:
        folder: that the user named.

    Raises:
        SavedModelError: no model there.
    """
    from steradian import SphereEmbedder

    return SphereEmbedder.load(folder)


def load_to_search(folder: str) -> "FittedModel | RuntimeModel":
    """A model that embeds queries: without torch, which loads for longer than a search takes, where it needs none.

    Args:
        folder: that the user named.

    Raises:
        SavedModelError: no model there.
    """
    from steradian.runtime import RuntimeModel, runs_without_torch

    if runs_without_torch(folder):
        return RuntimeModel.load(folder)
    # The estimator around it would load scikit-learn, which takes as long as torch does.
    from steradian.saved_model import load_model

    return load_model(folder, device="auto")[0]


def read_named(table: str | list[str], schema: "Schema", options: Namespace, *, labelled: bool = True) -> "ObjectTable":
    """A table, telling what of it could not be read; for a model that is fitted it may lack columns.

    Args:
        table: that the user named, or several, below each other.
        schema: to read it by.
        options: of the command.
        labelled: whether every row must have a label.

    Raises:
        InputError: a table that cannot be read.
    """
    from steradian.data import read_objects

    partial = options.get("model") is not None
    objects = read_objects(table, schema, labelled=labelled, partial=partial, on_error=options.on_error)
    if objects.unreadable:
        place = table if isinstance(table, str) else ", ".join(table)
        print(f"{place}: {objects.unreadable}", file=sys.stderr)
    return objects


def read_both(
    table: str, other: str | None, schema: "Schema", options: Namespace
) -> tuple["ObjectTable", "ObjectTable | None"]:
    """A table, and another one if it is named.

    Args:
        table: that the user named.
        other: likewise, or None.
        schema: to read them by.
        options: of the command.

    Raises:
        InputError: a table that cannot be read.
    """
    first = read_named(table, schema, options)
    return first, None if other is None else read_named(other, schema, options)


def write_pairs(path: str, columns: Sequence[str], pairs: Iterable[Mapping[str, object]]) -> None:
    """Write a CSV file of pairs, whole or not at all.

    Args:
        path: of the file.
        columns: its header line.
        pairs: a line each, with an entry a column.
    """
    lines = io.StringIO()
    writer = csv.DictWriter(lines, columns, lineterminator="\n")
    writer.writeheader()
    writer.writerows(pairs)
    write_whole(Path(path), lines.getvalue())
