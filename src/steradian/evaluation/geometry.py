"""The geometry of an embedding in one call: how classes, class centers and modalities lie on the sphere."""

import math
from collections.abc import Iterator
from dataclasses import dataclass, fields, is_dataclass, replace
from typing import Any

import numpy as np
from sklearn.utils.validation import check_is_fitted

from steradian.embedder import SphereEmbedder
from steradian.errors import InputError
from steradian.evaluation.scoring import check_tables
from steradian.fitted_model import table_of
from steradian.metrics import (
    MAX_PAIRS,
    ClassAngles,
    ModalityGap,
    alignment,
    center_disagreement,
    class_angles,
    class_means,
    clustering_ami,
    concentration,
    effective_rank,
    equiangularity,
    hyperspherical_energy,
    least_center_angle,
    modality_gap,
    most_distances,
    self_duality,
    single_centers,
    uniformity,
    within_class_variability,
)
from steradian.misspelt import telling_of_misspelt
from steradian.result_table import ResultTable

__all__ = ["Geometry", "measure_geometry", "measure_vectors"]

_LINE = "{:<48} {:>9}  {}"
_BARS = " ▁▂▃▄▅▆▇█"
_MOST_CENTERS = 4000


@dataclass(frozen=True, eq=False, repr=False)
class Geometry(ResultTable, line=_LINE, words={"measure", "best"}):
    """How classes, class centers and modalities lie on the sphere; prints as a table, with what is best beside it.

    Angles are in radians. A number is None where there is nothing to measure it on, and `notes` says why.

    Args:
        objects: how many were measured.
        classes: how many classes they have.
        dim: the width of a vector.
        angles: histograms, means and tails of the angles within and between classes.
        nc1: within-class scatter against that of the class means.
        nc2_means: the standard deviation of the cosines of the class means, less their mean.
        nc2_means_farthest: the largest difference of such a cosine from the simplex's.
        nc2_centers: the standard deviation of the cosines of the class centers.
        nc2_centers_farthest: the largest difference of such a cosine from the simplex's.
        nc3: the distance of class centers and class means, both scaled to one size.
        nc4: the share of objects whose nearest center is of another class than their nearest class mean.
        alignment: the mean squared distance of two objects of one class.
        uniformity: log of the mean of exp(-2 squared distance) of two objects.
        energy: the mean of 1 / distance of two class centers.
        least_angle: of two class centers.
        least_angle_ratio: the same over the simplex's angle.
        effective_rank: how many directions the vectors use.
        concentration: the median kappa of the classes that have two objects or more.
        ami: adjusted mutual information of k-means clusters and classes.
        gap: how far the modalities lie apart.
        notes: what was left out or drawn, in sentences.

    Examples:
        >>> geometry = measure_vectors(np.eye(3)[[0, 0, 1, 1, 2, 2]], [0, 0, 1, 1, 2, 2])
        >>> geometry
        Geometry: 6 objects of 3 classes, vectors of 3 numbers
        measure                                              value  best
        angle within classes, mean                           0.000  small
        ...
        >>> geometry.gap is None
        True
    """

    objects: int
    classes: int
    dim: int
    angles: ClassAngles
    nc1: float | None = None
    nc2_means: float | None = None
    nc2_means_farthest: float | None = None
    nc2_centers: float | None = None
    nc2_centers_farthest: float | None = None
    nc3: float | None = None
    nc4: float | None = None
    alignment: float | None = None
    uniformity: float | None = None
    energy: float | None = None
    least_angle: float | None = None
    least_angle_ratio: float | None = None
    effective_rank: float | None = None
    concentration: float | None = None
    ami: float | None = None
    gap: ModalityGap | None = None
    notes: tuple[str, ...] = ()

    def to_dict(self) -> dict[str, Any]:
        """Plain JSON values; what is NaN or infinite is None."""
        return {field.name: _plain(getattr(self, field.name)) for field in fields(self)}

    def _title(self) -> str:
        classes = f"{self.classes:,} class{'es' * (self.classes != 1)}"
        objects = f"{self.objects:,} object{'s' * (self.objects != 1)}"
        return f"Geometry: {objects} of {classes}, vectors of {self.dim:,} numbers"

    def _table(self) -> Iterator[list[str]]:
        """The heads of the columns, then the cells of each row."""
        yield ["measure", "value", "best"]
        angles, gap = self.angles, self.gap
        rows: list[tuple[str, float | None, str]] = [
            ("angle within classes, mean", angles.within_mean, "small"),
            ("angle within classes, 95% keep below", angles.within_95, "small"),
            ("angle between classes, mean", angles.between_mean, "large"),
            ("angle between classes, 95% keep above", angles.between_5, "large"),
            ("overlap of the two kinds of angle", angles.overlap, "0"),
            ("decidability d' of the two", angles.decidability, "large"),
            ("NC1: scatter within classes against between", self.nc1, "0"),
            ("NC2: spread of the cosines of class means", self.nc2_means, "0"),
            ("NC2: the farthest of them from the simplex", self.nc2_means_farthest, "0"),
            ("NC2: spread of the cosines of class centers", self.nc2_centers, "0"),
            ("NC2: the farthest of them from the simplex", self.nc2_centers_farthest, "0"),
            ("NC3: distance of class centers and class means", self.nc3, "0"),
            ("NC4: nearest center and nearest mean disagree", self.nc4, "0"),
            ("alignment, squared distance within classes", self.alignment, "0"),
            ("uniformity of all vectors", self.uniformity, "low"),
            ("hyperspherical energy of the class centers", self.energy, "low"),
            ("least angle of two class centers", self.least_angle, "large"),
            ("the same over the simplex's angle", self.least_angle_ratio, "1"),
            ("effective rank", self.effective_rank, f"{self.dim} at most"),
            ("concentration kappa, median of the classes", self.concentration, "large"),
            ("AMI of k-means clusters and classes", self.ami, "1"),
        ]
        if gap is not None:
            rows += [
                ("modality gap within classes", gap.within_class, "0"),
                ("modality gap over all objects", gap.overall, "0"),
                ("angle of two modalities within classes, mean", gap.cross_angle, "as below"),
                ("angle within a modality and class, mean", gap.same_angle, "small"),
                ("modality told by a linear classifier", gap.told_apart, f"{gap.chance:.3f} (chance)"),
            ]
        for name, value, best in rows:
            yield [name, _shown(value), best]

    def _notes(self) -> list[str]:
        bars = [f"{kind:<7} {_histogram(getattr(self.angles, kind))}" for kind in ("within", "between")]
        return [f"radians {'0'.ljust(len(self.angles.within) - 2)}pi", *bars, *self.notes]


