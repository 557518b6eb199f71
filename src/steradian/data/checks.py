"""What a user's table must fulfil before it is a table of objects; each message names the rows and columns."""

from collections.abc import Iterable, Mapping, Sequence
from difflib import get_close_matches
from typing import Any

import numpy as np

from steradian.data.modality import is_missing, is_told_apart, listed, shown
from steradian.data.schema import Schema
from steradian.errors import InputError
from steradian.misspelt import did_you_mean

__all__ = [
    "NoRowsError",
    "refuse_absent_columns",
    "refuse_bare_objects",
    "refuse_different_schemas",
    "refuse_repeated_ids",
    "refuse_unknown_column",
    "table_length",
    "to_names",
]

NO_LABEL = (
    "Name the label's column in the schema: training and evaluation need labels; "
    "transform and `steradian embed` work without (labelled=False)."
)


class NoRowsError(InputError):
    """A table that is sound but for its having no rows."""


def table_length(lengths: Mapping[str, int]) -> int:
    """The number of rows, which all columns share.

    Args:
        lengths: the rows of each column by its name.

    Raises:
        InputError: columns of different lengths, or no row.

    Examples:
        >>> table_length({"title": 3, "price": 3})
        3
    """
    names_by_length: dict[int, list[str]] = {}
    for name, length in lengths.items():
        names_by_length.setdefault(length, []).append(repr(name))
    if len(names_by_length) > 1:
        raise InputError(
            want="columns of one length",
            got=listed(f"{length} rows in {listed(names)}" for length, names in names_by_length.items()),
            where="the table",
            fix="Give each column an entry for every row, None where there is no value.",
        )
    rows = next(iter(names_by_length), 0)
    if not rows:
        raise NoRowsError("at least one row", "an empty table", "the table", "Check where the table comes from.")
    return rows


def refuse_absent_columns(columns: Mapping[str, Any], schema: Schema, *, labelled: bool) -> None:
    """Refuse a table that lacks a column of the schema.

    Args:
        columns: arrays by name.
        schema: names the columns of modalities, id and label.
        labelled: whether the label, and the id if the schema names one, are needed.

    Raises:
        InputError: a column is absent.
    """
    wanted = {
        column: (f"of modality {name!r}", "Add the column, with None where the modality is missing.")
        for name, modality in schema.modalities.items()
        for column in modality.columns
    }
    if labelled:
        wanted[schema.label] = ("of the label", NO_LABEL)
        if schema.id is not None:
            wanted[schema.id] = ("of the id", "Add the column, or leave id out of the schema.")
    for column, (role, fix) in wanted.items():
        if column not in columns:
            near = " or ".join(map(repr, get_close_matches(column, columns)))
            raise InputError(
                want=f"the column {column!r}, {role}",
                got=f"the columns {listed(map(repr, columns), most=20)}",
                where="the table",
                fix=f"Did you mean {near}? {fix}" if near else fix,
            )


def refuse_unknown_column(name: str, columns: Iterable[str], *, where: str) -> None:
    """Refuse a name that no column has.

    Args:
        name: as the user wrote it.
        columns: those of the table.
        where: the option, for the message.

    Raises:
        InputError: it is none of the columns; with the nearest one.

    Examples:
        >>> refuse_unknown_column("brnd", ["brand", "price"], where="label=...")
        Traceback (most recent call last):
        steradian.errors.InputError: label=...: want a column of brand, price, got 'brnd'. Did you mean 'brand'?
    """
    names = list(map(str, columns))
    if name in names:
        return
    raise InputError(
        want=f"a column of {listed(names, most=20)}",
        got=repr(name),
        where=where,
        fix=did_you_mean(name, names, otherwise="Use the name of a column."),
    )


