"""One order stops a region's clocks, its end starts them again, and undoing it is as if it had never been."""

from __future__ import annotations

import random
from contextlib import suppress
from datetime import timedelta
from typing import Any

import pytest

from domain.calendar import SHANGHAI
from domain.errors import DomainError
from domain.lifecycle import handle, ticked
from domain.model import Actor, ClueState, Command, Duty, blank, shanghai_day
from domain.notices import notices_for
from domain.region_orders import governs, lies_in
from domain.view import view
from runtime.facts import facts_for
from tests.domain.story import BOOK, RULES, Story, at, inspected, received, reported, sent
from tests.oracle.cases import OFFICERS, fresh

SH, STATE, QP = "310000.eco approver", "000000.eco commander", "310118.eco"
ORDER = {"order_no": "沪环中止1号", "reason": "台风"}


def handled() -> Story:
    """Acknowledged, inspected and received: Qingpu owes `case_filing` and `written_feedback`, Wujiang nothing."""
    story = reported().do("2026-05-11 09:30", "acknowledge", f"{QP} officer")
    return received(sent(inspected(story)))


def halted(story: Story, when: str, region: str = "31", who: str = SH, **more: Any) -> Story:
    return story.do(when, "suspend_region", who, region=region, **{**ORDER, **more})


def resumed(story: Story, when: str, who: str = SH, **more: Any) -> Story:
    return story.do(when, "resume_region", who, order_no=ORDER["order_no"], reason="过境", **more)


@pytest.mark.parametrize(
    ("agency", "region", "inside"),
    [
        ("320509.eco", "3205", True),
        ("320509.eco", "320500", True),
        ("320509.msa", "32", True),
        ("320509.eco", "320000", True),
        ("320509.eco", "320509", True),
        ("320583.eco", "320509", False),
        ("310118.eco", "32", False),
        ("320500.eco", "320509", False),
        ("310118.eco", "000000", True),
        ("group.qwj", "31", False),
    ],
)
def test_an_agency_lies_in_its_county_and_all_above(agency: str, region: str, inside: bool) -> None:
    assert lies_in(agency, region) is inside


@pytest.mark.parametrize(
    ("agency", "region", "over"),
    [
        ("320000.eco", "3205", True),
        ("320500.eco", "3205", True),
        ("320500.eco", "32", False),
        ("310000.eco", "3205", False),
        ("000000.eco", "32", True),
        ("group.qwj", "32", False),
    ],
)
def test_an_agency_governs_what_is_within_its_own_region(agency: str, region: str, over: bool) -> None:
    assert governs(agency, region) is over


def test_only_duties_of_the_region_stand_still() -> None:
    story = halted(inspected(reported()), "2026-05-11 17:00")
    assert story.status("ack", "2026-05-12 09:00") == "suspended"
    assert story.status("evidence_transfer", "2026-05-12 09:00") == "open"  # Wujiang's, in Jiangsu
    assert story.look("2026-05-12 09:00")["level"] == 0


def test_the_end_gives_back_the_whole_days_between() -> None:
    story = handled()
    before = story.legal("case_filing", "2026-05-13 10:00")
    resumed(halted(story, "2026-05-14 10:00"), "2026-05-19 10:00")
    assert before == "2026-05-29 00:00"
    assert story.legal("case_filing", "2026-05-19 11:00") == "2026-06-03 00:00"  # five days later
    said = next(e for e in story.events if e.type == "region_resumed").data["moves"]
    assert {"case_filing", "written_feedback"} == {m["id"] for m in said}
    assert [
        (m["legal_due_at"][:10], m["new_legal_due_at"][:10]) for m in said if m["id"] == "case_filing"
    ] == [("2026-05-29", "2026-06-03")]


def test_what_is_opened_while_the_order_lasts_stands_still_too() -> None:
    story = halted(inspected(reported()), "2026-05-11 17:00")
    sent(story)
    received(story)
    for ident in ("case_filing", "written_feedback"):
        assert story.status(ident, "2026-05-20 09:00") == "suspended"
    resumed(story, "2026-05-20 09:00")
    assert story.duty("case_filing", "2026-05-20 10:00")["paused_days"] == 7
    assert story.status("case_filing", "2026-05-20 10:00") == "open"


