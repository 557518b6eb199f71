"""A first schema of a table that nobody has described yet, with what speaks for each of its lines."""

import json
import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from steradian.data.checks import refuse_unknown_column, table_length
from steradian.data.guessed_columns import GuessedColumn, guess_column
from steradian.data.reading import read_columns
from steradian.data.schema import Schema
from steradian.errors import InputError
from steradian.misspelt import telling_of_misspelt

__all__ = ["GuessedSchema", "guess_schema"]

MANY = 32
"""Columns of numbers without gaps from which on they are one vector."""
PLAIN = re.compile(r"(?!(?:yes|no|on|off|true|false|null|y|n|nan)$)[A-Za-z_][\w.-]*", re.IGNORECASE)
"""Names that YAML takes as they are."""


@dataclass(frozen=True)
class GuessedSchema:
    """A schema as guessed; prints as a YAML file with comments.

    Args:
        columns: of the table, in its order.
        rows: of the table.
        label: the column of labels; None where none would do.
        id: the column of ids; None where there is none.

    Examples:
        >>> table = {"sku": ["a1", "a2", "a3", "a4"], "price": [1.5, 2.0, None, 4.0], "kind": ["x", "y", "x", "y"]}
        >>> print(guess_schema(table))
        # Guessed from 4 rows, 3 columns. Look at every line before you use it.
        modalities:
          table:
            type: Tabular
            numeric:
              - price  # numbers, 25.0% missing
        label: kind
        id: sku  # one word, different in every row
    """

    columns: tuple[GuessedColumn, ...]
    rows: int
    label: str | None
    id: str | None

    def kind_of(self, name: str) -> str:
        """The kind of a column, "label" and "id" included, as of `GuessedColumn`.

        Args:
            name: of the column.
        """
        if name in (self.label, self.id):
            return "label" if name == self.label else "id"
        (kind,) = [column.kind for column in self.columns if column.name == name]
        # A second column of ids names nothing.
        return "nothing" if kind == "id" else kind

    @property
    def schema(self) -> Schema:
        """As a schema; the label is called "label" where none was found.

        Raises:
            ConfigError: no column is one that a modality reads.
        """
        return Schema.from_dict({"modalities": self._modalities(), "label": self.label or "label", "id": self.id})

    def _of(self, *kinds: str) -> list[GuessedColumn]:
        return [column for column in self.columns if self.kind_of(column.name) in kinds]

    def _modalities(self) -> dict[str, dict[str, Any]]:
        found: dict[str, dict[str, Any]] = {}
        for column in self._of("Text", "Image", "Audio", "Series", "Vector"):
            columns = {"columns": [column.name]} if column.kind in ("Text", "Vector") else {"column": column.name}
            found[column.name] = {"type": column.kind, **columns}
        numeric, categorical = ([column.name for column in self._of(kind)] for kind in ("numeric", "categorical"))
        whole = all(not column.missing for column in self._of("numeric"))
        if len(numeric) >= MANY and whole:
            found[_free("numbers", found)] = {"type": "Vector", "columns": numeric}
            numeric = []
        if numeric or categorical:
            lists = {"numeric": numeric, "categorical": categorical}
            found[_free("table", found)] = {"type": "Tabular", **{key: names for key, names in lists.items() if names}}
        return found

    def _gaps(self, name: str) -> str:
        """A comment on rows that lack the label."""
        (missing,) = [column.missing for column in self.columns if column.name == name]
        return f"  # {100 * missing:.1f}% missing: fill it in, or leave these rows out" if missing else ""

    def __str__(self) -> str:
        why = {column.name: f"  # {column}" for column in self.columns}
        lines = [
            f"# Guessed from {self.rows:,} rows, {len(self.columns):,} columns. Look at every line before you use it."
        ]
        lines.append("modalities:")
        for name, modality in self._modalities().items():
            lines += [f"  {_quoted(name)}:", f"    type: {modality['type']}"]
            for key, value in modality.items():
                if key != "type" and isinstance(value, str):
                    lines.append(f"    {key}: {_quoted(value)}{why[value]}")
                elif key != "type":
                    lines += [f"    {key}:", *(f"      - {_quoted(each)}{why[each]}" for each in value)]
        others = sorted((c for c in self.columns if c.as_label and c.name != self.label), key=lambda c: -c.as_label)
        note = f"  # or: {', '.join(column.name for column in others[:5])}" if others else ""
        none = "# label: no column has names of classes. Name yours: label: COLUMN"
        lines.append(f"label: {_quoted(self.label)}{note or self._gaps(self.label)}" if self.label else none)
        if self.id:
            lines.append(f"id: {_quoted(self.id)}{why[self.id]}")
        lines += [f"# {c.name}: perhaps for split --groups{why[c.name]}" for c in self._of("group")]
        lines += [f"# {c.name}: not used{why[c.name]}" for c in self._of("nothing")]
        return "\n".join(lines)

    def __repr__(self) -> str:
        return str(self)


@telling_of_misspelt
def guess_schema(source: Any, *, label: str | None = None, id: str | None = None) -> GuessedSchema:
    """What a table's columns may be: modalities, label, id, or what is better left out.

    Args:
        source: as of `steradian.read_objects`.
        label: the column of labels; None guesses.
        id: the column of ids; None guesses.

    Raises:
        InputError: what `read_objects` refuses of a source, a label or an id that is no column or the same one, or a
            table of which no column can be read.

    Examples:
        >>> guess_schema({"title": ["red shoe", "boot"] * 30, "label": [0, 1] * 30}).kind_of("label")
        'label'
        >>> guess_schema({"title": ["red shoe", "boot"] * 30, "maker": [0, 1] * 30}, label="maker").label
        'maker'
    """
    late = read_columns(source)
    for role, name in (("label", label), ("id", id)):
        if name is not None:
            refuse_unknown_column(name, late, where=f"{role}={name!r}")
    if label is not None and label == id:
        raise InputError("a label and an id of two columns", repr(id), "guess_schema", "Leave out id, or name another.")
    columns = tuple(guess_column(name, late[name]) for name in late)
    # What the user names needs no alternatives, and an id is no label.
    columns = tuple(replace(each, as_label=0.0) if label or each.name == id else each for each in columns)
    best = max(columns, key=lambda column: column.as_label, default=None)
    if label is None and best is not None and best.as_label:
        label = best.name
    ids = [column.name for column in columns if column.kind == "id" and column.name != label and not column.missing]
    guessed = GuessedSchema(columns, table_length(late.lengths), label, id or (ids[0] if ids else None))
    if not guessed._modalities():
        raise InputError(
            want="a column that a modality reads beside the label",
            got=f"the columns {', '.join(column.name for column in columns)}",
            where="the table",
            fix="Write the schema yourself, see docs/data.md.",
        )
    return guessed


def _free(name: str, taken: Sequence[str] | dict[str, Any]) -> str:
    return name if name not in taken else _free(f"{name}_", taken)


def _quoted(name: str) -> str:
    """A name as YAML reads it back."""
    return name if PLAIN.fullmatch(name) else json.dumps(name, ensure_ascii=False)
