"""Every way in which the record and the live workflows can disagree."""

from __future__ import annotations

from collections.abc import AsyncIterator

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine

from domain.chain import seal
from domain.lifecycle import handle
from domain.model import Actor, Command, Facts, Merged
from ledger.flush import flush
from ledger.rebuild import rebuild
from ledger.reconcile import Difference, LiveTip, reconcile
from tests.ledger.cases import ADDRESSEE, FINDER, Case, reported, rulebook, whole

OPEN, ENDED = "XS-320583-20240403-0001", "XS-320583-20240403-0002"


class FakeClues:
    """Temporal with the tips that it is given."""

    def __init__(self, tips: dict[str, LiveTip]) -> None:
        self.tips = tips

    async def running(self) -> AsyncIterator[str]:
        for clue_no, tip in self.tips.items():
            if tip.running:
                yield clue_no

    async def tip(self, clue_no: str) -> LiveTip | None:
        return self.tips.get(clue_no)


def tip(case: Case, *, running: bool = True) -> LiveTip:
    return LiveTip(len(case.sealed), case.hash, running)


async def look(engine: AsyncEngine, live: FakeClues, clue_no: str | None = None) -> list[tuple[str, str]]:
    found: list[Difference] = await reconcile(engine, live, clue_no=clue_no, grace=0)
    return [(d.clue_no, d.kind) for d in found]


async def both(engine: AsyncEngine) -> tuple[Case, Case]:
    cases = reported(OPEN), whole(ENDED)
    for case in cases:
        await flush(engine, case.sealed, rulebook())
    return cases


async def test_what_agrees_is_not_listed(engine: AsyncEngine) -> None:
    running, ended = await both(engine)
    live = FakeClues({OPEN: tip(running), ENDED: tip(ended, running=False)})
    assert await look(engine, live) == []


async def test_an_ended_clue_that_temporal_has_forgotten_is_fine(engine: AsyncEngine) -> None:
    running, _ = await both(engine)
    assert await look(engine, FakeClues({OPEN: tip(running)})) == []


async def test_an_ended_clue_whose_workflow_still_runs_its_side_tracks_is_fine(engine: AsyncEngine) -> None:
    running, ended = await both(engine)
    assert await look(engine, FakeClues({OPEN: tip(running), ENDED: tip(ended)})) == []


async def test_an_open_clue_without_a_workflow(engine: AsyncEngine) -> None:
    _, ended = await both(engine)
    assert await look(engine, FakeClues({ENDED: tip(ended)})) == [(OPEN, "no_workflow")]


async def test_an_open_clue_whose_workflow_is_over(engine: AsyncEngine) -> None:
    running, _ = await both(engine)
    live = FakeClues({OPEN: tip(running, running=False)})
    assert await look(engine, live) == [(OPEN, "not_running")]


async def test_a_workflow_that_the_ledger_has_not_caught_up_with(engine: AsyncEngine) -> None:
    running, _ = await both(engine)
    running.do("acknowledge", ADDRESSEE)
    assert await look(engine, FakeClues({OPEN: tip(running)})) == [(OPEN, "ledger_behind")]


async def test_a_ledger_that_knows_more_than_the_workflow(engine: AsyncEngine) -> None:
    running, _ = await both(engine)
    early = LiveTip(running.sealed[0].seq, running.sealed[0].hash, running=True)
    assert await look(engine, FakeClues({OPEN: early})) == [(OPEN, "ledger_ahead")]


async def test_hashes_that_differ_at_the_same_number(engine: AsyncEngine) -> None:
    running, _ = await both(engine)
    other = Case(OPEN)
    other.report(title="另一个")
    assert len(other.sealed) == len(running.sealed)
    assert await look(engine, FakeClues({OPEN: tip(other)})) == [(OPEN, "hashes_differ")]
    early = LiveTip(1, other.sealed[0].hash, running=True)
    assert await look(engine, FakeClues({OPEN: early})) == [(OPEN, "ledger_ahead"), (OPEN, "hashes_differ")]


async def test_a_workflow_that_the_ledger_does_not_know(engine: AsyncEngine) -> None:
    stray = reported("XS-320583-20240403-0003")
    live = FakeClues({stray.clue_no: tip(stray), "XS-new": LiveTip(0, "0" * 64, running=True)})
    assert await look(engine, live) == [(stray.clue_no, "unknown_to_ledger")]


async def test_one_clue_alone(engine: AsyncEngine) -> None:
    await both(engine)
    assert await look(engine, FakeClues({}), OPEN) == [(OPEN, "no_workflow")]
    assert await look(engine, FakeClues({}), ENDED) == []


