"""A ledger with notices, for the channels' tests."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from ledger import database
from tests.notices.ground import Ground


@pytest.fixture
async def ground(database_url: str, tmp_path: Path) -> AsyncIterator[Ground]:
    engine = database.create(database_url)
    yield Ground(engine, tmp_path)
    await engine.dispose()
