"""The closed form of a labelled table: how strongly to penalise is chosen on left-out objects or left-out classes."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from textwrap import wrap
from typing import Any, NamedTuple

import numpy as np
import torch

from steradian.data.batch import Preprocessor
from steradian.data.closed_form import ClosedForm, Likeness, LinearMap
from steradian.ranks import ALONE, Ranks
from steradian.training.choose_penalties import (
    PenaltyChoice,
    centered_targets,
    has_corners,
    mean_target,
    unit_rows,
)
from steradian.training.class_targets import (
    BESIDE,
    ClassLabels,
    LabelSets,
    class_basis,
    class_count,
    first_of_each,
    label_centers,
    label_threshold,
)
from steradian.training.dual_equations import dual_coefficients, kernels
from steradian.training.feature_rows import DRAWN, EXACT, FeatureLayout, FeatureRows, Prepare
from steradian.training.kept_centers import KeptCenters
from steradian.training.normal_equations import NormalEquations, Solution, mean_row
from steradian.training.weigh_columns import choose_turns, weigh_columns

__all__ = ["ClosedFormFit", "fit_closed_form"]

LIKENESS, ROOM = 0.25, 3
"""Length of untrained features beside what is learnt, in coordinates of their own, where these are so many times those
of the targets: few classes alone would leave vectors few directions, two classes only two."""
HALF = 1e-2, 1e4
"""Largest coefficients between which float16 keeps three digits also of a hundredth of them."""
LINE = 16
"""Numbers of 64 bytes."""
CHUNK, AVERAGED = 4096, 1 << 16
"""Rows at a time; rows from which class centers are taken."""
MAX_NUMBERS = 1 << 26
"""Dense features of texts' rows that are kept: 256 MiB; of a larger table rows are drawn."""
WIDTH = 80
"""Characters of a printed line at most."""


@dataclass(frozen=True)
class ClosedFormFit:
    """A closed form and how it was chosen.

    Args:
        closed_form: of the whole table.
        centers: unit class centers float32 [num_classes, embedding_dim].
        penalties: those chosen, by modality.
        weights: likewise, 1 where left-out rows ask for no other.
        score: of left-out objects: less log-loss of known classes, or MAP@R of new ones; NaN where none could be.
        solve: gives the closed form of some of the rows, int64 [rows], with the same choices.
        interact: whether known classes live in the interaction of modalities, which no such sum can tell.
        level: of several labels an object, the coordinate of the level beside what is learnt; else None.
    """

    closed_form: ClosedForm
    centers: np.ndarray = field(repr=False)
    penalties: dict[str, float]
    weights: dict[str, float]
    score: float
    solve: Callable[[np.ndarray], ClosedForm] = field(repr=False)
    interact: bool = False
    level: int | None = None

    def told(self, objects: int, seconds: float) -> list[str]:
        """What came out, in lines to print.

        Args:
            objects: of the table.
            seconds: that it took.
        """
        shown = ", ".join(
            f"{name} {penalty:.2g}" + (f" (weight {self.weights[name]:g})" if self.weights[name] != 1 else "")
            for name, penalty in self.penalties.items()
        )
        lines = wrap(f"closed form of {objects} objects in {seconds:.1f} s, penalty {shown}", WIDTH)
        if self.interact:
            lines.append("classes live in the interaction of modalities, of which a closed form knows nothing")
        return lines


