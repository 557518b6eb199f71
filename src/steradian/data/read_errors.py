"""Reading what can be read: items that cannot are found one by one and left out."""

import os
import re
from collections import Counter
from collections.abc import Hashable, Iterator, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from steradian.data.columns import to_objects
from steradian.data.late_columns import LateColumns
from steradian.data.modality import Columns, Modality, ReadValues, Values, is_missing, listed
from steradian.data.prefetch import prefetched
from steradian.data.schema import Schema
from steradian.data.unreadable import UnreadableItem
from steradian.errors import InputError
from steradian.progress_bar import ProgressBar

__all__ = ["Fault", "form_of", "read_modalities", "salvage"]

SECONDS_BEFORE_BAR = 2.0

LISTED = 5
"""Columns of a row that are named at most."""

EMPTY = {"f": np.nan, "m": "NaT", "M": "NaT"}
"""What an empty cell holds by the kind of array; None in others, which are of Python objects."""


class Fault(NamedTuple):
    """An item that cannot be read: its place among the rows, its column or columns, and what is wrong."""

    place: int
    column: str
    message: str


def read_modalities(
    columns: LateColumns, schema: Schema, *, rows: np.ndarray, ids: np.ndarray, salvaging: bool
) -> tuple[dict[str, ReadValues], LateColumns, tuple[UnreadableItem, ...]]:
    """The values of each modality, the columns without what could not be read, and what that was.

    Args:
        columns: of a table.
        schema: names the modalities.
        rows: the row numbers in the user's table, int64 [objects].
        ids: the ids [objects].
        salvaging: whether to leave out what cannot be read.

    Raises:
        InputError: an item that cannot be read, unless salvaging.

    Examples:
        >>> import steradian as sr
        >>> schema, one = sr.Schema({"size": sr.Tabular(numeric="size")}), np.arange(1)
        >>> read, *_ = read_modalities(LateColumns({"size": np.ones(1)}), schema, rows=one, ids=one, salvaging=False)
        >>> read["size"].present
        array([ True])
    """
    read, cleaned, unreadable = {}, columns, []
    for name, modality in schema.modalities.items():
        own = {column: columns[column] for column in modality.columns}
        if not salvaging:
            try:
                read[name] = modality.read(own)
            except InputError as error:
                raise _in_table(error, rows) from error
            continue
        kept, read[name], faults = salvage(modality, own)
        cleaned = cleaned.with_arrays({column: array for column, array in kept.items() if array is not own[column]})
        for place, column, message in faults:
            unreadable.append(UnreadableItem(rows[place].item(), ids[place].item(), name, column, message))
    return read, cleaned, tuple(unreadable)


def salvage(modality: Modality, columns: Columns) -> tuple[Columns, ReadValues, list[Fault]]:
    """Read what can be read of a modality.

    Parts of the columns are tried only where the whole cannot be read, so sound columns cost nothing; but modalities
    that decode their items later try each of them.

    Args:
        modality: reads the columns.
        columns: those of the modality at least; they are not changed.

    Returns:
        Its columns with None or NaN in place of every unreadable item, what `Modality.read` makes of them, and what was
        left out, by place.

    Raises:
        InputError: the columns as a whole are not what the modality reads.

    Examples:
        >>> from steradian import Tabular
        >>> columns, read, faults = salvage(Tabular(numeric=["price"]), {"price": to_objects([20, "n/a", 35])})
        >>> read.present, faults[0].message
        (array([ True, False,  True]), "want a finite number, got str 'n/a'")
    """
    search = _Search(modality, {name: columns[name] for name in modality.columns})
    read = search.read()
    if isinstance(read, InputError):
        search.drop_unreadable()
        read = search.read()
    if isinstance(read, InputError):
        search.drop_misfits(read)
        read = modality.read(search.columns)
    if search.decodes_later and search.drop_undecodable(np.flatnonzero(read.present).tolist()):
        read = modality.read(search.columns)
    return search.columns, read, sorted(search.faults)


