"""Brings what clues say to the ledger: rung by a workflow, asks it by a Query, and stores the answer.

The Query is answered from what the server has stored, so nothing reaches the ledger before Temporal has it; and it
leaves no event behind. What is rung for is kept in memory only. A worker that dies forgets it: `sweep` at the start
of the next one asks every running clue.
"""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from dataclasses import replace
from datetime import timedelta
from typing import Final, Protocol

import structlog
from temporalio import activity
from temporalio.client import Client, WorkflowQueryFailedError
from temporalio.exceptions import ApplicationError
from temporalio.service import RPCError, RPCStatusCode
from temporalio.worker import Interceptor, WorkflowInboundInterceptor, WorkflowInterceptorClassInput

from activities import messages
from activities.ledger import UNREACHABLE
from activities.ledger import said as kind_of
from activities.messages import FlushBatch, FlushDone, Ring, Said
from domain.chain import Sealed
from ledger.errors import LedgerConflict, LedgerGap
from ledger.events import Tip
from runtime.metrics import BEHIND, CONFLICTS
from workflows.messages import CLUE_WORKFLOW, OUTBOX, Outbox, clue_no_of, clue_workflow_id

# A clue that has said nothing for so long (no burst, `workflows.outbox`) is asked,
QUIET_SECONDS: Final = 0.1
LONGEST_SECONDS: Final = 1.0  # and one that goes on talking after so long: a crowd's events go together
ABREAST: Final = 8  # clues at once: each holds a connection for a moment
QUERY_TIMEOUT: Final = timedelta(seconds=5)
FIRST_PAUSE: Final = 0.25  # seconds until what failed is tried again, doubled up to
LONGEST_PAUSE: Final = 5.0
REMEMBERED: Final = 5000  # clues of which it is known how far the ledger is
HEARD: Final = 200  # events of one clue that are kept for `settle`: more than a burst brings
SWEEP_PAUSE: Final = 0.02  # seconds between two clues, so that people's commands come first,
SWEEP_REST: Final = 4.0  # or this many times as long as the answer took
SWEEP_EVERY: Final = 1800.0  # seconds, for what another worker forgot that has no successor
RUNNING: Final = f"WorkflowType = '{CLUE_WORKFLOW}' AND ExecutionStatus = 'Running'"
AWAY: Final = (RPCError, WorkflowQueryFailedError, *UNREACHABLE)

log = structlog.get_logger(__name__)


class Store(Protocol):
    """The ledger, as `activities.ledger.LedgerActivities` is one."""

    async def store(self, batch: FlushBatch) -> FlushDone:
        """LedgerGap where events before these are missing, LedgerConflict where others stand in their place."""
        ...

    async def tip(self, clue_no: str) -> Tip: ...

    async def hash_at(self, clue_no: str, seq: int) -> str | None: ...


