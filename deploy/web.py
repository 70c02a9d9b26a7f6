"""The pages as a process of their own, beside workers that run elsewhere: ``python -m deploy.web``.

Needs DATABASE_URL and TEMPORAL_ADDRESS. While Temporal does not answer, the pages show the ledger alone.
"""

import asyncio
import os
import sys
from datetime import UTC, datetime

import uvicorn

from geo.placer import AtlasPlacer
from ledger import database
from ledger.reader import Records
from runtime.client import ClueClient
from runtime.errors import GroundError, ServiceUnreachable
from runtime.logs import configure_logs
from runtime.rules import load_rules
from runtime.settings import load_settings
from runtime.temporal import connect, core_logs_to_python
from web.app import create_app
from web.services import Services

LAST_WORDS = 10  # seconds for pages that still listen when the process is asked to stop


async def serve() -> None:
    """Serves until SIGTERM or Ctrl-C. Raises GroundError, OSError where the port is taken."""
    settings = load_settings()
    configure_logs(settings)
    core_logs_to_python()
    if settings.database_url is None:
        raise ServiceUnreachable("没有给出 DATABASE_URL")
    rules = load_rules(settings.rules_dir)
    engine = database.create(settings.database_url)
    # lazy: the pages start, and stay, whether or not Temporal is there
    client = await connect(settings, lazy=True)
    placer = AtlasPlacer(rules, settings)
    clues = ClueClient(client, rules, task_queue=settings.task_queue, ledger=Records(engine), placer=placer)
    services = Services(
        engine,
        rules,
        clues,
        lambda: datetime.now(UTC),
        atlas=lambda: placer.atlas,
        public_url=settings.public_url,
    )
    app = create_app(services)
    config = uvicorn.Config(
        app,
        host=settings.web_host,
        port=settings.web_port,
        log_config=None,
        access_log=False,
        timeout_graceful_shutdown=LAST_WORDS,
    )
    try:
        await uvicorn.Server(config).serve()
    finally:
        await engine.dispose()


def main() -> int:
    """The exit code: that of the error's kind, 0 when stopped as asked."""
    try:
        asyncio.run(serve())
    except GroundError as err:
        print(f"✗ {err}", file=sys.stderr)
        return err.exit_code
    except KeyboardInterrupt:
        return 130
    return 0


if __name__ == "__main__":
    code = main()
    sys.stderr.flush()
    os._exit(code)  # Python 3.11 may abort at exit once the Temporal client has run
