"""What `SphereEmbedder.fit` does: from a labelled table to a model's parts on the estimator."""

import time
from collections.abc import Callable
from dataclasses import fields, replace
from pathlib import Path
from textwrap import wrap
from typing import Any, TypeVar

import numpy as np
import torch
from rich.console import Console

from steradian.config import ModelConfig, TrainingConfig
from steradian.data import ObjectTable
from steradian.data.batch import PreparedObjects, Preprocessor
from steradian.errors import InputError
from steradian.inputs import check_validation, training_table
from steradian.model import TwoPartEncoder, build_model
from steradian.training import Progress, TrainingResult, check_objective, derive_within_memory, train, with_derived
from steradian.training.device import choose_device
from steradian.training.fit_closed_form import ClosedFormFit, fit_closed_form
from steradian.training.schedule import default_epochs
from steradian.training.train_networks import Part, fixed_centers, parts_to_leave_out, train_networks
from steradian.training.validation import RetrievalValidation, class_numbers, hold_out

__all__ = ["fit_model"]

C = TypeVar("C", ModelConfig, TrainingConfig)

PREPARED_WHOLE = 1 << 15
"""Objects up to which a table is prepared at once also for the closed form alone: equal pictures are then seen once."""
WIDTH = 80
"""Characters of a printed line at most."""
FEW = 5
"""Objects of a class, in the middle of all classes, up to which a table asks to find new classes again."""
BESIDE = 20
"""Passes of a network beside a closed form over a table that is neither small nor large."""
MANY_CLASSES = 30
"""Classes from which on it does."""


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
        validation: labelled objects for early stopping and choices; None holds some out of X.
        log_file: where to write the history, one JSON object a line.
        save_to: a folder in which the best model so far is kept saved.

    Raises:
        InputError: labels or values that cannot be used.
        ConfigError: options that cannot be.
        TrainingError: the loss is not finite.
    """
    _forget(estimator)
    try:
        objects = training_table(estimator, X, y)
        model_config, config = _config(estimator, ModelConfig), _config(estimator, TrainingConfig)
        solvable = has_closed_form(model_config, config) and not _tunes_an_encoder(objects)
        learn = _solve_and_learn if solvable else _learn
        log_path = None if log_file is None else Path(log_file)
        learn(estimator, objects, model_config, config, validation, log_path, save_to)
    except BaseException:
        # Half of a new model beside half of an older one would answer, and wrongly.
        _forget(estimator)
        raise


def has_closed_form(model: ModelConfig, config: TrainingConfig) -> bool:
    """Whether a model with these options has a closed form: they must leave it one fixed center a class.

    Args:
        model: the model's options.
        config: the training's.
    """
    plain = config.objective == "angular" and config.center_optimizer == "adamw"
    return model.closed_form and plain and model.fusion == "certified" and model.subcenters == 1


def _tunes_an_encoder(objects: ObjectTable) -> bool:
    """Whether training changes a pretrained encoder, whose features are then not fixed."""
    return any(getattr(modality, "trainable", False) for modality in objects.schema.modalities.values())


def _solve_and_learn(
    estimator: Any,
    objects: ObjectTable,
    model_config: ModelConfig,
    config: TrainingConfig,
    validation: ObjectTable | None,
    log_file: Path | None,
    save_to: str | Path | None,
) -> None:
    """The closed form of the whole table, then networks beside it."""
    device = choose_device(config.device)
    classes, labels = _classes(objects)
    if validation is not None:
        check_validation(validation, objects.schema, classes)
    new_classes = _asks_for_new_classes(labels, classes, validation)
    model_config = with_derived(model_config, objects=len(objects), num_classes=len(classes))
    estimator.schema_, estimator.classes_, estimator.configs_ = objects.schema, classes, (model_config, config)
    derived = derive_within_memory(
        _shortened(config, labels),
        labels,
        model=model_config,
        modalities=len(objects.schema.modalities),
        device=device,
        validated=False,
    )
    estimator.scale_, estimator.margin_ = derived.scale, derived.margin
    preprocessor = Preprocessor.fit(objects)
    whole = config.epochs != 0 or len(objects) <= PREPARED_WHOLE
    prepared = preprocessor.prepare(objects, labels) if whole else None
    cuda = [device] if device.type == "cuda" else []
    with torch.random.fork_rng(devices=cuda), Progress(Console() if estimator.verbose else None) as progress:
        torch.manual_seed(config.seed)
        begun = time.monotonic()
        found = fit_closed_form(
            preprocessor,
            _preparing(preprocessor, objects, prepared),
            labels,
            present=objects.present,
            embedding_dim=model_config.dim,
            new_classes=new_classes,
            seed=config.seed,
        )
        _say_closed_form(progress, found, len(objects), time.monotonic() - begun)
        estimator.preprocessor_ = replace(preprocessor, closed_form=found.closed_form)
        estimator.classifier_ = fixed_centers(found.centers, device)
        estimator.encoder_ = _closed_encoder(preprocessor, found, device)
        estimator.training_ = TrainingResult(0, 0, None, False, [], {"penalties": found.penalties})
        if save_to is not None:
            estimator.save(save_to)
        if prepared is None or config.epochs == 0:
            return
        try:
            parts = _parts(preprocessor, prepared, found, objects, labels, classes, validation, new_classes, config)
            if parts:
                estimator.encoder_, estimator.training_ = train_networks(
                    parts,
                    preprocessor=preprocessor,
                    prepared=prepared,
                    found=found,
                    model=model_config,
                    config=config,
                    derived=derived,
                    new_classes=new_classes,
                    device=device,
                    progress=progress,
                    log_file=log_file,
                )
        except KeyboardInterrupt:
            progress.say("stopped by Ctrl-C: the closed form alone")
            estimator.training_ = replace(estimator.training_, interrupted=True)
    if save_to is not None:
        estimator.save(save_to)


def _learn(
    estimator: Any,
    objects: ObjectTable,
    model_config: ModelConfig,
    config: TrainingConfig,
    validation: ObjectTable | None,
    log_file: Path | None,
    save_to: str | Path | None,
) -> None:
    """A network alone."""
    device = choose_device(config.device)
    if validation is None:
        objects, validation = hold_out(objects, config.validation_share, seed=config.seed)
    classes, labels = _classes(objects)
    check_objective(config, model_config, objects.present)
    model_config = with_derived(model_config, objects=len(objects), num_classes=len(classes))
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


def _classes(objects: ObjectTable) -> tuple[np.ndarray, np.ndarray]:
    """Class names [num_classes], sorted, and each object's class number [objects]."""
    classes, labels = np.unique(objects.labels, return_inverse=True)
    if len(classes) < 2:
        got, where = f"1 class, {classes[0]}", f"the labels of {len(objects)} training objects"
        raise InputError("at least 2 classes", got, where, "Add objects of another class.")
    return classes, labels