class Courier:
    """One per worker; two that bring the same change nothing."""

    def __init__(self, client: Client, ledger: Store) -> None:
        self._client, self._ledger = client, ledger
        self._loop = asyncio.get_running_loop()
        self._wanted: dict[str, Ring] = {}
        self._rung_at: dict[str, float] = {}
        self._tasks: dict[str, asyncio.Task[None]] = {}
        self._have: OrderedDict[str, int] = OrderedDict()  # how far the ledger is known to be
        self._heard: dict[str, list[Sealed]] = {}  # what bells told, of clues that are attended to
        self._gate = asyncio.Semaphore(ABREAST)

    # --- rung ---------------------------------------------------------------------------------------

    def ring(self, bell: Ring) -> None:
        """From any thread: workflows run in threads of their own."""
        self._loop.call_soon_threadsafe(self._want, bell)

    def _want(self, bell: Ring) -> None:
        self._hear(bell)
        before = self._wanted.get(bell.clue_no)
        if before is not None:
            after = None if before.after is None or bell.after is None else min(before.after, bell.after)
            bell = replace(bell, seq=max(before.seq, bell.seq), after=after)
        self._wanted[bell.clue_no] = bell
        self._rung_at[bell.clue_no] = self._loop.time()
        if bell.clue_no not in self._tasks:
            task = self._loop.create_task(self._attend(bell.clue_no))
            self._tasks[bell.clue_no] = task
            BEHIND.set(len(self._tasks))

    def _hear(self, bell: Ring) -> None:
        """A task that was lost and done again tells the same numbers anew: the last telling counts."""
        heard = self._heard.setdefault(bell.clue_no, [])
        while heard and heard[-1].seq > (bell.after or 0):
            heard.pop()
        heard.extend(bell.sealed)
        del heard[:-HEARD]

    async def _attend(self, clue_no: str) -> None:
        """Brings what one clue says until it is quiet and everything is there."""
        pause = FIRST_PAUSE
        try:
            while clue_no in self._wanted:
                await self._calm(clue_no)
                bell = self._wanted.pop(clue_no)
                try:
                    async with self._gate:
                        await self._answer(bell)
                    pause = FIRST_PAUSE
                except LedgerConflict as err:
                    CONFLICTS.inc()
                    log.error("ledger_conflict", clue_no=clue_no, seq=err.seq)
                except Exception as err:  # what is forgotten here nobody brings before the next sweep
                    log.warning("ledger_not_brought_up", clue_no=clue_no, error=type(err).__name__)
                    self._heard.pop(clue_no, None)  # it may take long: memory is for bursts
                    self._want(Ring(clue_no, bell.seq, None))
                    await asyncio.sleep(pause)
                    pause = min(2 * pause, LONGEST_PAUSE)
        finally:
            self._tasks.pop(clue_no, None)
            BEHIND.set(len(self._tasks))
            self._rung_at.pop(clue_no, None)
            self._heard.pop(clue_no, None)

    async def _calm(self, clue_no: str) -> None:
        """Until the clue has been quiet for a moment, or has talked for long."""
        began = self._loop.time()
        while (now := self._loop.time()) - began < LONGEST_SECONDS:
            quiet = self._rung_at[clue_no] + QUIET_SECONDS - now
            if quiet <= 0:
                return
            await asyncio.sleep(quiet)

    async def _answer(self, bell: Ring) -> None:
        if bell.seq <= self._have.get(bell.clue_no, 0):
            return None  # brought meanwhile, for another ring or before the run left
        after = bell.after
        if after is None:
            after = (await self._ledger.tip(bell.clue_no)).seq
            if bell.seq <= after:
                return self._know(bell.clue_no, after)
        await self.bring(bell.clue_no, after)
        return None

    # --- bringing -----------------------------------------------------------------------------------

    async def bring(self, clue_no: str, after: int, run_id: str | None = None) -> FlushDone | None:
        """Asks the clue for its events behind number `after`, and stores them; gives the ledger's tip then, None
        where there was nothing to store.

        Raises LedgerGap, LedgerConflict, and what Temporal or the database raise where they don't answer. A clue
        that Temporal doesn't know has nothing to bring.
        """
        handle = self._client.get_workflow_handle(clue_workflow_id(clue_no), run_id=run_id)
        gaps = 0
        while True:
            try:
                said = await handle.query(OUTBOX, after, result_type=Outbox, rpc_timeout=QUERY_TIMEOUT)
            except RPCError as err:
                if err.status is RPCStatusCode.NOT_FOUND:
                    return None
                raise
            if not said.sealed:  # a task that was lost rang for it; how far the ledger is, nobody said
                return None
            try:
                done = await self._ledger.store(FlushBatch(clue_no, said.sealed))
            except LedgerGap as gap:  # a ring was missed: from where the ledger really is
                gaps += 1
                if gaps > 1 or gap.have >= after:
                    raise
                after = gap.have
                continue
            after = done.seq
            if after >= said.seq:
                self._know(clue_no, after)
                return done

    async def _bring_heard(self, said: Said) -> FlushDone | None:
        """Stores what bells told, spared the Query; None where that is not all that the run has said.

        Only a run whose events Temporal has stored can ask to be settled, and the hash that it gives stands for
        every event before it: what leads to that hash is what was stored.
        """
        have = self._have.get(said.clue_no, 0)
        heard = tuple(s for s in self._heard.pop(said.clue_no, ()) if s.seq > have)
        if not heard or (heard[-1].seq, heard[-1].hash) != (said.seq, said.hash):
            return None
        try:
            return await self._ledger.store(FlushBatch(said.clue_no, heard))
        except (LedgerConflict, LedgerGap):  # the clue knows better what it said
            return None

    def _know(self, clue_no: str, seq: int) -> None:
        self._have[clue_no] = max(seq, self._have.pop(clue_no, 0))
        while len(self._have) > REMEMBERED:
            self._have.popitem(last=False)

    @activity.defn(name=messages.SETTLE)
    async def settle(self, said: Said) -> FlushDone:
        """Before a run leaves: the ledger has everything that it said, or this is tried again; gives its tip.

        `LedgerConflict`, not retried, where another event stands at that place.
        """
        try:
            done = await self._bring_heard(said)
            if done is None:
                done = await self.bring(said.clue_no, self._have.get(said.clue_no, 0), said.run_id)
            tip = Tip(done.seq, done.hash) if done else await self._ledger.tip(said.clue_no)
            if tip.seq < said.seq:
                self._have.pop(said.clue_no, None)  # the ledger was set back: the next try begins anew
                raise LedgerGap(said.clue_no, tip.seq, said.seq)
            there = tip.hash if tip.seq == said.seq else await self._ledger.hash_at(said.clue_no, said.seq)
            if there != said.hash:
                raise LedgerConflict(said.clue_no, said.seq, "台账里这个位置上是另一个事件")
        except (LedgerConflict, LedgerGap) as err:
            kind = type(err).__name__
            final = kind == messages.LEDGER_CONFLICT
            raise ApplicationError(str(err), type=kind, non_retryable=final) from None
        except AWAY as err:
            # The driver's message may quote a row, and a row may name people: only the kind goes on record.
            raise ApplicationError(kind_of(err), type=messages.LEDGER_UNAVAILABLE) from None
        self._know(said.clue_no, tip.seq)
        return FlushDone(said.clue_no, tip.seq, tip.hash)

    # --- for as long as the worker lives ------------------------------------------------------------

    async def run(self) -> None:
        """Sweeps at the start and now and then, until cancelled."""
        while True:
            try:
                await self.sweep()
            except (
                Exception
            ) as err:  # whatever it was, the next sweep is the only one who finds what a bell missed
                log.warning("courier_sweep_failed", error=type(err).__name__)
                await asyncio.sleep(LONGEST_PAUSE)
                continue
            await asyncio.sleep(SWEEP_EVERY)

    async def sweep(self, task_queue: str | None = None) -> int:
        """Asks every running clue whether it has said what the ledger lacks; gives how many had.

        For what a worker was rung for that died before it had brought it. `task_queue`: only the clues there.
        """
        behind = 0
        theirs = f" AND TaskQueue = '{task_queue}'" if task_queue else ""
        async for execution in self._client.list_workflows(RUNNING + theirs):
            clue_no, began = clue_no_of(execution.id), self._loop.time()
            after = (await self._ledger.tip(clue_no)).seq
            try:
                handle = self._client.get_workflow_handle(execution.id)
                said = await handle.query(OUTBOX, after, result_type=Outbox, rpc_timeout=QUERY_TIMEOUT)
            except (RPCError, WorkflowQueryFailedError) as err:  # one that can't answer holds up no other
                log.info("clue_not_asked", clue_no=clue_no, error=type(err).__name__)
                continue
            if said.sealed:
                behind += 1
                self._have.pop(clue_no, None)  # the ledger was just asked, and knows better
                self._want(Ring(clue_no, said.seq, after))
            # A clue that this worker doesn't remember is replayed to answer: never more than a part of its time.
            await asyncio.sleep(max(SWEEP_PAUSE, SWEEP_REST * (self._loop.time() - began)))
        return behind

    async def drain(self, seconds: float) -> None:
        """Brings what is on its way, for so long at most; while the worker still answers queries."""
        if self._tasks:
            await asyncio.wait(self._tasks.values(), timeout=seconds)

    async def close(self) -> None:
        """Lets go of everything; returns when nothing of it uses the ledger any more."""
        tasks = list(self._tasks.values())
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


class Bell(Interceptor):
    """Lets a worker's workflows ring its courier."""

    def __init__(self, courier: Courier) -> None:
        self._courier = courier

    def workflow_interceptor_class(
        self, input: WorkflowInterceptorClassInput
    ) -> type[WorkflowInboundInterceptor] | None:
        input.unsafe_extern_functions[messages.RING] = self._courier.ring
        return None
