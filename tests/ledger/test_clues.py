"""The list: filters, order, pages, and rows whose clocks have run on since they were written."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta

import pytest
from sqlalchemy.ext.asyncio import AsyncEngine

from domain.lifecycle import next_wakeup, ticked
from ledger import codec
from ledger.clues import (
    BadCursor,
    Filters,
    Listed,
    get_state,
    history,
    list_clues,
    state_as_of,
)
from ledger.errors import UnknownClue
from ledger.flush import flush
from ledger.lines import Lines, as_listed
from tests.ledger.cases import ADDRESSEE, FINDER, STEPS, Case, reported, rulebook, whole


async def some(engine: AsyncEngine) -> dict[str, Case]:
    """Clues at every station, none ticked behind its last command."""
    cases = {}
    for n in range(len(STEPS) + 1):
        case = reported(f"XS-320583-20240403-{n:04}", drill=n % 4 == 3)
        for name, agency, role, data in STEPS[:n]:
            case.do(name, agency, data, role=role)
        cases[case.clue_no] = case
    other = Case("XS-310118-20240403-0001")
    other.report(from_agency=ADDRESSEE, to_agency="320583.eco", title="100%_真的", matter="wastewater")
    cases[other.clue_no] = other
    for case in cases.values():
        await flush(engine, case.sealed, rulebook())
    return cases


def expected(cases: dict[str, Case], now: datetime) -> list[Listed]:
    """What the list should say, from the core alone."""
    lines = [as_listed(ticked(c.state, now, rulebook()), rulebook()) for c in cases.values()]
    last = {c.clue_no: len(c.sealed) for c in cases.values()}
    far = datetime.max.replace(tzinfo=now.tzinfo)
    assert all(x.last_seq >= last[x.clue_no] for x in lines)
    return sorted(lines, key=lambda x: (x.next_due_at or far, x.clue_no))


async def everything(
    engine: AsyncEngine, now: datetime, filters: Filters | None = None, limit: int = 500
) -> list[Listed]:
    out: list[Listed] = []
    cursor = None
    while True:
        page = await list_clues(engine, rulebook(), now, filters, after=cursor, limit=limit)
        assert len(page.clues) <= limit
        out += page.clues
        cursor = page.next
        if cursor is None:
            return out


@pytest.mark.parametrize("later", [timedelta(0), timedelta(hours=5), timedelta(days=12), timedelta(days=90)])
@pytest.mark.parametrize("limit", [1, 3, 500])
async def test_the_list_is_what_the_core_says_at_that_instant(
    engine: AsyncEngine, later: timedelta, limit: int
) -> None:
    """Whether or not a worker has been there to tick the clues since."""
    cases = await some(engine)
    now = max(c.at for c in cases.values()) + later
    assert await everything(engine, now, limit=limit) == expected(cases, now)


async def test_clocks_may_be_looked_at_in_any_order(engine: AsyncEngine) -> None:
    """What was ticked for one look is used for another only while it holds."""
    cases = await some(engine)
    last = max(c.at for c in cases.values())
    wakes = [next_wakeup(c.state, rulebook()) for c in cases.values()]
    edges = [w for w in wakes if w is not None and w > last][:3]
    instants = [last + timedelta(days=d) for d in (3, 0, 9, 9, 40, 1, 3)]
    instants += [e + timedelta(seconds=s) for e in edges for s in (-1, 0, 1, 0, -1)]
    for now in instants:
        assert await everything(engine, now) == expected(cases, now)
    case = next(c for c in cases.values() if c.state.stage == "notified")
    case.at = last + timedelta(days=3)
    await flush(engine, case.wait(timedelta(0)) + case.do("acknowledge", ADDRESSEE), rulebook())
    assert await everything(engine, case.at) == expected(cases, case.at)


def test_what_is_remembered_has_a_limit() -> None:
    lines = Lines(size=3)
    for n in range(5):
        case = reported(f"XS-{n}")
        lines._tick(case.hash, codec.encode(case.state), case.at, rulebook())
    assert [key[0] for key in lines._known] == [reported(f"XS-{n}").hash for n in (2, 3, 4)]


FILTERS: Sequence[tuple[Filters, object]] = (
    (Filters(stage="handling"), lambda x: x.stage == "handling"),
    (Filters(holder=ADDRESSEE), lambda x: x.holder == ADDRESSEE),
    (Filters(party="320000.eco"), lambda x: "320000.eco" in x.parties),
    (Filters(party="110000.eco"), lambda x: False),
    (Filters(matter="wastewater"), lambda x: x.matter == "wastewater"),
    (Filters(level_at_least=1), lambda x: x.level >= 1),
    (Filters(level_at_least=4), lambda x: x.level >= 4),
    (Filters(finder=FINDER), lambda x: x.from_agency == FINDER),
    (Filters(addressee=FINDER), lambda x: x.to_agency == FINDER),
    (Filters(drill=True), lambda x: x.drill),
    (Filters(drill=False), lambda x: not x.drill),
    (Filters(open_only=True), lambda x: x.ended_at is None),
    (Filters(text="两船"), lambda x: "两船" in x.title),
    (Filters(text="0%_"), lambda x: "0%_" in x.title),
    (Filters(text="%"), lambda x: "%" in x.title),
    (Filters(text="xs-310118"), lambda x: x.clue_no.startswith("XS-310118")),
    (Filters(stage="notified", finder=ADDRESSEE, open_only=True), lambda x: x.from_agency == ADDRESSEE),
    (Filters(text="'; DROP TABLE clue; --"), lambda x: False),
)


@pytest.mark.parametrize(("filters", "holds"), FILTERS)
@pytest.mark.parametrize("later", [timedelta(hours=1), timedelta(days=30)])
async def test_a_filter_lists_what_it_names(
    engine: AsyncEngine, filters: Filters, holds: object, later: timedelta
) -> None:
    cases = await some(engine)
    now = max(c.at for c in cases.values()) + later
    wanted = [x for x in expected(cases, now) if holds(x)]  # type: ignore[operator]
    assert await everything(engine, now, filters, limit=2) == wanted


async def test_due_before_names_what_is_due_by_then(engine: AsyncEngine) -> None:
    cases = await some(engine)
    now = max(c.at for c in cases.values())
    lines = [x for x in expected(cases, now) if x.next_due_at is not None]
    edge = lines[3].next_due_at
    assert edge is not None
    found = await everything(engine, now, Filters(due_before=edge))
    assert found == [x for x in lines if x.next_due_at and x.next_due_at < edge]


@pytest.mark.parametrize("cursor", ["", "x", "bm8=", "WzEsMl0=", "WyJ4IiwgInkiXQ==", "é"])
async def test_a_cursor_that_is_none_is_refused(engine: AsyncEngine, cursor: str) -> None:
    with pytest.raises(BadCursor):
        await list_clues(engine, rulebook(), reported().at, after=cursor)


async def test_history_in_pages(engine: AsyncEngine) -> None:
    case = whole()
    await flush(engine, case.sealed, rulebook())
    first = await history(engine, case.clue_no, limit=10)
    rest = await history(engine, case.clue_no, after=10)
    assert [r.sealed for r in (*first, *rest)] == case.sealed
    assert await history(engine, case.clue_no, after=len(case.sealed)) == ()


async def test_a_past_state_is_what_it_was(engine: AsyncEngine) -> None:
    case = reported()
    states = {case.at: case.state}
    for name, agency, role, data in STEPS:
        case.do(name, agency, data, role=role)
        states[case.at] = case.state
    await flush(engine, case.sealed, rulebook())
    for at, state in states.items():
        assert await state_as_of(engine, case.clue_no, at) == state
    before = await state_as_of(engine, case.clue_no, min(states) - timedelta(seconds=1))
    assert not before.exists


async def test_an_unknown_clue_is_named(engine: AsyncEngine) -> None:
    for look in (
        get_state(engine, "XS-0"),
        history(engine, "XS-0"),
        history(engine, "XS-0", after=3),
        state_as_of(engine, "XS-0", reported().at),
    ):
        with pytest.raises(UnknownClue, match="XS-0"):
            await look
