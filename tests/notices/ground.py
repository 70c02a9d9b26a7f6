"""Inboxes with notices in them, a clock that can be moved, and a sender over given channels."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from inspect import isawaitable
from pathlib import Path
from typing import Any

import yaml
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine

from domain.calendar import SHANGHAI
from ledger.flush import flush
from notices.carriers import carry
from notices.config import Channels, load_channels
from notices.letters import Writer
from notices.sender import Sender
from notices.templates import Templates
from runtime.rules import load_rules
from tests.ledger.cases import ADDRESSEE, FINDER, Case, reported, rulebook

PAGE = "https://clueflow.example.org"


async def until(holds: Callable[[], Any], seconds: float = 30.0) -> None:
    """Waits for it, on the event loop that the servers live on."""
    for _ in range(int(seconds / 0.01)):
        found = holds()
        if await found if isawaitable(found) else found:
            return
        await asyncio.sleep(0.01)
    raise AssertionError("it did not come to hold")


@dataclass
class Clock:
    """The real clock, moved."""

    ahead: timedelta = timedelta()

    def __call__(self) -> datetime:
        return datetime.now(UTC) + self.ahead

    def forward(self, **by: float) -> None:
        self.ahead += timedelta(**by)


def channels_of(folder: Path, content: Mapping[str, Any], **environ: str) -> Channels:
    """The channels of a file with that content."""
    path = folder / "channels.yaml"
    path.write_text(yaml.safe_dump(dict(content), allow_unicode=True), encoding="utf-8")
    return load_channels(path, load_rules(), environ)


def route(*usual: str, agency: str = ADDRESSEE, **more: Any) -> dict[str, Any]:
    return {"agency": agency, "usual": list(usual), **more}


def hook(base: str, **more: Any) -> dict[str, Any]:
    return {"kind": "webhook", "url": f"{base}/in", "timeout": 1, **more}


@dataclass
class Ground:
    engine: AsyncEngine
    folder: Path
    clock: Clock = field(default_factory=Clock)

    def sender(self, content: Mapping[str, Any], carry: Any = carry, **environ: str) -> Sender:
        writer = Writer(load_rules(), Templates(), PAGE)
        channels = channels_of(self.folder, content, **environ)
        return Sender(self.engine, channels, writer, now=self.clock, carry=carry, poll=0.01)

    async def told(self, clue_no: str = "XS-320583-20240403-0001", **changes: Any) -> Case:
        """A clue reported a moment ago: its addressee has one notice."""
        case = reported(clue_no, datetime.now(SHANGHAI) - timedelta(minutes=12), **changes)
        await flush(self.engine, case.sealed, rulebook())
        return case

    async def then(self, case: Case, name: str, agency: str = FINDER, **data: Any) -> None:
        await flush(self.engine, case.do(name, agency, data, after=timedelta(seconds=1)), rulebook())

    async def rows(self, table: str = "delivery") -> list[dict[str, Any]]:
        order = "created_at, lane, place" if table == "delivery" else "channel, n"
        async with self.engine.connect() as connection:
            found = await connection.execute(text(f"SELECT * FROM {table} ORDER BY {order}"))
            return [dict(row) for row in found.mappings()]

    async def states(self) -> dict[str, str]:
        return {row["channel"]: row["state"] for row in await self.rows()}
