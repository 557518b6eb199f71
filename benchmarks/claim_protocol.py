"""One training of one objective, watched: how good its vectors are after how many seconds; and the rivals' tuning."""

import time
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, replace
from typing import Any

import numpy as np
import torch
from scipy.stats import qmc
from sklearn.linear_model import LogisticRegression

from benchmarks.claim_sets import ClaimSet, Part
from benchmarks.closed_form_start import SolvedSet, StartedEncoder
from steradian.config import ModelConfig, TrainingConfig
from steradian.data.batch import PreparedObjects
from steradian.data.samplers import batches, grouped_order, plain_order
from steradian.evaluation.geometry import Geometry, measure_vectors
from steradian.losses import default_scale
from steradian.metrics import retrieval_scores
from steradian.model import SphereEncoder, SphericalClassifier, TwoPartEncoder, build_encoder, embed, embed_subsets
from steradian.training import derive, objectives, with_derived
from steradian.training.build_objective import choose_anchor
from steradian.training.derive import samples_per_class
from steradian.training.imprint import imprint_centers
from steradian.training.learner import Learner
from steradian.training.train_networks import fixed_centers

__all__ = ["CLOSED_FORM", "OBJECTIVES", "Curve", "look_at_closed_form", "options_of", "train_watched"]

CLOSED_FORM = "closed form"
"""The method without a step."""
Encoder = SphereEncoder | TwoPartEncoder | StartedEncoder

LEARNING_RATES = (3e-4, 1e-2)
PAIRED = {"learning_rate": LEARNING_RATES, "scale": (5.0, 50.0), "samples_per_class": [1, 2, 4, 8]}
LABEL_FREE = {"learning_rate": LEARNING_RATES, "scale": (5.0, 50.0)}
OBJECTIVES: dict[str, tuple[dict[str, Any], dict[str, Any]]] = {
    "angular": (
        {},
        {
            "learning_rate": LEARNING_RATES,
            "center_learning_rate": (1e-2, 0.3),
            "scale_factor": (0.5, 2.0),
            "margin": 0.4,
        },
    ),
    "margin alone": (
        {"alignment_weight": 0.0},
        {
            "learning_rate": LEARNING_RATES,
            "center_learning_rate": (1e-2, 0.3),
            "scale_factor": (0.5, 2.0),
            "margin": 0.4,
        },
    ),
    "normalised_cross_entropy": (
        {"objective": "normalised_cross_entropy"},
        {"learning_rate": LEARNING_RATES, "center_learning_rate": (1e-2, 0.3), "scale_factor": (0.5, 2.0)},
    ),
    "cross_entropy": (
        {"objective": "cross_entropy"},
        {"learning_rate": LEARNING_RATES, "center_learning_rate": (1e-3, 0.1)},
    ),
    "proxy_anchor": (
        {"objective": "proxy_anchor"},
        {"learning_rate": LEARNING_RATES, "center_learning_rate": (1e-2, 0.3), "scale": (8.0, 64.0), "margin": 0.3},
    ),
    "supcon": ({"objective": "supcon"}, PAIRED),
    "triplet": (
        {"objective": "triplet"},
        {"learning_rate": LEARNING_RATES, "margin": 0.4, "samples_per_class": [2, 4, 8]},
    ),
    "clip": ({"objective": "clip"}, PAIRED),
    "anchor_clip": ({"objective": "anchor_clip"}, PAIRED),
    "gmc": ({"objective": "gmc"}, PAIRED),
    "symile": ({"objective": "symile"}, PAIRED),
    "gram": ({"objective": "gram"}, PAIRED),
    "gmc_cross_entropy": (
        {"objective": "gmc_cross_entropy", "positives": "object"},
        {**LABEL_FREE, "center_learning_rate": (1e-3, 0.1)},
    ),
    "clip, no labels": ({"objective": "clip", "positives": "object"}, LABEL_FREE),
    "gmc, no labels": ({"objective": "gmc", "positives": "object"}, LABEL_FREE),
}
"""Of each method the options that make it, and what is tuned: a range on a logarithmic scale, choices, or a largest
value from 0 on. "scale_factor" is a factor of the library's scale for the number of classes."""

FIRST_CHECKS, GROWTH = (3,), 1.4
"""Steps after which the vectors are looked at: these, and then each some two fifths later than the last."""
MEANS_OF, MEANS_AT_LEAST = 400, 4
"""Training objects that the class means of a check are made of, in all and of a class."""
LOOKED_UP = 400
"""Validation objects of a check at most."""


