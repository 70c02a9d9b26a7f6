"""Every way in which the record and the live workflows can disagree."""

from __future__ import annotations

from collections.abc import AsyncIterator

from sqlalchemy.ext.asyncio import AsyncEngine

from ledger.flush import flush
from ledger.reconcile import Difference, LiveTip, reconcile
from tests.ledger.cases import ADDRESSEE, Case, reported, rulebook, whole

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
