"""What `steradian search` looks for: words of the command line as cells of one object."""

import json
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from jsonargparse import Namespace

from steradian.command_mistakes import did_you_mean
from steradian.errors import InputError

if TYPE_CHECKING:
    from steradian import Schema

__all__ = ["parsed_value", "query_cells", "store_conditions"]


def query_cells(schema: "Schema", options: Namespace) -> dict[str, Any]:
    """The cells of a query by column.

    Args:
        schema: of the model that is asked.
        options: `text`, `image` and `query` of the command line.

    Raises:
        InputError: nothing to search for, a column that is none, or several columns that `text` could mean.
    """
    cells: dict[str, Any] = {}
    text_columns = {column for m in schema.modalities.values() for column in m.text_columns}
    for option in ("text", "image"):
        if options[option] is not None:
            cells[_only_column(schema, option)] = options[option]
    for assignment in options.query or []:
        column, equals, value = assignment.partition("=")
        if not equals or column not in schema.columns:
            raise InputError(
                want=f"COLUMN=VALUE with a column of {', '.join(schema.columns)}",
                got=repr(assignment),
                where="--query",
                fix=(did_you_mean(column, schema.columns).strip() if equals else "")
                or f"Write for example --query '{next(iter(schema.columns))}=red shoe'.",
            )
        cells[column] = value if column in text_columns else parsed_value(value)
    if not cells:
        raise InputError("something to search for", "nothing", "steradian search", "Give --text, --image or --query.")
    return cells


def store_conditions(words: Sequence[str] | None, kinds: Mapping[str, str]) -> dict[str, Any]:
    """What neighbors must be, by column.

    Args:
        words: `where` of the command line, COLUMN=VALUE; a value may be a list or a range in JSON.
        kinds: of the store's columns.

    Raises:
        InputError: a word without an equals sign.

    Examples:
        >>> store_conditions(["size=42", 'price={"to": 20}'], {"size": "text", "price": "number"})
        {'size': '42', 'price': {'to': 20}}
    """
    found: dict[str, Any] = {}
    for word in words or []:
        column, equals, value = word.partition("=")
        if not equals:
            raise InputError("COLUMN=VALUE", repr(word), "--where", "Write for example --where brand=Acme.")
        plain = parsed_value(value)
        # A number may be the text of a column of texts.
        found[column] = value if kinds.get(column) == "text" and not isinstance(plain, (list, dict, str)) else plain
    return found


def _only_column(schema: "Schema", option: str) -> str:
    found = [modality for modality in schema.modalities.values() if modality.query_option == option]
    if len(found) != 1:
        raise InputError(
            want=f"a model with one {option.capitalize()} modality",
            got=f"one with {len(found)}",
            where=f"--{option}",
            fix=f"Name the column: --query COLUMN=VALUE, of {', '.join(schema.columns)}.",
        )
    return found[0].columns[0]


def parsed_value(text: str) -> Any:
    """A number, a boolean or a list that a word of the command line spells; else the word.

    Args:
        text: the word.
    """
    try:
        return json.loads(text)
    except ValueError:
        return text
