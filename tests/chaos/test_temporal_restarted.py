"""Temporal itself stops and starts again while people work: each command still gets its one answer."""

import asyncio
from pathlib import Path

from ledger import database
from ledger.clues import get_state
from runtime.client import ClueClient
from runtime.embedded.temporal import EmbeddedTemporal, find_cli
from runtime.namespace import prepare_namespace
from runtime.rules import load_rules
from runtime.settings import Settings
from runtime.temporal import connect
from tests.chaos.ground import Crowd, caught_up
from tests.workflows.shell import Desk
from worker import run_worker


async def test_nothing_is_lost_or_done_twice(database_url: str, tmp_path: Path) -> None:
    cli = find_cli(Settings())
    assert cli is not None
    temporal = EmbeddedTemporal(cli, tmp_path / "temporal.log", database=tmp_path / "temporal.db")
    temporal.start()
    engine = database.writer(database_url)
    try:
        settings = Settings(temporal_address=temporal.address, data_dir=tmp_path)
        client = await connect(settings)
        await prepare_namespace(client, settings)
        async with run_worker(client, engine, load_rules(), settings, archivist=False):
            desks = [Desk(ClueClient(client, load_rules(), patience=60)) for _ in range(4)]
            for desk in desks:
                await desk.report()
            async with Crowd(desks, pause=0.05).at_work() as crowd:
                await asyncio.sleep(1)
                temporal.stop()
                await asyncio.sleep(1)
                temporal.start()
                await asyncio.sleep(2)
            await caught_up(client, engine, desks)
            done = [e.event for desk in desks for e in (await get_state(engine, desk.clue_no)).timeline]
            assert done.count("acknowledged") == crowd.sent
            print(f"{crowd.sent} commands, the longest wait {max(crowd.waits):.2f} s")
    finally:
        temporal.stop()
        await engine.dispose()
