"""The application: pages, API and events over what `Services` gives. It reads, and changes nothing."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from typing import Final

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse, Response
from fastapi.staticfiles import StaticFiles
from starlette.exceptions import HTTPException

from domain.errors import DomainError
from domain.labels import ERRORS
from ledger.changes import Changes
from runtime.logs import get_logger
from web import api, live, pages
from web.errors import STATUS, Unavailable, described
from web.reader import Reader
from web.security import HEADERS, SecurityHeaders
from web.services import Services

HEALTH_SECONDS: Final = 3.0
STATIC_AGE: Final = "public, max-age=86400"

log = get_logger(__name__)


def create_app(services: Services) -> FastAPI:
    """The application, ready for uvicorn. While it runs it listens to the database for changes."""
    # FastAPI's own documentation pages load scripts from elsewhere; the schema alone does not.
    app = FastAPI(
        title="线索通 ClueFlow",
        docs_url=None,
        redoc_url=None,
        openapi_url="/api/v1/openapi.json",
        lifespan=_lifespan,
    )
    app.state.services = services
    app.state.reader = Reader(services)
    app.state.changes = Changes(services.engine)
    app.add_middleware(SecurityHeaders)
    app.include_router(api.router)
    app.include_router(live.router)
    app.include_router(pages.router)
    app.add_api_route("/healthz", healthz, methods=["GET", "HEAD"], include_in_schema=False)
    app.mount("/static", _Static(directory=pages.STATIC), name="static")
    app.add_exception_handler(DomainError, _refused)
    app.add_exception_handler(Unavailable, _unavailable)
    app.add_exception_handler(HTTPException, _http)
    app.add_exception_handler(RequestValidationError, _invalid)
    app.add_exception_handler(Exception, _broken)
    return app


@contextlib.asynccontextmanager
async def _lifespan(app: FastAPI) -> AsyncIterator[None]:
    listening = asyncio.create_task(app.state.changes.run())
    try:
        yield
    finally:
        listening.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await listening


async def healthz(request: Request) -> JSONResponse:
    """200 while the ledger answers. `events`: whether changes are heard at once."""
    services: Services = request.app.state.services
    try:
        async with asyncio.timeout(HEALTH_SECONDS), services.engine.connect():
            ledger = True
    except Exception as err:  # whatever it is, the answer is that it is not well
        log.warning("the ledger does not answer", error=type(err).__name__)
        ledger = False
    body = {"status": "ok" if ledger else "unavailable", "ledger": ledger}
    body |= {"events": request.app.state.changes.listening.is_set()}
    return JSONResponse(body, 200 if ledger else 503)


class _Static(StaticFiles):
    """Files of ours, with an age: their addresses change when they do."""

    def file_response(self, *args: object, **kwargs: object) -> Response:
        response = super().file_response(*args, **kwargs)  # type: ignore[arg-type]
        response.headers.setdefault("Cache-Control", STATIC_AGE)
        return response


# --- refusals and failures -------------------------------------------------------------------------


async def _refused(request: Request, err: Exception) -> Response:
    assert isinstance(err, DomainError)
    return _error(request, STATUS[err.code], err.code, err.message, ERRORS[err.code])


async def _unavailable(request: Request, _: Exception) -> Response:
    response = _error(request, 503, *described(503), "暂时连不上")
    response.headers["Retry-After"] = "5"
    return response


async def _http(request: Request, err: Exception) -> Response:
    assert isinstance(err, HTTPException)
    code, message = described(err.status_code)
    response = _error(request, err.status_code, code, message, message)
    for name, value in (err.headers or {}).items():
        response.headers[name] = value
    return response


async def _invalid(request: Request, err: Exception) -> Response:
    assert isinstance(err, RequestValidationError)
    names = "、".join(str(problem["loc"][-1]) for problem in err.errors())
    return _error(request, 400, "invalid_input", f"参数 {names} 有误，请改正", ERRORS["invalid_input"])


async def _broken(request: Request, err: Exception) -> Response:
    log.error("a page failed", path=request.url.path, error=type(err).__name__)  # the server logs the rest
    response = _error(request, 500, *described(500), "程序出错")
    response.headers.update(HEADERS)  # this one is answered outside of our middleware
    return response


def _error(request: Request, status: int, code: str, message: str, title: str) -> Response:
    """JSON for programs, a page for people."""
    if request.url.path.startswith("/api/") or "text/html" not in request.headers.get("accept", ""):
        return JSONResponse({"code": code, "message": message}, status)
    context = {"status": status, "code": code, "message": message, "title": title}
    return pages.templates.TemplateResponse(request, "error.html", context, status_code=status)
