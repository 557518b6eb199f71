"""How fast raw cells become vectors, and what share of a training step waits for its batch, for each modality."""

import io
import itertools
import json
import sys
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch
from PIL import Image as Pillow

import steradian as sr
from steradian.config import ModelConfig, TrainingConfig
from steradian.data.batch import Batch, PreparedObjects, Preprocessor
from steradian.data.prefetch import prefetched
from steradian.data.samplers import batches, plain_order
from steradian.model import SphereEncoder, SphericalClassifier, TensorBatch, build_encoder, embed_table
from steradian.training import OBJECTIVES, Derived, with_derived
from steradian.training.device import choose_device
from steradian.training.optimizer import clip_gradients, make_optimizer

CLASSES = 50
BLOCK = 8
"""Steps in a row with or without prefetching; the two take turns, so that a disturbance meets both."""


class Result(NamedTuple):
    """What was measured of one modality.

    Args:
        modality: its name here.
        objects: rows of the table.
        rates: objects a second of reading, preparing and embedding.
        step: milliseconds of a training step with its data, the median, in turn and prefetched.
        waiting: percent of all steps' time that waits for a batch, likewise.
    """

    modality: str
    objects: int
    rates: dict[str, float]
    step: dict[str, float]
    waiting: dict[str, float]


def run(names: Sequence[str], *, objects: int, steps: int, json_file: Path | None) -> None:
    """Measure and print.

    Args:
        names: modalities, of `TABLES`; none takes all.
        objects: rows of each table.
        steps: training steps that count, with and without prefetching each.
        json_file: where everything measured goes as well.
    """
    if unknown := set(names) - set(TABLES):
        sys.exit(f"no modality {', '.join(sorted(unknown))}: there are {', '.join(TABLES)}")
    device = choose_device("auto")
    setting = {"torch": f"{torch.__version__}, {torch.get_num_threads()} threads", "device": str(device)}
    print("\n".join(f"{key:8} {value}" for key, value in setting.items()))
    print(f"\n{'':9}{'objects a second':>30}{'ms a step':>20}{'% of it waiting':>20}")
    print(f"{'':9}{'read':>10}{'prepare':>10}{'embed':>10}" + 2 * f"{'in turn':>9}{'prefetched':>11}")
    results = []
    for name in names or TABLES:
        results.append(_measure(name, objects, steps=steps, device=device))
        _show(results[-1])
    if json_file is not None:
        unfinished = json_file.with_name(json_file.name + ".part")
        report = {"setting": setting, "results": [result._asdict() for result in results]}
        unfinished.write_text(json.dumps(report, indent=1) + "\n")
        unfinished.replace(json_file)


def _show(result: Result) -> None:
    rates = "".join(f"{rate:10,.0f}" for rate in result.rates.values())
    steps, shares = (f"{of['in turn']:9.1f}{of['prefetched']:11.1f}" for of in (result.step, result.waiting))
    print(f"{result.modality:9}{rates}{steps}{shares}", flush=True)


# -- Measuring ---------------------------------------------------------------------------------------------------------


def _measure(name: str, objects: int, *, steps: int, device: torch.device) -> Result:
    rng = np.random.default_rng(0)
    labels = np.arange(objects) % CLASSES
    columns, modalities = TABLES[name](rng, labels)
    read, table = _timed(lambda: sr.read_objects({**columns, "label": labels}, sr.Schema(modalities)))
    preprocessor = Preprocessor.fit(table)
    prepared = preprocessor.prepare(table, labels)
    # An empty batch makes what items put off until one is cut.
    prepare, _ = _timed(lambda: preprocessor.prepare(table, labels).batch(np.arange(0)))
    torch.manual_seed(0)
    encoder = (
        build_encoder(preprocessor.modalities, with_derived(ModelConfig(), objects=objects, num_classes=CLASSES))
        .to(device)
        .eval()
    )
    whole = [np.ones(len(modalities), dtype=bool)]
    embed, _ = _timed(lambda: list(embed_table(encoder, preprocessor, table, subsets=whole, batch_size=512)))
    rates = {"read": objects / read, "prepare": objects / prepare, "embed": objects / embed}
    return Result(name, objects, rates, *_steps(encoder, prepared, steps, device))


def _timed(function: Callable[[], Any]) -> tuple[float, Any]:
    """Seconds, and what the function gives."""
    begun = time.perf_counter()
    result = function()
    return time.perf_counter() - begun, result


