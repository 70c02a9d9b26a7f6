"""The services that a command speaks with: what the settings name, else the stack that runs in the data folder."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import cache
from typing import TYPE_CHECKING

from domain.errors import DomainError
from domain.shapes import nearest
from runtime.errors import ServiceUnreachable
from runtime.logs import configure_logs
from runtime.rules import Rules, load_rules
from runtime.settings import Settings, get_settings

# Temporal, PostgreSQL and polygons are loaded by what needs them: help and mistyped lines need not wait for that.
if TYPE_CHECKING:
    from sqlalchemy.ext.asyncio import AsyncEngine

    from geo.placer import AtlasPlacer
    from ledger.reader import Records
    from runtime.client import ClueClient

PATIENCE = 10.0  # seconds that somebody at a terminal waits for an answer


def prepare(level: str = "WARNING") -> Settings:
    """The settings with the running stack's addresses; logs go to stderr from `level` on."""
    from runtime.embedded.stack import with_running
    from runtime.temporal import core_logs_to_python

    settings = get_settings()
    if settings.log_level == "INFO":  # the default is for servers, not for a terminal
        settings = settings.model_copy(update={"log_level": level})
    configure_logs(settings)
    core_logs_to_python()
    return with_running(settings)


@cache
def the_rules() -> Rules:
    return load_rules(get_settings().rules_dir)


@cache
def the_placer() -> AtlasPlacer:
    """Places what has coordinates; reads its polygons at the first."""
    from geo.placer import AtlasPlacer

    return AtlasPlacer(the_rules(), get_settings())


@asynccontextmanager
async def the_ledger(settings: Settings) -> AsyncIterator[AsyncEngine]:
    """The ledger's engine. Raises ServiceUnreachable where there is none, or it stops answering."""
    from sqlalchemy.exc import SQLAlchemyError

    from ledger import database

    if not settings.database_url:
        raise ServiceUnreachable("没有可用的 PostgreSQL：请先运行 make up，或设置 DATABASE_URL")
    engine = database.create(settings.database_url)
    try:
        yield engine
    except (SQLAlchemyError, OSError, TimeoutError) as err:
        # Never the address itself: it may hold a password.
        raise ServiceUnreachable(
            f"台账数据库没有应答（{type(err).__name__}）：请确认 PostgreSQL 已启动，或用 starter.py doctor 检查"
        ) from err
    finally:
        await engine.dispose()


@asynccontextmanager
async def the_clues(settings: Settings, *, patience: float = PATIENCE) -> AsyncIterator[ClueClient]:
    """The clues. An unknown number is answered with the nearest known one, as far as the ledger can tell."""
    from ledger import database
    from ledger.reader import Records
    from runtime.client import ClueClient
    from runtime.temporal import connect

    temporal = await connect(settings)
    engine = database.create(settings.database_url) if settings.database_url else None
    records = None if engine is None else Records(engine)
    client = ClueClient(
        temporal,
        the_rules(),
        task_queue=settings.task_queue,
        ledger=records,
        placer=the_placer(),
        patience=patience,
    )
    try:
        yield client
    except DomainError as err:
        raise await _with_guess(err, records) from None
    finally:
        if engine is not None:
            await engine.dispose()


async def _with_guess(err: DomainError, records: Records | None) -> DomainError:
    typed = next((w for w in err.message.replace("，", " ").split() if "-" in w), None)
    if err.code != "unknown_clue" or records is None or typed is None:
        return err
    try:
        found = nearest(typed, await records.similar(typed))
    except ServiceUnreachable:
        return err
    return err if found is None else DomainError(err.code, f"没有线索 {typed}，是否想写 {found}")
