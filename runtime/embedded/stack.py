"""PostgreSQL and Temporal together, embedded or given, for as long as a block runs.

A lock file in the data folder lets one stack at a time have it; `stack.json` beside it tells other commands
where the running one listens, and the next start what a killed one may have left.
"""

import asyncio
import errno
import fcntl
import json
import os
import shutil
import signal
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import TextIO

import asyncpg
import psutil
from temporalio.client import Client

from runtime.embedded.postgres import EmbeddedPostgres
from runtime.embedded.process import ServerProcess, end_orphan
from runtime.embedded.temporal import EmbeddedTemporal, download_cli, find_cli
from runtime.errors import AlreadyRunning, DiskFull, ServiceUnreachable
from runtime.logs import get_logger
from runtime.namespace import prepare_namespace
from runtime.settings import Settings
from runtime.temporal import connect

LOCK_FILE = "stack.lock"
STATE_FILE = "stack.json"
WATCH_PAUSE = 0.5  # seconds
DATABASE_SECONDS = 10  # for the first answer of a given database

log = get_logger(__name__)


@dataclass(frozen=True)
class Child:
    """A server process of a stack; the time of its start tells it from a later one with the same number."""

    name: str
    pid: int
    created: float  # seconds since the epoch


@dataclass(frozen=True)
class Running:
    """What `stack.json` says of the stack that has the data folder."""

    pid: int
    created: float
    database_url: str
    temporal_address: str
    children: tuple[Child, ...] = ()


@dataclass(frozen=True)
class Stack:
    """A running stack. `settings` name its servers, so that everything else takes them from there."""

    settings: Settings
    client: Client
    postgres: EmbeddedPostgres | None = None  # None: DATABASE_URL was given
    temporal: EmbeddedTemporal | None = None  # None: TEMPORAL_ADDRESS was given
    servers: tuple[ServerProcess, ...] = field(default=())

    @property
    def database_url(self) -> str:
        assert self.settings.database_url is not None
        return self.settings.database_url

    @property
    def temporal_address(self) -> str:
        assert self.settings.temporal_address is not None
        return self.settings.temporal_address

    def environ(self) -> dict[str, str]:
        """The environment for a child process that is to use this stack."""
        return {
            **os.environ,
            "DATABASE_URL": self.database_url,
            "TEMPORAL_ADDRESS": self.temporal_address,
            "TEMPORAL_NAMESPACE": self.settings.temporal_namespace,
            "CLUEFLOW_DATA_DIR": str(self.settings.data_dir),
        }

    async def watch(self) -> None:
        """Returns never; raises ServiceUnreachable when a server of ours has died."""
        while True:
            for server in self.servers:
                if not server.alive:
                    raise ServiceUnreachable(f"{server.name} 意外退出，日志在 {server.log}")
            await asyncio.sleep(WATCH_PAUSE)


@asynccontextmanager
async def running_stack(settings: Settings) -> AsyncIterator[Stack]:
    """Starts what DATABASE_URL and TEMPORAL_ADDRESS do not give, and stops it at the end, however it ends.

    Must run in the main thread. Raises AlreadyRunning, DiskFull, PortBusy, MissingTool or ServiceUnreachable,
    each with a sentence for the person at the terminal; nothing of a half-started stack is left then.
    """
    with _hold(settings) as folder:
        postgres = None if settings.database_url else EmbeddedPostgres(folder / "pg", log_dir=folder / "logs")
        temporal = None if settings.temporal_address else await _embedded_temporal(settings, folder)
        try:
            yield await _start(settings, folder, postgres, temporal)
        finally:
            # Temporal first: it is the one that remembers commands not yet in the ledger.
            for server in (temporal, postgres):
                if server is not None:
                    server.stop()
            (folder / STATE_FILE).unlink(missing_ok=True)


def running(settings: Settings) -> Running | None:
    """The stack that now has the data folder, told by its own `stack.json`; None if there is none."""
    state = _read_state(settings.data_dir)
    return state if state is not None and _process(state.pid, state.created) else None


def with_running(settings: Settings) -> Settings:
    """`settings` with the addresses of the running stack where none are given."""
    stack = running(settings)
    if stack is None:
        return settings
    return settings.model_copy(
        update={
            "database_url": settings.database_url or stack.database_url,
            "temporal_address": settings.temporal_address or stack.temporal_address,
        }
    )