@telling_of_misspelt
def measure_geometry(model: SphereEmbedder, objects: Any, *, random_state: int = 0) -> Geometry:
    """How classes, class centers and modalities lie on the sphere, measured on labelled objects.

    Best on objects that the model was not trained on. Classes that it does not know are welcome: their vectors count
    everywhere but in NC3 and NC4, which compare with class centers. Tighter is not always better: a model that
    compresses its training classes to points may serve unseen classes worse, so look at their retrieval too
    (`evaluate`).

    Args:
        model: a fitted `SphereEmbedder`. Sub-centers: NC4 takes the nearest one of a class, the other numbers of class
            centers the mean of each class's.
        objects: labelled, at least two, as for `evaluate`. One without any modality is left out.
        random_state: of what is drawn where there is too much of it, of the clusters and of the classifier's folds.

    Raises:
        InputError: no labelled table, fewer than two objects with a modality, or labels of another kind than the
            model's.

    Examples:
        >>> import steradian as sr
        >>> table = {"size": [[1.0, 0.0], [0.9, 0.1], [0.0, 1.0], [0.1, 0.9]], "label": ["a", "a", "b", "b"]}
        >>> objects = sr.read_objects(table, sr.Schema({"size": sr.Vector("size")}))
        >>> model = sr.SphereEmbedder(embedding_dim=8, epochs=2, verbose=False).fit(objects)
        >>> geometry = sr.measure_geometry(model, objects)
        >>> geometry.classes, geometry.angles.within_pairs, geometry.angles.between_pairs
        (2, 2, 4)
    """
    check_is_fitted(model)
    objects, _ = check_tables(model, objects, None, where="measure_geometry")
    table, names = table_of(objects), model.fitted_.modalities
    singles = [(name,) for name in names if len(names) > 1]
    whole, *single = model.transform_subsets(model.encode(objects), [names, *singles])
    _, rows, vectors = whole
    if len(rows) < 2:
        raise InputError(
            want="at least 2 objects that have any modality",
            got=str(len(rows)),
            where="measure_geometry(...), objects",
            fix="Check which modalities the table was reduced to.",
        )
    modality_vectors = np.zeros((len(rows), len(names), vectors.shape[1]), dtype=np.float32)
    present = np.zeros((len(rows), len(names)), dtype=bool)
    for place, (_, having, found) in enumerate(single):
        here = np.searchsorted(rows, having)
        modality_vectors[here, place], present[here, place] = found, True
    return measure_vectors(
        vectors,
        table.labels[rows],
        class_centers=model.fitted_.classifier.class_centers.detach().cpu().numpy(),
        classes=model.classes_,
        modality_vectors=modality_vectors,
        present=present,
        random_state=random_state,
    )