class _Search:
    """The columns as far as they are cleaned, and what was found so far."""

    def __init__(self, modality: Modality, columns: dict[str, np.ndarray]) -> None:
        self.modality, self.columns = modality, columns
        self.length = len(next(iter(columns.values())))
        self.decodes_later = type(modality).probe is not Modality.probe
        self.faults: list[Fault] = []
        self._copied: set[str] = set()
        self._nothing = {name: to_objects([None]) for name in columns}

    def read(self, start: int = 0, stop: int | None = None) -> ReadValues | InputError:
        """What is read of some rows, or why they cannot be."""
        return self._read({name: column[start:stop] for name, column in self.columns.items()})

    def drop_unreadable(self) -> None:
        """Leave out of every row that cannot be read alone the items at fault, or all if the rest does not count."""
        for place, whole in self._failing(0, self.length):
            known = [name for name, column in self.columns.items() if not is_missing(column[place])]
            items = {name: self._items(name, place) for name in known}
            found = {name: [self._complaint(name, item) for item in items[name]] for name in known}
            kept = {name: self._without(name, place, items[name], found[name]) for name in known}
            rest = {name: cell for name, cell in kept.items() if cell is not None}
            sound = isinstance(self._read({**self._nothing, **rest}), ReadValues)
            if sound and (rest or len(known) == 1):
                self._put(place, {name: cell for name, cell in kept.items() if any(found[name])})
                self.faults += [Fault(place, name, text) for name, texts in found.items() for text in texts if text]
            else:
                self._put(place, dict.fromkeys(known))
                self.faults.append(Fault(place, listed(known, LISTED), _complaint_of_row(whole, known)))

    def drop_misfits(self, error: InputError) -> None:
        """Leave out rows of another form than most, where each can be read alone but not all together."""
        forms = {}
        for place in range(self.length):
            read = self.read(place, place + 1)
            if not isinstance(read, InputError) and read.present[0]:
                forms[place] = form_of(read.values)
        ((usual, holders),) = Counter(forms.values()).most_common(1) or [((), 0)]
        misfits = [place for place, form in forms.items() if form != usual]
        for place in misfits if holders > len(misfits) else []:
            self._put(place, dict.fromkeys(self.columns))
            self.faults.append(Fault(place, listed(self.columns), f"want {error.want}, got another form than most"))

    def drop_undecodable(self, places: Sequence[int]) -> bool:
        """Try every item of some rows and leave out those that fail; whether any did."""
        before = len(self.faults)
        for name in self.modality.columns:
            items = {place: self._items(name, place) for place in places}
            tried = iter(self._tried(name, [item for cell in items.values() for item in cell]))
            for place, cell in items.items():
                found = [next(tried) for _ in cell]
                if any(found):
                    self._put(place, {name: self._without(name, place, cell, found)})
                    self.faults += [Fault(place, name, text) for text in found if text]
        return len(self.faults) > before

    def _failing(self, start: int, stop: int) -> Iterator[tuple[int, InputError]]:
        """The rows that cannot be read alone, found by halving."""
        read = self.read(start, stop)
        if isinstance(read, InputError):
            if stop - start == 1:
                yield start, read
            else:
                middle = (start + stop) // 2
                yield from self._failing(start, middle)
                yield from self._failing(middle, stop)

    def _read(self, columns: Columns) -> ReadValues | InputError:
        try:
            return self.modality.read(columns)
        except InputError as error:
            return error

    def _items(self, name: str, place: int) -> list[np.ndarray]:
        """What stands in a cell, each item as a column of one cell; a list is several if any of them counts alone."""
        cell = self.columns[name][place]
        if (self.modality.holds_lists or self.decodes_later) and isinstance(cell, (list, tuple)):
            items = [to_objects([item]) for item in cell]
            alone = (self._read({**self._nothing, name: item}) for item in items)
            if any(isinstance(read, ReadValues) and read.present[0] for read in alone):
                return items
        return [self.columns[name][place : place + 1]]

    def _without(self, name: str, place: int, items: Sequence[np.ndarray], complaints: Sequence[str]) -> Any:
        """A cell, as a column of one, without those of its items that are complained of; None if nothing is left."""
        if not any(complaints):
            return self.columns[name][place : place + 1]
        kept = [item[0] for item, complaint in zip(items, complaints, strict=True) if not complaint]
        return to_objects([kept]) if kept else None

    def _complaint(self, name: str, item: np.ndarray, *, decoded: bool = False) -> str:
        """What is wrong with an item when nothing else is there; empty where it is sound or missing."""
        read = self._read({**self._nothing, name: item})
        try:
            if decoded and isinstance(read, ReadValues) and read.present[0]:
                self.modality.probe(item[0])
        except InputError as error:
            read = error
        return _complaint(read) if isinstance(read, InputError) else ""

    def _tried(self, name: str, items: Sequence[np.ndarray]) -> list[str]:
        """What is wrong with each item when it is decoded; what stands in several rows is decoded once."""
        keys = [_key(item) for item in items]
        distinct = dict(zip(keys, items, strict=True))
        cores = os.cpu_count() or 1
        decode = partial(self._complaint, name, decoded=True)
        tried = prefetched(decode, distinct.values(), ahead=4 * cores, threads=cores)
        found = dict(zip(distinct, _with_bar(tried, len(distinct)), strict=True))
        return [found[key] for key in keys]

    def _put(self, place: int, cells: Mapping[str, np.ndarray | None]) -> None:
        """Put cells, each as a column of one, into a row; None where nothing is left."""
        for name, cell in cells.items():
            column = self.columns[name]
            if name not in self._copied:
                self._copied.add(name)
                # A picture of NaN would be a picture.
                numeric = column.dtype.kind in EMPTY and not self.decodes_later
                column = self.columns[name] = column.copy() if numeric else to_objects(column)
            column[place] = EMPTY.get(column.dtype.kind) if cell is None else cell[0]


