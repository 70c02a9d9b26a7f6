"""A worker process killed with its hands full: another one takes its clues over, and nothing is lost."""

import asyncio
import json
import signal
import time
from pathlib import Path

import psutil
from temporalio.client import Client

from ledger import database
from ledger.clues import get_state
from runtime.client import ClueClient
from runtime.embedded.temporal import EmbeddedTemporal
from runtime.rules import load_rules
from tests.chaos.ground import Crowd, caught_up, worker_process
from tests.workflows.shell import Desk, fresh_no

TAKES_OVER = 6.0  # seconds: the sticky time-out (1) or the workflow task's (3), and a slow machine


async def test_another_worker_takes_over(
    dev_server: EmbeddedTemporal, temporal_client: Client, database_url: str, tmp_path: Path
) -> None:
    queue = fresh_no("queue")
    engine = database.create(database_url)
    clues = ClueClient(temporal_client, load_rules(), task_queue=queue)
    with (
        worker_process(tmp_path, dev_server.address, database_url, queue) as first,
        worker_process(tmp_path, dev_server.address, database_url, queue) as second,
    ):
        await asyncio.gather(first.up(), second.up())
        desks = [Desk(clues) for _ in range(8)]
        await asyncio.gather(*(desk.report() for desk in desks))
        async with Crowd(desks, pause=0.02).at_work() as crowd:
            await asyncio.sleep(1.5)
            first.kill()
            await asyncio.sleep(TAKES_OVER)
        assert max(crowd.waits) < TAKES_OVER
        await caught_up(temporal_client, engine, desks)
        done = [e.event for desk in desks for e in (await get_state(engine, desk.clue_no)).timeline]
        assert done.count("acknowledged") == crowd.sent  # each command once
        print(f"{crowd.sent} commands, the longest wait {max(crowd.waits):.2f} s")
    await engine.dispose()


async def test_asked_to_stop_a_worker_drains(
    dev_server: EmbeddedTemporal, temporal_client: Client, database_url: str, tmp_path: Path
) -> None:
    queue = fresh_no("queue")
    clues = ClueClient(temporal_client, load_rules(), task_queue=queue)
    with worker_process(tmp_path, dev_server.address, database_url, queue) as worker:
        await worker.up()
        assert worker.asked("/healthz") == 200
        assert worker.asked("/elsewhere") is None
        desk = Desk(clues)
        await desk.report()
        began = time.monotonic()
        worker.process.terminate()
        assert await asyncio.to_thread(worker.process.wait, 20) == 0
        assert time.monotonic() - began < 15
        log = worker.log.read_text()
        assert "worker draining" in log
        assert "worker stopped" in log
        assert "两船" not in log  # no word of the clue itself
        lines = [json.loads(line) for line in log.splitlines() if line.startswith("{")]
        accepted = [line for line in lines if line["event"] == "command accepted"]
        assert [(x["clue_no"], x["command_id"], x["command"]) for x in accepted] == [
            (desk.clue_no, "report", "report")
        ]
        assert "甲" not in log


async def test_of_several_processes_a_killed_one_is_replaced(
    dev_server: EmbeddedTemporal, temporal_client: Client, database_url: str, tmp_path: Path
) -> None:
    queue = fresh_no("queue")
    with worker_process(tmp_path, dev_server.address, database_url, queue, "--workers", "2") as pool:
        await pool.up()
        parent = psutil.Process(pool.process.pid)
        first = parent.children()
        assert len(first) == 2
        first[0].kill()
        async with asyncio.timeout(30):
            while first[0] in (now := parent.children()) or len(now) < 2:  # noqa: ASYNC110
                await asyncio.sleep(0.1)
        await pool.up()  # the health port goes with the place
        desk = Desk(ClueClient(temporal_client, load_rules(), task_queue=queue))
        assert (await desk.report()).stage == "notified"
        pool.process.send_signal(signal.SIGTERM)
        assert await asyncio.to_thread(pool.process.wait, 20) == 0
        assert not [child for child in now if child.is_running()]
