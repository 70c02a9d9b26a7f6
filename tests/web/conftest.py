"""The application over a filled ledger, asked without a network."""

from __future__ import annotations

from collections.abc import AsyncIterator

import httpx
import pytest
from sqlalchemy.ext.asyncio import AsyncEngine

from ledger import database
from tests.web.house import fill, services
from web.app import create_app


@pytest.fixture
async def engine(database_url: str) -> AsyncIterator[AsyncEngine]:
    engine = database.create(database_url)
    yield engine
    await engine.dispose()


@pytest.fixture
async def filled(engine: AsyncEngine) -> AsyncEngine:
    await fill(engine)
    return engine


@pytest.fixture
async def client(filled: AsyncEngine) -> AsyncIterator[httpx.AsyncClient]:
    """A visitor of the filled house, as of `NOW`."""
    transport = httpx.ASGITransport(create_app(services(filled)), raise_app_exceptions=False)
    async with httpx.AsyncClient(transport=transport, base_url="http://clueflow.test") as visitor:
        yield visitor
