"""What a reader asks first: is it better than ten lines of hers?

On whole classes left out, with most of an object missing, with two objects a class, and from modality to modality.
"""

import json
import os
import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path

import numpy as np
from sklearn.base import ClassifierMixin
from sklearn.ensemble import RandomForestClassifier
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import train_test_split
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler, normalize
from sklearn.svm import SVC

import steradian as sr
from benchmarks.plain_features import plain_features
from benchmarks.shared_sets import read_set
from steradian.demo.baseline import PlainBaseline
from steradian.demo.emoji import Emoji, EmojiObject, emoji_columns, load_emoji
from steradian.demo.job import SCHEMA as EMOJI_SCHEMA
from steradian.metrics import modality_gap, retrieval_scores

__all__ = [
    "ACROSS",
    "CLOSED_FORM",
    "MISSING",
    "RESULTS",
    "SETS",
    "TWO_OBJECTS",
    "UNSEEN",
    "Comparison",
    "measure_set",
    "run",
]

RESULTS = Path(__file__).parent / "results" / "reader_claims.json"
"""What was measured last."""
SETS = ("handwritten", "pie_faces", "scene15", "leaves100", "bdgp", "emoji")
UNSEEN, MISSING = "unseen classes, R@1", "90 % of the modalities missing, accuracy"
TWO_OBJECTS, ACROSS = "1,000 classes of two objects, accuracy", "from one modality to another, MAP@R"
PENALTY = 0.1
"""Of the ridge classifier of emoji."""
CLOSED_FORM, NETWORKS = "closed form", ("angular", "gmc")
"""Objectives of the networks that stand beside the closed form across modalities."""

PLAIN: dict[str, Callable[[int], ClassifierMixin]] = {
    "logistic regression": lambda seed: LogisticRegression(max_iter=1000),
    "SVM": lambda seed: SVC(C=10),
    "forest": lambda seed: RandomForestClassifier(300, random_state=seed, n_jobs=1),
}


@dataclass(frozen=True)
class Comparison:
    """Our closed form beside a rival on one set; an entry a split, in percent.

    Args:
        question: `UNSEEN`, `MISSING`, `TWO_OBJECTS` or `ACROSS`.
        set: its name.
        ours: the closed form's scores, the defaults with `epochs=0`.
        rivals: each rival's, by its name.
        gaps: across modalities, the distance of two modalities' centroids within a class, by method; else empty.
    """

    question: str
    set: str
    ours: list[float] = field(default_factory=list)
    rivals: dict[str, list[float]] = field(default_factory=dict)
    gaps: dict[str, list[float]] = field(default_factory=dict)

    def best(self) -> tuple[str, float]:
        """The rival with the best mean, which is an advantage to it, and that mean."""
        means = {name: float(np.mean(scores)) for name, scores in self.rivals.items()}
        name = max(means, key=lambda rival: means[rival])
        return name, means[name]

    def __str__(self) -> str:
        name, theirs = self.best()
        gaps = ", ".join(f"{method} {np.mean(values):.2f}" for method, values in self.gaps.items())
        line = f"{self.question:42} {self.set:12} {np.mean(self.ours):6.1f} {theirs:6.1f} {name}"
        return f"{line}; gaps: {gaps}" if gaps else line


def run(names: Sequence[str], folder: Path | None, *, splits: int, file: Path = RESULTS) -> None:
    """Print a line a question and set, and keep every split's numbers.

    Args:
        names: of `SETS`; all by default.
        folder: where the sets lie; None takes the variable STERADIAN_DATA. Emoji come from the extra [demo].
        splits: seeds 0, 1, ...
        file: JSON by set; what it holds of other sets stays.
    """
    print(f"{'question':42} {'set':12} {'ours':>6} {'best':>6} rival", flush=True)
    folder = folder or Path(os.environ.get("STERADIAN_DATA", "."))
    for name in names or SETS:
        path = folder / f"{name}.npz"
        if name != "emoji" and not path.is_file():
            sys.exit(f"{path} is not there: point --data or STERADIAN_DATA at the folder of the data sets")
        found = measure_emoji(splits) if name == "emoji" else measure_set(name, read_set(path)[0], splits=splits)
        for comparison in found:
            print(comparison, flush=True)
        known = json.loads(file.read_text(encoding="utf-8")) if file.is_file() else {}
        kept = known | {name: [asdict(comparison) for comparison in found]}
        file.write_text(json.dumps(kept, indent=1) + "\n", encoding="utf-8")