def to_names(column: np.ndarray, rows: np.ndarray, *, name: str, role: str = "a name") -> np.ndarray:
    """The names of classes or objects as one array of strings, integers or booleans [objects].

    Args:
        column: an entry a row; floats that are integers, as a table with gaps makes them, become integers.
        rows: the row numbers in the user's table, for messages.
        name: the column's.
        role: what an entry is, for messages: "a label".

    Raises:
        InputError: an entry that is missing, of another type, or of another type than the rest; one that might be
            taken for another: a float of 2**53 or more, an integer beyond 64 bits, text that ends in a NUL.

    Examples:
        >>> to_names(np.array([2.0, 1.0]), np.arange(2), name="kind", role="a label")
        array([2, 1])
    """
    if column.ndim != 1 or column.dtype.kind not in "biufUTO":
        raise _no_name(f"an array of shape {column.shape} and type {column.dtype}", f"column {name!r}")
    plain = _plain_names(column)
    names = _checked_names(column, rows, name=name, role=role) if plain is None else plain
    if names.dtype.kind == "U" and role == "a label":
        _refuse_blanks(names, rows, name)
    return names


def _refuse_blanks(labels: np.ndarray, rows: np.ndarray, name: str) -> None:
    """Refuse a label of blanks alone, and two that only blanks around them tell apart."""
    known = set(labels.tolist())
    for label in sorted(known):
        bare = label.strip()
        if bare != label and (not bare or bare in known):
            raise InputError(
                want="labels that blanks around them do not tell apart" if bare else "a label in every row",
                got=f"{label!r} beside {bare!r}" if bare else repr(label),
                where=_place(rows[np.flatnonzero(labels == label)[0]], name),
                fix="Strip the column: frame[name].str.strip()." if bare else "Fill in the cell, or drop its row.",
            )


def _plain_names(column: np.ndarray) -> np.ndarray | None:
    """The names in a column that is text or integers throughout, as most are; None where it may not be."""
    if column.dtype.kind in "bi" or (column.dtype.kind == "u" and column.dtype.itemsize < 8):
        return column.astype(bool if column.dtype.kind == "b" else np.int64)
    if column.dtype == object and set(map(type, column)) == {str}:
        entries = column.tolist()
        # An array of text does not keep these at its end.
        return None if "\0" in "".join(entries) else np.array(entries)
    return None


def _checked_names(column: np.ndarray, rows: np.ndarray, *, name: str, role: str) -> np.ndarray:
    """The names in any column, looked at one by one."""
    entries = column.tolist()
    if column.dtype == np.float16 or column.dtype == np.float32:
        entries = list(column)
    if column.dtype.kind not in "bi":
        _refuse_names_that_merge(entries, rows, name)
    entries = [entry.item() if isinstance(entry, np.generic) else entry for entry in entries]
    missing = [row for entry, row in zip(entries, rows, strict=True) if is_missing(entry)]
    if missing:
        raise InputError(
            want=f"{role} in every row",
            got=f"nothing in {len(missing)} of {len(entries)} rows",
            where=_place(missing[0], name),
            fix="Fill in the empty cells, or drop their rows.",
        )
    entries = [int(e) if isinstance(e, float) and e.is_integer() else e for e in entries]
    kinds = [str if isinstance(entry, str) else type(entry) for entry in entries]
    for entry, kind, row in zip(entries, kinds, rows, strict=True):
        if kind not in (str, int, bool):
            raise _no_name(f"{kind.__name__} {entry!r}"[:80], _place(row, name))
        if kind is not kinds[0]:
            got = f"{kinds[0].__name__} {entries[0]!r} in row {rows[0]} and {kind.__name__} {entry!r}"
            raise _no_name(got, _place(row, name))
    # numpy makes floats of integers on both sides of 2**63.
    large = kinds[:1] == [int] and max(entries) >= 2**63
    return np.array(entries, dtype=np.uint64 if large else None)


def _is_integer(entry: Any) -> bool:
    """Whether it is a number without fraction; a timedelta64 counts as one for numpy alone."""
    return isinstance(entry, (int, np.integer)) and not isinstance(entry, (bool, np.timedelta64))


