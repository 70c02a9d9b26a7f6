"""Migrations: from nothing to the models and back, from any folder, by several at once."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from pathlib import Path

import pytest

from ledger import database, migrate
from ledger.flush import flush
from runtime.embedded.postgres import EmbeddedPostgres
from tests.ledger.cases import reported, rulebook
from tests.ledger.dump import dump


@pytest.fixture
def empty_url(postgres: EmbeddedPostgres) -> Iterator[str]:
    postgres.sql("CREATE DATABASE migrated")
    yield postgres.url("migrated")
    postgres.sql("DROP DATABASE migrated WITH (FORCE)")


async def test_models_and_migrations_agree(empty_url: str) -> None:
    assert await migrate.current(empty_url) is None
    assert await migrate.differences(empty_url) != []
    await migrate.upgrade(empty_url)
    assert await migrate.current(empty_url) == migrate.head()
    assert await migrate.differences(empty_url) == []


async def test_two_workers_may_start_at_once_from_anywhere(
    empty_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    await asyncio.gather(*(migrate.upgrade(empty_url) for _ in range(4)))
    assert await migrate.current(empty_url) == migrate.head()


async def test_down_and_up_again(empty_url: str) -> None:
    await migrate.upgrade(empty_url)
    await migrate.downgrade(empty_url, "base")
    assert await migrate.current(empty_url) is None
    await migrate.upgrade(empty_url)
    assert await migrate.differences(empty_url) == []


async def test_going_down_never_drops_events(empty_url: str) -> None:
    await migrate.upgrade(empty_url)
    engine = database.create(empty_url)
    await flush(engine, reported().sealed, rulebook())
    before = await dump(engine)
    with pytest.raises(RuntimeError, match="台账里还有事件"):
        await migrate.downgrade(empty_url, "base")
    assert await dump(engine) == before
    await engine.dispose()


def test_plain_addresses_name_the_async_driver() -> None:
    for plain in ("postgres://u@h/d", "postgresql://u@h/d", "postgresql+asyncpg://u@h/d"):
        assert database.async_url(plain) == "postgresql+asyncpg://u@h/d"
