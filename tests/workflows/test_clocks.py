"""Clocks of real workflows, on a server whose time can be skipped."""

from datetime import datetime, timedelta

import pytest
from temporalio.client import WorkflowFailureError, WorkflowUpdateFailedError
from temporalio.exceptions import ApplicationError
from temporalio.testing import WorkflowEnvironment

from domain.calendar import SHANGHAI
from domain.model import Actor, Command, instant
from runtime.client import Rehearsal
from runtime.rules import load_rules
from tests.workflows.shell import ADDRESSEE, FINDER, Desk, FakeLedger, shell
from workflows import messages as m
from workflows.spread import SPREAD_SECONDS, spread

MORNING = datetime(
    2026, 3, 2, 9, 0, tzinfo=SHANGHAI
)  # a Monday; no rest days until the Qingming ones in April


async def starting(env: WorkflowEnvironment, at: datetime) -> Rehearsal:
    return Rehearsal(clock_offset=at - await env.get_current_time())


async def clock_timers(desk: Desk) -> tuple[int, int]:
    """How many timers of clocks were started and how many of them cancelled; gathering events takes seconds less."""
    history = await desk.client.temporal.get_workflow_handle(f"clue/{desk.clue_no}").fetch_history()
    started = {
        e.event_id
        for e in history.events
        if e.HasField("timer_started_event_attributes")
        and e.timer_started_event_attributes.start_to_fire_timeout.ToTimedelta() > timedelta(seconds=1)
    }
    ends = (e.timer_canceled_event_attributes.started_event_id for e in history.events)
    return len(started), sum(n in started for n in ends)


async def test_a_command_alone_costs_no_event_but_its_own(temporal_env: WorkflowEnvironment) -> None:
    ledger = FakeLedger()
    async with shell(temporal_env.client, ledger) as client:
        desk = Desk(client)
        await desk.report()
        await desk.flushed(ledger)
        await temporal_env.sleep(1)
        before = len(await desk.events())
        for n in range(5):
            await desk.do("acknowledge", message=str(n))
            await desk.flushed(ledger)
            await temporal_env.sleep(1)
        assert len(await desk.events()) - before == 5 * 5
        assert len(ledger.batches) == 6


async def test_a_breach_comes_by_itself_and_is_dated_exactly(temporal_env: WorkflowEnvironment) -> None:
    ledger = FakeLedger()
    rehearsal = await starting(temporal_env, MORNING)
    async with shell(temporal_env.client, ledger, rehearsal=rehearsal) as client:
        desk = Desk(client, at=MORNING)
        await desk.report()
        await temporal_env.sleep(timedelta(hours=5))
        await desk.flushed(ledger)
        timeline = {t.event: t.at for t in ledger.state(desk.clue_no).timeline}
        assert timeline["duty_reminded"] == MORNING + timedelta(hours=3)
        assert timeline["duty_breached"] == MORNING + timedelta(hours=4)
        await temporal_env.sleep(timedelta(days=9))
        await desk.flushed(ledger)
        levels = [(t.at.date().isoformat(), t.event) for t in ledger.state(desk.clue_no).timeline]
        escalated = [day for day, event in levels if event == "duty_escalated"]
        assert escalated == ["2026-03-04", "2026-03-06", "2026-03-10"]  # 24:00 of 1, 3 and 5 workdays on
        assert ledger.state(desk.clue_no).level == 4


async def test_one_timer_and_it_keeps_running_when_the_next_wake_up_only_moves_later(
    temporal_env: WorkflowEnvironment,
) -> None:
    ledger = FakeLedger()
    async with shell(temporal_env.client, ledger, rehearsal=await starting(temporal_env, MORNING)) as client:
        desk = Desk(client, at=MORNING)
        await desk.report()
        for n in range(5):
            await desk.do("acknowledge", message=str(n))  # ack fulfilled: what is due next is days away
        assert await clock_timers(desk) == (1, 0)
        desk.at = MORNING + timedelta(minutes=1)
        await desk.do("flag_evidence_at_risk", FINDER, reason="船要走")  # due in 12 hours
        started, cancelled = await clock_timers(desk)
        assert started - cancelled == 1