def measure_vectors(
    vectors: np.ndarray,
    labels: np.ndarray,
    *,
    class_centers: np.ndarray | None = None,
    classes: np.ndarray | None = None,
    modality_vectors: np.ndarray | None = None,
    present: np.ndarray | None = None,
    random_state: int = 0,
) -> Geometry:
    """The same of plain arrays, from whatever model; without class centers their numbers are None.

    Args:
        vectors: [objects, dim]; rows need not be unit.
        labels: [objects].
        class_centers: [num_classes, dim] or [num_classes, subcenters, dim]; None where the model has none.
        classes: whose centers they are [num_classes]; None: the labels, each once and sorted.
        modality_vectors: of each modality alone [objects, modalities, dim]; None measures no gap.
        present: bool [objects, modalities]; None: all are. Fewer than two modalities that occur have no gap.
        random_state: as of `measure_geometry`.

    Raises:
        InputError: empty or non-finite vectors, shapes that do not fit together, a missing class, a class with two
            rows of centers.

    Examples:
        >>> vectors = np.array([[1.0, 0.0], [0.9, 0.1], [-1.0, 0.0], [-1.0, 0.1]])
        >>> geometry = measure_vectors(vectors, [0, 0, 1, 1], class_centers=np.array([[1.0, 0.0], [-1.0, 0.0]]))
        >>> geometry.nc4, round(geometry.least_angle, 3)
        (0.0, 3.142)
    """
    found = class_means(vectors, labels)
    several = found.counts > 1
    angles = class_angles(vectors, labels, random_state=random_state)
    nc2 = equiangularity(_drawn(found.means, random_state), centered=True)
    centers = {} if class_centers is None else _of_centers(vectors, labels, class_centers, classes, random_state)
    geometry = Geometry(
        objects=len(vectors),
        classes=len(found.means),
        dim=found.means.shape[1],
        angles=angles,
        nc1=_number(within_class_variability(vectors, labels)),
        nc2_means=_number(nc2[0]),
        nc2_means_farthest=_number(nc2[1]),
        alignment=_number(alignment(vectors, labels)),
        uniformity=_number(uniformity(vectors, random_state=random_state)),
        effective_rank=effective_rank(vectors),
        concentration=float(np.median(concentration(vectors, labels)[several])) if several.any() else None,
        ami=clustering_ami(vectors, labels, random_state=random_state) if len(several) > 1 else None,
        gap=_gap(modality_vectors, present, labels, random_state=random_state),
        **centers,
    )
    shared = 0 if class_centers is None else _num_shared(labels, classes)
    return replace(geometry, notes=tuple(_remarks(geometry, shared, class_centers)))


