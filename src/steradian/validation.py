"""What a user may pass to `fit` and `transform`, as a table: an `ObjectTable`, raw columns, or a plain float array."""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from steradian.data import ObjectTable, Schema, read_objects
from steradian.data.checks import refuse_bare_objects, to_names
from steradian.data.columns import to_objects
from steradian.data.label_sets import are_several, class_names, given_sets
from steradian.data.late_columns import LateColumns
from steradian.data.objects import OnError
from steradian.errors import InputError
from steradian.modalities import Vector

if TYPE_CHECKING:
    from sklearn.base import BaseEstimator

__all__ = [
    "PLAIN_SCHEMA",
    "check_validation",
    "labelled_table",
    "present_modalities",
    "query_table",
    "refuse_objects_without",
    "refuse_other_labels",
    "refuse_other_schema",
    "refuse_unread",
    "relabelled",
    "training_table",
]

PLAIN_SCHEMA = Schema({"x": Vector("x")})
"""The schema of a plain float array."""


def training_table(estimator: "BaseEstimator", X: Any, y: Any) -> ObjectTable:
    """The labelled table to learn from; of a plain array it sets `n_features_in_` and the like on the estimator.

    Args:
        estimator: what is being fitted; its `schema`, if it has one, reads X.
        X: an `ObjectTable`, floats [objects, features], or with a schema what `read_objects` takes.
        y: labels [objects], lists of several, or a table of 0 and 1 [objects, classes]; None takes the table's own.

    Raises:
        InputError: a table that was not read, none or unlabelled objects, or what scikit-learn refuses.
    """
    from sklearn.utils.multiclass import check_classification_targets
    from sklearn.utils.validation import validate_data

    if getattr(estimator, "schema", None) is not None:
        X = read_objects(X, estimator.schema, labelled=y is None)
    if isinstance(X, ObjectTable):
        objects = X if y is None else relabelled(X, y)
        if not len(objects):
            raise InputError("at least one object", "an empty table", "fit(X)", "Check how its rows were chosen.")
        refuse_bare_objects(objects.present, objects.schema, rows=objects.rows, ids=None)
        return objects
    # scipy's dok_array is a mapping too, but scikit-learn has its own word for sparse input.
    raw_columns = isinstance(X, Mapping) and not hasattr(X, "shape")
    if raw_columns or isinstance(X, (str, Path)) or (y is None and hasattr(X, "columns")):
        raise InputError(
            want="an ObjectTable, or a float array with labels y",
            got=type(X).__name__,
            where="fit(X)",
            fix="Read the table first: fit(steradian.read_objects(table, schema)); or SphereEmbedder(schema=schema).",
        )
    if (several := None if y is None else given_sets(y)) is not None:
        return _plain_table(_checked(lambda: validate_data(estimator, X, dtype=np.float64))).with_labels(several)
    X, y = _checked(lambda: validate_data(estimator, X, y, dtype=np.float64))
    if y.dtype == object:
        # In our words: the row of what is missing, or of another kind.
        y = to_names(y, np.arange(len(y)), name="y", role="a label")
    _checked(lambda: check_classification_targets(y))
    return _plain_table(X).with_labels(y)


def relabelled(objects: ObjectTable, y: Any) -> ObjectTable:
    """The objects with the labels that stand beside them, one or several each.

    Args:
        objects: the table.
        y: as of `training_table`.

    Raises:
        InputError: what `with_labels` refuses.
    """
    from sklearn.utils.validation import column_or_1d

    several = given_sets(y)
    return objects.with_labels(column_or_1d(y) if several is None else several)