def _asks_for_new_classes(labels: np.ndarray, classes: np.ndarray, validation: ObjectTable | None) -> bool:
    """Whether the model is to find new classes, as most validation objects are, or few objects of many classes say."""
    if validation is not None:
        return bool(np.isin(validation.labels, classes).mean() < 0.5)
    return len(classes) >= MANY_CLASSES and bool(np.median(np.bincount(labels)) <= FEW)


def _shortened(config: TrainingConfig, labels: np.ndarray) -> TrainingConfig:
    """The configuration with its epochs filled in: a network beside a closed form need not find everything itself."""
    if config.epochs is not None:
        return config
    return replace(config, epochs=default_epochs(len(labels), config.batch_size, usual=BESIDE))


def _preparing(
    preprocessor: Preprocessor, objects: ObjectTable, prepared: PreparedObjects | None
) -> Callable[[np.ndarray], tuple[PreparedObjects, np.ndarray]]:
    """What brings rows to prepared objects: the whole table's where that is there, else some rows at a time."""
    if prepared is not None:
        return lambda rows: (prepared, rows)
    return lambda rows: (preprocessor.prepare(objects[rows]), np.arange(len(rows)))


def _say_closed_form(progress: Progress, found: ClosedFormFit, objects: int, seconds: float) -> None:
    shown = ", ".join(
        f"{name} {penalty:.2g}" + (f" (weight {found.weights[name]:g})" if found.weights[name] != 1 else "")
        for name, penalty in found.penalties.items()
    )
    for line in wrap(f"closed form of {objects} objects in {seconds:.1f} s, penalty {shown}", WIDTH):
        progress.say(line)


def _closed_encoder(preprocessor: Preprocessor, found: ClosedFormFit, device: torch.device) -> TwoPartEncoder:
    """The closed form without a network."""
    return TwoPartEncoder(
        tuple(preprocessor.modalities),
        (),
        embedding_dim=found.closed_form.embedding_dim,
        share=0.0,
        learned_gates=False,
        featured=[name in found.closed_form.maps for name in preprocessor.modalities],
    ).to(device)


def _parts(
    preprocessor: Preprocessor,
    prepared: PreparedObjects,
    found: ClosedFormFit,
    objects: ObjectTable,
    labels: np.ndarray,
    classes: np.ndarray,
    validation: ObjectTable | None,
    new_classes: bool,
    config: TrainingConfig,
) -> list[Part]:
    """What networks learn from and leave out: the validation objects, or parts of the table."""
    if validation is None:
        return parts_to_leave_out(preprocessor, prepared, found, labels, new_classes=new_classes, seed=config.seed)
    held_out = preprocessor.prepare(validation)
    closed = found.closed_form.vectors(preprocessor.modalities, held_out.items, held_out.present)
    numbers = class_numbers(validation.labels, classes)
    return [Part(np.arange(len(objects)), np.arange(len(validation)), closed, held_out, numbers)]


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
