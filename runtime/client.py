"""The way to the clues: commands as Updates, looking as Queries, with a definite answer for each.

A command's answer is the workflow's. Where the clue's last run has ended, the record's state is judged by the
same core: a refusal is said at once, an acceptance starts a new run from that state.
"""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any, Final

from temporalio.client import (
    Client,
    WithStartWorkflowOperation,
    WorkflowUpdateFailedError,
)
from temporalio.common import WorkflowIDConflictPolicy, WorkflowIDReusePolicy
from temporalio.exceptions import ApplicationError, WorkflowAlreadyStartedError
from temporalio.service import RPCError, RPCStatusCode

from domain import commands, shapes
from domain.agencies import is_well_formed, region_of
from domain.chain import Sealed
from domain.errors import CODES, DomainError
from domain.lifecycle import handle
from domain.model import (
    Actor,
    Answer,
    ClueState,
    Command,
    Facts,
    Json,
    Merged,
    Officer,
    Survivor,
    blank,
    instant,
    shanghai_day,
)
from domain.packs import Rulebook
from runtime.errors import ServiceUnreachable
from runtime.facts import Placer, facts_for
from runtime.looking import PATIENCE, LedgerReader, Looking, check_number, clock, unknown
from runtime.rules import Rules
from runtime.sending import ATTEMPT, Gates, TryAgain, until_answered
from workflows import messages as m
from workflows import search

CALENDAR_TO: Final = 2100  # the years of the calendar that a clue keeps
RUN_ENDED: Final = "AcceptedUpdateCompletedWorkflow"  # the server's word: the run was ended from outside
STATE_REGION: Final = "000000"  # in the numbers of clues that a group finds


@dataclass(frozen=True)
class Rehearsal:
    """A case played at instants of its own. `officers` replaces both lists, `packs` the engine's choice."""

    packs: tuple[str, ...] | None = None
    clock_offset: timedelta = timedelta(0)
    officers: Sequence[Officer] | None = None
    max_events: int | None = None


@dataclass(frozen=True)
class _Sent:
    """One command on its way to one clue."""

    clue_no: str
    message: m.CommandMessage
    update_id: str


class _Stale(TryAgain):
    """The run had begun from a state that was not the newest."""


__all__ = ["ClueClient", "LedgerReader", "Rehearsal", "excerpt"]