def query_table(estimator: "BaseEstimator", schema: Schema, X: Any, *, on_error: OnError = "raise") -> ObjectTable:
    """The table to embed, of the modalities that the estimator was fitted on.

    Args:
        estimator: a fitted estimator.
        schema: that it was fitted on, by which raw columns are read.
        X: an `ObjectTable`, what `read_objects` takes with partial=True, or floats [objects, features].
        on_error: as of `read_objects`, for what that takes; but no object is left out, since each row gets a vector.

    Raises:
        InputError: a table of other modalities, a row with nothing to read, or what `read_objects` or scikit-learn
            refuses.
    """
    if isinstance(X, ObjectTable):
        refuse_other_schema(X, schema, where="the table")
        return X
    # Of a model that was fitted on an `ObjectTable` of one vector `x`, a frame has that column.
    columns = hasattr(X, "columns") and not hasattr(estimator, "n_features_in_")
    if schema != PLAIN_SCHEMA or columns or (isinstance(X, (Mapping, str, Path)) and not hasattr(X, "shape")):
        if _is_empty(X, schema):
            return _no_objects(schema)
        objects = read_objects(X, schema, labelled=False, partial=True, on_error=on_error)
        if objects.unreadable.left_out or objects.unreadable.unnamed:
            raise InputError(
                want="something to read in every row, since each gets a vector",
                got=objects.unreadable.counts[-1],
                where="the table",
                fix="Leave these rows out, as read_objects(table, model.schema_, on_error='missing') does.",
            )
        return objects
    from sklearn.utils.validation import validate_data

    return _plain_table(_checked(lambda: validate_data(estimator, X, dtype=np.float64, reset=False)))


def check_validation(objects: ObjectTable, schema: Schema, classes: np.ndarray) -> None:
    """See to it that a table can serve for validation.

    Args:
        objects: labelled.
        schema: that the model is fitted on.
        classes: that it is fitted on [num_classes]; others are welcome too.

    Raises:
        InputError: a table of other modalities, other kinds of label, or objects without any modality.
    """
    refuse_other_schema(objects, schema, where="the validation table")
    refuse_other_labels(objects.labels, classes, where="the labels of the validation table")
    refuse_bare_objects(objects.present, schema, rows=objects.rows, ids=None)


def present_modalities(schema: Schema, objects: ObjectTable) -> np.ndarray:
    """Which modalities of a schema each object has: bool [objects, modalities], in its order.

    Args:
        schema: of a model.
        objects: a table of its modalities, in any order.
    """
    names = list(objects.schema.modalities)
    return np.asarray(objects.present[:, [names.index(name) for name in schema.modalities]])


def refuse_objects_without(objects: ObjectTable, rows: np.ndarray, *, names: Sequence[str]) -> None:
    """See to it that every object has one of some modalities.

    Args:
        objects: a table.
        rows: int64 [rows], the objects that have one.
        names: of the modalities.

    Raises:
        InputError: an object has none of them.
    """
    without = np.setdiff1d(np.arange(len(objects)), rows)
    if len(without):
        raise InputError(
            want=f"objects that have one of {', '.join(names)}",
            got=f"{len(without)} object{'s' * (len(without) != 1)} without",
            where=f"row {objects.rows[without[0]]} (counted from 0) first",
            fix="Leave these objects out, or name more modalities.",
        )


def labelled_table(objects: Any, schema: Schema, *, where: str) -> ObjectTable:
    """The objects with their labels, read as `transform` reads them where they are no table yet.

    Args:
        objects: an `ObjectTable`, or what `read_objects` takes with partial=True, with the column of labels; ids are
            not needed.
        schema: that the model was fitted on.
        where: what to call the objects.

    Raises:
        InputError: no labels, or what `read_objects` refuses.
    """
    if isinstance(objects, ObjectTable):
        return objects
    plain = schema == PLAIN_SCHEMA and hasattr(objects, "shape") and not hasattr(objects, "columns")
    if plain or objects is None:
        raise InputError(
            want=f"objects with their labels, in a column {schema.label!r}",
            got="an array without labels" if plain else "None",
            where=where,
            fix="Write steradian.read_objects({'x': X, 'label': y}, model.schema_)." if plain else "Pass a table.",
        )
    try:
        table = read_objects(objects, schema, labelled=False, partial=True)
    except InputError as error:
        raise InputError(error.want, error.got, f"{where}, {error.where}", error.fix) from error
    if not table.has_labels:
        there = schema.label in table.columns
        raise InputError(
            want=f"a label in every row, in the column {schema.label!r}",
            got="rows without one" if there else f"the columns {', '.join(map(repr, table.columns))}",
            where=where,
            fix="Fill them, or leave these rows out." if there else f"Add the column {schema.label!r}.",
        )
    return table


