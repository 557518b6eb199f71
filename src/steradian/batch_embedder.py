"""One batch of Arrow in, its unit vectors out: what engines such as Ray, Daft and Spark call in their workers."""

from dataclasses import dataclass, field, replace
from functools import lru_cache
from pathlib import Path
from threading import Lock
from typing import Any

import numpy as np

from steradian.data import Schema, read_objects
from steradian.data.objects import OnError
from steradian.errors import InputError, SavedModelError
from steradian.model_answers import ModelAnswers
from steradian.saved_description import GRAPHS
from steradian.saved_files import read_json
from steradian.saved_folder import CONFIG

__all__ = ["BatchEmbedder"]

_ONE_AT_A_TIME = Lock()
"""A model is loaded once a process and asked by one thread at a time; it uses several cores by itself."""


@dataclass(frozen=True)
class BatchEmbedder:
    """The vectors of a batch of rows, as a function that engines send to their workers.

    It takes a `pyarrow.RecordBatch` or `pyarrow.Table` with the columns of the model's schema, of which some may be
    absent, and gives one of the same kind with a row for each row, in the same order: `id` and `label` as they stand in
    the batch, where the schema names them and the batch has them; the named columns; and `vector`, lists of
    `embedding_dim` float32 at unit length. The answer depends on the batch and the model alone.

    It is pickled as the folder's name: each process loads the model when the first batch comes, and once. All workers
    must see the folder. Relative paths of pictures and sounds start at the worker's working directory.

    Args:
        folder: where `SphereEmbedder.save` or `export` wrote the model; an exported one runs without torch.
        columns: names of columns of the batch to keep beside the vectors.
        on_error: "raise" refuses a batch with an item that cannot be read, or a row with nothing to embed. "missing"
            takes such an item as missing, and leaves out the rows with nothing to embed.
        device: "auto" or a torch device; an exported model takes none.

    Raises:
        SavedModelError: no model there.

    Examples:
        >>> import pyarrow as pa, steradian as sr, tempfile
        >>> table = {"size": np.eye(4), "kind": ["a", "b", "a", "b"], "sku": ["p", "q", "r", "s"]}
        >>> objects = sr.read_objects(table, sr.Schema({"size": sr.Vector("size")}, label="kind", id="sku"))
        >>> folder = tempfile.mkdtemp()
        >>> sr.SphereEmbedder(embedding_dim=3, epochs=0, verbose=False).fit(objects).save(folder)
        >>> embed_batch = BatchEmbedder(folder)
        >>> found = embed_batch(pa.record_batch({"sku": ["p", "r"], "size": [[1.0, 0, 0, 0], [0, 0, 1, 0]]}))
        >>> found.column("id").to_pylist(), found.schema.field("vector").type
        (['p', 'r'], ListType(list<item: float>))
    """

    folder: str | Path
    columns: tuple[str, ...] = ()
    on_error: OnError = "raise"
    device: str = "auto"
    fingerprint: str = field(init=False)
    """Of the model that stood in the folder when this was made."""

    def __post_init__(self) -> None:
        object.__setattr__(self, "folder", str(Path(self.folder).absolute()))
        object.__setattr__(self, "columns", tuple(self.columns))
        object.__setattr__(self, "fingerprint", read_json(Path(self.folder, CONFIG)).get("fingerprint"))

    def __call__(self, batch: Any) -> Any:
        """The vectors of a batch.

        Args:
            batch: a `pyarrow.RecordBatch` or `pyarrow.Table` [rows].

        Returns:
            One of the same kind: id, label, `columns` and vector [rows].

        Raises:
            SavedModelError: the folder now holds another model.
            InputError: values that do not fit the model, or a named column that there is not.
        """
        import pyarrow as pa

        with _ONE_AT_A_TIME:
            model = _loaded(str(self.folder), self.fingerprint, self.device)
            rows, vectors = self._vectors(model, batch)
        kept = {name: batch.column(column) for name, column in self._kept(model.schema, batch).items()}
        if len(rows) < batch.num_rows:
            kept = {name: column.take(pa.array(rows)) for name, column in kept.items()}
        starts = pa.array(np.arange(len(rows) + 1, dtype=np.int32) * model.embedding_dim)
        # Not of a fixed size, which Spark does not take.
        kept["vector"] = pa.ListArray.from_arrays(starts, pa.array(vectors.ravel()))
        return type(batch).from_arrays([*kept.values()], names=[*kept])

    def _vectors(self, model: ModelAnswers, batch: Any) -> tuple[np.ndarray, np.ndarray]:
        """The numbers of the rows that have vectors, and these."""
        schema = model.schema
        # Names are carried as they are: the same id in two rows is no mistake of a batch.
        names = [name for name in batch.schema.names if name not in {schema.id, schema.label} - {*schema.columns}]
        if not batch.num_rows:
            return np.zeros(0, dtype=np.int64), np.zeros((0, model.embedding_dim), dtype=np.float32)
        objects = read_objects(
            batch.select(names), replace(schema, id=None), labelled=False, partial=True, on_error=self.on_error
        )
        return objects.rows, model.vectors(objects)

    def _kept(self, schema: Schema, batch: Any) -> dict[str, str]:
        """The columns that are carried, by their new names."""
        named = {"id": schema.id, "label": schema.label}
        kept = {name: column for name, column in named.items() if column and column in batch.schema.names}
        wrong = [name for name in self.columns if name not in batch.schema.names or name in {*kept, "vector"}]
        if wrong:
            raise InputError(
                want=f"columns of the batch, {', '.join(batch.schema.names)}, that are not called id, label or vector",
                got=", ".join(map(repr, wrong)),
                where="BatchEmbedder(columns=...)",
                fix="Name columns that are there, or rename them.",
            )
        return kept | {name: name for name in self.columns}


@lru_cache(maxsize=4)
def _loaded(folder: str, fingerprint: str, device: str) -> ModelAnswers:
    """The model of a folder, once a process."""
    model: ModelAnswers
    if GRAPHS in read_json(Path(folder, CONFIG)):
        from steradian.runtime import RuntimeModel

        model = RuntimeModel.load(folder)
    else:
        from steradian.saved_model import load_model

        model, _ = load_model(folder, device=device)
    if model.fingerprint != fingerprint:
        raise SavedModelError(
            want=f"the model of fingerprint {fingerprint}, with which the work was begun",
            got=f"one of fingerprint {model.fingerprint}",
            where=folder,
            fix="Keep each model in a folder of its own, and begin the work again.",
        )
    return model
