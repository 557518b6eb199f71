"""How much worse a model becomes the more of each object is missing."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import chain
from typing import Any

import numpy as np
from rich.console import Console

from steradian.errors import InputError
from steradian.evaluation.evaluation_table import INTERVAL, error_of_a_share
from steradian.evaluation.scoring import (
    Gallery,
    SubsetEmbedder,
    check_tables,
    classification_scores,
    drawn_to_classify,
    encoded_once,
    search_among,
)
from steradian.fitted_model import table_of
from steradian.metrics import MOST_QUERIES
from steradian.misspelt import telling_of_misspelt
from steradian.progress_bar import ProgressBar
from steradian.result_table import ResultTable
from steradian.validation import present_modalities

__all__ = ["Robustness", "drop_modalities", "robustness"]

SHARES = tuple(tenth / 10 for tenth in range(10))

_SCORES = ("accuracy", "recall_at_1", "map_at_r")
_BAR = 15
_LINE = "{:>7} {:>5}  {:>14}  {:>14}  {:>14}  {}"


def _axis(name: str) -> str:
    return f"0{name.center(_BAR - 2)}1"


@dataclass(frozen=True, eq=False, repr=False)
class Robustness(ResultTable, rows="shares", line=_LINE, words={_axis("accuracy"), _axis("R@1")}):
    """Scores by the share of modalities that were dropped; prints as a table.

    Args:
        shares: of the modalities dropped, rising from 0 [shares].
        modalities_left: the mean number of modalities that an object still has [shares].
        accuracy: the share of right predictions, over the objects of known classes [shares, draws]; NaN without any.
        recall_at_1: the share of objects whose nearest in the gallery is of their class [shares, draws]; NaN where
            the gallery has no object of any one's class.
        map_at_r: mean average precision at R [shares, draws]; NaN likewise.
        objects: how many were scored.
        gallery: how many were searched in; None where each object was searched among the others.
        queries: how many objects were searched for, the same in every draw; None for all.
        errors: the largest standard error of `recall_at_1` and of `map_at_r` at any share, of drawing these queries.
        classified: how many objects were drawn to be predicted, the same in every draw; None for all.

    Examples:
        >>> accuracy = np.array([[0.9, 0.9], [0.7, 0.6]])
        >>> Robustness(np.array([0.0, 0.5]), np.array([2.0, 1.25]), accuracy, accuracy, accuracy, 40, 100)
        Robustness: 40 objects, searched in a gallery of 100, 2 draws
        dropped  left        accuracy             R@1           MAP@R  0   accuracy  1
             0%  2.00  0.900 +- 0.000  0.900 +- 0.000  0.900 +- 0.000  ██████████████
            50%  1.25  0.650 +- 0.050  0.650 +- 0.050  0.650 +- 0.050  ██████████
    """

    shares: np.ndarray
    modalities_left: np.ndarray
    accuracy: np.ndarray
    recall_at_1: np.ndarray
    map_at_r: np.ndarray
    objects: int
    gallery: int | None = None
    queries: int | None = None
    errors: tuple[float, float] = (0.0, 0.0)
    classified: int | None = None

    def to_dict(self) -> dict[str, Any]:
        """Plain JSON values; of each share its scores' mean and spread, the standard deviation over draws."""
        points = []
        for place, share in enumerate(self.shares.tolist()):
            point = {"share": share, "modalities_left": float(self.modalities_left[place])}
            for name in _SCORES:
                draws = getattr(self, name)[place]
                found = np.isfinite(draws).all()
                point |= {name: float(draws.mean()) if found else None}
                point |= {f"{name}_spread": float(draws.std()) if found else None}
            points.append(point)
        draws = self.accuracy.shape[1]
        counts = {"objects": self.objects, "gallery": self.gallery, "queries": self.queries, "draws": draws}
        counts |= {"classified": self.classified}
        errors = {"recall_at_1_error": self.errors[0], "map_at_r_error": self.errors[1]}
        return {**counts, **errors, "shares": points}

    def _notes(self) -> list[str]:
        notes = []
        if self.queries is not None:
            recall, precision = (INTERVAL * error for error in self.errors)
            notes.append(
                f"Searched for {self.queries:,} drawn objects, the same ones in every row. 95% intervals of the draw: "
                f"R@1 within {recall:.3f}, MAP@R within {precision:.3f}, or less (max_queries=None: all)."
            )
        if self.classified is not None:
            error = error_of_a_share(self.accuracy, self.classified, self.objects)
            notes.append(
                f"Predicted {self.classified:,} drawn objects, the same ones in every row. 95% interval of the draw: "
                f"accuracy within {INTERVAL * error:.3f} (max_queries=None: all)."
            )
        return notes

    def _title(self) -> str:
        searched = "each among the others" if self.gallery is None else f"in a gallery of {self.gallery:,}"
        draws = self.accuracy.shape[1]
        return f"Robustness: {self.objects:,} objects, searched {searched}, {draws} draw{'s' * (draws > 1)}"

    def _table(self) -> Iterator[list[str]]:
        """The heads of the columns, then the cells of each row."""
        drawn, name = (self.recall_at_1, "R@1") if np.isnan(self.accuracy).any() else (self.accuracy, "accuracy")
        yield ["dropped", "left", "accuracy", "R@1", "MAP@R", _axis(name)]
        for place, share in enumerate(self.shares):
            scores = [_shown(getattr(self, score)[place]) for score in _SCORES]
            bar = "█" * round(_BAR * np.nan_to_num(drawn[place].mean()))
            yield [f"{share:.0%}", f"{self.modalities_left[place]:.2f}", *scores, bar]


