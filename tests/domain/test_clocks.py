"""Duties and their clocks: the ladder, suspension, extension, re-opening, late openings, the measure, reminders."""

from __future__ import annotations

from itertools import pairwise

import pytest

from domain.lifecycle import next_wakeup
from domain.model import instant
from tests.domain.story import ADDRESSEE as A
from tests.domain.story import BOOK, DIGEST, Story, at, fed_back, inspected, received, reported, sent
from tests.domain.story import FINDER as F

ABOVE_F, ABOVE_A, COMMON = "320500.eco", "310000.eco", "000000.eco"


def suspend(story: Story, when: str, duty: str, who: str = COMMON) -> Story:
    return story.do(when, "suspend_duty", f"{who} supervisor", duty=duty, reason="鉴定")


def resume(story: Story, when: str, duty: str, who: str = COMMON) -> Story:
    return story.do(when, "resume_duty", f"{who} supervisor", duty=duty, reason="鉴定毕")


def extend(story: Story, asked: str, decided: str, duty: str, days: int, *, above: str = ABOVE_F) -> Story:
    obliged = next(d.obliged for d in story.state.owed if d.id == duty)
    story.do(asked, "request_extension", f"{obliged} officer", duty=duty, days=days, reason="检测")
    return story.do(decided, "decide_extension", f"{above} approver", duty=duty, approved=True, reason="可")


# --- the ladder ------------------------------------------------------------------------------------

# 2026-05-11 is a Monday without a holiday near: `ack` runs out at 13:00, evidence on the 14th at 24:00.
LADDER = [
    ("2026-05-11 12:59", 0),
    ("2026-05-11 13:00", 1),
    ("2026-05-12 23:59", 1),
    ("2026-05-13 00:00", 2),  # 24:00 of the first working day after the 11th
    ("2026-05-14 23:59", 2),
    ("2026-05-15 00:00", 3),
    ("2026-05-18 23:59", 3),  # the weekend does not count
    ("2026-05-19 00:00", 4),
]


@pytest.mark.parametrize(("when", "level"), LADDER)
def test_the_ladder_climbs_by_working_days_from_the_terms_last_day(when: str, level: int) -> None:
    seen = reported().look(when)
    assert (seen["level"], seen["peak_level"]) == (level, level)


def test_an_hour_term_that_ends_at_midnight_ran_out_on_the_day_then_ending() -> None:
    story = reported("2026-05-11 20:00")
    assert story.status("ack", "2026-05-12 00:00") == "breached"
    assert story.look("2026-05-12 23:59")["level"] == 1
    assert story.look("2026-05-13 00:00")["level"] == 2  # counted from the 11th


def test_a_ladder_stops_when_the_duty_is_done_and_the_peak_stays() -> None:
    story = reported().do("2026-05-15 09:00", "acknowledge", f"{A} officer")
    seen = story.look("2026-05-30 09:00")
    assert (seen["level"], seen["peak_level"]) == (0, 3)
    assert story.status("ack", "2026-05-30 09:00") == "late"


def test_doing_it_at_exactly_the_legal_instant_is_late_and_a_second_before_is_not() -> None:
    on_time = reported().do("2026-05-11 12:59:59", "acknowledge", f"{A} officer")
    assert on_time.status("ack", "2026-05-11 13:00") == "fulfilled"
    late = reported().do("2026-05-11 13:00", "acknowledge", f"{A} officer")
    assert late.status("ack", "2026-05-11 13:00") == "late"
    assert late.look("2026-05-11 13:00")["peak_level"] == 1


def test_first_contact_is_a_measure_it_may_be_breached_and_never_escalates() -> None:
    story = reported("2026-05-09 22:00")  # a working Saturday; `ack` is due on Sunday at 02:00
    assert story.legal("first_contact", "2026-05-09 22:00") == "2026-05-10 00:00"
    assert story.status("first_contact", "2026-05-10 00:00") == "breached"
    assert story.look("2026-05-10 01:00")["level"] == 0
    assert "升级" not in next(
        t["text"] for t in story.look("2026-05-10 01:00")["timeline"] if "breached" in t["event"]
    )


@pytest.mark.parametrize("drill", [False, True])
def test_level_four_opens_an_accountability_case_by_itself_except_in_a_drill(drill: bool) -> None:
    story = reported(drill=drill).pass_to("2026-05-19 00:00")
    assert story.state.level == 4
    assert len(story.state.cases) == (0 if drill else 1)
    if not drill:
        assert story.state.cases[0].units == (A,)
        assert story.state.cases[0].by_engine
        story.do("2026-05-20 09:00", "acknowledge", f"{A} officer")
        assert not story.state.cases[0].decided  # a case once opened goes on


