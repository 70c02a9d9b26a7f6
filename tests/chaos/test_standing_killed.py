"""A worker process killed while it carries an order to a region's clues."""

import asyncio
from datetime import UTC, datetime
from pathlib import Path

import pytest
from temporalio.client import Client

from domain.region_orders import RESUMED
from ledger import database, orders
from ledger.reader import Records
from runtime.client import ClueClient
from runtime.embedded.temporal import EmbeddedTemporal
from runtime.rules import load_rules
from tests.activities.region import STARTED, STOPPED, LateLedger, Region, given, over
from tests.chaos.ground import WorkerProcess, caught_up, worker_process
from tests.workflows.shell import fresh_no

CLUES = 40
CARRIED_OUT = "standing_order_carried_out"


async def carried_out(worker: WorkerProcess, least: int) -> None:
    async with asyncio.timeout(60):
        while worker.log.read_text().count(CARRIED_OUT) < least:  # noqa: ASYNC110
            await asyncio.sleep(0.005)


async def test_another_worker_carries_it_on(
    dev_server: EmbeddedTemporal,
    temporal_client: Client,
    database_url: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("CLUEFLOW_STANDING_SECONDS", "1")
    queue, engine = fresh_no("queue"), database.create(database_url)
    clues = ClueClient(temporal_client, load_rules(), task_queue=queue, ledger=Records(engine))
    region = Region(engine, clues, queue, LateLedger(engine))
    with worker_process(tmp_path, dev_server.address, database_url, queue) as first:
        await first.up()
        desks = await asyncio.gather(*(region.reported() for _ in range(CLUES)))
        await orders.keep(engine, given(), datetime.now(UTC))
        await carried_out(first, 1)
        first.kill()
    assert first.log.read_text().count(CARRIED_OUT) < CLUES  # it had its hands full
    with worker_process(tmp_path, dev_server.address, database_url, queue) as second:
        await carried_out(second, 1)
        async with asyncio.timeout(60):
            while set(await region.orders_in(*desks)) != {STOPPED}:  # noqa: ASYNC110
                await asyncio.sleep(0.1)
        # Ended by one who is gone at once: only the record tells.
        await orders.keep(engine, over(RESUMED), datetime.now(UTC))
        async with asyncio.timeout(60):
            while set(await region.orders_in(*desks)) != {STARTED}:  # noqa: ASYNC110
                await asyncio.sleep(0.1)
        await caught_up(temporal_client, engine, desks)
    await engine.dispose()