@telling_of_misspelt
def robustness(
    model: SubsetEmbedder,
    objects: Any,
    *,
    gallery: Any = None,
    shares: Sequence[float] = SHARES,
    draws: int = 3,
    max_queries: int | None = MOST_QUERIES,
    random_state: int = 0,
    verbose: bool = True,
) -> Robustness:
    """Accuracy and retrieval while more and more modalities are dropped, each by a coin of its own.

    Every modality that an object has is dropped with the probability of the share; where that leaves nothing, one
    drawn at random stays. The whole objects of the gallery are searched; without a gallery, the other objects of the
    table, also whole. A draw drops at a larger share what it dropped at a smaller one, and more.

    Args:
        model: a fitted `SphereEmbedder`, or what else has its `transform_subsets` and `predict_vectors`.
        objects: labelled objects that the model was not trained on, as for `evaluate`.
        gallery: labelled objects to search in, likewise; None searches each object among the others.
        shares: to drop, each from 0 to 1; 0 is always measured. Default 0, 0.1, ..., 0.9.
        draws: of what is dropped, at each share.
        max_queries: where more objects are to be searched for, so many are drawn; beyond 2e8 objects x classes, some
            are predicted; None takes all.
        random_state: of the draws.
        verbose: show progress.

    Raises:
        InputError: tables that `evaluate` would refuse, or shares or draws out of range.

    Examples:
        >>> import steradian as sr
        >>> table = {"size": [[1.0], [2.0], [8.0], [9.0]], "age": [1, 2, 8, 9], "label": ["a", "a", "b", "b"]}
        >>> schema = sr.Schema({"size": sr.Vector("size"), "age": sr.Tabular(numeric=["age"])})
        >>> objects = sr.read_objects(table, schema)
        >>> model = sr.SphereEmbedder(embedding_dim=8, epochs=2, verbose=False).fit(objects)
        >>> sr.robustness(model, objects, shares=[0.5, 1.0]).modalities_left[[0, -1]]
        array([2., 1.])
    """
    objects, gallery = check_tables(model, objects, gallery, where="robustness")
    table = table_of(objects)
    levels = _check_levels(shares)
    present = present_modalities(model.schema_, table)
    slots, masks = _dropped(present, levels, draws=_check_draws(draws), random_state=random_state)
    scores, left = np.full((len(_SCORES), len(levels), draws), np.nan), np.zeros((len(levels), draws))
    errors: list[tuple[float, float]] = []
    with ProgressBar("evaluating", 2 + len(masks), console=Console(stderr=True) if verbose else None) as steps:
        steps.begin("embedding the gallery")
        search_in = None if gallery is None else Gallery(np.asarray(model.transform(gallery)), table_of(gallery).labels)
        steps.begin("embedding the objects")
        parts = model.transform_subsets(encoded_once(model, objects), masks)
        _, rows, vectors = whole = next(parts)
        _refuse_nothing(rows)
        search_in = search_among(table, rows, vectors, gallery, search_in).drawing(max_queries, random_state)
        drawn = drawn_to_classify(len(rows), len(model.classes_), max_queries, random_state)
        for (place, draw), (mask, _, vectors) in zip(slots, chain([whole], parts), strict=True):
            steps.begin(f"{levels[place]:.0%} dropped")
            labels = table.labels[rows]
            found = search_in.scores(vectors, labels, rows, ks=(1,))
            found |= classification_scores(model, vectors, labels, drawn=drawn)
            retrieved = found.get("recall", {1: np.nan})[1], found.get("map_at_r", np.nan)
            scores[:, place, draw] = found.get("accuracy", np.nan), *retrieved
            errors.append((found.get("recall_errors", {1: 0.0})[1], found.get("map_at_r_error", 0.0)))
            searched_for, answerable = found.get("queries", 0), len(rows) - found["without_relevant"]
            left[place, draw] = mask.sum() / len(rows)
    # Every draw of nothing is the same.
    scores[:, 0], left[0] = scores[:, 0, :1], left[0, 0]
    accuracy, recall_at_1, map_at_r = scores
    searched = None if gallery is None else len(gallery)
    queries = searched_for if searched_for < answerable else None
    worst = float(max(error for error, _ in errors)), float(max(error for _, error in errors))
    means = levels, left.mean(axis=1), accuracy, recall_at_1, map_at_r
    return Robustness(*means, len(rows), searched, queries, worst, None if drawn is None else int(drawn.sum()))


