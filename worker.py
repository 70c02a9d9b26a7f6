"""Runs the workers: workflows, ledger activities, the keeping of histories and of orders, and the sending of notices.

`python worker.py` runs one process, `--workers N` several. Needs DATABASE_URL and TEMPORAL_ADDRESS, or a stack
that runs in the data folder. SIGTERM drains: what has begun is finished, nothing new is taken.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import gc
import os
import signal
import subprocess
import sys
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from datetime import UTC, datetime, timedelta
from typing import Final

import prometheus_client
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.ext.asyncio import AsyncEngine
from temporalio import activity, workflow
from temporalio.client import Client
from temporalio.worker import Worker

from activities.archivist import Archivist
from activities.courier import Bell, Courier
from activities.ledger import LedgerActivities
from activities.standing import PATIENCE, Standing
from domain.calendar import Calendar, alarm
from domain.model import shanghai_day
from ledger import database, migrate
from ledger.reader import Records
from notices.sender import Sender, sender_for
from runtime.client import ClueClient
from runtime.embedded.stack import with_running
from runtime.errors import BadSettings, GroundError, PortBusy, ServiceUnreachable
from runtime.health import health_server
from runtime.logs import configure_logs, get_logger
from runtime.metrics import CALENDAR_DAYS, Measured
from runtime.namespace import prepare_namespace
from runtime.rules import Rules, load_rules
from runtime.settings import Settings, get_settings
from runtime.signals import stop_requested
from runtime.temporal import connect, sticky_timeout, workflow_runner
from workflows.clue import ClueWorkflow
from workflows.numbering import NumberingWorkflow

GRACE: Final = timedelta(seconds=10)  # for activities that have begun when the worker is asked to stop
CACHED_RUNS: Final = 2000  # about 200 kB each
# Objects, and generations; Python's own is (700, 10, 10). A run that leaves the cache is a circle of objects, which
# only the last generation's collection frees: about every thousand runs, some 200 MB.
COLLECT_AFTER: Final = (10_000, 5, 5)
POLL_SECONDS: Final = 0.5
MIGRATE_SECONDS: Final = 1.0  # between two tries, doubled each time
MIGRATE_MOST_SECONDS: Final = 30.0
DAY_SECONDS: Final = 86_400.0
PORTS: Final = ("CLUEFLOW_HEALTH_PORT", "CLUEFLOW_METRICS_PORT", "CLUEFLOW_SDK_METRICS_PORT")
DRAIN_SECONDS: Final = 3.0  # for events on their way to the ledger; what is left the next worker finds

log = get_logger(__name__)

# As fields, not as a tail on every message.
workflow.logger.workflow_info_on_message = False
activity.logger.activity_info_on_message = False


@asynccontextmanager
async def run_worker(
    client: Client,
    engine: AsyncEngine,
    rules: Rules,
    settings: Settings | None = None,
    *,
    activities: LedgerActivities | None = None,
    task_queue: str | None = None,
    archivist: bool = True,
    sender: Sender | None = None,
    cached_runs: int = CACHED_RUNS,
) -> AsyncIterator[Worker]:
    """A worker in this process for as long as the block runs; drained at the end.

    `engine` is the ledger's, made by `ledger.database.writer`; migrations are the caller's. `activities` stand in
    for the ledger's own. Without `archivist` nothing is swept up (the time-skipping server can't list) and no
    order is carried to clues that come later, without `sender` notices stay in the inboxes.
    """
    settings = settings or get_settings()
    _calm_collector()
    ledger = activities or LedgerActivities(engine, rules.rulebook)
    courier = Courier(client, ledger)
    queue = task_queue or settings.task_queue
    worker = Worker(
        client,
        task_queue=queue,
        workflows=[ClueWorkflow, NumberingWorkflow],
        activities=[courier.settle, ledger.flush_events, ledger.flush_events_local, ledger.export_history],
        interceptors=[Measured(), Bell(courier)],
        workflow_runner=workflow_runner(),
        sticky_queue_schedule_to_start_timeout=sticky_timeout(settings),
        graceful_shutdown_timeout=GRACE,
        max_cached_workflows=cached_runs,
    )
    beside = [Archivist(client, engine).run(), courier.run()] if archivist else []
    if archivist:
        clues = ClueClient(client, rules, task_queue=queue, ledger=Records(engine), patience=PATIENCE)
        beside.append(Standing(clues, engine, interval=settings.standing_seconds).run())
    if sender is not None:
        beside.append(sender.run())
    tasks = [asyncio.create_task(work) for work in beside]
    try:
        async with worker:
            try:
                yield worker
            finally:
                await courier.drain(DRAIN_SECONDS)
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await courier.close()  # after the sweep, which may ring it


def _calm_collector() -> None:
    """Rules and remembered runs live long: Python's collector need not look at them every few hundred objects."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(*COLLECT_AFTER)


