"""Getting a definite answer from Temporal: what comes and goes is tried again, what is refused is said."""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Final, TypeVar
from weakref import WeakValueDictionary

from temporalio.client import RPCTimeoutOrCancelledError
from temporalio.service import RPCError, RPCStatusCode

from runtime.errors import ServiceUnreachable

T = TypeVar("T")

PASSING: Final = frozenset(
    {
        RPCStatusCode.UNAVAILABLE,
        RPCStatusCode.RESOURCE_EXHAUSTED,
        RPCStatusCode.ABORTED,
        RPCStatusCode.DEADLINE_EXCEEDED,
        RPCStatusCode.CANCELLED,
        RPCStatusCode.INTERNAL,
        RPCStatusCode.UNKNOWN,
        RPCStatusCode.FAILED_PRECONDITION,  # a workflow task failed: another worker may do better
    }
)
FIRST_PAUSE: Final = 0.02  # seconds
LONGEST_PAUSE: Final = 1.0  # seconds
ATTEMPT: Final = timedelta(
    seconds=10
)  # one call's own end: an Update may be lost with the server that had it
AT_ONCE: Final = 8  # per clue; a server with default limits refuses more than 10 Updates in flight


class TryAgain(Exception):
    """The world changed under the attempt: begin afresh."""


async def until_answered(attempt: Callable[[], Awaitable[T]], seconds: float) -> T:
    """What `attempt` gives, tried again while the server can't answer. Raises ServiceUnreachable after `seconds`.

    `attempt` must be safe to run twice. Its other errors pass through.
    """
    last: Exception | None = None
    try:
        async with asyncio.timeout(seconds):
            pause = FIRST_PAUSE
            while True:
                try:
                    return await attempt()
                except RPCError as err:
                    if err.status not in PASSING:
                        raise
                    last = err
                except (RPCTimeoutOrCancelledError, TryAgain) as err:
                    _pass_on_cancellation(err)
                    last = err
                await asyncio.sleep(pause * random.uniform(0.5, 1.0))
                pause = min(pause * 2, LONGEST_PAUSE)
    except TimeoutError:
        raise ServiceUnreachable(_silence(seconds, last)) from last


def _pass_on_cancellation(err: Exception) -> None:
    """The SDK hides a task's cancellation in an error of its own."""
    task = asyncio.current_task()
    if task is not None and task.cancelling():
        raise asyncio.CancelledError from err


def _silence(seconds: float, last: Exception | None) -> str:
    if isinstance(last, RPCError):
        return f"Temporal 在 {seconds:g} 秒内没有应答（{last.status.name}）：请确认它已启动"
    return f"{seconds:g} 秒内没有得到答复：请确认工作进程已启动（python worker.py）"


@dataclass
class _Gate:
    """Weakly kept: it goes when nobody stands at it."""

    places: asyncio.Semaphore = field(default_factory=lambda: asyncio.Semaphore(AT_ONCE))


class Gates:
    """At most `AT_ONCE` calls at a time for one clue, so that a crowd does not live-lock on refusals."""

    def __init__(self) -> None:
        self._gates: WeakValueDictionary[str, _Gate] = WeakValueDictionary()

    @asynccontextmanager
    async def at(self, clue_no: str) -> AsyncIterator[None]:
        gate = self._gates.get(clue_no)
        if gate is None:
            gate = self._gates[clue_no] = _Gate()
        async with gate.places:
            yield
