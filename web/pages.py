"""The two pages that people look at: the list, and a clue."""

from __future__ import annotations

import asyncio
from hashlib import sha256
from pathlib import Path
from typing import Final

from fastapi import APIRouter, Request
from fastapi.responses import HTMLResponse
from jinja2 import Environment, FileSystemLoader, StrictUndefined
from starlette.templating import Jinja2Templates

from domain.calendar import SHANGHAI, alarm
from domain.labels import LEVELS, MATTERS
from domain.model import shanghai_day
from runtime.settings import get_settings
from web import asked
from web.board import bands
from web.chart import chart
from web.dossier import dossier
from web.reader import Reader
from web.services import Services
from web.told import notified

HERE: Final = Path(__file__).parent
STATIC: Final = HERE / "static"

router = APIRouter(include_in_schema=False)


def _version() -> str:
    """Changes when a file does, so that browsers may keep what they have."""
    digest = sha256()
    for path in sorted(STATIC.iterdir()):
        digest.update(path.read_bytes())
    return digest.hexdigest()[:12]


_environment = Environment(
    loader=FileSystemLoader(HERE / "templates"),
    autoescape=True,
    undefined=StrictUndefined,
    trim_blocks=True,
    lstrip_blocks=True,
)
_environment.globals |= {"version": _version()}
templates: Final = Jinja2Templates(env=_environment)


def _alarm(services: Services) -> str | None:
    """The calendar runs out: for whoever keeps the rules, and for all who read a date beyond."""
    on = shanghai_day(services.now())
    return alarm(services.rules.rulebook.calendar, on, get_settings().calendar_alarm_days)


@router.get("/")
async def board(request: Request) -> HTMLResponse:
    """Open clues, what is due first first."""
    services: Services = request.app.state.services
    reader: Reader = request.app.state.reader
    wanted = asked.read(request.query_params, services.rules)
    page = await reader.page(wanted)
    now = services.now()
    context = {
        "bands": bands(page.clues, await reader.owed(page), now, services.rules),
        "shown": len(page.clues),
        "next": wanted.link(after=page.next) if page.next else None,
        "asked": wanted,
        "counts": await reader.counts(wanted),
        "levels": LEVELS,
        "stages": asked.STAGE_WORDS,
        "matters": MATTERS,
        "agencies": asked.names(services.rules),
        "alarm": _alarm(services),
        "now": f"{now.astimezone(SHANGHAI):%Y-%m-%d %H:%M}",
    }
    return templates.TemplateResponse(request, "board.html", context)


@router.get("/clues/{clue_no}")
async def clue(request: Request, clue_no: str) -> HTMLResponse:
    """One clue: whose turn it is, every clock with its reasons, and what has happened."""
    services: Services = request.app.state.services
    reader: Reader = request.app.state.reader
    seen = await reader.clue(clue_no, days=True)
    now = services.now()
    context = {
        "clue": dossier(seen.clue, now, services.rules),
        "chart": await asyncio.to_thread(chart, seen.clue, services.rules, services.atlas),
        "behind": services.live is not None and not seen.live,
        "told": notified(await reader.told(clue_no), services.rules),
        "alarm": _alarm(services),
        "now": f"{now.astimezone(SHANGHAI):%Y-%m-%d %H:%M}",
    }
    return templates.TemplateResponse(request, "clue.html", context)