@dataclass(frozen=True)
class Curve:
    """A training, watched.

    Args:
        steps: after which it was looked at; 0 is before the first.
        seconds: of CPU until then, in one thread, without the looking; those of the closed form count where it is the
            start.
        scores: accuracy by the nearest class mean, or R@1 where classes are unseen, on the validation part.
        accuracy: the same of the test part, at the end, with all its objects.
        map_at_r: of the test part.
        linear_probe: accuracy of a logistic regression on the vectors, None where test classes are unseen.
        geometry: of the test part.
        start_seconds: of CPU before a training from the closed form begins; 0 where the start is random.
        choosing_seconds: of the closed form alone, those in which it chose its penalties.
    """

    steps: list[int]
    seconds: list[float]
    scores: list[float]
    accuracy: float
    map_at_r: float
    linear_probe: float | None
    geometry: dict[str, Any] | None
    start_seconds: float = 0.0
    choosing_seconds: float = 0.0

    def to_dict(self) -> dict[str, Any]:
        """Plain JSON values."""
        return asdict(self)


def options_of(method: str, trial: int, *, num_classes: int) -> dict[str, Any]:
    """Options of a tuning trial: the library's defaults for trial 0, then a Sobol sequence over what is tuned.

    Args:
        method: a key of `OBJECTIVES`.
        trial: counted from 0.
        num_classes: for the scale.
    """
    fixed, space = OBJECTIVES[method]
    if trial == 0:
        return dict(fixed)
    point = qmc.Sobol(len(space), seed=0).random(64)[trial - 1]
    options = {name: _at(span, float(place)) for (name, span), place in zip(space.items(), point, strict=True)}
    if "scale_factor" in options:
        options["scale"] = options.pop("scale_factor") * default_scale(num_classes)
    return {**fixed, **options}


def _at(span: Any, place: float) -> Any:
    if isinstance(span, list):
        return span[int(place * len(span))]
    if isinstance(span, tuple):
        low, high = np.log(span)
        return float(np.exp(low + place * (high - low)))
    return place * span


def look_at_closed_form(solved: SolvedSet, *, seed: int, tested: bool) -> Curve:
    """The closed form alone: a curve of one point.

    Args:
        solved: the set with it.
        seed: of what is looked at.
        tested: whether to measure on the test part too.
    """
    encoder = solved.encoder()
    watch = _Watch(solved.data, seed)
    watch.look(0, solved.seconds, encoder)
    curve = watch.finish(encoder, fixed_centers(solved.found.centers, encoder.device), tested=tested)
    return replace(curve, choosing_seconds=round(solved.choosing_seconds, 4))


def train_watched(
    data: ClaimSet, options: Mapping[str, Any], *, seed: int, tested: bool, start: SolvedSet | None = None
) -> Curve:
    """Train with an objective's options and the library's defaults for all else.

    Same seed: same first weights, order of objects (but for the size of class groups), dropout and augmentation.

    Args:
        data: the set.
        options: of `TrainingConfig`.
        seed: of weights and order.
        tested: whether to measure on the test part at the end; tuning does not.
        start: the same set with its closed form, to start from; None starts from the random weights alone.
    """
    data = data if start is None else replace(start.data, steps=data.steps)
    config = TrainingConfig(random_state=seed, batch_size=data.batch_size, **options)
    model_config = with_derived(ModelConfig(), objects=len(data.fit), num_classes=data.num_classes)
    labels = _labels(data.fit)
    torch.manual_seed(seed)
    network = build_encoder(data.preprocessor.modalities, model_config)
    encoder = network if start is None else StartedEncoder(network)
    classifier = SphericalClassifier(data.num_classes, model_config.dim)
    derived = derive(config, labels, num_classes=data.num_classes, model=model_config)
    watch = _Watch(data, seed)
    spent = 0.0 if start is None else start.start_seconds
    begun = time.process_time()
    kind = objectives.OBJECTIVES[config.objective]
    if kind.learns_centers or config.objective in ("cross_entropy", "gmc_cross_entropy"):
        imprint_centers(encoder, classifier, data.fit, random_state=seed)
    anchor = choose_anchor(data.fit.present)
    learner = Learner(encoder, classifier, config=config, derived=derived, steps=data.steps, anchor=anchor)
    seconds = spent + time.process_time() - begun
    watch.look(0, seconds, encoder)
    checks = set(_checks(data.steps))
    for step, rows in enumerate(_rows(labels, config, data.steps)):
        begun = time.process_time()
        learner.learn(data.fit.batch(rows), step)
        seconds += time.process_time() - begun
        if step + 1 in checks:
            watch.look(step + 1, seconds, encoder)
    encoder.eval()
    curve = watch.finish(encoder, classifier if kind.learns_centers else None, tested=tested)
    return replace(curve, start_seconds=round(spent, 4))


def _checks(steps: int) -> Iterator[int]:
    step = 0.0
    for step in FIRST_CHECKS:
        yield int(step)
    while step < steps:
        step = min(float(steps), step * GROWTH + 1)
        yield round(step)


def _rows(labels: np.ndarray, config: TrainingConfig, steps: int) -> Iterator[np.ndarray]:
    """The rows of each step."""
    size, epoch, done = samples_per_class(config), 0, 0
    while True:
        arguments = {"random_state": config.random_state, "epoch": epoch}
        order = plain_order(labels, **arguments) if size == 1 else grouped_order(labels, size=size, **arguments)
        for rows in batches(order, config.batch_size):
            if done == steps:
                return
            yield rows
            done += 1
        epoch += 1


