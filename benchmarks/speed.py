"""What people wait for, beside a peer and the floor of one matrix product, at growing sizes."""

import math
import subprocess
import sys
import tempfile
import time
import tracemalloc
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import torch
from torch.utils.flop_counter import FlopCounterMode

import steradian as sr
from benchmarks import reading
from benchmarks.input import CLASSES as CLASSES_OF_STEPS
from benchmarks.input import TABLES, learner
from steradian.config import ModelConfig
from steradian.data.batch import Preprocessor
from steradian.metrics import clustering_ami, retrieval_scores
from steradian.model import TensorBatch, build_encoder
from steradian.search import Index
from steradian.training import with_derived

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

    @property
    def ratio(self) -> float | None:
        """Ours over the peer's seconds, or the floor's where there is no peer."""
        beside = self.peer if self.peer is not None else self.floor
        return self.ours / beside if beside else None


def run(names: Sequence[str] = (), *, quick: bool = False, rounds: int = 3) -> list[Timing]:
    """Print and give the timings.

    Args:
        names: of `WORK`; all by default.
        quick: at small sizes.
        rounds: the least of so many counts.
    """
    timings = []
    print(f"{'work':30} {'size':>9} {'ours':>8} {'peer':>8} {'floor':>8} {'ratio':>6} {'grows':>5}")
    for work in names or WORK:
        sizes = WORK[work]
        before: dict[str, Timing] = {}
        for size in sizes[0] if quick else sizes[1]:
            for timing in MEASURES[work](size, rounds):
                last = before.get(timing.work)
                before[timing.work] = timing
                seconds = " ".join(_shown(each, 8, 4) for each in (timing.ours, timing.peer, timing.floor))
                grows = _shown(None if last is None else exponent(last, timing), 5, 2)
                print(f"{timing.work:30} {timing.size:>9,} {seconds} {_shown(timing.ratio, 6, 2)} {grows}", flush=True)
                timings.append(timing)
    print("Seconds (MB where named) of one machine, which others may use too.")
    print("peer: faiss where it is installed, else scikit-learn; pyarrow of reading.")
    print("floor: the float32 products in it, or what is named; of audit, transform.")
    print("ratio: ours over the peer's, or the floor's. grows: by a power of the size.")
    return timings


def exponent(one: Timing, other: Timing) -> float:
    """By which power of the size the time grew."""
    return math.log(other.ours / one.ours) / math.log(other.size / one.size)


def _shown(number: float | None, width: int, digits: int) -> str:
    return f"{'-' if number is None else f'{number:.{digits}f}'[:width]:>{width}}"


def _clouds(size: int) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(0)
    labels = rng.integers(CLASSES, size=size)
    vectors = rng.normal(size=(CLASSES, DIM))[labels] + 1.5 * rng.normal(size=(size, DIM))
    return (vectors / np.linalg.norm(vectors, axis=1, keepdims=True)).astype(np.float32), labels


def _table(size: int, classes: int = 10, *, apart: float = 1.0) -> sr.ObjectTable:
    rng = np.random.default_rng(size)
    labels = np.arange(size) % classes
    columns = {
        name: list(
            apart * np.random.default_rng(width).normal(size=(classes, width))[labels] + rng.normal(size=(size, width))
        )
        for name, width in (("left", 16), ("middle", 24), ("right", 32))
    }
    schema = sr.Schema({name: sr.Vector(name) for name in columns}, label="label")
    return sr.read_objects({**columns, "label": labels}, schema)