def measure_set(name: str, objects: sr.ObjectTable, *, splits: int, epochs: int | None = None) -> list[Comparison]:
    """The questions to a set of vectors.

    Args:
        name: of the set.
        objects: all of it.
        splits: seeds 0, 1, ...
        epochs: of the networks that are compared across modalities.
    """
    unseen, missing, across = (Comparison(question, name) for question in (UNSEEN, MISSING, ACROSS))
    for seed in range(splits):
        _ask_unseen(unseen, objects, seed)
        rows = train_test_split(np.arange(len(objects)), test_size=0.2, stratify=objects.labels, random_state=seed)
        train, test = (objects[part] for part in rows)
        _ask_missing(missing, train, test, seed)
        _ask_across(across, train, test, seed, epochs)
    # Many small classes have no pairs for some questions; such a question is left out.
    return [comparison for comparison in (unseen, missing, across) if comparison.ours]


def _ask_unseen(comparison: Comparison, objects: sr.ObjectTable, seed: int) -> None:
    """R@1 among objects of a third of the classes, none of which was trained on."""
    classes = np.random.default_rng(seed).permutation(np.unique(objects.labels))
    held_out = np.isin(objects.labels, classes[: max(2, len(classes) // 3)])
    train, test = objects[~held_out], objects[held_out]
    model = _closed_form(train, seed)
    comparison.ours.append(_recall(model.transform(test), test.labels))
    comparison.rivals.setdefault("untrained cosine", []).append(_recall(_untrained(train, test), test.labels))


def _untrained(train: sr.ObjectTable, test: sr.ObjectTable) -> np.ndarray:
    """Each modality standardised and of length 1, side by side."""
    known, new = plain_features(train), plain_features(test)
    return normalize(np.hstack([normalize(StandardScaler().fit(known[m]).transform(new[m])) for m in known]))


def _recall(vectors: np.ndarray, labels: np.ndarray) -> float:
    found = retrieval_scores(vectors, labels, vectors, labels, exclude=np.arange(len(labels)), max_queries=None)
    return 100 * found.recall[1]


def _ask_missing(comparison: Comparison, train: sr.ObjectTable, test: sr.ObjectTable, seed: int) -> None:
    """Each modality of a test object is dropped with probability 0.9; one stays."""
    kept = draw_present(test.present.shape, seed)
    model = _closed_form(train, seed)
    subsets = [np.flatnonzero(row) for row in kept]
    names = list(test.schema.modalities)
    found = np.empty(len(test), dtype=object)
    for subset in {tuple(subset) for subset in subsets}:
        rows = np.array([tuple(each) == subset for each in subsets])
        vectors = model.transform(test[rows], modalities=[names[m] for m in subset])
        found[rows] = model.predict_vectors(vectors)
    comparison.ours.append(100 * float(np.mean(found == test.labels)))
    # A plain model learns with gaps too: once from whole objects, once from these and gappy copies of them.
    whole, gappy = plain_features(train), _drop(plain_features(train), draw_present(train.present.shape, seed + 1))
    new = np.hstack(list(_drop(plain_features(test), kept).values()))
    trainings = {
        "": (np.hstack(list(whole.values())), train.labels),
        ", gappy copies": (
            np.vstack([np.hstack(list(part.values())) for part in (whole, gappy)]),
            np.concatenate([train.labels, train.labels]),
        ),
    }
    for words, (rows, labels) in trainings.items():
        for plain, make in PLAIN.items():
            fitted = make_pipeline(SimpleImputer(), StandardScaler(), make(seed)).fit(rows, labels)
            score = 100 * float(np.mean(fitted.predict(new) == test.labels))
            comparison.rivals.setdefault(plain + words, []).append(score)


def draw_present(shape: tuple[int, ...], seed: int) -> np.ndarray:
    """Which modalities stay, bool of this shape: each with probability 0.1, and one where none would.

    Args:
        shape: objects, modalities.
        seed: of the draw.
    """
    rng = np.random.default_rng(seed)
    present = rng.random(shape) < 0.1
    present[np.arange(shape[0]), rng.integers(shape[1], size=shape[0])] |= ~present.any(axis=1)
    return present


def _drop(features: dict[str, np.ndarray], present: np.ndarray) -> dict[str, np.ndarray]:
    return {name: np.where(present[:, [m]], rows, np.nan) for m, (name, rows) in enumerate(features.items())}


def _ask_across(
    comparison: Comparison, train: sr.ObjectTable, test: sr.ObjectTable, seed: int, epochs: int | None
) -> None:
    """MAP@R of every pair of modalities: one queries, the other is searched; and how far apart they lie."""
    models = {CLOSED_FORM: _closed_form(train, seed)}
    for objective in NETWORKS:
        options = {"objective": objective, "closed_form": False, "epochs": epochs}
        models[objective] = sr.SphereEmbedder(**options, random_state=seed, verbose=False).fit(train)
    for method, model in models.items():
        alone = np.stack([model.transform(test, modalities=[name]) for name in test.schema.modalities], axis=1)
        score = 100 * float(np.mean(list(_across(alone, test.labels))))
        scores = comparison.ours if method == CLOSED_FORM else comparison.rivals.setdefault(method, [])
        scores.append(score)
        gap = modality_gap(alone, test.labels, present=test.present).within_class
        comparison.gaps.setdefault(method, []).append(gap)


def _across(alone: np.ndarray, labels: np.ndarray) -> Iterator[float]:
    itself = np.arange(len(labels))
    for query in range(alone.shape[1]):
        for searched in range(alone.shape[1]):
            if query != searched:
                sides = alone[:, query], labels, alone[:, searched], labels
                yield retrieval_scores(*sides, exclude=itself, max_queries=None).map_at_r


def measure_emoji(splits: int, *, classes: int = 1000) -> list[Comparison]:
    """Emoji of two drawings with a name each, to be told by a name in a third language with either drawing.

    Args:
        splits: seeds 0, 1, ..., each with emoji and languages of its own.
        classes: how many emoji.
    """
    comparison, emoji = Comparison(TWO_OBJECTS, "emoji"), load_emoji()
    for seed in range(splits):
        rng = np.random.default_rng(seed)
        chosen = [emoji[row] for row in rng.permutation(len(emoji))[:classes]]
        train, test = _two_and_one(chosen, rng)
        model = _closed_form(sr.read_objects(emoji_columns(train), EMOJI_SCHEMA), seed)
        tested = sr.read_objects(emoji_columns(test), EMOJI_SCHEMA)
        comparison.ours.append(100 * float(np.mean(model.predict(tested) == tested.labels)))
        for name, score in _plain_on_emoji(train, test):
            comparison.rivals.setdefault(name, []).append(100 * score)
    return [comparison]


def _two_and_one(emoji: Sequence[Emoji], rng: np.random.Generator) -> tuple[list[EmojiObject], list[EmojiObject]]:
    """Both training objects have Twemoji's drawing or none, the test object OpenMoji's."""
    train, test = [], []
    for one in emoji:
        first, second, third = rng.permutation(list(one.names))[:3].tolist()
        train += [EmojiObject(one, "Twemoji", first), EmojiObject(one, "Twemoji", second)]
        test.append(EmojiObject(one, "OpenMoji", third))
    return train, test


def _plain_on_emoji(train: Sequence[EmojiObject], test: Sequence[EmojiObject]) -> Iterator[tuple[str, float]]:
    """Pixels and n-grams: the nearest training object, and a ridge classifier."""
    known, new = emoji_columns(train), emoji_columns(test)
    baseline = PlainBaseline().fit(known)
    rows, asked = (baseline.transform(columns, ("picture", "name")) for columns in (known, new))
    cosines, kernel = ((part @ rows.T).toarray() for part in (asked, rows))
    nearest = known["emoji"][cosines.argmax(axis=1)]
    yield "nearest by pixels and n-grams", float(np.mean(nearest == new["emoji"]))
    # By the kernel, since a million n-grams times a thousand classes are 8 GB of weights.
    classes, codes = np.unique(known["emoji"], return_inverse=True)
    weights = np.linalg.solve(kernel + PENALTY * np.eye(len(kernel)), np.eye(len(classes))[codes])
    yield "ridge on pixels and n-grams", float(np.mean(classes[(cosines @ weights).argmax(axis=1)] == new["emoji"]))


def _closed_form(objects: sr.ObjectTable, seed: int) -> sr.SphereEmbedder:
    return sr.SphereEmbedder(epochs=0, random_state=seed, verbose=False).fit(objects)
