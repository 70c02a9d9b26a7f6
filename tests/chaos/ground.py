"""Real worker processes on a real Temporal and a real PostgreSQL, and people who go on working meanwhile."""

from __future__ import annotations

import asyncio
import contextlib
import os
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from sqlalchemy.ext.asyncio import AsyncEngine
from temporalio.client import Client

from activities.live import TemporalClues
from ledger import events
from ledger.reconcile import reconcile
from ledger.verify import verify
from runtime.client import ClueClient
from runtime.embedded.temporal import free_port
from tests.workflows.shell import Desk

ROOT = Path(__file__).resolve().parents[2]


@dataclass
class WorkerProcess:
    process: subprocess.Popen[bytes]
    port: int
    log: Path

    def kill(self) -> None:
        self.process.kill()
        self.process.wait()

    def asked(self, path: str) -> int | None:
        """The HTTP status of its health endpoint, None where nobody answers."""
        url = f"http://127.0.0.1:{self.port}{path}"
        try:
            with urllib.request.urlopen(url, timeout=2) as answer:
                return int(answer.status)
        except OSError:
            return None

    async def up(self) -> None:
        async with asyncio.timeout(60):
            while await asyncio.to_thread(self.asked, "/readyz") != 200:
                assert self.process.poll() is None, self.log.read_text()
                await asyncio.sleep(0.1)


@contextmanager
def worker_process(
    folder: Path, temporal: str, database: str, queue: str, *arguments: str
) -> Iterator[WorkerProcess]:
    """`python worker.py` with a health port, ended if it still lives when the block does."""
    port = free_port()
    log = folder / f"worker-{port}.log"
    environ = {
        **os.environ, "DATABASE_URL": database, "TEMPORAL_ADDRESS": temporal, "CLUEFLOW_TASK_QUEUE": queue,
        "CLUEFLOW_HEALTH_PORT": str(port), "CLUEFLOW_DATA_DIR": str(folder), "CLUEFLOW_LOG_FORMAT": "json",
    }  # fmt: skip
    with log.open("wb") as out:
        process = subprocess.Popen(
            [sys.executable, "worker.py", *arguments],
            cwd=ROOT,
            env=environ,
            stdout=out,
            stderr=subprocess.STDOUT,
        )
        try:
            yield WorkerProcess(process, port, log)
        finally:
            if process.poll() is None:
                process.terminate()
                with contextlib.suppress(subprocess.TimeoutExpired):
                    process.wait(20)
            process.kill()
            process.wait()


@dataclass
class Crowd:
    """People who send a command every now and then; each waits for the answer."""

    desks: list[Desk]
    pause: float = 0.1
    waits: list[float] = field(default_factory=list)
    sent: int = 0
    _stop: asyncio.Event = field(default_factory=asyncio.Event)

    async def _work(self, desk: Desk) -> None:
        n = 0
        while not self._stop.is_set():
            n += 1
            began = time.monotonic()
            await desk.do("acknowledge", message=str(n))
            self.waits.append(time.monotonic() - began)
            self.sent += 1
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._stop.wait(), self.pause)

    @contextlib.asynccontextmanager
    async def at_work(self):  # type: ignore[no-untyped-def]
        tasks = [asyncio.create_task(self._work(desk)) for desk in self.desks]
        try:
            yield self
        finally:
            self._stop.set()
            await asyncio.gather(*tasks)


async def brought(client: ClueClient, engine: AsyncEngine, clue_no: str) -> bool:
    """Whether the record has all that the clue has said."""
    tip = await client.tip(clue_no)
    return tip is not None and (await events.tip(engine, clue_no)).seq >= tip.seq


async def caught_up(client: Client, engine: AsyncEngine, desks: list[Desk]) -> None:
    """Waits until no workflow holds anything back, then asks the record and Temporal whether they agree."""
    async with asyncio.timeout(60):
        for desk in desks:
            while not await brought(desk.client, engine, desk.clue_no):  # noqa: ASYNC110
                await asyncio.sleep(0.1)
    for desk in desks:
        assert await verify(engine, desk.clue_no) == []
        assert await reconcile(engine, TemporalClues(client), clue_no=desk.clue_no) == []
