"""Columns of numbers that say more count more, where left-out rows are better told so."""

from collections.abc import Mapping
from dataclasses import replace

import numpy as np

from steradian.training.choose_penalties import FOLDS, PenaltyChoice, centered_targets
from steradian.training.class_targets import ClassLabels
from steradian.training.dual_equations import centered_products
from steradian.training.feature_rows import FeatureLayout, FeatureRows, Prepare

__all__ = ["choose_turns", "weigh_columns"]

TURNS = 3
"""Times that weights are learnt anew at most, each kept only where left-out rows are better told."""


def choose_turns(
    layout: FeatureLayout,
    choice: PenaltyChoice,
    prepare: Prepare,
    *,
    rows: np.ndarray,
    labels: ClassLabels,
    basis: np.ndarray,
) -> dict[str, int]:
    """For each modality that is better told with weights of its columns, the turns in which they are learnt.

    A trial's weights are learnt without the rows that it leaves out.

    Args:
        layout: where features stand.
        choice: judges by rows that are left out, and keeps what it prefers.
        prepare: brings rows of the table to prepared objects.
        rows: of the table, from which the layout was learnt [rows].
        labels: theirs.
        basis: targets of the classes [num_classes, outputs].
    """
    found: dict[str, int] = {}
    targets = centered_targets(basis, labels)
    for place, name in enumerate(layout.dense if len(choice.rows) else ()):
        seen = _columns(layout, name, prepare, rows)
        if seen is None:
            continue
        for turns in range(1, TURNS + 1):
            kernels = _trial_kernels(layout, name, choice, *seen, targets, turns=turns)
            if kernels is None or not choice.prefers(basis, place, kernels):
                break
            found[name] = turns
    return found


def weigh_columns(
    layout: FeatureLayout,
    features: FeatureRows,
    turns: Mapping[str, int],
    prepare: Prepare,
    *,
    rows: np.ndarray,
    targets: np.ndarray,
) -> tuple[FeatureLayout, FeatureRows]:
    """The layout and the features with such weights, learnt from all rows.

    Args:
        layout: where features stand.
        features: of the rows.
        turns: by modality, as `choose_turns` gives them.
        prepare: brings rows of the table to prepared objects.
        rows: of the table, from which the layout was learnt [rows].
        targets: of the rows [rows, outputs].
    """
    for name, number in turns.items():
        seen = _columns(layout, name, prepare, rows)
        if seen is None:
            continue
        inputs, has = seen
        weights = layout.maps[name].column_weights(inputs, targets[has], turns=number)
        if weights is None:
            continue
        place = layout.dense.index(name)
        start = sum(layout.blocks[:place])
        end = start + layout.blocks[place]
        layout, block = layout.weighed(
            name, weights, inputs, None if features.weights is None else features.weights[has]
        )
        own = np.zeros((len(rows), block.shape[1]), dtype=np.float32)
        own[has] = block
        dense = np.concatenate([features.dense[:, :start], own, features.dense[:, end:]], axis=1)
        features = replace(features, dense=dense)
    return layout, features


def _columns(
    layout: FeatureLayout, name: str, prepare: Prepare, rows: np.ndarray
) -> tuple[np.ndarray, np.ndarray] | None:
    """A modality's columns of the rows that have it, and which these are; None where it has none."""
    seen = layout.inputs(name, prepare, rows)
    return seen if seen is not None and isinstance(seen[0], np.ndarray) and seen[0].ndim == 2 else None


def _trial_kernels(
    layout: FeatureLayout,
    name: str,
    choice: PenaltyChoice,
    inputs: np.ndarray,
    has: np.ndarray,
    targets: np.ndarray,
    *,
    turns: int,
) -> list[np.ndarray] | None:
    """The inner products of the rows that choose, for each fold by weights learnt without what it leaves out."""
    learnt, holders = layout.maps[name], np.cumsum(has) - 1
    chosen = has[choice.rows]
    places = holders[choice.rows[chosen]]
    own_weights = None if choice.row_weights is None else choice.row_weights[chosen]
    kernels = []
    for fold in range(FOLDS):
        learn = choice.rows[chosen & (choice.folds != fold)]
        weights = learnt.column_weights(inputs[holders[learn]], targets[learn], turns=turns)
        if weights is None:
            return None
        own = centered_products(learnt.inner_products(inputs[places], weights), own_weights)
        kernel = np.zeros((len(choice.rows), len(choice.rows)), dtype=np.float32)
        kernel[np.ix_(chosen, chosen)] = own / max(float(np.average(own.diagonal(), weights=own_weights)), 1e-12)
        kernels.append(kernel)
    return kernels
