"""Saved folders: a JSON file and the file of arrays it names. A model's is here; an index is kept the same way.

Nothing in them is unpickled.
"""

import json
import os
import re
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, fields
from importlib.metadata import version
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save
from torch import Tensor, nn

from steradian.calibration import Calibration
from steradian.config import ModelConfig, TrainingConfig
from steradian.data import Schema
from steradian.data.batch import Preprocessor
from steradian.data.closed_form import ClosedForm, Likeness, LinearMap
from steradian.data.modality import FeatureMap, FittedModality
from steradian.errors import SavedModelError
from steradian.fitted_model import FittedModel
from steradian.model import SphericalClassifier, TwoPartEncoder, build_encoder, build_model
from steradian.model.inference import Encoder
from steradian.training import TrainingResult
from steradian.training.device import choose_device

__all__ = ["SavedModel", "load_model", "read_files", "read_folder", "replace_files", "save_model", "write_folder"]

Content = TypeVar("Content")
Part = TypeVar("Part", FittedModality, FeatureMap)

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


def save_model(model: FittedModel, folder: str | Path, *, inputs: Mapping[str, Any]) -> None:
    """Write all that a fitted model is made of.

    Args:
        model: but for the objects that it was fitted on.
        folder: as of `write_folder`.
        inputs: what scikit-learn keeps of a plain array, by the estimator's attributes.
    """
    entries = {
        "model": model.model_config.to_dict(),
        "training": model.training_config.to_dict(),
        "schema": model.schema.to_dict(),
        "classes": {"type": model.classes.dtype.str, "names": model.classes.tolist()},
        "scale": model.scale,
        "margin": model.margin,
        "fingerprint": model.fingerprint,
        "two_parts": _two_parts(model.encoder),
        "history": asdict(model.training),
        "calibration": None if model.calibration is None else model.calibration.to_dict(),
        "features": inputs.get("n_features_in_"),
        "feature_names": inputs.get("feature_names_in_", np.zeros(0)).tolist(),
    }
    weights = nn.ModuleDict({"encoder": model.encoder, "classifier": model.classifier}).state_dict()
    write_folder(folder, SavedModel(entries, model.preprocessor, weights))


def load_model(folder: str | Path, *, device: str) -> tuple[FittedModel, dict[str, Any]]:
    """What `save_model` wrote: the model and the estimator's attributes.

    Args:
        folder: where it was written.
        device: "auto" or a torch device.

    Raises:
        SavedModelError: from `read_folder`, or weights that the configuration does not describe.
    """
    saved = read_folder(folder)
    entries = saved.entries
    try:
        model_config, config = ModelConfig(**entries["model"]), TrainingConfig(**entries["training"])
        schema = Schema.from_dict(entries["schema"], where=f"{folder}, schema")
        classes = np.array(entries["classes"]["names"], dtype=entries["classes"]["type"])
        calibration = entries["calibration"]
        with torch.random.fork_rng(devices=[]):
            parts = _build(saved, model_config, num_classes=len(classes), device=choose_device(device))
        nn.ModuleDict(dict(zip(("encoder", "classifier"), parts, strict=True))).load_state_dict(dict(saved.weights))
        names = list(schema.modalities)
        model = FittedModel(
            schema=schema,
            classes=classes,
            preprocessor=saved.preprocessor,
            encoder=parts[0],
            classifier=parts[1],
            model_config=model_config,
            training_config=config,
            scale=entries["scale"],
            margin=entries["margin"],
            training=TrainingResult(**entries["history"]),
            fingerprint=entries["fingerprint"],
            calibration=None
            if calibration is None
            else Calibration.from_dict(calibration, modalities=names, classes=classes),
        )
        inputs: dict[str, Any] = {}
        if entries["features"] is not None:
            inputs["n_features_in_"] = entries["features"]
        if entries["feature_names"]:
            inputs["feature_names_in_"] = np.array(entries["feature_names"], dtype=object)
    except (KeyError, TypeError, RuntimeError) as error:
        raise SavedModelError(
            want="a configuration and the weights that it describes",
            got=f"{type(error).__name__}: {str(error).splitlines()[-1].strip()}",
            where=str(folder),
            fix="Copy the whole folder again, or fit and save the model again.",
        ) from error
    return model, inputs


