"""From a data frame, a dict or a list of rows to columns, of which none is converted before it is asked for."""

from collections.abc import Iterable, Mapping
from contextlib import suppress
from functools import partial
from typing import Any

from steradian.data.columns import column_length, to_column
from steradian.data.late_columns import LateColumn
from steradian.data.modality import shown
from steradian.data.schema import Schema
from steradian.errors import InputError

__all__ = ["late_columns", "named_columns", "read_source", "refuse_repeated_names"]


def read_source(source: Any, schema: Schema | None) -> dict[str, LateColumn]:
    """The columns of a table of another library, of a dict of columns or of a list of rows.

    Args:
        source: as of `steradian.read_objects`, but no file.
        schema: names the columns, fields of structs among them; None names none.

    Raises:
        InputError: something else, or two columns of one name.

    Examples:
        >>> import steradian as sr
        >>> rows = [{"title": "shoe", "price": 20}, {"title": "boot"}]
        >>> read_source(rows, sr.Schema({"title": sr.Text("title")}))["price"].array
        array([20., nan])
    """
    return late_columns(_columns(source), schema)


def late_columns(columns: Mapping[str, Any], schema: Schema | None) -> dict[str, LateColumn]:
    """The columns, and the fields of structs that the schema names with a dot, such as "maker.name".

    Args:
        columns: by name, each as `to_column` takes it.
        schema: names the columns, if it is known.

    Raises:
        InputError: a single value instead of a column.

    Examples:
        >>> import steradian as sr
        >>> schema = sr.Schema({"maker": sr.Text("maker.name")})
        >>> late_columns({"maker": [{"name": "Acme"}, None]}, schema)["maker.name"].array.tolist()
        ['Acme', None]
    """
    late = {name: _late(column, name) for name, column in columns.items()}
    for name in named_columns(schema):
        struct, dot, field = name.partition(".")
        if dot and name not in columns and struct in columns:
            late[name] = LateColumn(late[struct].length, partial(_field, columns[struct], field.split("."), name))
    return late


def named_columns(schema: Schema | None) -> list[str]:
    """The columns that a schema names, label and id included.

    Args:
        schema: None names none.

    Examples:
        >>> import steradian as sr
        >>> named_columns(sr.Schema({"title": sr.Text("title")})), named_columns(None)
        (['title', 'label'], [])
    """
    return [] if schema is None else [*schema.columns, schema.label, *filter(None, [schema.id])]


def refuse_repeated_names(names: Iterable[str]) -> None:
    """Refuse a table with two columns of one name.

    Args:
        names: of its columns.

    Raises:
        InputError: a name stands twice.
    """
    seen: set[str] = set()
    for name in names:
        if name in seen:
            raise InputError(
                want="columns of different names",
                got=f"{list(names).count(name)} columns {name!r}",
                where="the table",
                fix="Rename or drop one of them.",
            )
        seen.add(name)


def _columns(source: Any) -> dict[str, Any]:
    """The columns of a source as they are."""
    if isinstance(source, list) and source and all(isinstance(row, Mapping) for row in source):
        names = dict.fromkeys(name for row in source for name in row)
        return {str(name): [row.get(name) for row in source] for name in names}
    if isinstance(source, Mapping) and not _is_table(source):
        return {str(name): column for name, column in source.items()}
    # A lazy frame of polars, and a data set of Hugging Face's, whose rows may be chosen and in another order.
    if hasattr(source, "collect") and hasattr(source, "collect_schema"):
        source = source.collect()
    elif hasattr(source, "with_format") and hasattr(source, "features"):
        source = source.with_format("arrow")[:]
    # pandas and polars: their columns may hold what Arrow cannot, so they are read one by one.
    if hasattr(source, "columns") and (hasattr(source, "iloc") or hasattr(source, "get_columns")):
        refuse_repeated_names([str(name) for name in source.columns])
        return {str(name): source[name] for name in source.columns}
    if hasattr(source, "__arrow_c_stream__") or hasattr(source, "__arrow_c_array__"):
        import pyarrow as pa

        # A single column speaks Arrow too, but is no table.
        with suppress(pa.ArrowException):
            source = pa.table(source)
    # A table of Arrow.
    if hasattr(source, "column_names"):
        refuse_repeated_names(source.column_names)
        return dict(zip(source.column_names, source.columns, strict=True))
    raise InputError(
        want="a path, a dict of columns, a list of dicts, or a pyarrow, pandas or polars table",
        got=shown(source),
        where="read_objects(source, ...)",
        fix="Choose one of its parts, such as source['train']."
        if isinstance(source, Mapping)
        else 'Write for example {"title": ["first", "second"], "label": ["a", "b"]}.',
    )


def _is_table(source: Mapping[Any, Any]) -> bool:
    """Whether a mapping is one of data sets, not of columns."""
    return any(hasattr(value, "with_format") and hasattr(value, "features") for value in source.values())


def _late(values: Any, name: str) -> LateColumn:
    return LateColumn(column_length(values, name), partial(to_column, values, name))


def _field(values: Any, path: list[str], name: str) -> Any:
    """A field of a column of structs, or of dicts."""
    import pyarrow as pa
    import pyarrow.compute as pc

    try:
        if hasattr(values, "__arrow_c_stream__"):
            values = pa.chunked_array(values)
        elif not isinstance(values, (pa.Array, pa.ChunkedArray)):
            values = pa.array(list(values))
        return to_column(pc.struct_field(values, path), name)
    except (pa.ArrowException, TypeError) as error:
        raise InputError(
            want=f"structs with the field {'.'.join(path)!r}",
            got=" ".join(str(error).split())[:120].rstrip("."),
            where=f"column {name.partition('.')[0]!r}",
            fix=f"Name another field, or give a column {name!r}.",
        ) from error
