"""The folder of a saved model: what is written, and what is believed of what is read."""

import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from importlib.metadata import version
from pathlib import Path
from typing import Any, TypeVar, get_type_hints

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
from steradian.saved_arrays import check_preprocessor
from steradian.saved_files import broken, check_value, read_files, read_json, refuse_special_file, replace_files
from steradian.training import TrainingResult
from steradian.training.device import choose_device, own_modes

__all__ = ["SavedModel", "load_model", "read_folder", "save_model", "write_folder"]

Part = TypeVar("Part", FittedModality, FeatureMap)

FORMAT = 1
CONFIG = "config.json"
ARRAY_PREFIX = "preprocessing/"

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
LARGEST_WEIGHT = 1e6
"""Products of larger ones leave float32's range, and vectors would be no numbers."""
UNFIT = KeyError, TypeError, ValueError, RuntimeError, AttributeError, IndexError, OverflowError
"""What values raise that are of the right kind and do not fit each other."""


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
    weights = _joint(model.encoder, model.classifier).state_dict()
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
        for name, kind in ENTRIES.items():
            check_value(entries[name], kind, where=f"{folder}, {name}")
        for name, kind in get_type_hints(TrainingResult).items():
            check_value(entries["history"][name], kind, where=f"{folder}, history, {name}")
        schema = Schema.from_dict(entries["schema"], where=f"{folder}, schema")
        classes = _class_names(entries["classes"], where=f"{folder}, classes")
        calibration, names = entries["calibration"], list(schema.modalities)
        if names != list(saved.preprocessor.modalities):
            raise KeyError(f"modalities {', '.join(names)}")
        check_preprocessor(saved.preprocessor, schema)
        parts = _with_weights(saved, model_config, len(classes), device=device)
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
    except UNFIT as error:
        raise SavedModelError(
            want="a configuration and the weights that it describes",
            got=f"{type(error).__name__}: {(str(error).splitlines() or [''])[-1].strip()}",
            where=str(folder),
            fix="Copy the whole folder again, or fit and save the model again.",
        ) from error
    return model, inputs


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


def _with_weights(
    saved: SavedModel, config: ModelConfig, num_classes: int, *, device: str
) -> tuple[Encoder, SphericalClassifier]:
    """The modules with their weights, once all sizes are known to be those of the file."""
    _refuse_sizes(saved, config, num_classes)
    with torch.random.fork_rng(devices=[]):
        described = _joint(*_build(saved, config, num_classes, torch.device("meta"))).state_dict()
    for name, tensor in saved.weights.items():
        if name in described and described[name].shape != tensor.shape:
            raise ValueError(f"{name} of shape {tuple(tensor.shape)}, and not {tuple(described[name].shape)}")
        # Weights of a pretrained encoder may hold float32's lowest number, as a mask.
        most = torch.inf if ".encoder.model." in name else LARGEST_WEIGHT
        if tensor.is_floating_point() and not bool((tensor.isfinite() & (tensor.abs() <= most)).all()):
            raise ValueError(f"{name} with a value that is not finite, or beyond {most:g}")
    with torch.random.fork_rng(devices=[]), own_modes("cpu"):
        parts = _build(saved, config, num_classes, choose_device(device))
    _joint(*parts).load_state_dict(dict(saved.weights))
    return parts


def _joint(encoder: Encoder, classifier: SphericalClassifier) -> nn.ModuleDict:
    """Both as one module, by the names that their weights are saved under."""
    return nn.ModuleDict({"encoder": encoder, "classifier": classifier})


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


def _refuse_sizes(saved: SavedModel, config: ModelConfig, num_classes: int) -> None:
    """No module is made of a size that no tensor has, nor more blocks than there are tensors."""
    shapes, joined = [tensor.shape for tensor in saved.weights.values()], saved.entries["two_parts"]
    networks = 1 if joined is None else joined["networks"]
    if not saved.entries["scale"] > 0 or (joined is not None and joined["learned_gates"] and not networks):
        raise ValueError("a scale of 0 or less, or gates of networks that there are not")
    dim = config.dim if joined is None else joined["embedding_dim"]
    sizes, counts = (
        {"embedding_dim": dim, "classes": num_classes, "subcenters": config.subcenters},
        {"networks": networks},
    )
    if networks:
        sizes |= {"width": config.width, "heads": config.heads}
        counts |= {"depth": config.depth, "fusion_depth": config.fusion_depth}
    limits = max((max(shape, default=1) for shape in shapes), default=1), len(shapes)
    for found, limit in zip((sizes, counts), limits, strict=True):
        wrong = [f"{name}={size}" for name, size in found.items() if size > limit]
        if wrong:
            raise ValueError(f"weights too small for {', '.join(wrong)}")


def _build(
    saved: SavedModel, config: ModelConfig, num_classes: int, device: torch.device
) -> tuple[Encoder, SphericalClassifier]:
    """The modules that the weights belong to."""
    modalities, joined = saved.preprocessor.modalities, saved.entries.get("two_parts")
    if joined is None:
        return build_model(modalities, config, num_classes=num_classes, device=device)
    networks = [build_encoder(modalities, config) for _ in range(joined["networks"])]
    options = {name: joined[name] for name in ("embedding_dim", "share", "learned_gates", "featured")}
    classifier = SphericalClassifier(num_classes, joined["embedding_dim"])
    classifier.weight.requires_grad_(False)
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
    path, entries, tensors = read_files(Path(folder, CONFIG), key="weights", read=_read_entries, load=_load_tensors)
    arrays = {name: tensor for name, tensor in tensors.items() if name.startswith(ARRAY_PREFIX)}
    weights = {name: tensor for name, tensor in tensors.items() if name not in arrays}
    joined = entries.get("two_parts")
    embedding_dim = None
    if joined is not None:
        check_value(joined, dict[str, Any], where=f"{path}, two_parts")
        for name, kind in TWO_PARTS.items():
            check_value(joined.get(name), kind, where=f"{path}, two_parts, {name}")
        embedding_dim = joined["embedding_dim"]
    preprocessor = _join_arrays(entries["preprocessing"], arrays, path, embedding_dim=embedding_dim)
    return SavedModel(entries, preprocessor, weights)


def _load_tensors(path: Path) -> dict[str, Tensor]:
    try:
        refuse_special_file(path)
        # The arrays are copied, and weights will be: what is mapped would end the process if the file were cut short.
        found = load_file(path)
        return {name: tensor.clone() if name.startswith(ARRAY_PREFIX) else tensor for name, tensor in found.items()}
    except (OSError, SafetensorError) as error:
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


def _join_arrays(plain: Any, arrays: Mapping[str, Tensor], path: Path, *, embedding_dim: int | None) -> Preprocessor:
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
                matrix, offset = (arrays[linear["arrays"][part]].numpy() for part in ("matrix", "offset"))
                maps[name] = LinearMap(features, matrix, offset, None if likeness is None else Likeness(**likeness))
        except KeyError as error:
            raise broken(path, "the weights, whole", f"no array {error}") from error
        except UNFIT as error:
            raise broken(path, f"the values of the modality {name!r}", f"{type(error).__name__}: {error}") from error
    return Preprocessor(modalities, None if embedding_dim is None else ClosedForm(maps, embedding_dim))


def _joined(family: type[Part], entry: Mapping[str, Any], arrays: Mapping[str, Tensor], where: str) -> Part:
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
    return kind(**plain, **{field: arrays[key].numpy() for field, key in entry["arrays"].items()})
