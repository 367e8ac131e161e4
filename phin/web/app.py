"""The server as an ASGI app: the endpoints, the page, and one shape for everything that is refused."""

import logging
import re
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.middleware.cors import CORSMiddleware
from fastapi.responses import FileResponse, HTMLResponse, JSONResponse
from fastapi.staticfiles import StaticFiles
from starlette.exceptions import HTTPException
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from phin.errors import PhinError
from phin.web.api import api
from phin.web.docs import docs_page
from phin.web.refusals import SEE, Refusal, told
from phin.web.service import Service

log = logging.getLogger(__name__)

STATIC = Path(__file__).with_name("static")
ASKED_AGAIN = {"Cache-Control": "no-cache"}
"""A browser keeps the page's files, and asks each time whether they are still these: no module meets an older one."""
ABOUT_IT = "New tunes for the phin, whole or while they are drawn. Times are in steps, 24 a hong (a quarter)."


LOOPBACK = ("127.0.0.1", "localhost", "[::1]")
"""What a browser on this machine calls a server that serves this machine alone."""


class PageFiles(StaticFiles):
    """The files of the page."""

    async def get_response(self, path: str, scope: Scope) -> Response:
        answer = await super().get_response(path, scope)
        answer.headers.update(ASKED_AGAIN)
        return answer


def create_app(service: Service, hosts: Sequence[str] = (), origins: Sequence[str] = ()) -> FastAPI:
    """The app of a service, which it closes when it ends. It answers only who calls it by one of these names, if any
    are given: so no page of another host, whose name was bent to this machine, can ask through a visitor's browser.
    Pages of `origins` may ask.
    """

    @asynccontextmanager
    async def life(_: FastAPI) -> AsyncIterator[None]:
        yield
        service.close()

    app = FastAPI(title="phin-web", version="1", description=ABOUT_IT, lifespan=life, docs_url=None, redoc_url=None)
    app.include_router(api(service))
    # a file in base64 is a third larger, and something stands beside it
    app.add_middleware(LimitedBody, most_bytes=service.limits.most_bytes * 4 // 3 + 65_536)
    if origins:
        app.add_middleware(
            CORSMiddleware,
            allow_origins=origins,
            allow_methods=["GET", "POST", "DELETE"],
            allow_headers=["Content-Type", "Last-Event-ID"],
            expose_headers=["Content-Disposition", "Retry-After"],
        )
    if hosts:
        app.add_middleware(KnownHost, hosts=hosts)
    app.add_exception_handler(PhinError, _refused)
    app.add_exception_handler(RequestValidationError, _not_understood)
    app.add_exception_handler(HTTPException, _no_such_thing)
    app.add_exception_handler(Exception, _fault)

    @app.get("/docs", include_in_schema=False)
    def docs() -> HTMLResponse:
        return HTMLResponse(docs_page(app.openapi()))

    if STATIC.is_dir():
        app.mount("/static", PageFiles(directory=STATIC), name="static")

        @app.get("/", include_in_schema=False)
        def page() -> FileResponse:
            return FileResponse(STATIC / "index.html", headers=ASKED_AGAIN)

    return app


def _answer(status: int, error: PhinError, retry_after: int | None = None) -> JSONResponse:
    headers = {} if retry_after is None else {"Retry-After": str(retry_after)}
    return JSONResponse(told(error), status, headers)


async def _refused(_: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, PhinError)
    if isinstance(error, Refusal):
        return _answer(error.status, error, error.retry_after)
    return _answer(422, error)


async def _not_understood(_: Request, error: Exception) -> JSONResponse:
    """The first thing that pydantic did not understand."""
    assert isinstance(error, RequestValidationError)
    first = error.errors()[0]
    where = ".".join(str(part) for part in first["loc"][1:]) or "body"
    if first["type"] == "json_invalid" or where == "body":
        return _answer(422, PhinError("body", "is no JSON object", "send one, as application/json"))
    if first["type"] == "extra_forbidden":
        return _answer(422, PhinError(where, "there is no such key", f"leave it out; {SEE}"))
    reason = f"{first['msg'][:1].lower()}{first['msg'][1:]}"
    return _answer(422, PhinError(where, reason, SEE))


async def _no_such_thing(request: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, HTTPException)
    if error.status_code == 400:
        return _answer(422, PhinError("body", "cannot be read", "send an object, as application/json"))
    reason = {404: "is not there", 405: f"takes no {request.method}"}.get(error.status_code, str(error.detail))
    answer = _answer(error.status_code, PhinError(request.url.path[:200], reason, SEE))
    answer.headers.update(error.headers or {})  # what is allowed instead
    return answer


async def _fault(request: Request, error: Exception) -> JSONResponse:
    log.error("%s %s", request.method, request.url.path, exc_info=error)
    fault = PhinError(request.url.path, "broke off by a fault of the program", "tell who runs the server")
    return _answer(500, fault)


class KnownHost:
    """Refuses requests that call the server by a name that it has not (403), whatever the port."""

    def __init__(self, app: ASGIApp, hosts: Sequence[str]) -> None:
        self.app, self.hosts = app, frozenset(hosts)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http":
            called = next((value for name, value in scope["headers"] if name == b"host"), b"").decode("latin-1")
            if re.sub(r":\d+$", "", called).casefold() not in self.hosts:
                remedy = f"call it {min(self.hosts)}, or start it with host=0.0.0.0"
                refusal = Refusal(403, f"host {called[:100]}", "is no name of this server", remedy)
                await _answer(403, refusal)(scope, receive, send)
                return
        await self.app(scope, receive, send)


class LimitedBody:
    """Refuses bodies that are too large, before they are read (413)."""

    def __init__(self, app: ASGIApp, most_bytes: int) -> None:
        self.app, self.most_bytes = app, most_bytes

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        refusal = Refusal(413, "body", f"is larger than {self.most_bytes / 1e6:.2g} MB", "send one tune")
        size = next((value for name, value in scope["headers"] if name == b"content-length"), b"0")
        if size.isdigit() and int(size) > self.most_bytes:
            await _answer(413, refusal)(scope, receive, send)
            return
        left = self.most_bytes

        async def limited() -> Message:
            nonlocal left
            message = await receive()
            left -= len(message.get("body", b""))
            if left < 0:
                raise refusal
            return message

        async def answered(message: Message) -> None:
            """In place of what is made of a body that was broken off, says why."""
            if left >= 0:
                await send(message)
            elif message["type"] == "http.response.start":
                await _answer(413, refusal)(scope, receive, send)

        await self.app(scope, limited, answered)
