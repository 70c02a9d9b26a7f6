"""How fast notices leave the house: through a real PostgreSQL and a webhook on loopback."""

from __future__ import annotations

import asyncio
import json
import resource
import sys
import tempfile
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import datetime, timedelta
from pathlib import Path
from typing import Final

from sqlalchemy.ext.asyncio import AsyncEngine

from bench.report import Row
from domain.calendar import SHANGHAI
from domain.chain import GENESIS, seal
from domain.lifecycle import handle
from domain.model import Actor, Command, blank
from ledger import database, migrate
from ledger.flush import flush
from notices.config import Channels, load_channels
from notices.letters import Writer
from notices.sender import Sender
from notices.templates import Templates
from runtime.embedded.postgres import EmbeddedPostgres
from runtime.facts import facts_for
from runtime.rules import Rules

CHANNELS: Final = 5
ADDRESSEES: Final = ("310118.eco", "320509.eco", "330421.eco", "310120.eco", "320583.eco")


@asynccontextmanager
async def _webhook(count: int) -> AsyncIterator[tuple[int, asyncio.Event]]:
    """A server that takes everything; gives its port, and what is set once it has taken `count`."""
    done, left = asyncio.Event(), count

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = await reader.readuntil(b"\r\n\r\n")
        length = next(
            int(x.split(b":")[1]) for x in head.split(b"\r\n") if x.lower().startswith(b"content-length")
        )
        await reader.readexactly(length)
        nonlocal left
        left -= 1
        if left <= 0:
            done.set()
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close\r\n\r\n{}")
        await writer.drain()
        writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    async with server:
        yield server.sockets[0].getsockname()[1], done


async def _filled(engine: AsyncEngine, rules: Rules, count: int) -> None:
    at = datetime.now(SHANGHAI) - timedelta(minutes=1)
    for n in range(count):
        to = ADDRESSEES[n % CHANNELS]
        finder = "320500.eco"
        data = {
            "clue_no": f"XS-320500-{at:%Y%m%d}-{n:04}", "source": "patrol", "title": f"线索{n}",
            "matter": "solid_waste", "discovered_at": at.isoformat(), "place": {"region": to[:6]},
            "from_agency": finder, "to_agency": to,
        }  # fmt: skip
        actor = Actor(finder, "officer", "甲")
        command = Command(f"b-{n}", "report", actor, data, facts_for(rules, "report", data, actor, at.date()))
        outcome = handle(blank(str(data["clue_no"])), command, at, rules.rulebook)
        sealed = seal(str(data["clue_no"]), 0, GENESIS, outcome.events)
        await flush(engine, sealed, rules.rulebook)


def _channels(folder: Path, port: int, rules: Rules) -> Channels:
    url = f"http://127.0.0.1:{port}/"
    content = {
        "channels": {f"c{n}": {"kind": "webhook", "url": url} for n in range(CHANNELS)},
        "routes": [{"agency": a, "usual": [f"c{n}"]} for n, a in enumerate(ADDRESSEES)],
    }
    path = folder / "channels.yaml"
    path.write_text(json.dumps(content), encoding="utf-8")
    return load_channels(path, rules)


async def run(rules: Rules, count: int = 1000) -> list[Row]:
    """Rows of the report: `count` clues over five agencies, each with a channel of its own."""
    with tempfile.TemporaryDirectory(prefix="clueflow-bench-", ignore_cleanup_errors=True) as folder:
        server = EmbeddedPostgres(Path(folder) / "pg")
        server.start()
        try:
            return await _measured(server.url(), Path(folder), rules, count)
        finally:
            server.stop()


async def _measured(url: str, folder: Path, rules: Rules, count: int) -> list[Row]:
    await migrate.upgrade(url)
    engine = database.create(url)
    try:
        async with _webhook(count) as (port, done):
            await _filled(engine, rules, count)
            sender = Sender(engine, _channels(folder, port, rules), Writer(rules, Templates()))
            before = _peak_mb()
            began = time.perf_counter()
            sending = asyncio.create_task(sender.run())
            await done.wait()
            seconds = time.perf_counter() - began
            sending.cancel()
            await asyncio.gather(sending, return_exceptions=True)
    finally:
        await engine.dispose()
    note = f"{count} 条，{CHANNELS} 个渠道，回环网络接口，真实 PostgreSQL"
    return [
        Row("通知送出", count / seconds, "条/秒", note),
        Row("通知送出：内存峰值", _peak_mb(), "MB", f"送出之前 {before:.0f} MB，整个进程"),
    ]


def _peak_mb() -> float:
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak / (1 << 20) if sys.platform == "darwin" else peak / 1024
