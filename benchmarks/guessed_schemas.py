"""For how many columns `steradian.guess_schema` says what the readers of the shared sets and the demo make of them."""

import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

import steradian as sr
from benchmarks.products import TEXTS
from benchmarks.spoken_digits import find_archive

MISSED = 0.9
"""Share of columns that must be right."""


class Guessed(NamedTuple):
    """A table and what was guessed of it.

    Args:
        table: its name.
        right: how many columns.
        wrong: what was guessed and what is right, by column.
    """

    table: str
    right: int
    wrong: dict[str, tuple[str, str]]


def run(folder: Path | None) -> list[Guessed]:
    """Print a line a table, and the share of all columns.

    Args:
        folder: of the shared sets; None takes the variable STERADIAN_DATA.
    """
    found = []
    for name, source, expected in tables(folder or Path(os.environ.get("STERADIAN_DATA", "."))):
        found.append(compare(name, source, expected))
        wrong = ", ".join(f"{column}: {got}, not {want}" for column, (got, want) in found[-1].wrong.items())
        print(f"{name:16} {found[-1].right:2} of {len(expected):2}  {wrong}", flush=True)
    right, total = sum(each.right for each in found), sum(each.right + len(each.wrong) for each in found)
    print(f"{right} of {total} columns right, {100 * right / total:.1f}%; at least {100 * MISSED:.0f}% are wanted")
    return found


def compare(name: str, source: Any, expected: Mapping[str, str]) -> Guessed:
    """What is guessed of a table beside what is right.

    Args:
        name: of the table.
        source: as of `read_objects`.
        expected: a kind by column; "group" and "nothing" are both left out of the modalities, and so alike.
    """
    guessed = sr.guess_schema(source)
    kinds = {column: guessed.kind_of(column) for column in expected}
    same = {"group": "nothing"}
    wrong = {
        column: (kinds[column], want)
        for column, want in expected.items()
        if same.get(kinds[column], kinds[column]) != same.get(want, want)
    }
    return Guessed(name, len(expected) - len(wrong), wrong)


def tables(folder: Path) -> Iterator[tuple[str, Any, dict[str, str]]]:
    """Each table, with the kind of every column as its reader takes it."""
    for path in sorted(folder.glob("*.npz")):
        yield path.stem, *_arrays(path)
    recordings = find_archive(folder)
    sounds = {"sound": list(recordings.sounds), "label": recordings.digits, "speaker": recordings.speakers}
    yield "fsdd", sounds, {"sound": "Audio", "label": "label", "speaker": "group"}
    for name, texts in TEXTS.items():
        expected = {"price": "numeric", "shop": "group", "product": "label"} | dict.fromkeys(texts, "Text")
        yield name, folder / f"{name}.parquet", expected
    from steradian.demo.emoji import emoji_columns, load_emoji, split_emoji, training_objects

    train = training_objects(split_emoji(load_emoji(), random_state=0).train, rows_per_emoji=4, random_state=0)
    expected = {"picture": "Image", "name": "Text", "emoji": "label", "artist": "group", "language": "group"}
    yield "emoji", emoji_columns(train), expected


def _arrays(path: Path) -> tuple[dict[str, Any], dict[str, str]]:
    """The columns of a shared set, as `shared_sets.read_set` takes them."""
    columns: dict[str, Any] = {}
    expected: dict[str, str] = {}
    with np.load(path) as arrays:
        for key in arrays:
            kind, _, name = key.partition("_")
            if kind == "modality":
                columns[name], expected[name] = arrays[key], "Vector"
            elif kind == "values":
                ends = np.cumsum(arrays[f"lengths_{name}"])
                columns[name], expected[name] = np.split(arrays[key], ends[:-1]), "Series"
            elif key in ("label", "train"):
                columns[key], expected[key] = arrays[key], "label" if key == "label" else "nothing"
    return columns, expected
