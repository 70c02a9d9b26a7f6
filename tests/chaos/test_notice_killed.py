"""A worker process killed while a gateway has its notice and hasn't answered yet."""

import asyncio
import json
from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy import text
from temporalio.client import Client

from ledger import database
from notices.sender import LEASE
from runtime.embedded.temporal import EmbeddedTemporal
from tests.chaos.ground import worker_process
from tests.notices.ground import Ground, hook, route, until
from tests.notices.receivers import Answer, gateway
from tests.workflows.shell import fresh_no


async def test_what_was_in_its_hands_is_sent_by_the_next_under_the_same_id(
    dev_server: EmbeddedTemporal,
    temporal_client: Client,
    database_url: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    ground, queue = Ground(database.create(database_url), tmp_path), fresh_no("queue")
    async with gateway(Answer(delay=20), Answer()) as there:
        file = tmp_path / "channels.json"
        content = {"channels": {"a": hook(there.base, timeout=15)}, "routes": [route("a")]}
        file.write_text(json.dumps(content), encoding="utf-8")
        monkeypatch.setenv("CLUEFLOW_CHANNELS", str(file))
        await ground.told()
        with worker_process(tmp_path, dev_server.address, database_url, queue) as first:
            await until(lambda: there.heard, 60)
            first.kill()
        (row,) = await ground.rows()
        assert (row["state"], row["attempts"]) == ("queued", 1)
        assert await ground.rows("delivery_attempt") == []  # nobody lived to tell
        with worker_process(tmp_path, dev_server.address, database_url, queue) as second:
            await second.up()
            await asyncio.sleep(2.0)
            assert len(there.heard) == 1  # the lease still holds
            await _later(ground, LEASE)
            await until(lambda: _accepted(ground), 60)
    assert len({heard.headers["Idempotency-Key"] for heard in there.heard}) == 1
    assert len(there.heard) == 2
    outcomes = [(a["n"], a["outcome"]) for a in await ground.rows("delivery_attempt")]
    assert outcomes == [(1, "lost"), (2, "accepted")]
    await ground.engine.dispose()


async def _later(ground: Ground, by: timedelta) -> None:
    """As if that much time had gone by for what is leased."""
    async with ground.engine.begin() as connection:
        await connection.execute(
            text("UPDATE delivery SET lease_until = lease_until - CAST(:by AS interval)"), {"by": by}
        )


async def _accepted(ground: Ground) -> bool:
    return await ground.states() == {"a": "accepted"}
