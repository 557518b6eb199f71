"""A model as it is served: read from a folder, run by numpy, its networks by onnxruntime."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from steradian.calibration import Calibration
from steradian.config import FusionKind, ModelConfig
from steradian.data import ObjectTable, Schema, read_objects
from steradian.data.batch import Preprocessor
from steradian.data.closed_form import SHORTEST
from steradian.errors import InputError, SavedModelError
from steradian.explanation import Attribution, Certificates, certify, explain
from steradian.runtime.graphs import Graphs
from steradian.runtime.runtime_objects import RuntimeObjects, WeighingModel, units
from steradian.saved_description import GRAPHS, fitting, read_description
from steradian.saved_files import read_json
from steradian.saved_folder import CONFIG, SavedModel, read_folder
from steradian.search import Index, Neighbors
from steradian.thresholds import Verification, verify
from steradian.validation import PLAIN_SCHEMA, query_table, refuse_objects_without

__all__ = ["RuntimeModel", "runs_networks", "runs_without_torch"]

AT_ONCE = 512
"""Objects that are encoded at a time."""
MAX_COSINES = 1 << 21
"""Of objects x classes held at a time."""


@dataclass(frozen=True, eq=False, repr=False)
class RuntimeModel(WeighingModel):
    """A saved or exported model that needs no torch: `RuntimeModel.load(folder)`.

    Wherever it takes rows, they are a dict of columns, a list of dicts or one dict, as `read_objects` takes them with
    partial=True, an `ObjectTable`, or what `encode` returned. Absent columns are missing.

    Args:
        schema: of the training table.
        classes: class names, sorted [num_classes].
        preprocessor: from a table to prepared objects; holds the closed form.
        centers: unit rows float32 [num_classes, embedding_dim], or [num_classes, subcenters, embedding_dim].
        config: the options of the model.
        scale: factor of the cosines that training used.
        fingerprint: 16 hexadecimal digits, the same for as long as the vectors are.
        two_parts: how the closed form and the networks are joined; None where a network stands alone.
        calibration: scales and thresholds, or None.
        graphs: the networks; None where none is run.
        level: of several labels, see `FittedModel`; else None.

    Examples:
        >>> import steradian as sr, tempfile
        >>> points = np.repeat([[-2.0, 0.5], [2.0, 0.5]], 20, axis=0) + np.arange(40)[:, None] / 99
        >>> model = sr.SphereEmbedder(embedding_dim=4, epochs=0, verbose=False)
        >>> _ = model.fit(points, np.repeat(["left", "right"], 20))
        >>> folder = tempfile.mkdtemp()
        >>> model.export(folder)
        >>> RuntimeModel.load(folder).predict(points[:1])
        array(['left'], dtype='<U5')
    """

    schema: Schema
    classes: np.ndarray
    preprocessor: Preprocessor
    centers: np.ndarray
    config: ModelConfig
    scale: float
    fingerprint: str
    two_parts: Mapping[str, Any] | None
    calibration: Calibration | None = None
    graphs: Graphs | None = None
    level: int | None = None

    @classmethod
    def load(cls, folder: str | Path) -> "RuntimeModel":
        """The model of a folder that `export` wrote, or `save` where no network is run. Nothing is unpickled.

        Args:
            folder: where it was written.

        Raises:
            SavedModelError: no model there, cut short, of another version, or saved with networks that are run.
            MissingExtraError: it has networks, and onnxruntime is not installed.
        """
        saved = read_folder(folder)
        with fitting(folder):
            described, entries = read_description(saved, folder), saved.entries
            joined, graphs = entries["two_parts"], entries.get(GRAPHS)
            names = list(described.schema.modalities)
            if graphs is None and runs_networks(joined):
                raise SavedModelError(
                    want="a model that was exported",
                    got="one that was saved with networks, which torch alone runs",
                    where=str(folder),
                    fix="Export it where torch is: steradian export MODEL --out FOLDER, or model.export(folder).",
                )
            return cls(
                schema=described.schema,
                classes=described.classes,
                preprocessor=saved.preprocessor,
                centers=_centers(saved, len(described.classes), described.model_config.subcenters),
                config=described.model_config,
                scale=entries["scale"],
                fingerprint=entries["fingerprint"],
                two_parts=joined,
                calibration=described.calibration,
                graphs=None if graphs is None else Graphs.load(graphs, saved.weights, names),
                level=described.level,
            )

    def __repr__(self) -> str:
        run = "closed form" if self.graphs is None else "networks"
        calibrated = "calibrated" if self.calibration is not None else "not calibrated"
        kinds = ", ".join(f"{name}: {type(kind).__name__}" for name, kind in self.schema.modalities.items())
        return (
            f"RuntimeModel {self.fingerprint}: {run}, {len(self.classes):,} classes, "
            f"vectors of width {self.embedding_dim}, {calibrated}\n  {kinds}"
        )

    @property
    def fusion(self) -> FusionKind:
        """See `ModelAnswers`; so for what follows."""
        return "certified" if self.two_parts is not None else self.config.kind_of_fusion

    @property
    def context_limit(self) -> float:
        """See `ModelAnswers`."""
        return self.config.context_limit if self.fusion == "context" else 0.0

    @property
    def class_centers(self) -> np.ndarray:
        """See `ModelAnswers`."""
        return self.centers

    def embed(self, rows: Any, *, modalities: str | Sequence[str] | None = None) -> np.ndarray:
        """Unit vectors float32 [objects, embedding_dim].

        Args:
            rows: see the class.
            modalities: those to use, as if the others were missing; None uses all that are present.

        Raises:
            InputError: values that do not fit the model, or an object that has none of the modalities.
        """
        encoded = self.encode(rows)
        has, vectors = encoded.fused(None if modalities is None else self.schema.mask(modalities))
        names = [modalities] if isinstance(modalities, str) else modalities or self.modalities
        refuse_objects_without(encoded.objects, np.flatnonzero(has), names=names)
        return vectors

    transform = embed
    """What an index asks of a model."""

    def vectors(self, objects: Any) -> np.ndarray:
        """See `ModelAnswers`."""
        return self.embed(objects)

    def predict(self, rows: Any, *, reject: bool = False) -> np.ndarray:
        """The class of the nearest center [objects]; of several labels a sorted tuple of them.

        Args:
            rows: see the class.
            reject: answer "unknown" beyond the threshold that `calibrate` found for what the object has.

        Raises:
            InputError: rows that do not fit; reject without a calibration, or a class of that very name.
        """
        encoded = self.encode(rows)
        return self.predict_vectors(self.embed(encoded), present=self.present(encoded.objects) if reject else None)

    def search(self, rows: Any, index: Index, k: int = 10, *, weights: Mapping[str, float] | None = None) -> Neighbors:
        """The nearest objects of an index.

        Args:
            rows: see the class.
            index: of this model's vectors: `steradian.Index.load(folder, model=runtime_model)`.
            k: neighbors a query.
            weights: factors of the gates by modality, such as {"photo": 2}.

        Raises:
            InputError: rows, `k` or weights that cannot be.
        """
        encoded = self.encode(rows)
        return index.search(self.embed(encoded if weights is None else encoded.weighted(weights)), k=k)

    def explain(self, rows: Any, target: Any = None) -> Attribution:
        """The cosine of each object to a target as a sum over its modalities; see `SphereEmbedder.explain`.

        Args:
            rows: see the class.
            target: None for the class predicted, the name of a class, or an array or table of one an object.
        """
        if not (target is None or isinstance(target, (str, bool, int, float, np.generic, np.ndarray))):
            target = self._table(target)
        return explain(self.encode(rows), target)

    def certify(self, rows: Any, *, all_classes: bool = False) -> Certificates:
        """What every subset of an object's modalities is bound to rank below its class; see `SphereEmbedder.certify`.

        Args:
            rows: see the class.
            all_classes: keep the lead over every class.
        """
        return certify(self.encode(rows), all_classes=all_classes)

    def verify(self, first: Any, second: Any) -> Verification:
        """Whether the objects of each two rows are the same; see `SphereEmbedder.verify`.

        Args:
            first: one object a pair.
            second: as many.
        """
        return verify(self, self._table(first), self._table(second))

    def encode(self, rows: Any) -> RuntimeObjects:
        """Rows as level 1 sees them, for all that is asked of them afterwards.

        Args:
            rows: see the class.

        Raises:
            InputError: rows that do not fit, or that another model has encoded.
        """
        if isinstance(rows, RuntimeObjects):
            self.checked_fingerprint(rows.model.fingerprint)
            return rows
        objects = self._table(rows)
        parts = [self._encoded(objects[start : start + AT_ONCE]) for start in range(0, max(1, len(objects)), AT_ONCE)]
        return RuntimeObjects(self, objects, *(np.concatenate(column) for column in zip(*parts, strict=True)))

    def nearest(self, vectors: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """The number of the nearest class int64 [objects], and the cosine to its center float64 [objects].

        Args:
            vectors: unit rows [objects, embedding_dim].

        Raises:
            InputError: vectors of another width.
        """
        if vectors.ndim != 2 or vectors.shape[1] != self.embedding_dim:
            want, got = f"vectors [objects, {self.embedding_dim}]", f"shape {vectors.shape}"
            raise InputError(want, got, "the vectors", "Take them from model.embed(rows).")
        numbers, cosines = np.empty(len(vectors), dtype=np.int64), np.empty(len(vectors))
        step = max(1, MAX_COSINES // len(self.classes))
        for start in range(0, len(vectors), step):
            part = slice(start, start + step)
            found = np.tensordot(vectors[part].astype(np.float32), self.class_centers, axes=([1], [-1]))
            found = found if found.ndim == 2 else found.max(axis=2)
            numbers[part], cosines[part] = found.argmax(axis=1), found.max(axis=1)
        return numbers, cosines

    def weigh(self, vectors: np.ndarray, summaries: np.ndarray, present: np.ndarray) -> list[np.ndarray]:
        """See `WeighingModel`."""
        if self.graphs is not None and self.graphs.fusion is not None:
            return self.graphs.weigh(vectors, summaries, present)
        lengths = np.exp(summaries[..., 0]) * present
        return [lengths / lengths.sum(axis=1, keepdims=True)]

    def _table(self, rows: Any) -> ObjectTable:
        if isinstance(rows, np.ndarray) and len(self.schema.columns) == 1:
            rows = {self.schema.columns[0]: rows}
        if self.schema == PLAIN_SCHEMA and not isinstance(rows, ObjectTable):
            return read_objects(rows, self.schema, labelled=False, partial=True)
        return query_table(self, self.schema, rows)

    def _encoded(self, objects: ObjectTable) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Vectors, summaries and what is present of some objects."""
        prepared = self.preprocessor.prepare(objects)
        batch = prepared.batch(np.arange(len(objects)), items=self.graphs is not None)
        present, found = batch.present, None if self.graphs is None else self.graphs.encode(batch)
        if self.two_parts is None and found is not None:
            return *found, present
        closed = np.zeros((*present.shape, self.embedding_dim), np.float32) if batch.closed is None else batch.closed
        lengths = np.linalg.norm(closed, axis=2)
        share = np.float32(0.0 if found is None or self.two_parts is None else self.two_parts["share"])
        featured = np.ones(present.shape[1], bool) if self.two_parts is None else np.array(self.two_parts["featured"])
        logs = np.log(np.maximum(np.where(featured, lengths, np.float32(share > 0)), np.float32(SHORTEST)))[..., None]
        vectors = _normalized(closed)
        if found is None:
            return units(vectors) * present[..., None], logs, present
        vectors = units(vectors + share * _normalized(found[0])) * present[..., None]
        return vectors, np.concatenate([logs, found[1]], axis=2), present