@cache
def _model() -> sr.SphereEmbedder:
    return sr.SphereEmbedder(epochs=0, verbose=False).fit(_table(500))


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
    begun = time.perf_counter()
    found = index.approximate(verbose=False)
    yield Timing("approximate, its lists", size, time.perf_counter() - begun)
    yield Timing("approximate, recall@10", size, found.lists.recall if found.lists else 1.0)
    for count in (1000, 100, 1):
        queries = vectors[:: max(1, size // count)][:count] + np.float32(0.01)
        ours, exactly = (
            _seconds(lambda each=each, queries=queries: each.search(queries, NEIGHBORS), rounds)
            for each in (found, index)
        )
        yield Timing(f"approximate, {count} (peer exact)", size, ours, exactly)


def _transform(size: int, rounds: int) -> Iterator[Timing]:
    """Seconds, and the arrays that stand in memory at the peak, beside the result."""
    model, objects = _model(), _table(size)
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


def _many_classes(size: int, rounds: int) -> Iterator[Timing]:
    """Evaluate ten objects of each of many classes."""
    model = sr.SphereEmbedder(epochs=0, verbose=False).fit(_table(size // 5, size // 10))
    objects = _table(size, size // 10)
    ours, megabytes = _seconds_and_megabytes(lambda: sr.evaluate(model, objects, verbose=False), 1)
    yield Timing("evaluate, 10 objects a class", size, ours)
    yield Timing("evaluate, 10 a class, MB", size, megabytes)


def _reading(size: int, rounds: int) -> Iterator[Timing]:
    """A CSV file of `size` rows and a Parquet file of ten times as many, each in a process of its own."""
    for each in reading.run(csv_rows=size, parquet_rows=10 * size, verbose=False):
        ours, peer = (1e-6 * each.rows * micros for micros in (each.ours, each.pyarrow))
        yield Timing(f"read {each.kind}", each.rows, ours, peer)
        yield Timing(f"read {each.kind}, MB (of a table)", each.rows, each.peak / 1e6, floor=each.table / 1e6)


def _training(size: int, rounds: int) -> Iterator[Timing]:
    """One step of a network a modality, with a batch of `size` objects."""
    labels = np.arange(4 * size) % CLASSES_OF_STEPS
    for name, made in TABLES.items():
        columns, modalities = made(np.random.default_rng(0), labels)
        table = sr.read_objects({**columns, "label": labels}, sr.Schema(modalities))
        preprocessor = Preprocessor.fit(table)
        batch = TensorBatch.of(preprocessor.prepare(table, labels).batch(np.arange(size)))
        options = with_derived(ModelConfig(), objects=len(table), num_classes=CLASSES_OF_STEPS)
        learn = learner(build_encoder(preprocessor.modalities, options), torch.device("cpu"))
        with FlopCounterMode(display=False) as counted:
            learn(batch)
        ours = _seconds(lambda learn=learn, batch=batch: learn(batch), 5 * rounds)
        yield Timing(f"training step, {name}", size, ours, floor=counted.get_total_flops() * _second_a_flop(rounds))


def _loss(size: int, rounds: int) -> Iterator[Timing]:
    """The margin loss of 256 rows over `size` classes with all gradients; floor: its three products, by torch."""
    rows, labels = torch.randn(256, DIM, requires_grad=True), torch.arange(256) % size
    loss = sr.AngularMarginLoss(size, DIM)
    centers, cosines = torch.randn(size, DIM), torch.empty(size, 256)

    def step() -> None:
        loss.zero_grad(set_to_none=True)
        loss(torch.nn.functional.normalize(rows), labels).backward()

    def products() -> None:
        with torch.no_grad():
            torch.mm(centers, rows.T, out=cosines)
            cosines.T @ centers
            torch.mm(cosines, rows, out=centers)

    step()
    yield Timing("loss of 256 rows by classes", size, _seconds(step, rounds), floor=_seconds(products, rounds))


def _second_a_flop(rounds: int) -> float:
    """Seconds of one operation within a large float32 product."""
    square = torch.ones(512, 512)
    return _seconds(lambda: square @ square, 3 * rounds) / (2 * 512**3)


def _evaluate(size: int, rounds: int) -> Iterator[Timing]:
    """With all defaults, of made objects of 10 classes and 3 modalities, well parted and hardly; by the closed form."""
    for work, apart in (("evaluate", 1.0), ("evaluate, classes close", 0.3)):
        model = sr.SphereEmbedder(epochs=0, verbose=False).fit(_table(500, apart=apart))
        yield from _evaluated(work, model, size, apart, rounds)


def _evaluated(work: str, model: sr.SphereEmbedder, size: int, apart: float, rounds: int) -> Iterator[Timing]:
    """Floor: the products of 4,000 whole objects, twice for the plain baseline, and 1,000 through each of six parts."""
    objects = _table(size, apart=apart)
    vectors = model.transform(objects)
    ours, megabytes = _seconds_and_megabytes(lambda: sr.evaluate(model, objects, verbose=False), rounds)
    rows = np.concatenate([vectors[:4000], vectors[:4000], *[vectors[:1000]] * 6])
    yield Timing(work, size, ours, floor=_seconds(lambda: _product(rows, vectors), rounds))
    yield Timing(f"{work}, MB", size, megabytes)


def _audit(size: int, rounds: int) -> Iterator[Timing]:
    """Of the same objects; floor: their vectors, of which it begins."""
    model, objects = _model(), _table(size)
    ours, megabytes = _seconds_and_megabytes(lambda: model.audit(objects), rounds)
    yield Timing("audit", size, ours, floor=_seconds(lambda: model.transform(objects), rounds))
    yield Timing("audit, MB", size, megabytes)


def _seconds_and_megabytes(work: Callable[[], object], rounds: int) -> tuple[float, float]:
    """The least seconds, and by how much the process grew at its peak."""
    before = reading.peak_bytes(anew=True)
    seconds = _seconds(work, rounds)
    return seconds, max(reading.peak_bytes() - before, 1) / 1e6


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
    "transform": ([100, 200], [10_000, 100_000]),
    "retrieval": ([1000, 2000], [5000, 10_000, 20_000]),
    "clustering": ([300, 600], [5000, 10_000]),
    "evaluate": ([100, 200], [5000, 10_000, 20_000, 100_000]),
    "many classes": ([200, 400], [5000, 20_000, 100_000]),
    "audit": ([200, 400], [10_000, 20_000, 50_000]),
    "reading": ([50, 100], [10_000, 100_000]),
    "training": ([8, 16], [64]),
    "loss": ([1000, 2000], [10_000, 100_000, 1_000_000]),
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
    "evaluate": _evaluate,
    "many classes": _many_classes,
    "audit": _audit,
    "reading": _reading,
    "training": _training,
    "loss": _loss,
}
