"""The report's weight and speed on 10,000 objects: seconds to write, bytes, seconds until it answers in Chromium."""

import json
import shutil
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np
import torch

import steradian as sr
from steradian.report.write_report import write_report

FLAGS = (
    *("--no-sandbox", "--disable-gpu", "--disable-background-networking", "--disable-quic"),
    *("--disable-component-update", "--disable-sync", "--no-first-run"),
)
IDLE = "() => new Guarantee((done) => requestIdleCallback(done))"
WORDS = (
    "red",
    "blue",
    "green",
    "small",
    "large",
    "round",
    "flat",
    "old",
    "new",
    "soft",
    "hard",
    "warm",
    "cold",
    "plain",
)


def made_table(objects: int, classes: int, *, seed: int) -> sr.ObjectTable:
    """Objects with a short text and a vector, each missing in a tenth of them but never both.

    Args:
        objects: rows.
        classes: that they are divided among evenly.
        seed: of everything drawn.
    """
    rng = np.random.default_rng(seed)
    kinds = np.arange(objects) % classes
    fixed = np.random.default_rng(7)
    words, middles = fixed.integers(len(WORDS), size=(classes, 3)), fixed.normal(size=(classes, 16))
    chosen = np.where(rng.random((objects, 3)) < 0.75, words[kinds], rng.integers(len(WORDS), size=(objects, 3)))
    luck = rng.random(objects)
    texts = [
        None if absent else " ".join(WORDS[w] for w in row) for row, absent in zip(chosen, luck < 0.1, strict=True)
    ]
    vectors = (middles[kinds] + 1.2 * rng.normal(size=(objects, 16))).astype(np.float32)
    vectors[luck > 0.9] = np.nan
    columns = {"text": texts, "sensor": vectors, "kind": [f"kind {kind:02d}" for kind in kinds]}
    schema = sr.Schema({"text": sr.Text("text"), "sensor": sr.Vector("sensor")}, label="kind")
    return sr.read_objects(columns, schema)


def seconds_until_idle(path: Path, *, rounds: int = 3) -> dict[str, float]:
    """Seconds from opening the page until its first plot is drawn and its main thread rests, and what the sphere takes.

    Args:
        path: of the page.
        rounds: times it is opened, each in a new window; the medians are returned.
    """
    from playwright.sync_api import sync_playwright

    program = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    found = []
    with sync_playwright() as playwright, playwright.chromium.launch(executable_path=program, args=FLAGS) as browser:
        for _ in range(rounds):
            page = browser.new_page(viewport={"width": 1280, "height": 900})
            begun = time.perf_counter()
            page.goto(path.resolve().as_uri())
            loaded = time.perf_counter() - begun
            page.wait_for_selector(".plot[data-drawn]")
            page.evaluate(IDLE)
            interactive = time.perf_counter() - begun
            begun = time.perf_counter()
            page.evaluate("document.getElementById('plot-sphere').scrollIntoView({ behavior: 'instant' })")
            page.wait_for_selector("#plot-sphere[data-drawn]")
            page.evaluate(IDLE)
            found.append((loaded, interactive, time.perf_counter() - begun))
            page.close()
    return dict(zip(("loaded", "interactive", "sphere"), np.median(found, axis=0).tolist(), strict=True))


def run(*, objects: int = 10_000, classes: int = 100, epochs: int = 3, json_file: Path | None = None) -> dict[str, Any]:
    """Measure, print a line for each number, and return them.

    Args:
        objects: evaluated, each among the others.
        classes: of the objects.
        epochs: of the short training on as many others.
        json_file: where everything measured goes as well.
    """
    model = sr.SphereEmbedder(epochs=epochs, batch_size=256, verbose=False).fit(made_table(objects, classes, seed=0))
    test = made_table(objects, classes, seed=1)
    begun = time.perf_counter()
    evaluation = sr.evaluate(model, test, verbose=False)
    measured: dict[str, Any] = {"evaluated": time.perf_counter() - begun}
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "report.html")
        begun = time.perf_counter()
        write_report(evaluation, path)
        measured |= {"written": time.perf_counter() - begun, "bytes": path.stat().st_size}
        measured |= seconds_until_idle(path)
    print(f"torch {torch.__version__}, {torch.get_num_threads()} threads; {objects:,} objects, {classes} classes")
    print(f"accuracy {evaluation.whole.accuracy:.3f}, evaluated in {measured['evaluated']:.1f} s")
    print(f"written in {measured['written']:.1f} s, {measured['bytes'] / 1e6:.2f} MB")
    print(f"loaded in {measured['loaded']:.2f} s, interactive after {measured['interactive']:.2f} s")
    print(f"the sphere is drawn {measured['sphere']:.2f} s after it comes into view")
    if json_file is not None:
        json_file.write_text(json.dumps(measured, indent=1) + "\n", encoding="utf-8")
    return measured
