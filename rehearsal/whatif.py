"""Past clues judged again: who would have been late under other packs, terms or calendars.

Most clues are judged from the dates of their duties (`rehearsal.judging`), here; the others are played again from
their acts (`rehearsal.replay`), a chunk at a time, by processes of their own where there are many.
"""

from __future__ import annotations

import asyncio
import multiprocessing
from collections.abc import Callable, Collection, Sequence
from concurrent.futures import Executor, ProcessPoolExecutor
from dataclasses import dataclass, field
from datetime import date, datetime
from pathlib import Path
from typing import Final

from sqlalchemy.ext.asyncio import AsyncEngine

from domain.agencies import is_well_formed
from domain.model import ClueState, Event
from domain.packs import Rulebook
from ledger import database, past
from ledger.past import PastClue, Span
from rehearsal.acts import UnknownAct
from rehearsal.judging import Clocks, Judged, as_recorded, judged
from rehearsal.replay import Replayed, acts_again, replayed
from rehearsal.tally import Tally, paired
from runtime.rules import UnknownRule, load_rules

PROCESSES: Final = 2
CHUNK: Final = 200  # clues that one process plays at a time
AHEAD: Final = 3  # chunks that wait per process: what bounds the memory
ALONE: Final = 2  # so many chunks are played here: a process takes a second to start


@dataclass(frozen=True)
class Question:
    """What is asked. `rules`: those to judge by; `base`: today's, by which a running ladder is read on.

    `exact`: play every clue. `check`: also play this many of those judged by dates, and compare.
    `folder`: where the rules' matters and departments come from, None for the usual place.
    """

    rules: Rulebook
    base: Rulebook
    as_of: datetime
    span: Span = field(default_factory=Span)
    exact: bool = False
    check: int = 0
    folder: Path | None = None


@dataclass
class Found:
    """The answer. `drills` were left out; `checked` clues were judged both ways, `differing` with another end."""

    tally: Tally
    drills: int = 0
    checked: int = 0
    differing: list[str] = field(default_factory=list)


async def ask(
    url: str,
    question: Question,
    *,
    processes: int = PROCESSES,
    progress: Callable[[int, int], None] | None = None,
) -> Found:
    """Judges every clue of the ledger at `url` again. `progress(clues so far, clues in all)` now and then."""
    engine = database.create(url, command_seconds=None)
    try:
        return await _Asked(engine, url, question, processes, progress).run()
    finally:
        await engine.dispose()


class _Asked:
    """One question being answered: clues come in by pages, chunks to be played go out to the processes."""

    def __init__(
        self,
        engine: AsyncEngine,
        url: str,
        question: Question,
        processes: int,
        progress: Callable[[int, int], None] | None,
    ) -> None:
        self._engine, self._url, self._question = engine, url, question
        self._processes, self._progress = processes, progress
        self._now, self._then = Clocks(question.rules), Clocks(question.base)
        self._found = Found(Tally())
        self._waiting: list[str] = []
        self._chunks: list[list[str]] = []
        self._running: set[asyncio.Future[Tally]] = set()
        self._pool: Executor | None = None
        self._total = 0

    async def run(self) -> Found:
        self._total, self._found.drills = await past.count(self._engine, self._question.span)
        try:
            async for page in past.pages(self._engine, self._question.span):
                await self._page(page)
            await self._send(last=True)
            await self._settle(0)
        finally:
            for future in self._running:
                future.cancel()
            if self._pool is not None:
                self._pool.shutdown(cancel_futures=True)
        return self._found

    async def _page(self, page: list[PastClue]) -> None:
        q, tally = self._question, self._found.tally
        sample: list[tuple[str, list[Judged], int]] = []
        for clue in page:
            now = None if q.exact else judged(clue, q.as_of, self._now)
            if now is None:
                self._waiting.append(clue.clue_no)
                continue
            then = as_recorded(clue, q.as_of, self._then)
            peak = max((duty.level for duty in now if duty), default=0)
            tally.clue(zip(then, now, strict=True), _peak(clue, then), peak)
            if self._found.checked + len(sample) < q.check:
                sample.append((clue.clue_no, [duty for duty in now if duty], peak))
        await self._check(sample)
        await self._send()
        self._tell()

    async def _check(self, sample: list[tuple[str, list[Judged], int]]) -> None:
        """Plays clues that were judged by dates, and keeps the numbers of those that end otherwise."""
        numbers = [number for number, _, _ in sample]
        if not numbers:
            return
        async with self._engine.connect() as connection:
            doings = await past.doings(connection, numbers)
        for number, duties, peak in sample:
            again = play(doings.get(number, []), self._question)
            self._found.checked += 1
            if again is None or (judged_in(again.state), again.state.peak_level) != (duties, peak):
                self._found.differing.append(number)

    # --- what must be played -----------------------------------------------------------------------

    async def _send(self, *, last: bool = False) -> None:
        """Hands out full chunks; few of them at the end are played here."""
        while len(self._waiting) >= CHUNK or (last and self._waiting):
            self._chunks.append(self._waiting[:CHUNK])
            self._waiting = self._waiting[CHUNK:]
        if self._pool is None and len(self._chunks) > ALONE:
            self._pool = _pool(self._processes, self._url, self._question)
        if self._pool is None:
            if last:
                for chunk in self._chunks:
                    self._found.tally.add(await _played(self._engine, chunk, self._question))
            return
        for chunk in self._chunks:
            await self._settle(self._processes * AHEAD)
            self._running.add(asyncio.get_running_loop().run_in_executor(self._pool, _chunk, chunk))
        self._chunks = []

    async def _settle(self, most: int) -> None:
        """Waits until no more than `most` chunks are out."""
        while len(self._running) > most or (most == 0 and self._running):
            done, self._running = await asyncio.wait(self._running, return_when=asyncio.FIRST_COMPLETED)
            for future in done:
                self._found.tally.add(future.result())
            self._tell()

    def _tell(self) -> None:
        if self._progress is not None:
            self._progress(self._found.tally.clues, self._total)