def test_a_list_of_duties_leaves_the_others_running() -> None:
    story = halted(handled(), "2026-05-14 10:00", duties=["case_filing"])
    assert story.status("case_filing", "2026-05-14 11:00") == "suspended"
    assert story.status("written_feedback", "2026-05-14 11:00") == "open"


def test_an_order_and_a_superior_may_hold_the_same_duty() -> None:
    story = halted(handled(), "2026-05-14 10:00")
    story.do("2026-05-15 10:00", "suspend_duty", SH, duty="case_filing", reason="鉴定")
    resumed(story, "2026-05-18 10:00")
    assert story.status("case_filing", "2026-05-18 11:00") == "suspended"
    story.do("2026-05-19 10:00", "resume_duty", SH, duty="case_filing", reason="毕")
    assert story.duty("case_filing", "2026-05-19 11:00")["paused_days"] == 5


def test_the_order_ends_only_by_whom_it_is_from_or_above() -> None:
    story = halted(inspected(reported()), "2026-05-11 17:00", who=STATE)
    said = {"order_no": ORDER["order_no"], "reason": "x"}
    assert story.refused("2026-05-12 09:00", "resume_region", SH, **said) == "not_permitted"
    assert story.refused("2026-05-12 09:00", "resume_region", STATE, **said) == "accepted"


def test_a_number_is_used_once_and_an_unknown_one_is_named() -> None:
    story = halted(inspected(reported()), "2026-05-11 17:00")
    again = {"region": "31", **ORDER}
    assert story.refused("2026-05-12 09:00", "suspend_region", SH, **again) == "wrong_stage"
    other = {"order_no": "别的", "reason": "x"}
    assert story.refused("2026-05-12 09:00", "resume_region", SH, **other) == "unknown_duty"
    resumed(story, "2026-05-12 09:00")
    said = {"order_no": ORDER["order_no"], "reason": "x"}
    assert story.refused("2026-05-12 10:00", "resume_region", SH, **said) == "unknown_duty"
    assert story.refused("2026-05-12 10:00", "resume_region", SH, **said, undo=True) == "accepted"
    resumed(story, "2026-05-12 10:00", undo=True)
    assert story.refused("2026-05-12 11:00", "resume_region", SH, **said, undo=True) == "unknown_duty"


def test_undone_on_the_same_day_it_has_never_been() -> None:
    def life(with_order: bool) -> dict[str, Any]:
        story = handled()
        if with_order:
            halted(story, "2026-05-14 10:00")
            resumed(story, "2026-05-14 16:00", undo=True)
        return story.look("2026-07-20 10:00")

    def bare(answer: dict[str, Any]) -> dict[str, Any]:
        return {k: v for k, v in answer.items() if k != "timeline"}

    assert bare(life(True)) == bare(life(False))


def test_what_ran_out_meanwhile_is_breached_now_and_climbs_from_now() -> None:
    story = handled()
    halted(story, "2026-05-20 10:00")
    resumed(story, "2026-06-05 10:00", undo=True)  # a Friday; due was 2026-05-29 00:00
    assert story.legal("case_filing", "2026-06-05 10:00") == "2026-05-29 00:00"
    assert story.duty("case_filing", "2026-06-05 10:00")["paused_days"] == 0
    assert story.status("case_filing", "2026-06-05 10:00") == "breached"
    breach = next(
        e for e in story.events if e.type == "duty_breached" and e.data["n"] == _n(story, "case_filing")
    )
    assert breach.at == at("2026-06-05 10:00")
    assert story.look("2026-06-05 10:00")["level"] == 1
    assert story.look("2026-06-08 23:59")["level"] == 1  # the days that stood still are no ladder's
    assert story.look("2026-06-09 00:00")["level"] == 2
    assert story.look("2026-06-08 23:59")["cases"] == []


def _n(story: Story, ident: str) -> int:
    return next(d.n for d in story.state.duties if d.id == ident)


