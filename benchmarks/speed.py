"""What people wait for, beside a peer and the floor of one matrix product, at growing sizes."""

import math
import subprocess
import sys
import tempfile
import time
import tracemalloc
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

import numpy as np

import steradian as sr
from steradian.metrics import clustering_ami, retrieval_scores
from steradian.search import Index

__all__ = ["Timing", "exponent", "run"]

DIM, CLASSES, NEIGHBORS = 128, 100, 10


@dataclass(frozen=True)
class Timing:
    """Seconds of one piece of work at one size, the least of some rounds; None where there is no peer or no floor."""

    work: str
    size: int
    ours: float
    peer: float | None = None
    floor: float | None = None


def run(*, quick: bool = False, rounds: int = 3) -> list[Timing]:
    """Print and give the timings.

    Args:
        quick: at small sizes.
        rounds: the least of so many counts.
    """
    timings = []
    print(f"{'work':30} {'size':>9} {'ours s':>9} {'peer s':>9} {'floor s':>9} {'exponent':>9}")
    for work, sizes in WORK.items():
        before: dict[str, Timing] = {}
        for size in sizes[0] if quick else sizes[1]:
            for timing in MEASURES[work](size, rounds):
                last = before.get(timing.work)
                before[timing.work] = timing
                cells = [timing.ours, timing.peer, timing.floor, None if last is None else exponent(last, timing)]
                shown = " ".join(f"{'-' if cell is None else f'{cell:.3f}':>9}" for cell in cells)
                print(f"{timing.work:30} {timing.size:>9,} {shown}", flush=True)
                timings.append(timing)
    print("peer: faiss where it is installed, else scikit-learn's NearestNeighbors, or its k-means of ten starts.")
    print("floor: one float32 product of the same shape. Seconds of one machine, which others may use too.")
    return timings


def exponent(one: Timing, other: Timing) -> float:
    """By which power of the size the time grew."""
    return math.log(other.ours / one.ours) / math.log(other.size / one.size)


def _clouds(size: int) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(0)
    labels = rng.integers(CLASSES, size=size)
    vectors = rng.normal(size=(CLASSES, DIM))[labels] + 1.5 * rng.normal(size=(size, DIM))
    return (vectors / np.linalg.norm(vectors, axis=1, keepdims=True)).astype(np.float32), labels


def _table(size: int) -> sr.ObjectTable:
    rng = np.random.default_rng(size)
    labels = rng.integers(10, size=size)
    columns = {
        name: list(np.random.default_rng(width).normal(size=(10, width))[labels] + rng.normal(size=(size, width)))
        for name, width in (("left", 16), ("middle", 24), ("right", 32))
    }
    schema = sr.Schema({name: sr.Vector(name) for name in columns}, label="label")
    return sr.read_objects({**columns, "label": labels}, schema)