def _with_bar(complaints: Iterator[str], total: int) -> Iterator[str]:
    """The same, with a bar if they take long."""
    from rich.console import Console

    console = Console(stderr=True)
    with ProgressBar("trying every item", total, console=console, after=SECONDS_BEFORE_BAR) as bar:
        for number, complaint in enumerate(complaints, 1):
            bar.show(number)
            yield complaint


def _in_table(error: InputError, rows: np.ndarray) -> InputError:
    """The error with the row numbers of the user's table, in place of those among the rows that were read."""

    def numbered(text: str) -> str:
        return re.sub(
            r"\brow (\d+)(?= \(counted from 0\)| and |$)",
            lambda found: f"row {rows[int(found[1])]}" if int(found[1]) < len(rows) else found[0],
            text,
        )

    return InputError(error.want, numbered(error.got), numbered(error.where), error.fix)


def form_of(values: Values) -> tuple[Any, ...]:
    """The axes of one row's values but their first: what must be the same in rows that are read together.

    Args:
        values: of one row that has the modality.

    Examples:
        >>> form_of({"values": np.zeros((1, 3))})
        ((3,),)
    """
    first = [array[0] if array.dtype == object else array for array in values.values()]
    return tuple(array.shape[1:] if isinstance(array, np.ndarray) else None for array in first)


def _key(item: np.ndarray) -> Hashable:
    """What two items share only if they are the same."""
    value = item[0]
    if isinstance(value, (str, Path, bytes)):
        return value
    # An array of numbers makes a new object of its entry whenever it is asked.
    return id(value if item.dtype == object else item)


def _complaint_of_row(error: InputError, columns: Sequence[str]) -> str:
    """What is wrong with a row that is left out whole; of many columns, which is at fault and that all are left out."""
    if len(columns) <= LISTED:
        return _complaint(error)
    culprit = "".join([f" in column {name!r}" for name in columns if f"column {name!r}" in error.where][:1])
    return f"{_complaint(error)}{culprit}; all {len(columns)} columns of the row are left out"


def _complaint(error: InputError) -> str:
    return f"want {error.want}, got {error.got}"