def fit_closed_form(
    preprocessor: Preprocessor,
    prepare: Prepare,
    labels: ClassLabels,
    *,
    present: np.ndarray,
    embedding_dim: int,
    new_classes: bool,
    random_state: int,
    ranks: Ranks = ALONE,
    kept: KeptCenters | None = None,
    object_weights: np.ndarray | None = None,
) -> ClosedFormFit:
    """Solve for the map from fixed features to class centers that serves every subset of modalities.

    Args:
        preprocessor: fitted on the table.
        prepare: brings rows of the table to prepared objects.
        labels: of the objects, one or several each.
        present: bool [objects, modalities].
        embedding_dim: length of a vector.
        new_classes: choose by left-out classes instead of left-out objects.
        random_state: of draws and folds.
        ranks: processes that all call this with the same table. The first one chooses for all; of a large table of
            dense features each adds up its share of the rows, all else each computes for itself.
        kept: class centers to solve towards and to keep as they are; None chooses them.
        object_weights: of the objects' squared errors [objects]; None: all 1. What features learn stays unweighed.
    """
    rng = np.random.default_rng(random_state)
    exact = len(labels) <= EXACT
    drawn = _drawn_rows(labels, present, DRAWN, rng)
    num_classes = class_count(labels)  # of very many, not each has a drawn row
    whole = None if object_weights is None else object_weights.astype(np.float32)
    some = _of(whole, drawn)
    layout = FeatureLayout.fit(preprocessor, prepare, drawn, exact=exact, new_classes=new_classes, weights=some)
    features = replace(layout.rows(prepare, drawn), weights=some)
    basis = class_basis(features, labels[drawn], num_classes, embedding_dim, rng, kept)
    several = isinstance(labels, LabelSets)
    learnt = basis.shape[1] + several * BESIDE if kept is None else kept.learnt
    corners = not (several or new_classes) and has_corners(basis)

    arguments = layout, features, prepare, drawn, labels[drawn], basis
    chosen = _Choices(*ranks.from_first(lambda: _choices(*arguments, new_classes=new_classes, rng=rng)))
    rng.bit_generator.state = chosen.draws
    targets = centered_targets(basis, labels[drawn])
    layout, features = weigh_columns(layout, features, chosen.turns, prepare, rows=drawn, targets=targets)
    names = (*layout.dense, *layout.sparse)
    weights = dict(zip(names, chosen.weights, strict=True))

    def solve(rows: np.ndarray) -> ClosedForm:
        if exact:
            solution = _dual_solution(
                layout, features.take(rows), centered_targets(basis, labels[rows]), chosen.penalties
            )
        else:
            # However often it is solved, the same rows are drawn of what does not fit the memory.
            draw = np.random.default_rng(random_state)
            equations = _summed_equations(layout, prepare, rows, labels, basis, whole, draw, ranks)
            solution = equations.solve(chosen.penalties)
        maps = _as_maps(layout, solution, features, chosen.weights, embedding_dim, learnt)
        if isinstance(labels, LabelSets):
            maps = _with_intercept(maps, np.pad([chosen.level], (basis.shape[1], 0)), weights)
        elif corners:
            intercept = mean_target(basis, labels[rows], _of(whole, rows))
            maps = _with_intercept(maps, intercept, weights)
        return ClosedForm(maps, embedding_dim)

    closed_form = solve(np.arange(len(labels)))
    centers = _chosen_centers(kept, basis, labels, chosen, corners=corners, embedding_dim=embedding_dim)
    if centers is None:
        averaged = _drawn_rows(labels, present, max(AVERAGED, 2 * num_classes), rng)
        centers = _centers(closed_form, preprocessor, prepare, np.asarray(labels), averaged, _of(whole, averaged))
    penalties = dict(zip(names, chosen.penalties, strict=True))
    found = closed_form, centers, penalties, weights, chosen.score, solve, chosen.interact
    return ClosedFormFit(*found, level=basis.shape[1] if several else None)


class _Choices(NamedTuple):
    """What left-out objects have decided, in values that JSON can hold; and the state of the draws after it."""

    turns: dict[str, int]
    penalties: list[float]
    weights: list[float]
    score: float
    interact: bool
    draws: Mapping[str, Any]
    threshold: float = 0.0
    level: float = 0.0


def _choices(
    layout: FeatureLayout,
    features: FeatureRows,
    prepare: Prepare,
    rows: np.ndarray,
    labels: ClassLabels,
    basis: np.ndarray,
    *,
    new_classes: bool,
    rng: np.random.Generator,
) -> _Choices:
    """The choices for these features of some rows and their labels."""
    choice = PenaltyChoice(layout, features, labels, new_classes=new_classes, rng=rng)
    turns = choose_turns(layout, choice, prepare, rows=rows, labels=labels, basis=basis)
    penalties, weights, score = choice.best(basis)
    interact = bool(choice.interact(basis, penalties, weights))
    found = turns, penalties, weights, score, interact, rng.bit_generator.state
    if isinstance(labels, np.ndarray):
        return _Choices(*found)
    return _Choices(*found, *label_threshold(choice.left_out(basis, penalties, weights), basis))


