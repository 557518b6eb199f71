"""The pages: one to search with, one that shows how the API is asked. Scripts and styles are files of their own."""

import json
from collections.abc import Sequence
from typing import Any

from steradian.data import Schema
from steradian.modalities import Audio, Image
from steradian.report.markup import asset, write_html
from steradian.serve.requests import file_columns
from steradian.serve.served_model import ServedModel

__all__ = ["ASSETS", "docs_page", "example", "search_page"]

ASSETS = {
    "/assets/search.js": (asset("serve/search.js"), "text/javascript"),
    "/assets/search.css": (asset("report/page.css") + asset("serve/search.css"), "text/css"),
}
"""Content and type of what the pages load, by path."""


def search_page(title: str, model: ServedModel, objects: int) -> str:
    """The page that searches an index by words, pictures, sounds and all other columns.

    Args:
        title: its heading.
        model: that is asked.
        objects: of the index that is searched.
    """
    modalities = {
        name: [(column, _kind(model.schema, column)) for column in modality.columns]
        for name, modality in model.schema.modalities.items()
    }
    weighable = model.weighable and len(modalities) > 1
    values = {"title": title, "modalities": modalities, "objects": objects, "weighable": weighable}
    return write_html("serve/templates/search.html", **values)


def docs_page(title: str, asked: Sequence[tuple[str, str, bool]], schema: Schema) -> str:
    """The page that says what may be asked, with examples to copy.

    Args:
        title: its heading.
        asked: of each path its name, a line, and whether it takes uploads.
        schema: of the model.
    """
    kinds = {column: _kind(schema, column) for column in schema.columns}
    bodies = {path: example(path, schema) for path, _, _ in asked}
    examples = {path: json.dumps(body, ensure_ascii=False) for path, body in bodies.items()}
    parts = [f"-F '{column}=" + ("@FILE'" if kind in FILES else "...'") for column, kind in kinds.items()]
    values = {"title": title, "asked": asked, "examples": examples, "kinds": kinds, "parts": " ".join(parts)}
    return write_html("serve/templates/docs.html", **values, files=list(FILES))


def example(path: str, schema: Schema) -> dict[str, Any]:
    """A body that may be sent to a path: of columns whose form does not depend on the model.

    Args:
        path: of a question.
        schema: of the model.
    """
    kinds = {column: _kind(schema, column) for column in schema.columns}
    row = {column: CELLS[kind] for column, kind in kinds.items() if kind in CELLS}
    if path == "/v1/embeddings":
        return {"input": ["red shoe"]}
    rows = [row or {column: [0.5, 0.25] for column in kinds}]
    return {"first": rows, "second": rows} if path == "/verify" else {"rows": rows}


CELLS: dict[str, Any] = {
    "picture": "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAAAAAA6fptVAAAACklEQVR4nGNoAAAAggCBd81ytgAAAABJRU5ErkJggg==",
    "text": "red shoe",
    "number": 20.5,
}
"""A cell of each kind that has an example; the picture is one grey pixel."""
FILES = "picture", "sound", "file"


def _kind(schema: Schema, column: str) -> str:
    """What a person fills in."""
    owners = [m for m in schema.modalities.values() if column in m.columns]
    for kind, name in ((Image, "picture"), (Audio, "sound")):
        if any(isinstance(owner, kind) for owner in owners):
            return name
    if column in file_columns(schema):
        return "file"
    if any(column in owner.text_columns for owner in owners):
        return "text"
    return "number" if any(column in getattr(owner, "numeric", ()) for owner in owners) else "numbers"
