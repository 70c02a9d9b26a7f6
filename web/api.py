"""The JSON of the contract, for looking."""

from __future__ import annotations

from dataclasses import asdict
from datetime import UTC, datetime
from email.utils import format_datetime
from typing import Annotated, Any

from fastapi import APIRouter, Query, Request
from fastapi.responses import JSONResponse, Response

from domain import shapes
from domain.model import Json, iso
from web import asked
from web.privacy import masked
from web.reader import Reader

router = APIRouter(prefix="/api/v1", tags=["线索"])


@router.get("/clues", summary="线索列表，按下一期限排序，分页用 after")
async def clues(request: Request) -> JSONResponse:
    """Filters are those of the list's page; `next` is the `after` of the next page, null on the last."""
    reader: Reader = request.app.state.reader
    page = await reader.page(asked.read(request.query_params, reader.rules))
    return JSONResponse({"clues": [_line(clue) for clue in page.clues], "next": page.next})


@router.get("/clues/{clue_no}", summary="一条线索，截至 as_of（默认此刻）")
async def clue(
    request: Request, clue_no: str, as_of: str | None = None, days: Annotated[bool, Query()] = False
) -> JSONResponse:
    """What a query answers (contract); `days` adds to each duty why it is due that day."""
    reader: Reader = request.app.state.reader
    shapes.clue_no("clue_no", clue_no)
    seen = await reader.clue(clue_no, asked.moment("as_of", as_of), days=days)
    return JSONResponse(seen.clue, headers={"X-Clueflow-Source": "workflow" if seen.live else "ledger"})


@router.get("/agencies/{agency}/terms.ics", summary="一个机构的办理期限，iCalendar 格式，可订阅")
async def terms(request: Request, agency: str) -> Response:
    """What the agency owes, and what it did lately. 304 where `If-None-Match` names what it would get."""
    reader: Reader = request.app.state.reader
    found = await reader.terms(agency)
    headers = {"ETag": f'"{found.etag}"', "Cache-Control": "no-cache"}
    if found.changed_at is not None:
        headers["Last-Modified"] = format_datetime(found.changed_at.astimezone(UTC), usegmt=True)
    known = {tag.strip().removeprefix("W/") for tag in request.headers.get("if-none-match", "").split(",")}
    if known & {headers["ETag"], "*"}:
        return Response(status_code=304, headers=headers)
    headers["Content-Disposition"] = f'inline; filename="{agency}.ics"'
    return Response(found.body, media_type="text/calendar; charset=utf-8", headers=headers)


def _line(clue: Any) -> Json:
    out = {key: iso(x) if isinstance(x, datetime) else x for key, x in asdict(clue).items()}
    return {**out, "title": masked(clue.title)}
