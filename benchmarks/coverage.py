"""Whether accepted shares are what was guaranteed: conformal thresholds on held-out objects, for every subset."""

import os
from collections.abc import Sequence
from pathlib import Path

import numpy as np

import steradian as sr
from benchmarks.shared_sets import read_set
from benchmarks.unknown import QUICK_SET, open_digits
from steradian.data.subsets import choose_subsets
from steradian.metrics import to_angles
from steradian.model import nearest_centers

__all__ = ["SETS", "run"]

SETS = ("handwritten", "pie_faces", "scene15", "leaves100", "bdgp", "breast_tcga")
_LINE = "{:15} {:>7} {:>8} {:>7} {:>7} {:>7} {:>10} {:>9} {:>8}"


def run(
    names: Sequence[str], folder: Path | None, *, splits: int, coverage: float, epochs: int | None = None
) -> dict[str, np.ndarray]:
    """Print the accepted share of test objects of known classes, over subsets of modalities: mean, least and most.

    One model a set is trained on half of it; the other half is divided anew into calibration and test objects for each
    split, by `model.calibrate` and `predict(..., reject=True)`'s own angles. The last column is the mean share of the
    whole held-out half that `model.calibrate()` accepts, which rests on the training half alone.

    Args:
        names: of `SETS`; all by default.
        folder: of the shared sets; None takes the variable STERADIAN_DATA.
        splits: of the held-out half.
        coverage: the guarantee.
        epochs: of `SphereEmbedder`.

    Returns:
        The accepted share by set [splits, subsets].
    """
    folder = folder or Path(os.environ.get("STERADIAN_DATA", "."))
    print(f"guaranteed: {coverage:.1%}; accepted test objects in percent, means over {splits} splits")
    heads = ("set", "subsets", "objects", "mean", "least", "most", "sd a split", "in theory", "no table")
    print(_LINE.format(*heads), flush=True)
    found = {}
    for name in names or SETS:
        objects = open_digits() if name == QUICK_SET else read_set(folder / f"{name}.npz")[0]
        shares, alone, calibrated = measure(objects, splits=splits, coverage=coverage, epochs=epochs)
        found[name] = shares
        means = 100 * shares.mean(axis=0)
        spread = 100 * shares.std(axis=0).mean()
        # Given n calibration objects the covered share is Beta(k, n + 1 - k); a test of n adds its own spread.
        theory = 100 * np.sqrt(2 * coverage * (1 - coverage) / (calibrated + 2))
        cells = (f"{number:.2f}" for number in (means.mean(), means.min(), means.max(), spread, theory, 100 * alone))
        print(_LINE.format(name, shares.shape[1], calibrated, *cells), flush=True)
    return found


def measure(
    objects: sr.ObjectTable, *, splits: int, coverage: float, epochs: int | None = None
) -> tuple[np.ndarray, float, int]:
    """Accepted shares of test objects [splits, subsets], that without a table, and how many objects calibrated.

    Args:
        objects: of a set.
        splits: of the held-out half.
        coverage: the guarantee.
        epochs: of `SphereEmbedder`.
    """
    train, held_out = objects.split(test_size=0.5, random_state=0)
    model = sr.SphereEmbedder(epochs=epochs, verbose=False).fit(train)
    names = tuple(objects.schema.modalities)
    subsets = choose_subsets(names, max_subsets=63, random_state=0)
    angles = np.full((len(subsets), len(held_out)), np.nan)
    for place, (_, rows, vectors) in enumerate(model.transform_subsets(held_out, subsets)):
        angles[place, rows] = to_angles(nearest_centers(model.fitted_.classifier, vectors)[1])
    model.calibrate(coverage=coverage)
    limits = [model.calibration_.thresholds(objects.schema.mask(subset)[None]) for subset in subsets]
    alone = [np.mean(own[~np.isnan(own)] <= limit) for own, limit in zip(angles, limits, strict=True)]
    shares = np.full((splits, len(subsets)), np.nan)
    for split in range(splits):
        order = np.random.default_rng(split).permutation(len(held_out))
        calibration, test = np.split(order, [len(order) // 2])
        model.calibrate(held_out[np.sort(calibration)], coverage=coverage)
        for place, subset in enumerate(subsets):
            # An object seen through a subset is one that has no more.
            has = held_out.present[np.ix_(test, [names.index(name) for name in subset])].all(axis=1)
            if has.any():
                accept = model.calibration_.thresholds(held_out.schema.mask(subset)[None])
                shares[split, place] = np.mean(angles[place, test[has]] <= accept)
    there = ~np.isnan(shares).any(axis=0)
    return shares[:, there], float(np.nanmean(alone)), len(held_out) // 2
