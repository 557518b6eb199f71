"""What the entries of a saved folder describe, once they are known to be what they must be; no torch."""

import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from steradian.calibration import Calibration
from steradian.config import ModelConfig
from steradian.data import Schema
from steradian.errors import SavedModelError
from steradian.saved_arrays import check_preprocessor
from steradian.saved_files import check_value
from steradian.saved_folder import UNFIT, SavedModel

__all__ = ["GRAPHS", "Description", "fitting", "read_description", "refuse_exported"]

GRAPHS = "graphs"
"""The entry of an exported folder that describes its networks' graphs; None where no network is run."""

ENTRIES: dict[str, Any] = {
    "classes": dict[str, Any],
    "scale": float,
    "margin": float,
    "fingerprint": str,
    "two_parts": dict[str, Any] | None,
    "history": dict[str, Any],
    "calibration": dict[str, Any] | None,
    "features": int | None,
    "feature_names": list[str],
}
"""What a configuration holds beside the options, the schema and the modalities, and of what kind."""


@dataclass(frozen=True)
class Description:
    """What a model is but for its weights.

    Args:
        model_config: the options of the model.
        schema: of the training table.
        classes: class names, sorted [num_classes].
        calibration: scales and thresholds, or None.
        level: of several labels, see `FittedModel`; else None.
    """

    model_config: ModelConfig
    schema: Schema
    classes: np.ndarray
    calibration: Calibration | None
    level: int | None


def read_description(saved: SavedModel, folder: str | Path) -> Description:
    """What a folder describes.

    Args:
        saved: read from it.
        folder: for messages.

    Raises:
        SavedModelError: a value of another kind; one of `UNFIT`, which `fitting` tells, for values that do not fit.
    """
    entries = saved.entries
    config = ModelConfig(**entries["model"])
    for name, kind in ENTRIES.items():
        check_value(entries[name], kind, where=f"{folder}, {name}")
    schema = Schema.from_dict(entries["schema"], where=f"{folder}, schema")
    classes = _class_names(entries["classes"], where=f"{folder}, classes")
    found, names = entries["calibration"], list(schema.modalities)
    if names != list(saved.preprocessor.modalities):
        raise KeyError(f"modalities {', '.join(names)}")
    check_preprocessor(saved.preprocessor, schema)
    calibration = None if found is None else Calibration.from_dict(found, modalities=names, classes=classes)
    # A model saved by an earlier version has one label an object, and does not say so.
    level, closed_form = entries.get("level"), saved.preprocessor.closed_form
    check_value(level, int | None, where=f"{folder}, level")
    if level is not None and not (closed_form is not None and 0 <= level < closed_form.embedding_dim):
        raise ValueError(f"a level at coordinate {level}")
    return Description(config, schema, classes, calibration, level)


@contextmanager
def fitting(folder: str | Path) -> Iterator[None]:
    """Tell of values that do not fit each other.

    Args:
        folder: that they were read from.

    Raises:
        SavedModelError: there are some.
    """
    try:
        yield
    except UNFIT as error:
        raise SavedModelError(
            want="a configuration and the weights that it describes",
            got=f"{type(error).__name__}: {(str(error).splitlines() or [''])[-1].strip()}",
            where=str(folder),
            fix="Copy the whole folder again, or fit and save the model again.",
        ) from error


def refuse_exported(saved: SavedModel, folder: str | Path) -> None:
    """See to it that a folder holds the networks themselves.

    Args:
        saved: read from it.
        folder: for messages.

    Raises:
        SavedModelError: it holds graphs, for `RuntimeModel` alone.
    """
    if saved.entries.get(GRAPHS) is not None:
        raise SavedModelError(
            want="a folder that a model was saved to",
            got="one that a model was exported to, whose networks only run",
            where=str(folder),
            fix="Use steradian.RuntimeModel.load(folder), or load the folder that the model was saved to.",
        )


def _class_names(entry: Mapping[str, Any], *, where: str) -> np.ndarray:
    """The class names [num_classes], of one type, each once and sorted."""
    check_value(entry["type"], str, where=where)
    check_value(entry["names"], list[str] | list[int] | list[float] | list[bool], where=where)
    found = re.fullmatch(r"[<>|=]?(U)\d+|([<>|=]?[iufb]\d)", entry["type"])
    if found is None or (found[1] is not None) != isinstance(entry["names"][0], str):
        raise ValueError(f"classes of the type {entry['type'][:20]}")
    # Text is as wide as the longest name, whatever the file says.
    names = np.array(entry["names"], dtype=found[2] or np.str_)
    if not np.array_equal(names, np.unique(names)) or len(names) < 2 or names.tolist() != entry["names"]:
        raise ValueError("class names that are not sorted, not different, or fewer than 2")
    return names