def _chosen_centers(
    kept: KeptCenters | None,
    basis: np.ndarray,
    labels: ClassLabels,
    chosen: _Choices,
    *,
    corners: bool,
    embedding_dim: int,
) -> np.ndarray | None:
    """Centers that stand without objects' vectors: those kept, corners that targets are, those of several labels."""
    if kept is not None:
        return kept.centers
    if isinstance(labels, LabelSets):
        return _padded(label_centers(basis, labels.shares, chosen.threshold, chosen.level), embedding_dim)
    return _padded(unit_rows(basis - basis.mean(axis=0)), embedding_dim) if corners else None


def _dual_solution(
    layout: FeatureLayout, features: FeatureRows, targets: np.ndarray, penalties: list[float]
) -> Solution:
    """The coefficients of features from those of rows."""
    coefficients = dual_coefficients(kernels(layout, features), targets, penalties, features.weights)
    starts, dense = np.cumsum([0, *layout.blocks]), []
    for start, size, rows in zip(starts, layout.blocks, coefficients, strict=False):
        dense.append(features.dense[:, start : start + size].T @ rows)
    sparse, offsets = [], []
    for rows, each in zip(features.sparse, coefficients[len(layout.blocks) :], strict=True):
        own_weights, mean = mean_row(rows, features.weights)
        found = rows.T @ each - np.outer(mean, each[own_weights > 0].sum(axis=0))
        sparse.append(torch.from_numpy(found.astype(np.float32)))
        offsets.append(torch.from_numpy((mean @ found).astype(np.float32)))
    wide = np.concatenate(dense) if dense else np.zeros((0, targets.shape[1]))
    return Solution(torch.from_numpy(wide).double(), sparse, offsets)


def _summed_equations(
    layout: FeatureLayout,
    prepare: Prepare,
    rows: np.ndarray,
    labels: ClassLabels,
    basis: np.ndarray,
    weights: np.ndarray | None,
    rng: np.random.Generator,
    ranks: Ranks,
) -> NormalEquations:
    """The equations of these rows, added up over the ranks."""
    equations = NormalEquations(layout.blocks, basis.shape[1])
    # Sparse features stay, as what is solved goes over them again and again.
    shared = ALONE if layout.sparse else ranks
    for part, found in _all_features(layout, prepare, rows, basis.shape[1], rng, shared):
        equations.add(found.dense, found.sparse, centered_targets(basis, labels[part]), _of(weights, part))
    shared.summed(equations.gram)
    shared.summed(equations.moments)
    return equations


