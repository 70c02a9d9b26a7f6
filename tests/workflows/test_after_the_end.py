"""Commands to clues whose run has ended, and to clues that Temporal has forgotten."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from domain.chain import Sealed
from domain.model import ClueState
from runtime.embedded.testing import time_skipping_env
from tests.workflows.shell import Desk, FakeLedger, shell
from tests.workflows.test_commands import refused

PRAISE = {"units": ["310118.eco"], "persons": [], "facts": "及时办结"}
SUPERIOR = "320500.eco"


async def ended(desk: Desk) -> None:
    await desk.report()
    await desk.to_the_end()
    await desk.finished()


@asynccontextmanager
async def forgotten(desk: Desk, ledger: FakeLedger) -> AsyncIterator[Desk]:
    """As after the retention: a server that knows nothing of the clue, with the same ledger."""
    async with time_skipping_env() as env, shell(env.client, ledger) as client:
        yield Desk(client, desk.clue_no, first=100)


async def check_answers(desk: Desk, ledger: FakeLedger) -> None:
    await refused("wrong_stage", desk.do("acknowledge"))
    await refused("not_a_party", desk.do("commend", "440100.eco", "approver", **PRAISE))
    first = await desk.do("commend", SUPERIOR, "approver", id="praise", **PRAISE)
    assert await desk.do("commend", SUPERIOR, "approver", id="praise", **PRAISE) == first
    await desk.flushed(ledger)
    state = ledger.state(desk.clue_no)
    assert (state.stage, state.timeline[-1].event, state.seq) == ("closed", "commended", first.seq)


async def test_an_ended_clue_refuses_and_is_still_commended(desk: Desk, ledger: FakeLedger) -> None:
    await ended(desk)
    await check_answers(desk, ledger)


async def test_a_forgotten_clue_answers_from_the_record(desk: Desk, ledger: FakeLedger) -> None:
    await ended(desk)
    async with forgotten(desk, ledger) as later:
        assert (await later.client.query(desk.clue_no))["stage"] == "closed"
        await check_answers(later, ledger)


async def test_with_the_ledger_away_the_last_run_answers(desk: Desk, ledger: FakeLedger) -> None:
    await ended(desk)
    ledger.reachable = False
    await check_answers(desk, ledger)


async def test_an_ended_clue_is_not_reported_anew(desk: Desk, ledger: FakeLedger) -> None:
    first = await desk.report()
    await desk.to_the_end()
    await desk.finished()
    await refused("wrong_stage", desk.report("another"))
    assert await desk.report() == first
    ledger.reachable = False
    await refused("wrong_stage", desk.report("another"))
    ledger.reachable = True
    async with forgotten(desk, ledger) as later:
        await refused("wrong_stage", later.report("another"))
        assert await later.report() == first


async def test_a_run_resumed_from_an_old_state_notices(desk: Desk, ledger: FakeLedger) -> None:
    await ended(desk)
    old = await ledger.remembered(desk.clue_no)
    await desk.do("commend", SUPERIOR, "approver", **PRAISE)
    await desk.finished()
    truth, looks = ledger.remembered, []

    async def late(clue_no: str) -> tuple[ClueState, Sealed] | None:
        looks.append(clue_no)
        return old if len(looks) == 1 else await truth(clue_no)

    ledger.remembered = late  # type: ignore[method-assign]
    answer = await desk.do("commend", SUPERIOR, "approver", **{**PRAISE, "facts": "再次表扬"})
    await desk.flushed(ledger)
    assert len(looks) > 1
    state = ledger.state(desk.clue_no)
    assert [e.event for e in state.timeline].count("commended") == 2
    assert answer.seq == state.seq


async def test_an_open_case_keeps_the_run_until_it_is_decided(desk: Desk, ledger: FakeLedger) -> None:
    await ended(desk)
    case = {"units": ["310118.eco"], "persons": [], "facts": "逾期"}
    await desk.do("open_accountability", SUPERIOR, "approver", **case)
    await desk.flushed(ledger)
    assert "WORKFLOW_EXECUTION_COMPLETED" not in await desk.events()
    await desk.do("decide_accountability", SUPERIOR, "approver", outcome="通报批评", reason="属实")
    await desk.finished()
    assert ledger.state(desk.clue_no).cases[0].decided


async def test_an_open_clue_without_a_run_goes_on_from_the_record(desk: Desk, ledger: FakeLedger) -> None:
    await desk.report()
    await desk.flushed(ledger)
    await desk.client.temporal.get_workflow_handle(f"clue/{desk.clue_no}").terminate("lost")
    assert await desk.client.resume(desk.clue_no)
    assert not await desk.client.resume(desk.clue_no)
    assert (await desk.do("acknowledge")).stage == "notified"
    assert "TIMER_STARTED" in await desk.events()
    await desk.flushed(ledger)
