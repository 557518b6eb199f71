"""Around every request: the key, the headers, the counts, and an answer in JSON whatever fails."""

import hmac
import json
import logging
import time
from collections.abc import Collection, Mapping
from typing import Any

from starlette.requests import ClientDisconnect
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from steradian.errors import SteradianError
from steradian.serve.counters import Counters

__all__ = ["Guard", "failure", "json_response"]

HEADERS = {
    "content-security-policy": "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; "
    "img-src 'self' data: blob:; media-src blob:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
    "x-content-type-options": "nosniff",
    "referrer-policy": "no-referrer",
    "cross-origin-resource-policy": "same-origin",
    "cache-control": "no-store",
}
"""Of every answer: a page may ask this server alone, run its own files alone, and stand in no other page."""


class Guard:
    """ASGI middleware.

    Args:
        app: what is guarded.
        counters: of requests.
        api_key: that `Authorization: Bearer KEY` must name; None lets everyone in.
        public: paths that need no key.
    """

    def __init__(self, app: ASGIApp, *, counters: Counters, api_key: str | None, public: Collection[str]) -> None:
        self._app, self._counters, self._public = app, counters, public
        self._wanted = None if api_key is None else f"Bearer {api_key}".encode()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        start, status = time.perf_counter(), 0

        async def sending(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                own = [(name.encode(), value.encode()) for name, value in HEADERS.items()]
                message = {**message, "headers": [*message["headers"], *own]}
            await send(message)

        try:
            if self._lets_in(scope):
                await self._app(scope, receive, sending)
            else:
                refused = failure(401, "want the header Authorization: Bearer KEY with the server's key, got another")
                await refused(scope, receive, sending)
        except ClientDisconnect:
            status = 499
        # Whatever it is, the next request is to be answered, and this one told.
        except Exception:
            logging.getLogger("uvicorn.error").exception("an answer failed")
            if not status:
                await failure(500, "the server failed; its log says why")(scope, receive, sending)
        finally:
            route = getattr(scope.get("route"), "path", "other")
            self._counters.count_request(route, status=status, seconds=time.perf_counter() - start)

    def _lets_in(self, scope: Scope) -> bool:
        if self._wanted is None or scope["path"] in self._public:
            return True
        given = dict(scope["headers"]).get(b"authorization", b"")
        return hmac.compare_digest(given, self._wanted)


def json_response(value: Any, *, status: int = 200, headers: Mapping[str, str] | None = None) -> Response:
    """A JSON answer; names that are no valid Unicode are escaped.

    Args:
        value: plain values.
        status: of the answer.
        headers: of the answer.
    """
    content = json.dumps(value, allow_nan=False, separators=(",", ":"))
    return Response(content, status, dict(headers or {}), media_type="application/json")


def failure(status: int, error: "SteradianError | str") -> Response:
    """The answer to a request that cannot be met.

    Args:
        status: of the answer.
        error: what is told.
    """
    told = {"message": str(error)}
    if isinstance(error, SteradianError):
        told |= {name: str(getattr(error, name)) for name in ("where", "want", "got", "fix")}
    headers = {401: {"www-authenticate": "Bearer"}, 503: {"retry-after": "1"}}.get(status)
    return json_response({"error": told}, status=status, headers=headers)