def test_the_ladders_own_supervision_order_opens_no_duty() -> None:
    assert {d.id for d in reported().pass_to("2026-05-25 00:00").state.duties} == {"ack", "first_contact"}


# --- suspension ------------------------------------------------------------------------------------


def test_a_suspended_duty_shows_the_date_it_had_and_adds_nothing_to_the_level() -> None:
    story = suspend(inspected(reported()), "2026-05-12 09:00", "evidence_transfer")
    seen = story.duty("evidence_transfer", "2026-06-12 09:00")
    assert (seen["status"], seen["legal_due_at"]) == ("suspended", "2026-05-15T00:00:00+08:00")
    story.do("2026-06-12 09:00", "acknowledge", f"{A} officer")
    assert story.look("2026-06-12 09:00")["level"] == 0


@pytest.mark.parametrize(
    ("start", "end", "legal"),
    [
        ("2026-05-12 09:00", "2026-05-12 17:00", "2026-05-15 00:00"),  # within a day: none
        ("2026-05-12 09:00", "2026-05-13 08:00", "2026-05-16 00:00"),  # the 13th is not counted
        ("2026-05-12 09:00", "2026-05-14 23:00", "2026-05-19 00:00"),  # 13 and 14, then the weekend
        ("2026-05-15 09:00", "2026-05-18 09:00", "2026-05-15 00:00"),  # after the end: it moves nothing
    ],
)
def test_whole_days_from_the_day_after_it_starts_to_the_day_it_ends_are_not_counted(
    start: str, end: str, legal: str
) -> None:
    story = suspend(inspected(reported()), start, "evidence_transfer")
    assert story.legal("evidence_transfer", start) == "2026-05-15 00:00"
    assert resume(story, end, "evidence_transfer").legal("evidence_transfer", end) == legal


def test_overlapping_suspensions_count_once() -> None:
    story = inspected(reported())
    story.do("2026-05-12 09:00", "dispute_jurisdiction", f"{A} legal", reason="不在辖区")
    suspend(story, "2026-05-13 09:00", "evidence_transfer")
    story.do("2026-05-14 09:00", "rule_jurisdiction", "group.qwj approver", agency=A, reason="行为地")
    assert story.status("evidence_transfer", "2026-05-14 10:00") == "suspended"
    resume(story, "2026-05-15 09:00", "evidence_transfer")
    seen = story.duty("evidence_transfer", "2026-05-15 09:00")
    assert (seen["status"], seen["paused_days"]) == ("open", 3)  # 13, 14, 15
    assert seen["legal_due_at"][:10] == "2026-05-20"  # 12, 18, 19


def test_an_hour_term_moves_by_24_hours_for_each_day() -> None:
    story = reported().do("2026-05-11 10:00", "flag_evidence_at_risk", f"{F} officer", reason="可能灭失")
    suspend(story, "2026-05-11 11:00", "on_scene")
    resume(story, "2026-05-13 11:00", "on_scene")
    assert story.legal("on_scene", "2026-05-13 11:00") == "2026-05-13 22:00"


def test_a_dispute_suspends_what_is_open_and_leaves_what_is_breached_on_its_ladder() -> None:
    story = inspected(reported()).do("2026-05-11 17:00", "flag_evidence_at_risk", f"{F} officer", reason="急")
    story.do("2026-05-12 06:00", "dispute_jurisdiction", f"{A} legal", reason="不在辖区")
    now = "2026-05-12 06:00"
    assert [story.status(d, now) for d in ("on_scene", "evidence_transfer", "ack", "dispute_ruling")] == [
        "breached", "suspended", "late", "open",
    ]  # fmt: skip
    assert story.look("2026-05-18 00:00")["level"] == 3  # counted from the 12th
    assert story.status("evidence_transfer", "2026-05-18 00:00") == "suspended"


def test_a_suspended_breach_keeps_its_place_on_the_ladder_without_the_days_between() -> None:
    story = suspend(reported(), "2026-05-12 09:00", "ack")  # at level 1, from the 11th
    assert story.look("2026-05-14 09:00")["level"] == 0
    resume(story, "2026-05-14 10:00", "ack")
    assert story.look("2026-05-14 10:00")["level"] == 2  # the 12th was the first working day
    assert story.look("2026-05-18 23:59")["level"] == 2  # 13 and 14 don't count: 15 and 18 do
    assert story.look("2026-05-19 00:00")["level"] == 3


