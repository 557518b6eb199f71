"""Every answer has the strict headers; whatever fails is told in JSON; a key is asked for."""

import asyncio
import json
from collections.abc import Callable
from typing import Any

import pytest
from fastapi import FastAPI
from starlette.requests import ClientDisconnect
from starlette.responses import PlainTextResponse
from starlette.testclient import TestClient

from steradian.errors import InputError
from steradian.serve.counters import Counters
from steradian.serve.guard import Guard, failure, json_response


def guarded(error: Exception | None = None, **options: Any) -> tuple[TestClient, Counters]:
    async def app(scope: Any, receive: Any, send: Any) -> None:
        if error is not None:
            raise error
        await PlainTextResponse("ok")(scope, receive, send)

    counters = Counters()
    guard = Guard(app, **({"counters": counters, "api_key": None, "public": {"/health"}} | options))
    return TestClient(guard), counters


def test_headers_are_on_every_answer(client: TestClient) -> None:
    for path in ("/", "/health", "/no such", "/assets/search.js"):
        headers = client.get(path).headers
        assert headers["content-security-policy"].startswith("default-src 'none'; script-src 'self';")
        assert "unsafe" not in headers["content-security-policy"]
        assert headers["x-content-type-options"] == "nosniff" and headers["cache-control"] == "no-store"
        assert "access-control-allow-origin" not in headers


def test_whatever_fails_is_told_without_a_word_of_it(caplog: pytest.LogCaptureFixture) -> None:
    client, counters = guarded(RuntimeError("secret path"))
    answer = client.get("/")
    assert answer.status_code == 500 and "secret" not in answer.text and answer.json()["error"]["message"]
    assert "secret path" in caplog.text
    assert 'status="500"} 1' in counters.text()


def test_a_client_that_leaves_is_counted_and_no_failure(caplog: pytest.LogCaptureFixture) -> None:
    client, counters = guarded(ClientDisconnect())
    with pytest.raises(AssertionError):
        client.get("/")
    assert caplog.text == "" and 'status="499"} 1' in counters.text()


@pytest.mark.parametrize("given", [None, "", "Bearer", "Bearer wrong", "Bearer schlüssel", "Basic geheim", "geheim"])
def test_without_the_key_nobody_is_let_in(given: str | None) -> None:
    client, _ = guarded(api_key="geheim")
    headers = {} if given is None else {"authorization": given.encode("latin-1")}
    answer = client.get("/embed", headers=headers)
    assert answer.status_code == 401 and answer.headers["www-authenticate"] == "Bearer"
    assert answer.headers["x-content-type-options"] == "nosniff" and "geheim" not in answer.text
    assert client.get("/health", headers=headers).text == "ok"
    assert client.get("/embed", headers={"authorization": "Bearer geheim"}).text == "ok"


def test_the_application_asks_for_its_key(application: Callable[..., FastAPI]) -> None:
    app = application(api_key="geheim")
    body = {"rows": [{"title": "cup"}]}
    with TestClient(app) as client:
        for path in ("/", "/docs", "/openapi.json", "/health", "/assets/search.css"):
            assert client.get(path).status_code == 200
        assert client.post("/embed", json=body).status_code == client.get("/metrics").status_code == 401
        assert client.post("/embed", json=body, headers={"authorization": "Bearer geheim"}).status_code == 200
        paths = client.get("/openapi.json").json()["paths"]
        assert paths["/embed"]["post"]["security"] == [{"key": []}] and "security" not in paths["/health"]["get"]


def test_errors_and_odd_names_are_json() -> None:
    body = failure(422, InputError("a", "b", "c", "d")).body
    assert json.loads(bytes(body))["error"] == {"message": "c: want a, got b. d", "where": "c", "want": "a"} | {
        "got": "b",
        "fix": "d",
    }
    assert failure(503, "busy").headers["retry-after"] == "1"
    assert bytes(json_response({"id": "\ud800"}).body) == b'{"id":"\\ud800"}'


def test_what_is_no_request_passes() -> None:
    seen: list[str] = []

    async def app(scope: Any, receive: Any, send: Any) -> None:
        seen.append(scope["type"])

    guard = Guard(app, counters=Counters(), api_key="x", public=())
    asyncio.run(guard({"type": "lifespan"}, None, None))  # type: ignore[arg-type]
    assert seen == ["lifespan"]