def judged_in(state: ClueState) -> list[Judged]:
    """The duties of a clue that was played, as they came out."""
    return [
        Judged(
            d.id,
            d.obliged,
            d.opened_at,
            d.due_at,
            d.legal_due_at,
            d.provisional,
            d.breached_at is not None or d.was_late,
            d.level,
        )
        for d in state.duties
    ]


def play(doings: Sequence[Event], question: Question) -> Replayed | None:
    """One clue from its acts, as `ledger.past.doings` gives them; None where one of them is not known here."""
    try:
        acts, packs = acts_again(doings)
    except UnknownAct:
        return None

    def addressee(region: str, matter: str, on: date) -> str | None:
        try:
            found = f"{region}.{load_rules(question.folder).department_for(matter, on)}"
        except UnknownRule:
            return None
        return found if is_well_formed(found) else None

    return replayed(acts, question.rules, question.as_of, packs, addressee)


async def _played(engine: AsyncEngine, clue_nos: Collection[str], question: Question) -> Tally:
    """The tally of some clues, each played from its acts."""
    clocks, tally = Clocks(question.base), Tally()
    async with engine.connect() as connection:
        clues = await past.some(connection, clue_nos)
        doings = await past.doings(connection, clue_nos)
    for clue in clues:
        again = play(doings.get(clue.clue_no, []), question)
        if again is None:
            tally.failed += 1
            continue
        then = as_recorded(clue, question.as_of, clocks)
        tally.clue(paired(then, judged_in(again.state)), _peak(clue, then), again.state.peak_level)
        tally.played += 1
        tally.refused.update(again.refused)
    return tally


def _peak(clue: PastClue, then: Sequence[Judged]) -> int:
    """The highest level that the clue came to, read on to the instant that is asked about."""
    return max(clue.peak_level, *(duty.level for duty in then), 0)


# --- in a process of its own ---------------------------------------------------------------------------

_given: tuple[str, Question] | None = None


def _pool(processes: int, url: str, question: Question) -> Executor:
    # "spawn": a fork of a process with an event loop and open connections would share them
    return ProcessPoolExecutor(
        processes, multiprocessing.get_context("spawn"), initializer=_begin, initargs=(url, question)
    )


def _begin(url: str, question: Question) -> None:
    global _given
    _given = url, question


def _chunk(clue_nos: list[str]) -> Tally:
    assert _given is not None
    return asyncio.run(_connected(*_given, clue_nos))


async def _connected(url: str, question: Question, clue_nos: list[str]) -> Tally:
    engine = database.create(url, pool_size=1, command_seconds=None)
    try:
        return await _played(engine, clue_nos, question)
    finally:
        await engine.dispose()
