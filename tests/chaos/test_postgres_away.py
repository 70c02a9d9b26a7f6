"""PostgreSQL stops, or stops answering, while people work: nobody waits for it, and the ledger catches up whole.

CLUEFLOW_CHAOS_SECONDS says for how long it is away (4 by default; 30 for the long run).
"""

import asyncio
import os
import statistics
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from sqlalchemy.ext.asyncio import AsyncEngine
from temporalio.client import Client

from ledger import database, migrate
from runtime.client import ClueClient
from runtime.embedded.postgres import EmbeddedPostgres
from runtime.rules import load_rules
from runtime.settings import Settings
from tests.chaos.ground import Crowd, caught_up
from tests.workflows.shell import Desk, fresh_no
from worker import run_worker

AWAY = float(os.environ.get("CLUEFLOW_CHAOS_SECONDS", "4"))


@pytest.fixture
async def engine(own_postgres: EmbeddedPostgres) -> AsyncIterator[AsyncEngine]:
    await migrate.upgrade(own_postgres.url())
    engine = database.create(own_postgres.url())
    yield engine
    await engine.dispose()


async def worked(
    client: Client, postgres: EmbeddedPostgres, engine: AsyncEngine, settings: Settings, *, freeze: bool
) -> Crowd:
    """Five people at work while PostgreSQL goes away and comes back."""
    queue, writer = fresh_no("queue"), database.writer(postgres.url())
    async with run_worker(client, writer, load_rules(), settings, task_queue=queue, archivist=False):
        desks = [Desk(ClueClient(client, load_rules(), task_queue=queue)) for _ in range(5)]
        for desk in desks:
            await desk.report()
        async with Crowd(desks).at_work() as crowd:
            await asyncio.sleep(1)
            assert postgres.process is not None
            if freeze:
                postgres.process.freeze()
            else:
                postgres.stop()
            await asyncio.sleep(AWAY)
            late = Desk(ClueClient(client, load_rules(), task_queue=queue))
            await late.report()  # also a new clue
            if freeze:
                postgres.process.thaw()
            else:
                postgres.start()
            await asyncio.sleep(1)
        await caught_up(client, engine, [*desks, late])
    await writer.dispose()
    print(
        f"{crowd.sent} commands, wait p50 {statistics.median(crowd.waits) * 1000:.0f} ms,"
        f" longest {max(crowd.waits) * 1000:.0f} ms, PostgreSQL away for {AWAY:g} s"
    )
    return crowd


async def test_stopped(
    temporal_client: Client, own_postgres: EmbeddedPostgres, engine: AsyncEngine, tmp_path: Path
) -> None:
    crowd = await worked(temporal_client, own_postgres, engine, Settings(data_dir=tmp_path), freeze=False)
    assert max(crowd.waits) < 3


async def test_hanging(
    temporal_client: Client, own_postgres: EmbeddedPostgres, engine: AsyncEngine, tmp_path: Path
) -> None:
    crowd = await worked(temporal_client, own_postgres, engine, Settings(data_dir=tmp_path), freeze=True)
    assert max(crowd.waits) < 3
    assert statistics.median(crowd.waits) < 0.5
