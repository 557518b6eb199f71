"""The server on a socket: a signal ends it once what it is answering is answered."""

import json
import signal
import socket
import subprocess
import sys
import threading
import time
import urllib.request
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import uvicorn
from fastapi import FastAPI

import steradian as sr
from steradian.serve.run_server import run_server

PROGRAM = """
import asyncio
from fastapi import FastAPI
from steradian.serve.run_server import run_server
from steradian.stop_signals import signals_as_ctrl_c

app = FastAPI()

@app.get("/slow")
async def slow():
    print("asked", flush=True)
    await asyncio.sleep(0.4)
    return "answered"

with signals_as_ctrl_c():
    run_server(app, host="127.0.0.1", port=0)
"""


def test_a_signal_ends_it_gracefully() -> None:
    command = [sys.executable, "-W", "error", "-c", PROGRAM]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as server:
        assert server.stdout is not None
        address = server.stdout.readline().split()[2]
        assert address.startswith("http://127.0.0.1:")
        answers: list[bytes] = []
        asking = threading.Thread(target=lambda: answers.append(urllib.request.urlopen(f"{address}/slow").read()))
        asking.start()
        assert server.stdout.readline() == "asked\n"
        start = time.monotonic()
        server.send_signal(signal.SIGTERM)
        _, told = server.communicate(timeout=20)
        asking.join()
        assert answers == [b'"answered"'] and time.monotonic() - start < 10
        assert server.returncode == 0 and told == "stopped\n"


def test_answers_do_not_wait_for_acknowledgements(monkeypatch: pytest.MonkeyPatch) -> None:
    found: list[int] = []

    def serve(self: uvicorn.Server, sockets: list[socket.socket]) -> None:
        with socket.create_connection(sockets[0].getsockname()), sockets[0].accept()[0] as connection:
            found.append(connection.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY))

    monkeypatch.setattr(uvicorn.Server, "run", serve)
    run_server(FastAPI(), host="127.0.0.1", port=0)
    assert found and found[0] != 0


def test_a_taken_address_is_told() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken, pytest.raises(OSError, match="in use"):
        run_server(FastAPI(), host="127.0.0.1", port=taken.getsockname()[1])


WITHOUT_TORCH = """
import sys

class Absent:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in {"torch", "scipy", "sklearn"}:
            raise ModuleNotFoundError(f"{name} is not there")

sys.meta_path.insert(0, Absent())
from steradian.cli import main
main(sys.argv[1:])
"""


def test_an_exported_folder_is_served_where_there_is_no_torch(
    model: sr.SphereEmbedder, objects: sr.ObjectTable, index: sr.Index, tmp_path: Path
) -> None:
    model.export(tmp_path / "served")
    index.save(tmp_path / "index")
    titles = [
        json.dumps({"title": title, "code": name})
        for title, name in zip(objects.columns["title"], objects.ids, strict=True)
    ]
    (tmp_path / "gallery.jsonl").write_text("\n".join(titles), encoding="utf-8")
    options = ["--index", str(tmp_path / "index"), "--gallery", str(tmp_path / "gallery.jsonl"), "--port", "0"]
    command = [sys.executable, "-W", "error", "-c", WITHOUT_TORCH, "serve", str(tmp_path / "served"), *options]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as server:
        assert server.stdout is not None
        try:
            line = server.stdout.readline()
            assert line.startswith("serving"), server.communicate(timeout=20)

            def asked(path: str, **body: Any) -> Any:
                content = json.dumps({"rows": [{"title": "jar 2"}], **body}).encode() if path != "health" else None
                headers = {"content-type": "application/json"}
                request = urllib.request.Request(f"{line.split()[2]}/{path}", content, headers)
                return json.loads(urllib.request.urlopen(request).read())

            assert asked("health")["fingerprint"] == model.fingerprint
            expected = model.transform({"title": ["jar 2"]})
            np.testing.assert_allclose(asked("embed")["vectors"], expected, atol=1e-5)
            assert asked("predict", reject=True)["predictions"][0]["nearest"] == "jar"
            (nearest,) = asked("search", k=1, details=True)["results"][0]["neighbors"]
            assert nearest["id"] == index.search(expected, k=1).ids[0, 0] and nearest["shown"]["cells"]["title"]
            told = asked("explain")["explanations"][0]["modalities"]["title"]["contribution"]
            assert told == pytest.approx(float(model.explain({"title": ["jar 2"]}).to_dict()["objects"][0]["cosine"]))
        finally:
            server.terminate()
