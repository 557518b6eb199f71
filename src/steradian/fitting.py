"""What `SphereEmbedder.fit` does: from a labelled table to encoders and class centers on the estimator."""

from dataclasses import fields
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
import torch
from rich.console import Console

from steradian.config import ModelConfig, TrainingConfig
from steradian.data import ObjectTable
from steradian.data.batch import PreparedObjects, Preprocessor
from steradian.errors import InputError
from steradian.inputs import check_validation, training_table
from steradian.model import build_model
from steradian.training import Progress, check_objective, derive_within_memory, train, with_dropout
from steradian.training.device import choose_device
from steradian.training.validation import RetrievalValidation, class_numbers, hold_out

__all__ = ["fit_model"]

C = TypeVar("C", ModelConfig, TrainingConfig)


def fit_model(
    estimator: Any,
    X: Any,
    y: Any,
    *,
    validation: ObjectTable | None,
    log_file: str | Path | None,
    save_to: str | Path | None,
) -> None:
    """Set the fitted attributes of a `SphereEmbedder`; where anything fails, it has none.

    Args:
        estimator: has the options as attributes.
        X: an `ObjectTable`, or a float array [objects, features].
        y: labels [objects]; None takes the table's own.
        validation: labelled objects for early stopping; None holds some out of X.
        log_file: where to write the history, one JSON object a line.
        save_to: a folder in which the best model so far is kept saved.

    Raises:
        InputError: labels or values that cannot be used.
        ConfigError: options that cannot be.
        TrainingError: the loss is not finite.
    """
    _forget(estimator)
    try:
        _learn(estimator, X, y, validation, None if log_file is None else Path(log_file), save_to)
    except BaseException:
        # Half of a new model beside half of an older one would answer, and wrongly.
        _forget(estimator)
        raise


def _learn(
    estimator: Any, X: Any, y: Any, validation: ObjectTable | None, log_file: Path | None, save_to: str | Path | None
) -> None:
    model_config, config = _config(estimator, ModelConfig), _config(estimator, TrainingConfig)
    device, objects = choose_device(config.device), training_table(estimator, X, y)
    if validation is None:
        objects, validation = hold_out(objects, config.validation_share, seed=config.seed)
    classes, labels = np.unique(objects.labels, return_inverse=True)
    if len(classes) < 2:
        got, where = f"1 class, {classes[0]}", f"the labels of {len(objects)} training objects"
        raise InputError("at least 2 classes", got, where, "Add objects of another class.")
    check_objective(config, model_config, objects.present)
    model_config = with_dropout(model_config, len(objects))
    estimator.schema_, estimator.classes_, estimator.configs_ = objects.schema, classes, (model_config, config)
    derived = derive_within_memory(
        config,
        labels,
        model=model_config,
        modalities=len(objects.schema.modalities),
        device=device,
        validated=validation is not None,
    )
    estimator.preprocessor_ = Preprocessor.fit(objects)
    prepared = estimator.preprocessor_.prepare(objects, labels)
    estimator.scale_, estimator.margin_ = derived.scale, derived.margin
    cuda = [device] if device.type == "cuda" else []
    console = Console() if estimator.verbose else None
    with torch.random.fork_rng(devices=cuda), Progress(console) as progress:
        torch.manual_seed(config.seed)
        estimator.encoder_, estimator.classifier_ = build_model(
            estimator.preprocessor_.modalities, model_config, num_classes=len(classes), device=device
        )
        estimator.training_ = train(
            estimator.encoder_,
            estimator.classifier_,
            objects=prepared,
            config=config,
            derived=derived,
            validation=_validation(estimator, validation, prepared),
            progress=progress,
            log_file=log_file,
            on_improvement=None if save_to is None else lambda: estimator.save(save_to),
        )
    if save_to is not None:
        estimator.save(save_to)


def _forget(estimator: Any) -> None:
    for name in [name for name in vars(estimator) if name.endswith("_")]:
        delattr(estimator, name)


def _config(estimator: Any, kind: type[C]) -> C:
    return kind(**{field.name: getattr(estimator, field.name) for field in fields(kind)})


def _validation(
    estimator: Any, validation: ObjectTable | None, training: PreparedObjects
) -> RetrievalValidation | None:
    if validation is None:
        return None
    check_validation(validation, estimator.schema_, estimator.classes_)
    prepared = estimator.preprocessor_.prepare(validation, class_numbers(validation.labels, estimator.classes_))
    return RetrievalValidation(prepared, training, seed=estimator.seed)
