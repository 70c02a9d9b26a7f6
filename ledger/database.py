"""The way to PostgreSQL: a small pool whose every wait has an end."""

from __future__ import annotations

import contextlib
import os
from collections.abc import AsyncIterator
from datetime import datetime
from typing import Final

from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine, create_async_engine
from sqlalchemy.sql import text

POOL_SIZE: Final = 5
POOL_OVERFLOW: Final = 10
CONNECT_SECONDS: Final = 5
WRITER_POOL_SIZE: Final = 10
WRITER_SECONDS: Final = 4  # a failed statement and its rollback fit into an attempt
COMMAND_SECONDS: Final = 8  # the client's own end of a wait, for a server that has stopped answering
SERVER_SETTINGS: Final = {
    "application_name": "clueflow",
    "statement_timeout": "7000",  # ms; the server's end comes first, and names the statement
    "lock_timeout": "5000",  # ms
    "idle_in_transaction_session_timeout": "30000",  # ms
    "jit": "off",  # compiling costs more than any statement here takes
    "timezone": "UTC",
}


def create(
    url: str,
    *,
    ping: bool = True,
    pool_size: int = POOL_SIZE,
    command_seconds: float | None = COMMAND_SECONDS,
) -> AsyncEngine:
    """An engine on `url`; `postgresql://` and `postgres://` are taken for `postgresql+asyncpg://`.

    `ping` asks before each use whether a pooled connection still lives: one round trip, worth it for a
    reader; `writer` does without. Nothing is contacted yet.
    """
    return create_async_engine(
        async_url(url),
        pool_size=pool_size,
        max_overflow=POOL_OVERFLOW,
        pool_timeout=CONNECT_SECONDS,
        pool_pre_ping=ping,
        connect_args={
            "timeout": CONNECT_SECONDS,
            "command_timeout": command_seconds,
            "server_settings": SERVER_SETTINGS,
        },
    )


def writer(url: str) -> AsyncEngine:
    """An engine for the flushing activities: no ping, and every wait ends before the activity's own does."""
    return create(url, ping=False, pool_size=WRITER_POOL_SIZE, command_seconds=WRITER_SECONDS)


def async_url(url: str) -> str:
    """The address with the async driver named."""
    for plain in ("postgresql://", "postgres://"):
        if url.startswith(plain):
            return "postgresql+asyncpg://" + url.removeprefix(plain)
    return url


def default_url() -> str:
    """`DATABASE_URL`, for the tools that only have the environment. KeyError when it is not set."""
    return async_url(os.environ["DATABASE_URL"])


async def server(engine: AsyncEngine) -> tuple[str, datetime]:
    """The server's version, and what its clock says now."""
    async with engine.connect() as connection:
        row = (
            await connection.execute(
                text("SELECT current_setting('server_version') AS version, clock_timestamp() AS now")
            )
        ).one()
    return row.version, row.now


@contextlib.asynccontextmanager
async def snapshot(engine: AsyncEngine) -> AsyncIterator[AsyncConnection]:
    """A transaction whose queries all see the same moment, for what takes more than one look."""
    async with engine.connect() as plain:
        connection = await plain.execution_options(isolation_level="REPEATABLE READ")
        async with connection.begin():
            yield connection


async def no_time_limit(connection: AsyncConnection) -> None:
    """Lifts the server's time limit for the rest of this transaction: for reading the whole log."""
    await connection.execute(text("SET LOCAL statement_timeout = 0"))
