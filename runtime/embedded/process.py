"""Starting, watching and stopping a server process of our own."""

import contextlib
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import psutil

from runtime.errors import DiskFull, ServiceUnreachable

LAUNCHER = Path(__file__).with_name("launch.py")
LOG_LIMIT = 10 * 1024 * 1024  # bytes; a longer log of the last run is put aside at the next start
POLL = 0.02  # seconds


@dataclass(frozen=True)
class User:
    """Whom a program runs as; ids of the system."""

    uid: int
    gid: int


class ServerProcess:
    """A child in a session of its own, so that Ctrl-C reaches us first and we stop it in order.

    It is tied to the thread that starts it (Linux sends the death signal when that thread ends): start it
    from the main thread.
    """

    def __init__(
        self,
        name: str,
        command: Sequence[str],
        log: Path,
        *,
        stop_signal: signal.Signals,
        user: User | None = None,
    ) -> None:
        self.name = name
        self.log = log
        self.stop_signal = stop_signal
        self._command = list(command)
        self._user = f"{user.uid}:{user.gid}" if user else "-"
        self._child: subprocess.Popen[bytes] | None = None

    @property
    def pid(self) -> int | None:
        return self._child.pid if self._child else None

    @property
    def alive(self) -> bool:
        return self._child is not None and self._child.poll() is None

    def start(self, ready: Callable[[], bool], timeout: float) -> None:
        """Starts it and waits until `ready()`, at most `timeout` seconds.

        Raises ServiceUnreachable or DiskFull with the last lines of its log; nothing is left running then.
        """
        _put_aside(self.log)
        launch = [sys.executable, "-I", "-S", str(LAUNCHER)]
        launch += [str(os.getpid()), str(int(self.stop_signal)), self._user]
        with self.log.open("ab") as out:
            begin = out.tell()
            self._child = subprocess.Popen(
                [*launch, *self._command],
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        try:
            self._wait_ready(ready, time.monotonic() + timeout, begin)
        except BaseException:
            self.stop(timeout=5)
            raise

    def _wait_ready(self, ready: Callable[[], bool], deadline: float, begin: int) -> None:
        while True:
            alive = self.alive
            if alive and ready():  # in this order: another server may answer in a dead one's place
                return
            if not alive or time.monotonic() > deadline:
                said = tail(self.log, begin)
                if "No space left on device" in said or "disk is full" in said:
                    raise DiskFull(f"磁盘已满，{self.name} 无法启动：{said}")
                what = "没有按时就绪" if alive else "启动后退出"
                raise ServiceUnreachable(f"{self.name} {what}，日志在 {self.log}：{said}")
            time.sleep(POLL)

    def stop(self, timeout: float = 20) -> None:
        """Stops it in its own orderly way, after `timeout` seconds by force. Harmless when not running."""
        if self._child is None:
            return
        if self.alive:
            self._child.send_signal(self.stop_signal)
            try:
                self._child.wait(timeout)
            except subprocess.TimeoutExpired:
                self.kill()
        self._child = None

    def kill(self) -> None:
        """Kills it and its children at once, as a power cut would."""
        if self._child is None:
            return
        for process in family(self._child.pid):
            _send(process, signal.SIGKILL)
        self._child.wait()
        self._child = None

    def freeze(self) -> None:
        """Stops it from answering without ending it, as a hanging machine would."""
        for process in family(self._child.pid) if self._child else []:
            with contextlib.suppress(psutil.NoSuchProcess):  # a backend may just be going
                process.suspend()

    def thaw(self) -> None:
        """Takes `freeze` back."""
        for process in family(self._child.pid) if self._child else []:
            with contextlib.suppress(psutil.NoSuchProcess):
                process.resume()


def family(pid: int) -> list[psutil.Process]:
    """The process and its descendants that are still there."""
    try:
        process = psutil.Process(pid)
        return [process, *process.children(recursive=True)]
    except psutil.NoSuchProcess:
        return []


def end_orphan(process: psutil.Process, how: signal.Signals, timeout: float = 10) -> None:
    """Ends a server that a killed run left behind: by `how`, after `timeout` seconds by force."""
    everybody = family(process.pid)
    _send(process, how)
    _, left = psutil.wait_procs(everybody, timeout=timeout)
    for survivor in left:
        _send(survivor, signal.SIGKILL)
    psutil.wait_procs(left, timeout=5)


def _send(process: psutil.Process, how: signal.Signals) -> None:
    with contextlib.suppress(psutil.NoSuchProcess):
        process.send_signal(how)


def tail(log: Path, begin: int = 0, limit: int = 600) -> str:
    """The last characters written to a log after byte `begin`, on one line."""
    try:
        text = log.read_bytes()[begin:].decode(errors="replace")
    except OSError:
        return ""
    return " ".join(text.split())[-limit:]


def _put_aside(log: Path) -> None:
    log.parent.mkdir(parents=True, exist_ok=True)
    if log.exists() and log.stat().st_size > LOG_LIMIT:
        log.replace(log.with_suffix(".old.log"))
