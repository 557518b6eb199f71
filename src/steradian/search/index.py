"""An index over unit vectors: build it, ask it, keep it on disk."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from safetensors import SafetensorError
from safetensors.numpy import load_file, save

from steradian.data.checks import refuse_repeated_ids, to_names
from steradian.data.columns import to_column
from steradian.errors import InputError, SavedModelError
from steradian.metrics import nearest, unit_vectors
from steradian.metrics.nearest import CheckedRows, check_rows
from steradian.saved_files import MOST_JSON, read_files, refuse_special_file, replace_files
from steradian.search.approximate import ApproximateSearch
from steradian.search.name_arrays import are_different, from_arrays, to_arrays
from steradian.search.neighbors import Neighbors

__all__ = ["Embedder", "Index"]

_KIND, _FORMAT = "steradian index", 2
_ENTRIES = "index.json"


class Embedder(Protocol):
    """What an index needs of a model."""

    def transform(self, objects: Any, /, *, modalities: Sequence[str] | None = None) -> np.ndarray:
        """Unit vectors [objects, dim] of a table, from all modalities or from some of them."""
        ...


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

    Example:
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
            names = _names(ids, len(unit), name="ids")
            refuse_repeated_ids(names, np.arange(len(unit)), name="ids")
        return cls(unit, names, None if labels is None else _names(labels, len(unit), name="labels"))

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
        if not isinstance(k, (int, np.integer)) or k < 1:
            raise InputError(want="an integer from 1", got=repr(k), where="k", fix="Write for example k=10.")
        vectors = self._query_vectors(queries, modalities, weights)
        if vectors.ndim == 2 and vectors.shape[1] != self.vectors.shape[1]:
            raise InputError(
                want=f"queries of width {self.vectors.shape[1]}, as the index",
                got=f"width {vectors.shape[1]}",
                where="search(queries)",
                fix="Embed the queries with the model of the index: model.transform(objects).",
            )
        k = min(k, len(self))
        rows, cosines = nearest(vectors, self._rows, k=k) if self.lists is None else self.lists.nearest(vectors, k=k)
        return Neighbors(rows, cosines, self.ids[rows], None if self.labels is None else self.labels[rows])

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
        classes = "no labels" if self.labels is None else f"{len(np.unique(self.labels)):,} classes"
        model = "no model" if self.model is None else f"model {type(self.model).__name__}"
        lists = "" if self.lists is None else f"; {self.lists}"
        return f"Index: {len(self):,} vectors of width {self.vectors.shape[1]}, {classes}, {model}{lists}"

    def _query_vectors(
        self, queries: Any, modalities: str | Sequence[str] | None, weights: Mapping[str, float] | None
    ) -> np.ndarray:
        given_vectors = isinstance(queries, np.ndarray) and queries.dtype.kind in "fiu"
        if given_vectors and modalities is None and weights is None:
            return np.asarray(queries)
        if given_vectors or self.model is None:
            raise InputError(
                want="objects and an index with a model" if modalities or weights else "a numeric array [queries, dim]",
                got="vectors" if given_vectors else f"{type(queries).__name__}, and this index has no model",
                where="search(queries)",
                fix="Leave out modalities and weights." if given_vectors else "Use Index.load(folder, model=model).",
            )
        names = [modalities] if isinstance(modalities, str) else modalities
        if weights is not None:
            queries = self._encoder().encode(queries).weighted(weights)
        return np.asarray(self.model.transform(queries, modalities=names))

    def _encoder(self) -> Any:
        if not hasattr(self.model, "encode"):
            raise InputError(
                want="a model with gates, such as a SphereEmbedder",
                got=type(self.model).__name__,
                where="search(weights=...)",
                fix="Leave out weights.",
            )
        return self.model

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


def _names(values: Any, rows: int, *, name: str) -> np.ndarray:
    column = to_column(values, name)
    if len(column) != rows:
        raise InputError(
            want=f"{rows} {name}, one a vector", got=str(len(column)), where=name, fix="Give one a row, in order."
        )
    return to_names(column, np.arange(rows), name=name)


def _read_entries(path: Path) -> dict[str, Any]:
    try:
        refuse_special_file(path, most=MOST_JSON)
        entries = json.loads(path.read_text(encoding="utf-8", errors="surrogatepass"))
    except (FileNotFoundError, NotADirectoryError) as error:
        fix = "Check the path, or make one: steradian embed MODEL TABLE --out FOLDER."
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