def _search(size: int, rounds: int) -> Iterator[Timing]:
    vectors, labels = _clouds(size)
    index = Index.from_vectors(vectors, labels=labels, ids=[f"id {number}" for number in range(size)])
    for count in (1000, 100, 1):
        queries = vectors[:: max(1, size // count)][:count] + np.float32(0.01)
        yield Timing(
            f"search, {count} queries",
            size,
            _seconds(lambda queries=queries: index.search(queries, NEIGHBORS), rounds),
            _seconds(_peer(vectors, queries), rounds),
            _seconds(lambda queries=queries: _product(queries, vectors), rounds),
        )


def _approximate(size: int, rounds: int) -> Iterator[Timing]:
    """Beside the exact search of the same queries; nothing where FAISS is missing."""
    if not find_spec("faiss"):
        return
    vectors, _ = _clouds(size)
    index = Index.from_vectors(vectors)
    found, queries = index.approximate(verbose=False), vectors[:: max(1, size // 100)][:100] + np.float32(0.01)
    ours = _seconds(lambda: found.search(queries, NEIGHBORS), rounds)
    exactly = _seconds(lambda: index.search(queries, NEIGHBORS), rounds)
    yield Timing("approximate, 100 (peer: exact)", size, ours, exactly)
    yield Timing("approximate, recall@10", size, found.lists.recall if found.lists else 1.0)


def _transform(size: int, rounds: int) -> Iterator[Timing]:
    """Seconds, and the arrays that stand in memory at the peak, beside the result."""
    model, objects = sr.SphereEmbedder(epochs=0, verbose=False).fit(_table(500)), _table(size)
    yield Timing("transform", size, _seconds(lambda: model.transform(objects), rounds))
    tracemalloc.start()
    result = model.transform(objects)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    yield Timing("transform, MB (floor: result)", size, peak / 1e6, floor=result.nbytes / 1e6)


def _cold_search(size: int, rounds: int) -> Iterator[Timing]:
    """The command line from its start to its end, with a small model; floor: to import torch."""
    rng = np.random.default_rng(0)
    labels = rng.integers(CLASSES, size=size)
    table = {"title": [f"brand{label} no {rng.integers(1000)}" for label in labels], "label": labels}
    objects = sr.read_objects(table, sr.Schema({"title": sr.Text("title")}))
    model = sr.SphereEmbedder(epochs=0, verbose=False).fit(objects)
    with tempfile.TemporaryDirectory() as folder:
        model.save(folder)
        Index.build(model, objects).save(Path(folder, "index"))
        command = [sys.executable, "-m", "steradian", "search", folder, "--text", "brand7"]
        ours = _seconds(lambda: subprocess.run(command, check=True, capture_output=True), rounds)
    floor = _seconds(lambda: subprocess.run([sys.executable, "-c", "import torch"], check=True), rounds)
    yield Timing("steradian search, cold", size, ours, floor=floor)


def _load(size: int, rounds: int) -> Iterator[Timing]:
    vectors, labels = _clouds(size)
    with tempfile.TemporaryDirectory() as folder:
        Index.from_vectors(vectors, labels=labels, ids=[f"id {number}" for number in range(size)]).save(folder)
        (file,) = Path(folder).glob("*.safetensors")
        ours = _seconds(lambda: Index.load(folder), rounds)
        yield Timing("load an index (floor: read it)", size, ours, floor=_seconds(file.read_bytes, rounds))


def _retrieval(size: int, rounds: int) -> Iterator[Timing]:
    vectors, labels = _clouds(size)
    rows = np.arange(size)
    yield Timing(
        "retrieval scores",
        size,
        _seconds(lambda: retrieval_scores(vectors, labels, vectors, labels, exclude=rows), rounds),
        floor=_seconds(lambda: _product(vectors, vectors), rounds),
    )


def _clustering(size: int, rounds: int) -> Iterator[Timing]:
    from sklearn.cluster import KMeans

    vectors, labels = _clouds(size)
    means = KMeans(CLASSES, n_init=10, max_iter=100, random_state=0)
    ours = _seconds(lambda: clustering_ami(vectors, labels, n_init=10), rounds)
    yield Timing("clustering AMI", size, ours, _seconds(lambda: means.fit(vectors), rounds))


def _whole(work: str, size: int, rounds: int) -> Iterator[Timing]:
    """Evaluate or audit made objects of 10 classes and 3 modalities by the closed form alone."""
    model, objects = sr.SphereEmbedder(epochs=0, verbose=False).fit(_table(500)), _table(size)
    if work == "evaluate":
        ours = _seconds(lambda: sr.evaluate(model, objects, verbose=False, floor="none"), rounds)
    else:
        ours = _seconds(lambda: model.audit(objects), rounds)
    yield Timing(work, size, ours)


def _peer(vectors: np.ndarray, queries: np.ndarray) -> Callable[[], object]:
    if find_spec("faiss"):
        import faiss

        flat = faiss.IndexFlatIP(vectors.shape[1])
        flat.add(vectors)
        return lambda: flat.search(queries, NEIGHBORS)
    from sklearn.neighbors import NearestNeighbors

    searched = NearestNeighbors(n_neighbors=NEIGHBORS, algorithm="brute").fit(vectors)
    return lambda: searched.kneighbors(queries)


def _product(queries: np.ndarray, gallery: np.ndarray) -> None:
    """All products, some of the gallery's rows at a time where there are many queries."""
    step = len(gallery) if len(queries) == 1 else 4096
    for start in range(0, len(queries), 1024):
        for first in range(0, len(gallery), step):
            queries[start : start + 1024] @ gallery[first : first + step].T


def _seconds(work: Callable[[], object], rounds: int) -> float:
    taken = []
    for _ in range(rounds):
        begun = time.perf_counter()
        work()
        taken.append(time.perf_counter() - begun)
    return min(taken)


WORK: dict[str, tuple[Sequence[int], Sequence[int]]] = {
    "search": ([2000, 4000], [10_000, 100_000, 1_000_000]),
    "cold search": ([500, 1000], [2000, 20_000]),
    "load": ([2000, 4000], [10_000, 100_000, 1_000_000]),
    "approximate": ([2000, 4000], [10_000, 100_000, 1_000_000]),
    "transform": ([500, 1000], [10_000, 100_000]),
    "retrieval": ([1000, 2000], [5000, 10_000, 20_000]),
    "clustering": ([1000, 2000], [5000, 10_000]),
    "evaluate": ([500, 1000], [5000, 10_000, 20_000, 100_000]),
    "audit": ([500, 1000], [10_000, 20_000, 50_000]),
}
"""Sizes of each piece of work, quick and whole."""
MEASURES: dict[str, Callable[[int, int], Iterator[Timing]]] = {
    "search": _search,
    "cold search": _cold_search,
    "load": _load,
    "approximate": _approximate,
    "transform": _transform,
    "retrieval": _retrieval,
    "clustering": _clustering,
    "evaluate": lambda size, rounds: _whole("evaluate", size, rounds),
    "audit": lambda size, rounds: _whole("audit", size, rounds),
}
