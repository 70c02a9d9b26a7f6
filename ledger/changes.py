"""Hearing of changes: each flush tells the clue's number to whoever listens, after it is committed."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from typing import Any, Final

from sqlalchemy.ext.asyncio import AsyncEngine

from ledger.write import CHANNEL

LOST: Final = ""  # said in place of a number when the connection went: anything may have changed
RETRY_SECONDS: Final = 1.0
CHECK_SECONDS: Final = 15.0
QUEUE: Final = 1000


class Changes:
    """One connection that listens, and any number of subscribers in this process.

    `run` until cancelled; it connects again by itself, telling everybody LOST.
    """

    def __init__(self, engine: AsyncEngine, *, retry: float = RETRY_SECONDS) -> None:
        self._engine, self._retry = engine, retry
        self._subscribers: set[asyncio.Queue[str]] = set()
        self.listening = asyncio.Event()

    async def run(self) -> None:
        while True:
            with contextlib.suppress(Exception):  # the database is away: that is what the loop is for
                await self._listen()
            self.listening.clear()
            self._tell(LOST)
            await asyncio.sleep(self._retry)

    @contextlib.asynccontextmanager
    async def subscribe(self) -> AsyncIterator[asyncio.Queue[str]]:
        """A queue of clue numbers, and LOST where some may have been missed."""
        queue: asyncio.Queue[str] = asyncio.Queue(QUEUE)
        self._subscribers.add(queue)
        try:
            yield queue
        finally:
            self._subscribers.discard(queue)

    async def _listen(self) -> None:
        gone = asyncio.Event()
        async with self._engine.connect() as connection:
            raw: Any = (await connection.get_raw_connection()).driver_connection
            raw.add_termination_listener(lambda _: gone.set())
            await raw.add_listener(CHANNEL, self._heard)
            self.listening.set()
            try:
                while not gone.is_set():
                    with contextlib.suppress(TimeoutError):
                        await asyncio.wait_for(gone.wait(), CHECK_SECONDS)
                        break
                    await raw.execute("SELECT 1")  # a connection may die without a word
            finally:
                await connection.invalidate()  # a listening connection must not go back to the pool

    def _heard(self, _connection: object, _pid: int, _channel: str, clue_no: str) -> None:
        self._tell(clue_no)

    def _tell(self, clue_no: str) -> None:
        for queue in self._subscribers:
            if queue.full():  # who is that far behind looks at everything again
                while not queue.empty():
                    queue.get_nowait()
                queue.put_nowait(LOST)
            queue.put_nowait(clue_no)
