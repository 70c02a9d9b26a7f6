"""Looking at clues: Queries to their workflows, and the record where Temporal has forgotten them."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from datetime import UTC, datetime
from typing import Any, Final, Protocol

from temporalio.client import Client, WorkflowQueryFailedError
from temporalio.service import RPCError, RPCStatusCode

from domain import shapes
from domain.chain import Sealed
from domain.errors import DomainError
from domain.model import ClueState, Json, instant
from domain.packs import Rulebook
from domain.view import viewed
from runtime.errors import ServiceUnreachable
from runtime.kept_rules import Remembered, find_in, version_of
from runtime.rules import Rules
from runtime.sending import ATTEMPT, until_answered
from workflows import messages as m

PATIENCE: Final = 30.0  # seconds until a caller is told that nobody answers


class LedgerReader(Protocol):
    """What the client asks of the record. Each raises ServiceUnreachable where the database does not answer."""

    async def remembered(self, clue_no: str) -> tuple[ClueState, Sealed] | None:
        """The clue's state and its last event as stored; None where the record does not know it."""
        ...

    async def state_as_of(self, clue_no: str, at: datetime) -> ClueState | None:
        """The clue as its events up to and including `at` make it, not ticked."""
        ...

    def kept_runs(self, clue_no: str) -> AsyncIterator[str]:
        """The histories of the clue's runs that are kept, the newest first, as Temporal's JSON."""
        ...


def clock() -> datetime:
    return datetime.now(UTC)


class Looking:
    """The reading half of `runtime.client.ClueClient`."""

    def __init__(
        self,
        client: Client,
        rules: Rules,
        *,
        ledger: LedgerReader | None = None,
        patience: float = PATIENCE,
        now: Callable[[], datetime] = clock,
    ) -> None:
        self.temporal, self.rules = client, rules
        self._ledger, self._patience, self._now = ledger, patience, now
        self._books = Remembered()

    async def query(self, clue_no: str, as_of: datetime | None = None, days: bool = False) -> Json:
        """The contract's answer as of an instant, the asker's now by default. DomainError unknown_clue."""
        as_of = as_of or self._now()
        seen: Json | None = await self._asked(clue_no, m.CLUE, m.QueryArgs(as_of, days), dict)
        if seen is not None and seen["stage"] == "none":
            seen = None
        if seen is not None and not _is_later(seen, as_of):
            return seen
        newest = await self.state(clue_no)
        then = await self._then(newest, as_of)
        if then is None and seen is not None:
            return seen
        then = then or newest
        book = await self.rules_behind(then, newest)
        return viewed(then, as_of, book, self.rules.rulebook, days=days)

    async def _then(self, newest: ClueState, as_of: datetime) -> ClueState | None:
        """The clue as it was at that instant; None where only the record could tell, and does not."""
        if newest.updated_at is None or as_of >= newest.updated_at:
            return newest
        return await self._ledger.state_as_of(newest.clue_no, as_of) if self._ledger else None

    async def state(self, clue_no: str) -> ClueState:
        """The clue's state, not ticked. DomainError unknown_clue."""
        state: ClueState | None = await self._asked(clue_no, m.STATE, None, ClueState)
        if state is not None and state.exists:
            return state
        kept = await self._recorded(clue_no)
        if kept is None:
            raise unknown(clue_no)
        return kept[0]

    async def tip(self, clue_no: str) -> m.Tip | None:
        """How far the clue's newest run has come, also a closed one; None where Temporal knows none."""
        tip: m.Tip | None = await self._asked(clue_no, m.TIP, None, m.Tip)
        return tip

    async def rules_of(self, clue_no: str) -> m.RulesRef | None:
        """Which rules the clue's newest run goes by; None where Temporal knows no run."""
        ref: m.RulesRef | None = await self._asked(clue_no, m.RULES, None, m.RulesRef)
        return ref

    async def rulebook_of(self, clue_no: str) -> Rulebook | None:
        """The very rules that the clue's newest run goes by; None where Temporal knows no run."""
        book: Rulebook | None = await self._asked(clue_no, m.RULEBOOK, None, Rulebook)
        return book

    async def rules_behind(self, then: ClueState, newest: ClueState) -> Rulebook | None:
        """The rules that the clue went by in the state `then`: of its newest run, else of an older one as Temporal or
        the record keeps it. None where nobody has kept them. Raises ServiceUnreachable.
        """
        book = self._books.get(then, newest)
        if book is None:
            version = version_of(then, newest)
            book = await self.rulebook_of(then.clue_no)
            if book is None or version not in (None, book.version):
                book = await find_in(self._histories(then.clue_no), version)
            if book is not None:
                self._books.put(then, newest, book)
        return book

    async def _histories(self, clue_no: str) -> AsyncIterator[str]:
        try:
            run = self.temporal.get_workflow_handle(m.clue_workflow_id(clue_no))
            yield (await run.fetch_history(rpc_timeout=ATTEMPT)).to_json()
        except RPCError as err:
            if err.status is not RPCStatusCode.NOT_FOUND:
                raise ServiceUnreachable(f"查询不到线索 {clue_no} 的经过（{err.status.name}）") from err
        if self._ledger is not None:
            async for history in self._ledger.kept_runs(clue_no):
                yield history

    # --- what is known of a clue -------------------------------------------------------------------

    async def _exists(self, clue_no: str) -> bool:
        try:
            return (await self.state(clue_no)).exists
        except DomainError:
            return False

    async def _recorded(self, clue_no: str) -> tuple[ClueState, Sealed] | None:
        """What the record has; None also where it does not answer: Temporal's word is enough then."""
        try:
            return await self._ledger.remembered(clue_no) if self._ledger else None
        except ServiceUnreachable:
            return None

    async def _remembered(self, clue_no: str) -> tuple[ClueState, Sealed] | None:
        """The clue as the record has it, else as its last run left it, as long as the server keeps that."""
        kept = await self._recorded(clue_no)
        if kept is not None:
            return kept
        carried: m.Carried | None = await self._asked(clue_no, m.CARRIED, None, m.Carried)
        if carried is None or carried.last is None:
            return None
        return carried.state, carried.last

    async def _asked(self, clue_no: str, query: str, args: Any, result: type) -> Any:
        """A Query's answer, None where Temporal has no such run. Raises ServiceUnreachable."""
        check_number(clue_no)
        run = self.temporal.get_workflow_handle(m.clue_workflow_id(clue_no))

        async def attempt() -> Any:
            given = [] if args is None else [args]
            return await run.query(query, args=given, result_type=result, rpc_timeout=ATTEMPT)

        try:
            return await until_answered(attempt, self._patience)
        except RPCError as err:
            if err.status is RPCStatusCode.NOT_FOUND:
                return None
            raise ServiceUnreachable(f"查询不到线索 {clue_no}（{err.status.name}：{err.message}）") from err
        except WorkflowQueryFailedError as err:
            raise ServiceUnreachable(f"线索 {clue_no} 的查询失败：{err.message}") from err


def _is_later(seen: Json, as_of: datetime) -> bool:
    """Whether something in the answer happened only after that instant."""
    return bool(seen["timeline"]) and as_of < instant(seen["timeline"][-1]["at"])


def check_number(clue_no: str) -> None:
    """What can be no number is the number of no clue."""
    try:
        shapes.clue_no("clue_no", clue_no)
    except DomainError:
        raise unknown(clue_no) from None


def unknown(clue_no: str) -> DomainError:
    return DomainError("unknown_clue", f"没有线索 {clue_no}，请核对编号或先登记")
