"""PostgreSQL goes away under the sender, and comes back."""

from __future__ import annotations

import asyncio
from pathlib import Path

from sqlalchemy.exc import SQLAlchemyError

from ledger import database, migrate
from runtime.embedded.postgres import EmbeddedPostgres
from tests.notices.ground import Ground, hook, route, until
from tests.notices.receivers import Answer, gateway


async def test_a_ledger_that_is_away_for_a_moment_makes_nobody_be_told_twice(
    own_postgres: EmbeddedPostgres, tmp_path: Path
) -> None:
    url = own_postgres.url()
    await migrate.upgrade(url)
    ground = Ground(database.create(url), tmp_path)
    async with gateway(Answer(delay=1.0)) as there:
        await ground.told()
        sender = ground.sender({"channels": {"a": hook(there.base, timeout=5)}, "routes": [route("a")]})
        running = asyncio.create_task(sender.run())
        await until(lambda: there.heard)
        await asyncio.to_thread(own_postgres.stop)  # the gateway hasn't answered yet
        await asyncio.sleep(2.0)
        assert not running.done()
        await asyncio.to_thread(own_postgres.start)
        await until(lambda: _accepted(ground))
        await ground.told("XS-320583-20240403-0002")  # and it goes on
        await until(lambda: len(there.heard) == 2)
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)
    assert len(there.heard) == 2
    assert {row["attempts"] for row in await ground.rows()} == {1}
    await ground.engine.dispose()


async def _accepted(ground: Ground) -> bool:
    try:
        return await ground.states() == {"a": "accepted"}
    except (SQLAlchemyError, OSError):
        return False
