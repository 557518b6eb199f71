"""The folder of a saved model as plain values and arrays, written and read without torch."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from importlib.metadata import version
from pathlib import Path
from typing import Any, TypeVar, get_type_hints

import numpy as np
from safetensors import SafetensorError
from safetensors.numpy import load_file, save

from steradian.data.batch import Preprocessor
from steradian.data.closed_form import ClosedForm, Likeness, LinearMap
from steradian.data.modality import FeatureMap, FittedModality
from steradian.errors import SavedModelError
from steradian.modalities import pretrained  # noqa: F401  # with all others: classes are found by their names
from steradian.saved_files import broken, check_value, read_files, read_json, refuse_special_file, replace_files

__all__ = ["UNFIT", "SavedModel", "read_folder", "write_folder"]

Part = TypeVar("Part", FittedModality, FeatureMap)

FORMAT = 1
CONFIG = "config.json"
ARRAY_PREFIX = "preprocessing/"

TWO_PARTS: dict[str, Any] = {
    "networks": int,
    "share": float,
    "learned_gates": bool,
    "embedding_dim": int,
    "featured": list[bool],
}
"""Of the entry of a closed form and the networks beside it."""
PART: dict[str, Any] = {"type": str, "fields": dict[str, Any], "arrays": dict[str, str]}
"""Of a fitted modality, or of the features of its closed form."""
UNFIT = KeyError, TypeError, ValueError, RuntimeError, AttributeError, IndexError, OverflowError
"""What values raise that are of the right kind and do not fit each other."""


@dataclass(frozen=True)
class SavedModel:
    """What a saved folder holds.

    Args:
        entries: plain values: configuration, schema, class names, derived numbers.
        preprocessor: the fitted modalities.
        weights: arrays by name.
    """

    entries: Mapping[str, Any]
    preprocessor: Preprocessor
    weights: Mapping[str, np.ndarray]


def write_folder(folder: str | Path, saved: SavedModel) -> None:
    """Write a model folder; at every moment it holds the old model whole or the new one whole.

    Args:
        folder: made if it does not exist; other files in it, such as a log, stay.
        saved: what to write.
    """
    plain, arrays = _split_arrays(saved.preprocessor)
    entries = {"format": FORMAT, "version": version("steradian"), **saved.entries, "preprocessing": plain}
    # `save` writes an array as it lies in memory. To bytes, since save_file leaves a file only its owner may read.
    content = save({name: np.asarray(array, order="C") for name, array in {**saved.weights, **arrays}.items()})
    replace_files(Path(folder, CONFIG), entries, key="weights", content=content)


def read_folder(folder: str | Path) -> SavedModel:
    """Read a model folder.

    Args:
        folder: where `write_folder` wrote it.

    Raises:
        SavedModelError: no model there, a file missing or cut short, or a format of another version.
    """
    path, entries, found = read_files(Path(folder, CONFIG), key="weights", read=_read_entries, load=_load_arrays)
    arrays = {name: array for name, array in found.items() if name.startswith(ARRAY_PREFIX)}
    weights = {name: array for name, array in found.items() if name not in arrays}
    joined = entries.get("two_parts")
    embedding_dim = None
    if joined is not None:
        check_value(joined, dict[str, Any], where=f"{path}, two_parts")
        for name, kind in TWO_PARTS.items():
            check_value(joined.get(name), kind, where=f"{path}, two_parts, {name}")
        embedding_dim = joined["embedding_dim"]
    preprocessor = _join_arrays(entries["preprocessing"], arrays, path, embedding_dim=embedding_dim)
    return SavedModel(entries, preprocessor, weights)


def _load_arrays(path: Path) -> dict[str, np.ndarray]:
    try:
        refuse_special_file(path)
        return load_file(path)
    except (OSError, SafetensorError, *UNFIT) as error:
        raise broken(path, "the weights, whole", f"{type(error).__name__}: {error}") from error


def _read_entries(path: Path) -> dict[str, Any]:
    entries = read_json(path)
    found = entries.get("format")
    if found != FORMAT:
        raise SavedModelError(
            want=f"a model of format {FORMAT}",
            got=f"format {found}"[:100],
            where=str(path),
            fix="Load it with the version of steradian that saved it, or fit and save it again.",
        )
    missing = [key for key in ("weights", "preprocessing", "model", "training", "schema") if key not in entries]
    if missing:
        raise broken(path, "the model's configuration, whole", f"no {', '.join(missing)}")
    return entries


def _split_arrays(preprocessor: Preprocessor) -> tuple[dict[str, Any], dict[str, np.ndarray]]:
    """The fitted modalities, and the closed form's maps, as plain values, and their arrays by place."""
    plain: dict[str, Any] = {}
    arrays: dict[str, np.ndarray] = {}
    form = preprocessor.closed_form
    for number, (name, fitted) in enumerate(preprocessor.modalities.items()):
        plain[name] = _split(fitted, f"{ARRAY_PREFIX}{number}", arrays)
        linear = None if form is None else form.maps.get(name)
        if linear is not None:
            features = _split(linear.features, f"{ARRAY_PREFIX}{number}/features", arrays)
            likeness = None if linear.likeness is None else asdict(linear.likeness)
            plain[name]["closed_form"] = {"features": features, "arrays": {}, "likeness": likeness}
            for part in ("matrix", "offset"):
                key = f"{ARRAY_PREFIX}{number}/closed_form/{part}"
                arrays[key] = np.asarray(getattr(linear, part))
                plain[name]["closed_form"]["arrays"][part] = key
    return plain, arrays


