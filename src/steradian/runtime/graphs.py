"""The networks of an exported model, run by onnxruntime."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from steradian.data.batch import Batch
from steradian.data.sets import SET_SIZES
from steradian.errors import MissingExtraError, SavedModelError

__all__ = ["Graphs"]


@dataclass(frozen=True)
class Graphs:
    """A graph a modality, from its items to the networks' vectors and summaries, and one that weighs these.

    Args:
        modalities: onnxruntime's sessions by modality, in the order of the schema.
        fusion: of level 2; None where the networks' gates take no part.
        embedding_dim: length of a vector.
        width: of all networks' summaries of a modality together.
    """

    modalities: Mapping[str, Any]
    fusion: Any
    embedding_dim: int
    width: int

    @classmethod
    def load(cls, entry: Mapping[str, Any], arrays: Mapping[str, np.ndarray], names: Sequence[str]) -> "Graphs":
        """The graphs of an exported folder.

        Args:
            entry: what its configuration says of them.
            arrays: the bytes of each, uint8, by name.
            names: of the modalities.

        Raises:
            MissingExtraError: onnxruntime is not installed.
            SavedModelError: what is no graph.
        """
        sessions = {name: _session(arrays[f"graphs/{number}"], name) for number, name in enumerate(names)}
        fusion = _session(arrays["graphs/fusion"], "fusion") if entry["fusion"] else None
        return cls(sessions, fusion, int(entry["embedding_dim"]), int(entry["width"]))

    def encode(self, batch: Batch) -> tuple[np.ndarray, np.ndarray]:
        """Vectors float32 [objects, modalities, embedding_dim] and summaries [objects, modalities, width]; 0 if absent.

        Args:
            batch: with items.
        """
        shape = batch.present.shape
        vectors = np.zeros((*shape, self.embedding_dim), dtype=np.float32)
        summaries = np.zeros((*shape, self.width), dtype=np.float32)
        for m, (name, session) in enumerate(self.modalities.items()):
            has = batch.present[:, m]
            if has.any():
                inputs = {each.name: batch.items[name][each.name] for each in session.get_inputs()}
                found = session.run(None, inputs)
                sizes = batch.items[name].get(SET_SIZES)
                own, seen = found[:2] if sizes is None else _joined(found[0], found[1], found[2], sizes)
                vectors[has, m], summaries[has, m] = own.mean(axis=1), seen.reshape(len(seen), -1)
        return vectors, summaries

    def weigh(self, vectors: np.ndarray, summaries: np.ndarray, present: np.ndarray) -> list[np.ndarray]:
        """What level 2 gives: the gates, and the context where there is one; of a "free" fusion the fused vectors.

        Args:
            vectors: float32 [objects, modalities, embedding_dim].
            summaries: float32 [objects, modalities, ...].
            present: bool [objects, modalities], at least one True a row.
        """
        given = {"vectors": vectors, "summaries": summaries, "present": present}
        found: list[np.ndarray] = self.fusion.run(
            None, {each.name: given[each.name] for each in self.fusion.get_inputs()}
        )
        return found


def _joined(vectors: np.ndarray, summaries: np.ndarray, weights: np.ndarray, sizes: np.ndarray) -> list[np.ndarray]:
    """Rows from their items' vectors and summaries [items, networks, ...], as `ModalityEncoder` joins them.

    The weights are [items, networks], before the softmax over a row's items; the sizes int64 [rows], none 0.
    """
    starts = np.concatenate([[0], np.cumsum(sizes)[:-1]])
    exponentials = np.exp(weights - np.repeat(np.maximum.reduceat(weights, starts), sizes, axis=0))
    shares = exponentials / np.repeat(np.add.reduceat(exponentials, starts), sizes, axis=0)
    joined = [np.add.reduceat(shares[..., None] * each, starts) for each in (vectors, summaries)]
    lengths = np.linalg.norm(joined[0], axis=2, keepdims=True)
    return [joined[0] / np.maximum(lengths, np.float32(1e-12)), joined[1]]


def _session(content: np.ndarray, name: str) -> Any:
    try:
        import onnxruntime
    except ImportError as error:
        raise MissingExtraError("runtime", "onnxruntime", "a model whose networks are run") from error
    try:
        options = onnxruntime.SessionOptions()
        options.log_severity_level = 3
        return onnxruntime.InferenceSession(content.tobytes(), options, providers=["CPUExecutionProvider"])
    # onnxruntime has a kind of error for each of its states, and no family of them.
    except Exception as error:
        raise SavedModelError(
            want="a graph of ONNX",
            got=" ".join(str(error).split())[:120],
            where=f"the networks of {name!r}",
            fix="Copy the whole folder again, or export the model again.",
        ) from error
