"""Fixtures shared by all tests.

Servers are real and start only when a test asks for them; each xdist worker has its own, in a folder of its
own, and all are gone when the run ends.
"""

import asyncio
import importlib
import itertools
import os
import tempfile
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from hypothesis import HealthCheck
from hypothesis import settings as hypothesis_settings
from temporalio.client import Client
from temporalio.testing import WorkflowEnvironment

from runtime.embedded.postgres import EmbeddedPostgres
from runtime.embedded.temporal import EmbeddedTemporal, find_cli
from runtime.embedded.testing import time_skipping_env
from runtime.namespace import prepare_namespace
from runtime.settings import Settings
from runtime.temporal import connect

hypothesis_settings.register_profile("dev", max_examples=100, deadline=None)
hypothesis_settings.register_profile(
    "ci", max_examples=200, deadline=None, derandomize=True, suppress_health_check=[HealthCheck.too_slow]
)
hypothesis_settings.load_profile(
    os.environ.get("HYPOTHESIS_PROFILE", "ci" if os.environ.get("CI") else "dev")
)

TEMPLATE = "template_ledger"
_numbers = itertools.count(1)


@contextmanager
def _server_folder() -> Iterator[Path]:
    """A folder for a server's data. Not one of pytest's: each new pytest run shuts those to other users, and
    for root PostgreSQL runs as another."""
    with tempfile.TemporaryDirectory(prefix="clueflow-test-", ignore_cleanup_errors=True) as folder:
        yield Path(folder)


@pytest.fixture
def server_folder() -> Iterator[Path]:
    """An empty folder, for a test that starts servers of its own."""
    with _server_folder() as folder:
        yield folder


@pytest.fixture(scope="module")
def module_folder() -> Iterator[Path]:
    """As `server_folder`, for the servers of a whole file."""
    with _server_folder() as folder:
        yield folder


@pytest.fixture(scope="session")
def postgres() -> Iterator[EmbeddedPostgres]:
    """One PostgreSQL for the whole run of this worker. Don't stop it: use `own_postgres` for that."""
    with _server_folder() as folder:
        server = EmbeddedPostgres(folder / "pg", durable=False)
        server.start()
        yield server
        server.stop()


@pytest.fixture
def own_postgres(server_folder: Path) -> Iterator[EmbeddedPostgres]:
    """A PostgreSQL for one test, which may stop, kill or freeze it."""
    server = EmbeddedPostgres(server_folder / "pg")
    server.start()
    yield server
    if server.process is not None:
        server.process.thaw()
    server.stop()


@pytest.fixture(scope="session")
def pg_url(postgres: EmbeddedPostgres) -> str:
    """The address of the run's PostgreSQL, its database `clueflow` empty and without tables."""
    return postgres.url()


@pytest.fixture(scope="session")
def _template(postgres: EmbeddedPostgres) -> str:
    """A migrated empty database that every test's own is copied from."""
    postgres.sql(f"CREATE DATABASE {TEMPLATE}")
    upgrade = importlib.import_module("ledger.migrate").upgrade
    asyncio.run(upgrade(postgres.url(TEMPLATE)))
    return TEMPLATE


@pytest.fixture
def database_url(postgres: EmbeddedPostgres, _template: str) -> Iterator[str]:
    """The address of a migrated empty database of this test alone."""
    name = f"test_{next(_numbers)}"
    # file_copy needs no log record per page, the quickest way for a small template without fsync
    postgres.sql(f"CREATE DATABASE {name} TEMPLATE {_template} STRATEGY file_copy")
    yield postgres.url(name)
    postgres.sql(f"DROP DATABASE {name} WITH (FORCE)")


@pytest.fixture(scope="session")
def dev_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[EmbeddedTemporal]:
    """One real Temporal server for the whole run of this worker, its state in memory."""
    cli = find_cli(Settings())
    assert cli is not None, "no temporal program: run scripts/bootstrap.py"
    server = EmbeddedTemporal(cli, tmp_path_factory.mktemp("temporal") / "temporal.log")
    server.start()
    yield server
    server.stop()


@pytest.fixture
def temporal_settings(dev_server: EmbeddedTemporal, tmp_path: Path) -> Settings:
    """Settings that point at the run's Temporal server, with a data folder of this test."""
    return Settings(temporal_address=dev_server.address, data_dir=tmp_path)


@pytest.fixture
async def temporal_client(temporal_settings: Settings) -> Client:
    """A client of the run's real Temporal server, our converter and search attributes included."""
    client = await connect(temporal_settings)
    await prepare_namespace(client, temporal_settings)
    return client


@pytest.fixture
async def temporal_env() -> AsyncIterator[WorkflowEnvironment]:
    """A fresh time-skipping server: its clock is shared, so each test has its own."""
    async with time_skipping_env() as env:
        yield env
