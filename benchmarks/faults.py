"""A long fuzz of all that strangers write: tables, files, schemas, pictures, sounds and saved folders.

Every case ends with a value or with an error of our family. What else happens is counted and shown: another exception,
a case of more than ten seconds, a process that dies or takes more than 1.5 GB.
"""

import importlib.util
import io
import json
import multiprocessing
import resource
import shutil
import signal
import tempfile
import time
import traceback
import warnings
import wave
import weakref
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import PIL.Image
from hypothesis import HealthCheck, Phase, given, seed, settings
from hypothesis import strategies as st

import steradian as sr
from steradian.saved_files import with_digests

__all__ = ["FUZZERS", "Outcome", "run"]

# Not as a package: that name may be another's.
_tests = Path(__file__).parents[1] / "tests" / "data" / "test_reading_fuzz.py"
_found = importlib.util.spec_from_file_location("reading_fuzz", _tests)
assert _found is not None and _found.loader is not None
reading: Any = importlib.util.module_from_spec(_found)
_found.loader.exec_module(reading)

LONGEST, LARGEST = 10.0, 1.5e9
"""Seconds of a case, and bytes of a process, at most."""
AT_ONCE = 2000
"""Cases of a process before another fuzzer has its turn."""


@dataclass
class Outcome:
    """What came of the cases of one fuzzer.

    Args:
        cases: that were run.
        seconds: that they took.
        longest: of one case, in seconds.
        peak: of the process, in bytes.
        faults: where something else than a value or our error came out, by its last line, and how often.
    """

    cases: int = 0
    seconds: float = 0.0
    longest: float = 0.0
    peak: int = 0
    faults: Counter[str] = field(default_factory=Counter)

    def add(self, other: "Outcome") -> None:
        """Count the cases of another process too."""
        self.cases, self.seconds = self.cases + other.cases, self.seconds + other.seconds
        self.longest, self.peak = max(self.longest, other.longest), max(self.peak, other.peak)
        self.faults += other.faults


# -- What is damaged ---------------------------------------------------------------------------------------------------


def _damaged(whole: bytes, edits: list[tuple[int, int]], cut: int) -> bytes:
    """Bytes with some of them changed, cut short by so many."""
    content = bytearray(whole)
    for place, value in edits:
        content[place % len(content)] = value
    return bytes(content[: len(content) - cut % len(content)])


def _pictures() -> list[bytes]:
    """A small picture in every format that is common."""
    pixels = np.random.default_rng(0).integers(256, size=(9, 12, 3), dtype=np.uint8)
    found = []
    for kind in ("PNG", "JPEG", "GIF", "BMP", "TIFF", "WEBP", "PPM", "ICO"):
        for mode in ("RGB", "L", "P", "1"):
            buffer = io.BytesIO()
            try:
                PIL.Image.fromarray(pixels).convert(mode).save(buffer, kind)
            except (OSError, ValueError, KeyError):
                continue
            found.append(buffer.getvalue())
    return found


def _sounds() -> list[bytes]:
    """A tenth of a second as WAV, of each width of a sample."""
    found = []
    for width in (1, 2, 3, 4):
        buffer = io.BytesIO()
        with wave.open(buffer, "wb") as file:
            file.setparams((1, width, 8000, 0, "NONE", ""))
            file.writeframes(np.random.default_rng(0).bytes(800 * width))
        found.append(buffer.getvalue())
    return found


def _folder(folder: Path) -> sr.ObjectTable:
    """Save a model and an index; the objects they were made of."""
    kinds = np.arange(12) % 3
    table = {"x": np.eye(3)[kinds], "title": [f"cup {kind}" for kind in kinds], "price": kinds / 3, "label": kinds}
    modalities = {"x": sr.Vector("x"), "title": sr.Text("title"), "specs": sr.Tabular(numeric=["price"])}
    objects = sr.read_objects(table, sr.Schema(modalities))
    model = sr.SphereEmbedder(embedding_dim=8, epochs=0, verbose=False).fit(objects)
    model.calibrate(coverage=0.5)
    model.save(folder)
    sr.Index.build(model, objects).save(folder / "index")
    return objects


