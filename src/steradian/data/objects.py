"""The table of objects: every modality's checked values, which of them are present, labels and ids."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any, Literal, get_args, overload

import numpy as np

from steradian.data.checks import (
    refuse_absent_columns,
    refuse_bare_objects,
    refuse_different_schemas,
    refuse_repeated_ids,
    refuse_unknown_column,
    table_length,
    to_names,
)
from steradian.data.column_parts import below_each_other
from steradian.data.columns import to_column
from steradian.data.frames import to_frame
from steradian.data.label_sets import given_sets, label_cells, strata, to_labels
from steradian.data.late_columns import LateColumn, LateColumns, row_numbers
from steradian.data.modality import Values, is_missing
from steradian.data.read_errors import read_modalities
from steradian.data.schema import Schema
from steradian.data.splitting import draw_parts
from steradian.data.stored_rows import StoredRows, StoredValues
from steradian.data.table_summary import table_summary
from steradian.data.unnamed_rows import named_rows
from steradian.data.unreadable import Unreadable
from steradian.errors import ConfigError, InputError
from steradian.misspelt import telling_of_misspelt

__all__ = ["ObjectTable", "OnError"]

OnError = Literal["raise", "missing"]
"""What becomes of an item that cannot be read: it is refused, or treated as missing."""


@dataclass(frozen=True, eq=False, repr=False)
class ObjectTable:
    """Objects as `read_objects` checked them. It is never changed; what changes it returns another table.

    `objects[rows]` takes rows by slice, integers or a bool mask, in that order; an integer gives a table of one object.
    Arrays are shared between tables and with the source where possible: do not write to them.

    Args:
        schema: what the columns mean.
        columns: all columns of the source by name, first axis objects. Those outside the schema are converted when they
            are asked for.
        values: for each modality its values as read; first axis objects. What stands where it is absent means nothing.
        present: bool [objects, modalities], in the order of the schema.
        rows: int64 [objects], the row numbers in the user's table, counted from 0.
        ids: the ids [objects]; the row numbers where there is no column of ids.
        labels_or_none: the labels [objects], a tuple each where objects have several, or None; `labels` raises instead.
        unreadable: the items of these objects that are treated as missing as they could not be read, and, in the table
            that `read_objects` returned, the objects left out; see its `on_error`.
        notes: further lines that the table prints, such as what was joined.
        weights: of the objects within a fit, float64 [objects] around 1; None: all count alike.

    Examples:
        >>> import steradian as sr
        >>> table = {"title": ["red shoe", "blue shoe", None], "price": [20, None, 35], "brand": ["a", "b", "a"]}
        >>> modalities = {"title": sr.Text("title"), "specs": sr.Tabular(numeric=["price"])}
        >>> objects = sr.read_objects(table, sr.Schema(modalities, label="brand"))
        >>> objects
        ObjectTable: 3 objects, 3 patterns of present modalities
          label 'brand': 2 classes, from 1 object ('b') to 2 objects ('a')
          title  Text      66.7% present  title
          specs  Tabular   66.7% present  price
        >>> objects[objects.labels == "a"].rows
        array([0, 2])
    """

    schema: Schema
    columns: LateColumns
    values: Mapping[str, Values]
    present: np.ndarray
    rows: np.ndarray
    ids: np.ndarray
    labels_or_none: np.ndarray | None
    unreadable: Unreadable = field(default_factory=Unreadable)
    notes: tuple[str, ...] = ()
    weights: np.ndarray | None = None

    @classmethod
    def from_columns(
        cls,
        columns: Mapping[str, np.ndarray],
        schema: Schema,
        *,
        labelled: bool = True,
        rows: np.ndarray | None = None,
        on_error: OnError = "raise",
    ) -> "ObjectTable":
        """Check columns that are arrays already; `read_objects` takes every other source.

        Args:
            columns: arrays by name, first axis rows.
            schema: what the columns mean.
            labelled: refuse a table without labels, or without the column of ids that the schema names. Otherwise
                labels are kept where every row has one, and ids where there is the column.
            rows: the row numbers for messages, int64 [objects]; None counts from 0.
            on_error: as of `read_objects`.

        Raises:
            InputError: a table, row or cell that cannot be used.
            ConfigError: another `on_error`.
        """
        if on_error not in get_args(OnError):
            raise ConfigError('"raise" or "missing"', repr(on_error), "on_error", 'The default is "raise".')
        held = columns if isinstance(columns, LateColumns) else LateColumns(columns)
        length = table_length(held.lengths)
        refuse_absent_columns(held, schema, labelled=labelled)
        rows = np.arange(length) if rows is None else rows
        held = held.converted([*schema.columns, schema.label, *filter(None, [schema.id])])
        if schema.label in held:
            held = held.with_arrays({schema.label: label_cells(held[schema.label])})
        ids = None
        unnamed: Mapping[str, Mapping[int, Any]] = {}
        if on_error == "missing":
            kept, unnamed = named_rows(held, schema, rows, labelled=labelled)
            held, rows = (held.at(kept), rows[kept]) if unnamed else (held, rows)
        if schema.id is not None and schema.id in held:
            ids = to_names(held[schema.id], rows, name=schema.id, role="an id")
            refuse_repeated_ids(ids, rows, name=schema.id)
        labels = held.get(schema.label)
        if labels is not None and (labelled or not any(map(is_missing, labels))):
            labels = to_labels(labels, rows, name=schema.label)
        else:
            labels = None
        names = rows if ids is None else ids
        read, held, items = read_modalities(held, schema, rows=rows, ids=names, salvaging=on_error == "missing")
        present = np.stack([modality.present for modality in read.values()], axis=1)
        bare = ~present.any(axis=1)
        unreadable = Unreadable(items, dict(zip(rows[bare].tolist(), names[bare].tolist(), strict=True)), unnamed)
        if items and bare.all():
            raise _nothing_to_read(unreadable)
        if on_error == "raise" or bare.all():
            refuse_bare_objects(present, schema, rows=rows, ids=ids)
        values = {name: modality.values for name, modality in read.items()}
        objects = cls(schema, held, values, present, rows, names, labels)
        return replace(objects[~bare] if bare.any() else objects, unreadable=unreadable)

    def __len__(self) -> int:
        return len(self.rows)

    @property
    def shape(self) -> tuple[int, int]:
        """Objects and modalities; scikit-learn's cross-validation asks for it."""
        return len(self), len(self.schema.modalities)

    @property
    def stored(self) -> StoredRows | None:
        """Where the rows are if they stay on disk; None in memory."""
        return self.values.stored if isinstance(self.values, StoredValues) else None

    @property
    def has_labels(self) -> bool:
        """Whether every object has a label."""
        return self.labels_or_none is not None

    @property
    def labels(self) -> np.ndarray:
        """The labels [objects].

        Raises:
            InputError: the table has none.
        """
        if self.labels_or_none is None:
            raise InputError(
                want=f"labels in column {self.schema.label!r}",
                got="no such column, or rows without a label",
                where="the table, which was read with labelled=False",
                fix="Read it with labelled=True to see which are missing, or use with_labels(labels).",
            )
        return self.labels_or_none

    def __getitem__(self, rows: Any) -> "ObjectTable":
        if isinstance(rows, str):
            raise InputError(
                want="rows: a slice, integers or a bool mask",
                got=repr(rows),
                where="objects[...]",
                fix=f"Write objects.columns[{rows!r}] for a column, objects.only({rows!r}) for a modality.",
            )
        # numpy checks the index and refuses what is out of range.
        taken = np.atleast_1d(row_numbers(rows, len(self)))
        if taken.ndim != 1:
            raise IndexError(f"an index of one dimension is needed, not of {taken.ndim}")
        # A slice keeps views of the arrays, all else copies.
        at = rows if isinstance(rows, slice) else taken
        columns = self.columns.at(at)
        return ObjectTable(
            schema=self.schema,
            columns=columns,
            values=self.values.at(columns)
            if isinstance(self.values, StoredValues)
            else {name: {key: v[at] for key, v in values.items()} for name, values in self.values.items()},
            present=self.present[at],
            rows=self.rows[at],
            ids=self.ids[at],
            labels_or_none=None if self.labels_or_none is None else self.labels_or_none[at],
            unreadable=self.unreadable.of(self.rows[at]),
            weights=None if self.weights is None else self.weights[at],
        )

    def only(self, modalities: str | Sequence[str]) -> "ObjectTable":
        """The same objects as if they had only these modalities.

        Objects that have none of them stay in the table, with nothing present.

        Args:
            modalities: one or several names of the schema.

        Raises:
            InputError: no name, or an unknown one.
        """
        return replace(self, present=self.present & self.schema.mask(modalities))

    def with_labels(self, labels: Any) -> "ObjectTable":
        """The same objects with other labels.

        Args:
            labels: text, integers or booleans [objects], or of several an object lists or a table of 0 and 1.

        Raises:
            InputError: too few or many, or a label that is missing or of another type.
        """
        name = self.schema.label
        several = given_sets(labels)
        column = to_column(labels, name) if several is None else several
        if len(column) != len(self):
            raise InputError(
                want=f"{len(self)} labels, one an object",
                got=f"{len(column)}",
                where="with_labels(labels)",
                fix="Give the labels in the order of the objects.",
            )
        named = to_labels(column, self.rows, name=name)
        return replace(self, labels_or_none=named, columns=self.columns.with_arrays({name: named}))

    @overload
    def split(
        self,
        test_size: float | None = 0.2,
        *,
        validation_size: None = None,
        groups: Any = None,
        unseen_classes: float = 0,
        random_state: int = 0,
    ) -> tuple["ObjectTable", "ObjectTable"]: ...

    @overload
    def split(
        self,
        test_size: float | None = 0.2,
        *,
        validation_size: float,
        groups: Any = None,
        unseen_classes: float = 0,
        random_state: int = 0,
    ) -> tuple["ObjectTable", "ObjectTable", "ObjectTable"]: ...

    @telling_of_misspelt
    def split(
        self,
        test_size: float | None = 0.2,
        *,
        validation_size: float | None = None,
        groups: Any = None,
        unseen_classes: float = 0,
        random_state: int = 0,
    ) -> tuple["ObjectTable", ...]:
        """Two tables, for training and for testing; every object is in one of them, in its old order.

        - Every class gives the test its share, to within one object. Its last object stays in training, so a
          class of one object is never in the test. Without labels the draw is plainly random.
        - With `groups`, no group is on both sides. Whole groups are drawn at random, without regard to the shares
          of classes, until the test is as near to its size as they allow; no class loses its last group to the test.
        - With `unseen_classes`, all objects of these classes are in the test and none in training. `test_size` then
          counts among the objects of the other classes; test_size=None leaves these to training altogether.
        - With `validation_size`, three tables: training, validation and test. The validation is drawn by the same rules
          from what the test has left, with as many new classes of its own.

        Args:
            test_size: a share between 0 and 1, or a number of objects (int). A share is of the objects in classes of
                two or more.
            validation_size: likewise, of the whole table too; None makes two tables.
            groups: a column name or an array [objects]; objects with equal entries stay together.
            unseen_classes: a share between 0 and 1, or a number of classes (int), drawn at random.
            random_state: the same seed gives the same split of the same table.

        Raises:
            ConfigError: a share, number or seed that cannot be.
            InputError: the table does not allow the split: too few objects or classes, groups that hold a class
                alone, a group with seen and unseen classes, no labels for `unseen_classes`.

        Examples:
            >>> import steradian as sr
            >>> table = {"title": ["a", "b", "c", "d", "e", "f"], "label": [1, 1, 1, 2, 2, 2]}
            >>> objects = sr.read_objects(table, sr.Schema({"title": sr.Text("title")}))
            >>> train, test = objects.split(test_size=2)
            >>> train.labels, test.labels
            (array([1, 1, 2, 2]), array([1, 2]))
            >>> [len(part) for part in objects.split(test_size=2, validation_size=2)]
            [2, 2, 2]
        """
        classes = np.zeros(len(self), dtype=np.int64)
        if unseen_classes or self.has_labels:
            classes = strata(self.labels, unseen=bool(unseen_classes))
        numbers = None if groups is None else self._group_numbers(groups)
        parts = draw_parts(
            classes,
            numbers,
            test_size=test_size,
            validation_size=validation_size,
            unseen_classes=unseen_classes,
            random_state=random_state,
        )
        return tuple(self[part] for part in parts)

    def head(self, objects: int = 5) -> "ObjectTable":
        """The first objects.

        Args:
            objects: how many.
        """
        return self[:objects]

    def to_pandas(self) -> Any:
        """The columns of the source as a pandas DataFrame, its index the ids; needs pandas.

        Raises:
            MissingExtraError: pandas is not installed.
        """
        return to_frame(self.columns, self.ids, name=self.schema.id)

    @classmethod
    def concat(cls, tables: Sequence["ObjectTable"]) -> "ObjectTable":
        """One table of several of one schema, one below the other; its rows are counted anew.

        Args:
            tables: of which labels stay where all have them, and columns outside the schema likewise.

        Raises:
            InputError: no table, one of another schema, an id that stands twice, or values that do not go together.

        Examples:
            >>> import steradian as sr
            >>> schema = sr.Schema({"title": sr.Text("title")})
            >>> parts = [sr.read_objects({"title": [word], "label": [1]}, schema) for word in "ab"]
            >>> sr.ObjectTable.concat(parts).columns["title"].tolist()
            ['a', 'b']
        """
        refuse_different_schemas([getattr(table, "schema", table) for table in tables])
        first, present = tables[0], np.concatenate([table.present for table in tables])
        labelled = all(table.has_labels for table in tables)
        names = [name for name in first.columns if all(name in table.columns for table in tables)]
        columns = {
            name: LateColumn(len(present), partial(_below_each_other, tables, name))
            for name in names
            if labelled or name != first.schema.label
        }
        # What was read of an object stands in its columns; what `only` has taken away does not.
        whole = cls.from_columns(LateColumns(columns), first.schema, labelled=False)
        return replace(whole, present=whole.present & present)

    def _group_numbers(self, group: Any) -> np.ndarray:
        if isinstance(group, str):
            refuse_unknown_column(group, self.columns, where="split(groups=...)")
            name, column = group, self.columns[group]
        else:
            name, column = "groups", to_column(group, "groups")
        if len(column) != len(self):
            raise InputError(
                want=f"{len(self)} entries, one an object",
                got=f"{len(column)}",
                where="split(groups=...)",
                fix="Give the groups in the order of the objects.",
            )
        return np.unique(to_names(column, self.rows, name=name, role="a group"), return_inverse=True)[1]

    def __repr__(self) -> str:
        return table_summary(self.schema, self.present, self.labels_or_none, [*self.notes, *self.unreadable.counts])


def _below_each_other(tables: Sequence[ObjectTable], name: str) -> np.ndarray:
    return below_each_other([table.columns[name] for table in tables])


def _nothing_to_read(unreadable: Unreadable) -> InputError:
    return InputError(
        want="an object of which something can be read",
        got=f"{len(unreadable.left_out)} with nothing",
        where=f"the table, {unreadable.counts[0]}",
        fix=f"Begin with {unreadable.items[0]}.",
    )
