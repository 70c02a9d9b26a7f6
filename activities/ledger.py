"""Writing to the ledger, and what each failure of it is called."""

from __future__ import annotations

from typing import Final

from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.ext.asyncio import AsyncEngine
from temporalio import activity
from temporalio.exceptions import ApplicationError

from activities import messages
from activities.export import export_run
from activities.messages import FlushBatch, FlushDone, RunRef
from domain.packs import Rulebook
from ledger import events
from ledger.errors import LedgerConflict, LedgerGap
from ledger.events import Tip
from ledger.flush import flush

REFUSALS: Final = (LedgerConflict, LedgerGap)
UNREACHABLE: Final = (SQLAlchemyError, OSError, TimeoutError)


class LedgerActivities:
    """The ledger of one worker, on the engine of `ledger.database.writer`: `activities.courier.Store`, and what
    workflows call by name.
    """

    def __init__(self, engine: AsyncEngine, rules: Rulebook) -> None:
        self._engine, self._rules = engine, rules

    async def store(self, batch: FlushBatch) -> FlushDone:
        """Stores the batch. Raises LedgerGap, LedgerConflict, and what the database raises where it is away."""
        result = await flush(self._engine, batch.sealed, self._rules)
        return FlushDone(result.clue_no, result.seq, result.hash, result.written)

    async def tip(self, clue_no: str) -> Tip:
        """The clue's last event as stored; number 0 where there is none."""
        return await events.tip(self._engine, clue_no)

    async def hash_at(self, clue_no: str, seq: int) -> str | None:
        """The stored hash of that event, None where there is none."""
        async with self._engine.connect() as connection:
            return (await events.hashes(connection, clue_no, seq, seq)).get(seq)

    @activity.defn(name=messages.FLUSH_EVENTS)
    async def flush_events(self, batch: FlushBatch) -> FlushDone:
        """Stores the batch, for runs that bring their events themselves (`workflows.pushed`).

        What can't be helped by trying again is a `LedgerConflict`, not retried.
        """
        try:
            return await self.store(batch)
        except REFUSALS as err:
            kind = type(err).__name__
            final = kind == messages.LEDGER_CONFLICT
            raise ApplicationError(str(err), type=kind, non_retryable=final) from err
        except UNREACHABLE as err:
            # The driver's message may quote a row, and a row may name people: only the kind goes on record.
            raise ApplicationError(said(err), type=messages.LEDGER_UNAVAILABLE) from None

    @activity.defn(name=messages.FLUSH_EVENTS_LOCAL)
    async def flush_events_local(self, batch: FlushBatch) -> FlushDone:
        """Always "not now": older runs (`workflows.pushed`) then take `flush_events`."""
        raise ApplicationError("稍后补记", type=messages.LEDGER_UNAVAILABLE, non_retryable=True)

    @activity.defn(name=messages.EXPORT_HISTORY)
    async def export_history(self, ref: RunRef) -> int:
        """Keeps the run's history as it is now; gives the number of its events."""
        return await export_run(activity.client(), self._engine, ref)


def said(err: BaseException) -> str:
    """The kind of a database's error, without its words: they may quote a row."""
    state = getattr(getattr(err, "orig", None), "sqlstate", None)
    return f"台账数据库没有收下事件（{type(err).__name__}{f' {state}' if state else ''}）"
