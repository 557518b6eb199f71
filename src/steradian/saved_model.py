"""The folder of a saved model: `config.json` and the weights file it names. Nothing in it is unpickled."""

import json
import os
from collections.abc import Mapping
from dataclasses import dataclass, fields
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save
from torch import Tensor

from steradian.data.batch import Preprocessor
from steradian.data.modality import FittedModality
from steradian.errors import SavedModelError

__all__ = ["SavedModel", "read_folder", "write_folder"]

FORMAT = 1
CONFIG = "config.json"
ARRAY_PREFIX = "preprocessing/"


@dataclass(frozen=True)
class SavedModel:
    """What a saved folder holds.

    Args:
        entries: plain values: configuration, schema, class names, derived numbers.
        preprocessor: the fitted modalities.
        weights: tensors by name.
    """

    entries: Mapping[str, Any]
    preprocessor: Preprocessor
    weights: Mapping[str, Tensor]


def write_folder(folder: str | Path, saved: SavedModel) -> None:
    """Write a model folder; at every moment it holds the old model whole or the new one whole.

    Weights go to a file of a new name; replacing `config.json`, which names it, is the one step that counts. Other
    files of the folder, such as an index or a log, stay.

    Args:
        folder: made if it does not exist.
        saved: what to write.
    """
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    plain, arrays = _split_arrays(saved.preprocessor)
    tensors = {name: tensor.detach().cpu().contiguous() for name, tensor in saved.weights.items()}
    weights = f"weights-{os.urandom(4).hex()}.safetensors"
    entries = {
        "format": FORMAT,
        "version": version("steradian"),
        "weights": weights,
        **saved.entries,
        "preprocessing": plain,
    }
    unfinished = folder / f".{weights}.unfinished"
    try:
        # Written by Python, since save_file leaves a file that only its owner may read.
        unfinished.write_bytes(save({**tensors, **arrays}))
        os.replace(unfinished, folder / weights)
        # Options may be numpy's numbers, such as those of a grid search; categories may hold lone surrogates.
        text = json.dumps(entries, ensure_ascii=False, indent=1, default=np.generic.item)
        unfinished.write_text(text, encoding="utf-8", errors="surrogatepass")
        os.replace(unfinished, folder / CONFIG)
    finally:
        unfinished.unlink(missing_ok=True)
    for older in folder.glob("weights-*.safetensors"):
        if older.name != weights:
            older.unlink()


def read_folder(folder: str | Path) -> SavedModel:
    """Read a model folder.

    Args:
        folder: where `write_folder` wrote it.

    Raises:
        SavedModelError: no model there, a file missing or cut short, or a format of another version.
    """
    folder = Path(folder)
    entries = _read_entries(folder / CONFIG)
    path = folder / str(entries["weights"])
    try:
        tensors = load_file(path)
    except (OSError, SafetensorError) as error:
        raise _broken(path, "the weights, whole", f"{type(error).__name__}: {error}") from error
    arrays = {name: tensor for name, tensor in tensors.items() if name.startswith(ARRAY_PREFIX)}
    weights = {name: tensor for name, tensor in tensors.items() if name not in arrays}
    return SavedModel(entries, _join_arrays(entries["preprocessing"], arrays, path), weights)


def _read_entries(path: Path) -> dict[str, Any]:
    try:
        entries = json.loads(path.read_text(encoding="utf-8", errors="surrogatepass"))
    except (FileNotFoundError, NotADirectoryError) as error:
        raise SavedModelError("a model folder", "no such file", str(path), "Check the path.") from error
    except (OSError, ValueError) as error:
        raise _broken(path, "the model's configuration, whole", str(error)) from error
    found = entries.get("format") if isinstance(entries, dict) else None
    if found != FORMAT:
        raise SavedModelError(
            want=f"a model of format {FORMAT}",
            got=f"format {found}",
            where=str(path),
            fix="Load it with the version of steradian that saved it, or fit and save it again.",
        )
    missing = [key for key in ("weights", "preprocessing", "model", "training", "schema") if key not in entries]
    if missing:
        raise _broken(path, "the model's configuration, whole", f"no {', '.join(missing)}")
    return dict(entries)


def _broken(path: Path, want: str, got: str) -> SavedModelError:
    return SavedModelError(want, got, str(path), "Copy the whole folder again, or fit and save the model again.")


def _split_arrays(preprocessor: Preprocessor) -> tuple[dict[str, Any], dict[str, Tensor]]:
    """The fitted modalities as plain values, and their arrays as tensors named by modality and field."""
    plain: dict[str, Any] = {}
    arrays = {}
    for number, (name, fitted) in enumerate(preprocessor.modalities.items()):
        plain[name] = {"type": type(fitted).__name__, "fields": {}, "arrays": {}}
        for field in fields(fitted):  # type: ignore[arg-type]  # every fitted modality is a dataclass
            value = getattr(fitted, field.name)
            if isinstance(value, np.ndarray):
                key = f"{ARRAY_PREFIX}{number}/{field.name}"
                arrays[key] = torch.from_numpy(np.ascontiguousarray(value))
                plain[name]["arrays"][field.name] = key
            else:
                plain[name]["fields"][field.name] = value
    return plain, arrays


def _join_arrays(plain: Mapping[str, Any], arrays: Mapping[str, Tensor], path: Path) -> Preprocessor:
    kinds = {kind.__name__: kind for kind in FittedModality.__subclasses__()}
    modalities = {}
    for name, entry in plain.items():
        if entry["type"] not in kinds:
            raise SavedModelError(
                want=f"a modality that is defined, of {', '.join(sorted(kinds))}",
                got=entry["type"],
                where=f"{path.parent}, modality {name!r}",
                fix="Import the module that defines it before loading the model.",
            )
        try:
            fitted_arrays = {field: arrays[key].numpy() for field, key in entry["arrays"].items()}
        except KeyError as error:
            raise _broken(path, "the weights, whole", f"no array {error}") from error
        modalities[name] = kinds[entry["type"]](**entry["fields"], **fitted_arrays)
    return Preprocessor(modalities)
