"""The embedded servers start, keep their state, refuse what they must, and leave nothing behind."""

import json
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import asyncpg
import psutil
import pytest

from runtime.embedded.process import ServerProcess, family
from runtime.embedded.stack import Running, running, running_stack, with_running
from runtime.embedded.temporal import free_port
from runtime.errors import AlreadyRunning, DiskFull, MissingTool, PortBusy, ServiceUnreachable
from runtime.settings import Settings

ROOT = Path(__file__).resolve().parents[2]
HOLD = """
import asyncio, sys
from runtime.embedded.stack import running_stack
from runtime.settings import Settings
from runtime.signals import stop_requested

async def main():
    with stop_requested() as stop:
        async with running_stack(Settings()):
            print("up", flush=True)
            await stop.wait()

asyncio.run(main())
"""


@contextmanager
def held(folder: Path) -> Iterator[subprocess.Popen[str]]:
    """Another process that has a stack in `folder`, up and waiting for a signal."""
    environ = {k: v for k, v in os.environ.items() if k not in ("DATABASE_URL", "TEMPORAL_ADDRESS")}
    environ |= {"CLUEFLOW_DATA_DIR": str(folder), "PYTHONPATH": str(ROOT)}
    with subprocess.Popen(
        [sys.executable, "-c", HOLD], cwd=ROOT, env=environ, stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        try:
            assert process.stdout.readline() == "up\n"
            yield process
        finally:
            process.kill()


def children(state: Running) -> list[psutil.Process]:
    return [process for child in state.children for process in family(child.pid)]


async def fetch(url: str, query: str) -> object:
    connection = await asyncpg.connect(url.replace("+asyncpg", ""))
    try:
        return await connection.fetchval(query)
    finally:
        await connection.close()


@pytest.fixture
def settings(server_folder: Path) -> Settings:
    return Settings(data_dir=server_folder / "data", database_url=None, temporal_address=None)


async def test_state_survives_a_restart(settings: Settings) -> None:
    async with running_stack(settings) as first:
        await fetch(first.database_url, "CREATE TABLE kept AS SELECT 7 AS n")
        await first.client.start_workflow("Nobody", id="kept", task_queue="nobody")
    async with running_stack(settings) as second:
        assert await fetch(second.database_url, "SELECT n FROM kept") == 7
        assert (await second.client.get_workflow_handle("kept").describe()).workflow_type == "Nobody"


async def test_others_find_the_running_stack_and_nothing_afterwards(settings: Settings) -> None:
    async with running_stack(settings) as stack:
        found = with_running(settings)
        assert (found.database_url, found.temporal_address) == (stack.database_url, stack.temporal_address)
        state = running(settings)
        assert state is not None
        servers = children(state)
        assert len(servers) > 2
    assert running(settings) is None
    assert with_running(settings) == settings
    _, left = psutil.wait_procs(servers, timeout=10)
    assert left == []


async def test_a_second_start_says_that_it_is_running(settings: Settings) -> None:
    with held(settings.data_dir) as first:
        with pytest.raises(AlreadyRunning, match=f"进程 {first.pid}"):
            async with running_stack(settings):
                pass
        assert running(settings) is not None, "the refusal left the first one alone"


@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGTERM])
def test_asked_to_stop_it_leaves_no_process(settings: Settings, how: signal.Signals) -> None:
    with held(settings.data_dir) as holder:
        state = running(settings)
        assert state is not None
        servers = children(state)
        holder.send_signal(how)
        assert holder.wait(30) == 0
    assert [server for server in servers if server.is_running()] == []
    assert not (settings.data_dir / "stack.json").exists()


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere the next start clears up: the test below")
def test_killed_outright_it_leaves_no_process(settings: Settings) -> None:
    with held(settings.data_dir) as holder:
        state = running(settings)
        assert state is not None
        servers = children(state)
        holder.kill()
        _, left = psutil.wait_procs(servers, timeout=15)
    assert left == []
    assert running(settings) is None


