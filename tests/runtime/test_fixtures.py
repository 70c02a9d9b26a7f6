"""The shared fixtures give what they promise."""

import asyncpg
from temporalio.client import Client
from temporalio.testing import WorkflowEnvironment

from runtime.embedded.postgres import EmbeddedPostgres
from runtime.namespace import SEARCH_ATTRIBUTES


def plain(url: str) -> str:
    return url.replace("postgresql+asyncpg://", "postgresql://")


async def test_a_stopped_postgres_comes_back_at_the_same_address(own_postgres: EmbeddedPostgres) -> None:
    own_postgres.sql("CREATE TABLE kept (n int)")
    own_postgres.stop()
    own_postgres.start()
    connection = await asyncpg.connect(plain(own_postgres.url()))
    assert await connection.fetchval("SELECT count(*) FROM kept") == 0
    await connection.close()


async def test_the_dev_server_knows_our_search_attributes(temporal_client: Client) -> None:
    count = await temporal_client.count_workflows("ClueStage = 'notified' AND ClueParties IN ('999999.eco')")
    assert count.count == 0
    assert "ClueNextDue" in SEARCH_ATTRIBUTES


async def test_the_time_skipping_clock_moves_without_waiting(temporal_env: WorkflowEnvironment) -> None:
    before = await temporal_env.get_current_time()
    await temporal_env.sleep(86_400)
    assert (await temporal_env.get_current_time() - before).days == 1