# -- The fuzzers -------------------------------------------------------------------------------------------------------

edits = st.lists(st.tuples(st.integers(0, 1 << 16), st.integers(0, 255)), max_size=6)
plain = st.one_of(st.none(), st.booleans(), st.integers(-(2**70), 2**70), st.floats(), st.text(max_size=3))
values = plain | st.lists(plain, max_size=3) | st.dictionaries(st.text(max_size=2), plain, max_size=2)


def _read_damaged(whole: list[bytes], modality: Any) -> tuple[Callable[..., None], tuple[Any, ...]]:
    def case(content: bytes, changed: list[tuple[int, int]], cut: int) -> None:
        table = {"x": [_damaged(content, changed, cut)], "label": [0]}
        reading.attempt(table, sr.Schema({"m": modality}))

    return case, (st.sampled_from(whole), edits, st.just(0) | st.integers(0, 1 << 16))


def _load_damaged() -> tuple[Callable[..., None], tuple[Any, ...]]:
    holder = tempfile.TemporaryDirectory()
    folder = Path(holder.name)
    objects = _folder(folder / "whole")

    def case(data: st.DataObject) -> None:
        shutil.rmtree(folder / "copy", ignore_errors=True)
        shutil.copytree(folder / "whole", folder / "copy")
        path = folder / "copy" / data.draw(st.sampled_from(["config.json", "index/index.json"]))
        (arrays,) = path.parent.glob("*.safetensors")
        if data.draw(st.booleans()):
            entries = inner = json.loads(path.read_bytes().decode("utf-8", "surrogatepass"))
            while True:
                key = data.draw(st.sampled_from(sorted(inner)) if isinstance(inner, dict) else st.just(0))
                if not isinstance(inner[key], (dict, list)) or not inner[key] or data.draw(st.booleans()):
                    break
                inner = inner[key]
            inner[key] = data.draw(values)
            path.write_text(json.dumps(with_digests(entries, entries.get("arrays_sha256"))))
        else:
            target = data.draw(st.sampled_from([path, arrays]))
            target.write_bytes(_damaged(target.read_bytes(), data.draw(edits), data.draw(st.integers(0, 1 << 16))))
        try:
            model = sr.SphereEmbedder.load(folder / "copy")
            model.predict(objects[:1])
            sr.Index.load(folder / "copy" / "index", model=model).search(objects[:1], k=2)
        except sr.SteradianError as error:
            assert len(str(error)) < 2000

    # The folder goes with the function.
    weakref.finalize(case, holder.cleanup)
    return case, (st.data(),)


def _of_tests(test: Any, *strategies: Any) -> Callable[[], tuple[Callable[..., None], tuple[Any, ...]]]:
    return lambda: (test.hypothesis.inner_test, strategies)


kinds = st.sampled_from(reading.MODALITIES)
schemas = st.dictionaries(
    st.sampled_from(["modalities", "label", "id"]),
    reading.values | st.dictionaries(st.sampled_from(["x", "y"]), reading.values),
)
texts = st.text(st.sampled_from('x,y\n"[]{}: 1.a\\né\0'), max_size=200)

FUZZERS: dict[str, Callable[[], tuple[Callable[..., None], tuple[Any, ...]]]] = {
    "tables": _of_tests(reading.test_columns_of_anything, reading.tables, kinds, st.sampled_from(["raise", "missing"])),
    "frames": _of_tests(reading.test_tables_of_other_libraries, st.data(), kinds),
    "files": _of_tests(reading.test_files_of_anything, texts, kinds, st.sampled_from(["csv", "jsonl"])),
    "schemas": _of_tests(reading.test_schemas_of_anything, schemas),
    "pictures": lambda: _read_damaged(_pictures(), sr.Image("x", size=8)),
    "sounds": lambda: _read_damaged(_sounds(), sr.Audio("x", rate=8000)),
    "folders": _load_damaged,
}
"""By name, what makes a function of one case and the strategies of its arguments."""


