"""The server on a socket: a signal ends it once what it is answering is answered."""

import signal
import socket
import subprocess
import sys
import threading
import time
import urllib.request

import pytest
import uvicorn
from fastapi import FastAPI

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
