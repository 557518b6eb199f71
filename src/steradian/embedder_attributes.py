"""The attributes of a `SphereEmbedder`: what a user chooses, and what `fit` has made of it."""

from dataclasses import fields
from typing import Any, TypeVar

import numpy as np
from sklearn.base import BaseEstimator, ClassNamePrefixFeaturesOutMixin
from sklearn.utils.validation import check_is_fitted

from steradian.calibration import Calibration
from steradian.compatibility import kept_fingerprints
from steradian.config import (
    CenterOptimizer,
    FusionKind,
    MarginGradient,
    ModelConfig,
    Positives,
    Precision,
    SubsetPolicy,
    TrainingConfig,
)
from steradian.data import Schema
from steradian.fitted_model import FittedModel
from steradian.misspelt import telling_of_misspelt
from steradian.training import TrainingResult
from steradian.training.object_weights import ClassWeight

__all__ = ["EmbedderAttributes"]

C = TypeVar("C", ModelConfig, TrainingConfig)


class EmbedderAttributes(ClassNamePrefixFeaturesOutMixin, BaseEstimator):  # type: ignore[misc]
    """The options of a `SphereEmbedder`, and the attributes that `fit` sets.

    Where a default comes from stands at each option in `steradian.config`.

    Args:
        embedding_dim: length of the unit vector; None derives it from the number of classes.
        closed_form: solve for the vectors of fixed features first, beside which a network must earn its place.
        width: length of a token on both levels.
        depth: transformer blocks of each modality's encoder (level 1).
        fusion_depth: transformer blocks of the fusion (level 2).
        heads: attention heads of every block.
        dropout: share zeroed within the blocks in training; None derives it from the number of objects.
        input_dropout: share of a modality's raw features zeroed in training; None likewise.
        fusion: "certified", "context" or "free"; see docs/design.md. None: "certified", or "context" where left-out
            objects are surely better by it.
        context_limit: length of the context against the sum of modalities, for fusion="context".
        subcenters: centers a class, of which the nearest counts.
        epochs: passes over the training objects; 0 is the closed form alone, None derives them.
        batch_size: objects a step.
        balanced: draw as many objects of every class.
        samples_per_class: objects of a class that come together; None derives it from the objective.
        learning_rate: of the encoders.
        center_learning_rate: of the class centers.
        weight_decay: of the encoders' matrices.
        objective: "angular", or a rival of it, such as "supcon" or "clip"; docs/objectives.md has them all.
        positives: what a rival without class centers pulls together, objects of a "class" or the parts of an "object".
        scale: factor of the cosines; None derives it from the number of classes.
        margin: additive angular margin in radians; None derives it from the spacing of the class centers.
        margin_kind: "arcface", "cosface", "sphereface", "normface" (none), "curricularface", "elasticface", or one of
            your own in `steradian.losses.MARGINS`.
        margin_gradient: "exact" or "detached".
        label_smoothing: share of the target probability that is spread over all classes.
        class_share: of the other classes to draw each step.
        center_optimizer: "adamw", or "rowwise" for very many classes.
        modality_weight: weight of the single modalities' loss.
        subset_weight: weight of the random subsets' loss.
        alignment_weight: of pulling a class's modalities and whole objects together in the batch; None derives it.
        subset_policy: "both", "half" or "observed": which objects are seen through a random subset, and of what.
        validation_fraction: share of the objects held out for early stopping; None derives it from their number.
        patience: validations without a better score before training stops.
        max_grad_norm: largest norm of the encoders' gradient.
        device: "auto" or a torch device.
        precision: "auto", "float32" or "bfloat16", of the encoders in training.
        random_state: of everything random.
        schema: by which `fit` reads tables that were not read yet, such as data frames; None takes an `ObjectTable`,
            or a plain float array.
        class_weight: {label: weight}, 1 of those not named, or "balanced", which gives every class the same weight in
            all; multiplied with the `sample_weight` of `fit`. Like `schema` it is of the fit, and not saved.
        verbose: print what is derived and show progress.
    """

    verbose: bool
    fitted_: FittedModel

    @telling_of_misspelt
    def __init__(
        self,
        embedding_dim: int | None = ModelConfig.embedding_dim,
        *,
        closed_form: bool = ModelConfig.closed_form,
        width: int = ModelConfig.width,
        depth: int = ModelConfig.depth,
        fusion_depth: int = ModelConfig.fusion_depth,
        heads: int = ModelConfig.heads,
        dropout: float | None = ModelConfig.dropout,
        input_dropout: float | None = ModelConfig.input_dropout,
        fusion: FusionKind | None = ModelConfig.fusion,
        context_limit: float = ModelConfig.context_limit,
        subcenters: int = ModelConfig.subcenters,
        epochs: int | None = TrainingConfig.epochs,
        batch_size: int = TrainingConfig.batch_size,
        balanced: bool = TrainingConfig.balanced,
        samples_per_class: int | None = TrainingConfig.samples_per_class,
        learning_rate: float = TrainingConfig.learning_rate,
        center_learning_rate: float = TrainingConfig.center_learning_rate,
        weight_decay: float = TrainingConfig.weight_decay,
        objective: str = TrainingConfig.objective,
        positives: Positives = TrainingConfig.positives,
        scale: float | None = TrainingConfig.scale,
        margin: float | None = TrainingConfig.margin,
        margin_kind: str = TrainingConfig.margin_kind,
        margin_gradient: MarginGradient = TrainingConfig.margin_gradient,
        label_smoothing: float = TrainingConfig.label_smoothing,
        class_share: float = TrainingConfig.class_share,
        center_optimizer: CenterOptimizer = TrainingConfig.center_optimizer,
        modality_weight: float = TrainingConfig.modality_weight,
        subset_weight: float = TrainingConfig.subset_weight,
        alignment_weight: float | None = TrainingConfig.alignment_weight,
        subset_policy: SubsetPolicy = TrainingConfig.subset_policy,
        validation_fraction: float | None = TrainingConfig.validation_fraction,
        patience: int = TrainingConfig.patience,
        max_grad_norm: float = TrainingConfig.max_grad_norm,
        device: str = TrainingConfig.device,
        precision: Precision = TrainingConfig.precision,
        random_state: int = TrainingConfig.random_state,
        schema: Schema | None = None,
        class_weight: ClassWeight = None,
        verbose: bool = True,
    ) -> None:
        # scikit-learn wants every argument as an attribute of its name, unchanged.
        self.__dict__.update({name: value for name, value in locals().items() if name != "self"})

    def config(self, kind: type[C]) -> C:
        """The options of one kind, checked.

        Args:
            kind: of the model, or of its training.

        Raises:
            ConfigError: options that cannot be.
        """
        return kind(**{field.name: getattr(self, field.name) for field in fields(kind)})

    @property
    def fingerprint(self) -> str:
        """16 hexadecimal digits: the same after saving, loading and other classes, another for another fit."""
        return self._fitted.fingerprint

    @property
    def _inputs(self) -> dict[str, Any]:
        """What scikit-learn keeps of a plain array."""
        return {name: vars(self)[name] for name in ("n_features_in_", "feature_names_in_") if name in vars(self)}

    @property
    def compatible_fingerprints(self) -> tuple[str, ...]:
        """Those of earlier models among whose vectors this one's can be searched, see `fit(compatible_with=)`."""
        return kept_fingerprints(self._fitted)

    @property
    def _n_features_out(self) -> int:
        """How many names `get_feature_names_out` gives; with it, `set_output` works as of any transformer."""
        return self._fitted.encoder.embedding_dim

    @property
    def classes_(self) -> np.ndarray:
        """See the class; so for what follows."""
        return self._fitted.classes

    @property
    def schema_(self) -> Schema:
        """See the class."""
        return self._fitted.schema

    @property
    def scale_(self) -> float:
        """See the class."""
        return self._fitted.scale

    @property
    def margin_(self) -> float:
        """See the class."""
        return self._fitted.margin

    @property
    def training_(self) -> TrainingResult:
        """See the class."""
        return self._fitted.training

    @property
    def calibration_(self) -> Calibration:
        """See the class; without it an AttributeError, as of what a fit has not set."""
        if self._fitted.calibration is None:
            raise AttributeError("calibration_: call calibrate(held_out_objects) first")
        return self._fitted.calibration

    @property
    def _fitted(self) -> FittedModel:
        """The fitted model, or scikit-learn's error."""
        check_is_fitted(self)
        return self.fitted_

    def _forget(self) -> None:
        """Be as before the first fit: half of a new model beside half of an older one would answer, and wrongly."""
        for name in [name for name in vars(self) if name.endswith("_")]:
            delattr(self, name)