# --- extension -------------------------------------------------------------------------------------


def test_an_extension_adds_days_in_the_terms_own_unit() -> None:
    story = extend(inspected(reported()), "2026-05-12 09:00", "2026-05-12 10:00", "evidence_transfer", 2)
    assert story.legal("evidence_transfer", "2026-05-12 10:00") == "2026-05-19 00:00"  # 2 workdays
    hours = extend(reported(), "2026-05-11 10:00", "2026-05-11 10:30", "ack", 1, above=ABOVE_A)
    assert hours.legal("ack", "2026-05-11 11:00") == "2026-05-12 13:00"
    assert hours.duty("ack", "2026-05-11 11:00")["extended_days"] == 1


def test_a_granted_extension_may_take_a_breach_back() -> None:
    story = inspected(reported()).do("2026-05-11 17:00", "acknowledge", f"{A} officer")
    story.do(
        "2026-05-14 09:00", "request_extension", f"{F} officer", duty="evidence_transfer", days=3, reason="x"
    )
    assert story.look("2026-05-15 09:00")["level"] == 1
    story.do(
        "2026-05-15 10:00", "decide_extension", f"{ABOVE_F} approver", duty="evidence_transfer",
        approved=True, reason="可",
    )  # fmt: skip
    seen = story.look("2026-05-15 10:00")
    assert (seen["level"], seen["peak_level"]) == (0, 1)
    assert story.status("evidence_transfer", "2026-05-15 10:00") == "open"
    assert story.status("evidence_transfer", "2026-05-20 00:00") == "breached"  # 15, 18, 19 granted


def test_an_extension_that_comes_short_leaves_the_breach_and_counts_the_ladder_anew() -> None:
    story = inspected(reported()).do("2026-05-11 17:00", "acknowledge", f"{A} officer")
    story.do(
        "2026-05-14 09:00", "request_extension", f"{F} officer", duty="evidence_transfer", days=1, reason="x"
    )
    assert story.look("2026-05-20 09:00")["level"] == 3  # from the 14th: 15, 18, 19
    story.do(
        "2026-05-20 10:00", "decide_extension", f"{ABOVE_F} approver", duty="evidence_transfer",
        approved=True, reason="可",
    )  # fmt: skip
    seen = story.look("2026-05-20 10:00")
    assert (seen["level"], seen["peak_level"]) == (2, 3)  # from the 15th: 18, 19


def test_a_refused_extension_changes_no_date() -> None:
    story = inspected(reported())
    story.do(
        "2026-05-12 09:00", "request_extension", f"{F} officer", duty="evidence_transfer", days=3, reason="x"
    )
    story.do(
        "2026-05-12 10:00", "decide_extension", f"{ABOVE_F} approver", duty="evidence_transfer",
        approved=False, reason="不可",
    )  # fmt: skip
    assert story.legal("evidence_transfer", "2026-05-12 10:00") == "2026-05-15 00:00"
    again = {"duty": "evidence_transfer", "approved": True, "reason": "可"}
    assert (
        story.refused("2026-05-12 11:00", "decide_extension", f"{ABOVE_F} approver", **again)
        == "unknown_duty"
    )


@pytest.mark.parametrize(
    ("when", "code"), [("2026-05-14 23:59:59", "accepted"), ("2026-05-15 00:00", "too_late")]
)
def test_an_extension_is_asked_for_before_the_legal_date(when: str, code: str) -> None:
    ask = {"duty": "evidence_transfer", "days": 1, "reason": "检测"}
    assert inspected(reported()).refused(when, "request_extension", f"{F} officer", **ask) == code


def test_only_the_direct_superior_decides_on_an_extension() -> None:
    story = inspected(reported())
    story.do(
        "2026-05-12 09:00", "request_extension", f"{F} officer", duty="evidence_transfer", days=1, reason="x"
    )
    decide = {"duty": "evidence_transfer", "approved": True, "reason": "可"}
    for who, code in [(ABOVE_F, "accepted"), ("320000.eco", "not_permitted"), (ABOVE_A, "not_permitted")]:
        assert story.refused("2026-05-12 10:00", "decide_extension", f"{who} approver", **decide) == code
    assert (
        story.refused("2026-05-12 10:00", "decide_extension", f"{ABOVE_F} officer", **decide)
        == "not_permitted"
    )