def _refuse_names_that_merge(entries: list[Any], rows: np.ndarray, name: str) -> None:
    """Refuse what an array of names, or a float before it, does not tell from another name."""
    integers = [int(entry) for entry in entries if _is_integer(entry)]
    # Without a negative one, all 64 bits may hold digits.
    least, beyond = (-(2**63), 2**63) if min(integers, default=0) < 0 else (0, 2**64)
    for entry, row in zip(entries, rows, strict=True):
        if isinstance(entry, (float, np.floating)) and entry.is_integer() and not is_told_apart(entry):
            want, fix = "integers that a float tells apart", "Give them as integers or as text: they have merged."
        elif _is_integer(entry) and not least <= int(entry) < beyond:
            want, fix = "integers that 64 bits hold together", "Write all of them as text."
        elif isinstance(entry, str) and entry.endswith("\0"):
            want, fix = "text that does not end in a NUL character", "Cut the NULs off the end."
        else:
            continue
        raise InputError(want, shown(entry), _place(row, name), fix)


def refuse_repeated_ids(ids: np.ndarray, rows: np.ndarray, *, name: str) -> None:
    """Refuse two rows of one id.

    Args:
        ids: [objects].
        rows: the row numbers in the user's table, for messages.
        name: the column's.

    Raises:
        InputError: an id stands in two rows.
    """
    first: dict[Any, int] = {}
    distinct = set(ids.tolist()) if ids.dtype.kind == "U" else np.unique(ids)
    if len(distinct) == len(ids):
        return
    for entry, row in zip(ids.tolist(), rows.tolist(), strict=True):
        if first.setdefault(entry, row) != row:
            raise InputError(
                want="an id of its own for every row",
                got=f"{entry!r} twice",
                where=f"rows {first[entry]} and {row} (counted from 0), column {name!r}",
                fix="Drop one of the rows, or leave id out of the schema.",
            )


def refuse_different_schemas(schemas: Sequence[Any]) -> None:
    """Refuse tables that are not all of one schema.

    Args:
        schemas: of the tables; anything else stands for what is no table.

    Raises:
        InputError: no table, one of another schema, or none.
    """
    for place, schema in enumerate(schemas):
        if not isinstance(schema, Schema) or schema != schemas[0]:
            raise InputError(
                want="ObjectTables of one schema",
                got="another schema than the first" if isinstance(schema, Schema) else shown(schema),
                where=f"concat(tables), place {place}",
                fix="Read all of them by one schema: read_objects(table, schema).",
            )
    if not schemas:
        raise InputError("at least one table", "none", "concat(tables)", "Write for example concat([first, second]).")


def refuse_bare_objects(present: np.ndarray, schema: Schema, *, rows: np.ndarray, ids: np.ndarray | None) -> None:
    """Refuse objects without any modality.

    Args:
        present: bool [objects, modalities].
        schema: names the modalities.
        rows: the row numbers in the user's table, for messages.
        ids: [objects], or None where rows stand for them.

    Raises:
        InputError: an object has none.
    """
    bare = np.flatnonzero(~present.any(axis=1))
    if bare.size:
        named = f", id {listed(map(repr, ids[bare].tolist()))}" if ids is not None else ""
        raise InputError(
            want=f"at least one modality of {', '.join(schema.modalities)}",
            got=f"none in {bare.size} of {len(present)} rows",
            where=f"row {listed(map(str, rows[bare]))} (counted from 0){named}",
            fix=f"Drop these rows, or fill in one of their columns {listed(schema.columns, most=20)}.",
        )


def _no_name(got: str, where: str) -> InputError:
    return InputError(
        want="names of one type: text, integers or booleans",
        got=got,
        where=where,
        fix="Cut measured numbers into classes; write all others as text.",
    )


def _place(row: int, name: str) -> str:
    return f"row {row} (counted from 0), column {name!r}"
