"""Carrying a change out over real workflows, interrupted wherever it can be, and begun again."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime

import pytest
from temporalio.client import Client

from domain.model import Actor, ClueState
from domain.packs import Rulebook
from runtime.changing import Change, Decision, Foresight, Tally
from runtime.client import ClueClient
from runtime.errors import ServiceUnreachable
from runtime.rules import load_rules
from tests.domain.changes import with_terms
from tests.workflows.shell import FINDER, Desk, FakeLedger, shell

BOOK = load_rules().rulebook
LONGER = with_terms(BOOK, "longer", lambda rule: 5 if rule.id == "ack" else 0)
LAWYER = Actor("000000.gov", "legal", "法制")
POINTS = ("turns", "keep", "about_to", "about_to, done", "settle", "settle, done")


class Killed(BaseException):
    """The process is gone."""


@dataclass
class Turn:
    clue_no: str
    discovered_at: datetime
    target: str | None = None
    before: str | None = None
    outcome: str = "pending"
    note: str = ""


@dataclass
class Book:
    """A store in memory. `kill` says at which call to die: the name of the point and how often it is passed."""

    clues: dict[str, Turn]
    books: dict[str, Rulebook] = field(default_factory=dict)
    kill: tuple[str, int] = ("", 0)
    passed: int = 0

    def _point(self, name: str) -> None:
        if self.kill[0] == name:
            self.passed += 1
            if self.passed == self.kill[1]:
                raise Killed(name)

    async def turns(self, after: str) -> Sequence[Turn]:
        self._point("turns")
        left = sorted(no for no, t in self.clues.items() if t.outcome == "pending" and no > after)
        return [self.clues[no] for no in left[:3]]

    async def keep(self, book: Rulebook) -> str:
        self._point("keep")
        self.books[book.key] = book
        return book.key

    async def rulebook(self, key: str) -> Rulebook | None:
        return self.books.get(key)

    async def about_to(self, clue_no: str, before: str) -> bool:
        self._point("about_to")
        self.clues[clue_no].before = self.clues[clue_no].before or before
        self._point("about_to, done")
        return self.clues[clue_no].outcome == "pending"

    async def settle(self, clue_no: str, outcome: str, note: str) -> None:
        self._point("settle")
        if self.clues[clue_no].outcome == "pending":
            self.clues[clue_no].outcome, self.clues[clue_no].note = outcome, note
        self._point("settle, done")


@pytest.fixture
def ledger() -> FakeLedger:
    return FakeLedger()


@pytest.fixture
async def clues(temporal_client: Client, ledger: FakeLedger) -> AsyncIterator[ClueClient]:
    async with shell(temporal_client, ledger, patience=3) as client:
        yield client


async def reported(clues: ClueClient, count: int) -> dict[str, ClueState]:
    desks = [Desk(clues) for _ in range(count)]
    await asyncio.gather(*(desk.report() for desk in desks))
    return await states(clues, [desk.clue_no for desk in desks])


async def states(clues: ClueClient, nos: Sequence[str]) -> dict[str, ClueState]:
    return dict(zip(nos, await asyncio.gather(*(clues.state(no) for no in nos)), strict=True))


def book_of(found: dict[str, ClueState], targets: dict[str, Turn] | None = None) -> Book:
    turns = {}
    for no, state in found.items():
        assert state.discovered_at is not None
        turns[no] = Turn(no, state.discovered_at, targets[no].before if targets else None)
    return Book(turns)


def quiet(*_: str) -> None:
    pass


APPLY = Decision("A", LAWYER, "修订", "甲", LONGER)
UNDO = Decision("U", LAWYER, "有误", "甲", None, "A")


@pytest.mark.parametrize("point", POINTS)
async def test_killed_anywhere_and_begun_again_each_clue_is_moved_once(clues: ClueClient, point: str) -> None:
    before = await reported(clues, 5)
    book = book_of(before)
    for nth in (1, 3):
        book.kill, book.passed = (point, nth), 0
        with suppress(Killed):
            await Change(clues, book, APPLY, at_once=1).run(quiet)
    book.kill = ("", 0)
    await Change(clues, book, APPLY).run(quiet)
    after = await states(clues, list(before))
    for no, state in after.items():
        assert [e.event for e in state.timeline].count("rules_changed") == 1
        assert [d.id for d, was in zip(state.duties, before[no].duties, strict=True) if d != was] == ["ack"]
        assert book.clues[no].outcome == "done"
        kept = book.books[book.clues[no].before or ""]
        assert kept.version == BOOK.version
    undo = book_of(after, book.clues)
    undo.books, undo.kill = book.books, (point, 2)
    with suppress(Killed):
        await Change(clues, undo, UNDO, at_once=1).run(quiet)
    undo.kill = ("", 0)
    await Change(clues, undo, UNDO).run(quiet)
    back = await states(clues, list(before))
    assert {no: s.duties for no, s in back.items()} == {no: s.duties for no, s in before.items()}


async def test_what_has_ended_or_is_not_there_or_goes_by_them_already_is_said(clues: ClueClient) -> None:
    found = await reported(clues, 3)
    done, ended, twice = found
    await Desk(clues, ended).do("withdraw", FINDER, reason="误报")
    book = book_of(found)
    book.clues["NO-SUCH"] = Turn("NO-SUCH", datetime.now(UTC))
    await Change(clues, book_of({twice: found[twice]}), Decision("B", LAWYER, "x", "甲", LONGER)).run(quiet)
    counts = await Change(clues, book, APPLY).run(quiet)
    assert {no: t.outcome for no, t in book.clues.items()} == {
        done: "done",
        ended: "ended",
        twice: "unchanged",
        "NO-SUCH": "refused",
    }
    assert counts == {"done": 1, "ended": 1, "unchanged": 1, "refused": 1}


async def test_what_is_foreseen_is_what_happens(clues: ClueClient) -> None:
    found = await reported(clues, 3)

    async def pages() -> AsyncIterator[list[tuple[str, ClueState]]]:
        stale = [(no, state) for no, state in found.items()]
        yield stale[:2]
        yield stale[2:]

    acknowledged = next(iter(found))
    await Desk(clues, acknowledged).do("acknowledge")  # after the states were read
    now, tally = datetime.now(UTC), Tally().begin(LONGER.version)
    seen = {f.clue_no: f async for f in Foresight(clues, LONGER, now).over(pages())}
    assert list(seen) == list(found)
    for one in seen.values():
        tally.add(one)
    assert (tally.clues, tally.concerned, tally.moves) == (3, 2, 2)
    await Change(clues, book_of(found), APPLY).run(quiet)
    for no, state in (await states(clues, list(found))).items():
        assert state.duties == seen[no].simulation.after.duties
    again = Tally().begin(LONGER.version)
    async for one in Foresight(clues, LONGER, now).over(pages()):
        again.add(one)
    assert (again.moves, again.digest != tally.digest) == (0, True)


async def test_with_nobody_to_answer_it_stops_and_says_how_to_go_on(
    temporal_client: Client, ledger: FakeLedger
) -> None:
    async with shell(temporal_client, ledger) as client:
        found = await reported(client, 2)
    deaf = ClueClient(temporal_client, load_rules(), task_queue=client.task_queue, patience=0.5)
    book = book_of(found)
    with pytest.raises(ServiceUnreachable, match="用同一编号接着做"):
        await Change(deaf, book, APPLY).run(quiet)
    assert {t.outcome for t in book.clues.values()} == {"pending"}
