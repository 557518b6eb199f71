"""Plain float arrays as tables of one vector modality, checked as scikit-learn's contract asks."""

from collections.abc import Callable
from typing import Any

import numpy as np
from sklearn.utils.multiclass import check_classification_targets
from sklearn.utils.validation import validate_data

from steradian.data import ObjectTable, Schema
from steradian.errors import InputError
from steradian.modalities import Vector

__all__ = ["PLAIN_SCHEMA", "labelled_table", "unlabelled_table"]

PLAIN_SCHEMA = Schema({"x": Vector("x")})
"""The schema of a plain float array."""


def labelled_table(estimator: Any, X: Any, y: Any) -> ObjectTable:
    """The table of a training array; sets `n_features_in_` and the like on the estimator.

    Args:
        estimator: what is being fitted.
        X: floats [objects, features].
        y: labels [objects].

    Raises:
        InputError: what scikit-learn refuses: NaN, complex numbers, unequal lengths, continuous labels.
    """
    X, y = _checked(lambda: validate_data(estimator, X, y, dtype=np.float64))
    _checked(lambda: check_classification_targets(y))
    return _table(X).with_labels(y)


def unlabelled_table(estimator: Any, X: Any) -> ObjectTable:
    """The table of an array of as many features as the training array.

    Args:
        estimator: what was fitted.
        X: floats [objects, features].

    Raises:
        InputError: what scikit-learn refuses.
    """
    return _table(_checked(lambda: validate_data(estimator, X, dtype=np.float64, reset=False)))


def _table(X: np.ndarray) -> ObjectTable:
    return ObjectTable.from_columns({"x": X}, PLAIN_SCHEMA, labelled=False)


def _checked(check: Callable[[], Any]) -> Any:
    try:
        return check()
    except ValueError as error:
        raise InputError(
            want="arrays that scikit-learn can use", got=str(error), where="X, y", fix="Mend the arrays."
        ) from error
