"""A request's body, read up to a limit, as JSON whether it came as JSON or as an upload."""

import asyncio
import base64
import json
from collections.abc import AsyncGenerator, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from starlette.datastructures import UploadFile
from starlette.exceptions import HTTPException
from starlette.formparsers import MultiPartException, MultiPartParser
from starlette.requests import Request

from steradian.data.json_limits import parse_json
from steradian.errors import InputError
from steradian.serve.batches import BusyError
from steradian.serve.limits import Limits

__all__ = ["Bodies", "from_upload"]


class Bodies:
    """Reads bodies and keeps count of how much all that are being answered hold.

    Args:
        limits: of one body, of all, and of the time to read one.
    """

    def __init__(self, limits: Limits) -> None:
        self._limits, self._held = limits, 0

    @contextmanager
    def holding(self) -> Iterator[list[int]]:
        """A list to which `read` adds what it takes; given back in the end."""
        taken: list[int] = []
        try:
            yield taken
        finally:
            self._held -= sum(taken)

    async def read(self, request: Request, taken: list[int]) -> bytes:
        """The body.

        Args:
            request: of which nothing was read yet.
            taken: of `holding`.

        Raises:
            HTTPException: 413 for a body that is too large, 408 for one that takes too long.
            BusyError: too many bytes are held already.
        """
        most, chunks = self._limits.max_body_bytes, []
        declared = request.headers.get("content-length", "0")
        if declared.isdigit() and int(declared) > most:
            raise HTTPException(413, f"want a body of at most {most:,} bytes, got {int(declared):,}")
        try:
            async with asyncio.timeout(self._limits.timeout_seconds):
                async for chunk in request.stream():
                    taken.append(len(chunk))
                    self._held += len(chunk)
                    if sum(taken) > most:
                        raise HTTPException(413, f"want a body of at most {most:,} bytes, got more")
                    if self._held > self._limits.max_held_bytes:
                        raise BusyError("too many bytes are being answered")
                    chunks.append(chunk)
        except TimeoutError:
            raise HTTPException(408, f"no whole body within {self._limits.timeout_seconds:g} seconds") from None
        return b"".join(chunks)


async def from_upload(request: Request, body: bytes, *, files: Sequence[str], texts: Sequence[str]) -> bytes:
    """The JSON body that says the same as an upload: one row, and the options in the part "options".

    Args:
        request: for its headers.
        body: multipart/form-data. A part bears the name of a column; one that stands several times is a list.
        files: the columns that hold bytes.
        texts: the columns that hold text; of others a part is JSON, or else text.

    Raises:
        InputError: no such body, text where a file is wanted, or options that are no JSON object.
    """

    async def whole() -> AsyncGenerator[bytes]:
        yield body
        yield b""

    try:
        parts = await MultiPartParser(request.headers, whole(), max_part_size=len(body)).parse()
    # A header without a boundary gives a KeyError.
    except (MultiPartException, KeyError, ValueError) as error:
        got = getattr(error, "message", "no boundary")
        raise InputError("multipart/form-data, whole", got, "the body", "/docs has an example.") from error
    try:
        row: dict[str, Any] = {}
        options: Any = {}
        for name, value in parts.multi_items():
            if name == "options":
                options = _json(value if isinstance(value, str) else "", default=None)
                continue
            cell = await _cell(name, value, files, texts)
            before = row.get(name, [])
            row[name] = [*(before if isinstance(before, list) else [before]), cell] if name in row else cell
    finally:
        await parts.close()
    if not isinstance(options, dict) or "rows" in options:
        raise InputError("a JSON object without rows", "something else", "the part 'options'", 'As in {"k": 5}.')
    return json.dumps({**options, "rows": [row]}).encode()


async def _cell(name: str, value: UploadFile | str, files: Sequence[str], texts: Sequence[str]) -> Any:
    if name in files:
        if isinstance(value, str):
            fix = "Paths and addresses are not read: send the bytes, as curl does with -F NAME=@FILE."
            raise InputError("a file", "text", f"the part {name!r:.80}", fix)
        return base64.b64encode(await value.read()).decode("ascii")
    text = value if isinstance(value, str) else (await value.read()).decode("utf-8", "replace")
    return text if name in texts else _json(text, default=text)


def _json(text: str, *, default: Any) -> Any:
    try:
        return parse_json(text)
    except (ValueError, RecursionError):
        return default