def _two_parts(encoder: Encoder) -> dict[str, Any] | None:
    """How the closed form and the networks are joined; None where a network stands alone."""
    if not isinstance(encoder, TwoPartEncoder):
        return None
    return {
        "networks": len(encoder.networks),
        "share": float(encoder.share),
        "learned_gates": encoder.fusion.learned,
        "embedding_dim": encoder.embedding_dim,
        "featured": encoder.featured.tolist(),
    }


def _build(
    saved: SavedModel, config: ModelConfig, *, num_classes: int, device: torch.device
) -> tuple[Encoder, SphericalClassifier]:
    """The modules that the weights belong to."""
    modalities, joined = saved.preprocessor.modalities, saved.entries.get("two_parts")
    if joined is None:
        return build_model(modalities, config, num_classes=num_classes, device=device)
    networks = [build_encoder(modalities, config) for _ in range(joined["networks"])]
    options = {name: joined[name] for name in ("embedding_dim", "share", "learned_gates", "featured")}
    classifier = SphericalClassifier(num_classes, joined["embedding_dim"])
    classifier.directions.requires_grad_(False)
    return TwoPartEncoder(tuple(modalities), networks, **options).to(device).eval(), classifier.to(device)


def write_folder(folder: str | Path, saved: SavedModel) -> None:
    """Write a model folder; at every moment it holds the old model whole or the new one whole.

    Args:
        folder: made if it does not exist; other files in it, such as a log, stay.
        saved: what to write.
    """
    plain, arrays = _split_arrays(saved.preprocessor)
    tensors = {name: tensor.detach().cpu().contiguous() for name, tensor in saved.weights.items()}
    entries = {"format": FORMAT, "version": version("steradian"), **saved.entries, "preprocessing": plain}
    # To bytes and not by save_file, which leaves a file that only its owner may read.
    replace_files(Path(folder, CONFIG), entries, key="weights", content=save({**tensors, **arrays}))


def read_folder(folder: str | Path) -> SavedModel:
    """Read a model folder.

    Args:
        folder: where `write_folder` wrote it.

    Raises:
        SavedModelError: no model there, a file missing or cut short, or a format of another version.
    """
    path, entries, tensors = read_files(Path(folder, CONFIG), key="weights", read=_read_entries, load=_load_weights)
    arrays = {name: tensor for name, tensor in tensors.items() if name.startswith(ARRAY_PREFIX)}
    weights = {name: tensor for name, tensor in tensors.items() if name not in arrays}
    joined = entries.get("two_parts")
    embedding_dim = None if joined is None else joined["embedding_dim"]
    preprocessor = _join_arrays(entries["preprocessing"], arrays, path, embedding_dim=embedding_dim)
    return SavedModel(entries, preprocessor, weights)


def replace_files(path: Path, entries: Mapping[str, Any], *, key: str, content: bytes) -> None:
    """Write a JSON file and the safetensors file it names; whoever reads finds the old two or the new two.

    The content goes to a file of a new name. Replacing the JSON file is the one step that counts; the file that only
    the old one named is removed after it. Of two saves at the same time, one stands; the other may leave its content.

    Args:
        path: the JSON file; its folder is made if it does not exist.
        entries: its values.
        key: the entry that names the other file, whose name begins with it.
        content: of the other file.

    Raises:
        SavedModelError: a file stands where the folder should be.
    """
    if path.parent.exists() and not path.parent.is_dir():
        raise SavedModelError("a folder to write to", "a file", str(path.parent), "Choose another name.")
    path.parent.mkdir(parents=True, exist_ok=True)
    name = f"{key}-{os.urandom(4).hex()}.safetensors"
    unfinished = path.with_name(f".{name}.unfinished")
    before = None
    try:
        unfinished.write_bytes(content)
        os.replace(unfinished, path.with_name(name))
        # Options may be numpy's numbers, such as those of a grid search; categories may hold lone surrogates.
        text = json.dumps({key: name, **entries}, ensure_ascii=False, indent=1, default=np.generic.item)
        unfinished.write_text(text, encoding="utf-8", errors="surrogatepass")
        before = _named(path, key)
        os.replace(unfinished, path)
    finally:
        unfinished.unlink(missing_ok=True)
        # What is not named now will never be: no two saves choose the same name.
        for unused in {before, name} - {_named(path, key), None}:
            path.with_name(str(unused)).unlink(missing_ok=True)


