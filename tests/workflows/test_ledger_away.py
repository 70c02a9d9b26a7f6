"""People's commands go on while the ledger is away, and everything reaches it once it is back."""

import asyncio
import time

import pytest
from temporalio.client import Client

from domain.chain import GENESIS, link
from runtime.errors import ServiceUnreachable
from tests.workflows.shell import FINDER, Desk, FakeLedger, shell


def check_whole(desk: Desk, ledger: FakeLedger) -> None:
    """Every event once, in order, chained."""
    previous = GENESIS
    for n, sealed in enumerate(ledger.stored[desk.clue_no], start=1):
        assert (sealed.seq, sealed.prev_hash, sealed.hash) == (n, previous, link(previous, sealed.body))
        previous = sealed.hash


async def test_with_a_refusing_ledger_commands_go_on_and_one_batch_follows(
    desk: Desk, ledger: FakeLedger
) -> None:
    ledger.mode = "failing"
    first = await desk.report()
    for n in range(10):
        await desk.do("acknowledge", message=str(n))
    await desk.do("start_transfer", FINDER, "approver")
    tip = await desk.client.tip(desk.clue_no)
    assert tip is not None
    assert tip.outbox == tip.seq
    assert not ledger.stored
    ledger.mode = "well"
    await desk.flushed(ledger)
    check_whole(desk, ledger)
    # The batch that was under way (the report's), and one more for all that came meanwhile.
    assert [len(b.sealed) for b in ledger.batches] == [first.seq, tip.seq - first.seq]


async def test_one_flush_at_a_time_while_the_ledger_is_away(desk: Desk, ledger: FakeLedger) -> None:
    ledger.mode = "failing"
    await desk.report()
    for n in range(5):
        await desk.do("acknowledge", message=str(n))
    events = await desk.events()
    assert events.count("MARKER_RECORDED") == 0  # no local try while a regular flush is under way
    assert events.count("ACTIVITY_TASK_SCHEDULED") == 1
    ledger.mode = "well"
    await desk.flushed(ledger)


async def test_a_hanging_ledger_holds_one_answer_up_and_no_other(desk: Desk, ledger: FakeLedger) -> None:
    ledger.mode = "hanging"
    began = time.monotonic()
    await desk.report()
    assert time.monotonic() - began < 5
    began = time.monotonic()
    for n in range(10):
        await desk.do("acknowledge", message=str(n))
    # Ten local tries that hang would be three seconds in all; here none is made.
    assert ledger.tries <= 2
    assert time.monotonic() - began < 3
    ledger.mode = "well"


async def test_what_the_ledger_refuses_for_good_stops_nobody_and_shows(
    desk: Desk, ledger: FakeLedger
) -> None:
    await desk.report()
    await desk.flushed(ledger)
    ledger.stored[desk.clue_no].append(ledger.stored[desk.clue_no][0])  # somebody else's event
    await desk.do("acknowledge")
    assert (await desk.do("start_transfer", FINDER, "approver")).stage == "transferring"
    async with asyncio.timeout(20):
        while not (tip := await desk.client.tip(desk.clue_no)) or not tip.trouble:  # noqa: ASYNC110
            await asyncio.sleep(0.05)
    assert tip.outbox > 0


async def test_a_run_ends_only_when_the_ledger_has_it_all(desk: Desk, ledger: FakeLedger) -> None:
    await desk.report()
    await desk.to_feedback()
    ledger.mode = "failing"
    await desk.do("accept_feedback", FINDER)
    await desk.do("close", FINDER)
    assert "WORKFLOW_EXECUTION_COMPLETED" not in await desk.events()
    ledger.mode = "well"
    await desk.finished()
    assert ledger.state(desk.clue_no).stage == "closed"
    check_whole(desk, ledger)


async def test_without_a_worker_the_caller_is_told(temporal_client: Client, ledger: FakeLedger) -> None:
    async with shell(temporal_client, ledger, patience=1.5) as client:
        desk = Desk(client)
        await desk.report()
    began = time.monotonic()
    with pytest.raises(ServiceUnreachable) as told:
        await desk.do("acknowledge")
    assert told.value.exit_code == 5
    assert time.monotonic() - began < 10
