"""Logs: one JSON object a line on stderr, or coloured text on a terminal.

structlog renders everything, the standard library's loggers (temporalio's `workflow.logger` among them)
included. Personal data never reach a log: values under the keys below are masked wherever they are nested.
"""

import logging
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any, TextIO

import orjson
import structlog
from structlog.contextvars import bound_contextvars, merge_contextvars
from structlog.typing import EventDict, Processor, WrappedLogger

from runtime.settings import Settings

# People's data as the clue's shape names them; an agency, a duty or a clue number is no personal data.
PERSONAL_KEYS = frozenset(
    {
        "name", "phone", "id_no", "driver", "driver_phone", "reporter", "suspects", "officers", "persons",
        "responsible_persons", "address", "leader", "members", "taken_by", "title", "description", "seizure",
        "message", "record", "details", "facts", "defence", "actor_name", "password", "token", "signature",
        "database_url",
    }
)  # fmt: skip
MASK = "***"

# structlog's own keys for what a program says about itself
_OWN_KEYS = frozenset({"event", "level", "logger", "timestamp", "exception", "_record", "_from_structlog"})


# Until configure_logs is called: never stdout, which belongs to what a command prints.
if not structlog.is_configured():
    structlog.configure(logger_factory=structlog.PrintLoggerFactory(sys.stderr))


def mask(value: Any) -> Any:
    """A copy of `value` with everything under a personal key, however deep, replaced by `MASK`."""
    if isinstance(value, Mapping):
        return {k: MASK if k in PERSONAL_KEYS and v is not None else mask(v) for k, v in value.items()}
    if isinstance(value, list | tuple | set | frozenset):
        return [mask(item) for item in value]
    return value


def mask_personal_data(_logger: WrappedLogger, _method: str, event: EventDict) -> EventDict:
    """structlog processor: masks personal data in the event's own keys and inside them."""
    event.pop("color_message", None)  # uvicorn's second copy of the event, for terminals
    for key in list(event):
        if key in _OWN_KEYS:
            continue
        event[key] = MASK if key in PERSONAL_KEYS and event[key] is not None else mask(event[key])
    return event


def configure_logs(settings: Settings, stream: TextIO | None = None) -> None:
    """Sends every logger of the process to `stream` (stderr). Called once, at the start of a process."""
    out = stream or sys.stderr
    shared: list[Processor] = [
        merge_contextvars,
        structlog.stdlib.add_log_level,
        structlog.stdlib.add_logger_name,
        structlog.stdlib.ExtraAdder(),
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        structlog.processors.StackInfoRenderer(),
    ]
    structlog.configure(
        processors=[*shared, structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
        wrapper_class=structlog.stdlib.BoundLogger,
        logger_factory=structlog.stdlib.LoggerFactory(),
        cache_logger_on_first_use=True,
    )
    handler = logging.StreamHandler(out)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(foreign_pre_chain=shared, processors=_final(settings, out))
    )
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(settings.log_level)
    for noisy in ("httpx", "httpcore", "asyncio", "alembic", "uvicorn.access"):
        logging.getLogger(noisy).setLevel(max(logging.WARNING, root.level))


def _final(settings: Settings, out: TextIO) -> list[Processor]:
    console = settings.log_format == "console" or (settings.log_format == "auto" and out.isatty())
    last: list[Processor] = (
        # a traceback without its locals: they hold people's data
        [
            structlog.dev.ConsoleRenderer(
                colors=out.isatty(), exception_formatter=structlog.dev.plain_traceback
            )
        ]
        if console
        else [structlog.processors.format_exc_info, structlog.processors.JSONRenderer(serializer=_json)]
    )
    return [structlog.stdlib.ProcessorFormatter.remove_processors_meta, mask_personal_data, *last]


def _json(event: Any, **_: Any) -> str:
    return orjson.dumps(event, default=str, option=orjson.OPT_NON_STR_KEYS).decode()


def get_logger(name: str) -> structlog.stdlib.BoundLogger:
    """A logger that takes key/value pairs: ``log.info("notice delivered", clue_no=…)``."""
    logger: structlog.stdlib.BoundLogger = structlog.stdlib.get_logger(name)
    return logger


@contextmanager
def log_context(*, clue_no: str | None = None, command_id: str | None = None) -> Iterator[None]:
    """Adds the clue's number and the command's id to every line logged inside, in this task."""
    given = {"clue_no": clue_no, "command_id": command_id}
    with bound_contextvars(**{key: value for key, value in given.items() if value is not None}):
        yield
