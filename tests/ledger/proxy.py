"""A line to PostgreSQL that can be counted, frozen and cut."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator

from sqlalchemy.engine import make_url


class Proxy:
    """Forwards to a PostgreSQL on a Unix socket. `sent` counts what the client said, one per round trip.

    `cut_after`: the line is cut when the client has said so much more, before the server hears it.
    """

    def __init__(self, url: str) -> None:
        self._target = make_url(url)
        self._flowing = asyncio.Event()
        self._flowing.set()
        self._writers: set[asyncio.StreamWriter] = set()
        self._tasks: set[asyncio.Task[None]] = set()
        self._port = 0
        self.sent = 0
        self.held = asyncio.Event()  # something has been held back by `freeze`
        self.cut_after: int | None = None

    @property
    def url(self) -> str:
        url = self._target.set(host="127.0.0.1", port=self._port, query={})
        return url.render_as_string(hide_password=False)

    def freeze(self) -> None:
        """Nothing passes any more, and nobody is told."""
        self._flowing.clear()

    def thaw(self) -> None:
        self._flowing.set()

    def cut(self) -> None:
        for writer in self._writers:
            writer.transport.abort()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        host = self._target.query["host"]
        there, away = await asyncio.open_unix_connection(f"{host}/.s.PGSQL.5432")
        self._writers |= {writer, away}
        for source, sink, counted in ((reader, away, True), (there, writer, False)):
            task = asyncio.create_task(self._forward(source, sink, counted))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)

    async def _forward(self, source: asyncio.StreamReader, sink: asyncio.StreamWriter, counted: bool) -> None:
        with contextlib.suppress(OSError):
            while data := await source.read(1 << 20):
                if not self._flowing.is_set():
                    self.held.set()
                await self._flowing.wait()
                if counted:
                    self.sent += 1
                    if self.cut_after is not None:
                        self.cut_after -= 1
                        if self.cut_after < 0:
                            self.cut()
                            return
                sink.write(data)
                await sink.drain()
        sink.close()

    @contextlib.asynccontextmanager
    async def running(self) -> AsyncIterator[Proxy]:
        server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        self._port = server.sockets[0].getsockname()[1]
        try:
            yield self
        finally:
            self.thaw()
            self.cut()
            server.close()
            for task in self._tasks:
                task.cancel()
