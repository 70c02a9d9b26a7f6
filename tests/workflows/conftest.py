from collections.abc import AsyncIterator

import pytest
from temporalio.client import Client

from runtime.client import ClueClient
from tests.workflows.shell import Desk, FakeLedger, shell


@pytest.fixture
def ledger() -> FakeLedger:
    return FakeLedger()


@pytest.fixture
async def clues(temporal_client: Client, ledger: FakeLedger) -> AsyncIterator[ClueClient]:
    """A client of real workflows on a real server, with the ledger in memory behind them."""
    async with shell(temporal_client, ledger) as client:
        yield client


@pytest.fixture
def desk(clues: ClueClient) -> Desk:
    return Desk(clues)
