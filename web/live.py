"""Server-sent events: the pages hear that a clue has changed, and look again."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from typing import Final

from fastapi import APIRouter, Request
from sse_starlette import EventSourceResponse, ServerSentEvent

from ledger.changes import LOST, Changes

POLL_SECONDS: Final = 5.0  # how often pages look by themselves while the database can't tell them
PING_SECONDS: Final = 20
RETRY_MS: Final = 3000

router = APIRouter(include_in_schema=False)


@router.get("/events")
async def events(request: Request) -> EventSourceResponse:
    """Every change of any clue."""
    return _stream(request, None)


@router.get("/clues/{clue_no}/events")
async def clue_events(request: Request, clue_no: str) -> EventSourceResponse:
    """The changes of one clue."""
    return _stream(request, clue_no)


def _stream(request: Request, clue_no: str | None) -> EventSourceResponse:
    feed: Changes = request.app.state.changes
    # A proxy must not hold the events back.
    return EventSourceResponse(
        heard(feed, clue_no),
        ping=PING_SECONDS,
        headers={"X-Accel-Buffering": "no", "Cache-Control": "no-store"},
    )


async def heard(
    feed: Changes, clue_no: str | None, *, poll: float = POLL_SECONDS
) -> AsyncIterator[ServerSentEvent]:
    """`hello` at once, then `changed` for each change of the clue (of any, for None).

    Where changes may have been missed (the line to the database was or is down) `changed` comes without a
    number, every `poll` seconds as long as that lasts, and once when the line is back.
    """
    clock = asyncio.get_running_loop().time
    missed, told_at = False, float("-inf")
    async with feed.subscribe() as queue:
        yield ServerSentEvent(event="hello", data="{}", retry=RETRY_MS)
        while True:
            number = await _next(queue, poll)
            if number is not None and number != LOST:
                if clue_no in (None, number):
                    yield _changed(number)
            else:
                missed = missed or number == LOST or not feed.listening.is_set()
            if missed and clock() - told_at >= poll:
                # Still deaf: what comes till the line is back is missed too.
                missed, told_at = not feed.listening.is_set(), clock()
                yield _changed(None)


async def _next(queue: asyncio.Queue[str], seconds: float) -> str | None:
    try:
        async with asyncio.timeout(seconds):
            return await queue.get()
    except TimeoutError:
        return None


def _changed(clue_no: str | None) -> ServerSentEvent:
    return ServerSentEvent(event="changed", data=json.dumps({"clue_no": clue_no}))
