"""A long run continues as new: state, answers, chain, clocks and what the ledger has not confirmed go along."""

from collections.abc import AsyncIterator

import pytest
from temporalio.client import Client

from runtime.client import Rehearsal
from tests.workflows.shell import FINDER, Desk, FakeLedger, shell
from tests.workflows.test_commands import refused
from tests.workflows.test_ledger_away import check_whole

SHORT = Rehearsal(max_events=50)


@pytest.fixture
async def desk(temporal_client: Client, ledger: FakeLedger) -> AsyncIterator[Desk]:
    async with shell(temporal_client, ledger, rehearsal=SHORT) as client:
        yield Desk(client)


async def runs(desk: Desk) -> int:
    """How many runs before the present one."""
    client, found = desk.client.temporal, 0
    handle = client.get_workflow_handle(f"clue/{desk.clue_no}")
    while True:
        history = await handle.fetch_history()
        before = history.events[0].workflow_execution_started_event_attributes.continued_execution_run_id
        if not before:
            return found
        found, handle = found + 1, client.get_workflow_handle(f"clue/{desk.clue_no}", run_id=before)


async def test_answers_chain_and_clocks_go_along(desk: Desk, ledger: FakeLedger) -> None:
    report = await desk.report()
    first = await desk.do("acknowledge", id="x", message="收到")
    for n in range(40):
        await desk.do("acknowledge", id=f"n{n}", message=str(n))
    assert await runs(desk) >= 2
    assert await desk.report() == report
    assert await desk.do("acknowledge", id="x", message="收到") == first
    await refused("invalid_input", desk.do("acknowledge", id="x", message="另一句"))
    await desk.flushed(ledger)
    check_whole(desk, ledger)
    assert [e.event for e in ledger.state(desk.clue_no).timeline].count("acknowledged") == 41
    assert "TIMER_STARTED" in await desk.events()
    run = await desk.client.temporal.get_workflow_handle(f"clue/{desk.clue_no}").describe()
    assert {p.key.name for p in run.typed_search_attributes.search_attributes} >= {"ClueStage", "ClueParties"}
    assert len({ref.run_id for ref in ledger.exported}) >= 2  # each run's history is kept by the next one


async def test_what_the_ledger_has_not_confirmed_goes_along(desk: Desk, ledger: FakeLedger) -> None:
    ledger.mode = "failing"
    await desk.report()
    for n in range(40):
        await desk.do("acknowledge", message=str(n))
    assert await runs(desk) >= 1
    assert not ledger.stored
    ledger.mode = "well"
    await desk.flushed(ledger)
    check_whole(desk, ledger)
    await desk.to_the_end()
    await desk.finished()
    assert ledger.state(desk.clue_no).stage == "closed"


async def test_a_crowd_over_several_runs_gets_an_answer_each(desk: Desk, ledger: FakeLedger) -> None:
    import asyncio

    await desk.report()
    answers = await asyncio.gather(
        *(desk.do("acknowledge", FINDER if n % 10 == 0 else "310118.eco", id=f"i{n}") for n in range(150)),
        return_exceptions=True,
    )
    good = [a for a in answers if not isinstance(a, BaseException)]
    assert len(good) == 135
    assert len({a.seq for a in good}) == 135
    assert all(getattr(a, "code", None) == "not_permitted" for a in answers if a not in good)
    assert await runs(desk) >= 2
    await desk.flushed(ledger)
    check_whole(desk, ledger)
