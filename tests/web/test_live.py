"""Pages hear of changes, also of those that the database could not tell."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator

import pytest
from sqlalchemy.ext.asyncio import AsyncEngine
from sse_starlette import ServerSentEvent

from ledger import database
from ledger.changes import LOST, Changes
from ledger.flush import flush
from tests.ledger.cases import reported, rulebook
from web.live import heard

SOON = 0.01  # seconds: the poll of these tests


class Feed(Changes):
    """Changes without a database: a test says what is heard, and whether the line is up."""

    def __init__(self, *, up: bool = True) -> None:
        super().__init__(database.create("postgresql://nobody@127.0.0.1:1/none"))
        if up:
            self.listening.set()

    def say(self, clue_no: str) -> None:
        self._tell(clue_no)


def said(event: ServerSentEvent) -> tuple[str | None, str | None]:
    return event.event, json.loads(event.data or "{}").get("clue_no")


async def begun(feed: Changes, clue_no: str | None, poll: float = 60) -> AsyncIterator[ServerSentEvent]:
    """The stream behind its greeting."""
    stream = heard(feed, clue_no, poll=poll)
    assert said(await anext(stream)) == ("hello", None)
    return stream


@pytest.mark.timeout(30)
async def test_the_list_hears_of_every_clue_and_a_clue_of_itself() -> None:
    feed = Feed()
    everything, one = await begun(feed, None), await begun(feed, "XS-2")
    for clue_no in ("XS-1", "XS-2"):
        feed.say(clue_no)
    assert [said(await anext(everything)) for _ in range(2)] == [("changed", "XS-1"), ("changed", "XS-2")]
    assert said(await anext(one)) == ("changed", "XS-2")


@pytest.mark.timeout(30)
async def test_who_may_have_missed_something_is_told_to_look() -> None:
    feed = Feed()
    one = await begun(feed, "XS-2")
    feed.say(LOST)
    assert said(await anext(one)) == ("changed", None)


@pytest.mark.timeout(30)
async def test_pages_look_by_themselves_while_the_line_is_down_and_once_when_it_is_back() -> None:
    feed = Feed(up=False)
    one = await begun(feed, "XS-2", SOON)
    assert [said(await anext(one)) for _ in range(3)] == [("changed", None)] * 3
    feed.listening.set()
    assert said(await anext(one)) == ("changed", None)  # what came before the line was back
    waiting = asyncio.ensure_future(anext(one))
    done, _ = await asyncio.wait([waiting], timeout=20 * SOON)
    assert not done  # all is heard again: no more looking without a reason
    feed.say("XS-2")
    assert said(await waiting) == ("changed", "XS-2")


@pytest.mark.timeout(60)
async def test_a_flush_is_heard(engine: AsyncEngine) -> None:
    feed = Changes(engine)
    running = asyncio.create_task(feed.run())
    try:
        one = await begun(feed, "XS-1")
        await feed.listening.wait()
        await flush(engine, reported("XS-1").sealed, rulebook())
        assert said(await anext(one)) == ("changed", "XS-1")
    finally:
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)


async def test_who_leaves_is_forgotten() -> None:
    feed = Feed()
    one = await begun(feed, "XS-2")
    assert len(feed._subscribers) == 1
    await one.aclose()  # type: ignore[attr-defined]
    assert not feed._subscribers
