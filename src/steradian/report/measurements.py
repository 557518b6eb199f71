"""All that a report shows, computed once; the sections only write it down."""

from dataclasses import dataclass

import numpy as np
from scipy.special import softmax

from steradian.audit import Audit
from steradian.data import ObjectTable
from steradian.embedder import SphereEmbedder
from steradian.errors import ConfigError, InputError
from steradian.evaluation import Evaluation, PlainBaseline, Robustness, measure_plain_baseline
from steradian.evaluation import robustness as measure_robustness
from steradian.evaluation.evaluation_table import Evaluated
from steradian.evaluation.scoring import Gallery, search_among
from steradian.explanation import Attribution
from steradian.fitted_model import Encoded, FittedModel
from steradian.metrics import ClassAngles, class_angles, single_centers, to_angles
from steradian.model import cosine_chunks
from steradian.report.searching import Searched, search
from steradian.report.sphere import SphereMap, map_sphere

__all__ = ["Measurements", "Predictions", "measure"]

PAIRS = 200_000
"""Pairs of objects that the histograms of angles draw of each kind."""
MEASURED, COMPARED = 20_000, 5_000
"""Objects up to which an audit and a plain baseline are made where none is given, and copies are searched for."""
SMALL = 2_000
"""Objects up to which the drop-out table is measured where none is given."""


@dataclass(frozen=True, eq=False)
class Predictions:
    """What the model says of each object, all [objects].

    Args:
        classes: the class of the nearest center.
        angles: to that center, in radians.
        confidence: the largest of the probabilities.
        known: whether the object's own class is one of the model's.
        right: whether the prediction is the label.
    """

    classes: np.ndarray
    angles: np.ndarray
    confidence: np.ndarray
    known: np.ndarray
    right: np.ndarray


@dataclass(frozen=True, eq=False)
class Measurements:
    """The numbers and objects of a report.

    Args:
        evaluation: with what was evaluated.
        model: the fitted estimator.
        objects: those of the evaluated objects that have any modality.
        gallery: what was searched in; None: the objects themselves.
        vectors: of the objects, unit rows [objects, dim].
        predictions: what the model says of them.
        searched: neighbors of the objects, or of a sample of them.
        centers: one unit row a class [num_classes, dim].
        angles: of pairs of objects; None with fewer than two.
        sphere: the objects and centers on a sphere of three dimensions; None with too few.
        attribution: of the objects that are looked at one by one (`searched.chosen`); None where there is none.
        no_attribution: why not.
        robustness: scores by the share of modalities dropped; None where not measured.
        baseline: a plain model's scores; None where there is none.
        no_baseline: why not.
        audit: objects and classes that look wrong; None where there is none.
        no_audit: why not, or what it left out.
    """

    evaluation: Evaluation
    model: SphereEmbedder
    objects: ObjectTable
    gallery: ObjectTable | None
    vectors: np.ndarray
    predictions: Predictions
    searched: Searched
    centers: np.ndarray
    angles: ClassAngles | None
    sphere: SphereMap | None
    attribution: Attribution | None
    no_attribution: str
    robustness: Robustness | None
    baseline: PlainBaseline | None
    no_baseline: str
    audit: Audit | None
    no_audit: str

    @property
    def labels(self) -> np.ndarray:
        """The objects' own classes [objects]."""
        return self.objects.labels


def measure(
    evaluation: Evaluation,
    *,
    baseline: PlainBaseline | None,
    robustness: Robustness | None,
    audit: Audit | None,
    random_state: int,
) -> Measurements:
    """Measure all that the sections show.

    Args:
        evaluation: of `evaluate`.
        baseline: a plain model's scores; None measures them where there is a gallery to fit it on.
        robustness: of `robustness`; None measures it where the table is small.
        audit: of `audit`; None makes one.
        random_state: of all that is drawn.

    Raises:
        InputError: an evaluation without its model and objects, or one without any object that has a modality.
    """
    model, evaluated = _evaluated(evaluation)
    encoded = model.encode(evaluated.objects)
    searched_in = None if evaluated.gallery is None else model.encode(evaluated.gallery)
    rows, vectors = encoded.fused(np.ones(len(model.fitted_.modalities), dtype=bool))
    if not len(rows):
        fix = "Check which modalities the table was reduced to."
        raise InputError("an object that has any modality", "none", "write_report(evaluation, ...)", fix)
    encoded = encoded if len(rows) == len(encoded) else encoded[rows]
    objects, gallery = encoded.objects, None if searched_in is None else searched_in.objects
    labels = objects.labels
    inside = None if searched_in is None else (np.asarray(model.transform(searched_in)), searched_in.objects.labels)
    predictions = _predictions(model.fitted_, objects, vectors)
    among = search_among(
        objects, np.arange(len(objects)), vectors, gallery, None if inside is None else Gallery(*inside)
    )
    searched = search(vectors, labels, inside, same=among.same, random_state=random_state)
    centers = single_centers(model.fitted_.classifier.class_centers.detach().cpu().numpy())
    attribution, no_attribution = _attribution(model, encoded, searched.chosen)
    no_baseline = no_audit = ""
    if baseline is None:
        baseline, no_baseline = _baseline(evaluation, objects, gallery, random_state)
    if audit is None:
        audit, no_audit = _audit(model, encoded, searched_in)
    return Measurements(
        evaluation=evaluation,
        model=model,
        objects=objects,
        gallery=gallery,
        vectors=vectors,
        predictions=predictions,
        searched=searched,
        centers=centers,
        angles=_angles(vectors, labels, inside, random_state),
        sphere=map_sphere(vectors, labels, predictions.classes, centers, model.classes_, random_state=random_state),
        attribution=attribution,
        no_attribution=no_attribution,
        robustness=robustness or _small_robustness(model, encoded, searched_in, random_state),
        baseline=baseline,
        no_baseline=no_baseline,
        audit=audit,
        no_audit=no_audit,
    )