class ClueClient(Looking):
    """`rules` are those that new clues begin with; `ledger` is asked for clues that Temporal has forgotten;
    `placer` says whose a reported place is (without one only a named region does).

    Every call may raise ServiceUnreachable when nobody has answered for `patience` seconds.
    """

    def __init__(
        self,
        client: Client,
        rules: Rules,
        *,
        task_queue: str = "clueflow",
        ledger: LedgerReader | None = None,
        rehearsal: Rehearsal | None = None,
        placer: Placer | None = None,
        patience: float = PATIENCE,
        now: Callable[[], datetime] = clock,
    ) -> None:
        super().__init__(client, rules, ledger=ledger, patience=patience, now=now)
        self.task_queue, self._rehearsal, self._placer = task_queue, rehearsal, placer
        self._gates = Gates()

    # --- commands ----------------------------------------------------------------------------------

    async def report(
        self,
        actor: Actor,
        data: Json,
        command_id: str,
        clue_no: str | None = None,
        *,
        at: datetime | None = None,
    ) -> Answer:
        """Registers a clue. Without a number (here or in `data`) it gets the day's next one.

        `at`: the command's instant, in a rehearsal only. Raises DomainError when it is refused.
        """
        given = data.get("clue_no") if isinstance(data, Mapping) else None
        clue_no = clue_no or (given if isinstance(given, str) else None)
        if clue_no is not None:
            shapes.clue_no("clue_no（线索编号）", clue_no)
        message = self._message("report", actor, data, command_id, at)
        if clue_no is None:
            self._prejudged(message, f"XS-{STATE_REGION}-0")  # nothing starts for what will be refused
            clue_no = await self._assigned(message)
        return await self._answered(clue_no, message, report=True)

    def foreseen(self, actor: Actor, data: Json, command_id: str, clue_no: str) -> ClueState:
        """What a report would make of a new clue, told nobody. DomainError when it would be refused."""
        return self._prejudged(self._message("report", actor, data, command_id, None), clue_no)[0]

    async def do(
        self,
        clue_no: str,
        name: str,
        actor: Actor,
        data: Json,
        command_id: str,
        *,
        at: datetime | None = None,
        rules: Rulebook | None = None,
    ) -> Answer:
        """One command to one clue. `at`: its instant, in a rehearsal only. DomainError when it is refused.

        `rules`: what `change_rules` moves the clue to, as `excerpt` makes it.
        """
        if name == "report":
            return await self.report(actor, data, command_id, clue_no, at=at)
        message = replace(self._message(name, actor, data, command_id, at), rules=rules)
        check_number(clue_no)
        checked = commands.checked(message.command, clue_no, self._at(message))
        if name == "merge_into":
            message = await self._with_survivor(message, checked["clue_no"])
        answer = await self._answered(clue_no, message, report=False)
        if name == "merge_into":
            await self._settle_merging(clue_no, message, checked["clue_no"])
        return answer

    async def _with_survivor(self, message: m.CommandMessage, into: str) -> m.CommandMessage:
        if not await self._exists(into):
            raise DomainError("unknown_clue", f"没有线索 {into}，请核对要并入的编号")
        other = await self.state(into)
        seen = Survivor(into, str(other.stage), other.drill, other.merged_into)
        command = message.command
        return replace(message, command=replace(command, facts=replace(command.facts, survivor=seen)))

    async def _settle_merging(self, clue_no: str, message: m.CommandMessage, into: str) -> None:
        """Whoever sent the merging sees to it that exactly one of the two goes on."""
        await self._end_a_ring(clue_no, message, into)
        try:
            await self._tell_of_merging(clue_no, message, into)
        except DomainError:
            await self._end_a_ring(clue_no, message, into)  # the other one was merged only now
            raise

    async def _tell_of_merging(self, clue_no: str, message: m.CommandMessage, into: str) -> None:
        """The clue that stays learns of it, once: under an id that follows from the two, so that whoever sends it
        again, after a crash or from the other side, tells it too.
        """
        merged = await self.state(clue_no)
        if merged.merged_into != into:
            return  # taken back meanwhile
        told = Merged(clue_no, into, str(merged.clue.get("title", "")), len(merged.evidence))
        command_id = f"merged:{hashlib.sha256(f'{clue_no} {into}'.encode()).hexdigest()[:32]}"
        actor = message.command.actor
        command = Command(command_id, "take_in", actor, {"clue_no": clue_no}, Facts(merged=told))
        await self._answered(into, replace(message, command=command), report=False)

    async def _end_a_ring(self, clue_no: str, message: m.CommandMessage, into: str) -> None:
        """Two that were merged into each other at the same instant: the one that is to stay is told by both senders,
        in case the other one's is lost. DomainError for the sender whose merging was taken back.
        """
        if into < clue_no or (await self.state(into)).merged_into != clue_no:
            return
        await self._tell_of_merging(into, message, clue_no)
        raise DomainError(
            "wrong_stage", f"线索 {into} 同时并入了 {clue_no}：保留编号在前的 {clue_no}，它的并案已撤销"
        )

    async def resume(self, clue_no: str) -> bool:
        """Starts a run from the record for an open clue that has none, so that its clocks go on.

        False where there is nothing to resume. For the repair of what `reconcile` finds.
        """
        kept = await self._remembered(clue_no)
        if kept is None or kept[0].ended:
            return False
        rules = await self.kept_rules(kept[0])
        try:
            await self.temporal.start_workflow(
                m.CLUE_WORKFLOW,
                self._resumed(*kept, rules),
                id=m.clue_workflow_id(clue_no),
                task_queue=self.task_queue,
                task_timeout=m.WORKFLOW_TASK_TIMEOUT,
                search_attributes=search.attributes(kept[0], rules),
            )
        except WorkflowAlreadyStartedError:
            return False
        return True

    # --- one command on its way --------------------------------------------------------------------

    def _message(
        self, name: str, actor: Actor, data: Json, command_id: str, at: datetime | None
    ) -> m.CommandMessage:
        at = at if self._rehearsal else None
        officers = self._rehearsal.officers if self._rehearsal else None
        command = Command(command_id, name, actor, data)
        commands.checked(command, _clue_no_in(name, data), at or self._now())
        on = shanghai_day(at or self._now())
        facts = facts_for(self.rules, name, data, actor, on, officers, self._placer)
        return m.CommandMessage(replace(command, facts=facts), at)

    def _at(self, message: m.CommandMessage) -> datetime:
        return message.at or self._now()

    async def _answered(self, clue_no: str, message: m.CommandMessage, *, report: bool) -> Answer:
        stale = 0

        async def attempt() -> Answer:
            nonlocal stale
            sent = _Sent(clue_no, message, _update_id(message, stale))
            try:
                async with self._gates.at(clue_no):
                    if report and await self._recorded(clue_no) is None:
                        return await self._report(sent)
                    return await self._update(sent)
            except _Stale:
                stale += 1
                raise

        return await until_answered(attempt, self._patience)

    async def _update(self, sent: _Sent) -> Answer:
        run = self.temporal.get_workflow_handle(m.clue_workflow_id(sent.clue_no))
        try:
            answer: Answer = await run.execute_update(
                m.COMMAND, sent.message, id=sent.update_id, result_type=Answer, rpc_timeout=ATTEMPT
            )
        except WorkflowUpdateFailedError as err:
            raise _refusal(err) from None
        except RPCError as err:
            if err.status is not RPCStatusCode.NOT_FOUND:
                raise
            return await self._after_the_run(sent)
        return answer

    async def _report(self, sent: _Sent) -> Answer:
        """Starts the clue's run with the report as its first Update, or finds it running."""
        clue_no = sent.clue_no
        try:
            after, rules = self._prejudged(sent.message, clue_no)
        except DomainError:
            if await self._asked(clue_no, m.TIP, None, m.Tip) is None:
                raise
            return await self._update(sent)  # the same report again, perhaps: the clue knows
        start = m.ClueStart(clue_no, rules, pulled=True)
        if (r := self._rehearsal) is not None:
            start = replace(
                start, packs=r.packs, clock_offset=r.clock_offset, rehearsal=True, max_events=r.max_events
            )
        reuse = WorkflowIDReusePolicy.ALLOW_DUPLICATE_FAILED_ONLY
        try:
            return await self._start_with(start, sent, after, reuse)
        except WorkflowAlreadyStartedError:
            return await self._update(sent)

    async def _after_the_run(self, sent: _Sent) -> Answer:
        """No run: judged by the state that is kept; what is accepted starts a new one from there."""
        kept = await self._remembered(sent.clue_no)
        if kept is None:
            raise unknown(sent.clue_no)
        at = max(self._at(sent.message), kept[0].updated_at or self._at(sent.message))
        rules = await self.kept_rules(kept[0])
        outcome = handle(kept[0], sent.message.command, at, rules, sent.message.rules)
        if not outcome.events:
            return outcome.answer
        reuse = WorkflowIDReusePolicy.ALLOW_DUPLICATE
        return await self._start_with(self._resumed(*kept, rules), sent, outcome.state, reuse)

    async def _start_with(
        self,
        start: m.ClueStart,
        sent: _Sent,
        after: ClueState,
        reuse: WorkflowIDReusePolicy,
    ) -> Answer:
        operation: WithStartWorkflowOperation[Any, Any] = WithStartWorkflowOperation(
            m.CLUE_WORKFLOW,
            start,
            id=m.clue_workflow_id(start.clue_no),
            task_queue=self.task_queue,
            id_conflict_policy=WorkflowIDConflictPolicy.USE_EXISTING,
            id_reuse_policy=reuse,
            task_timeout=m.WORKFLOW_TASK_TIMEOUT,
            search_attributes=search.attributes(after, start.rules),
        )
        try:
            answer: Answer = await self.temporal.execute_update_with_start_workflow(
                m.COMMAND,
                sent.message,
                start_workflow_operation=operation,
                id=sent.update_id,
                result_type=Answer,
                rpc_timeout=ATTEMPT,
            )
        except WorkflowUpdateFailedError as err:
            raise _refusal(err) from None
        except WorkflowAlreadyStartedError:
            await asyncio.gather(operation.workflow_handle(), return_exceptions=True)  # looked at
            raise
        except RPCError as err:
            await asyncio.gather(operation.workflow_handle(), return_exceptions=True)
            if err.status is RPCStatusCode.NOT_FOUND:  # the run that was found ended meanwhile
                raise TryAgain from err
            raise
        return answer

    def _prejudged(self, message: m.CommandMessage, clue_no: str) -> tuple[ClueState, Rulebook]:
        """What the report makes of a new clue, and the rules that it keeps. DomainError when it is refused.

        Every pack is kept, not only those in use: a ruling may bring others in.
        """
        packs = self._rehearsal.packs if self._rehearsal else None
        outcome = handle(blank(clue_no, packs), message.command, self._at(message), self.rules.rulebook)
        return outcome.state, excerpt(self.rules.rulebook, instant(outcome.state.clue["discovered_at"]))

    async def kept_rules(self, state: ClueState) -> Rulebook:
        """The rules that the clue's last run went by; today's where nobody has kept them."""
        book = await self.rules_behind(state, state)
        return book or excerpt(self.rules.rulebook, state.discovered_at or self._now())

    def _resumed(self, state: ClueState, last: Sealed, rules: Rulebook) -> m.ClueStart:
        start = m.ClueStart(state.clue_no, rules, resumed=True, pulled=True)
        if (r := self._rehearsal) is not None:
            start = replace(start, clock_offset=r.clock_offset, rehearsal=True)
        return replace(start, state=state, seq=last.seq, hash=last.hash, last=last, outbox=(last,))

    async def _assigned(self, message: m.CommandMessage) -> str:
        command = message.command
        finder = command.data.get("from_agency", command.actor.agency)
        region = (region_of(finder) if is_well_formed(finder) else None) or STATE_REGION
        wish = m.AssignNumber(command.id, shanghai_day(self._at(message)).strftime("%Y%m%d"))

        async def attempt() -> str:
            operation: WithStartWorkflowOperation[Any, Any] = WithStartWorkflowOperation(
                m.NUMBERING_WORKFLOW,
                m.NumbersStart(region, {}, {}),
                id=m.numbers_workflow_id(region),
                task_queue=self.task_queue,
                id_conflict_policy=WorkflowIDConflictPolicy.USE_EXISTING,
                task_timeout=m.WORKFLOW_TASK_TIMEOUT,
            )
            clue_no: str = await self.temporal.execute_update_with_start_workflow(
                m.ASSIGN,
                wish,
                start_workflow_operation=operation,
                id=hashlib.sha256(f"{wish.day}:{wish.key}".encode()).hexdigest()[:32],
                result_type=str,
                rpc_timeout=ATTEMPT,
            )
            return clue_no

        async with self._gates.at(region):
            return await until_answered(attempt, self._patience)


