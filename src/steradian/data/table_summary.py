"""What a table of objects prints: its size, its label and what share of it has each modality."""

from collections.abc import Sequence
from itertools import chain

import numpy as np

from steradian.data.label_sets import are_several
from steradian.data.schema import Schema

__all__ = ["table_summary"]

WIDTH = 80
"""Characters of a printed line at most."""


def table_summary(schema: Schema, present: np.ndarray, labels: np.ndarray | None, notes: Sequence[str]) -> str:
    """The lines of a table.

    Args:
        schema: of the table.
        present: bool [objects, modalities].
        labels: [objects], or None.
        notes: further lines.

    Examples:
        >>> import steradian as sr
        >>> print(table_summary(sr.Schema({"title": sr.Text("title")}), np.ones((2, 1), bool), None, []))
        ObjectTable: 2 objects, 1 pattern of present modalities
          label 'label': none
          title  Text     100.0% present  title
    """
    patterns = len(np.unique(present, axis=0))
    lines = [f"ObjectTable: {_count(len(present), 'object')}, {_count(patterns, 'pattern')} of present modalities"]
    lines.append(f"  label {schema.label!r}: {_classes(labels)}")
    shares = present.mean(axis=0) if len(present) else np.zeros(present.shape[1])
    names = max(map(len, schema.modalities))
    for (name, modality), share in zip(schema.modalities.items(), shares, strict=True):
        # 100% means all, so that one missing value shows.
        percent = 100.0 if share == 1 else min(100 * share, 99.9)
        kind, columns = type(modality).__name__, ", ".join(modality.columns)
        lines.append(f"  {name:{names}}  {kind:8} {percent:5.1f}% present  {columns}")
    lines += [f"  {line}" for line in notes]
    return "\n".join(line if len(line) <= WIDTH else line[: WIDTH - 1] + "…" for line in lines)


def _classes(labels: np.ndarray | None) -> str:
    if labels is None or not len(labels):
        return "none"
    several = ""
    if are_several(labels):
        counts = [len(own) for own in labels]
        several = f", {min(counts)} to {max(counts)} an object"
        labels = np.array([*chain.from_iterable(labels)])
        if not len(labels):
            return "none of any object"
    classes, sizes = np.unique(labels, return_counts=True)
    number = _count(len(classes), "class", "classes") + several
    if sizes.min() == sizes.max():
        return f"{number} of {_count(sizes[0], 'object')}" + (" each" if len(classes) > 1 else "")
    least, most = (
        f"{_count(sizes[i], 'object')} ({classes[i].item()!r:.20})" for i in (sizes.argmin(), sizes.argmax())
    )
    return f"{number}, from {least} to {most}"


def _count(number: int, one: str, many: str | None = None) -> str:
    return f"{number:,} {one if number == 1 else many or one + 's'}"
