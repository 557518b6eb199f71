"""What the angles of a fitted model answer beyond vectors and classes: the second half of `SphereEmbedder`."""

from collections.abc import Iterable, Sequence
from typing import Any, cast

from sklearn.utils.validation import check_is_fitted

from steradian.audit import Audit, audit
from steradian.calibration import Calibration, Verification, calibrate, calibration_of, verify
from steradian.data import ObjectTable
from steradian.explanation import Certificates, Ledger, certify, explain
from steradian.inputs import query_table, refuse_unread
from steradian.new_classes import AddedClasses, add_classes, remove_classes

__all__ = ["Answers"]

BATCH = 512


class Answers:
    """Certificates, ledgers, thresholds, new classes and label trouble; `SphereEmbedder` has these methods.

    Each hands the model to the one function that does the work, in the folder that bears its subject's name.
    """

    calibration_: Calibration

    def certify(self, X: Any, *, all_classes: bool = False, batch_size: int = BATCH) -> Certificates:
        """What every subset of an object's modalities is bound to rank below the class of the whole object.

        Args:
            X: as for `transform`.
            all_classes: keep the lead over every class, objects x classes numbers, and not over the runner-up alone.
            batch_size: objects at a time.

        Raises:
            ConfigError: fusion="free", which promises nothing.
            InputError: values that do not fit the model, or an object without any modality.
        """
        check_is_fitted(self)
        return certify(cast(Any, self), query_table(self, X), all_classes=all_classes, batch_size=batch_size)

    def explain(self, X: Any, target: Any = None, *, batch_size: int = BATCH) -> Ledger:
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
        check_is_fitted(self)
        return explain(cast(Any, self), query_table(self, X), target, batch_size=batch_size)

    def calibrate(
        self,
        objects: ObjectTable | None = None,
        *,
        coverage: float | None = None,
        false_accept: float | None = None,
        precision: float | None = None,
        pair_false_accept: float = 0.01,
        subsets: Iterable[str | Sequence[str]] | None = None,
        seed: int = 0,
    ) -> Calibration:
        """Fit the scale of probabilities and how far an object may lie from its center; kept and saved with the model.

        Args:
            objects: labelled, held out of training; those of classes that the model does not know count as unknown.
                None takes the training objects that `fit` has left out in turn, for an estimate without a guarantee.
            coverage: the share of objects of known classes to accept at least; 0.95 where no promise is named.
            false_accept: the share of objects of unknown classes to accept at most, instead.
            precision: the share of what is accepted to be right at least, instead; with 90% confidence.
            pair_false_accept: the share of pairs of different classes that `verify` takes for the same.
            subsets: the subsets of modalities to fit beside the whole and each modality alone; None takes all, or 63.
            seed: of what is drawn where there is much.

        Raises:
            ConfigError: two promises.
            InputError: one class, or too few objects for the promise; no table, and nothing left out by `fit`.
        """
        check_is_fitted(self)
        self.calibration_ = calibrate(
            self,
            objects,
            coverage=coverage,
            false_accept=false_accept,
            precision=precision,
            pair_false_accept=pair_false_accept,
            subsets=subsets,
            seed=seed,
        )
        return self.calibration_

    def verify(self, first: Any, second: Any) -> Verification:
        """Whether the objects of each row of two tables are the same, at the false accept rate of `calibrate`.

        Args:
            first: as for `transform`, one object a pair.
            second: as many.

        Raises:
            InputError: tables of different lengths, or a model that was not calibrated.
        """
        calibration = calibration_of(self)
        return verify(self, query_table(self, first), query_table(self, second), calibration)

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
        check_is_fitted(self)
        return add_classes(cast(Any, self), X, y)

    def remove_classes(self, names: Any) -> None:
        """Never predict these classes again; nothing else changes.

        Args:
            names: of one class, or of several.

        Raises:
            InputError: a name that is no class, or fewer than two classes would be left.
        """
        check_is_fitted(self)
        remove_classes(cast(Any, self), names)

    def audit(
        self,
        objects: ObjectTable,
        *,
        against: ObjectTable | None = None,
        false_alarms: float = 0.05,
        confusion: float = 0.1,
        duplicates: bool = True,
        batch_size: int = BATCH,
    ) -> Audit:
        """Wrong labels, outliers, near-duplicates and classes too close to tell apart, each ranked by gravity.

        Args:
            objects: labelled; best held out of training, which may have learnt wrong labels by heart.
            against: another table, such as the training objects, in which nothing of `objects` should be.
            false_alarms: the share of right labels to expect among those that are listed as wrong.
            confusion: from which share of probability that a class gives to another the two are listed.
            duplicates: whether to look for them.
            batch_size: objects at a time.

        Raises:
            InputError: tables that do not fit the model, no labels, or one class.
        """
        check_is_fitted(self)
        refuse_unread(objects, where="audit(objects)")
        if against is not None:
            refuse_unread(against, where="audit(against=...)")
        return audit(
            cast(Any, self),
            objects,
            against=against,
            false_alarms=false_alarms,
            confusion=confusion,
            duplicates=duplicates,
            batch_size=batch_size,
        )
