"""From a labelled table to a fitted model: the closed form and networks beside it, or a network alone."""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from threading import Lock
from typing import cast

import numpy as np
import torch
from rich.console import Console

from steradian.compatibility import keep_centers, with_compatibility
from steradian.config import ModelConfig, TrainingConfig
from steradian.data import ObjectTable
from steradian.data.batch import PreparedObjects, Preprocessor
from steradian.data.object_digests import known_objects, object_digests, told_of_training_objects
from steradian.errors import warn_user
from steradian.fitted_model import FittedModel
from steradian.model import Encoder, SphericalClassifier, build_model, fingerprint_of
from steradian.ranks import Ranks, failures_told
from steradian.tracking import Follower, telling
from steradian.training import (
    Derived,
    LeftOut,
    Progress,
    TrainingResult,
    check_objective,
    check_options,
    derive_within_memory,
    train,
    with_derived,
    with_epochs_beside,
)
from steradian.training.check_several_labels import alone_for_several
from steradian.training.checkpoint import Checkpoint
from steradian.training.class_targets import ClassLabels, LabelSets, numbered_labels
from steradian.training.device import choose_device, own_modes
from steradian.training.fit_closed_form import ClosedFormFit, fit_closed_form
from steradian.training.fit_identity import fit_identity
from steradian.training.held_out import asks_for_new_classes, class_numbers, hold_out
from steradian.training.kept_centers import KeptCenters
from steradian.training.prepared_table import at_most, prepare_table, preparing, retrieval_validation
from steradian.training.shared_work import spreads_centers
from steradian.training.train_networks import (
    JUDGED,
    SMALL,
    NetworkOptions,
    Part,
    fixed_centers,
    join_parts,
    left_out_part,
    parts_to_leave_out,
    train_networks,
)
from steradian.training.try_context import try_context
from steradian.validation import check_validation

__all__ = ["fit_model", "has_closed_form"]

PREPARED_WHOLE = 1 << 15
"""Objects up to which a table is prepared at once also for the closed form alone: equal pictures are then seen once."""
_ONE_AT_A_TIME = Lock()
"""Torch's generators belong to the process: fits in two threads would draw from each other's."""


def fit_model(
    objects: ObjectTable,
    model: ModelConfig,
    config: TrainingConfig,
    *,
    validation: ObjectTable | None = None,
    log_file: Path | None = None,
    on_model: Callable[[FittedModel], None] | None = None,
    checkpoint: Path | None = None,
    console: Console | None = None,
    compatible_with: FittedModel | None = None,
    callbacks: Sequence[Follower] = (),
) -> FittedModel:
    """Learn a model. Ctrl-C ends early and returns the best so far.

    Where torch.distributed has an initialised process group, its ranks share the work: all must call this with the same
    arguments, and all get the same model. Only the first shows progress, writes and calls `on_model`. Ctrl-C then ends
    them all, and what stays is the checkpoint.

    Args:
        objects: labelled, each with a modality; with `weights`, these scale what each contributes.
        model: its options.
        config: of the training.
        validation: labelled objects for early stopping and choices; None holds some out of `objects`.
        log_file: where to write the history, one JSON object a line.
        on_model: takes the best model so far, at the end and whenever training has found a better one.
        checkpoint: a folder that keeps the training while it goes on, and from which a fit that was killed goes on; all
            ranks must see it.
        console: where progress is shown; None is silent.
        compatible_with: an earlier model whose class centers stay, so that new vectors are searched among its own.
        callbacks: told of the fit, by the first rank.

    Raises:
        InputError: labels or values that cannot be used.
        ConfigError: options that cannot be.
        TrainingError: the loss is not finite, or another rank has failed.
        SavedModelError: a checkpoint of another fit, or a damaged one.
    """
    check_options(config)
    solvable = _is_solvable(objects, model, config)
    config = alone_for_several(config, objects, solvable=solvable, validation=validation, old=compatible_with)
    with failures_told():
        ranks = Ranks.all()
        if ranks.size > 1:
            ranks.refuse_differences(fit_identity(objects, validation, model, config), where="fit on several ranks")
        if ranks.rank > 0:
            log_file, on_model, console, callbacks = None, on_model and _no_more, None, ()
        options = {**model.to_dict(), **config.to_dict(), "objects": len(objects)}
        with telling(callbacks, options) as results:
            progress = Progress(console, [follower.on_record for follower in callbacks])
            where = log_file, on_model, checkpoint, progress
            fitted = _fit_model(objects, model, config, validation, *where, ranks, compatible_with)
            results.append(fitted.training)
        return fitted


def _no_more(model: FittedModel) -> None:
    """What ranks but the first do with a model."""