def runs_networks(joined: Mapping[str, Any] | None) -> bool:
    """Whether a model's vectors need its networks.

    Args:
        joined: how they and the closed form are joined; None where a network stands alone.

    Examples:
        >>> runs_networks({"networks": 2, "share": 0.0, "learned_gates": False}), runs_networks(None)
        (False, True)
    """
    return joined is None or (joined["networks"] > 0 and (joined["learned_gates"] or joined["share"] > 0))


def runs_without_torch(folder: str | Path) -> bool:
    """Whether `RuntimeModel.load` takes a folder: it was exported, or its vectors need no network.

    Args:
        folder: where a model was written.

    Raises:
        SavedModelError: no configuration of a model there.
    """
    entries = read_json(Path(folder, CONFIG))
    with fitting(folder):
        return GRAPHS in entries or not runs_networks(entries.get("two_parts"))


def _normalized(vectors: np.ndarray) -> np.ndarray:
    """Vectors at unit length, those of zeros as they are."""
    lengths = np.linalg.norm(vectors, axis=-1, keepdims=True)
    return np.asarray(vectors / np.maximum(lengths, np.float32(1e-12)))


def _centers(saved: SavedModel, classes: int, subcenters: int) -> np.ndarray:
    """The unit class centers of a folder."""
    weight = saved.weights["classifier.weight"]
    form = saved.preprocessor.closed_form
    dim = weight.shape[-1] if form is None else form.embedding_dim
    shape = (classes, dim) if subcenters == 1 else (classes, subcenters, dim)
    if weight.shape != shape or weight.dtype != np.float32 or not np.isfinite(weight).all():
        raise ValueError(f"class centers of {weight.dtype} {weight.shape}, and not float32 {shape}")
    return _normalized(weight)
