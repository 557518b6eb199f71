"""Bodies up to a limit, alone and together, and uploads as the JSON that says the same."""

import asyncio
import base64
import json
from collections.abc import AsyncIterator
from typing import Any

import pytest
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.testclient import TestClient

from steradian.errors import InputError
from steradian.serve import Limits
from steradian.serve.batches import BusyError
from steradian.serve.bodies import Bodies, from_upload


def request(*chunks: bytes, pause: float = 0, **headers: str) -> Request:
    async def messages() -> AsyncIterator[dict[str, Any]]:
        for chunk in chunks:
            await asyncio.sleep(pause)
            yield {"type": "http.request", "body": chunk, "more_body": True}
        yield {"type": "http.request", "body": b"", "more_body": False}

    named = [(name.replace("_", "-").encode(), value.encode()) for name, value in headers.items()]
    return Request({"type": "http", "method": "POST", "path": "/", "headers": named}, messages().__anext__)


def read(bodies: Bodies, *chunks: bytes, pause: float = 0, **headers: str) -> bytes:
    with bodies.holding() as taken:
        return asyncio.run(bodies.read(request(*chunks, pause=pause, **headers), taken))


def test_a_body_is_read_up_to_its_limit() -> None:
    bodies = Bodies(Limits(max_body_bytes=6))
    assert read(bodies, b"abc", b"def") == b"abcdef"
    for chunks, headers in (((b"abc", b"defg"), {}), ((), {"content_length": "7"})):
        with pytest.raises(HTTPException, match="want a body of at most 6 bytes") as error:
            read(bodies, *chunks, **headers)
        assert error.value.status_code == 413


def test_all_bodies_together_are_bounded_and_given_back() -> None:
    bodies = Bodies(Limits(max_held_bytes=8))
    with bodies.holding() as taken:
        assert asyncio.run(bodies.read(request(b"abcde"), taken)) == b"abcde"
        with pytest.raises(BusyError, match="too many bytes"):
            read(bodies, b"abcd")
    assert read(bodies, b"abcdefgh") == b"abcdefgh"


def test_a_slow_body_is_given_up() -> None:
    with pytest.raises(HTTPException, match="no whole body within") as error:
        read(Bodies(Limits(timeout_seconds=0.05)), b"a", b"b", pause=0.04)
    assert error.value.status_code == 408


def upload(**parts: Any) -> Any:
    """What the parts of an upload say, by way of a client that encodes them."""
    built = TestClient(lambda *_: None).build_request("POST", "/", **parts)  # type: ignore[arg-type]
    body = built.read()
    said = from_upload(request(**dict(built.headers.items())), body, files=["photo"], texts=["title"])
    return json.loads(asyncio.run(said))


def test_an_upload_is_a_row_and_options() -> None:
    said = upload(
        files=[("photo", ("a.png", b"\x89P")), ("photo", ("b.png", b"\xff"))],
        data={"title": "007", "price": "4.5", "view": "[1, 2]", "note": "none", "options": '{"k": 3}'},
    )
    photos = [base64.b64encode(each).decode() for each in (b"\x89P", b"\xff")]
    assert said["k"] == 3
    assert said["rows"] == [{"photo": photos, "title": "007", "price": 4.5, "view": [1, 2], "note": "none"}]


@pytest.mark.parametrize(
    ("parts", "says"),
    [
        ({"data": {"photo": "/etc/passwd"}, "files": {"title": ("a", b"b")}}, "'photo': want a file, got text"),
        ({"data": {"options": "[]"}, "files": {"title": ("a", b"b")}}, "the part 'options'"),
        ({"data": {"options": '{"rows": []}'}, "files": {"title": ("a", b"b")}}, "the part 'options'"),
        ({"content": b"--x\r\n", "headers": {"content-type": "multipart/form-data"}}, "want multipart/form-data"),
        ({"content": b"--y", "headers": {"content-type": "multipart/form-data; boundary=x"}}, "want multipart"),
    ],
)
def test_what_is_no_upload_is_refused(parts: dict[str, Any], says: str) -> None:
    with pytest.raises(InputError, match=says):
        upload(**parts)
