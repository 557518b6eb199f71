"""An index over unit vectors: build it, ask it, keep it on disk."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from safetensors import SafetensorError
from safetensors.numpy import load_file, save

from steradian.data.checks import refuse_repeated_ids
from steradian.data.label_sets import class_names
from steradian.errors import InputError, SavedModelError
from steradian.metrics import nearest, unit_vectors
from steradian.metrics.nearest import CheckedRows, check_rows
from steradian.saved_files import MOST_JSON, read_files, refuse_special_file, replace_files
from steradian.search.approximate import ApproximateSearch
from steradian.search.name_arrays import are_different, from_arrays, to_arrays
from steradian.search.neighbors import Neighbors
from steradian.search.new_rows import joined_names, named, new_rows, places_of, refuse_known_ids
from steradian.search.queries import Embedder, check_k, query_vectors

if TYPE_CHECKING:
    from steradian.search.store_index import StoreIndex

__all__ = ["Index"]

_KIND, _FORMAT = "steradian index", 2
_ENTRIES = "index.json"


@dataclass(frozen=True, eq=False, repr=False)
class Index:
    """Unit vectors to search in, exactly or approximately; a million rows need no more memory than their vectors.

    Rows are checked once, when the index is made. A search then takes about as long as one float32 product of the
    queries with the vectors; it holds at most 64 MiB beside these, its queries and its result.

    Make one with `Index.build(model, objects)`, `Index.from_vectors(vectors)` or `Index.load(folder)`.

    Args:
        vectors: float32 [objects, dim], unit rows.
        ids: [objects], names of the rows; the row numbers where none are given.
        labels: [objects], their classes, or None.
        model: embeds queries that are objects; None takes vectors only.
        made_by: the fingerprint of the model that made the vectors, or None.
        lists: of an approximate search; None searches all rows.

    Examples:
        >>> import numpy as np
        >>> index = Index.from_vectors(np.eye(3), labels=["cat", "dog", "owl"])
        >>> index
        Index: 3 vectors of width 3, 3 classes, no model
        >>> index.search(np.array([[1.0, 0.0, 0.2]]), k=2).labels.tolist()
        [['cat', 'owl']]
    """

    vectors: np.ndarray
    ids: np.ndarray
    labels: np.ndarray | None = None
    model: Embedder | None = None
    made_by: str | None = None
    lists: ApproximateSearch | None = None
    _rows: CheckedRows = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "_rows", check_rows(self.vectors))

    @classmethod
    def build(cls, model: Embedder, objects: Any) -> "Index":
        """Embed objects and keep the model for queries.

        Args:
            model: a fitted model.
            objects: an `ObjectTable`, whose ids and labels (if any) are kept, or what else `model.transform` takes.

        Raises:
            InputError: objects that the model refuses.
        """
        labels = objects.labels if getattr(objects, "has_labels", False) else None
        index = cls.from_vectors(np.asarray(model.transform(objects)), labels=labels, ids=getattr(objects, "ids", None))
        return cls(index.vectors, index.ids, index.labels, model, getattr(model, "fingerprint", None))

    @classmethod
    def from_vectors(cls, vectors: np.ndarray, *, labels: Any = None, ids: Any = None) -> "Index":
        """An index of any vectors.

        Args:
            vectors: [objects, dim], real numbers; rows are divided by their length where it is not 1.
            labels: [objects]: text, integers or booleans; None for none.
            ids: [objects], likewise, each different; None takes the row numbers.

        Raises:
            InputError: an empty array, a row that is zero or not finite, too few or many labels or ids, or one that
                is missing, or an id that stands twice.
        """
        unit = unit_vectors(vectors)
        names = np.arange(len(unit))
        if ids is not None:
            names = named(ids, len(unit), name="ids")
            refuse_repeated_ids(names, np.arange(len(unit)), name="ids")
        return cls(unit, names, None if labels is None else named(labels, len(unit), name="labels"))

    def approximate(self, *, recall: float = 0.99, random_state: int = 0, verbose: bool = True) -> "Index":
        """The same index, searched in a few of many lists of FAISS; the recall is measured and printed.

        Of a large index a search then takes a small part of the time. Angles are right, but a neighbor may be missing.
        To make the lists takes half a minute for a million rows; they are not saved with the index.

        Args:
            recall: the share of the 10 exact neighbors to find at least, in the mean of 500 drawn rows. So many lists
                are opened as it takes.
            random_state: of the lists and the draw.
            verbose: print the recall that was measured; the index shows it as well.

        Raises:
            ConfigError: a recall that is no share.
            MissingExtraError: FAISS is not installed: `pip install 'steradian[faiss]'`.
        """
        rows = self._rows if self._rows.off_unit is not None else check_rows(unit_vectors(self.vectors))
        found = replace(self, lists=ApproximateSearch.build(rows, recall=recall, random_state=random_state))
        if verbose:
            print(f"approximate search: {found.lists}")
        return found

    def search(
        self,
        queries: Any,
        k: int = 10,
        *,
        modalities: str | Sequence[str] | None = None,
        weights: Mapping[str, float] | None = None,
    ) -> Neighbors:
        """The k nearest objects of each query; equal cosines are ordered by row.

        Args:
            queries: a numeric array [queries, dim] of vectors, or objects as `model.transform` takes them.
            k: neighbors a query; all, where the index has fewer.
            modalities: the modalities of the query objects to use; None uses all that are present.
            weights: factors of the gates by modality, such as {"photo": 2}; see `Encoded.weighted`. None: 1 each.

        Raises:
            InputError: vectors of another width, zero or not finite; objects without a model; `k` below 1; weights
                that are none, or of a model without gates.
        """
        check_k(k)
        vectors = query_vectors(self.model, queries, dim=self.vectors.shape[1], modalities=modalities, weights=weights)
        k = min(k, len(self))
        rows, cosines = nearest(vectors, self._rows, k=k) if self.lists is None else self.lists.nearest(vectors, k=k)
        return Neighbors(rows, cosines, self.ids[rows], None if self.labels is None else self.labels[rows])

    def add(self, objects: Any, *, ids: Any = None, labels: Any = None) -> "Index":
        """An index with further objects behind the others; it is searched exactly until `approximate` is called again.

        Args:
            objects: a numeric array [objects, dim] of vectors, or objects as `model.transform` takes them.
            ids: [objects], none of which is in the index. None takes the column of ids of an `ObjectTable`; where
                there is none, the numbers after the largest id, if ids are numbers.
            labels: [objects], if the index has labels; None takes the table's own.

        Raises:
            InputError: an id that stands twice or is in the index, no ids or labels where the index has such, labels
                where it has none, or names of another kind; vectors of another width; objects without a model.

        Examples:
            >>> index = Index.from_vectors(np.eye(3)[:2], ids=["a", "b"])
            >>> index.add(np.eye(3)[2:], ids=["c"]).ids.tolist()
            ['a', 'b', 'c']
        """
        new = new_rows(self, objects, ids=ids, labels=labels)
        names = joined_names(self.ids, new.ids, name="ids")
        refuse_known_ids(new.ids[np.isin(new.ids, self.ids)])
        classes = None if self.labels is None else joined_names(self.labels, new.labels, name="labels")
        return replace(self, vectors=np.concatenate([self.vectors, new.vectors]), ids=names, labels=classes, lists=None)

    def remove(self, ids: Any) -> "Index":
        """An index without some objects; it is searched exactly until `approximate` is called again.

        Args:
            ids: of one object or of several.

        Raises:
            InputError: an id that is not in the index or stands twice, or nothing would be left.

        Examples:
            >>> Index.from_vectors(np.eye(3), ids=["a", "b", "c"]).remove(["b"]).ids.tolist()
            ['a', 'c']
        """
        kept = np.ones(len(self), dtype=bool)
        kept[places_of(np.atleast_1d(np.asarray(ids)), self.ids, where="remove(ids)")] = False
        if not kept.any():
            fix = "Leave one, or build another index."
            raise InputError("an index with an object left", "all of its ids", "remove(ids)", fix)
        labels = None if self.labels is None else self.labels[kept]
        return replace(self, vectors=self.vectors[kept], ids=self.ids[kept], labels=labels, lists=None)

    def update(self, objects: Any, *, ids: Any = None, labels: Any = None) -> "Index":
        """An index with other vectors, and labels, of objects that it has; each stays in its row.

        Args:
            objects: as for `add`.
            ids: [objects], of the index. None takes the column of ids of an `ObjectTable`.
            labels: [objects], as for `add`.

        Raises:
            InputError: an id that is not in the index or stands twice, and as for `add`.

        Examples:
            >>> index = Index.from_vectors(np.eye(3)[:2], ids=["a", "b"]).update(np.eye(3)[2:], ids=["b"])
            >>> index.vectors[1].tolist()
            [0.0, 0.0, 1.0]
        """
        new = new_rows(self, objects, ids=ids, labels=labels, known=True)
        places, vectors, classes = places_of(new.ids, self.ids, where="update(ids=...)"), self.vectors.copy(), None
        vectors[places] = new.vectors
        if self.labels is not None:
            both, order = joined_names(self.labels, new.labels, name="labels"), np.arange(len(self))
            order[places] = len(self) + np.arange(len(places))
            classes = both[order]
        return replace(self, vectors=vectors, labels=classes, lists=None)

    @staticmethod
    def open(place: str, *, model: Embedder | None = None) -> "StoreIndex":
        """An index whose rows stay in a vector store, which `write_vectors` or `steradian embed --to` has filled.

        Args:
            place: such as "lancedb:PATH#TABLE", "qdrant:URL_OR_PATH#NAME", "pgvector:DSN#TABLE" or "parquet:FILE".
            model: the model to embed queries and new objects with; None takes vectors only.

        Raises:
            ConfigError: no such kind of place.
            MissingExtraError: its package is not installed.
            SavedModelError: nothing of steradian's there, or filled by another model.
        """
        from steradian.search.store_index import StoreIndex

        return StoreIndex.open(place, model=model)

    def save(self, folder: str | Path) -> None:
        """Write vectors, labels and ids to a folder; the model is saved on its own.

        Args:
            folder: made if it does not exist; an index already there is replaced only when the new one is whole, and
                other files stay.
        """
        arrays = {"vectors": np.ascontiguousarray(self.vectors), **to_arrays(self.ids, key="ids")}
        if self.labels is not None:
            arrays |= to_arrays(self.labels, key="labels")
        content = save(arrays)
        replace_files(Path(folder, _ENTRIES), self._entries(), key="vectors", content=content)

    @classmethod
    def load(cls, folder: str | Path, *, model: Embedder | None = None) -> "Index":
        """A saved index. Nothing is unpickled.

        Args:
            folder: where `save` wrote it.
            model: the model to embed queries with; None takes vectors only.

        Raises:
            SavedModelError: no index there, cut short, of another version, or made by another model.
        """
        path, entries, arrays = read_files(Path(folder, _ENTRIES), key="vectors", read=_read_entries, load=_load_arrays)
        index = _checked_index(arrays, entries, path, model)
        made_by, given = index.made_by, getattr(model, "fingerprint", None)
        if made_by and given and made_by not in (given, *getattr(model, "compatible_fingerprints", ())):
            raise SavedModelError(
                want=f"an index made by this model ({given})",
                got=f"one made by another ({made_by})",
                where=str(folder),
                fix="Build the index again: steradian embed MODEL TABLE, or Index.build(model, objects).",
            )
        return index

    def __len__(self) -> int:
        return len(self.vectors)

    def __repr__(self) -> str:
        classes = "no labels" if self.labels is None else f"{len(class_names(self.labels)):,} classes"
        model = "no model" if self.model is None else f"model {type(self.model).__name__}"
        lists = "" if self.lists is None else f"; {self.lists}"
        return f"Index: {len(self):,} vectors of width {self.vectors.shape[1]}, {classes}, {model}{lists}"

    def _entries(self) -> dict[str, Any]:
        rows, dim = self.vectors.shape
        labelled = self.labels is not None
        return {
            "kind": _KIND,
            "format": _FORMAT,
            "rows": rows,
            "dim": dim,
            "labelled": labelled,
            "made_by": self.made_by,
        }


def _read_entries(path: Path) -> dict[str, Any]:
    try:
        refuse_special_file(path, most=MOST_JSON)
        entries = json.loads(path.read_text(encoding="utf-8", errors="surrogatepass"))
    except (FileNotFoundError, NotADirectoryError) as error:
        fix = "Name another by --index (fit writes MODEL/index), or make one: steradian embed MODEL TABLE --out FOLDER."
        raise SavedModelError("the folder of an index", "no such file", str(path), fix) from error
    except (OSError, ValueError, RecursionError) as error:
        raise _broken(path, "the entries of an index, whole", str(error)) from error
    if not isinstance(entries, dict) or entries.get("kind") != _KIND:
        raise _broken(path, "the entries of an index", "another file of that name")
    if entries.get("format") != _FORMAT:
        raise SavedModelError(
            want=f"an index of format {_FORMAT}",
            got=f"format {entries.get('format')!r}",
            where=str(path),
            fix="Load it with the version of steradian that saved it, or build and save it again.",
        )
    missing = [key for key in ("vectors", "rows", "dim", "labelled") if key not in entries]
    if missing:
        raise _broken(path, "the entries of an index, whole", f"no {', '.join(missing)}")
    return entries


def _load_arrays(path: Path) -> dict[str, np.ndarray]:
    try:
        refuse_special_file(path)
        return load_file(path)
    except (OSError, SafetensorError) as error:
        raise _broken(path, "the arrays of an index, whole", f"{type(error).__name__}: {error}") from error


def _checked_index(arrays: dict[str, np.ndarray], entries: dict[str, Any], path: Path, model: Embedder | None) -> Index:
    """The index that was saved; what a file holds is not trusted."""
    vectors, shape = arrays.get("vectors"), [entries["rows"], entries["dim"]]
    if vectors is None or vectors.dtype != np.float32 or list(vectors.shape) != shape:
        found = {name: (str(array.dtype), array.shape) for name, array in arrays.items()}
        raise _broken(path, f"float32 vectors of shape {shape}", f"{found}")
    try:
        ids = from_arrays(arrays, key="ids", rows=len(vectors))
        labels = from_arrays(arrays, key="labels", rows=len(vectors)) if entries["labelled"] else None
        if not are_different(ids):
            refuse_repeated_ids(ids, np.arange(len(ids)), name="ids")
        index = Index(vectors, ids, labels, model, entries.get("made_by"))
    except (InputError, ValueError) as error:
        raise _broken(path, "an index, whole", str(error)) from error
    if index._rows.off_unit is None:
        raise _broken(path, "unit vectors", "vectors of other lengths")
    return index


def _broken(path: Path, want: str, got: str) -> SavedModelError:
    return SavedModelError(want, got, str(path), "Copy the whole folder again, or build and save the index again.")