def _steps(
    encoder: SphereEncoder, objects: PreparedObjects, steps: int, device: torch.device
) -> tuple[dict[str, float], dict[str, float]]:
    """The median step in milliseconds and the percentage of steps' time that waits, in turn and prefetched."""
    learn = learner(encoder, device)
    rows = _rows(objects)
    sources: dict[str, Callable[[Iterable[np.ndarray]], Iterator[Batch]]] = {
        "in turn": lambda rows: map(objects.batch, rows),
        "prefetched": lambda rows: prefetched(objects.batch, rows),
    }
    waits: dict[str, list[float]] = {name: [] for name in sources}
    learning: dict[str, list[float]] = {name: [] for name in sources}
    for turn in range(2 + 2 * -(-steps // BLOCK)):
        name = list(sources)[turn % 2]
        source = sources[name](itertools.islice(rows, BLOCK + 1))
        for step in range(BLOCK + 1):
            wait, batch = _timed(lambda source=source: _on(device, next(source)))
            taken, _ = _timed(lambda batch=batch: learn(batch))
            # Two turns warm up, and so does the first batch of each, ahead of which nothing could be made.
            if turn > 1 and step:
                waits[name].append(wait)
                learning[name].append(taken)
    totals = {name: np.add(waits[name], learning[name]) for name in sources}
    medians = {name: 1e3 * float(np.median(total)) for name, total in totals.items()}
    return medians, {name: 100 * sum(waits[name]) / float(total.sum()) for name, total in totals.items()}


def _rows(objects: PreparedObjects) -> Iterator[np.ndarray]:
    for epoch in itertools.count():
        yield from batches(plain_order(objects.labels, random_state=0, epoch=epoch), TrainingConfig().batch_size)


def learner(encoder: SphereEncoder, device: torch.device) -> Callable[[TensorBatch], None]:
    """One step of training as `train` takes it, at full margin.

    Args:
        encoder: both levels; brought to training mode.
        device: where it stands.
    """
    config = TrainingConfig()
    classifier = SphericalClassifier(CLASSES, encoder.embedding_dim).to(device)
    derived = Derived(scale=16.0, margin=0.2, epochs=1, reasons=())
    objective = OBJECTIVES[config.objective](classifier, config, derived)
    optimizer = make_optimizer(encoder.train(), classifier, config)
    weights = list(encoder.parameters())

    def learn(batch: TensorBatch) -> None:
        loss = objective(encoder, batch, strength=1.0)
        optimizer.zero_grad(set_to_none=True)
        loss.backward()
        clip_gradients(weights, config.max_grad_norm)
        optimizer.step()
        loss.item()

    return learn


def _on(device: torch.device, batch: Batch) -> TensorBatch:
    moved = TensorBatch.of(batch, device)
    if device.type == "cuda":
        torch.cuda.synchronize()
    return moved


# -- Tables like real ones, a class visible in each --------------------------------------------------------------------

Made = tuple[dict[str, Any], dict[str, Any]]


def _vectors(rng: np.random.Generator, labels: np.ndarray) -> Made:
    """Three vectors of 200 numbers."""
    centers = rng.normal(size=(3, CLASSES, 200))
    columns = {f"x{m}": (centers[m, labels] + rng.normal(size=(len(labels), 200))).astype(np.float32) for m in range(3)}
    return columns, {name: sr.Vector(name) for name in columns}


def _tabular(rng: np.random.Generator, labels: np.ndarray) -> Made:
    """12 numbers, a tenth of them empty, and 8 categories."""
    numbers = labels[:, None] % 7 + rng.lognormal(size=(len(labels), 12))
    numbers[rng.random(numbers.shape) < 0.1] = np.nan
    codes = (labels[:, None] + rng.geometric(0.2, size=(len(labels), 8))) % 40
    columns = {f"n{i}": numbers[:, i] for i in range(12)} | {
        f"c{i}": [f"kind {c}" for c in codes[:, i]] for i in range(8)
    }
    numeric, categorical = [name for name in columns if name[0] == "n"], [name for name in columns if name[0] == "c"]
    return columns, {"specs": sr.Tabular(numeric=numeric, categorical=categorical)}


def _text(rng: np.random.Generator, labels: np.ndarray) -> Made:
    """Some ten words of a language of 5,000, frequent ones more often, as a title has them."""
    letters = np.array(list("etaoinshrdlucmfwypvbgk"))
    words = np.array(["".join(rng.choice(letters, rng.integers(2, 11))) for _ in range(5000)])
    lengths = 1 + rng.poisson(9, size=len(labels))
    texts = [
        " ".join(words[np.minimum(rng.zipf(1.3, size=length) + 20 * label, 4999)])
        for label, length in zip(labels, lengths, strict=True)
    ]
    return {"title": texts}, {"title": sr.Text("title")}


def _pictures(rng: np.random.Generator, labels: np.ndarray) -> Made:
    """JPEG files of 192 x 192 pixels, in memory."""
    tints = rng.integers(0, 256, size=(CLASSES, 6, 6, 3))
    cells = []
    for label in labels:
        coarse = np.clip(tints[label] + rng.normal(0, 30, size=(6, 6, 3)), 0, 255).astype(np.uint8)
        picture = Pillow.fromarray(coarse).resize((192, 192), Pillow.Resampling.BICUBIC)
        file = io.BytesIO()
        picture.save(file, "jpeg", quality=85)
        cells.append(file.getvalue())
    return {"photo": cells}, {"photo": sr.Image("photo")}


def _series(rng: np.random.Generator, labels: np.ndarray) -> Made:
    """Three channels of 100 to 300 steps."""
    lengths = rng.integers(100, 301, size=len(labels))
    cells = [
        np.sin(np.arange(length)[:, None] * (0.05 + 0.01 * label) + np.arange(3)) + 0.3 * rng.normal(size=(length, 3))
        for label, length in zip(labels, lengths, strict=True)
    ]
    return {"motion": cells}, {"motion": sr.Series("motion")}


def _sound(rng: np.random.Generator, labels: np.ndarray) -> Made:
    """Half a second to a second at 8 kHz, as samples and rate."""
    lengths = rng.integers(4000, 8001, size=len(labels))
    cells = [
        ((np.sin(np.arange(length) * (0.1 + 0.02 * label)) + 0.1 * rng.normal(size=length)).astype(np.float32), 8000)
        for label, length in zip(labels, lengths, strict=True)
    ]
    return {"clip": cells}, {"clip": sr.Audio("clip")}


TABLES: dict[str, Callable[[np.random.Generator, np.ndarray], Made]] = {
    "vectors": _vectors,
    "tabular": _tabular,
    "text": _text,
    "pictures": _pictures,
    "series": _series,
    "sound": _sound,
}
