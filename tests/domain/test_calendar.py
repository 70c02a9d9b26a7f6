"""The rules of counting, one by one."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta

import pytest
from pydantic import TypeAdapter
from temporalio.contrib.pydantic import pydantic_data_converter

from domain.calendar import (
    SHANGHAI,
    Calendar,
    DayReason,
    Term,
    compute_due,
    explain_days,
    ladder_instant,
    last_day_of,
    midnight_after,
    paused_days,
    workday_before,
)

# April and May 2024, as announced.
CAL = Calendar(
    holidays={
        "2024-04-04": "清明节",
        "2024-04-05": "清明节",
        "2024-04-06": "清明节",
        "2024-05-01": "劳动节",
        "2024-05-02": "劳动节",
        "2024-05-03": "劳动节",
        "2024-05-04": "劳动节",
        "2024-05-05": "劳动节",
    },
    workdays=("2024-04-07", "2024-04-28", "2024-05-11"),
    announced_from=2024,
    announced_to=2024,
)
T = datetime(2024, 4, 3, 16, tzinfo=SHANGHAI)


def day(month: int, d: int) -> date:
    return date(2024, month, d)


def midnight(month: int, d: int) -> datetime:
    return datetime(2024, month, d, tzinfo=SHANGHAI)


def test_the_contract_example_comes_out_day_for_day() -> None:
    assert explain_days(CAL, Term(3, "workday"), T) == (
        DayReason(day(4, 3), False, "触发日"),
        DayReason(day(4, 4), False, "清明节"),
        DayReason(day(4, 5), False, "清明节"),
        DayReason(day(4, 6), False, "清明节"),
        DayReason(day(4, 7), True, "调休上班"),
        DayReason(day(4, 8), True, "工作日"),
        DayReason(day(4, 9), True, "工作日"),
    )
    due = compute_due(CAL, Term(3, "workday"), T)
    assert due.due_at == due.legal_due_at == midnight(4, 10)
    assert due.due_at.isoformat() == "2024-04-10T00:00:00+08:00"


def test_a_rest_day_as_last_day_parts_the_two_dates() -> None:
    due = compute_due(CAL, Term(10, "day"), T)
    assert (due.due_at, due.legal_due_at) == (midnight(4, 13), midnight(4, 16))
    rows = explain_days(CAL, Term(10, "day"), T)
    assert sum(row.counted for row in rows) == 10
    assert rows[1] == DayReason(day(4, 4), True, "清明节")
    assert [row.why for row in rows[-3:]] == [
        "周末",
        "顺延：周末",
        "顺延：末日4月13日为周末，至本日（工作日）届满",
    ]
    assert [row.counted for row in rows[-3:]] == [True, False, False]


def test_the_internal_date_is_never_before_the_end_of_the_triggers_day() -> None:
    saturday = datetime(2024, 4, 20, 9, tzinfo=SHANGHAI)
    due = compute_due(CAL, Term(1, "day"), saturday)
    assert (due.due_at, due.legal_due_at) == (midnight(4, 21), midnight(4, 23))


def test_a_term_that_does_not_roll_ends_on_a_rest_day() -> None:
    due = compute_due(CAL, Term(0, "day", roll=False), midnight(4, 4) + timedelta(hours=9))
    assert due.due_at == due.legal_due_at == midnight(4, 5)
    assert [r.why for r in explain_days(CAL, Term(0, "day", roll=False), midnight(4, 4))] == ["触发日"]


def test_zero_workdays_end_with_the_triggers_day() -> None:
    assert compute_due(CAL, Term(0, "workday"), T).due_at == midnight(4, 4)


def test_the_triggers_day_is_a_shanghai_day() -> None:
    late_utc = datetime(2024, 4, 3, 16, 30, tzinfo=UTC)  # 00:30 of the 4th in Shanghai
    assert compute_due(CAL, Term(1, "day", roll=False), late_utc).due_at == midnight(4, 6)


def test_an_instant_without_offset_is_refused() -> None:
    with pytest.raises(ValueError, match="时区"):
        compute_due(CAL, Term(1, "day"), datetime(2024, 4, 3, 16))  # noqa: DTZ001
    with pytest.raises(ValueError, match="时区"):
        explain_days(CAL, Term(1, "hour"), datetime(2024, 4, 3, 16))  # noqa: DTZ001


def test_suspended_days_do_not_count_and_do_not_carry_the_roll() -> None:
    paused = frozenset({day(4, 8), day(4, 15)})
    work = compute_due(CAL, Term(3, "workday"), T, paused=paused)
    assert work.due_at == midnight(4, 11)
    rolled = compute_due(CAL, Term(9, "day"), T, paused=paused)  # raw last day: Saturday the 13th
    assert (rolled.due_at, rolled.legal_due_at) == (midnight(4, 13), midnight(4, 17))
    whys = {row.date: row.why for row in explain_days(CAL, Term(9, "day"), T, paused=paused)}
    assert whys[day(4, 8)] == whys[day(4, 15)] == "中止"


def test_an_extension_adds_in_the_terms_own_unit() -> None:
    assert compute_due(CAL, Term(3, "workday"), T, extended=2).due_at == midnight(4, 12)
    assert compute_due(CAL, Term(5, "day"), T, extended=3).due_at == midnight(4, 12)
    assert compute_due(CAL, Term(4, "hour"), T, extended=1).due_at == T + timedelta(hours=28)


def test_hours_start_at_once_and_ignore_holidays_but_not_suspensions() -> None:
    due = compute_due(CAL, Term(24, "hour"), T, paused=frozenset({day(4, 4)}))
    assert due.due_at == due.legal_due_at == T + timedelta(hours=48)
    rows = explain_days(CAL, Term(24, "hour"), T, paused=frozenset({day(4, 4)}))
    assert [(r.date, r.counted, r.why) for r in rows] == [
        (day(4, 3), True, "连续计算"),
        (day(4, 4), False, "中止"),
        (day(4, 5), True, "连续计算"),
    ]


def test_hours_that_end_at_midnight_touch_only_the_day_then_ending() -> None:
    rows = explain_days(CAL, Term(8, "hour"), T)
    assert [row.date for row in rows] == [day(4, 3)]


@pytest.mark.parametrize(
    ("periods", "expected"),
    [
        ([((4, 3), (4, 3))], []),
        ([((4, 3), (4, 4))], [4]),
        ([((4, 3), (4, 6)), ((4, 5), (4, 8))], [4, 5, 6, 7, 8]),
        ([((4, 8), (4, 9)), ((4, 3), (4, 4))], [4, 9]),
        ([], []),
    ],
)
def test_a_suspension_takes_whole_days_from_the_day_after_it_starts(
    periods: list[tuple[tuple[int, int], tuple[int, int]]], expected: list[int]
) -> None:
    spans = [(midnight(*a) + timedelta(hours=9), midnight(*b) + timedelta(hours=10)) for a, b in periods]
    assert paused_days(spans) == {day(4, d) for d in expected}


def test_a_midnight_belongs_to_the_day_then_ending() -> None:
    assert last_day_of(midnight(4, 10)) == day(4, 9)
    assert last_day_of(midnight(4, 10) + timedelta(seconds=1)) == day(4, 10)
    assert midnight_after(day(4, 30)) == midnight(5, 1)


def test_the_ladder_climbs_by_working_days() -> None:
    assert [ladder_instant(CAL, day(4, 3), n) for n in (1, 2, 3)] == [
        midnight(4, 8),
        midnight(4, 9),
        midnight(4, 10),
    ]
    assert ladder_instant(CAL, day(4, 3), 1, frozenset({day(4, 7)})) == midnight(4, 9)


def test_a_reminder_comes_one_working_day_before() -> None:
    assert workday_before(CAL, midnight(4, 10)) == midnight(4, 9)
    assert workday_before(CAL, midnight(4, 7)) == midnight(4, 3)  # ends on the holiday's Saturday


def test_days_tell_why() -> None:
    assert [CAL.why(day(4, d)) for d in (3, 4, 7, 13)] == ["工作日", "清明节", "调休上班", "周末"]


def test_working_days_are_found_on_either_side() -> None:
    assert CAL.next_working(day(4, 3)) == day(4, 7)
    assert CAL.next_working(day(4, 3), frozenset({day(4, 7)})) == day(4, 8)
    assert CAL.last_working(day(4, 6)) == day(4, 3)
    assert CAL.last_working(day(4, 7)) == day(4, 7)
    assert CAL.add_working(day(4, 3), 0) == day(4, 3)


def test_a_span_keeps_what_the_years_need_and_what_was_announced() -> None:
    assert CAL.span(2024, 2024) == CAL
    empty = CAL.span(2025, 2026)
    assert (empty.holidays, empty.workdays, empty.announced_to) == ({}, (), 2024)


def test_a_calendar_that_was_used_travels_unchanged() -> None:
    CAL.is_working(day(4, 3))  # fills what is derived
    adapter = TypeAdapter(Calendar)
    assert adapter.validate_json(adapter.dump_json(CAL)) == CAL
    converter = pydantic_data_converter.payload_converter
    payloads = converter.to_payloads([CAL])
    assert b"_names" not in payloads[0].data
    assert converter.from_payloads(payloads, [Calendar]) == [CAL]