def _evaluated(evaluation: Evaluation) -> tuple[SphereEmbedder, Evaluated]:
    """The model of an evaluation, and what it was evaluated on."""
    evaluated = evaluation.evaluated if isinstance(evaluation, Evaluation) else None
    model = None if evaluated is None else evaluated.model
    if evaluated is None or not isinstance(model, SphereEmbedder):
        raise InputError(
            want="an evaluation that knows its SphereEmbedder and its objects",
            got=f"a {type(evaluation).__name__} of scores alone"
            if evaluated is None
            else f"one of a {type(evaluated.model).__name__}",
            where="write_report(evaluation, ...)",
            fix="Pass what evaluate(model, objects) returned in this process: files of scores hold no objects.",
        )
    return model, evaluated


def _angles(
    vectors: np.ndarray, labels: np.ndarray, inside: tuple[np.ndarray, np.ndarray] | None, random_state: int
) -> ClassAngles | None:
    """Of pairs of the objects; where no class has two of them, of pairs of objects and gallery together."""
    if inside is not None and len(np.unique(labels)) == len(labels):
        vectors, labels = np.concatenate([vectors, inside[0]]), np.concatenate([labels, inside[1]])
    return class_angles(vectors, labels, max_pairs=PAIRS, random_state=random_state) if len(vectors) > 1 else None


def _predictions(model: FittedModel, objects: ObjectTable, vectors: np.ndarray) -> Predictions:
    scales = model.scales(model.present(objects))
    numbers, nearest, confidence = np.empty(len(vectors), dtype=np.int64), *np.empty((2, len(vectors)))
    for part, cosines in cosine_chunks(model.classifier, vectors):
        numbers[part], nearest[part] = cosines.argmax(axis=1), cosines.max(axis=1)
        confidence[part] = softmax(cosines * scales[part, None], axis=1).max(axis=1)
    classes = model.classes[numbers]
    known = np.isin(objects.labels, model.classes)
    angles = to_angles(nearest)
    return Predictions(classes, angles, confidence, known, known & (classes == objects.labels))


def _attribution(model: SphereEmbedder, objects: Encoded, rows: np.ndarray) -> tuple[Attribution | None, str]:
    try:
        return model.explain(objects[rows]), ""
    except ConfigError:
        return None, (
            'This model was fitted with fusion="free": its vectors come out of a transformer whole and are no sums, so '
            'nothing divides them among the modalities. Fit with fusion="certified" for attributions.'
        )


def _baseline(
    evaluation: Evaluation, objects: ObjectTable, gallery: ObjectTable | None, random_state: int
) -> tuple[PlainBaseline | None, str]:
    if evaluation.floor is not None:
        return evaluation.floor, ""
    if gallery is None:
        return None, "without a gallery there are no other objects to fit it on"
    if len(objects) + len(gallery) > MEASURED:
        return None, "the tables are large: measure it by measure_plain_baseline(train, test) and pass it as baseline="
    try:
        return measure_plain_baseline(gallery, objects, random_state=random_state), ""
    except InputError as error:
        return None, f"want {error.want}, got {error.got}"


def _audit(model: SphereEmbedder, objects: Encoded, gallery: Encoded | None) -> tuple[Audit | None, str]:
    if len(objects) > MEASURED:
        return None, "No audit was made, since the table is large: model.audit(objects) makes one; pass it as audit=."
    # The search for copies takes time with the square of the objects.
    few = len(objects) + (0 if gallery is None else len(gallery)) <= COMPARED
    left_out = "" if few else "Near-duplicates were not searched for, since the tables are large: model.audit does."
    try:
        return model.audit(objects, against=gallery if few else None, duplicates=few), left_out
    except InputError as error:
        return None, f"No audit can be made: want {error.want}, got {error.got}."


def _small_robustness(
    model: SphereEmbedder, objects: Encoded, gallery: Encoded | None, random_state: int
) -> Robustness | None:
    if len(objects) > SMALL or (gallery is not None and len(gallery) > 5 * SMALL):
        return None
    if len(model.schema_.modalities) < 2 or (gallery is None and len(objects) < 2):
        return None
    shares = (0.2, 0.4, 0.6, 0.8)
    return measure_robustness(
        model, objects, gallery=gallery, shares=shares, draws=2, random_state=random_state, verbose=False
    )