async def test_a_command_comes_after_everything_due_by_its_instant(temporal_env: WorkflowEnvironment) -> None:
    ledger = FakeLedger()
    async with shell(temporal_env.client, ledger, rehearsal=await starting(temporal_env, MORNING)) as client:
        desk = Desk(client, at=MORNING)
        await desk.report()
        desk.at = MORNING + timedelta(hours=4)  # to the instant at which the duty is breached
        await desk.do("acknowledge")
        answer = await client.query(desk.clue_no, desk.at)
        assert [d["status"] for d in answer["duties"] if d["id"] == "ack"] == ["late"]
        events = [t["event"] for t in answer["timeline"]]
        assert events.index("duty_breached") < events.index("acknowledged")


async def test_a_run_without_a_report_ends_and_does_no_harm(temporal_env: WorkflowEnvironment) -> None:
    ledger = FakeLedger()
    async with shell(temporal_env.client, ledger) as client:
        desk = Desk(client)
        start = m.ClueStart(desk.clue_no, load_rules().rulebook)
        run = await temporal_env.client.start_workflow(
            m.CLUE_WORKFLOW, start, id=f"clue/{desk.clue_no}", task_queue=client.task_queue
        )
        command = Command("x", "acknowledge", Actor(ADDRESSEE, "officer", "乙"))
        with pytest.raises(WorkflowUpdateFailedError) as refused:
            await run.execute_update(m.COMMAND, m.CommandMessage(command), result_type=None)
        assert isinstance(refused.value.cause, ApplicationError)
        assert refused.value.cause.type == "unknown_clue"
        with pytest.raises(WorkflowFailureError) as ended:
            await run.result()  # a minute later; time is skipped
        assert isinstance(ended.value.cause, ApplicationError)
        assert ended.value.cause.type == m.NOTHING_REPORTED
        assert (await desk.report()).stage == "notified"  # the number is free


async def test_an_idle_clue_sleeps_through_years(temporal_env: WorkflowEnvironment) -> None:
    """With nothing owed but a reminder every five workdays the run goes on, over several runs."""
    ledger = FakeLedger()
    rehearsal = Rehearsal((), (await starting(temporal_env, MORNING)).clock_offset, max_events=150)
    async with shell(temporal_env.client, ledger, rehearsal=rehearsal) as client:
        desk = Desk(client, at=MORNING)
        await desk.report()
        await desk.do("acknowledge")
        await temporal_env.sleep(timedelta(days=400))
        await desk.flushed(ledger)
        reminded = [t for t in ledger.state(desk.clue_no).timeline if t.event == "holder_reminded"]
        assert len(reminded) > 40


def test_only_midnight_is_spread() -> None:
    assert spread("A", MORNING) == timedelta(0)
    midnight = MORNING.replace(hour=0)
    waits = {spread(f"XS-320583-20260302-{n:04d}", midnight) for n in range(1000)}
    assert all(timedelta(0) <= w <= timedelta(seconds=SPREAD_SECONDS) for w in waits)
    assert len(waits) > 200
    assert spread("A", midnight) == spread("A", instant("2026-03-01T16:00:00+00:00"))


async def test_a_midnight_wake_up_is_late_and_its_breach_is_not(temporal_env: WorkflowEnvironment) -> None:
    ledger = FakeLedger()
    async with shell(temporal_env.client, ledger, rehearsal=await starting(temporal_env, MORNING)) as client:
        desk = Desk(client, at=MORNING)
        await desk.report()  # first_contact is due at 24:00 of the day
        await temporal_env.sleep(timedelta(days=2))
        await desk.flushed(ledger)
        breaches = [t.at for t in ledger.state(desk.clue_no).timeline if t.event == "duty_breached"]
        assert MORNING.replace(hour=0) + timedelta(days=1) in breaches
