"""What commands share: models and tables that a user names, and results shown."""

import sys
from typing import TYPE_CHECKING

from jsonargparse import Namespace

if TYPE_CHECKING:
    from rich.console import RenderableType

    from steradian import ObjectTable, Schema, SphereEmbedder

__all__ = ["load_named", "read_both", "read_named", "show"]


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


def load_named(folder: str) -> "SphereEmbedder":
    """A saved model.

    Args:
        folder: that the user named.

    Raises:
        SavedModelError: no model there.
    """
    from steradian import SphereEmbedder

    return SphereEmbedder.load(folder)


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