def refuse_unread(objects: Any, *, where: str) -> None:
    """See to it that labelled objects were read into a table.

    Args:
        objects: what the user passed.
        where: what to call it.

    Raises:
        InputError: it is no `ObjectTable`.
    """
    if not isinstance(objects, ObjectTable):
        raise InputError(
            want="an ObjectTable of labelled objects",
            got=type(objects).__name__,
            where=where,
            fix="Read the table first: steradian.read_objects(table, model.schema_).",
        )


def refuse_other_schema(objects: ObjectTable, schema: Schema, *, where: str) -> None:
    """See to it that a table has every modality of a schema, declared alike.

    Args:
        objects: a table; further modalities of its own are left unused.
        schema: that the model was fitted on.
        where: what to call the table.

    Raises:
        InputError: a modality is not there, or is read from other columns or by other options.
    """
    for name, modality in schema.modalities.items():
        found = objects.schema.modalities.get(name)
        if found != modality:
            raise InputError(
                want=f"the modality {name!r} as the model was fitted on it, {modality}",
                got="none of that name" if found is None else f"{found}",
                where=where,
                fix="Read the table with model.schema_, with None where a modality is missing.",
            )


def refuse_other_labels(
    labels: np.ndarray, classes: np.ndarray, *, where: str, unseen: bool = True, several: bool = False
) -> None:
    """See to it that labels are of the classes' kind: text, numbers, or booleans.

    Args:
        labels: of a table [objects].
        classes: of a model [num_classes].
        where: what to call the labels.
        unseen: whether labels that are none of the classes are welcome.
        several: whether the model gives objects several.

    Raises:
        InputError: text where the classes are numbers, one label where there are several, or the like; an unseen label
            that is not welcome.
    """
    if several:
        if not are_several(labels):
            fix = "Write [label] for an object with one, and [] for one without."
            raise InputError("lists of labels, as in training", "one label an object", where, fix)
        labels = class_names(labels)
        if not len(labels):
            return
    words = {"U": "text", "O": "text", "b": "booleans"}
    kinds = [words.get(array.dtype.kind, "numbers") for array in (classes, labels)]
    kinds[1] = "lists of several" if are_several(labels) else kinds[1]
    if kinds[0] != kinds[1]:
        raise InputError(
            want=f"labels that are {kinds[0]}, as the model's classes ({classes[0]!s}, ...)",
            got=f"{kinds[1]} ({labels[0]!s}, ...)",
            where=where,
            fix="Convert the label column to the type it had in training.",
        )
    unknown = np.flatnonzero(~np.isin(labels, classes))
    if not unseen and len(unknown):
        raise InputError(
            want=f"labels of the model's {len(classes)} classes",
            got=f"{labels[unknown[0]]!s}, never seen in training",
            where=f"{where}, {len(unknown)} of {len(labels)}, the first at place {unknown[0]}",
            fix="Leave these objects out, or use steradian.evaluate, which counts them apart.",
        )


def _is_empty(X: Any, schema: Schema) -> bool:
    """Whether a table in memory has the columns of a schema and no row."""
    try:
        return all(len(X[name]) == 0 for name in schema.columns) and not isinstance(X, (str, Path))
    except (TypeError, KeyError, IndexError):
        return False


def _no_objects(schema: Schema) -> ObjectTable:
    """A table without a row."""
    columns = {name: to_objects([None]) for name in schema.columns}
    values = {name: modality.read(columns).values for name, modality in schema.modalities.items()}
    nothing, none = np.zeros((1, len(values)), dtype=bool), np.zeros(1, dtype=np.int64)
    return ObjectTable(schema, LateColumns(columns), values, nothing, none, none, None)[:0]


def _plain_table(X: np.ndarray) -> ObjectTable:
    return ObjectTable.from_columns({"x": X}, PLAIN_SCHEMA, labelled=False)


def _checked(check: Callable[[], Any]) -> Any:
    """scikit-learn's own checks of arrays, their ValueErrors as ours."""
    try:
        return check()
    except ValueError as error:
        raise InputError(
            want="arrays that scikit-learn can use",
            got=" ".join(str(error).split()).rstrip("."),
            where="X, y",
            fix="Fix the arrays, or read a table with gaps by steradian.read_objects.",
        ) from error