def _of_centers(
    vectors: np.ndarray, labels: np.ndarray, class_centers: np.ndarray, classes: np.ndarray | None, random_state: int
) -> dict[str, Any]:
    """The numbers that need class centers, by their names in `Geometry`."""
    names = np.unique(labels) if classes is None else classes
    both = {"class_centers": class_centers, "classes": names}
    found = {"nc3": self_duality(vectors, labels, **both), "nc4": center_disagreement(vectors, labels, **both)}
    single = _drawn(single_centers(class_centers), random_state)
    found["nc2_centers"], found["nc2_centers_farthest"] = equiangularity(single)
    found["least_angle"], found["least_angle_ratio"] = least_center_angle(single)
    found["energy"] = hyperspherical_energy(single)
    return {name: _number(value) for name, value in found.items()}


def _gap(
    modality_vectors: np.ndarray | None, present: np.ndarray | None, labels: np.ndarray, *, random_state: int
) -> ModalityGap | None:
    if modality_vectors is None:
        if present is None:
            return None
        raise InputError(
            want="modality_vectors, which `present` is about",
            got="None",
            where="modality_vectors",
            fix="Pass a vector of each modality of each object, or leave out both.",
        )
    present = np.ones(np.shape(modality_vectors)[:2], dtype=bool) if present is None else np.asarray(present)
    if present.ndim == 2 and present.any(axis=0).sum() < 2:
        return None
    return modality_gap(modality_vectors, labels, present=present, random_state=random_state)


def _drawn(centers: np.ndarray, random_state: int) -> np.ndarray:
    """All centers, or some: their pairs are measured all, and would be too many."""
    if len(centers) <= _MOST_CENTERS:
        return centers
    return np.asarray(centers[np.random.default_rng(random_state).permutation(len(centers))[:_MOST_CENTERS]])


def _num_shared(labels: np.ndarray, classes: np.ndarray | None) -> int:
    """How many of the labels' classes have a center."""
    names = set(np.asarray(labels).tolist())
    return len(names if classes is None else names & set(np.asarray(classes).tolist()))


def _remarks(geometry: Geometry, shared: int, class_centers: np.ndarray | None) -> Iterator[str]:
    """What was not measured or only in part, in sentences."""
    if class_centers is None:
        yield "There are no class centers: NC3, NC4 and the other numbers of centers are not measured."
    elif not shared:
        yield "No class has a class center: NC3 and NC4 are not measured."
    elif shared < geometry.classes:
        yield f"NC3 and NC4 are of the {shared:,} of {geometry.classes:,} classes that have a class center."
    if not geometry.angles.within_pairs:
        yield "No class has two objects: nothing is measured within classes."
    if geometry.classes < 2:
        yield "There is one class: nothing is measured between classes."
    if max(geometry.angles.within_pairs, geometry.angles.between_pairs) == MAX_PAIRS:
        yield f"Of the pairs of objects, {MAX_PAIRS:,} of a kind were drawn."
    if max(geometry.classes, 0 if class_centers is None else len(class_centers)) > _MOST_CENTERS:
        yield f"NC2 and what else compares class centers is of {_MOST_CENTERS:,} classes that were drawn."
    if geometry.objects * geometry.classes > most_distances(geometry.dim):
        yield "AMI is of a random sample of whole classes."
    if geometry.gap is None:
        yield "There are no two modalities with vectors of their own: no gap is measured."
    elif math.isnan(geometry.gap.told_apart):
        yield "A modality has too few objects for the classifier of modalities."


def _number(value: float) -> float | None:
    return None if math.isnan(value) else value


def _shown(value: float | None) -> str:
    if value is None or math.isnan(value):
        return "-"
    return f"{value:.3f}" if abs(value) < 1000 else f"{value:,.0f}" if abs(value) < 1e6 else f"{value:.3g}"


def _histogram(shares: np.ndarray) -> str:
    """A bar a bin, the highest full; the lowest bar stands for little, a blank for nothing."""
    heights = np.ceil((len(_BARS) - 1) * shares / max(shares.max(), np.finfo(float).tiny))
    return "".join(_BARS[int(height)] for height in heights)


def _plain(value: Any) -> Any:
    """As JSON has it: no arrays, no NaN, no infinities."""
    if is_dataclass(value):
        return {field.name: _plain(getattr(value, field.name)) for field in fields(value)}
    if isinstance(value, np.ndarray):
        return value.tolist()
    if isinstance(value, tuple):
        return list(value)
    return None if isinstance(value, float) and not math.isfinite(value) else value