def _dropped(
    present: np.ndarray, levels: np.ndarray, *, draws: int, random_state: int
) -> tuple[list[tuple[int, int]], list[np.ndarray]]:
    """The place of each level and the draw, and what is then left of the objects; first the whole ones."""
    slots, masks = [(0, 0)], [present]
    for draw in range(draws):
        chances = np.random.default_rng((random_state, draw)).random(present.shape)
        slots += [(place, draw) for place in range(1, len(levels))]
        masks += [drop_modalities(present, chances, share=share) for share in levels[1:]]
    return slots, masks


def drop_modalities(present: np.ndarray, chances: np.ndarray, *, share: float) -> np.ndarray:
    """What each object keeps, bool [objects, modalities]: what has a chance from `share` on, or the best of it.

    Args:
        present: bool [objects, modalities].
        chances: uniform in [0, 1) [objects, modalities]. The same ones drop more at a larger share, and never less.
        share: the probability that a modality is dropped.

    Examples:
        >>> present = np.array([[True, True, True], [True, True, False]])
        >>> drop_modalities(present, np.array([[0.1, 0.6, 0.8], [0.2, 0.3, 0.9]]), share=0.5)
        array([[False,  True,  True],
               [False,  True, False]])
    """
    best = np.where(present, chances, -1.0).max(axis=1, keepdims=True)
    return np.asarray(present & (chances >= np.minimum(share, best)))


def _check_levels(shares: Sequence[float]) -> np.ndarray:
    levels = np.unique([0.0, *shares])
    if not (levels[0] >= 0 and levels[-1] <= 1):
        raise InputError(
            want="shares from 0 to 1",
            got=repr(shares),
            where="robustness(shares=...)",
            fix="Write for example [0.25, 0.5, 0.75]: a quarter, half and three quarters dropped.",
        )
    return levels


def _check_draws(draws: int) -> int:
    if not isinstance(draws, (int, np.integer)) or draws < 1:
        raise InputError("an integer from 1", repr(draws), "robustness(draws=...)", "Leave it out for 3.")
    return int(draws)


def _refuse_nothing(rows: np.ndarray) -> None:
    if not len(rows):
        raise InputError(
            want="an object that has any modality",
            got="none",
            where="robustness(...), objects",
            fix="Check which modalities the table was reduced to.",
        )


def _shown(draws: np.ndarray) -> str:
    return "-" if np.isnan(draws).any() else f"{draws.mean():.3f} +- {draws.std():.3f}"
