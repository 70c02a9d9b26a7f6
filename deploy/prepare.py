"""Brings the ledger's tables, the namespace and its search attributes up to this version: ``python -m deploy.prepare``.

Harmless where all is done; several may run at once.
"""

import asyncio
import os
import sys

from ledger.migrate import upgrade
from runtime.errors import GroundError, ServiceUnreachable
from runtime.logs import configure_logs, get_logger
from runtime.namespace import prepare_namespace
from runtime.settings import load_settings
from runtime.temporal import connect

log = get_logger(__name__)


async def prepare() -> None:
    """Does it for the servers that the environment names. Raises GroundError or SQLAlchemy's errors."""
    settings = load_settings()
    configure_logs(settings)
    if settings.database_url is None:
        raise ServiceUnreachable("没有给出 DATABASE_URL")
    await upgrade(settings.database_url)
    log.info("the ledger's tables are up to date")
    await prepare_namespace(await connect(settings), settings)
    log.info("the namespace is ready", namespace=settings.temporal_namespace)


def main() -> int:
    """The exit code: that of the error's kind, 0 when all is ready."""
    try:
        asyncio.run(prepare())
    except GroundError as err:
        print(f"✗ {err}", file=sys.stderr)
        return err.exit_code
    return 0


if __name__ == "__main__":
    code = main()
    sys.stderr.flush()
    os._exit(code)  # Python 3.11 may abort at exit once the Temporal client has run
