"""One clue: receives commands, lets the core judge them, waits for the next clock, and tells the ledger.

House rules: the state changes only in `_record`; the core alone decides; commands never wait for the
ledger (`_deliver` sees to that in the background), only a resumed run's first command does. Nothing leaves
the workflow before the server has it: a task that is lost is done again, at another instant.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any, Final

from temporalio import workflow
from temporalio.exceptions import ApplicationError, FailureError

with workflow.unsafe.imports_passed_through():
    from activities.messages import FlushBatch, FlushDone
    from domain.chain import Sealed, seal
    from domain.errors import DomainError
    from domain.evolve import evolve
    from domain.lifecycle import Outcome, handle, next_wakeup, tick
    from domain.model import Answer, ClueState, Event, blank
    from domain.packs import Rulebook
    from domain.view import view

    from workflows import errands, search
    from workflows import messages as m
    from workflows.batches import next_batch
    from workflows.judged import Judged
    from workflows.spread import spread

UNREPORTED_LIFE: Final = timedelta(seconds=60)  # a run whose report was refused ends by itself
LONGEST_SLEEP: Final = timedelta(days=365)  # servers cap timers; waking for nothing once a year costs nothing
EVENTS_PER_RUN: Final = 1000  # replayed in about half a second, well within a task's time-out
BURST: Final = timedelta(milliseconds=100)  # commands that follow each other this closely are gathered,
GATHER: Final = timedelta(milliseconds=300)  # this long, so that a crowd's answers don't wait for the ledger
CONFLICT_PAUSE: Final = timedelta(minutes=5)  # what the ledger refuses for good needs a person first


@workflow.defn(name=m.CLUE_WORKFLOW)
class ClueWorkflow:
    @workflow.init
    def __init__(self, start: m.ClueStart) -> None:
        self._start = start
        self._state: ClueState = start.state or blank(start.clue_no, start.packs)
        self._seq, self._hash, self._last = start.seq, start.hash, start.last
        self._outbox: list[Sealed] = list(start.outbox)
        self._trusted = not start.resumed
        self._stale = False
        self._trying = False  # a local try at the ledger holds the workflow task
        self._trouble = ""
        self._commanded_at: datetime | None = None
        self._on_heels = False  # the last command came within BURST of the one before
        self._gathering = False
        self._sealed_at = 0  # the history's length when the last event was made
        self._judged: Judged | None = None
        self._tasks: list[asyncio.Task[None]] = []
        self._timer: asyncio.Task[None] | None = None
        self._wakes_at: datetime | None = None
        self._began = workflow.info().start_time
        self._shown = workflow.info().typed_search_attributes

    @workflow.run
    async def run(self, start: m.ClueStart) -> m.Tip:
        work = (self._deliver(), self._keep_history(start.previous_run_id))
        self._tasks = [asyncio.create_task(w) for w in work]  # kept, else they may be collected
        if not self._trusted:
            await workflow.wait_condition(lambda: self._trusted or self._stale)
        while True:
            if not self._in_a_burst():
                self._show()
            self._arm()
            seen = self._state.seq
            await workflow.wait_condition(lambda seen=seen: self._has_news(seen))  # type: ignore[misc]
            if self._timer_is_up():
                self._wake()
            elif self._is_over():
                return self.tip()
            elif self._is_full():
                await workflow.wait_condition(lambda: workflow.all_handlers_finished() and not self._trying)
                self._continue()

    # --- commands ----------------------------------------------------------------------------------

    @workflow.update(name=m.COMMAND)
    async def command(self, message: m.CommandMessage) -> Answer:
        """One act of one person: judged, recorded and answered at once."""
        if not self._trusted:
            await workflow.wait_condition(lambda: self._trusted or self._stale)
        if self._stale:
            raise ApplicationError("线索的状态已有更新", type=m.STALE_STATE, non_retryable=True)
        judged, self._judged = self._judged, None
        known = judged is not None and judged.fits(self._state, message, workflow.now())
        outcome = judged.outcome if judged is not None and known else self._judge(message)
        # Of commands' instants alone: a local activity's end is no instant that a replay repeats exactly.
        last, self._commanded_at = self._commanded_at, workflow.now()
        self._on_heels = last is not None and self._commanded_at - last <= BURST
        self._record(outcome.state, outcome.events)
        if outcome.rules is not None:
            self._start = replace(self._start, rules=outcome.rules)
        self._log("command accepted", message, seq=outcome.answer.seq)
        return outcome.answer

    @command.validator
    def refuse(self, message: m.CommandMessage) -> None:
        """A refusal leaves nothing in the history; an acceptance spares the handler behind it the judging."""
        self._judged = Judged(self._state, message, workflow.now(), self._judge(message))

    def _judge(self, message: m.CommandMessage) -> Outcome:
        try:
            at = self._instant(message.at)
            return handle(self._state, message.command, at, self._start.rules, message.rules)
        except DomainError as err:
            self._log("command refused", message, code=err.code)
            raise ApplicationError(err.message, type=err.code, non_retryable=True) from None

    def _log(self, event: str, message: m.CommandMessage, **more: Any) -> None:
        c = message.command
        workflow.logger.info(
            event, extra={"clue_no": self._state.clue_no, "command_id": c.id, "command": c.name, **more}
        )

    def _instant(self, at: datetime | None) -> datetime:
        """The command's own instant in a rehearsal, else now; never before what has happened already."""
        if at is None or not self._start.rehearsal:
            at = self._now()
        return max(at, self._state.updated_at) if self._state.updated_at else at

    def _now(self) -> datetime:
        return workflow.now() + self._start.clock_offset

    def _record(self, state: ClueState, events: Sequence[Event]) -> None:
        if not events:
            return
        sealed = seal(state.clue_no, self._seq, self._hash, events)
        self._outbox.extend(sealed)
        self._last = sealed[-1]
        self._seq, self._hash = self._last.seq, self._last.hash
        self._state = state
        self._sealed_at = workflow.info().get_current_history_length()

    # --- clocks ------------------------------------------------------------------------------------

    def _arm(self) -> None:
        """One timer. It keeps running when the next wake-up only moves later."""
        wake = self._next_wake()
        if wake is None or (self._wakes_at is not None and self._wakes_at <= wake):
            return
        if self._timer is not None:
            self._timer.cancel()
        wait = min(max(wake - self._now(), timedelta(milliseconds=1)), LONGEST_SLEEP)
        self._wakes_at = self._now() + wait
        self._timer = asyncio.create_task(workflow.sleep(wait))

    def _timer_is_up(self) -> bool:
        return self._timer is not None and self._timer.done()

    def _next_wake(self) -> datetime | None:
        if not self._state.exists:
            return self._began + self._start.clock_offset + UNREPORTED_LIFE
        wake = next_wakeup(self._state, self._start.rules)
        return None if wake is None else wake + spread(self._state.clue_no, wake)

    def _wake(self) -> None:
        """The timer is up: everything due by now happens, dated at its own instant."""
        self._timer = self._wakes_at = None
        if not self._state.exists:
            raise ApplicationError("没有登记任何线索", type=m.NOTHING_REPORTED, non_retryable=True)
        state = self._state
        events = tick(state, self._instant(None), self._start.rules)
        for event in events:
            state = evolve(state, event)
        self._record(state, events)

    # --- the ledger --------------------------------------------------------------------------------

    async def _deliver(self) -> None:
        """Brings events to the ledger, one batch at a time, for as long as the run lasts."""
        while True:
            await workflow.wait_condition(lambda: bool(self._outbox))
            await self._gather()
            batch = FlushBatch(self._state.clue_no, next_batch(self._outbox))
            try:
                done = await self._flush(batch)
            except FailureError as err:  # the record holds something else in that place
                self._trouble = str(err.cause or err)
                workflow.logger.error("the ledger refuses events for good")
                await workflow.sleep(CONFLICT_PAUSE)
                continue
            self._trouble = ""
            self._check_resumed(done)
            self._outbox = [s for s in self._outbox if s.seq > batch.sealed[-1].seq]

    def _in_a_burst(self) -> bool:
        """Whether commands come on each other's heels: then what they change is told all at once."""
        return (self._on_heels or self._gathering) and not self._state.ended

    async def _gather(self) -> None:
        """A command alone goes to the ledger at once; several on each other's heels together."""
        if self._in_a_burst():
            self._gathering = True
            with contextlib.suppress(asyncio.TimeoutError):
                await workflow.wait_condition(lambda: self._state.ended, timeout=GATHER)
            self._gathering = False
            self._show()

    async def _flush(self, batch: FlushBatch) -> FlushDone:
        """Once briefly, inside the workflow's task, where the server has the events already; failing that by an
        activity, which is scheduled together with what it carries, and tried again and again.
        """
        if workflow.info().get_current_history_length() > self._sealed_at:
            self._trying = True
            try:
                return await errands.flush_briefly(batch)
            except FailureError:
                pass  # the ledger does not answer now
            finally:
                self._trying = False
        return await errands.flush(batch)

    def _check_resumed(self, done: FlushDone) -> None:
        """A resumed run is only as good as the state it was given: the ledger must know nothing newer."""
        if not self._trusted:
            self._trusted = (done.seq, done.hash) == (self._seq, self._hash)
            self._stale = not self._trusted

    async def _keep_history(self, run_id: str) -> None:
        """Keeps that of the run before; workers sweep up what the last runs leave."""
        if run_id:
            await errands.keep_history(self._state.clue_no, run_id)

    # --- the course of a run -----------------------------------------------------------------------

    def _has_news(self, seen: int) -> bool:
        return self._timer_is_up() or self._state.seq != seen or self._is_over() or self._is_full()

    def _is_over(self) -> bool:
        """The clue has ended, the ledger has it all, no accountability case is open, nobody waits."""
        told = self._state.ended and not self._outbox and all(c.decided for c in self._state.cases)
        return (told or self._stale) and workflow.all_handlers_finished()

    def _is_full(self) -> bool:
        """Time for a new run: when nothing is on its way to the ledger, or at twice the length all the same."""
        info, limit = workflow.info(), self._start.max_events or EVENTS_PER_RUN
        length = info.get_current_history_length()
        full = info.is_continue_as_new_suggested() or length >= limit
        return full and (not self._outbox or length >= 2 * limit)

    def _continue(self) -> None:
        """The next run carries the state, its chain and what the ledger has not confirmed."""
        carried = replace(
            self._start,
            state=self._state,
            seq=self._seq,
            hash=self._hash,
            last=self._last,
            outbox=tuple(self._outbox),
            resumed=not self._trusted,
            previous_run_id=workflow.info().run_id,
        )
        workflow.continue_as_new(carried)

    def _show(self) -> None:
        wanted = search.attributes(self._state, self._start.rules)
        if search.worth_showing(self._shown, wanted):
            workflow.upsert_search_attributes(search.updates(self._shown, wanted))
            self._shown = wanted

    # --- looking -----------------------------------------------------------------------------------

    @workflow.query(name=m.CLUE)
    def clue(self, args: m.QueryArgs) -> dict[str, Any]:
        return view(self._state, args.as_of, self._start.rules, days=args.days)

    @workflow.query(name=m.TIP)
    def tip(self) -> m.Tip:
        s = self._state
        return m.Tip(self._seq, self._hash, s.stage, s.ended, len(self._outbox), self._trouble)

    @workflow.query(name=m.STATE)
    def state(self) -> ClueState:
        return self._state

    @workflow.query(name=m.CARRIED)
    def carried(self) -> m.Carried:
        return m.Carried(self._state, self._last)

    @workflow.query(name=m.RULES)
    def rules(self) -> m.RulesRef:
        return m.RulesRef(self._start.rules.version, self._start.rules.key, self._seq)

    @workflow.query(name=m.RULEBOOK)
    def rulebook(self) -> Rulebook:
        return self._start.rules
