"""From encoded rows to what is sent back, one function and one type a question."""

import base64
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from pydantic import BaseModel

from steradian.errors import InputError
from steradian.search import Index, StoreIndex
from steradian.serve.gallery import Gallery
from steradian.serve.limits import Limits
from steradian.serve.requests import Requests, Strict, read_rows, request_types, text_column
from steradian.serve.served_model import ServedModel

__all__ = ["Failure", "Health", "Question", "questions", "with_shown"]

Name = str | int | bool
"""Of a class or an object."""


class Problem(BaseModel):
    """What is wrong with a request: where, what was wanted, what was got, how to fix it; all of it as one message."""

    message: str
    where: str = ""
    want: str = ""
    got: str = ""
    fix: str = ""


class Failure(BaseModel):
    """The body of every answer that is none of 200."""

    error: Problem


class Health(BaseModel):
    """That the server answers, and what it serves."""

    status: Literal["ok"]
    fingerprint: str
    embedding_dim: int
    modalities: list[str]
    calibrated: bool
    objects: int | None


class Vectors(BaseModel):
    """Unit vectors [rows, embedding_dim], and the fingerprint of the model that made them."""

    vectors: list[list[float]]
    fingerprint: str


class Prediction(BaseModel):
    """The answer, which may be "unknown", the class of the nearest center, and the angle to it in radians."""

    answer: Name
    nearest: Name
    angle: float


class Predictions(BaseModel):
    """One a row."""

    predictions: list[Prediction]


class Shown(BaseModel):
    """What the gallery holds of an object: cells by column, and a picture as a data address."""

    cells: dict[str, str]
    picture: str | None
    pixelated: bool


class Neighbor(BaseModel):
    """An object of the index; `contributions` says what each modality adds to the cosine, if the index is no store."""

    id: Name
    label: Name | None
    angle: float
    cosine: float
    contributions: dict[str, float] | None
    shown: Shown | None


class Result(BaseModel):
    """What was found for a row, nearest first, and the class that is predicted for it."""

    prediction: Prediction
    neighbors: list[Neighbor]


class Results(BaseModel):
    """One a row."""

    results: list[Result]


class Pair(BaseModel):
    """Whether two objects are the same: the angle, up to which one they are, and how often that is wrong."""

    angle: float
    threshold: float
    same: bool
    false_accept: float
    true_accept: float | None


class Pairs(BaseModel):
    """One a pair of rows."""

    pairs: list[Pair]


class Share(BaseModel):
    """Of one modality; angles in radians."""

    gate: float | None
    angle: float | None
    cosine: float | None
    contribution: float | None
    angle_without: float | None
    shapley: float | None


class Explanation(BaseModel):
    """The cosine of a row to its target as a sum over modalities."""

    target: Name
    cosine: float
    angle: float
    agreement: float
    context: float | None
    modalities: dict[str, Share]


class Explanations(BaseModel):
    """One a row."""

    explanations: list[Explanation]


class Embedding(BaseModel):
    """A vector, as numbers or as base64 of little-endian float32."""

    object: Literal["embedding"]
    index: int
    embedding: list[float] | str


class Usage(BaseModel):
    """Nothing is counted in tokens here."""

    prompt_tokens: int
    total_tokens: int


class Embeddings(BaseModel):
    """As OpenAI's API answers."""

    object: Literal["list"]
    data: list[Embedding]
    model: str
    usage: Usage


@dataclass(frozen=True)
class Question:
    """A path that takes rows.

    Args:
        path: of the route.
        summary: one line.
        request: the type of its body.
        response: the type of its answer.
        rows: the rows of a body.
        ask: the answer to a body and its encoded rows, as plain values; called in the model's thread.
        uploads: whether it takes uploads too.
    """

    path: str
    summary: str
    request: type[Strict]
    response: type[BaseModel]
    rows: Callable[[Any], list[dict[str, Any]]]
    ask: Callable[[Any, Any], dict[str, Any]]
    uploads: bool = True


def questions(model: ServedModel, index: Index | StoreIndex | None, limits: Limits) -> list[Question]:
    """All that can be asked.

    Args:
        model: answers.
        index: to search in; None leaves `/search` out.
        limits: of a request.
    """
    types, schema = request_types(model.schema, limits), model.schema
    answers = _Answers(model, index)

    def rows(body: Any) -> list[dict[str, Any]]:
        return read_rows(body.rows, schema, limits)

    def pairs(body: Any) -> list[dict[str, Any]]:
        return [
            row for name in ("first", "second") for row in read_rows(getattr(body, name), schema, limits, name=name)
        ]

    found = [
        Question("/embed", "Unit vectors of rows.", types.embed, Vectors, rows, answers.embed),
        Question("/predict", "The class of rows.", types.predict, Predictions, rows, answers.predict),
        Question("/explain", "What each modality adds.", types.explain, Explanations, rows, answers.explain),
        Question("/verify", "Whether pairs are the same.", types.verify, Pairs, pairs, answers.verify, uploads=False),
    ]
    if index is not None:
        found.append(Question("/search", "The nearest objects.", types.search, Results, rows, answers.search))
    if (column := text_column(schema)) is not None:
        found.append(_openai(types, column, answers))
    return found