def _fit_model(
    objects: ObjectTable,
    model: ModelConfig,
    config: TrainingConfig,
    validation: ObjectTable | None,
    log_file: Path | None,
    on_model: Callable[[FittedModel], None] | None,
    checkpoint: Path | None,
    progress: Progress,
    ranks: Ranks,
    old: FittedModel | None,
) -> FittedModel:
    """The same, as one of these ranks."""
    solvable = _is_solvable(objects, model, config)
    if validation is None and not solvable:
        objects, validation = hold_out(objects, config.validation_fraction, random_state=config.random_state)
    classes, labels = numbered_labels(objects)
    trained, known = object_digests(objects, objects.schema.modalities), False
    if validation is not None:
        check_validation(validation, objects.schema, classes)
        known = _tell_of_validation(validation, objects, trained)
    if not solvable:
        check_objective(config, model, objects.present, weighed=objects.weights is not None)
    device = choose_device(config.device)
    centers = None if old is None else keep_centers(old, objects, model, config)
    if centers is not None:
        model = replace(model, embedding_dim=centers.centers.shape[1])
    model = with_derived(model, objects=len(objects), num_classes=len(classes))
    derived = derive_within_memory(
        with_epochs_beside(config, len(labels)) if solvable else config,
        labels,
        model=model,
        modalities=len(objects.schema.modalities),
        device=device,
        validated=validation is not None and not solvable,
        holders=ranks.size if spreads_centers(config, len(classes), ranks) else 1,
    )
    cuda = [device] if device.type == "cuda" else []
    with _ONE_AT_A_TIME, torch.random.fork_rng(devices=cuda), own_modes(device.type):
        torch.manual_seed(config.random_state)
        kept = None
        if checkpoint is not None:
            key = str(fit_identity(objects, validation, model, config)) + (old.fingerprint if old else "")
            kept = Checkpoint(checkpoint, key, writes=ranks.rank == 0)
        fit = _Fit(
            *(objects, classes, labels, model, config, derived, validation, device, progress, log_file, on_model, kept),
            ranks=ranks,
            centers=centers,
        )
        if objects.stored is not None:
            progress.say(objects.stored.said)
        fitted = _solve_and_learn(fit) if solvable else _learn(fit)
        if old is not None and centers is not None:
            fitted, said = with_compatibility(fitted, old, centers, objects, validation)
            progress.say(said)
        fitted = _kept(fit, fitted)
        # Validation objects that were learnt from were not left out.
        fitted = replace(fitted, trained=trained, left_out=None if known else fitted.left_out)
        if kept is not None and not fitted.training.interrupted:
            kept.remove()
        return fitted


def _tell_of_validation(validation: ObjectTable, objects: ObjectTable, trained: np.ndarray) -> bool:
    """Whether most validation objects are training objects, of which a user is warned."""
    told = told_of_training_objects(known_objects(validation, objects.schema.modalities, trained), len(validation))
    if told is not None:
        warn_user(f"fit(validation=...): {told}")
    return told is not None


@dataclass(frozen=True)
class _Fit:
    """What is being fitted, and how."""

    objects: ObjectTable
    classes: np.ndarray
    labels: ClassLabels
    model: ModelConfig
    config: TrainingConfig
    derived: Derived
    validation: ObjectTable | None
    device: torch.device
    progress: Progress
    log_file: Path | None
    on_model: Callable[[FittedModel], None] | None
    checkpoint: Checkpoint | None
    ranks: Ranks
    centers: KeptCenters | None = None

    @property
    def numbers(self) -> np.ndarray:
        """Class numbers [objects], where each has one label."""
        return cast(np.ndarray, self.labels)

    def fitted(
        self,
        preprocessor: Preprocessor,
        encoder: Encoder,
        classifier: SphericalClassifier,
        training: TrainingResult,
    ) -> FittedModel:
        """The model of these parts."""
        return FittedModel(
            schema=self.objects.schema,
            classes=self.classes,
            preprocessor=preprocessor,
            encoder=encoder,
            classifier=classifier,
            model_config=self.model,
            training_config=self.config,
            scale=self.derived.scale,
            margin=self.derived.margin,
            training=training,
            fingerprint=fingerprint_of(preprocessor, encoder, classifier),
        )


def _kept(fit: _Fit, model: FittedModel) -> FittedModel:
    """The model, once who wants the best so far has it."""
    if fit.on_model is not None:
        fit.on_model(model)
    return model


def has_closed_form(model: ModelConfig, config: TrainingConfig) -> bool:
    """Whether a model with these options has a closed form: they must leave it one fixed center a class.

    Args:
        model: the model's options.
        config: the training's.
    """
    plain = config.objective == "angular" and config.center_optimizer == "adamw"
    return model.closed_form and plain and model.kind_of_fusion == "certified" and model.subcenters == 1


def _is_solvable(objects: ObjectTable, model: ModelConfig, config: TrainingConfig) -> bool:
    """Whether there is a closed form: not where training changes a pretrained encoder, whose features are not fixed."""
    fixed = not any(getattr(modality, "trainable", False) for modality in objects.schema.modalities.values())
    return has_closed_form(model, config) and fixed


