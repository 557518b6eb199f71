"""From a fitted model to what is saved of it and back: what is believed of what is read."""

import re
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any, get_type_hints

import numpy as np
import torch
from torch import nn

from steradian.calibration import Calibration
from steradian.config import ModelConfig, TrainingConfig
from steradian.data import Schema
from steradian.errors import SavedModelError
from steradian.fitted_model import FittedModel
from steradian.modalities.tensors import to_tensors
from steradian.model import SphericalClassifier, TwoPartEncoder, build_encoder, build_model
from steradian.model.inference import Encoder
from steradian.saved_arrays import check_preprocessor
from steradian.saved_files import check_value
from steradian.saved_folder import UNFIT, SavedModel, read_folder, write_folder
from steradian.training import TrainingResult
from steradian.training.device import choose_device, own_modes

__all__ = ["load_model", "save_model"]

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
LARGEST_WEIGHT = 1e6
"""Products of larger ones leave float32's range, and vectors would be no numbers."""


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
    state = _joint(model.encoder, model.classifier).state_dict()
    weights = {name: tensor.detach().cpu().numpy() for name, tensor in state.items()}
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
    for name, weight in saved.weights.items():
        if name in described and tuple(described[name].shape) != weight.shape:
            raise ValueError(f"{name} of shape {weight.shape}, and not {tuple(described[name].shape)}")
        # Weights of a pretrained encoder may hold float32's lowest number, as a mask.
        most = np.inf if ".encoder.model." in name else LARGEST_WEIGHT
        if weight.dtype.kind == "f" and not (np.isfinite(weight) & (np.abs(weight) <= most)).all():
            raise ValueError(f"{name} with a value that is not finite, or beyond {most:g}")
    with torch.random.fork_rng(devices=[]), own_modes("cpu"):
        parts = _build(saved, config, num_classes, choose_device(device))
    _joint(*parts).load_state_dict(to_tensors(saved.weights))
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
    shapes, joined = [weight.shape for weight in saved.weights.values()], saved.entries["two_parts"]
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
