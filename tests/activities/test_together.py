"""Real workflows, a real worker and a real PostgreSQL: the record is whole, whatever happens to it meanwhile."""

from __future__ import annotations

import asyncio
import contextlib
import time
import uuid
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import text
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.ext.asyncio import AsyncEngine
from temporalio.client import Client, WorkflowHistory
from temporalio.worker import Replayer

from activities.archivist import Archivist
from activities.live import TemporalClues
from domain.lifecycle import ticked
from domain.model import Actor
from ledger import database, events, migrate
from ledger.clues import get_state
from ledger.histories import load, runs
from ledger.reader import Records
from ledger.rebuild import rebuild
from ledger.reconcile import reconcile
from ledger.verify import verify
from runtime.client import ClueClient
from runtime.embedded.postgres import EmbeddedPostgres
from runtime.rules import load_rules
from runtime.settings import Settings
from runtime.temporal import data_converter, sandbox_runner
from tests.ledger.cases import ADDRESSEE, FINDER, STEPS, rulebook
from tests.ledger.dump import dump
from worker import run_worker
from workflows.clue import ClueWorkflow


@pytest.fixture
async def engine(own_postgres: EmbeddedPostgres) -> AsyncIterator[AsyncEngine]:
    await migrate.upgrade(own_postgres.url())
    engine = database.writer(own_postgres.url())
    yield engine
    await engine.dispose()


class Desk:
    """A clue on a real server, by its client."""

    def __init__(self, clues: ClueClient, engine: AsyncEngine) -> None:
        self.clues, self.engine, self.clue_no = clues, engine, f"XS-320583-20240403-{uuid.uuid4().hex[:8]}"

    async def report(self) -> None:
        clue = {
            "source": "checkpoint",
            "title": "两船疑似跨省转移建筑垃圾",
            "matter": "construction_waste",
            "discovered_at": (datetime.now(UTC) - timedelta(minutes=5)).isoformat(),
            "place": {"region": "320583"},
            "to_agency": ADDRESSEE,
            "seizure": "两艘船",
            "suspects": [{"kind": "person", "name": "某某"}],
            "waste": {"type": "建筑垃圾", "origin": "青浦", "quantity_t": 1000, "destination": "泰兴"},
        }
        actor = Actor(FINDER, "officer", "甲")
        await self.clues.report(actor, clue, str(uuid.uuid4()), self.clue_no)

    async def do(self, name: str, agency: str, role: str, data: dict[str, Any]) -> None:
        await self.clues.do(self.clue_no, name, Actor(agency, role, "甲"), data, str(uuid.uuid4()))

    async def delivered(self) -> int:
        """Waits until the ledger has everything; gives the number of events."""
        async with asyncio.timeout(60):
            while True:
                tip = await self.clues.tip(self.clue_no)
                assert tip is not None
                with contextlib.suppress(SQLAlchemyError, OSError):  # it may be just starting
                    if (await events.tip(self.engine, self.clue_no)).seq == tip.seq:
                        return tip.seq
                await asyncio.sleep(0.05)


@pytest.fixture
async def desk(
    temporal_client: Client, temporal_settings: Settings, engine: AsyncEngine
) -> AsyncIterator[Desk]:
    queue = str(uuid.uuid4())
    async with run_worker(
        temporal_client, engine, load_rules(), temporal_settings, task_queue=queue, archivist=False
    ):
        yield Desk(
            ClueClient(temporal_client, load_rules(), task_queue=queue, ledger=Records(engine)), engine
        )


async def check_whole(desk: Desk, engine: AsyncEngine, temporal: Client) -> None:
    assert await verify(engine) == []
    assert await reconcile(engine, TemporalClues(temporal), clue_no=desk.clue_no) == []
    now = datetime.now(UTC)
    stored, live = await get_state(engine, desk.clue_no), await desk.clues.state(desk.clue_no)
    assert ticked(stored, now, rulebook()) == ticked(live, now, rulebook())
    before = await dump(engine)
    await rebuild(engine, rulebook())
    assert await dump(engine) == before


async def test_a_whole_life_is_recorded_archived_and_replayed(
    desk: Desk, engine: AsyncEngine, temporal_client: Client
) -> None:
    await desk.report()
    for name, agency, role, data in STEPS:
        await desk.do(name, agency, role, data)
    await desk.delivered()
    await temporal_client.get_workflow_handle(f"clue/{desk.clue_no}").result()
    await check_whole(desk, engine, temporal_client)
    async with asyncio.timeout(60):  # visibility hears of the end a moment later
        while not [run for run in await runs(engine, desk.clue_no) if run.complete]:
            await Archivist(temporal_client, engine).sweep()
    for run in await runs(engine, desk.clue_no):
        history = await load(engine, run.workflow_id, run.run_id)
        assert history is not None
        replayer = Replayer(
            workflows=[ClueWorkflow], workflow_runner=sandbox_runner(), data_converter=data_converter()
        )
        await replayer.replay_workflow(WorkflowHistory.from_json(run.workflow_id, history))


async def test_commands_go_on_while_postgres_is_down_and_reach_it_afterwards(
    desk: Desk, engine: AsyncEngine, own_postgres: EmbeddedPostgres, temporal_client: Client
) -> None:
    await desk.report()
    await desk.delivered()
    await asyncio.to_thread(own_postgres.stop)
    slowest = 0.0
    for name, agency, role, data in STEPS[:6]:
        began = time.perf_counter()
        await desk.do(name, agency, role, data)
        slowest = max(slowest, time.perf_counter() - began)
    assert slowest < 3
    own_postgres.start()
    assert await desk.delivered() > len(STEPS[:6])
    await check_whole(desk, engine, temporal_client)


async def test_commands_go_on_while_postgres_hangs_and_reach_it_afterwards(
    desk: Desk, engine: AsyncEngine, own_postgres: EmbeddedPostgres, temporal_client: Client
) -> None:
    await desk.report()
    await desk.delivered()
    assert own_postgres.process is not None
    own_postgres.process.freeze()
    times = []
    for name, agency, role, data in STEPS[:6]:
        began = time.perf_counter()
        await desk.do(name, agency, role, data)
        times.append(time.perf_counter() - began)
    assert max(times) < 3
    own_postgres.process.thaw()
    await desk.delivered()
    await check_whole(desk, engine, temporal_client)


async def test_reconcile_sees_a_record_cut_short_together_with_its_row(
    desk: Desk, engine: AsyncEngine, temporal_client: Client
) -> None:
    """What verify can't see by itself."""
    await desk.report()
    await desk.do(*STEPS[0])
    seq = await desk.delivered()
    async with engine.begin() as connection:
        await connection.execute(text("ALTER TABLE clue_event DISABLE TRIGGER ALL"))
        await connection.execute(text("DELETE FROM clue_event WHERE seq = :seq"), {"seq": seq})
    await rebuild(engine, rulebook())
    assert await verify(engine) == []
    (difference,) = await reconcile(engine, TemporalClues(temporal_client), clue_no=desk.clue_no, grace=0)
    assert difference.kind == "ledger_behind"