class _Watch:
    """Looks at the vectors of an encoder from time to time."""

    def __init__(self, data: ClaimSet, seed: int) -> None:
        self._data = data
        self._steps: list[int] = []
        self._seconds: list[float] = []
        self._scores: list[float] = []
        labels = _labels(data.fit)
        order = plain_order(labels, random_state=seed, epoch=0)
        rank = np.empty(len(order), dtype=np.int64)
        # The place of each object among those of its class, in a random order.
        for members in np.split(order[np.argsort(labels[order], kind="stable")], np.cumsum(np.bincount(labels))[:-1]):
            rank[members] = np.arange(len(members))
        self._means_of = np.flatnonzero(rank < max(MEANS_AT_LEAST, MEANS_OF // data.num_classes))
        self._looked_up = np.sort(plain_order(_labels(data.validation.queries), random_state=seed, epoch=1)[:LOOKED_UP])

    def look(self, step: int, seconds: float, encoder: Encoder) -> None:
        """Take note of the validation score."""
        encoder.eval()
        score, _ = _scores(encoder, self._data, self._data.validation, self._looked_up, self._means_of)
        encoder.train()
        self._steps.append(step)
        self._seconds.append(round(seconds, 4))
        self._scores.append(score)

    def finish(self, encoder: Encoder, classifier: SphericalClassifier | None, *, tested: bool) -> Curve:
        """The curve, with the test if it is one."""
        curve = Curve(self._steps, self._seconds, self._scores, np.nan, np.nan, None, None)
        if not tested:
            return curve
        data, test = self._data, self._data.test
        every = np.arange(len(test.queries))
        accuracy, map_at_r = _scores(encoder, data, test, every, np.arange(len(data.fit)))
        probe = _linear_probe(encoder, data) if test.gallery == "means" else None
        geometry = _geometry(encoder, classifier, test.queries)
        return replace(curve, accuracy=accuracy, map_at_r=map_at_r, linear_probe=probe, geometry=geometry.to_dict())


def _scores(
    encoder: Encoder, data: ClaimSet, part: Part, rows: np.ndarray, means_of: np.ndarray
) -> tuple[float, float]:
    """Accuracy and MAP@R: by the nearest class mean and among the other objects, or of finding unseen classes."""
    vectors, labels = _embed(encoder, part.queries, rows), _labels(part.queries)[rows]
    if isinstance(part.gallery, PreparedObjects):
        found = retrieval_scores(
            vectors, labels, _embed(encoder, part.gallery, np.arange(len(part.gallery))), _labels(part.gallery)
        )
        return found.recall[1], found.map_at_r
    found = retrieval_scores(vectors, labels, vectors, labels, exclude=np.arange(len(rows)))
    if part.gallery == "others":
        return found.recall[1], found.map_at_r
    row_labels = _labels(data.fit)[means_of]
    sums = np.zeros((data.num_classes, vectors.shape[1]))
    np.add.at(sums, row_labels, _embed(encoder, data.fit, means_of))
    centers = sums / np.linalg.norm(sums, axis=1, keepdims=True).clip(1e-12)
    return float(((vectors @ centers.T).argmax(axis=1) == labels).mean()), found.map_at_r


def _linear_probe(encoder: Encoder, data: ClaimSet) -> float:
    """Accuracy of a logistic regression on entries of mean square 1."""
    train, test = (_embed(encoder, part, np.arange(len(part))) for part in (data.fit, data.test.queries))
    factor = train.shape[1] ** 0.5
    probe = LogisticRegression(C=0.1, max_iter=500).fit(factor * train, _labels(data.fit))
    return float(probe.score(factor * test, _labels(data.test.queries)))


def _geometry(encoder: Encoder, classifier: SphericalClassifier | None, objects: PreparedObjects) -> Geometry:
    every = np.arange(len(objects))
    modalities = objects.present.shape[1]
    single = np.zeros((len(objects), modalities, encoder.embedding_dim), dtype=np.float32)
    subsets = [np.broadcast_to(np.arange(modalities) == m, objects.present.shape) for m in range(modalities)]
    for m, rows, vectors in embed_subsets(encoder, objects, every, subsets=subsets, batch_size=512):
        single[rows, m] = vectors
    centers = None if classifier is None else classifier.class_centers.detach().numpy()
    vectors, labels = _embed(encoder, objects, every), _labels(objects)
    known = centers is not None and labels.max() < len(centers)
    return measure_vectors(
        vectors,
        labels,
        class_centers=centers if known else None,
        classes=np.arange(len(centers)) if centers is not None and known else None,
        modality_vectors=single,
        present=objects.present,
    )


def _embed(encoder: Encoder, objects: PreparedObjects, rows: np.ndarray) -> np.ndarray:
    return embed(encoder, objects, rows, batch_size=512)


def _labels(objects: PreparedObjects) -> np.ndarray:
    if objects.labels is None:
        raise ValueError("a part of a claim's set has class numbers")
    return objects.labels
