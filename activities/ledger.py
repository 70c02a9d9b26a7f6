"""Writing to the ledger from a workflow: once at once, or again and again until it is done."""

from __future__ import annotations

import asyncio
import contextlib
from typing import Final

import structlog
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.ext.asyncio import AsyncEngine
from temporalio import activity
from temporalio.exceptions import ApplicationError

from activities import messages
from activities.breaker import Breaker
from activities.export import export_run
from activities.messages import FlushBatch, FlushDone, RunRef
from domain.packs import Rulebook
from ledger.errors import LedgerConflict, LedgerGap
from ledger.flush import flush

# Less than Temporal's own time-out, so that the answer "not now" arrives as an answer.
LOCAL_SECONDS: Final = messages.FLUSH_LOCAL_TIMEOUT.total_seconds() * 0.85
REFUSALS: Final = (LedgerConflict, LedgerGap)
# SQLSTATE classes of a server that can't work now: connection, rolled back, resources, locks, operator, system.
UNWELL: Final = frozenset({"08", "40", "53", "55", "57", "58", "XX"})
UNREACHABLE: Final = (SQLAlchemyError, OSError, TimeoutError)


log = structlog.get_logger(__name__)


class LedgerActivities:
    """The activities of one worker, on the engine of `ledger.database.writer`.

    `local_seconds`: how long the local try may take before the regular one takes over.
    """

    def __init__(
        self,
        engine: AsyncEngine,
        rules: Rulebook,
        *,
        breaker: Breaker | None = None,
        local_seconds: float = LOCAL_SECONDS,
    ) -> None:
        self._engine, self._rules = engine, rules
        self.breaker = breaker or Breaker()
        self._local_seconds = local_seconds
        self._left_behind: set[asyncio.Task[FlushDone]] = set()

    @activity.defn(name=messages.FLUSH_EVENTS)
    async def flush_events(self, batch: FlushBatch) -> FlushDone:
        """Stores the batch. What can't be helped by trying again is a `LedgerConflict`, not retried."""
        try:
            done = await self._flush(batch)
        except REFUSALS as err:
            self._heard()
            kind = type(err).__name__
            raise ApplicationError(
                str(err), type=kind, non_retryable=kind == messages.LEDGER_CONFLICT
            ) from err
        except UNREACHABLE as err:
            # The driver's message may quote a row, and a row may name people: only the kind goes on record.
            raise ApplicationError(_said(err), type=messages.LEDGER_UNAVAILABLE) from None
        self._heard()
        return done

    @activity.defn(name=messages.FLUSH_EVENTS_LOCAL)
    async def flush_events_local(self, batch: FlushBatch) -> FlushDone:
        """As `flush_events`, tried once and briefly, inside the workflow's own task.

        Fails with `ledger_unavailable` when the ledger doesn't answer in time, and at once while the
        breaker is open.
        """
        if not self.breaker.allow():
            raise _refused("台账暂不可用，稍后补记", messages.LEDGER_UNAVAILABLE)
        try:
            done = await self._within_time(batch)
        except REFUSALS as err:
            self._heard()
            raise _refused(err, type(err).__name__) from err
        except UNREACHABLE as err:
            if _answered(err):
                self._heard()
            else:
                self._unheard(err)
            raise _refused(_said(err), messages.LEDGER_UNAVAILABLE) from None
        except asyncio.CancelledError as err:  # Temporal's own time-out, or the worker's end
            self._unheard(err)
            raise
        except Exception:
            self.breaker.undecided()
            raise
        self._heard()
        return done

    @activity.defn(name=messages.EXPORT_HISTORY)
    async def export_history(self, ref: RunRef) -> int:
        """Keeps the run's history as it is now; gives the number of its events."""
        return await export_run(activity.client(), self._engine, ref)

    def _heard(self) -> None:
        if self.breaker.is_open:
            log.info("ledger_answers_again")
        self.breaker.succeeded()

    def _unheard(self, err: BaseException) -> None:
        if not self.breaker.is_open:
            log.warning("ledger_does_not_answer", error=type(err).__name__)
        self.breaker.failed()

    async def _within_time(self, batch: FlushBatch) -> FlushDone:
        """A cancelled statement waits for a server that doesn't answer, so the task is left, not awaited."""
        task = asyncio.create_task(self._flush(batch))
        self._left_behind.add(task)
        task.add_done_callback(self._forget)
        done, _ = await asyncio.wait({task}, timeout=self._local_seconds)
        if not done:
            task.cancel()
            raise TimeoutError
        return task.result()

    def _forget(self, task: asyncio.Task[FlushDone]) -> None:
        self._left_behind.discard(task)
        with contextlib.suppress(asyncio.CancelledError):
            task.exception()  # looked at, so that asyncio doesn't complain of it

    async def _flush(self, batch: FlushBatch) -> FlushDone:
        result = await flush(self._engine, batch.sealed, self._rules)
        return FlushDone(result.clue_no, result.seq, result.hash, result.written)


def _refused(why: object, error: str) -> ApplicationError:
    return ApplicationError(str(why), type=error, non_retryable=True)


def _answered(err: BaseException) -> bool:
    """Whether PostgreSQL itself refused the statement: then it is well, and other clues need not wait."""
    state = getattr(getattr(err, "orig", None), "sqlstate", None)
    return isinstance(state, str) and state[:2] not in UNWELL


def _said(err: BaseException) -> str:
    state = getattr(getattr(err, "orig", None), "sqlstate", None)
    return f"台账数据库没有收下事件（{type(err).__name__}{f' {state}' if state else ''}）"
