"""The front door: `SphereEmbedder`, a scikit-learn estimator over tables of multimodal objects."""

from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any, Self, TypeVar

import numpy as np
from scipy.special import softmax
from sklearn.base import BaseEstimator, ClassifierMixin, TransformerMixin
from sklearn.metrics import accuracy_score
from sklearn.utils import Tags
from sklearn.utils.validation import check_is_fitted, column_or_1d

from steradian import config as options
from steradian.answers import Answers
from steradian.calibration import calibration_of, scales_of, with_unknown
from steradian.config import ModelConfig, TrainingConfig
from steradian.data import ObjectTable, Schema
from steradian.data.batch import Preprocessor
from steradian.errors import InputError
from steradian.fitting import fit_model
from steradian.inputs import present_modalities, query_table, refuse_objects_without, refuse_other_labels
from steradian.metrics import to_angles
from steradian.model import Encoder, SphericalClassifier, class_cosines, embed_table, nearest_centers
from steradian.saved_model import load_model, save_model
from steradian.training import TrainingResult

__all__ = ["SphereEmbedder"]

S = TypeVar("S", bound=Sequence[str] | np.ndarray)

BATCH = 512
"""Objects encoded at a time by `transform`: 256 to 1024 are equally fast on CPU."""


class SphereEmbedder(Answers, TransformerMixin, ClassifierMixin, BaseEstimator):  # type: ignore[misc]
    """Learns one unit vector an object from labelled objects of several modalities, some of them missing.

    A scikit-learn estimator for pipelines, cross-validation and grid search. It takes an `ObjectTable`, or a plain
    float array [objects, features] as one vector modality.

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
        class_group: objects of a class that come together; None derives it from the objective.
        learning_rate: of the encoders.
        center_learning_rate: of the class centers.
        weight_decay: of the encoders' matrices.
        objective: "angular", or a rival of it, such as "supcon" or "clip"; docs/objectives.md has them all.
        positives: what a rival without class centers pulls together, objects of a "class" or the parts of an "object".
        scale: factor of the cosines; None derives it from the number of classes.
        margin: additive angular margin in radians; None derives it from the spacing of the class centers.
        margin_kind: "arcface", "cosface", "sphereface", "normface" (none), "curricularface" or "elasticface".
        margin_gradient: "exact" or "detached".
        label_smoothing: share of the target probability that is spread over all classes.
        class_share: of the other classes to draw each step.
        center_optimizer: "adamw", or "rowwise" for very many classes.
        modality_weight: weight of the single modalities' loss.
        subset_weight: weight of the random subsets' loss.
        alignment_weight: of pulling a class's modalities and whole objects together in the batch; None derives it.
        subset_policy: "both", "half" or "observed": which objects are seen through a random subset, and of what.
        validation_share: share of the objects held out for early stopping; None derives it from the number of objects.
        patience: validations without a better score before training stops.
        clip: largest norm of the encoders' gradient.
        device: "auto" or a torch device.
        precision: "auto", "float32" or "bfloat16", of the encoders in training.
        seed: of everything random.
        verbose: print what is derived and show progress.

    Attributes:
        classes_: the class names, sorted [num_classes].
        schema_: the schema of the training table.
        scale_: the scale used.
        margin_: the margin used, in radians.
        training_: how training went, a `TrainingResult`.
        calibration_: what `calibrate` found, once it was called.

    Example:
        >>> import numpy as np
        >>> labels = np.repeat(["left", "right"], 20)
        >>> points = np.random.default_rng(0).normal(size=(40, 3)) + np.where(labels == "left", -2, 2)[:, None]
        >>> model = SphereEmbedder(embedding_dim=8, epochs=20, verbose=False).fit(points, labels)
        >>> model.transform(points).shape, model.predict(points[:1])
        ((40, 8), array(['left'], dtype='<U5'))
    """

    verbose: bool
    configs_: tuple[ModelConfig, TrainingConfig]
    schema_: Schema
    classes_: np.ndarray
    preprocessor_: Preprocessor
    encoder_: Encoder
    classifier_: SphericalClassifier
    scale_: float
    margin_: float
    training_: TrainingResult

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
        fusion: options.FusionKind | None = ModelConfig.fusion,
        context_limit: float = ModelConfig.context_limit,
        subcenters: int = ModelConfig.subcenters,
        epochs: int | None = TrainingConfig.epochs,
        batch_size: int = TrainingConfig.batch_size,
        balanced: bool = TrainingConfig.balanced,
        class_group: int | None = TrainingConfig.class_group,
        learning_rate: float = TrainingConfig.learning_rate,
        center_learning_rate: float = TrainingConfig.center_learning_rate,
        weight_decay: float = TrainingConfig.weight_decay,
        objective: options.ObjectiveKind = TrainingConfig.objective,
        positives: options.Positives = TrainingConfig.positives,
        scale: float | None = TrainingConfig.scale,
        margin: float | None = TrainingConfig.margin,
        margin_kind: options.TrainedMarginKind = TrainingConfig.margin_kind,
        margin_gradient: options.MarginGradient = TrainingConfig.margin_gradient,
        label_smoothing: float = TrainingConfig.label_smoothing,
        class_share: float = TrainingConfig.class_share,
        center_optimizer: options.CenterOptimizer = TrainingConfig.center_optimizer,
        modality_weight: float = TrainingConfig.modality_weight,
        subset_weight: float = TrainingConfig.subset_weight,
        alignment_weight: float | None = TrainingConfig.alignment_weight,
        subset_policy: options.SubsetPolicy = TrainingConfig.subset_policy,
        validation_share: float | None = TrainingConfig.validation_share,
        patience: int = TrainingConfig.patience,
        clip: float = TrainingConfig.clip,
        device: str = TrainingConfig.device,
        precision: options.Precision = TrainingConfig.precision,
        seed: int = TrainingConfig.seed,
        verbose: bool = True,
    ) -> None:
        # scikit-learn wants every argument as an attribute of its name, unchanged.
        self.__dict__.update({name: value for name, value in locals().items() if name != "self"})

    def fit(
        self,
        X: Any,
        y: Any = None,
        *,
        validation: ObjectTable | None = None,
        log_file: str | Path | None = None,
        save_to: str | Path | None = None,
    ) -> Self:
        """Learn encoders and class centers. Ctrl-C ends early and keeps the best model so far.

        Args:
            X: an `ObjectTable`, or a float array [objects, features].
            y: labels [objects]; None takes the table's own.
            validation: labelled objects for early stopping, of known or new classes; None holds some out of X.
            log_file: where to write the history, one JSON object a line.
            save_to: a folder in which the best model so far is kept saved while training goes on.

        Raises:
            InputError: labels or values that cannot be used.
            ConfigError: options that cannot be.
            TrainingError: the loss is not finite.
        """
        fit_model(self, X, y, validation=validation, log_file=log_file, save_to=save_to)
        return self

    def transform(self, X: Any, *, modalities: Sequence[str] | None = None, batch_size: int = BATCH) -> np.ndarray:
        """Unit vectors float32 [objects, embedding_dim].

        Args:
            X: an `ObjectTable`, what `read_objects` takes, or a float array if the model was fitted on one.
            modalities: the modalities to use, as if the others were missing; None uses all that are present.
            batch_size: objects at a time; has no influence on the vectors.

        Raises:
            InputError: values that do not fit the model, or an object that has none of the modalities.
        """
        check_is_fitted(self)
        objects = query_table(self, X)
        names = self.schema_.modalities if modalities is None else modalities
        subset = (names,) if isinstance(names, str) else tuple(names)
        ((_, rows, vectors),) = self.transform_subsets(objects, [subset], batch_size=batch_size)
        refuse_objects_without(objects, rows, names=subset)
        return vectors

    def transform_subsets(
        self, X: Any, subsets: Iterable[S], *, batch_size: int = BATCH
    ) -> Iterator[tuple[S, np.ndarray, np.ndarray]]:
        """The vectors of several subsets of modalities; each item is encoded once for all of them.

        Args:
            X: as for `transform`.
            subsets: each names of modalities, or a bool array [objects, modalities] with a subset for each object.
            batch_size: objects at a time.

        Returns:
            For each subset itself, the rows int64 [rows] that have any of it, their vectors [rows, embedding_dim].
        """
        check_is_fitted(self)
        objects, chosen = query_table(self, X), list(subsets)
        if batch_size < 1 or not chosen:
            got = f"batch_size={batch_size} and {len(chosen)} subsets"
            raise InputError("at least 1 of each", got, "transform", "Leave batch_size out, or name a subset.")
        masks = [subset if isinstance(subset, np.ndarray) else self.schema_.mask(subset) for subset in chosen]
        parts = embed_table(self.encoder_, self.preprocessor_, objects, subsets=masks, batch_size=batch_size)
        return ((chosen[number], rows, vectors) for number, rows, vectors in parts)

    def decision_function(self, X: Any) -> np.ndarray:
        """Cosines to the class centers float32 [objects, num_classes].

        As scikit-learn asks, two classes give one number an object: the second cosine less the first [objects].
        """
        vectors = self.transform(X)
        cosines = class_cosines(self.classifier_, vectors)
        return cosines[:, 1] - cosines[:, 0] if len(self.classes_) == 2 else cosines

    def predict(self, X: Any, *, reject: bool = False) -> np.ndarray:
        """The class of the nearest center [objects].

        Args:
            X: as for `transform`.
            reject: answer "unknown" where the nearest center is farther than the accept angle that `calibrate` found
                for what the object has; of classes that are numbers, the answers are then Python objects.

        Raises:
            InputError: reject without a calibration, or a class of that very name.
        """
        if not reject:
            return self.predict_vectors(self.transform(X))
        calibration_of(self)
        objects = query_table(self, X)
        return self.predict_vectors(self.transform(objects), present=present_modalities(self, objects))

    def predict_vectors(self, vectors: np.ndarray, *, present: np.ndarray | None = None) -> np.ndarray:
        """The class of the center nearest to each vector [objects].

        Args:
            vectors: unit rows [objects, embedding_dim].
            present: what each object has, bool [objects, modalities], for the answer "unknown" as `predict` with
                `reject` gives it; None always names a class.

        Raises:
            InputError: vectors of another width; with `present`, as for `predict`.
        """
        check_is_fitted(self)
        numbers, cosines = nearest_centers(self.classifier_, vectors)
        predicted = np.asarray(self.classes_[numbers])
        if present is None:
            return predicted
        accepted = to_angles(cosines) <= calibration_of(self).accept_angles(present)
        return with_unknown(predicted, accepted, self.classes_)

    def predict_proba(self, X: Any) -> np.ndarray:
        """Softmax of scaled cosines, float64 [objects, num_classes].

        The scale is what `calibrate` fitted for what the object has; without it `scale_`, which training used.
        """
        check_is_fitted(self)
        objects = query_table(self, X)
        cosines = class_cosines(self.classifier_, self.transform(objects)).astype(np.float64)
        scales = scales_of(self, present_modalities(self, objects))
        return np.asarray(softmax(cosines * scales[:, None], axis=1))

    def score(self, X: Any, y: Any = None, sample_weight: Any = None) -> float:
        """Accuracy of `predict`.

        Args:
            X: as for `transform`.
            y: labels [objects]; None takes the table's own.
            sample_weight: float [objects], or None.
        """
        check_is_fitted(self)
        objects = query_table(self, X)
        labels = objects.labels if y is None else column_or_1d(y)
        refuse_other_labels(labels, self.classes_, where="the labels", unseen=False)
        return float(accuracy_score(labels, self.predict(objects), sample_weight=sample_weight))

    @property
    def fingerprint(self) -> str:
        """16 hexadecimal digits: the same after saving, loading and other classes, another for another fit."""
        check_is_fitted(self)
        return str(getattr(self, "fingerprint_", self.classifier_.fingerprint))

    def save(self, folder: str | Path) -> None:
        """Write the model to a folder of safetensors and JSON, enough alone in a process that never saw the data.

        Args:
            folder: is made if it does not exist; a model already there is replaced only when the new one is whole.
        """
        check_is_fitted(self)
        save_model(self, folder)

    @classmethod
    def load(cls, folder: str | Path, *, device: str = "auto") -> Self:
        """A saved model, ready to use. Nothing is unpickled.

        Args:
            folder: where `save` wrote it.
            device: "auto" or a torch device.

        Raises:
            SavedModelError: no model there, cut short, or of another version.
        """
        return load_model(cls, folder, device=device)

    def __sklearn_tags__(self) -> Tags:
        tags = super().__sklearn_tags__()
        tags.transformer_tags.preserves_dtype = []
        return tags
