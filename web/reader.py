"""Where a page's clue comes from: the live workflow, or the ledger when that can't be asked."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Final, TypeVar

from sqlalchemy.exc import SQLAlchemyError

from domain import shapes
from domain.errors import DomainError
from domain.model import ClueState, Json
from domain.packs import Rulebook
from domain.view import viewed
from ledger.clues import BadCursor, Page, count_levels, get_state, list_clues, state_as_of
from ledger.delivery import Told, of_clue
from ledger.errors import UnknownClue
from ledger.owed import Owed, owed
from ledger.reader import Records
from ledger.terms import terms
from notices.ical import DONE_KEPT, TermsFeed, feed
from runtime.errors import ServiceUnreachable
from runtime.kept_rules import Remembered, find_in, version_of
from runtime.logs import get_logger
from web.asked import Asked
from web.errors import Unavailable
from web.privacy import public_view
from web.services import Services

LIVE_SECONDS: Final = 2.0  # how long a page waits for the workflow before it looks into the ledger
REST_SECONDS: Final = 5.0  # after a failure, so that not every page waits
PAST: Final = timedelta(minutes=1)  # an `as_of` older than that is asked of the record

log = get_logger(__name__)


@dataclass(frozen=True)
class Seen:
    """A clue as anybody may see it. `live`: the workflow itself answered; else the ledger, maybe behind."""

    clue: Json
    live: bool


@dataclass(frozen=True)
class Counts:
    """Clues by level, drills left out: they count in no statistics; and how many drills there are."""

    levels: Mapping[int, int]
    drills: int


T = TypeVar("T")


class Reader:
    """Looks things up for the pages. Every method raises Unavailable where nobody can be asked."""

    def __init__(self, services: Services) -> None:
        self._services = services
        self.rules = services.rules
        self._rest_until = 0.0
        self._books = Remembered()

    # --- the list ----------------------------------------------------------------------------------

    async def page(self, wanted: Asked) -> Page:
        """One page of the list, as of now. DomainError for a bad cursor."""
        shown = list_clues(
            self._services.engine,
            self.rules.rulebook,
            self._services.now(),
            wanted.filters,
            after=wanted.after,
            limit=wanted.limit,
        )
        try:
            return await _from(shown)
        except BadCursor as err:
            shapes.refuse("after", str(err))

    async def owed(self, page: Page) -> Mapping[str, Sequence[Owed]]:
        """The duties behind the lines of a page."""
        return await _from(owed(self._services.engine, [clue.clue_no for clue in page.clues]))

    async def counts(self, wanted: Asked) -> Counts:
        """What the whole list holds, whatever level is asked for."""
        engine, now = self._services.engine, self._services.now()

        async def of(drill: bool) -> dict[int, int]:
            filters = replace(wanted.filters, level=None, drill=drill)
            return await _from(count_levels(engine, self.rules.rulebook, now, filters))

        return Counts(await of(False), sum((await of(True)).values()))

    # --- one agency --------------------------------------------------------------------------------

    async def terms(self, agency: str) -> TermsFeed:
        """The calendar of what the agency owes. DomainError `unknown_agency`."""
        now = self._services.now()
        if self.rules.agency_status(agency, now.date()) == "unknown":
            raise DomainError("unknown_agency", f"没有机构 {agency}，请核对代码")
        found = await _from(terms(self._services.engine, agency, now - DONE_KEPT))
        return feed(agency, found, now, self.rules, self._services.public_url)

    # --- one clue ----------------------------------------------------------------------------------

    async def clue(self, clue_no: str, as_of: datetime | None = None, *, days: bool = False) -> Seen:
        """The clue as of an instant, now by default; `days` adds to each duty its day-by-day reasons.

        For an instant in the past the record tells what had happened by then. DomainError `unknown_clue`
        for a clue that there is not, or was not yet.
        """
        shapes.clue_no("clue_no", clue_no)
        now = self._services.now()
        if as_of is not None and as_of < now - PAST:
            return Seen(await self._from_ledger(clue_no, as_of, days, past=True), live=False)
        at = as_of or now
        live = await self._from_workflow(clue_no, at, days)
        if live is not None:
            return Seen(public_view(live), live=True)
        return Seen(await self._from_ledger(clue_no, at, days, past=False), live=False)

    async def told(self, clue_no: str) -> Sequence[Told] | None:
        """Who was told of the clue, by inbox and by channels; None where the ledger can't say: the rest of the
        page may well come from the workflow."""
        try:
            async with asyncio.timeout(LIVE_SECONDS):
                return await _from(of_clue(self._services.engine, clue_no))
        except (Unavailable, TimeoutError):
            return None

    async def _from_workflow(self, clue_no: str, at: datetime, days: bool) -> Json | None:
        if self._services.live is None or time.monotonic() < self._rest_until:
            return None
        try:
            async with asyncio.timeout(LIVE_SECONDS):
                return await self._services.live.query(clue_no, at, days=days)
        except DomainError:
            return None  # gone from the engine, perhaps: the record has the last word on what there is
        except Exception as err:  # whatever keeps the engine from answering, the ledger can
            self._rest_until = time.monotonic() + REST_SECONDS
            log.warning("live query failed, using the ledger", clue_no=clue_no, error=type(err).__name__)
            return None

    async def _from_ledger(self, clue_no: str, at: datetime, days: bool, *, past: bool) -> Json:
        engine = self._services.engine
        try:
            newest = await _from(get_state(engine, clue_no))
            state = await _from(state_as_of(engine, clue_no, at)) if past else newest
        except UnknownClue:
            raise _unknown(clue_no) from None
        if not state.exists:
            raise _unknown(clue_no, "当时")
        book = await self._rules_behind(state, newest)
        return public_view(viewed(state, at, book, self.rules.rulebook, days=days))

    async def _rules_behind(self, then: ClueState, newest: ClueState) -> Rulebook | None:
        """The rules that the clue went by then: as the engine knows them, else as the ledger kept its runs."""
        book = self._books.get(then, newest)
        if book is None:
            book = await self._asked_of_the_engine(then, newest)
        if book is None:
            kept = Records(self._services.engine).kept_runs(then.clue_no)
            book = await _from(find_in(kept, version_of(then, newest)))
        if book is not None:
            self._books.put(then, newest, book)
        return book

    async def _asked_of_the_engine(self, then: ClueState, newest: ClueState) -> Rulebook | None:
        live = self._services.live
        if live is None or time.monotonic() < self._rest_until:
            return None
        try:
            async with asyncio.timeout(LIVE_SECONDS):
                return await live.rules_behind(then, newest)
        except Exception as err:  # the ledger may know as well
            self._rest_until = time.monotonic() + REST_SECONDS
            log.warning("rules not told", clue_no=then.clue_no, error=type(err).__name__)
            return None


def _unknown(clue_no: str, when: str = "") -> DomainError:
    return DomainError("unknown_clue", f"{when}没有编号为 {clue_no} 的线索，请核对编号")


async def _from(asking: Awaitable[T]) -> T:
    """The ledger's answer."""
    try:
        return await asking
    except (SQLAlchemyError, ServiceUnreachable, OSError, TimeoutError) as err:
        log.error("the ledger does not answer", error=type(err).__name__)
        raise Unavailable from err
