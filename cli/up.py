"""`starter.py up`: the whole house in one process, until Ctrl-C."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime

import typer
import uvicorn
from rich.markup import escape
from sqlalchemy.ext.asyncio import AsyncEngine

from cli.output import console
from cli.services import the_placer, the_rules
from ledger import database, migrate
from ledger.reader import Records
from notices.config import load_channels
from notices.sender import sender_for
from runtime.client import ClueClient
from runtime.embedded.stack import Stack, running, running_stack
from runtime.errors import AlreadyRunning, PortBusy
from runtime.logs import configure_logs
from runtime.settings import Settings, get_settings
from runtime.signals import stop_requested
from runtime.temporal import core_logs_to_python
from web.app import create_app
from web.services import Services
from worker import run_worker

LAST_WORDS = 3  # seconds for pages that still listen when the house closes


@dataclass(frozen=True)
class House:
    """A running stack with its tables, a worker, a reader's engine and a client."""

    stack: Stack
    engine: AsyncEngine
    clues: ClueClient


def up() -> None:
    """启动整套服务：Temporal、PostgreSQL、工作进程、网页；Ctrl-C 结束。"""
    settings = get_settings()
    configure_logs(settings)
    core_logs_to_python()
    asyncio.run(_up(settings))
    raise typer.Exit(0)


@asynccontextmanager
async def house(settings: Settings) -> AsyncIterator[House]:
    """Everything but the pages; what was begun is finished when the block ends, however it ends."""
    rules = the_rules()
    async with running_stack(settings) as stack:
        await migrate.upgrade(stack.database_url)
        writing = database.create(stack.database_url, ping=False)
        reading = database.create(stack.database_url)
        clues = ClueClient(
            stack.client,
            rules,
            task_queue=settings.task_queue,
            ledger=Records(reading),
            placer=the_placer(),
        )
        try:
            sender = sender_for(settings, rules, writing)
            async with run_worker(stack.client, writing, rules, stack.settings, sender=sender):
                yield House(stack, reading, clues)
        finally:
            await writing.dispose()
            await reading.dispose()


async def _up(settings: Settings) -> None:
    if (other := running(settings)) is not None:  # said before the port, which it has too
        raise AlreadyRunning(
            f"这个数据目录的服务已在运行（进程 {other.pid}）：{settings.data_dir.resolve()}。"
            "请先停掉它，或用 CLUEFLOW_DATA_DIR 另指目录"
        )
    if settings.channels is not None:  # said before anything is started
        load_channels(settings.channels, the_rules())
    with stop_requested() as stop, _listening(settings) as door:
        async with house(settings) as home, pages(home, door) as address:
            _greet(home, address)
            waits = [asyncio.create_task(stop.wait()), asyncio.create_task(home.stack.watch())]
            try:
                done, _ = await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
                for task in done:
                    task.result()
            finally:
                for task in waits:
                    task.cancel()
                console().print("正在停止……")
    console().print("已停止，数据都在。")


def _greet(home: House, address: str) -> None:
    out, settings = console(), home.stack.settings
    out.print("[bold green]线索通已启动[/]，Ctrl-C 结束", soft_wrap=True)
    for name, value in (
        ("网页", address),
        ("Temporal", home.stack.temporal_address),
        ("PostgreSQL", "DATABASE_URL 所指" if home.stack.postgres is None else "嵌入式"),
        ("通知渠道", "只进收件箱" if settings.channels is None else str(settings.channels)),
        ("数据目录", str(settings.data_dir.resolve())),
    ):
        out.print(f"  {name}  {escape(value)}", soft_wrap=True)


@contextmanager
def _listening(settings: Settings) -> Iterator[socket.socket]:
    """The pages' port, taken before anything is started. Raises PortBusy."""
    door = socket.socket(socket.AF_INET6 if ":" in settings.web_host else socket.AF_INET)
    try:
        door.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            door.bind((settings.web_host, settings.web_port))
        except OSError as err:
            where = f"{settings.web_host}:{settings.web_port}"
            raise PortBusy(
                f"网页端口 {where} 不能用（{err.strerror}）：请用 CLUEFLOW_WEB_PORT 换一个，0 为任选"
            ) from err
        yield door
    finally:
        door.close()


class _Pages(uvicorn.Server):
    """Signals are ours: the stack must close in order behind the pages."""

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


@asynccontextmanager
async def pages(home: House, door: socket.socket) -> AsyncIterator[str]:
    """The pages on an open port; gives their address."""
    services = Services(
        home.engine,
        the_rules(),
        home.clues,
        lambda: datetime.now(UTC),
        atlas=lambda: the_placer().atlas,
        public_url=home.stack.settings.public_url,
    )
    app = create_app(services)
    config = uvicorn.Config(
        app, log_config=None, access_log=False, timeout_graceful_shutdown=LAST_WORDS, lifespan="on"
    )
    server = _Pages(config)
    task = asyncio.create_task(server.serve(sockets=[door]))
    host, port = door.getsockname()[:2]
    try:
        yield f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"
    finally:
        server.should_exit = True
        await task
