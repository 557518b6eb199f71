"""From a fitted model to what is saved of it and back: what is believed of what is read."""

from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any, get_type_hints

import numpy as np
import torch
from torch import nn

from steradian.config import ModelConfig, TrainingConfig
from steradian.fitted_model import FittedModel
from steradian.modalities.tensors import to_tensors
from steradian.model import SphericalClassifier, TwoPartEncoder, build_encoder, build_model
from steradian.model.inference import Encoder
from steradian.saved_description import fitting, read_description, refuse_exported
from steradian.saved_files import check_value
from steradian.saved_folder import SavedModel, read_folder, write_folder
from steradian.training import TrainingResult
from steradian.training.device import choose_device, own_modes

__all__ = ["load_model", "save_model", "saved_model"]

LARGEST_WEIGHT = 1e6
"""Products of larger ones leave float32's range, and vectors would be no numbers."""


def save_model(model: FittedModel, folder: str | Path, *, inputs: Mapping[str, Any]) -> None:
    """Write all that a fitted model is made of.

    Args:
        model: but for the objects that it was fitted on.
        folder: as of `write_folder`.
        inputs: what scikit-learn keeps of a plain array, by the estimator's attributes.
    """
    write_folder(folder, saved_model(model, inputs=inputs))


def saved_model(model: FittedModel, *, inputs: Mapping[str, Any]) -> SavedModel:
    """What `save_model` writes, as plain values and arrays.

    Args:
        model: as of `save_model`.
        inputs: likewise.
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
        "level": model.level,
        "calibration": None if model.calibration is None else model.calibration.to_dict(),
        "features": inputs.get("n_features_in_"),
        "feature_names": inputs.get("feature_names_in_", np.zeros(0)).tolist(),
    }
    state = _joint(model.encoder, model.classifier).state_dict()
    weights = {name: tensor.detach().cpu().numpy() for name, tensor in state.items()}
    return SavedModel(entries, model.preprocessor, weights)


def load_model(folder: str | Path, *, device: str) -> tuple[FittedModel, dict[str, Any]]:
    """What `save_model` wrote: the model and the estimator's attributes.

    Args:
        folder: where it was written.
        device: "auto" or a torch device.

    Raises:
        SavedModelError: from `read_folder`, or weights that the configuration does not describe.
    """
    saved = read_folder(folder)
    refuse_exported(saved, folder)
    entries = saved.entries
    with fitting(folder):
        for name, kind in get_type_hints(TrainingResult).items():
            check_value(entries["history"][name], kind, where=f"{folder}, history, {name}")
        described = read_description(saved, folder)
        parts = _with_weights(saved, described.model_config, len(described.classes), device=device)
        model = FittedModel(
            schema=described.schema,
            classes=described.classes,
            preprocessor=saved.preprocessor,
            encoder=parts[0],
            classifier=parts[1],
            model_config=described.model_config,
            training_config=TrainingConfig(**entries["training"]),
            scale=entries["scale"],
            margin=entries["margin"],
            training=TrainingResult(**entries["history"]),
            fingerprint=entries["fingerprint"],
            calibration=described.calibration,
            level=described.level,
        )
        inputs: dict[str, Any] = {}
        if entries["features"] is not None:
            inputs["n_features_in_"] = entries["features"]
        if entries["feature_names"]:
            inputs["feature_names_in_"] = np.array(entries["feature_names"], dtype=object)
    return model, inputs


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
