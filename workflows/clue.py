"""One clue: receives commands, lets the core judge them, waits for the next clock, and tells the ledger.

House rules: the state changes only in `_record`; the core alone decides; commands never wait for the
ledger (it comes for the events, `workflows.pulled`), only a resumed run's first command does. Nothing leaves
the workflow before the server has it: a task that is lost is done again, at another instant.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any, Final

from temporalio import workflow
from temporalio.exceptions import ApplicationError

with workflow.unsafe.imports_passed_through():
    from domain.chain import seal
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
    from workflows.pulled import Pulled
    from workflows.pushed import Pushed
    from workflows.spread import spread

UNREPORTED_LIFE: Final = timedelta(seconds=60)  # a run whose report was refused ends by itself
LONGEST_SLEEP: Final = timedelta(days=365)  # servers cap timers; waking for nothing once a year costs nothing
EVENTS_PER_RUN: Final = 1000  # replayed in about half a second, well within a task's time-out


@workflow.defn(name=m.CLUE_WORKFLOW)
class ClueWorkflow:
    @workflow.init
    def __init__(self, start: m.ClueStart) -> None:
        self._start = start
        self._state: ClueState = start.state or blank(start.clue_no, start.packs)
        self._seq, self._hash, self._last = start.seq, start.hash, start.last
        way = Pulled if start.pulled else Pushed
        self._outbox: Pulled | Pushed = way(self, start.outbox, resumed=start.resumed)
        self._judged: Judged | None = None
        self._tasks: list[asyncio.Task[None]] = []
        self._timer: asyncio.Task[None] | None = None
        self._wakes_at: datetime | None = None
        self._began = workflow.info().start_time
        self._shown = workflow.info().typed_search_attributes

    @workflow.run
    async def run(self, start: m.ClueStart) -> m.Tip:
        work = (self._outbox.run(), self._keep_history(start.previous_run_id))
        self._tasks = [asyncio.create_task(w) for w in work]  # kept, else they may be collected
        if not self._outbox.settled:
            await workflow.wait_condition(lambda: self._outbox.settled)
        while True:
            self._outbox.show()
            self._arm()
            seen = self._state.seq
            await workflow.wait_condition(lambda seen=seen: self._has_news(seen))  # type: ignore[misc]
            if self._timer_is_up():
                self._wake()
            elif self._is_over():
                self.show()
                return self.tip()
            elif self._is_full():
                await workflow.wait_condition(
                    lambda: workflow.all_handlers_finished() and not self._outbox.in_the_way
                )
                self._continue()

    # --- commands ----------------------------------------------------------------------------------

    @workflow.update(name=m.COMMAND)
    async def command(self, message: m.CommandMessage) -> Answer:
        """One act of one person: judged, recorded and answered at once."""
        if not self._outbox.settled:
            await workflow.wait_condition(lambda: self._outbox.settled)
        if self._outbox.stale:
            raise ApplicationError("线索的状态已有更新", type=m.STALE_STATE, non_retryable=True)
        judged, self._judged = self._judged, None
        known = judged is not None and judged.fits(self._state, message, workflow.now())
        outcome = judged.outcome if judged is not None and known else self._judge(message)
        self._outbox.commanded(workflow.now())
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
        self._last = sealed[-1]
        self._seq, self._hash = self._last.seq, self._last.hash
        self._state = state
        self._outbox.add(sealed)
        self._outbox.ring(sealed)

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

    # --- the course of a run -----------------------------------------------------------------------

    async def _keep_history(self, run_id: str) -> None:
        """Keeps that of the run before; workers sweep up what the last runs leave."""
        if run_id:
            await errands.keep_history(self._state.clue_no, run_id)

    def _has_news(self, seen: int) -> bool:
        return self._timer_is_up() or self._state.seq != seen or self._is_over() or self._is_full()

    def _is_over(self) -> bool:
        """The clue has ended, the ledger has it all, no accountability case is open, nobody waits."""
        told = self.is_done() and not self._outbox.events
        return (told or self._outbox.stale) and workflow.all_handlers_finished()

    def is_done(self) -> bool:
        return self._state.ended and all(c.decided for c in self._state.cases)

    def _is_full(self) -> bool:
        """Time for a new run: when nothing is on its way to the ledger, or at twice the length all the same."""
        twice = workflow.info().get_current_history_length() >= 2 * self._limit
        return self._is_long() and (not self._outbox.events or twice)

    def _is_long(self) -> bool:
        info = workflow.info()
        return info.is_continue_as_new_suggested() or info.get_current_history_length() >= self._limit

    @property
    def _limit(self) -> int:
        return self._start.max_events or EVENTS_PER_RUN

    def _continue(self) -> None:
        """The next run carries the state, its chain and what the ledger has not confirmed."""
        carried = replace(
            self._start,
            state=self._state,
            seq=self._seq,
            hash=self._hash,
            last=self._last,
            outbox=tuple(self._outbox.events),
            resumed=not self._outbox.trusted,
            pulled=True,
            previous_run_id=workflow.info().run_id,
        )
        workflow.continue_as_new(carried)

    # --- what the way to the ledger asks of a run (`workflows.outbox.Speaker`) ---------------------

    @property
    def clue_no(self) -> str:
        return self._state.clue_no

    @property
    def said(self) -> tuple[int, str]:
        return self._seq, self._hash

    @property
    def ended(self) -> bool:
        return self._state.ended

    def wants_to_leave(self) -> bool:
        return self.is_done() or self._is_long()

    def has_more_to_show(self) -> bool:
        return search.worth_showing(self._shown, search.attributes(self._state, self._start.rules))

    def show(self) -> None:
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
        return m.Tip(self._seq, self._hash, s.stage, s.ended, self._outbox.trouble)

    @workflow.query(name=m.OUTBOX)
    def outbox(self, after: int) -> m.Outbox:
        behind = [s for s in self._outbox.events if s.seq > after]
        return m.Outbox(self._seq, next_batch(behind) if behind else ())

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