async def serve(settings: Settings) -> None:
    """One worker process until SIGTERM or Ctrl-C. Raises GroundError where it can't begin."""
    settings = with_running(settings)
    if not settings.database_url:
        raise ServiceUnreachable("没有可用的 PostgreSQL：请先运行 make up，或设置 DATABASE_URL")
    rules = load_rules(settings.rules_dir)
    with stop_requested() as stop:
        client = await connect(settings)
        await prepare_namespace(client, settings)
        engine = database.writer(settings.database_url)
        async with AsyncExitStack() as stack:
            await stack.enter_async_context(_migrating(settings.database_url))
            stack.push_async_callback(engine.dispose)
            sender = sender_for(settings, rules, engine)
            await _open_ports(stack, settings, client, engine)
            await stack.enter_async_context(run_worker(client, engine, rules, settings, sender=sender))
            await stack.enter_async_context(_watching(rules.rulebook.calendar, settings.calendar_alarm_days))
            log.info("worker started", task_queue=settings.task_queue, rules=rules.rulebook.version)
            await stop.wait()
            log.info("worker draining")
    log.info("worker stopped")


@asynccontextmanager
async def _watching(calendar: Calendar, days: int) -> AsyncIterator[None]:
    """Says once a day that the calendar runs out; the metric says it whenever it is asked."""
    CALENDAR_DAYS.set_function(lambda: calendar.days_left(shanghai_day(datetime.now(UTC))))

    async def daily() -> None:
        while True:
            said = alarm(calendar, shanghai_day(datetime.now(UTC)), days)
            if said:
                log.warning("the calendar runs out", reason=said)
            await asyncio.sleep(DAY_SECONDS)

    watch = asyncio.create_task(daily())
    try:
        yield
    finally:
        watch.cancel()
        await asyncio.gather(watch, return_exceptions=True)


@asynccontextmanager
async def _migrating(url: str, pause: float = MIGRATE_SECONDS) -> AsyncIterator[asyncio.Task[None] | None]:
    """Brings the ledger's tables up to date before the block runs. With PostgreSQL down a worker starts all the
    same (commands go on, the ledger catches up), and what is missing is done as soon as it answers: the task."""
    if await _migrated(url):
        yield None
        return

    async def again() -> None:
        wait = pause
        while not await _migrated(url):
            await asyncio.sleep(wait)
            wait = min(MIGRATE_MOST_SECONDS, wait * 2)
        log.info("the ledger answers, its tables are up to date")

    task = asyncio.create_task(again())
    try:
        yield task
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


async def _migrated(url: str) -> bool:
    try:
        await migrate.upgrade(url)
    except (SQLAlchemyError, OSError, TimeoutError) as err:
        log.warning("the ledger does not answer, its tables stay as they are", error=type(err).__name__)
        return False
    return True


async def _open_ports(stack: AsyncExitStack, settings: Settings, client: Client, engine: AsyncEngine) -> None:
    async def ready() -> bool:
        """The ledger is no condition: without it commands go on."""
        return await client.service_client.check_health()

    try:
        if settings.health_port is not None:
            port = await stack.enter_async_context(
                health_server(settings.health_port, ready, settings.monitor_host)
            )
            log.info("health", port=port)
        if settings.metrics_port is not None:
            server, _ = prometheus_client.start_http_server(settings.metrics_port, settings.monitor_host)
            stack.callback(server.shutdown)
    except OSError as err:
        raise PortBusy(f"工作进程的端口不能用（{err.strerror}）：请改 CLUEFLOW_HEALTH_PORT") from err


def main(arguments: list[str] | None = None) -> int:
    """The exit code: 0 stopped as asked, 2 wrong usage or settings, 5 a service can't be reached."""
    parser = argparse.ArgumentParser(prog="worker.py", description="运行工作进程，直到 Ctrl-C 或 SIGTERM")
    parser.add_argument("--workers", type=int, default=1, metavar="N", help="进程数（默认 1）")
    count = parser.parse_args(arguments).workers
    if count < 1:
        parser.error("--workers 至少为 1")
    try:
        settings = get_settings()
        configure_logs(settings)
        if count > 1:
            return _Pool(count).run()
        asyncio.run(serve(settings))
    except BadSettings as err:
        print(err, file=sys.stderr)
        return err.exit_code
    except GroundError as err:
        log.error("worker can't start", reason=str(err))
        return err.exit_code
    except KeyboardInterrupt:
        return 130
    return 0


class _Pool:
    """N processes of this program. One that is killed is started anew; one that says why it can't run ends all."""

    def __init__(self, count: int) -> None:
        self._stopping = False
        self._children = {n: self._start(n) for n in range(count)}

    def run(self) -> int:
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, self._stop)
        worst = 0
        while self._children:
            n, code = self._next_end()
            del self._children[n]
            if code < 0 and not self._stopping:
                log.warning("a worker was killed, starting another", signal=-code)
                self._children[n] = self._start(n)
            elif code > 0 and not self._stopping:
                worst = code
                self._stop()
        return worst

    def _next_end(self) -> tuple[int, int]:
        while True:
            for n, child in self._children.items():
                with contextlib.suppress(subprocess.TimeoutExpired):
                    return n, child.wait(POLL_SECONDS / len(self._children))

    def _start(self, n: int) -> subprocess.Popen[bytes]:
        ports = {} if n == 0 else dict.fromkeys(PORTS, "")  # one process can have them
        environ = {key: value for key, value in {**os.environ, **ports}.items() if value}
        return subprocess.Popen([sys.executable, os.path.abspath(__file__)], env=environ)

    def _stop(self, *_: object) -> None:
        self._stopping = True
        for child in self._children.values():
            child.terminate()


if __name__ == "__main__":
    # Python 3.11 may abort at the interpreter's exit with the SDK's threads still there, after all is done.
    code = main()
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(code)