async def test_what_is_on_its_way_is_no_difference(engine: AsyncEngine) -> None:
    """The workflow is ahead at the first look, and its flush arrives before the second."""
    running, _ = await both(engine)
    more = running.do("acknowledge", ADDRESSEE)

    class Arriving(FakeClues):
        looks = 0

        async def tip(self, clue_no: str) -> LiveTip | None:
            self.looks += clue_no == OPEN
            if self.looks == 2:
                await flush(engine, more, rulebook())
            return await super().tip(clue_no)

    assert await look(engine, Arriving({OPEN: tip(running)})) == []


# --- clues that were merged ---------------------------------------------------------------------------

FIRST, SECOND, THIRD = (f"XS-320583-20240403-100{n}" for n in range(3))


def merge(case: Case, into: str) -> None:
    case.do("merge_into", FINDER, {"clue_no": into, "reason": "同案"})


def take_in(case: Case, other: str) -> None:
    facts = Facts(merged=Merged(other, case.clue_no, "同一船", 0))
    command = Command(f"told {other}", "take_in", Actor(FINDER, "officer", "甲"), {"clue_no": other}, facts)
    outcome = handle(case.state, command, case.at, rulebook())
    case._keep(outcome.state, seal(case.clue_no, len(case.sealed), case.hash, outcome.events))


async def merged(
    engine: AsyncEngine, ways: dict[str, str | None], told: dict[str, str]
) -> list[tuple[str, str]]:
    """`ways`: each clue and the one that it goes into; `told`: who took in whom."""
    cases = {clue_no: reported(clue_no) for clue_no in ways}
    for clue_no, into in ways.items():
        if into is not None:
            merge(cases[clue_no], into)
    for clue_no, other in told.items():
        take_in(cases[clue_no], other)
    for case in cases.values():
        await flush(engine, case.sealed, rulebook())
    return await look(engine, FakeClues({no: tip(case, running=False) for no, case in cases.items() if ways[no]} | {
        no: tip(case) for no, case in cases.items() if not ways[no]}))  # fmt: skip


async def test_a_merging_that_the_other_clue_knows_of_is_fine(engine: AsyncEngine) -> None:
    assert await merged(engine, {FIRST: None, SECOND: FIRST}, {FIRST: SECOND}) == []


async def test_a_merging_that_the_other_clue_was_never_told_of(engine: AsyncEngine) -> None:
    found = await merged(engine, {FIRST: None, SECOND: FIRST}, {})
    assert found == [(SECOND, "not_taken_in")]


async def test_a_merging_into_a_clue_that_the_ledger_does_not_know(engine: AsyncEngine) -> None:
    assert await merged(engine, {SECOND: FIRST}, {}) == [(SECOND, "not_taken_in")]


async def test_three_merged_in_a_ring_are_nobodys(engine: AsyncEngine) -> None:
    ways = {FIRST: SECOND, SECOND: THIRD, THIRD: FIRST}
    found = await merged(engine, dict(ways), {SECOND: FIRST, THIRD: SECOND, FIRST: THIRD})
    assert found == [(clue_no, "merged_in_a_ring") for clue_no in ways]


async def test_what_leads_into_a_ring_is_not_in_it(engine: AsyncEngine) -> None:
    found = await merged(engine, {FIRST: SECOND, SECOND: FIRST, THIRD: FIRST}, {})
    assert dict(found) == {FIRST: "merged_in_a_ring", SECOND: "merged_in_a_ring", THIRD: "not_taken_in"}


async def test_the_tables_follow_a_merging_that_was_taken_back(engine: AsyncEngine) -> None:
    """Also where they are built anew."""
    case = reported(FIRST)
    owed = case.state.owed
    merge(case, SECOND)
    await flush(engine, case.sealed, rulebook())
    before = len(case.sealed)
    take_in(case, SECOND)
    await flush(engine, case.sealed[before:], rulebook())
    assert case.state.owed == owed
    for _ in range(2):
        async with engine.connect() as connection:
            query = text("SELECT stage, ended_at FROM clue WHERE clue_no = :no")
            assert (await connection.execute(query, {"no": FIRST})).one() == (case.state.stage, None)
            query = text("SELECT count(*) FROM duty WHERE clue_no = :no AND cancelled_at IS NULL")
            assert (await connection.execute(query, {"no": FIRST})).scalar_one() == len(owed)
        await rebuild(engine, rulebook())
