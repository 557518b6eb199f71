"""What a request may say, as one type a kind of question made from the model's schema, and how its cells are read."""

import base64
import binascii
from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import Annotated, Any, Literal, NamedTuple

from pydantic import BaseModel, ConfigDict, Field, ValidationError, create_model
from pydantic_core import from_json

from steradian.command_mistakes import did_you_mean
from steradian.data import Schema
from steradian.data.modality import shown
from steradian.errors import InputError
from steradian.modalities import Audio, Image
from steradian.modalities.pictures import count_pixels
from steradian.modalities.waveform import count_samples
from steradian.serve.limits import Limits

__all__ = ["Requests", "Strict", "file_columns", "parsed", "read_rows", "request_types", "text_column"]

_Number = float | str | bool | None
_FAST = Field(fail_fast=True)


class Strict(BaseModel):
    """JSON of exactly these keys and types."""

    model_config = ConfigDict(strict=True, extra="forbid", allow_inf_nan=False, protected_namespaces=())


class Requests(NamedTuple):
    """The type of the body of each question."""

    embed: type[Strict]
    predict: type[Strict]
    search: type[Strict]
    verify: type[Strict]
    explain: type[Strict]
    embeddings: type[Strict]


def file_columns(schema: Schema) -> tuple[str, ...]:
    """The columns that hold pictures, sounds or whatever else a table gives by path: here they hold bytes only.

    Args:
        schema: of the model.
    """
    return tuple(dict.fromkeys(c for m in schema.modalities.values() if m.holds_paths for c in m.columns))


def text_column(schema: Schema) -> str | None:
    """The column of the only text modality; None where there are several or none.

    Args:
        schema: of the model.
    """
    found = [m.columns[0] for m in schema.modalities.values() if type(m).__name__ == "Text"]
    return found[0] if len(found) == 1 else None


