"""Listeners hear of every flush, and of having missed some."""

from __future__ import annotations

import asyncio

from sqlalchemy.ext.asyncio import AsyncEngine

from ledger import database
from ledger.changes import LOST, Changes
from ledger.flush import flush
from tests.ledger.cases import reported, rulebook
from tests.ledger.proxy import Proxy


async def test_a_subscriber_hears_and_is_told_of_a_lost_line(database_url: str, engine: AsyncEngine) -> None:
    async with Proxy(database_url).running() as line:
        listener = database.create(line.url)
        changes = Changes(listener, retry=0.01)
        running = asyncio.create_task(changes.run())
        async with asyncio.timeout(30), changes.subscribe() as queue:
            await changes.listening.wait()
            await flush(engine, reported("XS-1").sealed, rulebook())
            assert await queue.get() == "XS-1"
            line.cut()
            assert await queue.get() == LOST
            await changes.listening.wait()
            await flush(engine, reported("XS-2").sealed, rulebook())
            while (heard := await queue.get()) == LOST:
                pass
            assert heard == "XS-2"
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)
        await listener.dispose()


async def test_who_is_far_behind_is_told_to_look_at_everything(engine: AsyncEngine) -> None:
    changes = Changes(engine)
    async with changes.subscribe() as queue:
        for n in range(queue.maxsize + 5):
            changes._tell(f"XS-{n}")
        heard = [queue.get_nowait() for _ in range(queue.qsize())]
    assert heard[0] == LOST
    assert heard[-1] == f"XS-{queue.maxsize + 4}"
