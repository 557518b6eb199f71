"""Our defaults, and the closed form alone, beside the plain models of `plain_models` on the same splits."""

import json
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from sklearn.metrics import balanced_accuracy_score

import steradian as sr
from benchmarks.plain_models import BY_ERROR, SETS, WHOLE, plain_scores
from benchmarks.shared_sets import open_set, split_rows

RESULTS = Path(__file__).parent / "results" / "against_plain.json"
"""Every split's numbers."""


def run(names: Sequence[str], folder: Path | None, *, splits: int, epochs: int | None, file: Path = RESULTS) -> None:
    """Print a line a set and modality: the best plain model, the sum-of-kernels ridge, ours, and seconds of a fit.

    Args:
        names: of `SETS`; all by default.
        folder: where they lie; None takes the variable STERADIAN_DATA.
        splits: as of `split_rows`; of a set with an official split also the seeds.
        epochs: of `SphereEmbedder`: 0 is the closed form alone.
        file: JSON by set and epochs; what else it holds stays.
    """
    print(f"{'set':16}{'best plain':>24}{'kernels':>14}{'ours':>14}{'s':>7}", flush=True)
    for name in names or SETS:
        scores, seconds = measure(name, folder, splits=splits, epochs=epochs)
        plain = plain_scores(name)
        for part, values in scores.items():
            columns = plain.get(part, {})
            print(_line(name if part == WHOLE else f"  {part}", columns, values, name in BY_ERROR, seconds), flush=True)
        kept: dict[str, Any] = json.loads(file.read_text(encoding="utf-8")) if file.exists() else {}
        kept.setdefault(name, {})[f"epochs={epochs}"] = {"scores": scores, "seconds": seconds}
        file.write_text(json.dumps(kept, indent=1), encoding="utf-8")


def measure(name: str, folder: Path | None, *, splits: int, epochs: int | None) -> tuple[dict[str, list[float]], float]:
    """Percent by `WHOLE` or modality, one a split, and the mean seconds of a fit.

    Args:
        name: of a set.
        folder: as of `open_set`.
        splits: as of `split_rows`.
        epochs: of `SphereEmbedder`.
    """
    objects, official = open_set(name, folder)
    scores: dict[str, list[float]] = {}
    seconds = []
    parts = list(split_rows(objects.labels, official, splits=splits))
    for train, test, seed in parts:
        begun = time.perf_counter()
        model = sr.SphereEmbedder(epochs=epochs, random_state=seed, verbose=False).fit(objects[train])
        seconds.append(time.perf_counter() - begun)
        tested, modalities = objects[test], list(objects.schema.modalities)
        for part in (WHOLE, *modalities) if len(modalities) > 1 else (WHOLE,):
            held = np.ones(len(tested), bool) if part == WHOLE else tested.present[:, modalities.index(part)]
            if held.any():
                subset = None if part == WHOLE else [part]
                found = model.predict_vectors(model.transform(tested[held], modalities=subset))
                scores.setdefault(part, []).append(_percent(tested.labels[held], found, error=name in BY_ERROR))
    return scores, float(np.mean(seconds))


def _percent(labels: np.ndarray, found: np.ndarray, *, error: bool) -> float:
    return 100 * float(1 - balanced_accuracy_score(labels, found) if error else (labels == found).mean())


def _line(name: str, plain: dict[str, list[float]], ours: list[float], error: bool, seconds: float) -> str:
    """The best mean of LR, SVM, forest and MLP with its name, and the others' means and spreads."""
    models = {model: values for model, values in plain.items() if model != "kernels"}
    best = min if error else max
    chosen = best(models, key=lambda model: float(np.mean(models[model]))) if models else None
    shown = "-" if chosen is None else f"{chosen} {_mean(models[chosen])}"
    kernels = _mean(plain["kernels"]) if "kernels" in plain else "-"
    return f"{name:16}{shown:>24}{kernels:>14}{_mean(ours):>14}{seconds:7.1f}"


def _mean(values: Sequence[float]) -> str:
    return f"{np.mean(values):.2f}+-{np.std(values):.1f}"
