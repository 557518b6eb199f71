"""What makes one fit the same as another: table, options and versions, each as a short text to compare."""

import json
from collections.abc import Iterator
from hashlib import sha256
from importlib.metadata import version

import numpy as np
import torch

from steradian.config import ModelConfig, TrainingConfig
from steradian.data import ObjectTable
from steradian.data.object_digests import object_digests

__all__ = ["fit_identity"]

DIGITS = 32


def fit_identity(
    objects: ObjectTable, validation: ObjectTable | None, model: ModelConfig, config: TrainingConfig
) -> dict[str, str]:
    """Each option by name, the digests of table and schema, and the versions.

    Args:
        objects: the training table.
        validation: labelled objects, or None.
        model: the model's options.
        config: the training's.
    """
    options = {name: json.dumps(value) for name, value in (model.to_dict() | config.to_dict()).items()}
    schema, content = json.dumps(objects.schema.to_dict(), sort_keys=True, default=str), sha256()
    for table in filter(None, (objects, validation)):
        weights = () if table.weights is None else (table.weights,)
        for part in (table.present, table.rows, table.labels.astype(np.str_), *weights):
            content.update(np.ascontiguousarray(part).tobytes())
        if table.stored is not None:
            # Of rows that stay on disk 64 bits tell each from another: their digests are read part after part.
            content.update(object_digests(table, table.schema.modalities).tobytes())
            continue
        for part in _cells(table):
            content.update(np.ascontiguousarray(part).tobytes())
    return {
        **options,
        "table": content.hexdigest()[:DIGITS],
        "schema": sha256(schema.encode()).hexdigest()[:DIGITS],
        "versions": f"steradian {version('steradian')}, torch {torch.__version__}",
    }


def _cells(objects: ObjectTable) -> Iterator[np.ndarray]:
    """All values of a table as arrays, cell by cell where they are no numbers."""
    for values in objects.values.values():
        for array in values.values():
            if array.dtype != object:
                yield array
                continue
            for cell in array:
                yield cell if isinstance(cell, np.ndarray) and cell.dtype != object else np.array([repr(cell)])