def _openai(types: Requests, column: str, answers: "_Answers") -> Question:
    def rows(body: Any) -> list[dict[str, Any]]:
        return [{column: text} for text in ([body.input] if isinstance(body.input, str) else body.input)]

    summary = "Unit vectors of texts, as OpenAI's API gives them."
    return Question("/v1/embeddings", summary, types.embeddings, Embeddings, rows, answers.openai, uploads=False)


@dataclass(frozen=True)
class _Answers:
    """What is asked of encoded rows, in the model's thread."""

    model: ServedModel
    index: Index | StoreIndex | None

    def embed(self, body: Any, objects: Any) -> dict[str, Any]:
        vectors = self.model.vectors(_chosen(body, objects))
        return {"vectors": vectors.tolist(), "fingerprint": self.model.fingerprint}

    def predict(self, body: Any, objects: Any) -> dict[str, Any]:
        return {"predictions": self._predictions(_chosen(body, objects), reject=body.reject)}

    def search(self, body: Any, objects: Any) -> dict[str, Any]:
        chosen, index = _chosen(body, objects), self.index
        if index is None:
            raise InputError("a server with an index", "one without", "/search", "Start it with --index.")
        found = index.search(self.model.vectors(chosen), k=body.k)
        predictions = self._predictions(chosen, reject=self.model.calibrated)
        results = []
        for row, prediction in enumerate(predictions):
            labels = [None] * found.rows.shape[1] if found.labels is None else found.labels[row].tolist()
            columns = found.ids[row].tolist(), labels, found.angles[row].tolist(), found.cosines[row].tolist()
            keys = ("id", "label", "angle", "cosine")
            neighbors = [dict(zip(keys, cells, strict=True)) for cells in zip(*columns, strict=True)]
            shares = None
            # A store keeps its vectors.
            if body.details and self.model.weighable and isinstance(index, Index):
                shares = self._contributions(chosen[[row] * len(neighbors)], index.vectors[found.rows[row]])
            for place, neighbor in enumerate(neighbors):
                neighbor |= {"contributions": None if shares is None else shares[place], "shown": None}
            results.append({"prediction": prediction, "neighbors": neighbors})
        return {"results": results}

    def verify(self, body: Any, objects: Any) -> dict[str, Any]:
        pairs = len(body.first)
        if pairs != len(body.second):
            got = f"{pairs} and {len(body.second)}"
            raise InputError("as many second rows as first ones", got, "second", "Give one a pair, in order.")
        found = self.model.verify(objects[:pairs], objects[pairs:])["pairs"]
        return {"pairs": [{key: pair[key] for key in Pair.model_fields} for pair in found]}

    def explain(self, body: Any, objects: Any) -> dict[str, Any]:
        found = self.model.explain(_chosen(body, objects), body.target)["objects"]
        return {"explanations": [{key: entry[key] for key in Explanation.model_fields} for entry in found]}

    def openai(self, body: Any, objects: Any) -> dict[str, Any]:
        if body.dimensions not in (None, self.model.embedding_dim):
            want, fix = f"{self.model.embedding_dim} dimensions, which the model has", "Leave dimensions out."
            raise InputError(want, str(body.dimensions), "dimensions", fix)
        vectors = self.model.vectors(objects).astype("<f4")
        packed = body.encoding_format == "base64"
        cells = [base64.b64encode(row.tobytes()).decode("ascii") for row in vectors] if packed else vectors.tolist()
        data = [{"object": "embedding", "index": place, "embedding": cell} for place, cell in enumerate(cells)]
        usage = {"prompt_tokens": 0, "total_tokens": 0}
        return {"object": "list", "data": data, "model": body.model or self.model.fingerprint, "usage": usage}

    def _predictions(self, objects: Any, *, reject: bool) -> list[dict[str, Any]]:
        columns = [column.tolist() for column in self.model.decide(objects, reject=reject)]
        return [dict(zip(Prediction.model_fields, cells, strict=True)) for cells in zip(*columns, strict=True)]

    def _contributions(self, objects: Any, vectors: np.ndarray) -> list[dict[str, float]]:
        """What each modality adds to the cosine of each object with a vector."""
        found = self.model.explain(objects, vectors)["objects"]
        return [{name: share["contribution"] for name, share in entry["modalities"].items()} for entry in found]


def with_shown(answer: Mapping[str, Any], gallery: Gallery) -> None:
    """Add to each neighbor what the gallery holds of it.

    Args:
        answer: of `/search`, changed in place.
        gallery: of the index's objects.
    """
    for result in answer["results"]:
        for neighbor in result["neighbors"]:
            neighbor["shown"] = gallery.shown(neighbor["id"])


def _chosen(body: Any, objects: Any) -> Any:
    """The rows with the modalities and weights that a body names."""
    chosen = objects if body.modalities is None else objects.only(body.modalities)
    return chosen if body.weights is None else chosen.weighted(body.weights)