def _solve_and_learn(fit: _Fit) -> FittedModel:
    """The closed form of the whole table, then networks beside it."""
    objects, config, labels = fit.objects, fit.config, fit.labels
    preprocessor = Preprocessor.fit(fit.objects)
    whole = config.epochs != 0 or len(objects) <= PREPARED_WHOLE
    prepared = prepare_table(preprocessor, objects, labels) if whole else None
    begun = time.monotonic()
    found = fit_closed_form(
        preprocessor,
        preparing(preprocessor, objects, prepared),
        labels,
        present=objects.present,
        embedding_dim=fit.model.dim,
        new_classes=isinstance(labels, np.ndarray) and asks_for_new_classes(labels, fit.classes, fit.validation),
        random_state=config.random_state,
        ranks=fit.ranks,
        kept=fit.centers,
        object_weights=objects.weights,
    )
    for line in found.told(len(objects), time.monotonic() - begun):
        fit.progress.say(line)
    model = fit.fitted(
        replace(preprocessor, closed_form=found.closed_form),
        join_parts(preprocessor, found, []).to(fit.device),
        fixed_centers(found.centers, fit.device),
        TrainingResult(0, 0, None, False, [], {"penalties": found.penalties}),
    )
    enough = config.epochs == 0 and len(objects) >= SMALL and fit.validation is None
    if prepared is None or enough or isinstance(labels, LabelSets):
        return replace(model, level=found.level)
    if config.epochs != 0:
        _kept(fit, replace(model, training=replace(model.training, ended=False)))
    try:
        return _learn_beside(fit, model, preprocessor, prepared, found)
    except KeyboardInterrupt:
        if fit.ranks.size > 1:
            raise
        fit.progress.say("stopped by Ctrl-C: the closed form alone")
        return replace(model, training=TrainingResult(0, 0, None, True, [], {"penalties": found.penalties}))


def _learn_beside(
    fit: _Fit, model: FittedModel, preprocessor: Preprocessor, prepared: PreparedObjects, found: ClosedFormFit
) -> FittedModel:
    """Networks that leave out the validation objects, or parts of the table, and what of them is kept."""
    new_classes = asks_for_new_classes(fit.numbers, fit.classes, fit.validation)
    parts = _parts(fit, preprocessor, prepared, found, new_classes=new_classes)
    if not parts:
        return model
    if fit.config.epochs == 0:
        seen = [left_out_part(part, join_parts(preprocessor, found, []), []) for part in parts]
    else:
        options = NetworkOptions(
            *(preprocessor, prepared, found, fit.model, fit.config, fit.derived, fit.device, fit.progress),
            checkpoint=fit.checkpoint,
            ranks=fit.ranks,
        )
        encoder, result, seen = train_networks(parts, options, new_classes=new_classes, log_file=fit.log_file)
        model = replace(model, encoder=encoder, training=result)
        if found.interact and fit.model.fusion is None and not result.interrupted:
            tried = try_context(parts[0], seen[0], options)
            if tried is not None:
                network, result, left_out = tried
                context = replace(fit.model, fusion="context")
                model = replace(
                    model, preprocessor=preprocessor, encoder=network, training=result, model_config=context
                )
                seen = [left_out]
    return replace(model, left_out=LeftOut.drawn(seen, new_classes=new_classes, random_state=fit.config.random_state))


def _parts(
    fit: _Fit, preprocessor: Preprocessor, prepared: PreparedObjects, found: ClosedFormFit, *, new_classes: bool
) -> list[Part]:
    """What each network learns from, and the objects that it leaves out: those of validation, or parts of the table."""
    if fit.validation is None:
        random_state = fit.config.random_state
        return parts_to_leave_out(
            *(preprocessor, prepared, found, fit.numbers, fit.classes),
            new_classes=new_classes,
            random_state=random_state,
            prepare=None if fit.objects.stored is None else preparing(preprocessor, fit.objects, None),
        )
    validation = at_most(fit.validation, JUDGED, fit.config.random_state)
    held_out = preprocessor.prepare(validation)
    closed = found.closed_form.vectors(preprocessor.modalities, held_out.items, held_out.present)
    numbers = class_numbers(validation.labels, fit.classes)
    every = np.arange(len(fit.numbers)), np.arange(len(validation))
    return [Part(*every, closed, held_out, numbers, validation.labels)]


def _learn(fit: _Fit) -> FittedModel:
    """A network alone."""
    preprocessor = Preprocessor.fit(fit.objects)
    prepared = prepare_table(preprocessor, fit.objects, fit.labels)
    parts = build_model(preprocessor.modalities, fit.model, num_classes=len(fit.classes), device=fit.device)
    if fit.centers is not None:
        parts = parts[0], fixed_centers(fit.centers.centers, fit.device)

    validation = None
    if fit.validation is not None:
        validation = retrieval_validation(
            *(preprocessor, fit.objects, fit.numbers, prepared),
            classes=fit.classes,
            validation=fit.validation,
            random_state=fit.config.random_state,
        )

    def better() -> None:
        _kept(fit, fit.fitted(preprocessor, *parts, TrainingResult(0, 0, None, False, [], ended=False)))

    result = train(
        *parts,
        objects=prepared,
        config=fit.config,
        derived=fit.derived,
        validation=validation,
        progress=fit.progress,
        log_file=fit.log_file,
        on_improvement=None if fit.on_model is None else better,
        stage=None if fit.checkpoint is None else fit.checkpoint.stage("network"),
        ranks=fit.ranks,
    )
    return fit.fitted(preprocessor, *parts, result)