def _split(value: FittedModality | FeatureMap, place: str, arrays: dict[str, np.ndarray]) -> dict[str, Any]:
    """A dataclass as its type and plain fields; its arrays go to `arrays`, under names that begin with a place."""
    plain: dict[str, Any] = {"type": type(value).__name__, "fields": {}, "arrays": {}}
    for field in fields(value):  # type: ignore[arg-type]  # each of both kinds is a dataclass
        content = getattr(value, field.name)
        if isinstance(content, np.ndarray):
            key = f"{place}/{field.name}"
            arrays[key] = content
            plain["arrays"][field.name] = key
        else:
            plain["fields"][field.name] = content
    return plain


def _join_arrays(
    plain: Any, arrays: Mapping[str, np.ndarray], path: Path, *, embedding_dim: int | None
) -> Preprocessor:
    check_value(plain, dict[str, dict[str, Any]], where=f"{path.parent}, preprocessing")
    modalities: dict[str, FittedModality] = {}
    maps: dict[str, LinearMap] = {}
    for name, entry in plain.items():
        where = f"{path.parent}, modality {name!r}"
        try:
            modalities[name] = _joined(FittedModality, entry, arrays, where)  # type: ignore[type-abstract]
            if "closed_form" in entry:
                linear, likeness = entry["closed_form"], entry["closed_form"]["likeness"]
                for field, kind in get_type_hints(Likeness).items() if likeness is not None else ():
                    check_value(likeness[field], kind, where=f"{where}, likeness, {field}")
                features = _joined(FeatureMap, linear["features"], arrays, where)  # type: ignore[type-abstract]
                matrix, offset = (arrays[linear["arrays"][part]] for part in ("matrix", "offset"))
                maps[name] = LinearMap(features, matrix, offset, None if likeness is None else Likeness(**likeness))
        except KeyError as error:
            raise broken(path, "the weights, whole", f"no array {error}") from error
        except UNFIT as error:
            raise broken(path, f"the values of the modality {name!r}", f"{type(error).__name__}: {error}") from error
    return Preprocessor(modalities, None if embedding_dim is None else ClosedForm(maps, embedding_dim))


def _joined(family: type[Part], entry: Mapping[str, Any], arrays: Mapping[str, np.ndarray], where: str) -> Part:
    """A dataclass of a family from what `_split` made of it, its plain fields of the kinds that it declares."""
    for name, kind in PART.items():
        check_value(entry[name], kind, where=f"{where}, {name}")
    kinds = {kind.__name__: kind for kind in family.__subclasses__()}
    if entry["type"] not in kinds:
        raise SavedModelError(
            want=f"a modality that is defined, of {', '.join(sorted(kinds))}",
            got=entry["type"],
            where=where,
            fix="Import the module that defines it before loading the model.",
        )
    kind, plain = kinds[entry["type"]], dict(entry["fields"])
    declared = get_type_hints(kind)
    for name, value in plain.items():
        check_value(value, declared.get(name, Any), where=f"{where}, {name}")
    if {name for name in entry["arrays"] if declared.get(name) is not np.ndarray}:
        raise ValueError(f"an array in place of one of {', '.join(plain)}")
    return kind(**plain, **{field: arrays[key] for field, key in entry["arrays"].items()})
