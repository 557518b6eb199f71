"""The application: routes, their description, and how they are answered."""

import asyncio
import logging
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from typing import Any

from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi
from pydantic import BaseModel
from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from steradian.errors import ConfigError, InputError, SteradianError, StoreError
from steradian.search import Index, StoreIndex
from steradian.serve.answers import Failure, Health, Question, questions, with_shown
from steradian.serve.batches import Batches, BusyError
from steradian.serve.bodies import Bodies, from_upload
from steradian.serve.counters import Counters
from steradian.serve.gallery import Gallery
from steradian.serve.guard import Guard, failure, json_response
from steradian.serve.limits import Limits
from steradian.serve.pages import ASSETS, docs_page, example, search_page
from steradian.serve.requests import file_columns, parsed
from steradian.serve.served_model import ServedModel

__all__ = ["make_app"]

_REFUSED = {401: "another key", 408: "too slow", 413: "too large", 415: "another kind of body", 422: "not usable"}
_UNKNOWN = {404: "no such path: /docs names all", 405: "no such method here: /docs names all"}
_ANY = {405: "another method", 503: "too much to do, or no vector store: try again after Retry-After seconds"}


def make_app(
    model: ServedModel,
    *,
    index: Index | StoreIndex | None = None,
    gallery: Gallery | None = None,
    api_key: str | None = None,
    limits: Limits | None = None,
    title: str = "steradian",
) -> FastAPI:
    """The ASGI application that serves a model.

    Args:
        model: answers; asked by one thread only.
        index: to search in; None leaves `/search` and its page out.
        gallery: what search results show; None shows ids and classes.
        api_key: that clients must send as `Authorization: Bearer KEY`; None lets everyone in.
        limits: of requests; None takes the defaults.
        title: of the pages.

    Examples:
        >>> import numpy as np
        >>> import steradian as sr
        >>> from steradian.serve import FittedServedModel
        >>> points, labels = np.random.default_rng(0).normal(size=(40, 3)), np.repeat(["left", "right"], 20)
        >>> fitted = sr.SphereEmbedder(epochs=0, verbose=False).fit(points, labels)
        >>> app = make_app(FittedServedModel(fitted))
        >>> sorted(app.openapi()["paths"])
        ['/embed', '/explain', '/health', '/metrics', '/predict', '/verify']
    """
    limits, counters = limits or Limits(), Counters()
    server = _Server(model, index, gallery, limits, counters)

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        task = asyncio.create_task(server.batches.run())
        yield
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task

    app = FastAPI(title=title, docs_url=None, redoc_url=None, openapi_url="/openapi.json", lifespan=lifespan)
    asked = questions(model, index, limits)
    for question in asked:
        responses: dict[int | str, Any] = {status: _failure(why) for status, why in (_REFUSED | _ANY).items()}
        app.add_api_route(
            question.path,
            server.answers(question),
            methods=["POST"],
            response_model=question.response,
            summary=question.summary,
            responses=responses,
            operation_id=question.path.strip("/").replace("/", "_"),
        )
    _add_plain_routes(app, server, asked, title)
    app.openapi = lambda: _described(app, asked, model, api_key is not None)  # type: ignore[method-assign]
    _add_exception_handlers(app)
    public = {"/health", "/", "/docs", "/openapi.json", *ASSETS}
    app.add_middleware(Guard, counters=counters, api_key=api_key, public=public)
    return app


class _Server:
    """What the routes share."""

    def __init__(
        self,
        model: ServedModel,
        index: Index | StoreIndex | None,
        gallery: Gallery | None,
        limits: Limits,
        counters: Counters,
    ) -> None:
        self.model, self.gallery, self.counters = model, gallery, counters
        # Of a store as many as there are now: to ask it each time would keep all others waiting.
        self.objects = None if index is None else len(index)
        self.batches, self._bodies = Batches(model, limits, counters), Bodies(limits)
        self._limits = limits
        schema = model.schema
        self._files = file_columns(schema)
        self._texts = [column for m in schema.modalities.values() for column in m.text_columns]

    def answers(self, question: Question) -> Callable[[Request], Awaitable[Response]]:
        """The route of a question."""

        async def route(request: Request) -> Response:
            with self._bodies.holding() as taken:
                body = await self._bodies.read(request, taken)
                kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
                if kind == "multipart/form-data" and question.uploads:
                    body = await from_upload(request, body, files=self._files, texts=self._texts)
                elif kind != "application/json":
                    wanted = "application/json" + " or multipart/form-data" * question.uploads
                    raise HTTPException(415, f"want a body of content-type {wanted}, got {kind[:80] or 'none'}")
                # Decoding and checking pictures would keep all others waiting.
                said, rows = await run_in_threadpool(self._read, question, body)
                answer = await self.batches.ask(rows, lambda objects: question.ask(said, objects))
                return await run_in_threadpool(self._finished, said, answer)

        return route

    def health(self) -> dict[str, Any]:
        """What is served."""
        return {
            "status": "ok",
            "fingerprint": self.model.fingerprint,
            "embedding_dim": self.model.embedding_dim,
            "modalities": list(self.model.schema.modalities),
            "calibrated": self.model.calibrated,
            "objects": self.objects,
        }

    def _read(self, question: Question, body: bytes) -> tuple[Any, list[dict[str, Any]]]:
        said = parsed(question.request, body, self.model.schema, self._limits)
        return said, question.rows(said)

    def _finished(self, said: Any, answer: dict[str, Any]) -> Response:
        if self.gallery is not None and getattr(said, "details", False):
            with_shown(answer, self.gallery)
        return json_response(answer)


