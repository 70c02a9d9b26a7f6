"""A running clue moved to other rules: they come with the command, go along from run to run, and replay."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import date, datetime, timedelta
from typing import Any

import pytest
from temporalio.client import Client, WorkflowHistory

from domain.calendar import SHANGHAI, Term
from domain.model import Actor, Answer, instant
from domain.packs import Rulebook
from runtime.client import Rehearsal, excerpt
from runtime.embedded.testing import time_skipping_env
from runtime.kept_rules import find_in, version_of
from runtime.rules import load_rules
from tests.domain.changes import with_holidays, with_rules, with_terms
from tests.replay.test_replay import replayer
from tests.workflows.shell import FINDER, Desk, FakeLedger, shell
from tests.workflows.test_ledger_away import check_whole

LAWYER = Actor("000000.gov", "legal", "法制")
BOOK = load_rules().rulebook
LONGER = with_terms(BOOK, "longer", lambda rule: {"start_transfer": 7, "ack": 5}.get(rule.id, 0))
MORNING = datetime(2026, 3, 2, 9, 0, tzinfo=SHANGHAI)
IN_WORKDAYS = with_rules(
    LONGER, "longer", lambda rule: replace(rule, term=Term(3, "workday")) if rule.id == "ack" else rule
)
FREE = with_holidays(IN_WORKDAYS, "longer", [date(2026, 3, day) for day in range(3, 8)])


async def change(desk: Desk, rules: Rulebook, id: str, undoes: str | None = None) -> Answer:
    data: dict[str, Any] = {"change_id": id, "reason": "修订", "approver": "甲", "version": rules.version}
    data |= {"undoes": undoes} if undoes else {}
    return await desk.client.do(
        desk.clue_no, "change_rules", LAWYER, data, f"{id}:{desk.clue_no}", at=desk.at, rules=rules
    )


async def due(desk: Desk, duty: str) -> datetime:
    seen = await desk.client.query(desk.clue_no, desk.at)
    return instant(next(d["due_at"] for d in reversed(seen["duties"]) if d["id"] == duty))


async def test_dates_move_and_go_back_and_the_clue_goes_by_the_rules_it_was_given(
    desk: Desk, ledger: FakeLedger
) -> None:
    await desk.report()
    before = await due(desk, "ack")
    own = await desk.client.rulebook_of(desk.clue_no)
    assert own is not None
    new = excerpt(LONGER, before)
    first = await change(desk, new, "A")
    assert await due(desk, "ack") == before + timedelta(hours=5)
    assert await desk.client.rulebook_of(desk.clue_no) == new
    assert await change(desk, new, "A") == first  # sent again: the first answer, and no second event
    await change(desk, own, "U", undoes="A")
    assert await due(desk, "ack") == before
    assert await change(desk, new, "A") == first  # still its answer, and the rules stay what they are now
    ref = await desk.client.rules_of(desk.clue_no)
    assert ref is not None
    assert (ref.version, ref.key) == (own.version, own.key)
    await desk.flushed(ledger)
    check_whole(desk, ledger)
    assert [e.event for e in ledger.state(desk.clue_no).timeline].count("rules_changed") == 2


async def test_the_new_rules_go_along_from_run_to_run(temporal_client: Client, ledger: FakeLedger) -> None:
    async with shell(temporal_client, ledger, rehearsal=Rehearsal(max_events=40)) as client:
        desk = Desk(client)
        await desk.report()
        new = excerpt(LONGER, await due(desk, "ack"))
        await change(desk, new, "A")
        for n in range(30):
            await desk.do("acknowledge", message=str(n))
        assert await desk.client.rulebook_of(desk.clue_no) == new
        await desk.do("flag_evidence_at_risk", FINDER, reason="x")
        run = client.temporal.get_workflow_handle(f"clue/{desk.clue_no}")
        started = (await run.fetch_history()).events[0].workflow_execution_started_event_attributes
        assert started.continued_execution_run_id


async def test_the_clock_wakes_at_the_new_instant() -> None:
    """Shortened, the term runs out first; the timer that was set for the old date must not be waited for."""
    shorter = with_terms(BOOK, "shorter", lambda rule: -2 if rule.id == "ack" else 0)
    async with time_skipping_env() as env:
        offset = MORNING - await env.get_current_time()
        ledger = FakeLedger()
        async with shell(env.client, ledger, rehearsal=Rehearsal(clock_offset=offset)) as client:
            desk = Desk(client, at=MORNING)
            await desk.report()
            await change(desk, excerpt(shorter, MORNING), "A")
            await env.sleep(timedelta(hours=2, minutes=10))
            state = await client.state(desk.clue_no)  # as it is, not ticked for the asker
            breached = next(d for d in state.duties if d.id == "ack").breached_at
            assert breached == MORNING + timedelta(hours=2)


async def test_after_the_end_a_clue_is_resumed_with_its_own_rules(desk: Desk, ledger: FakeLedger) -> None:
    await desk.report()
    new = excerpt(LONGER, await due(desk, "ack"))
    await change(desk, new, "A")
    await desk.to_the_end()
    await desk.finished()
    run = desk.client.temporal.get_workflow_handle(f"clue/{desk.clue_no}")
    kept = (await run.fetch_history()).to_json()
    await desk.do("commend", "320500.eco", "approver", units=[FINDER], persons=[], facts="及时")
    assert await desk.client.rulebook_of(desk.clue_no) == new
    # the same from the history that is kept, for when Temporal has forgotten the run
    state = ledger.state(desk.clue_no)
    assert await find_in(one(kept), version_of(state)) == new
    assert await find_in(one(kept), "other") is None


async def one(history: str) -> AsyncIterator[str]:
    yield history


async def test_a_changed_run_replays(desk: Desk, ledger: FakeLedger) -> None:
    await desk.report()
    await change(desk, excerpt(LONGER, await due(desk, "ack")), "A")
    await desk.do("acknowledge")
    history = await desk.client.temporal.get_workflow_handle(f"clue/{desk.clue_no}").fetch_history()
    await replayer().replay_workflow(WorkflowHistory.from_json("now", json.loads(history.to_json())))


@pytest.fixture
async def forgetful(ledger: FakeLedger) -> AsyncIterator[Desk]:
    """A clue that ended on changed rules, at a server that knows nothing of it any longer."""
    async with time_skipping_env() as env:
        played = Rehearsal(clock_offset=MORNING - await env.get_current_time())
        async with shell(env.client, ledger, rehearsal=played) as client:
            desk = Desk(client, at=MORNING)
            await desk.report()
            desk.at = MORNING + timedelta(hours=1)
            await change(desk, excerpt(FREE, MORNING), "A")
            await desk.to_the_end()
            await desk.finished()
            run = env.client.get_workflow_handle(f"clue/{desk.clue_no}")
            ledger.history = (await run.fetch_history()).to_json()
    async with time_skipping_env() as env:
        played = Rehearsal(clock_offset=MORNING - await env.get_current_time())
        async with shell(env.client, ledger, rehearsal=played) as client:
            yield Desk(client, desk.clue_no, at=desk.at, first=100)


async def test_a_forgotten_clue_is_resumed_with_the_rules_of_its_kept_history(forgetful: Desk) -> None:
    await forgetful.do("commend", "320500.eco", "approver", units=[FINDER], persons=[], facts="及时")
    book = await forgetful.client.rulebook_of(forgetful.clue_no)
    assert book is not None
    assert book.version == "longer"


# --- what is shown of the past ------------------------------------------------------------------------


async def reasons(desk: Desk, as_of: datetime) -> tuple[set[str], bool]:
    """Why days count or not, as shown; and whether that is said to be by the clue's own rules."""
    seen = await desk.client.query(desk.clue_no, as_of, days=True)
    for duty in seen["duties"]:
        last = instant(duty["due_at"]) - timedelta(seconds=1)
        if duty["days"] and duty["status"] == "open":
            assert duty["days"][-1]["date"] >= last.date().isoformat()
    return {row["why"] for duty in seen["duties"] for row in duty["days"]}, "own_rules" not in seen