def test_a_duty_that_nobody_owes_is_unknown() -> None:
    story = reported().do("2026-05-11 10:00", "acknowledge", f"{A} officer")
    ask = {"duty": "ack", "days": 1, "reason": "检测"}
    assert story.refused("2026-05-11 11:00", "request_extension", f"{A} officer", **ask) == "unknown_duty"


# --- re-opening, late openings ---------------------------------------------------------------------


def test_a_returned_transfer_opens_again_what_it_had_fulfilled_with_the_dates_it_had() -> None:
    story = sent(inspected(reported()))
    story.do("2026-05-13 09:00", "return_transfer", f"{A} officer", reason="不全", missing=["笔录"])
    seen = story.duty("evidence_transfer", "2026-05-13 09:00")
    assert (seen["status"], seen["legal_due_at"][:10]) == ("open", "2026-05-15")  # no day is given back
    assert story.status("receipt", "2026-05-13 09:00") == "fulfilled"
    assert story.look("2026-05-13 09:00")["holder"] == F
    story.do("2026-05-14 09:00", "send_transfer", f"{F} officer", manifest=[DIGEST])
    assert story.status("evidence_transfer", "2026-05-14 09:00") == "fulfilled"
    assert [d.id for d in story.state.duties].count("receipt") == 2


def test_what_is_opened_again_too_late_is_breached_at_once_and_climbs_from_that_day() -> None:
    story = sent(inspected(reported())).do("2026-05-12 10:00", "acknowledge", f"{A} officer")
    story.do("2026-05-18 09:00", "return_transfer", f"{A} officer", reason="不全", missing=[])
    assert story.status("evidence_transfer", "2026-05-18 09:00") == "breached"
    assert story.look("2026-05-18 09:00")["level"] == 1
    assert story.look("2026-05-19 23:59")["level"] == 1
    assert story.look("2026-05-20 00:00")["level"] == 2


def test_a_returned_feedback_goes_back_to_handling_with_the_clock_where_it_stood() -> None:
    story = fed_back(received(sent(inspected(reported()))))
    before = story.duty("written_feedback", "2026-05-20 09:00")["legal_due_at"]
    story.do("2026-05-21 09:00", "return_feedback", f"{F} officer", reason="不清")
    seen = story.duty("written_feedback", "2026-05-21 09:00")
    assert (story.state.stage, seen["status"], seen["legal_due_at"]) == ("handling", "open", before)


def test_a_duty_opened_after_its_legal_date_is_breached_at_once_at_level_one() -> None:
    old = "2026-04-01T09:00:00+08:00"  # ten days from discovery are long over
    story = reported(matter="solid_waste", discovered_at=old)
    assert story.status("start_transfer", "2026-05-11 09:00") == "breached"
    assert story.look("2026-05-11 09:00")["level"] == 1
    assert story.look("2026-05-12 23:59")["level"] == 1
    assert story.look("2026-05-13 00:00")["level"] == 2  # from the day of the report, not from April


def test_between_its_two_dates_a_duty_is_open_and_overdue_internally() -> None:
    story = reported("2026-05-13 09:00", matter="solid_waste")  # ten days end on Saturday the 23rd
    seen = story.duty("start_transfer", "2026-05-23 12:00")
    assert (seen["due_at"][:10], seen["legal_due_at"][:10]) == ("2026-05-23", "2026-05-26")
    assert (seen["status"], seen["overdue_internal"]) == ("open", True)
    story.do("2026-05-24 09:00", "start_transfer", f"{F} approver")
    done = story.duty("start_transfer", "2026-05-30 09:00")
    assert (done["status"], done["overdue_internal"]) == ("fulfilled", True)


def test_a_day_in_a_year_without_notice_makes_a_date_provisional_and_hours_never() -> None:
    story = reported("2026-12-20 09:00", matter="solid_waste")
    seen = {d["id"]: d["provisional"] for d in story.look("2026-12-20 09:00")["duties"]}
    assert seen == {"ack": False, "first_contact": False, "start_transfer": False, "complete_transfer": True}


# --- a new addressee, the end ----------------------------------------------------------------------