async def _start(
    settings: Settings, folder: Path, postgres: EmbeddedPostgres | None, temporal: EmbeddedTemporal | None
) -> Stack:
    if postgres is not None:
        postgres.start()
        settings = settings.model_copy(update={"database_url": postgres.url()})
    else:
        await _check_database(settings.database_url or "")
    if temporal is not None:
        temporal.start()
        settings = settings.model_copy(update={"temporal_address": temporal.address})
    servers = tuple(s.process for s in (postgres, temporal) if s is not None and s.process is not None)
    client = await connect(settings)
    await prepare_namespace(client, settings)
    stack = Stack(settings, client, postgres, temporal, servers)
    _write_state(folder, stack)
    return stack


async def _embedded_temporal(settings: Settings, folder: Path) -> EmbeddedTemporal:
    return EmbeddedTemporal(
        find_cli(settings) or await download_cli(folder),
        folder / "logs" / "temporal.log",
        database=folder / "temporal.db",
        port=settings.temporal_port,
        namespace=settings.temporal_namespace,
    )


async def _check_database(url: str) -> None:
    try:
        connection = await asyncpg.connect(
            url.replace("postgresql+asyncpg://", "postgresql://"), timeout=DATABASE_SECONDS
        )
    except (OSError, TimeoutError, asyncpg.PostgresError, ValueError) as err:
        # Never the address itself: it may hold a password.
        raise ServiceUnreachable(
            f"连不上 DATABASE_URL 所指的 PostgreSQL：{type(err).__name__} {err}"
        ) from None
    await connection.close()


@contextmanager
def _hold(settings: Settings) -> Iterator[Path]:
    """The data folder, made if missing, for us alone. A full disk shows here or in the servers' own words."""
    folder = settings.data_dir.resolve()
    try:
        with _open_lock(folder) as lock:
            _lock(lock.fileno(), folder)
            _check_space(folder, settings.min_free_mb)
            _clear_orphans(folder)
            yield folder
    except OSError as err:
        if err.errno in (errno.ENOSPC, errno.EDQUOT):
            raise DiskFull(f"磁盘已满：{folder}") from err
        raise


def _open_lock(folder: Path) -> TextIO:
    try:
        folder.mkdir(parents=True, exist_ok=True)
        return (folder / LOCK_FILE).open("a")
    except OSError as err:
        if err.errno in (errno.ENOSPC, errno.EDQUOT):
            raise
        raise ServiceUnreachable(f"数据目录 {folder} 不能用：{err.strerror}") from err


def _lock(descriptor: int, folder: Path) -> None:
    # The kernel lets go of it with the process: there is no stale lock.
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        state = _read_state(folder)
        who = f"（进程 {state.pid}）" if state else ""
        raise AlreadyRunning(
            f"这个数据目录的服务已在运行{who}：{folder}。请先停掉它，或用 CLUEFLOW_DATA_DIR 另指目录"
        ) from None


def _check_space(folder: Path, min_free_mb: int) -> None:
    free = shutil.disk_usage(folder).free // (1024 * 1024)
    if free < min_free_mb:
        raise DiskFull(f"磁盘空间不足：{folder} 所在磁盘只剩 {free} MB，至少要 {min_free_mb} MB")


def _clear_orphans(folder: Path) -> None:
    state = _read_state(folder)
    for child in state.children if state else ():
        process = _process(child.pid, child.created)
        if process is not None:
            log.warning("ending a server left by a killed run", server=child.name, pid=child.pid)
            end_orphan(process, signal.SIGINT)
    (folder / STATE_FILE).unlink(missing_ok=True)


def _process(pid: int, created: float) -> psutil.Process | None:
    try:
        process = psutil.Process(pid)
        same = abs(process.create_time() - created) < 1 and process.status() != psutil.STATUS_ZOMBIE
    except psutil.Error:
        return None
    return process if same else None


def _read_state(folder: Path) -> Running | None:
    try:
        raw = json.loads((folder / STATE_FILE).read_text())
        return Running(**{**raw, "children": tuple(Child(**child) for child in raw["children"])})
    except (OSError, ValueError, TypeError, KeyError):
        return None


def _write_state(folder: Path, stack: Stack) -> None:
    state = Running(
        pid=os.getpid(),
        created=psutil.Process().create_time(),
        database_url=stack.database_url,
        temporal_address=stack.temporal_address,
        children=tuple(
            Child(server.name, server.pid, psutil.Process(server.pid).create_time())
            for server in stack.servers
            if server.pid is not None
        ),
    )
    fresh = folder / (STATE_FILE + ".new")
    fresh.touch(mode=0o600)  # a given database address may hold a password
    fresh.write_text(json.dumps(asdict(state)))
    fresh.replace(folder / STATE_FILE)