def _add_plain_routes(app: FastAPI, server: _Server, asked: list[Question], title: str) -> None:
    """All that is asked without a body."""

    async def health() -> Response:
        return json_response(server.health())

    async def metrics() -> Response:
        return Response(server.counters.text(), media_type="text/plain; version=0.0.4")

    words: dict[int | str, Any] = {200: {"content": {"text/plain": {"schema": {"type": "string"}}}}}
    refused: dict[int | str, Any] = {405: _failure(_ANY[405])}
    locked: dict[int | str, Any] = {**words, **refused, 401: _failure(_REFUSED[401])}
    app.add_api_route("/health", health, response_model=Health, summary="That it answers.", responses=refused)
    app.add_api_route("/metrics", metrics, response_class=Response, summary="For Prometheus.", responses=locked)

    def add(path: str, content: str, kind: str) -> None:
        async def page() -> Response:
            return Response(content, media_type=kind)

        app.add_api_route(path, page, include_in_schema=False)

    add("/docs", docs_page(title, [(q.path, q.summary, q.uploads) for q in asked], server.model.schema), "text/html")
    if server.objects is not None:
        add("/", search_page(title, server.model, server.objects), "text/html")
    for path, (content, kind) in ASSETS.items():
        add(path, content, kind)


def _add_exception_handlers(app: FastAPI) -> None:
    async def unusable(_: Request, error: Exception) -> Response:
        return failure(422, error if isinstance(error, SteradianError) else str(error))

    async def busy(_: Request, error: Exception) -> Response:
        return failure(503, str(error))

    async def without_store(_: Request, error: Exception) -> Response:
        # Where the store is, and what it says, is none of the client's business.
        logging.getLogger("uvicorn.error").error("the vector store failed: %s", error)
        return failure(503, "the vector store does not answer; the server's log says why")

    async def refused(_: Request, error: Exception) -> Response:
        status = error.status_code if isinstance(error, HTTPException) else 400
        told = _UNKNOWN.get(status) or str(getattr(error, "detail", error))
        response = failure(status, told)
        response.headers.update(getattr(error, "headers", None) or {})
        return response

    # All other errors are the server's own, which the guard logs.
    for kind in (InputError, ConfigError):
        app.add_exception_handler(kind, unusable)
    app.add_exception_handler(StoreError, without_store)
    app.add_exception_handler(BusyError, busy)
    app.add_exception_handler(HTTPException, refused)


def _failure(why: str) -> dict[str, Any]:
    return {"model": Failure, "description": why}


def _described(app: FastAPI, asked: list[Question], model: ServedModel, locked: bool) -> dict[str, Any]:
    """The OpenAPI description, with the bodies that the routes read themselves."""
    if app.openapi_schema:
        return app.openapi_schema
    found = get_openapi(title=app.title, version="1", routes=app.routes)
    schemas = found["components"]["schemas"]
    for question in asked:
        body = _schema(question.request, schemas)
        content = {"application/json": {"schema": body, "example": example(question.path, model.schema)}}
        if question.uploads:
            described = "one row: a part a column, files as files; the other keys as JSON in the part options"
            content["multipart/form-data"] = {"schema": {"type": "object", "description": described}}
        found["paths"][question.path]["post"]["requestBody"] = {"required": True, "content": content}
    if locked:
        found["components"]["securitySchemes"] = {"key": {"type": "http", "scheme": "bearer"}}
        for path in [*(question.path for question in asked), "/metrics"]:
            for operation in found["paths"][path].values():
                operation["security"] = [{"key": []}]
    app.openapi_schema = found
    return found


def _schema(kind: type[BaseModel], schemas: dict[str, Any]) -> dict[str, Any]:
    """A reference to a type's JSON schema, which is put among the others."""
    found = kind.model_json_schema(ref_template="#/components/schemas/{model}")
    schemas.update(found.pop("$defs", {}))
    schemas[kind.__name__] = found
    return {"$ref": f"#/components/schemas/{kind.__name__}"}