def _drawn_rows(labels: ClassLabels, present: np.ndarray, most: int, rng: np.random.Generator) -> np.ndarray:
    """Some rows in order: one of each class as far as they go, some of each modality, and others at random."""
    if len(labels) <= most:
        return np.arange(len(labels))
    order = rng.permutation(len(labels))
    firsts = first_of_each(labels, order)[: most // 2]
    rare = [np.flatnonzero(has)[: most // 16] for has in present.T]
    rows = np.concatenate([firsts, *rare, order])
    return np.sort(rows[np.sort(np.unique(rows, return_index=True)[1])][:most])


def _all_features(
    layout: FeatureLayout,
    prepare: Prepare,
    rows: np.ndarray,
    outputs: int,
    rng: np.random.Generator,
    ranks: Ranks,
) -> Iterator[tuple[np.ndarray, FeatureRows]]:
    """This rank's rows in chunks; of a large table with sparse features, which must stay, those that fit the memory."""
    if layout.sparse:
        most = MAX_NUMBERS // 2 // max(sum(layout.blocks), outputs, 1)
        rows = np.sort(rng.permutation(rows)[:most])
    for start in range(0, len(rows), CHUNK)[ranks.rank :: ranks.size]:
        part = rows[start : start + CHUNK]
        yield part, layout.rows(prepare, part)


def _as_maps(
    layout: FeatureLayout,
    solution: Solution,
    features: FeatureRows,
    weights: list[float],
    embedding_dim: int,
    learnt: int,
) -> dict[str, LinearMap]:
    """The coefficients as a map from each modality's raw features.

    Coordinates behind those that are `learnt` hold a random projection of the features, each modality's in its own
    part. So objects of a class differ, those of which little is known lie far from every center, and classes not yet
    known have directions of their own.
    """
    maps, start, outputs = {}, 0, solution.outputs
    own = (embedding_dim - learnt) // max(1, len(weights)) if embedding_dim - learnt >= ROOM * learnt else 0
    places = dict(zip((*layout.dense, *layout.sparse), enumerate(weights), strict=True))
    for name, size in zip(layout.dense, layout.blocks, strict=True):
        number, weight = places[name]
        matrix = np.zeros((size, embedding_dim), dtype=np.float32)
        matrix[:, :outputs] = solution.dense[start : start + size]
        learnt_part = features.dense[:, start : start + size] @ matrix[:, :outputs]
        length = LIKENESS * _mean_length(learnt_part, features.weights)
        if own:
            first = learnt + number * own
            matrix[:, first : first + own] += np.float32(length) * _projection(size, own)
        matrix *= np.float32(layout.scales[name] * weight)
        offset = layout.means[name] @ matrix
        if name in layout.projections:
            matrix = layout.projections[name] @ matrix
        maps[name] = LinearMap(*layout.maps[name].folded(matrix), offset)
        start += size
    for rows, name, coefficients, mean in zip(
        features.sparse, layout.sparse, solution.sparse, solution.offsets, strict=True
    ):
        number, weight = places[name]
        largest = max(map(abs, map(float, coefficients.aminmax()))) if coefficients.numel() else 0.0
        # Half the memory, where float16 has the digits.
        kind = np.float16 if HALF[0] < largest < HALF[1] else np.float32
        # Whole cache lines: products with rows that begin elsewhere would differ in their last bit.
        matrix = np.zeros((len(coefficients), min(embedding_dim, -(-outputs // LINE) * LINE)), dtype=kind)
        np.multiply(coefficients.numpy(), np.float32(weight), out=matrix[:, :outputs], casting="same_kind")
        offset = np.zeros(embedding_dim, dtype=np.float32)
        offset[:outputs] = mean * weight
        length = LIKENESS * weight * _mean_length(rows @ coefficients.numpy() - mean.numpy(), features.weights)
        likeness = Likeness(learnt + number * own, own, length) if own else None
        maps[name] = LinearMap(layout.maps[name], matrix, offset, likeness)
    return maps


def _with_intercept(
    maps: dict[str, LinearMap], intercept: np.ndarray, weights: dict[str, float]
) -> dict[str, LinearMap]:
    """Maps whose sum is longer by the mean target, each by its share of the weights: frequent classes are likelier."""
    found, total = {}, sum(weights.values())
    for name, linear in maps.items():
        offset = linear.offset.copy()
        offset[: len(intercept)] -= intercept * weights[name] / total
        found[name] = replace(linear, offset=offset)
    return found


def _padded(rows: np.ndarray, width: int) -> np.ndarray:
    """Rows with zeros behind them, float32 [rows, width]."""
    return np.pad(rows, ((0, 0), (0, width - rows.shape[1]))).astype(np.float32)


def _projection(features: int, outputs: int) -> np.ndarray:
    """A fixed random map float32 [features, outputs] that keeps lengths, on average where outputs are fewer."""
    draw = np.random.default_rng(features).normal(size=(max(features, outputs), min(features, outputs)))
    orthonormal = np.linalg.qr(draw)[0]
    turned = orthonormal.T if features <= outputs else orthonormal * (features / outputs) ** 0.5
    return turned.astype(np.float32)


def _mean_length(vectors: np.ndarray, weights: np.ndarray | None) -> float:
    """The mean length of those vectors that are not zero."""
    lengths = np.linalg.norm(vectors, axis=1)
    has = lengths > 0
    return float(np.average(lengths[has], weights=_of(weights, has))) if has.any() else 0.0


def _of(weights: np.ndarray | None, rows: np.ndarray | slice) -> np.ndarray | None:
    """The weights of these rows."""
    return None if weights is None else weights[rows]


def _centers(
    closed_form: ClosedForm,
    preprocessor: Preprocessor,
    prepare: Prepare,
    labels: np.ndarray,
    rows: np.ndarray,
    weights: np.ndarray | None,
) -> np.ndarray:
    """Unit class means float32 [num_classes, embedding_dim] of the objects' unit vectors."""
    classes = int(labels.max()) + 1
    sums = np.zeros((classes, closed_form.embedding_dim), dtype=np.float32)
    for start in range(0, len(rows), CHUNK):
        part = rows[start : start + CHUNK]
        objects, places = prepare(part)
        vectors = closed_form.vectors(preprocessor.modalities, objects.items, objects.present, rows=places)
        units, own = unit_rows(vectors.sum(axis=1)), _of(weights, slice(start, start + CHUNK))
        np.add.at(sums, labels[part], units if own is None else units * own[:, None])
    return unit_rows(sums)