def test_undone_after_its_end_the_dates_are_the_old_ones() -> None:
    story = handled()
    before = story.legal("written_feedback", "2026-05-14 09:00")
    resumed(halted(story, "2026-05-14 10:00"), "2026-05-18 10:00")
    assert story.legal("written_feedback", "2026-05-18 11:00") != before
    resumed(story, "2026-05-19 10:00", undo=True)
    assert story.legal("written_feedback", "2026-05-19 11:00") == before


def test_what_was_done_meanwhile_stays_as_it_was_judged() -> None:
    story = handled()
    halted(story, "2026-05-20 10:00")
    story.do("2026-06-05 10:00", "file_case", "310118.eco approver", decision="filed")
    assert story.status("case_filing", "2026-06-05 11:00") == "fulfilled"
    resumed(story, "2026-06-06 10:00", undo=True)
    assert story.status("case_filing", "2026-06-06 11:00") == "fulfilled"


def test_the_sentences_and_notices_name_the_order_and_whom_it_touches() -> None:
    story = handled()
    before, state = story.state, halted(story, "2026-05-14 10:00").state
    entry = next(t for t in state.timeline if t.event == "region_suspended")
    assert "沪环中止1号（31），中止 2 项义务计时：台风" in entry.text
    assert "区域中止决定 沪环中止1号" in next(t.text for t in state.timeline if t.event == "duty_suspended")
    event = next(e for e in story.events if e.type == "region_suspended")
    told = notices_for(before, event, state, BOOK)
    assert {n.to for n in told} == {"320509.eco", QP}
    assert {n.kind for n in told} == {"suspension"}


# --- random clues --------------------------------------------------------------------------------------


def _grown(seed: int, steps: int) -> tuple[ClueState, Any]:
    """A random clue, some steps into its life, and the hand that draws it."""
    maker = fresh(seed)
    state = blank("XS-1", list(maker.setup.packs) if maker.setup.packs else None)
    for n in range(steps):
        step = maker.report() if n == 0 else maker.draw(state)
        if "region" in step.name:
            continue
        actor = Actor(**step.actor)
        facts = facts_for(RULES, step.name, step.data, actor, shanghai_day(step.at), OFFICERS)
        with suppress(DomainError):
            state = handle(state, Command(step.id, step.name, actor, step.data, facts), step.at, BOOK).state
        maker.later(state)
    return (ticked(state, maker.now, BOOK) if state.exists else state), maker


def _order(state: ClueState, name: str, now: Any, n: int, **data: Any) -> ClueState:
    command = Command(
        f"r{n}", name, Actor("000000.gov", "approver", "丙"), {"order_no": "1", "reason": "x", **data}
    )
    return handle(state, command, now, BOOK).state


def _dates(state: ClueState) -> list[tuple[Any, ...]]:
    return [(d.n, d.id, d.due_at, d.legal_due_at, d.provisional) for d in state.duties]


def _fate(d: Duty) -> tuple[Any, ...]:
    return (d.n, d.status, d.breached_at is not None)


@pytest.mark.parametrize("seed", range(200))
def test_undoing_restores_each_date_and_status_of_random_clues(seed: int) -> None:
    state, maker = _grown(seed, 14)
    if not state.exists or state.ended:
        return
    rng = random.Random(seed)
    region = rng.choice(["000000", "31", "32", "3205", "33", "36"])
    halted_ = _order(state, "suspend_region", maker.now, 1, region=region)
    later = maker.now + timedelta(hours=rng.choice([1, 5, 30, 24 * 4, 24 * 30]))
    middle = halted_
    if rng.random() < 0.4:  # ended before it is undone
        middle = _order(halted_, "resume_region", maker.now + (later - maker.now) / 2, 2)
    undone = _order(middle, "resume_region", later, 3, undo=True)
    never = ticked(state, later, BOOK)
    assert _dates(undone) == _dates(never)
    assert [_fate(d) for d in undone.duties] == [_fate(d) for d in never.duties]
    assert all(a.level <= b.level for a, b in zip(undone.duties, never.duties, strict=True))
    if shanghai_day(later) == shanghai_day(maker.now):
        far = later.astimezone(SHANGHAI) + timedelta(days=60)
        assert view(undone, far, BOOK)["duties"] == view(never, far, BOOK)["duties"]