async def test_the_reasons_shown_are_those_of_the_rules_of_that_day(
    temporal_client: Client, ledger: FakeLedger
) -> None:
    async with shell(temporal_client, ledger, rehearsal=Rehearsal()) as client:
        desk = Desk(client, at=MORNING)
        await desk.report()
        desk.at = MORNING + timedelta(hours=1)
        await change(desk, excerpt(FREE, MORNING), "A")
        await desk.flushed(ledger)
        before, after = MORNING + timedelta(minutes=30), desk.at
        for _ in range(2):  # the second time from memory
            why, own = await reasons(desk, before)
            assert own
            assert "新假" not in why
        why, own = await reasons(desk, after)
        assert own
        assert "新假" in why


async def test_a_forgotten_clue_is_explained_by_the_rules_of_its_kept_history(forgetful: Desk) -> None:
    assert forgetful.at is not None
    before, after = forgetful.at - timedelta(minutes=30), forgetful.at
    why, own = await reasons(forgetful, before)
    assert own
    assert "新假" not in why
    why, own = await reasons(forgetful, after)
    assert own
    assert "新假" in why


async def test_where_nobody_kept_its_rules_the_answer_says_so(forgetful: Desk, ledger: FakeLedger) -> None:
    ledger.history = None
    assert forgetful.at is not None
    assert not (await reasons(forgetful, forgetful.at))[1]