def read_files(
    path: Path, *, key: str, read: Callable[[Path], dict[str, Any]], load: Callable[[Path], Content]
) -> tuple[Path, dict[str, Any], Content]:
    """What `replace_files` wrote, also while it is being replaced.

    Args:
        path: the JSON file.
        key: the entry that names the other file.
        read: the entries of a JSON file.
        load: the content of the other file.

    Returns:
        The path of the other file, the entries, the content.

    Raises:
        SavedModelError: from `read` or `load`.
    """
    entries = read(path)
    while True:
        other = path.parent / str(entries[key])
        try:
            return other, entries, load(other)
        except SavedModelError:
            # A save that ended meanwhile has removed the file, and named another.
            newer = read(path)
            if newer[key] == entries[key]:
                raise
            entries = newer


def _named(path: Path, key: str) -> str | None:
    """The file that a JSON file names, if it is one that `replace_files` made: no other is ever removed."""
    try:
        name = json.loads(path.read_bytes().decode("utf-8", "surrogatepass"))[key]
    except (OSError, ValueError, LookupError, TypeError):
        return None
    return name if isinstance(name, str) and re.fullmatch(rf"{key}-[0-9a-f]+\.safetensors", name) else None


def _load_weights(path: Path) -> dict[str, Tensor]:
    try:
        return load_file(path)
    except (OSError, SafetensorError) as error:
        raise _broken(path, "the weights, whole", f"{type(error).__name__}: {error}") from error


def _read_entries(path: Path) -> dict[str, Any]:
    try:
        entries = json.loads(path.read_text(encoding="utf-8", errors="surrogatepass"))
    except (FileNotFoundError, NotADirectoryError) as error:
        got = "a file" if path.parent.is_file() else "no such file"
        raise SavedModelError("a model folder", got, str(path), "Check the path.") from error
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
    """The fitted modalities, and the closed form's maps, as plain values, and their arrays as tensors by place."""
    plain: dict[str, Any] = {}
    arrays: dict[str, Tensor] = {}
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
                arrays[key] = torch.from_numpy(np.array(getattr(linear, part), order="C"))
                plain[name]["closed_form"]["arrays"][part] = key
    return plain, arrays


def _split(value: FittedModality | FeatureMap, place: str, arrays: dict[str, Tensor]) -> dict[str, Any]:
    """A dataclass as its type and plain fields; its arrays go to `arrays`, under names that begin with a place."""
    plain: dict[str, Any] = {"type": type(value).__name__, "fields": {}, "arrays": {}}
    for field in fields(value):  # type: ignore[arg-type]  # each of both kinds is a dataclass
        content = getattr(value, field.name)
        if isinstance(content, np.ndarray):
            key = f"{place}/{field.name}"
            # A copy, since safetensors refuses arrays that share memory.
            arrays[key] = torch.from_numpy(np.array(content, order="C"))
            plain["arrays"][field.name] = key
        else:
            plain["fields"][field.name] = content
    return plain


def _join_arrays(
    plain: Mapping[str, Any], arrays: Mapping[str, Tensor], path: Path, *, embedding_dim: int | None
) -> Preprocessor:
    modalities: dict[str, FittedModality] = {}
    maps: dict[str, LinearMap] = {}
    for name, entry in plain.items():
        where = f"{path.parent}, modality {name!r}"
        try:
            modalities[name] = _joined(FittedModality, entry, arrays, where)  # type: ignore[type-abstract]
            if "closed_form" in entry:
                linear = entry["closed_form"]
                features = _joined(FeatureMap, linear["features"], arrays, where)  # type: ignore[type-abstract]
                matrix, offset = (arrays[linear["arrays"][part]].numpy() for part in ("matrix", "offset"))
                likeness = None if linear["likeness"] is None else Likeness(**linear["likeness"])
                maps[name] = LinearMap(features, matrix, offset, likeness)
        except KeyError as error:
            raise _broken(path, "the weights, whole", f"no array {error}") from error
    return Preprocessor(modalities, None if embedding_dim is None else ClosedForm(maps, embedding_dim))


def _joined(family: type[Part], entry: Mapping[str, Any], arrays: Mapping[str, Tensor], where: str) -> Part:
    """A dataclass of a family from what `_split` made of it."""
    kinds = {kind.__name__: kind for kind in family.__subclasses__()}
    if entry["type"] not in kinds:
        raise SavedModelError(
            want=f"a modality that is defined, of {', '.join(sorted(kinds))}",
            got=entry["type"],
            where=where,
            fix="Import the module that defines it before loading the model.",
        )
    found = {field: arrays[key].numpy() for field, key in entry["arrays"].items()}
    return kinds[entry["type"]](**entry["fields"], **found)
