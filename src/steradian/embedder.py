"""The front door: `SphereEmbedder`, a scikit-learn estimator over tables of multimodal objects."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, Self

import numpy as np
from rich.console import Console
from scipy.special import softmax
from sklearn.base import ClassifierMixin, TransformerMixin
from sklearn.metrics import accuracy_score
from sklearn.utils import Tags

from steradian.audit import Audit, audit
from steradian.calibration import Calibration
from steradian.config import ModelConfig, TrainingConfig
from steradian.data import ObjectTable
from steradian.embedder_folder import EmbedderFolder
from steradian.errors import ConfigError, InputError
from steradian.explanation import Attribution, Certificates, certify, explain
from steradian.fit import fit_model
from steradian.fitted_model import BATCH, Encoded, Subset, labelled_objects, table_of
from steradian.misspelt import telling_of_misspelt
from steradian.model import class_cosines
from steradian.new_classes import AddedClasses, add_classes, remove_classes
from steradian.thresholds import Verification, verify
from steradian.thresholds.calibrate import calibrate
from steradian.tracking import Follower
from steradian.training.object_weights import weighed_objects
from steradian.validation import labelled_table, query_table, refuse_other_labels, relabelled, training_table

__all__ = ["SphereEmbedder"]


class SphereEmbedder(TransformerMixin, ClassifierMixin, EmbedderFolder):  # type: ignore[misc]
    """Learns one unit vector an object from labelled objects of several modalities, some of them missing.

    A scikit-learn estimator for pipelines, cross-validation and grid search. It takes an `ObjectTable`, a plain float
    array [objects, features] as one vector modality, or with `schema=` data frames.

    All options are keywords, which `EmbedderAttributes` explains one by one.

    Attributes:
        fitted_: all that `fit` has made, as one value, a `FittedModel`; the others are parts of it.
        classes_: the class names, sorted [num_classes].
        schema_: the schema of the training table.
        scale_: the scale used.
        margin_: the margin used, in radians.
        training_: how training went, a `TrainingResult`.
        calibration_: what `calibrate` found, once it was called.

    Examples:
        >>> import numpy as np
        >>> labels = np.repeat(["left", "right"], 20)
        >>> points = np.random.default_rng(0).normal(size=(40, 3)) + np.where(labels == "left", -2, 2)[:, None]
        >>> model = SphereEmbedder(embedding_dim=8, epochs=20, verbose=False).fit(points, labels)
        >>> model.transform(points).shape, model.predict(points[:1])
        ((40, 8), array(['left'], dtype='<U5'))
    """

    @telling_of_misspelt
    def fit(
        self,
        X: Any,
        y: Any = None,
        sample_weight: Any = None,
        *,
        validation: Any = None,
        log_file: str | Path | None = None,
        save_to: str | Path | None = None,
        checkpoint: str | Path | None = None,
        compatible_with: "SphereEmbedder | None" = None,
        callbacks: Sequence[Follower] = (),
    ) -> Self:
        """Learn encoders and class centers. Ctrl-C ends early and keeps the best model so far.

        Args:
            X: an `ObjectTable`, a float array [objects, features], or with `schema=` what `read_objects` takes.
            y: labels [objects]; None takes the table's own. For several labels an object lists of them, or a table of
                0 and 1 [objects, classes]; see docs/several-labels.md.
            sample_weight: how much each object counts [objects], of which only the ratios matter; an object of weight 0
                is left out. None: all alike. See docs/closed-form.md for what stays unweighed.
            validation: labelled objects for early stopping, of known or new classes, as for `evaluate`; None holds some
                out of X.
            log_file: where to write the history, one JSON object a line.
            save_to: a folder for the model; until it is whole, the best so far stands in its folder "unfinished".
            checkpoint: a folder that keeps the training; the same fit, killed and begun again, goes on from there.
            compatible_with: a fitted model whose class centers stay: vectors of this one can be searched among its own.
            callbacks: told how training goes, such as `steradian.tracking.TensorBoard(folder)`.

        Raises:
            InputError: labels or values that cannot be used.
            ConfigError: options that cannot be.
            TrainingError: the loss is not finite.
        """
        if not isinstance(compatible_with, SphereEmbedder | None):
            fix = "Load it first: SphereEmbedder.load(folder)."
            raise InputError("a fitted SphereEmbedder", repr(compatible_with), "fit(compatible_with=...)", fix)
        old, before = None if compatible_with is None else compatible_with._fitted, dict(vars(self))
        self._forget()
        try:
            objects, where = training_table(self, X, y), "fit(validation=...)"
            objects = weighed_objects(objects, sample_weight, self.class_weight)
            self.fitted_ = fit_model(
                objects,
                self.config(ModelConfig),
                self.config(TrainingConfig),
                validation=None if validation is None else labelled_table(validation, objects.schema, where=where),
                log_file=None if log_file is None else Path(log_file),
                on_model=None if save_to is None else lambda model: self._keep(model, save_to),
                checkpoint=None if checkpoint is None else Path(checkpoint),
                console=Console() if self.verbose else None,
                compatible_with=old,
                callbacks=callbacks,
            )
        except (InputError, ConfigError):
            # What is refused is refused before training: an older model stays.
            self._forget()
            self.__dict__.update(before)
            raise
        except BaseException:
            # What training has got to is saved where it was asked for; here it would pass for a whole model.
            self._forget()
            raise
        return self

    def transform(self, X: Any, *, modalities: Sequence[str] | None = None, batch_size: int = BATCH) -> np.ndarray:
        """Unit vectors float32 [objects, embedding_dim].

        Args:
            X: an `ObjectTable`, what `read_objects` takes with partial=True, such as a dict of some columns or of one
                object, what `encode` returned, or a float array if the model was fitted on one.
            modalities: the modalities to use, as if the others were missing; None uses all that are present.
            batch_size: objects at a time; has no influence on the vectors.

        Raises:
            InputError: values that do not fit the model, or an object that has none of the modalities.
        """
        names = (modalities,) if isinstance(modalities, str) else modalities
        return self._fitted.vectors(self._query(X), modalities=names, batch_size=batch_size)

    def transform_subsets(
        self, X: Any, subsets: Iterable[Subset], *, batch_size: int = BATCH
    ) -> Iterator[tuple[Subset, np.ndarray, np.ndarray]]:
        """The vectors of several subsets of modalities; each item is encoded once for all of them.

        Args:
            X: as for `transform`.
            subsets: each names of modalities, or a bool array [objects, modalities] with a subset for each object.
            batch_size: objects at a time.

        Returns:
            For each subset itself, the rows int64 [rows] that have any of it, their vectors [rows, embedding_dim].
        """
        return self._fitted.subset_vectors(self._query(X), subsets, batch_size=batch_size)

    def encode(self, X: Any, *, batch_size: int = BATCH) -> Encoded:
        """A table as the first level sees it: what is asked of it afterwards, by any method, encodes nothing again.

        Args:
            X: as for `transform`.
            batch_size: objects at a time.
        """
        return self._fitted.encode(self._query(X), batch_size=batch_size)

    def decision_function(self, X: Any) -> np.ndarray:
        """Cosines to the class centers float32 [objects, num_classes].

        As scikit-learn asks, two classes give one number an object: the second cosine less the first [objects]. Of
        several labels an object has those whose number is above 0.
        """
        vectors = self._fitted.vectors(self._query(X))
        if self._fitted.several:
            return self._fitted.label_scores(vectors)
        cosines = class_cosines(self._fitted.classifier, vectors)
        return cosines[:, 1] - cosines[:, 0] if len(self.classes_) == 2 else cosines

    def predict(self, X: Any, *, reject: bool = False) -> np.ndarray:
        """The class of the nearest center [objects]; of a model of several labels a sorted tuple of them an object.

        Args:
            X: as for `transform`.
            reject: answer "unknown" where the nearest center is farther than the threshold that `calibrate` found
                for what the object has; of classes that are numbers, the answers are then Python objects.

        Raises:
            InputError: reject without a calibration, or a class of that very name.
        """
        if not reject:
            return self.predict_vectors(self._fitted.vectors(self._query(X)))
        self._fitted.calibrated()
        objects = self._query(X)
        present = self._fitted.present(table_of(objects))
        return self.predict_vectors(self._fitted.vectors(objects), present=present)

    def predict_vectors(self, vectors: np.ndarray, *, present: np.ndarray | None = None) -> np.ndarray:
        """The class of the center nearest to each vector [objects].

        Args:
            vectors: unit rows [objects, embedding_dim].
            present: what each object has, bool [objects, modalities], for the answer "unknown" as `predict` with
                `reject` gives it; None always names a class.

        Raises:
            InputError: vectors of another width, zero or not finite; with `present`, as for `predict`.
        """
        return self._fitted.predict_vectors(vectors, present=present)

    def predict_proba(self, X: Any) -> np.ndarray:
        """Softmax of scaled cosines, float64 [objects, num_classes].

        The scale is what `calibrate` fitted for what the object has; without it `scale_`, which training used.

        Raises:
            InputError: a model of several labels, whose scores `decision_function` gives.
        """
        self._fitted.refuse_several(where="predict_proba")
        objects = self._query(X)
        cosines = class_cosines(self._fitted.classifier, self._fitted.vectors(objects)).astype(np.float64)
        scales = self._fitted.scales(self._fitted.present(table_of(objects)))
        return np.asarray(softmax(cosines * scales[:, None], axis=1))

    def score(self, X: Any, y: Any = None, sample_weight: Any = None) -> float:
        """Accuracy of `predict`; of several labels the share of objects whose labels are all right and no other.

        Args:
            X: as for `transform`.
            y: labels [objects], as for `fit`; None takes the table's own.
            sample_weight: float [objects], or None.
        """
        objects = labelled_objects(X, self.schema_, where="score(X)") if y is None else self._query(X)
        labels = (table_of(objects) if y is None else relabelled(table_of(objects), y)).labels
        several = self._fitted.several
        refuse_other_labels(labels, self.classes_, where="the labels", unseen=several, several=several)
        found = self.predict(objects)
        if several:
            labels, found = np.ones(len(found), dtype=bool), labels == found
        return float(accuracy_score(labels, found, sample_weight=sample_weight))

    def certify(self, X: Any, *, all_classes: bool = False, batch_size: int = BATCH) -> Certificates:
        """What every subset of an object's modalities is bound to rank below the class of the whole object.

        Args:
            X: as for `transform`.
            all_classes: keep the lead over every class, objects x classes numbers, and not over the runner-up alone.
            batch_size: objects at a time.

        Raises:
            ConfigError: fusion="free", which guarantees nothing.
            InputError: values that do not fit the model, or an object without any modality.
        """
        return certify(self._fitted.encode(self._query(X), batch_size=batch_size), all_classes=all_classes)

    def explain(self, X: Any, target: Any = None, *, batch_size: int = BATCH) -> Attribution:
        """The cosine of each object to a target as an exact sum over its modalities, and what each of them is worth.

        Args:
            X: as for `transform`.
            target: None for the class predicted for each object, the name of a class, or one object or vector for each
                object of X: a table as for `transform`, or floats [objects, embedding_dim].
            batch_size: objects at a time.

        Raises:
            ConfigError: fusion="free", whose vectors are no sums.
            InputError: values that do not fit the model, an object without any modality, or targets that do not fit.
        """
        if not (target is None or isinstance(target, (str, bool, int, float, np.generic, np.ndarray))):
            target = table_of(self._query(target))
        return explain(self._fitted.encode(self._query(X), batch_size=batch_size), target)

    @telling_of_misspelt
    def calibrate(
        self,
        objects: Any = None,
        *,
        coverage: float | None = None,
        false_accept: float | None = None,
        precision: float | None = None,
        pair_false_accept: float = 0.01,
        subsets: Iterable[str | Sequence[str]] | None = None,
        random_state: int = 0,
    ) -> Calibration:
        """Fit the scale of probabilities and how far an object may lie from its center; kept and saved with the model.

        Args:
            objects: labelled, held out of training, as for `evaluate`; those of classes that the model does not know
                count as unknown. None takes the training objects that `fit` has left out in turn, for an estimate
                without a guarantee.
            coverage: the share of objects of known classes to accept at least; 0.95 where no guarantee is named.
            false_accept: the share of objects of unknown classes to accept at most, instead.
            precision: the share of what is accepted to be right at least, instead; with 90% confidence.
            pair_false_accept: the share of pairs of different classes that `verify` takes for the same at most; fewer
                where `coverage`, or 0.95, of the pairs of one class are found by a smaller angle.
            subsets: the subsets of modalities to fit beside the whole and each modality alone; None takes all, or 63.
            random_state: of what is drawn where there is much.

        Raises:
            ConfigError: two guarantees.
            InputError: one class, or too few objects for the guarantee; no table, and nothing left out by `fit`.
        """
        found = calibrate(
            self._fitted,
            objects,
            coverage=coverage,
            false_accept=false_accept,
            precision=precision,
            pair_false_accept=pair_false_accept,
            subsets=subsets,
            random_state=random_state,
        )
        self.fitted_ = replace(self._fitted, calibration=found)
        return found

    def verify(self, first: Any, second: Any) -> Verification:
        """Whether the objects of each row of two tables are the same, at the false accept rate of `calibrate`.

        Args:
            first: as for `transform`, one object a pair.
            second: as many.

        Raises:
            InputError: tables of different lengths, or a model that was not calibrated.
        """
        self._fitted.calibrated()
        return verify(self._fitted, table_of(self._query(first)), table_of(self._query(second)))

    def add_classes(self, X: Any, y: Any = None) -> AddedClasses:
        """Learn new classes from a few examples each, without training; vectors stay as they are, and so do indexes.

        Args:
            X: labelled objects of new classes only, as for `fit`; each may lack any of the modalities, not all.
            y: labels [objects]; None takes the table's own.

        Returns:
            How near the new classes are to each other and to the old ones.

        Raises:
            InputError: a class that exists, labels of another kind, or examples that do not fit the model.
        """
        given = labelled_objects(X, self.schema_, where="add_classes(X)") if y is None else self._query(X)
        objects = table_of(self._query(given))
        objects = objects if y is None else relabelled(objects, y)
        self.fitted_, added = add_classes(self._fitted, objects)
        return added

    def remove_classes(self, names: Any) -> None:
        """Never predict these classes again; nothing else changes.

        Args:
            names: of one class, or of several.

        Raises:
            InputError: a name that is no class, or fewer than two classes would be left.
        """
        self.fitted_ = remove_classes(self._fitted, names)

    @telling_of_misspelt
    def audit(
        self,
        objects: Any,
        *,
        against: Any = None,
        false_alarms: float = 0.05,
        confusion: float = 0.1,
        duplicates: bool = True,
        batch_size: int = BATCH,
    ) -> Audit:
        """Wrong labels, outliers, near-duplicates and classes too close to tell apart, each ranked by gravity.

        Args:
            objects: labelled, as for `evaluate`; best held out of training, which may have learnt them by heart.
            against: as for `transform`, such as the training objects: of `objects` nothing should be in it.
            false_alarms: the share of right labels to expect among those that are listed as wrong.
            confusion: from which share of probability that a class gives to another the two are listed.
            duplicates: whether to look for them.
            batch_size: objects at a time.

        Raises:
            InputError: tables that do not fit the model, no labels, or one class.
        """
        read = against is None or isinstance(against, ObjectTable | Encoded)
        return audit(
            self._fitted,
            labelled_objects(objects, self.schema_, where="audit(objects)"),
            against=against if read else self._query(against),
            false_alarms=false_alarms,
            confusion=confusion,
            duplicates=duplicates,
            batch_size=batch_size,
        )

    def _query(self, X: Any) -> ObjectTable | Encoded:
        """What a user passed, as a table, or encoded as it is."""
        return self._fitted.checked(X) if isinstance(X, Encoded) else query_table(self, self._fitted.schema, X)

    def __sklearn_tags__(self) -> Tags:
        tags = super().__sklearn_tags__()
        tags.transformer_tags.preserves_dtype = []
        return tags
