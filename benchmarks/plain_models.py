"""Plain models on the shared sets, whole objects and each modality alone: the columns beside which ours is judged."""

import json
import warnings
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
from sklearn.base import ClassifierMixin
from sklearn.exceptions import ConvergenceWarning
from sklearn.metrics import balanced_accuracy_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from benchmarks import kernel_ridge
from benchmarks.plain_features import plain_features
from benchmarks.shared_sets import PLAIN, open_set, split_rows

__all__ = ["MODELS", "RESULTS", "SETS", "WHOLE", "Scores", "measure", "plain_scores", "run", "score", "table_lines"]

RESULTS = Path(__file__).parent / "results" / "plain.json"
"""What was measured last."""
SPEAKERS = ("george", "jackson", "lucas", "nicolas", "theo", "yweweler")
SETS = (
    *("breast_tcga", "motions", "vowels", "pie_faces", "wikipedia", "landuse21", "leaves100", "handwritten", "bdgp"),
    *("scene15", "fsdd", *(f"fsdd_{speaker}" for speaker in SPEAKERS)),
)
BY_ERROR = ("breast_tcga",)
"""Their scores are balanced errors; those of the other sets are accuracies."""
WHOLE = "whole"
"""The objects with all modalities that the test part has. Each of these alone goes by its name."""
ESTIMATORS: dict[str, Callable[[int], ClassifierMixin]] = {
    "LR": lambda seed: make_pipeline(StandardScaler(), PLAIN["logistic regression"](seed)),
    "SVM": lambda seed: make_pipeline(StandardScaler(), PLAIN["SVM"](seed)),
    "forest": PLAIN["random forest"],
    "MLP": lambda seed: make_pipeline(StandardScaler(), PLAIN["MLP"](seed)),
}
"""By seed, on the columns of all modalities side by side."""
DRAWING = ("forest", "MLP")
"""They draw at random, so their seeds differ on an official split too; the others are measured on it once."""
KERNELS = "kernels"
MODELS = (*ESTIMATORS, KERNELS)
"""`KERNELS` is the sum of kernels of all modalities."""

Scores = dict[str, dict[str, list[float]]]
"""By `WHOLE` or modality, then by model: percent, one a split."""


def plain_scores(name: str, file: Path = RESULTS) -> Scores:
    """What was measured on a set, by `WHOLE` or modality, then by model: percent, one a split, in the order of seeds.

    A set of one modality has `WHOLE` only. Sets of `BY_ERROR` have balanced errors.

    Args:
        name: of `SETS`.
        file: as `run` wrote it.
    """
    scores: Scores = json.loads(file.read_text(encoding="utf-8"))[name]
    return scores


def run(names: Sequence[str], folder: Path | None, *, splits: int, file: Path = RESULTS) -> None:
    """Print a table, mean and spread over splits in percent, and write every split's numbers.

    Args:
        names: of `SETS`; all by default.
        folder: where they lie; None takes the variable STERADIAN_DATA.
        splits: as of `split_rows`; also the seeds of models that draw.
        file: JSON by set; what it holds of other sets stays.
    """
    print(f"accuracy in %, of {', '.join(BY_ERROR)} balanced error; * is best\n")
    print(f"{'':15}" + "".join(f"{model:>12} " for model in MODELS), flush=True)
    for name in names or SETS:
        scores = measure(name, folder, splits=splits)
        print("\n".join(table_lines(name, scores)), flush=True)
        known = json.loads(file.read_text(encoding="utf-8")) if file.is_file() else {}
        file.write_text(json.dumps(known | {name: scores}, indent=1) + "\n", encoding="utf-8")
    print(f"\nwrote {file}")


def measure(name: str, folder: Path | None, *, splits: int) -> Scores:
    """The scores of all models on a set.

    Args:
        name: of the set.
        folder: where it lies; None takes the variable STERADIAN_DATA.
        splits: as of `run`.
    """
    objects, official = open_set(name, folder)
    features, labels = plain_features(objects), objects.labels
    parts = list(split_rows(labels, official, splits=splits))
    # A modality that test objects lack helps none of these models.
    there = objects.present[np.concatenate([test for _, test, _ in parts])].all(axis=0)
    modalities = [modality for modality, known in zip(features, there, strict=True) if known]
    views = {WHOLE: modalities} | ({modality: [modality] for modality in modalities} if len(modalities) > 1 else {})
    scores: Scores = {view: {model: [] for model in MODELS} for view in views}
    for view, chosen in views.items():
        for train, test, seed in parts:
            known, new = ([features[modality][rows] for modality in chosen] for rows in (train, test))
            for model in MODELS:
                if seed == 0 or official is None or model in DRAWING:
                    predicted = _predict(model, known, labels[train], new, seed)
                    scores[view][model].append(score(name, labels[test], predicted))
    return scores


def score(name: str, labels: np.ndarray, predicted: np.ndarray) -> float:
    """Accuracy in percent, or the balanced error for a set of `BY_ERROR`.

    Args:
        name: of the set.
        labels: of the test objects.
        predicted: likewise.
    """
    if name in BY_ERROR:
        return 100 * (1 - float(balanced_accuracy_score(labels, predicted)))
    return 100 * float(np.mean(labels == predicted))


def table_lines(name: str, scores: Scores) -> list[str]:
    """Lines of at most 80 characters, whole objects first: mean and spread, the best of a line with a star.

    Args:
        name: of the set.
        scores: of it, by the models of the columns.
    """
    lines = []
    for view, models in scores.items():
        means = {model: round(float(np.mean(values)), 2) for model, values in models.items()}
        best = (min if name in BY_ERROR else max)(means.values())
        line = f"{name if view == WHOLE else f'  {view}':15}"
        for model, values in models.items():
            spread = f"+-{np.std(values):.1f}" if len(values) > 1 else ""
            line += f"{f'{means[model]:.2f}{spread}':>12}{'*' if means[model] == best else ' '}"
        lines.append(line.rstrip())
    return lines


def _predict(
    model: str, train: Sequence[np.ndarray], labels: np.ndarray, test: Sequence[np.ndarray], seed: int
) -> np.ndarray:
    """The labels of test objects; each side is a list of modalities [objects, features]."""
    if model == KERNELS:
        return kernel_ridge.classify(train, labels, test)
    with warnings.catch_warnings():
        # The MLP stops at 60 epochs by intent.
        warnings.simplefilter("ignore", ConvergenceWarning)
        fitted = ESTIMATORS[model](seed).fit(np.concatenate(train, axis=1), labels)
    predicted: np.ndarray = fitted.predict(np.concatenate(test, axis=1))
    return predicted
