"""Bringing a database to this version's tables, from any folder and by several processes at once."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, Final, TypeVar

from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, text
from sqlmodel import SQLModel

from ledger import database

MIGRATIONS: Final = Path(__file__).parent / "migrations"
T = TypeVar("T")
LOCK: Final = 0x636C7565  # "clue": one migration at a time, whoever starts it


async def upgrade(url: str, revision: str = "head") -> None:
    """Migrates `url` to `revision` in one transaction; does nothing where it is there already.

    Two processes may call it at once: the second one waits and finds the work done. Raises what
    SQLAlchemy raises when the database can't be reached.
    """
    await _migrate(url, lambda config: command.upgrade(config, revision))


async def downgrade(url: str, revision: str) -> None:
    """Goes back to `revision`. A step that would drop the record refuses while it holds events."""
    await _migrate(url, lambda config: command.downgrade(config, revision))


async def current(url: str) -> str | None:
    """The revision that the database has; None for an empty one."""
    return await _with_connection(url, lambda c: MigrationContext.configure(c).get_current_revision())


def head() -> str | None:
    """The revision that this version of the program wants."""
    return ScriptDirectory.from_config(_config()).get_current_head()


async def differences(url: str) -> list[Any]:
    """What Alembic would still write to make the tables agree with the models; empty when they do."""

    def compare(connection: Connection) -> list[Any]:
        context = MigrationContext.configure(connection, opts={"compare_server_default": True})
        return list(compare_metadata(context, SQLModel.metadata))

    import models  # noqa: F401  the tables register themselves

    return await _with_connection(url, compare)


def _config(connection: Connection | None = None) -> Config:
    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS).replace("%", "%%"))
    config.set_main_option("path_separator", "os")
    config.attributes["connection"] = connection
    return config


async def _migrate(url: str, step: Callable[[Config], None]) -> None:
    def run(connection: Connection) -> None:
        connection.execute(text("SET LOCAL lock_timeout = 0"))
        connection.execute(text("SET LOCAL statement_timeout = 0"))
        connection.execute(text("SELECT pg_advisory_xact_lock(:lock)"), {"lock": LOCK})
        step(_config(connection))

    await _with_connection(url, run)


async def _with_connection(url: str, work: Callable[[Connection], T]) -> T:
    engine = database.create(url, ping=False, pool_size=1, command_seconds=None)
    try:
        async with engine.begin() as connection:
            return await connection.run_sync(work)
    finally:
        await engine.dispose()