def test_a_new_addressee_gets_fresh_clocks_and_the_old_ones_are_cancelled() -> None:
    story = sent(inspected(reported()))
    story.do(
        "2026-05-12 11:00", "rule_jurisdiction", "group.qwj approver", agency="330421.eco", reason="行为地"
    )
    seen = {(d["id"], d["obliged"]): d["status"] for d in story.look("2026-05-12 11:00")["duties"]}
    assert seen[("ack", "330421.eco")] == "open"
    assert seen[("ack", A)] == seen[("receipt", A)] == "cancelled"
    assert seen[("evidence_transfer", F)] == "fulfilled"  # what the finder did stays done
    assert story.look("2026-05-12 11:00")["stage"] == "notified"


@pytest.mark.parametrize(
    ("name", "data"),
    [("withdraw", {"reason": "误报"}), ("merge_into", {"clue_no": "XS-2", "reason": "同案"})],
)
def test_the_end_cancels_every_duty_still_owed(name: str, data: dict[str, str]) -> None:
    story = inspected(reported()).do("2026-05-12 09:00", name, f"{F} officer", **data)
    assert {d["status"] for d in story.look("2026-07-01 09:00")["duties"]} <= {
        "cancelled",
        "fulfilled",
        "late",
    }
    seen = story.look("2026-07-01 09:00")
    assert (seen["level"], seen["holder"], seen["age_days"]) == (0, None, 1)
    assert next_wakeup(story.state, BOOK) is None


def test_closing_cancels_what_is_still_owed() -> None:
    story = fed_back(received(sent(inspected(reported()))))
    story.do("2026-05-21 09:00", "accept_feedback", f"{F} officer").do(
        "2026-05-21 09:01", "close", f"{F} officer"
    )
    assert story.status("case_filing", "2026-05-21 09:01") == "cancelled"
    assert story.look("2026-05-21 09:01")["stage"] == "closed"


# --- reminders -------------------------------------------------------------------------------------


def test_reminders_come_a_working_day_before_and_an_hour_before_for_hours() -> None:
    story = inspected(reported()).pass_to("2026-05-16 00:00")
    reminded = {
        story.state.duties[e.data["n"]].id: e.at.strftime("%m-%d %H:%M")
        for e in story.events
        if e.type == "duty_reminded"
    }
    assert reminded == {"ack": "05-11 12:00", "evidence_transfer": "05-14 00:00"}


def test_where_nothing_is_owed_the_holder_is_reminded_every_five_working_days() -> None:
    story = reported(place={"region": "320509"}, to_agency=None).pass_to("2026-06-02 00:00")
    reminded = [e for e in story.events if e.type == "holder_reminded"]
    assert [e.at.strftime("%m-%d") for e in reminded] == ["05-19", "05-26", "06-02"]
    assert {e.data["holder"] for e in reminded} == {F}


def test_everything_due_happens_in_the_order_of_its_dates() -> None:
    story = inspected(reported()).pass_to("2026-06-30 00:00")
    assert all(a.at <= b.at for a, b in pairwise(story.events))
    breach = next(e for e in story.events if e.type == "duty_breached")
    assert breach.at == at("2026-05-11 13:00")
    assert instant(story.duty("ack", "2026-06-30 00:00")["legal_due_at"]) == breach.at


def test_an_extension_granted_during_a_suspension_counts_from_a_clock_that_stands() -> None:
    story = inspected(reported()).do("2026-05-11 17:00", "acknowledge", f"{A} officer")
    story.do(
        "2026-05-14 09:00", "request_extension", f"{F} officer", duty="evidence_transfer", days=3, reason="x"
    )
    suspend(story, "2026-05-15 09:00", "evidence_transfer")  # breached at midnight, suspended since
    story.do(
        "2026-06-15 10:00", "decide_extension", f"{ABOVE_F} approver", duty="evidence_transfer",
        approved=True, reason="可",
    )  # fmt: skip
    resume(story, "2026-06-15 11:00", "evidence_transfer")
    seen = story.duty("evidence_transfer", "2026-06-15 11:00")
    assert (seen["status"], seen["legal_due_at"][:10]) == ("open", "2026-06-18")  # 15 May, 16 and 17 June
    assert story.look("2026-06-15 11:00")["peak_level"] == 1


def test_a_suspension_after_an_hour_term_ran_out_takes_no_breach_back() -> None:
    story = suspend(reported(), "2026-05-11 14:00", "ack")
    resume(story, "2026-05-13 09:00", "ack")
    seen = story.duty("ack", "2026-05-13 09:00")
    assert (seen["status"], seen["legal_due_at"][:16]) == ("breached", "2026-05-11T13:00")