def request_types(schema: Schema, limits: Limits) -> Requests:
    """The types of all bodies, which name the schema's columns and modalities.

    Args:
        schema: of the model.
        limits: of rows and items.
    """
    row: Any = _row_type(schema, limits)
    rows = Annotated[list[row], Field(min_length=1, max_length=limits.max_rows, fail_fast=True)]
    name: Any = Literal[tuple(schema.modalities)]
    modalities = Annotated[
        Annotated[list[name], _FAST] | None, Field(description="the only modalities to use; all by default")
    ]
    weights = Annotated[
        dict[name, Annotated[float, Field(ge=0, le=1e6)]] | None,
        Field(description="factors of the modalities' gates, 1 by default"),
    ]
    k = Annotated[int, Field(ge=1, le=limits.max_neighbors, description="neighbors of each row")]
    reject = Annotated[bool, Field(description='answer "unknown" beyond the calibrated angle')]
    details = Annotated[bool, Field(description="also what each modality gave, and what the gallery shows")]
    target = Annotated[str | int | bool | None, Field(description="a class to compare with, by default the predicted")]
    chosen: dict[str, Any] = {"rows": (rows, ...), "modalities": (modalities, None)}
    weighted = chosen | {"weights": (weights, None)}
    text = Annotated[str, Field(min_length=1)]
    texts = Annotated[list[text], Field(min_length=1, max_length=limits.max_rows, fail_fast=True)]
    openai = {
        "input": (text | texts, ...),
        "model": (str | None, None),
        "encoding_format": (Literal["float", "base64"], "float"),
        "dimensions": (int | None, None),
        "user": (str | None, None),
    }
    pair = Annotated[list[row], Field(min_length=1, max_length=max(1, limits.max_rows // 2), fail_fast=True)]
    return Requests(
        embed=_type("EmbedRequest", weighted),
        predict=_type("PredictRequest", weighted | {"reject": (reject, False)}),
        search=_type("SearchRequest", weighted | {"k": (k, 10), "details": (details, False)}),
        verify=_type("VerifyRequest", {"first": (pair, ...), "second": (pair, ...)}),
        explain=_type("ExplainRequest", weighted | {"target": (target, None)}),
        embeddings=_type("EmbeddingsRequest", openai),
    )


def parsed(kind: type[Strict], body: bytes, schema: Schema, limits: Limits) -> Any:
    """A body as its type.

    Args:
        kind: of the body.
        body: JSON.
        schema: of the model.
        limits: of values.

    Raises:
        InputError: no JSON, too many values, or not of that type; says where.
    """
    # Each value but the first of a list or a mapping has a comma before it.
    _refuse_more(body.count(b","), limits.max_values, "values", "the body")
    try:
        value = from_json(body, allow_inf_nan=False)
    except ValueError as error:
        raise InputError(
            "valid JSON", f"{error!s:.80}", "the body", "/docs has examples; NaN is written as null."
        ) from error
    _refuse_unknown_names(value, kind, schema, limits)
    try:
        return kind.model_validate(value)
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
    want, fix = _wanted(first, schema)
    got = "nothing" if first["type"] == "missing" else shown(first["input"])
    raise InputError(want, got, _place(first["loc"]), fix)


_WORDS = {
    "missing": "a value",
    "too_short": "a list of at least {min_length}",
    "too_long": "a list of at most {max_length}",
    "string_too_short": "text that is not empty",
    "string_type": "text",
    "list_type": "a list",
    "int_type": "a whole number",
    "int_from_float": "a whole number",
    "float_type": "a number",
    "finite_number": "a finite number",
    "bool_type": "true or false",
    "greater_than_equal": "a number from {ge}",
    "less_than_equal": "a number up to {le}",
    "literal_error": "{expected}",
}
"""What pydantic's kinds of mistake call for."""
_LIMITS = {"too_short", "too_long", "string_too_short", "finite_number"}
"""Mistakes in what is of the right kind."""
_CELLS = {
    "file": ("the bytes of a file, in base64, or a list of them", "Send the bytes: paths and addresses are not read."),
    "text": ("text, or a list of texts", "Put it in quotes."),
    "other": ("a number, text, true or false, or a list of these", "/docs has a row with a cell of each column."),
}


def _wanted(mistake: Mapping[str, Any], schema: Schema) -> tuple[str, str]:
    """What was wanted in place of the first mistake that pydantic found, and how to fix it, in words of our own."""
    kind, place = mistake["type"], mistake["loc"]
    words = _WORDS.get(kind, "a JSON object").format(**mistake.get("ctx", {}))
    if len(place) > 2 and place[0] in ("rows", "first", "second") and kind not in _LIMITS:
        return _CELLS[_cell_kind(schema, str(place[2]))]
    return words, "/docs has an example of each question."


def _cell_kind(schema: Schema, column: str) -> str:
    texts = {name for m in schema.modalities.values() for name in m.text_columns}
    return "file" if column in file_columns(schema) else "text" if column in texts else "other"


def _refuse_unknown_names(value: Any, kind: type[Strict], schema: Schema, limits: Limits) -> None:
    """Tell the first name that is not known; a type would tell, and hold, as many mistakes as there are."""
    body = value if isinstance(value, dict) else {}
    known: list[tuple[Any, Collection[str], str]] = [(value, kind.model_fields, "")]
    known.append((body.get("weights"), schema.modalities, "weights."))
    for name in ("rows", "first", "second"):
        rows = body.get(name)
        if isinstance(rows, list):
            known += [(row, schema.columns, f"{name}[{number}].") for number, row in enumerate(rows[: limits.max_rows])]
    for names, allowed, place in known:
        unknown = next((name for name in names if name not in allowed), None) if isinstance(names, dict) else None
        if unknown is not None:
            fix = did_you_mean(unknown[:80], allowed).strip() or "/docs has all names."
            raise InputError(f"names of {', '.join(allowed)}", f"{unknown!r:.80}", f"{place}{unknown:.80}", fix)


def read_rows(rows: Sequence[BaseModel], schema: Schema, limits: Limits, *, name: str = "rows") -> list[dict[str, Any]]:
    """Rows by column, with the bytes of pictures and sounds.

    Args:
        rows: as `parsed` gives them.
        schema: of the model.
        limits: of pixels and samples.
        name: of the list, for messages.

    Raises:
        InputError: bytes that are no base64, no picture or no sound; too many pixels or samples.
    """
    found = [row.model_dump(by_alias=True, exclude_none=True) for row in rows]
    pixels, samples = 0, 0
    kinds = {column: type(m) for m in schema.modalities.values() if m.holds_paths for column in m.columns}
    for number, row in enumerate(found):
        for column in kinds.keys() & row.keys():
            where = f"{name}[{number}].{column}"
            cell = row[column]
            several = isinstance(cell, list)
            items = [_decoded(item, where) for item in (cell if several else [cell])]
            row[column] = items if several else items[0]
            for item in items:
                pixels += count_pixels(item, where=where) if issubclass(kinds[column], Image) else 0
                samples += count_samples(item, where=where) if issubclass(kinds[column], Audio) else 0
                _refuse_more(pixels, limits.max_pixels, "pixels of pictures", where)
                _refuse_more(samples, limits.max_samples, "samples of sounds", where)
    return found


def _row_type(schema: Schema, limits: Limits) -> type[Strict]:
    item = Annotated[
        str,
        Field(
            min_length=1,
            description="the bytes of a file, in base64; never a path or an address",
            json_schema_extra={"contentEncoding": "base64"},
        ),
    ]
    several = Field(min_length=1, max_length=limits.max_items, fail_fast=True)
    number_lists = Annotated[list[_Number], _FAST] | Annotated[list[Annotated[list[_Number], _FAST]], _FAST]
    kinds: dict[str, Any] = {
        "file": item | Annotated[list[item], several] | None,
        "text": str | int | bool | Annotated[list[str], several] | None,
        "other": Annotated[_Number | number_lists, Field(union_mode="left_to_right")],
    }
    fields: dict[str, Any] = {}
    for place, column in enumerate(schema.columns):
        # Columns may bear names that no Python field may have.
        fields[f"c{place}"] = (Annotated[kinds[_cell_kind(schema, column)], Field(alias=column)], None)
    return _type("Row", fields)


def _type(name: str, fields: Mapping[str, Any]) -> type[Strict]:
    return create_model(name, __base__=Strict, **fields)


def _place(parts: Sequence[Any]) -> str:
    """A place within a body as one writes it; what stands behind a cell says only which type was tried."""
    shown = list(_steps(parts[:3] if parts[:1] in (("rows",), ("first",), ("second",)) else parts[:2]))
    return "".join(shown).lstrip(".") or "the body"


def _steps(parts: Sequence[Any]) -> Iterator[str]:
    for part in parts:
        yield f"[{part}]" if isinstance(part, int) else f".{part}"


def _decoded(item: str, where: str) -> bytes:
    try:
        return base64.b64decode(item, validate=True)
    except (binascii.Error, ValueError) as error:
        want = "the bytes of a file, in base64"
        raise InputError(want, shown(item), where, "Paths and addresses are not read: send the bytes.") from error


def _refuse_more(number: int, most: int, things: str, where: str) -> None:
    if number > most:
        raise InputError(f"at most {most:,} {things} a request", f"{number:,}", where, "Make them smaller, or fewer.")
