"""What `SphereEmbedder.fit` does: from a labelled table to a model's parts on the estimator."""

import time
from collections.abc import Callable
from dataclasses import dataclass, fields, replace
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
from steradian.model import SphereEncoder, build_model
from steradian.training import (
    Derived,
    Progress,
    TrainingResult,
    check_objective,
    derive_within_memory,
    train,
    with_derived,
)
from steradian.training.device import choose_device
from steradian.training.fit_closed_form import ClosedFormFit, fit_closed_form
from steradian.training.left_out import LeftOut
from steradian.training.schedule import default_epochs
from steradian.training.train_networks import (
    SMALL,
    Part,
    fixed_centers,
    join_parts,
    left_out_part,
    parts_to_leave_out,
    train_networks,
)
from steradian.training.try_context import try_context
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
        task = _Task(objects, model_config, config, validation, None if log_file is None else Path(log_file), save_to)
        (_solve_and_learn if solvable else _learn)(estimator, task)
    except BaseException:
        # Half of a new model beside half of an older one would answer, and wrongly.
        _forget(estimator)
        raise


@dataclass(frozen=True)
class _Task:
    """What `fit` was asked for."""

    objects: ObjectTable
    model: ModelConfig
    config: TrainingConfig
    validation: ObjectTable | None
    log_file: Path | None
    save_to: str | Path | None


def has_closed_form(model: ModelConfig, config: TrainingConfig) -> bool:
    """Whether a model with these options has a closed form: they must leave it one fixed center a class.

    Args:
        model: the model's options.
        config: the training's.
    """
    plain = config.objective == "angular" and config.center_optimizer == "adamw"
    return model.closed_form and plain and model.kind_of_fusion == "certified" and model.subcenters == 1


def _tunes_an_encoder(objects: ObjectTable) -> bool:
    """Whether training changes a pretrained encoder, whose features are then not fixed."""
    return any(getattr(modality, "trainable", False) for modality in objects.schema.modalities.values())


def _solve_and_learn(estimator: Any, task: _Task) -> None:
    """The closed form of the whole table, then networks beside it."""
    objects, config, device = task.objects, task.config, choose_device(task.config.device)
    classes, labels = _classes(objects)
    if task.validation is not None:
        check_validation(task.validation, objects.schema, classes)
    new_classes = _asks_for_new_classes(labels, classes, task.validation)
    model_config = with_derived(task.model, objects=len(objects), num_classes=len(classes))
    estimator.schema_, estimator.classes_, estimator.configs_ = objects.schema, classes, (model_config, config)
    derived = _derived(_shortened(config, labels), labels, model_config, objects, device, validated=False)
    estimator.scale_, estimator.margin_ = derived.scale, derived.margin
    preprocessor = Preprocessor.fit(objects)
    whole = config.epochs != 0 or len(objects) <= PREPARED_WHOLE
    prepared = preprocessor.prepare(objects, labels) if whole else None
    with torch.random.fork_rng(devices=_cuda(device)), _progress(estimator) as progress:
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
        estimator.encoder_ = join_parts(preprocessor, found, []).to(device)
        estimator.training_ = TrainingResult(0, 0, None, False, [], {"penalties": found.penalties})
        _save(estimator, task)
        if prepared is None or (config.epochs == 0 and len(objects) >= SMALL and task.validation is None):
            return
        options = {"model": model_config, "derived": derived, "device": device, "progress": progress}
        try:
            _learn_beside(estimator, task, options, preprocessor, prepared, found, labels, new_classes)
        except KeyboardInterrupt:
            progress.say("stopped by Ctrl-C: the closed form alone")
            estimator.training_ = replace(estimator.training_, interrupted=True)
    _save(estimator, task)


def _learn_beside(
    estimator: Any,
    task: _Task,
    options: dict[str, Any],
    preprocessor: Preprocessor,
    prepared: PreparedObjects,
    found: ClosedFormFit,
    labels: np.ndarray,
    new_classes: bool,
) -> None:
    """Networks that leave out the validation objects, or parts of the table, and what of them is kept."""
    seed = task.config.seed
    if task.validation is None:
        names = estimator.classes_
        parts = parts_to_leave_out(preprocessor, prepared, found, labels, names, new_classes=new_classes, seed=seed)
    else:
        held_out = preprocessor.prepare(task.validation)
        closed = found.closed_form.vectors(preprocessor.modalities, held_out.items, held_out.present)
        numbers = class_numbers(task.validation.labels, estimator.classes_)
        every = np.arange(len(labels)), np.arange(len(task.validation))
        parts = [Part(*every, closed, held_out, numbers, task.validation.labels)]
    if not parts:
        return
    if task.config.epochs == 0:
        seen = [left_out_part(part, join_parts(preprocessor, found, []), []) for part in parts]
    else:
        options |= {"preprocessor": preprocessor, "prepared": prepared, "found": found, "config": task.config}
        learnt = train_networks(parts, new_classes=new_classes, log_file=task.log_file, **options)
        estimator.encoder_, estimator.training_, seen = learnt
        if found.interact and task.model.fusion is None and not estimator.training_.interrupted:
            tried = try_context(parts[0], seen[0], **options)
            if tried is not None:
                encoder, result, left_out = tried
                _take_context(estimator, preprocessor, encoder, result)
                seen = [left_out]
    estimator.left_out_ = LeftOut.drawn(seen, new_classes=new_classes, seed=seed)


def _take_context(estimator: Any, preprocessor: Preprocessor, encoder: SphereEncoder, result: TrainingResult) -> None:
    """A network of another fusion in place of the closed form."""
    estimator.preprocessor_, estimator.encoder_, estimator.training_ = preprocessor, encoder, result
    model, config = estimator.configs_
    estimator.configs_ = replace(model, fusion="context"), config


def _learn(estimator: Any, task: _Task) -> None:
    """A network alone."""
    objects, config, device, validation = task.objects, task.config, choose_device(task.config.device), task.validation
    if validation is None:
        objects, validation = hold_out(objects, config.validation_share, seed=config.seed)
    classes, labels = _classes(objects)
    check_objective(config, task.model, objects.present)
    model_config = with_derived(task.model, objects=len(objects), num_classes=len(classes))
    estimator.schema_, estimator.classes_, estimator.configs_ = objects.schema, classes, (model_config, config)
    derived = _derived(config, labels, model_config, objects, device, validated=validation is not None)
    estimator.preprocessor_ = Preprocessor.fit(objects)
    prepared = estimator.preprocessor_.prepare(objects, labels)
    estimator.scale_, estimator.margin_ = derived.scale, derived.margin
    with torch.random.fork_rng(devices=_cuda(device)), _progress(estimator) as progress:
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
            log_file=task.log_file,
            on_improvement=None if task.save_to is None else lambda: _save(estimator, task),
        )
    _save(estimator, task)


def _save(estimator: Any, task: _Task) -> None:
    if task.save_to is not None:
        estimator.save(task.save_to)


def _progress(estimator: Any) -> Progress:
    return Progress(Console() if estimator.verbose else None)


def _cuda(device: torch.device) -> list[torch.device]:
    """Devices beside the CPU whose generators are to be left as they were."""
    return [device] if device.type == "cuda" else []


def _derived(
    config: TrainingConfig,
    labels: np.ndarray,
    model: ModelConfig,
    objects: ObjectTable,
    device: torch.device,
    *,
    validated: bool,
) -> Derived:
    modalities = len(objects.schema.modalities)
    return derive_within_memory(config, labels, model=model, modalities=modalities, device=device, validated=validated)


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
    if found.interact:
        progress.say("classes live in the interaction of modalities, of which a closed form knows nothing")


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