def excerpt(book: Rulebook, discovered_at: datetime) -> Rulebook:
    """What a clue keeps of the rules: every pack, and the calendar from the year before its discovery on."""
    first = shanghai_day(discovered_at).year - 1
    return book.pinned((pack.id for pack in book.packs), first, CALENDAR_TO)


def _clue_no_in(name: str, data: Json) -> str:
    """The number against which a report's own is checked: itself, until the clue's is known."""
    given = data.get("clue_no") if name == "report" and isinstance(data, Mapping) else None
    return given if isinstance(given, str) else ""


def _update_id(message: m.CommandMessage, stale: int) -> str:
    """With the digest, so that the server's own memory never answers for another command under the same id;
    and with the number of runs that turned out stale, so that it does not repeat their answer.
    """
    return f"{message.command.id}:{message.command.digest[:16]}" + (f":{stale}" if stale else "")


def _refusal(err: WorkflowUpdateFailedError) -> Exception:
    cause = err.cause
    if isinstance(cause, ApplicationError):
        if cause.type in CODES:
            return DomainError(cause.type, cause.message)
        if cause.type == m.STALE_STATE:
            return _Stale(cause.message)
        if cause.type == RUN_ENDED:
            return TryAgain(cause.message)
    return ServiceUnreachable(f"线索没有给出答复：{cause}")
