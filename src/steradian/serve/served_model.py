"""What the server asks of a model, and the answers of one that was fitted here."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol, Self

import numpy as np

from steradian.data import Schema
from steradian.metrics import to_angles
from steradian.model_answers import ModelAnswers
from steradian.saved_description import GRAPHS
from steradian.saved_files import read_json
from steradian.saved_folder import CONFIG
from steradian.thresholds import verify

if TYPE_CHECKING:
    from steradian.embedder import SphereEmbedder
    from steradian.fitted_model import Encoded
    from steradian.runtime import RuntimeModel, RuntimeObjects

__all__ = ["Decisions", "FittedServedModel", "ServedModel", "ServedObjects", "load_served"]


class ServedObjects(Protocol):
    """Objects that a model has encoded; `objects[rows]` are some of them."""

    def __len__(self) -> int: ...

    def __getitem__(self, rows: Any, /) -> Self: ...

    def only(self, modalities: Sequence[str], /) -> Self:
        """The same objects as if they had only these modalities."""
        ...

    def weighted(self, weights: Mapping[str, float], /) -> Self:
        """The same objects, gates times weights."""
        ...


class Decisions(NamedTuple):
    """Of each object the answer, which may be "unknown", the class of the nearest center, and the angle to it."""

    answers: np.ndarray
    nearest: np.ndarray
    angles: np.ndarray


class ServedModel(Protocol):
    """All that the server needs of a model, whatever runs it. It is asked by one thread only."""

    @property
    def schema(self) -> Schema:
        """Of the training table."""
        ...

    @property
    def fingerprint(self) -> str:
        """Of the vectors."""
        ...

    @property
    def embedding_dim(self) -> int:
        """Length of a vector."""
        ...

    @property
    def calibrated(self) -> bool:
        """Whether it can answer "unknown" and compare pairs."""
        ...

    @property
    def weighable(self) -> bool:
        """Whether its vectors are sums of its modalities' vectors, with gates."""
        ...

    def encode(self, rows: Sequence[Mapping[str, Any]], /) -> Any:
        """`ServedObjects` of rows, of which each has some of the schema's columns.

        Raises:
            SteradianError: a row that cannot be used.
        """
        ...

    def vectors(self, objects: Any, /) -> np.ndarray:
        """Unit vectors float32 [objects, embedding_dim]."""
        ...

    def decide(self, objects: Any, /, *, reject: bool) -> Decisions:
        """The class of each object."""
        ...

    def explain(self, objects: Any, target: Any = None, /) -> dict[str, Any]:
        """What each modality adds to a cosine, as `Attribution.to_dict` says it."""
        ...

    def verify(self, first: Any, second: Any, /) -> dict[str, Any]:
        """Whether the objects of each pair are the same, as `Verification.to_dict` says it."""
        ...


@dataclass(frozen=True)
class FittedServedModel:
    """A fitted or a served model as the server asks it.

    Args:
        model: fitted, or loaded to be served.
    """

    model: "SphereEmbedder | RuntimeModel"

    @property
    def schema(self) -> Schema:
        """Of the training table."""
        return self._answers.schema

    @property
    def fingerprint(self) -> str:
        """Of the vectors."""
        return self.model.fingerprint

    @property
    def embedding_dim(self) -> int:
        """Length of a vector."""
        return self._answers.embedding_dim

    @property
    def calibrated(self) -> bool:
        """Whether it has thresholds."""
        return self._answers.calibration is not None

    @property
    def weighable(self) -> bool:
        """Whether it has gates."""
        return self._answers.fusion != "free"

    def encode(self, rows: Sequence[Mapping[str, Any]], /) -> "Encoded | RuntimeObjects":
        """See `ServedModel`."""
        return self.model.encode({column: [row.get(column) for row in rows] for column in self.schema.columns})

    def vectors(self, objects: Any, /) -> np.ndarray:
        """See `ServedModel`."""
        return self._answers.vectors(objects)

    def decide(self, objects: Any, /, *, reject: bool) -> Decisions:
        """See `ServedModel`."""
        answers, vectors = self._answers, self.vectors(objects)
        numbers, cosines = answers.nearest(vectors)
        present = answers.present(objects.objects) if reject else None
        named = answers.predict_vectors(vectors, present=present)
        return Decisions(named, answers.classes[numbers], to_angles(cosines))

    def explain(self, objects: Any, target: Any = None, /) -> dict[str, Any]:
        """See `ServedModel`."""
        return self.model.explain(objects, target).to_dict()

    def verify(self, first: Any, second: Any, /) -> dict[str, Any]:
        """See `ServedModel`."""
        return verify(self._answers, first.objects, second.objects).to_dict()

    @property
    def _answers(self) -> ModelAnswers:
        return self.model if isinstance(self.model, ModelAnswers) else self.model.fitted_


def load_served(folder: str | Path) -> FittedServedModel:
    """The model of a folder, run without torch where it was exported, or where there is no torch.

    Args:
        folder: where `SphereEmbedder.save` or `export` wrote it.

    Raises:
        SavedModelError: no model there, or not whole.
        InputError: a model of several labels an object.
    """
    if GRAPHS in read_json(Path(folder, CONFIG)) or find_spec("torch") is None:
        from steradian.runtime import RuntimeModel

        served = FittedServedModel(RuntimeModel.load(folder))
    else:
        from steradian.embedder import SphereEmbedder

        served = FittedServedModel(SphereEmbedder.load(folder))
    served._answers.refuse_several(where="serve")
    return served
