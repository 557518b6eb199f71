"""The server under load: time of answers beside bare calls of the same model, memory, and what hostile requests get."""

import http.client
import json
import os
import random
import subprocess
import sys
import tempfile
import threading
import time
from base64 import b64encode
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image as Pillow

import steradian as sr
from steradian.runtime import RuntimeModel

__all__ = ["Load", "run"]

CLASSES = ["cup", "jar", "pot", "pan", "jug"]
SIDE = 200
"""Pixels of a side of each picture that is sent."""
JSON = {"content-type": "application/json"}


@dataclass
class Load:
    """What clients have seen: seconds of answers to good requests, and how often each status came, by kind of request.

    Args:
        seconds: of each good request.
        statuses: of good requests.
        hostile: of hostile requests; -1 stands for an answer that was no JSON, or none.
        memory: bytes of the server, by how many requests were sent.
        wall: seconds of the whole load.
    """

    seconds: list[float] = field(default_factory=list)
    statuses: Counter[int] = field(default_factory=Counter)
    hostile: Counter[int] = field(default_factory=Counter)
    memory: list[tuple[int, int]] = field(default_factory=list)
    wall: float = 0.0

    @property
    def growth(self) -> float:
        """Of the memory over the last three quarters of the requests, as a share: the last fifth against the first."""
        most = self.memory[-1][0]
        later = [size for sent, size in self.memory if sent >= most / 4]
        fifth = max(1, len(later) // 5)
        return float(np.median(later[-fifth:]) / np.median(later[:fifth]) - 1)


def run(requests: int = 20_000, *, clients: int = 8, hostile: float = 0.05) -> tuple[Load, Load]:
    """Print what a load of good requests gives, and one with hostile ones among them.

    Args:
        requests: of each load.
        clients: that ask at the same time, each one request after the other.
        hostile: share of hostile requests in the second load.
    """
    with tempfile.TemporaryDirectory() as folder:
        model = _model(Path(folder))
        for threads in sorted({1, clients}):
            bare = _bare(model, max(200, requests // 10), threads)
            told = f"p50 {np.percentile(bare, 50):.1f} ms, p95 {np.percentile(bare, 95):.1f} ms"
            print(f"bare calls of the model, {threads} thread{'s' * (threads > 1)}: {told}")
        with _server(Path(folder)) as (port, process):
            _tell(_load(port, process, requests // 10, 1, 0.0), 0.0, 1)
        loads = []
        for share in (0.0, hostile):
            with _server(Path(folder)) as (port, process):
                load = _load(port, process, requests, clients, share)
            _tell(load, share, clients)
            loads.append(load)
    return loads[0], loads[1]


def _picture(random_state: int, kind: int) -> bytes:
    rng, file = np.random.default_rng(random_state), BytesIO()
    small = np.clip(rng.normal(40 + 40 * kind, 40, size=(25, 25, 3)), 0, 255).astype(np.uint8)
    Pillow.fromarray(small).resize((SIDE, SIDE)).save(file, "JPEG", quality=90)
    return file.getvalue()


def _table(objects: int) -> dict[str, Any]:
    kinds = np.arange(objects) % len(CLASSES)
    rng = np.random.default_rng(0)
    titles = [f"{CLASSES[kind]} of the year {rng.integers(1900, 2000)}" for kind in kinds]
    return {"title": titles, "photo": [_picture(row, kind) for row, kind in enumerate(kinds)], "label": kinds}


def _model(folder: Path) -> RuntimeModel:
    """A model of a text and a picture whose networks are run by onnxruntime, exported with its index."""
    schema = sr.Schema({"title": sr.Text("title"), "photo": sr.Image("photo")})
    objects = sr.read_objects(_table(500), schema)
    # Untrained networks take as long as trained ones.
    model = sr.SphereEmbedder(epochs=0, closed_form=False, verbose=False).fit(objects)
    model.export(folder)
    sr.Index.build(model, objects).save(folder / "index")
    return RuntimeModel.load(folder)


def _bare(model: RuntimeModel, calls: int, threads: int) -> np.ndarray:
    """Milliseconds of calls of the model itself with the rows of good requests, from so many threads at once."""
    table, taken = _table(20), iter(range(calls))
    times: list[float] = []

    def caller() -> None:
        # Taking the next number of a range is one step of Python's.
        for call in taken:
            row = {"title": [table["title"][call % 20]], "photo": [table["photo"][call % 20]]}
            start = time.perf_counter()
            model.embed(row)
            times.append(time.perf_counter() - start)

    _together(caller, threads)
    return 1000 * np.array(times[calls // 10 :])


def _together(work: Callable[[], None], threads: int) -> None:
    started = [threading.Thread(target=work) for _ in range(threads)]
    for thread in started:
        thread.start()
    for thread in started:
        thread.join()


@contextmanager
def _server(folder: Path) -> Iterator[tuple[int, int]]:
    command = [sys.executable, "-m", "steradian", "serve", str(folder), "--port", "0"]
    environment = os.environ | {"OMP_NUM_THREADS": "1"}
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=environment) as server:
        try:
            line = server.stdout.readline() if server.stdout else ""
            yield int(line.split(":")[2].split()[0]), server.pid
        finally:
            server.terminate()


def _load(port: int, process: int, requests: int, clients: int, share: float) -> Load:
    load, table, taken = Load(), _table(20), iter(range(requests))
    lock = threading.Lock()
    good = [
        json.dumps({"rows": [{"title": title, "photo": b64encode(photo).decode()}]}).encode()
        for title, photo in zip(table["title"], table["photo"], strict=True)
    ]
    bad = _hostile(good[0])

    numbers = iter(range(clients))

    def client() -> None:
        draw, connection = random.Random(next(numbers)), http.client.HTTPConnection("127.0.0.1", port, timeout=60)
        while True:
            with lock:
                sent = next(taken, None)
                if sent is not None and sent % max(1, requests // 200) == 0:
                    load.memory.append((sent, _resident(process)))
            if sent is None:
                return
            if draw.random() < share:
                load.hostile[_answer(connection, *draw.choice(bad))] += 1
                continue
            start = time.perf_counter()
            load.statuses[_answer(connection, "/embed", good[sent % len(good)], JSON)] += 1
            load.seconds.append(time.perf_counter() - start)

    start = time.perf_counter()
    _together(client, clients)
    load.wall = time.perf_counter() - start
    return load


def _resident(process: int) -> int:
    """Bytes that a process holds in memory; read from Linux."""
    pages = int(Path(f"/proc/{process}/statm").read_text(encoding="ascii").split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE")


def _answer(connection: http.client.HTTPConnection, path: str, body: bytes, headers: dict[str, str]) -> int:
    """The status of an answer in JSON, or -1."""
    try:
        connection.request("POST", path, body, headers)
        answer = connection.getresponse()
        json.loads(answer.read())
        return answer.status
    # A server that refuses a huge body may close the connection while that is still being sent.
    except (OSError, ValueError, http.client.HTTPException):
        connection.close()
        return -1


def _hostile(good: bytes) -> list[tuple[str, bytes, dict[str, str]]]:
    """Huge, truncated, of wrong types, with paths for pictures, and paths that lead elsewhere."""
    photo = json.loads(good)["rows"][0]["photo"]
    bomb = BytesIO()
    Pillow.new("1", (20_000, 20_000)).save(bomb, "PNG")
    rows: list[Any] = [
        *({"photo": photo[: len(photo) // 2 // 4 * 4]}, {"photo": "/etc/passwd"}, {"photo": {"path": "/etc/passwd"}}),
        *({"photo": "http://localhost/"}, {"photo": b64encode(bomb.getvalue()).decode()}, {"photo": 5}, {"title": 5}),
        *({"titel": "cup"}, {"title": ["a"] * 99}, {}, {"title": {"a": []}}, 5, None),
    ]
    bodies = [json.dumps({"rows": [row]}).encode() for row in rows]
    bodies += [good[: len(good) // 2], b"[" * 100_000, b"\xff\xfe", b'{"rows": []}', b'{"rows": 1e999}', b""]
    return [
        *(("/embed", body, JSON) for body in bodies),
        ("/embed", b" " * (17 << 20), JSON),
        ("/embed", good, {"content-type": "image/png"}),
        ("/embed", b"--x", {"content-type": "multipart/form-data; boundary=x"}),
        ("/../../etc/passwd", good, JSON),
        ("/assets/..%2f..%2fetc%2fpasswd", good, JSON),
    ]


def _tell(load: Load, share: float, clients: int) -> None:
    times = 1000 * np.array(load.seconds)
    errors = sum(count for status, count in load.statuses.items() if status != 200)
    head = f"{clients} client{'s' * (clients > 1)}, {share:.0%} hostile"
    each = 1000 * load.wall / (len(times) + sum(load.hostile.values()))
    print(f"{head}: {len(times):,} good requests, {errors} errors {dict(load.statuses)}, {each:.1f} ms a request")
    print(f"  p50 {np.percentile(times, 50):.1f} ms, p95 {np.percentile(times, 95):.1f} ms", end="")
    print(f"; memory {load.memory[-1][1] / 2**20:.0f} MiB, {load.growth:+.1%} over the last three quarters")
    if load.hostile:
        print(f"  hostile requests by status: {dict(sorted(load.hostile.items()))}")
