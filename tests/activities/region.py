"""A region with clues and orders over its clocks, on real Temporal and PostgreSQL."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final

from sqlalchemy.ext.asyncio import AsyncEngine
from temporalio.client import Client

from activities.ledger import LedgerActivities
from activities.messages import FlushBatch, FlushDone
from activities.standing import Standing
from domain.model import Actor, ClueState, Json
from domain.region_orders import SUSPENDED, UNDONE, Act
from ledger import database, events, orders
from ledger.reader import Records
from runtime.client import ClueClient
from runtime.rules import load_rules
from runtime.settings import Settings
from tests.workflows.shell import Desk, fresh_no
from worker import run_worker

WUJIANG, QINGPU, JIASHAN = "320509.eco", "310118.eco", "330421.eco"
PROVINCE = Actor("320000.eco", "approver", "省厅")
# How many orders a clue has had; whether one stands; whether one was undone.
Seen = tuple[int, bool, bool]
FREE: Final[Seen] = (0, False, False)
STOPPED: Final[Seen] = (1, True, False)
STARTED: Final[Seen] = (1, False, False)
TAKEN_OUT: Final[Seen] = (1, False, True)


def given(number: str = "苏环中止1号", region: str = "3205") -> Act:
    return Act(SUSPENDED, PROVINCE, {"order_no": number, "region": region, "reason": "台风"})


def over(kind: str, number: str = "苏环中止1号") -> Act:
    data: Json = {"order_no": number, "reason": "过境"}
    return Act(kind, PROVINCE, data | ({"undo": True} if kind == UNDONE else {}))


class LateLedger(LedgerActivities):
    """Takes in what clues say as soon as it is allowed to."""

    def __init__(self, engine: AsyncEngine) -> None:
        super().__init__(engine, load_rules().rulebook)
        self.may = asyncio.Event()
        self.may.set()

    async def store(self, batch: FlushBatch) -> FlushDone:
        await self.may.wait()
        return await super().store(batch)


@dataclass
class Region:
    """A worker whose own round never comes, its ledger, and clues."""

    engine: AsyncEngine
    clues: ClueClient
    queue: str
    late: LateLedger

    def standing(self, clues: Any = None) -> Standing:
        return Standing(clues or self.clues, self.engine)

    async def decided(self, act: Act, at: datetime | None = None) -> Act:
        return await orders.keep(self.engine, act, at or datetime.now(UTC))

    async def reported(self, to: str = WUJIANG) -> Desk:
        """A clue from Qingpu, known to the ledger."""
        desk = Desk(self.clues, fresh_no("XS"))
        await desk.report(agency=QINGPU, place={"region": to[:6]}, to_agency=to)
        await self.stored(desk)
        return desk

    async def stored(self, *desks: Desk) -> None:
        """Waits until the ledger has all that the clues have said."""
        async with asyncio.timeout(30):
            for desk in desks:
                tip = await self.clues.tip(desk.clue_no)
                assert tip is not None
                while (await events.tip(self.engine, desk.clue_no)).seq < tip.seq:  # noqa: ASYNC110
                    await asyncio.sleep(0.02)

    async def states(self, *desks: Desk) -> list[ClueState]:
        return [await self.clues.state(desk.clue_no) for desk in desks]

    async def orders_in(self, *desks: Desk) -> list[Seen]:
        return [
            (
                len(s.suspensions),
                any(o.ended_at is None for o in s.suspensions),
                any(o.undone for o in s.suspensions),
            )
            for s in await self.states(*desks)
        ]


@asynccontextmanager
async def region_of(client: Client, settings: Settings, url: str) -> AsyncIterator[Region]:
    engine, queue = database.writer(url), fresh_no("queue")
    late = LateLedger(engine)
    async with run_worker(
        client, engine, load_rules(), settings, activities=late, task_queue=queue, archivist=False
    ):
        clues = ClueClient(client, load_rules(), task_queue=queue, ledger=Records(engine))
        yield Region(engine, clues, queue, late)
        late.may.set()
    await engine.dispose()
