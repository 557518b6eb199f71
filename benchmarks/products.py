"""Products never seen: records of one shop look for their product in another, beside an untrained cosine."""

import os
import sys
import time
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
from sklearn.feature_extraction.text import TfidfVectorizer

import steradian as sr

TEXTS = {"abt_buy": ("name", "description"), "amazon_google": ("title", "manufacturer")}
"""The columns of text of each table."""
UNSEEN, DRAWS = 0.3, 3
"""Share of the products that training never sees, and draws of them."""


def run(folder: Path | None, *, epochs: int | None, price: bool) -> None:
    """Print R@1 in percent of unseen products for each draw: untrained, ours, and the seconds of a fit.

    Args:
        folder: where the tables lie; None takes the variable STERADIAN_DATA.
        epochs: of `SphereEmbedder`: 0 is the closed form alone.
        price: declare the price as a second modality.
    """
    print(f"{'table':16}{'draw':>5}{'untrained':>11}{'ours':>7}{'s':>7}")
    for name, columns in TEXTS.items():
        path = (folder or Path(os.environ.get("STERADIAN_DATA", "."))) / f"{name}.parquet"
        if not path.is_file():
            sys.exit(f"{path} is not there: point --data or STERADIAN_DATA at the folder of the data sets")
        table = pq.read_table(path).to_pydict()
        table["price"] = [_number(value) for value in table["price"]]
        modalities: dict[str, sr.Text | sr.Tabular] = {"text": sr.Text(*columns)}
        if price:
            modalities["price"] = sr.Tabular(numeric=["price"])
        objects = sr.read_objects(table, sr.Schema(modalities, label="product"))
        texts = np.array([" ".join(table[c][row] or "" for c in columns) for row in range(len(objects))], dtype=object)
        found = [_draw(objects, texts, np.array(table["shop"]), seed=seed, epochs=epochs) for seed in range(DRAWS)]
        for draw, (untrained, ours, seconds) in enumerate(found):
            print(f"{name:16}{draw:>5}{untrained:>11.1f}{ours:>7.1f}{seconds:>7.1f}", flush=True)
        means = np.mean(found, axis=0)
        print(f"{name:16}{'mean':>5}{means[0]:>11.1f}{means[1]:>7.1f}{means[2]:>7.1f}", flush=True)


def _draw(
    objects: sr.ObjectTable, texts: np.ndarray, shops: np.ndarray, *, seed: int, epochs: int | None
) -> tuple[float, float, float]:
    """R@1 of an untrained cosine of character TF-IDF, ours, and the seconds of a fit."""
    products = np.unique(objects.labels)
    unseen = np.random.default_rng(seed).permutation(products)[: int(UNSEEN * len(products))]
    test = np.isin(objects.labels, unseen)
    queries, gallery = test & (shops == "A"), test & (shops == "B")
    ngrams = TfidfVectorizer(analyzer="char_wb", ngram_range=(1, 5), sublinear_tf=True, min_df=2).fit(texts[~test])
    plain = [ngrams.transform(texts[rows]) for rows in (queries, gallery)]
    begun = time.perf_counter()
    model = sr.SphereEmbedder(epochs=epochs, random_state=seed, verbose=False).fit(objects[~test])
    seconds = time.perf_counter() - begun
    ours = [model.transform(objects[rows]) for rows in (queries, gallery)]
    labels = objects.labels[queries], objects.labels[gallery]
    return _recall((plain[0] @ plain[1].T).toarray(), *labels), _recall(ours[0] @ ours[1].T, *labels), seconds


def _recall(cosines: np.ndarray, queries: np.ndarray, gallery: np.ndarray) -> float:
    answered = np.isin(queries, gallery)
    return 100 * float((gallery[cosines.argmax(axis=1)] == queries)[answered].mean())


def _number(value: object) -> float | None:
    """A price as a number; None where it is none."""
    digits = "".join(c for c in str(value) if c.isdigit() or c == ".")
    return float(digits) if digits.replace(".", "", 1).isdigit() else None
