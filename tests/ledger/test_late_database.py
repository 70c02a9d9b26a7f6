"""A worker that starts while PostgreSQL is away brings the tables up to date as soon as it is back."""

from __future__ import annotations

import asyncio
from pathlib import Path

import worker
from ledger import migrate
from runtime.embedded.postgres import EmbeddedPostgres


async def test_the_migration_is_done_when_the_database_comes_back(server_folder: Path) -> None:
    server = EmbeddedPostgres(server_folder, durable=False)
    await asyncio.to_thread(server.start)  # where its socket is, is known from then on
    url = server.url()
    await asyncio.to_thread(server.stop)
    try:
        async with worker._migrating(url, pause=0.05) as task:
            assert task is not None
            assert not task.done()
            await asyncio.to_thread(server.start)
            async with asyncio.timeout(60):
                await task
            assert await migrate.current(url) == migrate.head()
    finally:
        await asyncio.to_thread(server.stop)


async def test_nothing_goes_on_behind_where_it_worked_at_once(server_folder: Path) -> None:
    server = EmbeddedPostgres(server_folder, durable=False)
    await asyncio.to_thread(server.start)
    try:
        async with worker._migrating(server.url()) as task:
            assert task is None
            assert await migrate.current(server.url()) == migrate.head()
    finally:
        await asyncio.to_thread(server.stop)


async def test_a_worker_that_stops_stops_trying(server_folder: Path) -> None:
    nowhere = f"postgresql+asyncpg://nobody@/none?host={server_folder}"
    async with worker._migrating(nowhere, pause=0.01) as task:
        assert task is not None
    assert task.cancelled()