def run(seconds: float, names: list[str] | None = None, *, random_state: int = 0) -> dict[str, Outcome]:
    """Run cases of each fuzzer in turn for so long, each two thousand in a process of its own; print what came of them.

    Args:
        seconds: in all.
        names: of fuzzers; None or none takes all.
        random_state: of the first cases.
    """
    found, end = {name: Outcome() for name in names or FUZZERS}, time.monotonic() + seconds
    while time.monotonic() < end:
        for name, outcome in found.items():
            outcome.add(_in_a_process(name, random_state))
            if time.monotonic() > end:
                break
        random_state += 1
    for name, outcome in found.items():
        rate = outcome.cases / max(outcome.seconds, 1e-9)
        numbers = f"{outcome.cases:7,} cases {rate:7.0f} a second, longest {outcome.longest:5.2f} s"
        print(f"{name:9} {numbers}, {outcome.peak / 1e6:5.0f} MB, {outcome.faults.total()} faults")
        for fault, times in outcome.faults.most_common(10):
            print(f"    {times} x {fault}")
    return found


def _in_a_process(name: str, random_state: int) -> Outcome:
    """The outcome of a process of cases; one that dies is a fault."""
    # Not forked: a thread of torch's may hold a lock.
    context = multiprocessing.get_context("spawn")
    receiver, sender = context.Pipe(duplex=False)
    process = context.Process(target=_work, args=(name, random_state, sender))
    process.start()
    sender.close()
    try:
        return receiver.recv()  # type: ignore[no-any-return]
    except EOFError:
        process.join()
        return Outcome(faults=Counter({f"the process of cases {random_state} died: {process.exitcode}": 1}))
    finally:
        process.join()


def _work(name: str, random_state: int, sender: Any) -> None:
    sender.send(cases_of(name, random_state, AT_ONCE))
    sender.close()


def cases_of(name: str, random_state: int, count: int) -> Outcome:
    """So many cases of a fuzzer in this process.

    Args:
        name: of the fuzzer.
        random_state: of the cases.
        count: how many.
    """
    case, strategies = FUZZERS[name]()
    outcome = Outcome()

    def measured(arguments: tuple[Any, ...]) -> None:
        begun = time.monotonic()
        signal.setitimer(signal.ITIMER_REAL, LONGEST)
        try:
            case(*arguments)
        except Exception as error:  # what is looked for is any that is not ours
            if type(error).__module__.startswith("hypothesis"):
                raise
            frames = [frame for frame in traceback.extract_tb(error.__traceback__) if "steradian" in frame.filename]
            place = f"{Path(frames[-1].filename).name}:{frames[-1].lineno}" if frames else "?"
            outcome.faults[f"{type(error).__name__} at {place}: {str(error)[:100]}"] += 1
        finally:
            signal.setitimer(signal.ITIMER_REAL, 0)
        took = time.monotonic() - begun
        outcome.cases, outcome.seconds = outcome.cases + 1, outcome.seconds + took
        outcome.longest = max(outcome.longest, took)

    options = settings(
        max_examples=count,
        deadline=None,
        database=None,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    before = signal.signal(signal.SIGALRM, _ring)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            seed(random_state)(options(given(st.tuples(*strategies))(measured)))()
    finally:
        signal.signal(signal.SIGALRM, before)
    outcome.peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
    if outcome.peak > LARGEST:
        outcome.faults[f"a process of {outcome.peak / 1e9:.1f} GB"] += 1
    return outcome


def _ring(*_: Any) -> None:
    raise TimeoutError(f"more than {LONGEST:g} s")
