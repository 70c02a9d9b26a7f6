"""What the tests of the shell share: a ledger in memory that can be made to fail, and a desk to act from."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from temporalio import activity
from temporalio.api.enums.v1 import EventType
from temporalio.client import Client
from temporalio.exceptions import ApplicationError

from activities import messages
from activities.messages import FlushBatch, FlushDone, RunRef
from domain.chain import GENESIS, Sealed, opened
from domain.evolve import fold
from domain.model import Actor, Answer, ClueState
from ledger.errors import LedgerConflict, LedgerGap
from ledger.events import Tip
from runtime.client import ClueClient, Rehearsal
from runtime.errors import ServiceUnreachable
from runtime.rules import load_rules
from runtime.settings import Settings
from worker import run_worker

FINDER, ADDRESSEE = "320583.eco", "310118.eco"
_numbers = itertools.count(1)


def fresh_no(prefix: str = "T") -> str:
    """A clue number that no other test of the run uses."""
    return f"{prefix}-{datetime.now(UTC):%H%M%S%f}-{next(_numbers)}"


@dataclass
class FakeLedger:
    """Stores as the real one does. `mode`: "well", "failing" (refuses at once) or "hanging" (never answers)."""

    mode: str = "well"
    stored: dict[str, list[Sealed]] = field(default_factory=dict)
    batches: list[FlushBatch] = field(default_factory=list)
    tries: int = 0
    exported: list[RunRef] = field(default_factory=list)
    reachable: bool = True
    history: str | None = None

    def _store(self, batch: FlushBatch) -> FlushDone:
        kept = self.stored.setdefault(batch.clue_no, [])
        if batch.sealed[0].seq > len(kept) + 1:
            raise LedgerGap(batch.clue_no, len(kept), batch.sealed[0].seq)
        written = 0
        for sealed in batch.sealed:
            if sealed.seq <= len(kept):
                if kept[sealed.seq - 1] != sealed:
                    raise LedgerConflict(batch.clue_no, sealed.seq, "differs")
                continue
            if sealed.prev_hash != (kept[-1].hash if kept else GENESIS):
                raise LedgerConflict(batch.clue_no, sealed.seq, "differs")
            kept.append(sealed)
            written += 1
        self.batches.append(batch)
        return FlushDone(batch.clue_no, kept[-1].seq, kept[-1].hash, written)

    async def _answers(self) -> None:
        self.tries += 1
        if self.mode == "hanging":
            await asyncio.Event().wait()
        if self.mode == "failing":
            raise OSError("down")

    async def store(self, batch: FlushBatch) -> FlushDone:
        await self._answers()
        return self._store(batch)

    async def tip(self, clue_no: str) -> Tip:
        await self._answers()
        kept = self.stored.get(clue_no)
        return Tip(len(kept), kept[-1].hash) if kept else Tip()

    async def hash_at(self, clue_no: str, seq: int) -> str | None:
        kept = self.stored.get(clue_no, [])
        return kept[seq - 1].hash if seq <= len(kept) else None

    @activity.defn(name=messages.FLUSH_EVENTS)
    async def flush_events(self, batch: FlushBatch) -> FlushDone:
        return await self.store(batch)

    @activity.defn(name=messages.FLUSH_EVENTS_LOCAL)
    async def flush_events_local(self, batch: FlushBatch) -> FlushDone:
        raise ApplicationError("not now", type=messages.LEDGER_UNAVAILABLE, non_retryable=True)

    @activity.defn(name=messages.EXPORT_HISTORY)
    async def export_history(self, ref: RunRef) -> int:
        self.exported.append(ref)
        return 1

    def state(self, clue_no: str) -> ClueState:
        return fold(clue_no, (opened(s) for s in self.stored[clue_no]))

    # --- what a client asks of it ---

    async def remembered(self, clue_no: str) -> tuple[ClueState, Sealed] | None:
        if not self.reachable:
            raise ServiceUnreachable("down")
        kept = self.stored.get(clue_no)
        return (self.state(clue_no), kept[-1]) if kept else None

    async def kept_runs(self, clue_no: str) -> AsyncIterator[str]:
        if self.history is not None:
            yield self.history

    async def state_as_of(self, clue_no: str, at: datetime) -> ClueState | None:
        kept = self.stored.get(clue_no)
        return None if kept is None else fold(clue_no, (e for e in map(opened, kept) if e.at <= at))


class Desk:
    """Acts on one clue, in as few words as a test can read."""

    def __init__(
        self, client: ClueClient, clue_no: str | None = None, at: datetime | None = None, first: int = 1
    ) -> None:
        self.client, self.clue_no, self.at = client, clue_no or fresh_no(), at
        self._n = itertools.count(first)

    async def report(self, command_id: str = "report", agency: str = FINDER, **changes: Any) -> Answer:
        return await self.client.report(
            Actor(agency, "officer", "甲"), self.clue(**changes), command_id, self.clue_no, at=self.at
        )

    def clue(self, **changes: Any) -> dict[str, Any]:
        base = self.at or datetime.now(UTC)
        return {
            "source": "checkpoint",
            "title": "两船建筑垃圾",
            "matter": "wastewater",  # no pack but the house's binds these two
            "discovered_at": (base - timedelta(hours=1))
            .replace(minute=0, second=0, microsecond=0)
            .isoformat(),
            "place": {"region": "320583"},
            "to_agency": ADDRESSEE,
            **changes,
        }

    async def do(
        self, name: str, agency: str = ADDRESSEE, role: str = "officer", /, id: str | None = None, **data: Any
    ) -> Answer:
        command_id = id or f"c{next(self._n)}"
        actor = Actor(agency, role, "乙")
        return await self.client.do(self.clue_no, name, actor, data, command_id, at=self.at)

    async def to_feedback(self) -> None:
        """From the notice to feedback given."""
        await self.do("acknowledge")
        await self.do("start_transfer", FINDER, "approver")
        await self.do("send_transfer", FINDER, manifest=[])
        await self.do("receive_transfer", manifest=[])
        await self.do("give_feedback", letter_no="反馈1号", outcome="penalty", details="罚款")

    async def to_the_end(self) -> None:
        await self.to_feedback()
        await self.do("accept_feedback", FINDER)
        await self.do("close", FINDER)

    async def events(self) -> list[str]:
        """The newest run's history, by the names of its events."""
        run = self.client.temporal.get_workflow_handle(f"clue/{self.clue_no}")
        history = await run.fetch_history()
        return [EventType.Name(e.event_type).removeprefix("EVENT_TYPE_") for e in history.events]

    async def finished(self) -> None:
        """Waits until the newest run has ended."""
        run = self.client.temporal.get_workflow_handle(f"clue/{self.clue_no}")
        async with asyncio.timeout(20):
            await run.result()

    async def flushed(self, ledger: FakeLedger) -> None:
        """Waits until the ledger has all that the workflow has said."""
        async with asyncio.timeout(30):
            while True:
                tip = await self.client.tip(self.clue_no)
                assert tip is not None
                if len(ledger.stored.get(self.clue_no, ())) == tip.seq:
                    return
                await asyncio.sleep(0.05)


@asynccontextmanager
async def shell(
    client: Client,
    ledger: FakeLedger,
    *,
    settings: Settings | None = None,
    rehearsal: Rehearsal | None = None,
    patience: float = 30,
    **options: Any,
) -> AsyncIterator[ClueClient]:
    """A worker on a queue of its own, and the client that speaks to it; `options` are `run_worker`'s."""
    queue = options.pop("task_queue", None) or fresh_no("queue")
    options |= {"activities": ledger, "task_queue": queue, "archivist": False}
    async with run_worker(client, None, load_rules(), settings or Settings(), **options):  # type: ignore[arg-type]
        yield ClueClient(
            client, load_rules(), task_queue=queue, ledger=ledger, rehearsal=rehearsal, patience=patience
        )