async def test_the_next_start_ends_what_a_killed_one_left(settings: Settings) -> None:
    """As on systems without a death signal: a server still runs, and stack.json tells of it."""
    async with running_stack(settings):
        pass
    with subprocess.Popen(["sleep", "600"]) as left:
        created = psutil.Process(left.pid).create_time()
        state = {
            "pid": 2**22 + 1, "created": 1.0, "database_url": "", "temporal_address": "",
            "children": [{"name": "Temporal", "pid": left.pid, "created": created}],
        }  # fmt: skip
        (settings.data_dir / "stack.json").write_text(json.dumps(state))
        async with running_stack(settings):
            assert left.wait(10) is not None


async def test_a_recycled_process_number_is_not_taken_for_ours(settings: Settings) -> None:
    settings.data_dir.mkdir()
    with subprocess.Popen(["sleep", "600"]) as stranger:
        state = {
            "pid": stranger.pid, "created": 1.0, "database_url": "", "temporal_address": "",
            "children": [{"name": "Temporal", "pid": stranger.pid, "created": 1.0}],
        }  # fmt: skip
        (settings.data_dir / "stack.json").write_text(json.dumps(state))
        assert running(settings) is None
        async with running_stack(settings):
            assert stranger.poll() is None
        stranger.kill()


async def test_a_busy_port_is_named_and_nothing_is_left(settings: Settings) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        with pytest.raises(PortBusy, match=str(port)):
            async with running_stack(settings.model_copy(update={"temporal_port": port})):
                pass
    assert not (settings.data_dir / "pg" / "postmaster.pid").exists(), "PostgreSQL was taken down again"


async def test_too_little_space_is_said_before_anything_starts(settings: Settings) -> None:
    with pytest.raises(DiskFull, match="MB"):
        async with running_stack(settings.model_copy(update={"min_free_mb": 10**9})):
            pass
    assert not (settings.data_dir / "pg").exists()


async def test_a_data_folder_that_nobody_can_make_is_named(settings: Settings) -> None:
    with pytest.raises(ServiceUnreachable, match="/proc/nobody"):
        async with running_stack(settings.model_copy(update={"data_dir": Path("/proc/nobody")})):
            pass


def test_a_server_that_finds_the_disk_full_says_so(tmp_path: Path) -> None:
    command = ["/bin/sh", "-c", "echo 'write failed: No space left on device'; exit 1"]
    server = ServerProcess("PostgreSQL", command, tmp_path / "log", stop_signal=signal.SIGTERM)
    with pytest.raises(DiskFull):
        server.start(lambda: False, timeout=10)
    assert not server.alive


def test_a_server_that_never_gets_ready_is_ended(tmp_path: Path) -> None:
    server = ServerProcess("Temporal", ["/bin/sleep", "600"], tmp_path / "log", stop_signal=signal.SIGTERM)
    with pytest.raises(ServiceUnreachable, match="没有按时就绪"):
        server.start(lambda: False, timeout=0.2)
    assert not server.alive


async def test_a_given_database_that_does_not_answer_is_a_sentence(settings: Settings) -> None:
    away = f"postgresql+asyncpg://u:secret@127.0.0.1:{free_port()}/d"
    with pytest.raises(ServiceUnreachable, match="DATABASE_URL") as caught:
        async with running_stack(settings.model_copy(update={"database_url": away})):
            pass
    assert "secret" not in str(caught.value)


async def test_a_given_program_that_is_none_is_named(settings: Settings, tmp_path: Path) -> None:
    with pytest.raises(MissingTool, match="TEMPORAL_CLI"):
        async with running_stack(settings.model_copy(update={"temporal_cli": tmp_path / "none"})):
            pass


async def test_a_data_folder_that_can_not_be_is_named(settings: Settings) -> None:
    settings.data_dir.write_text("a file")
    with pytest.raises(ServiceUnreachable, match="数据目录"):
        async with running_stack(settings):
            pass


async def test_a_server_that_dies_is_noticed(settings: Settings) -> None:
    async with running_stack(settings) as stack:
        assert stack.temporal is not None
        assert stack.temporal.process is not None
        stack.temporal.process.kill()
        with pytest.raises(ServiceUnreachable, match="Temporal 意外退出"):
            await stack.watch()


async def test_a_path_too_long_for_a_socket_works(server_folder: Path) -> None:
    deep = server_folder / ("深" * 40) / "d"
    async with running_stack(Settings(data_dir=deep, database_url=None, temporal_address=None)) as stack:
        assert await fetch(stack.database_url, "SELECT 1") == 1
