"""The server on a socket, until a signal ends it."""

import socket
import sys
from contextlib import suppress

import uvicorn
from fastapi import FastAPI

__all__ = ["run_server"]

LONGEST_STOP = 30
"""Seconds that a stopping server gives the requests that it is answering."""


def run_server(app: FastAPI, *, host: str, port: int) -> None:
    """Serve until Ctrl-C or a signal to end; what is being answered then is answered first.

    Args:
        app: of `make_app`.
        host: the address to listen at.
        port: 0 takes a free one.

    Raises:
        OSError: the address cannot be had.
    """
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.create_server((host, port), family=family, backlog=512) as listening:
        # Connections inherit it. Without it each answer's body would wait 40 ms for the head's acknowledgement.
        listening.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        shown = f"[{host}]" if ":" in host else host
        print(f"serving at http://{shown}:{listening.getsockname()[1]} until Ctrl-C; /docs has the API", flush=True)
        config = uvicorn.Config(
            app,
            log_level="warning",
            access_log=False,
            server_header=False,
            timeout_graceful_shutdown=LONGEST_STOP,
            # Behind a proxy the addresses of clients are of no use here.
            proxy_headers=False,
        )
        # Raised again by uvicorn once it has stopped.
        with suppress(KeyboardInterrupt):
            uvicorn.Server(config).run(sockets=[listening])
    print("stopped", file=sys.stderr)
