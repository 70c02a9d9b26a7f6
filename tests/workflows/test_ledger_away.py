"""People's commands go on while the ledger is away, and everything reaches it once it is back."""

import asyncio
import time

import pytest
from temporalio.client import Client

from activities.courier import Courier
from domain.chain import GENESIS, link
from runtime.errors import ServiceUnreachable
from tests.logged import logged
from tests.workflows.shell import FINDER, Desk, FakeLedger, fresh_no, shell


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
    await desk.report()
    for n in range(10):
        await desk.do("acknowledge", message=str(n))
    await desk.do("start_transfer", FINDER, "approver")
    tip = await desk.client.tip(desk.clue_no)
    assert tip is not None
    assert not ledger.stored
    ledger.mode = "well"
    await desk.flushed(ledger)
    check_whole(desk, ledger)
    assert [len(b.sealed) for b in ledger.batches] == [tip.seq]


async def test_an_absent_ledger_costs_the_clue_nothing(desk: Desk, ledger: FakeLedger) -> None:
    ledger.mode = "failing"
    await desk.report()
    for n in range(5):
        await desk.do("acknowledge", message=str(n))
    assert "ACTIVITY_TASK_SCHEDULED" not in await desk.events()
    ledger.mode = "well"
    await desk.flushed(ledger)


async def test_a_hanging_ledger_holds_no_answer_up(desk: Desk, ledger: FakeLedger) -> None:
    ledger.mode = "hanging"
    began = time.monotonic()
    await desk.report()
    for n in range(10):
        await desk.do("acknowledge", message=str(n))
    assert ledger.tries <= 1  # and nobody waits for that one
    assert time.monotonic() - began < 5


async def test_what_the_ledger_refuses_for_good_stops_nobody_and_shows(
    desk: Desk, ledger: FakeLedger, monkeypatch: pytest.MonkeyPatch
) -> None:
    await desk.report()
    await desk.flushed(ledger)
    ledger.stored[desk.clue_no].append(ledger.stored[desk.clue_no][0])  # somebody else's event
    logs = logged(monkeypatch, "activities.courier")
    await desk.do("acknowledge")
    assert (await desk.do("start_transfer", FINDER, "approver")).stage == "transferring"
    async with asyncio.timeout(20):
        while not any(line["event"] == "ledger_conflict" for line in logs):  # noqa: ASYNC110
            await asyncio.sleep(0.02)
    await desk.do("send_transfer", FINDER, manifest=[])
    await desk.do("receive_transfer", manifest=[])
    await desk.do("give_feedback", letter_no="反馈1号", outcome="penalty", details="罚款")
    await desk.do("accept_feedback", FINDER)
    await desk.do("close", FINDER)
    async with asyncio.timeout(20):
        while not (tip := await desk.client.tip(desk.clue_no)) or not tip.trouble:  # noqa: ASYNC110
            await asyncio.sleep(0.05)
    assert "WORKFLOW_EXECUTION_COMPLETED" not in await desk.events()


async def test_what_a_worker_forgot_the_next_one_finds(temporal_client: Client, ledger: FakeLedger) -> None:
    """The bell is kept in memory only."""
    queue = fresh_no("queue")
    ledger.mode = "failing"
    async with shell(temporal_client, ledger, task_queue=queue) as client:
        desk = Desk(client)
        await desk.report()
        await desk.do("acknowledge")
    ledger.mode = "well"
    async with shell(temporal_client, ledger, task_queue=queue) as client:
        courier = Courier(temporal_client, ledger)
        async with asyncio.timeout(30):
            while not await courier.sweep(queue):  # noqa: ASYNC110  visibility hears of it a moment later
                await asyncio.sleep(0.05)
        await courier.drain(20)
        check_whole(desk, ledger)
        assert ledger.state(desk.clue_no).timeline[-1].event == "duty_fulfilled"
        assert await courier.sweep(queue) == 0


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
