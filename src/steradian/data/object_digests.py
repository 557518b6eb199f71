"""Objects told apart by what was read of them, so that those of a training are known again."""

import dataclasses
import zlib
from collections.abc import Collection, Iterable
from typing import Any

import numpy as np

from steradian.data.objects import ObjectTable

__all__ = ["known_objects", "object_digests", "told_of_training_objects"]

PART = 1 << 14
"""Rows at a time at most where they stay on disk."""


def object_digests(objects: ObjectTable, modalities: Collection[str]) -> np.ndarray:
    """A number for each object, uint64 [objects]: the same for the same values, whatever table they stand in.

    Args:
        objects: any table.
        modalities: the names of those that count.

    Examples:
        >>> import steradian as sr
        >>> schema = sr.Schema({"title": sr.Text("title")})
        >>> objects = sr.read_objects({"title": ["cup", "jar", "cup"], "label": [0, 1, 1]}, schema)
        >>> numbers = object_digests(objects, ["title"])
        >>> bool(numbers[0] == numbers[2]), bool(numbers[0] == numbers[1])
        (True, False)
    """
    if objects.stored is not None:
        step = max(1, min(PART, objects.stored.window // 8))
        parts = (objects[start : start + step] for start in range(0, len(objects), step))
        return np.concatenate([_digests(part, modalities) for part in parts])
    return _digests(objects, modalities)


def _digests(objects: ObjectTable, modalities: Iterable[str]) -> np.ndarray:
    digests = np.zeros(len(objects), dtype=np.uint64)
    places = {name: place for place, name in enumerate(objects.schema.modalities)}
    for name in modalities:
        for values in objects.values[name].values():
            exact = values.astype(np.float64) if values.dtype.kind == "f" else values
            found = np.zeros(len(objects), dtype=np.uint64)
            for row in np.flatnonzero(objects.present[:, places[name]]).tolist():
                found[row] = _digest(exact[row])
            digests = digests * np.uint64(0x9E3779B97F4A7C15) + found
    return digests


def known_objects(objects: ObjectTable, modalities: Collection[str], trained: np.ndarray) -> int:
    """How many objects of a table stand in another one, of those that are the only ones of their kind there.

    Args:
        objects: any table.
        modalities: the names of those that count.
        trained: `object_digests` of the other one.
    """
    numbers, counts = np.unique(trained, return_counts=True)
    return int(np.isin(object_digests(objects, modalities), numbers[counts == 1]).sum())


def told_of_training_objects(known: int, objects: int) -> str | None:
    """What to say of a table that should be held out of training, in a sentence; None where it seems to be.

    Args:
        known: how many of its objects seem to be training objects.
        objects: how many there are.
    """
    if known <= objects / 2:
        return None
    return (
        f"{known} of the {objects} objects seem to be training objects, nearer to their centers than others: what is "
        "guaranteed needs objects held out of training."
    )


def _digest(cell: Any) -> int:
    """32 bits of a cell, of a list of cells, or of a value made of fields."""
    if isinstance(cell, (np.ndarray, np.generic)) and cell.dtype != object:
        return zlib.crc32(np.ascontiguousarray(cell).tobytes())
    if isinstance(cell, bytes):
        return zlib.crc32(cell)
    if isinstance(cell, (list, tuple, np.ndarray)):
        return zlib.crc32(np.array([_digest(each) for each in cell], dtype=np.uint32).tobytes())
    if dataclasses.is_dataclass(cell):
        return _digest([getattr(cell, field.name) for field in dataclasses.fields(cell)])
    return zlib.crc32(repr(cell).encode("utf-8", "surrogatepass"))
