"""Dates worked out by hand and by others, day for day, and a second count that shares no code with the first."""

from __future__ import annotations

from datetime import date, datetime, timedelta

import pytest
from holidays.countries.china import China
from hypothesis import given, settings
from hypothesis import strategies as st

from domain.calendar import SHANGHAI, Due, Term, compute_due, explain_days, last_day_of
from runtime.rules import load_rules

CAL = load_rules().rulebook.calendar
OTHER = China(years=range(2000, 2038))


def works(day: date) -> bool:
    """The other reading of the library, straight from its documentation."""
    return day in OTHER.weekend_workdays or (day.weekday() < 5 and day not in OTHER)


def at(day: str, hour: int = 16) -> datetime:
    return datetime.combine(date.fromisoformat(day), datetime.min.time(), SHANGHAI) + timedelta(hours=hour)


def ends(due: Due) -> tuple[str, str]:
    return last_day_of(due.due_at).isoformat(), last_day_of(due.legal_due_at).isoformat()


# trigger, 3 workdays, 10 days raw and rolled, 15 days raw and rolled, 10 and 15 workdays
VECTORS = [
    ("2024-04-03", "2024-04-09", "04-13", "04-15", "04-18", "04-18", "04-18", "04-25"),
    ("2026-02-13", "2026-02-25", "02-23", "02-24", "02-28", "02-28", "03-05", "03-12"),
    ("2026-04-30", "2026-05-08", "05-10", "05-11", "05-15", "05-15", "05-18", "05-25"),
    ("2026-09-24", "2026-09-30", "10-04", "10-08", "10-09", "10-09", "10-15", "10-22"),
    ("2026-09-30", "2026-10-10", "10-10", "10-10", "10-15", "10-15", "10-20", "10-27"),
]


@pytest.mark.parametrize("row", VECTORS, ids=lambda row: row[0])
def test_published_vectors_hold(row: tuple[str, ...]) -> None:
    trigger, three, raw10, rolled10, raw15, rolled15, work10, work15 = row
    year = trigger[:5]
    start = at(trigger)
    assert ends(compute_due(CAL, Term(3, "workday"), start)) == (three, three)
    assert ends(compute_due(CAL, Term(10, "workday"), start))[1] == year + work10
    assert ends(compute_due(CAL, Term(15, "workday"), start))[1] == year + work15
    for n, raw, rolled in ((10, raw10, rolled10), (15, raw15, rolled15)):
        due = compute_due(CAL, Term(n, "day"), start)
        counted = [row.date for row in explain_days(CAL, Term(n, "day"), start) if row.counted]
        assert counted[-1].isoformat() == year + raw
        assert ends(due)[1] == year + rolled
        assert not due.provisional


def test_a_term_over_the_new_year_without_a_notice_is_provisional() -> None:
    start = at("2026-12-30")
    for term in (Term(3, "workday"), Term(10, "day"), Term(15, "day"), Term(10, "workday")):
        assert compute_due(CAL, term, start).provisional
    assert not compute_due(CAL, Term(1, "workday"), start).provisional
    assert not compute_due(CAL, Term(240, "hour"), start).provisional


def test_a_term_that_only_starts_before_the_first_notice_is_provisional() -> None:
    assert compute_due(CAL, Term(3, "workday"), at("2000-12-29")).provisional
    assert not compute_due(CAL, Term(3, "workday"), at("2001-01-04")).provisional


MADE_WORKING = {
    2020: "01-19 04-26 05-09 06-28 09-27 10-10",
    2021: "02-07 02-20 04-25 05-08 09-18 09-26 10-09",
    2022: "01-29 01-30 04-02 04-24 05-07 10-08 10-09",
    2023: "01-28 01-29 04-23 05-06 06-25 10-07 10-08",
    2024: "02-04 02-18 04-07 04-28 05-11 09-14 09-29 10-12",
    2025: "01-26 02-08 04-27 09-28 10-11",
    2026: "01-04 02-14 02-28 05-09 09-20 10-10",
}


@pytest.mark.parametrize("year", MADE_WORKING)
def test_make_up_days_are_those_of_the_notices(year: int) -> None:
    ours = [day for day in CAL.workdays if day.startswith(str(year))]
    assert ours == [f"{year}-{day}" for day in MADE_WORKING[year].split()]
    assert all(CAL.is_working(date.fromisoformat(day)) for day in ours)


def test_every_day_from_2001_to_2036_agrees_with_the_library() -> None:
    day, differing = date(2001, 1, 1), []
    while day <= date(2036, 12, 31):
        if CAL.is_working(day) != works(day):
            differing.append(day)
        day += timedelta(days=1)
    assert differing == []


def second_count(
    start: date, term: Term, paused: frozenset[date], extended: int
) -> tuple[list[date], date, date, date]:
    """Counted days, raw, internal and legal last day, by walking a list of days instead of stepping."""
    horizon = [start + timedelta(days=n) for n in range(1, 1500)]
    fit = [d for d in horizon if d not in paused and (term.unit == "day" or works(d))]
    n = term.n + extended
    counted = fit[:n]
    last = counted[-1] if counted else start
    if term.unit == "workday" or not term.roll or works(last):
        return counted, last, last, last
    before = next(last - timedelta(days=n) for n in range(1, 60) if works(last - timedelta(days=n)))
    after = next(d for d in horizon if d > last and works(d) and d not in paused)
    return counted, last, max(before, start), after


first, last = datetime(2001, 1, 1), datetime(2034, 12, 31)  # noqa: DTZ001
triggers = st.datetimes(first, last, timezones=st.just(SHANGHAI))
offsets = st.lists(st.integers(0, 120), max_size=25)


@settings(max_examples=3000, deadline=None)
@given(triggers, st.integers(0, 90), st.sampled_from(["day", "workday"]), offsets, st.integers(0, 40))
def test_both_counts_agree(trigger: datetime, n: int, unit: str, offs: list[int], extended: int) -> None:
    term = Term(n, unit)  # type: ignore[arg-type]
    start = trigger.date()
    paused = frozenset(start + timedelta(days=o) for o in offs)
    counted, _, inner, legal = second_count(start, term, paused, extended)
    due = compute_due(CAL, term, trigger, paused=paused, extended=extended)
    assert ends(due) == (inner.isoformat(), legal.isoformat())
    rows = explain_days(CAL, term, trigger, paused=paused, extended=extended)
    assert [row.date for row in rows if row.counted] == counted
    assert [row.date for row in rows] == [start + timedelta(days=i) for i in range((legal - start).days + 1)]
    assert due.provisional == any(y > 2026 for y in range(start.year, legal.year + 1))
    assert all(row.why.endswith("（暂定）") == (row.date.year > 2026) for row in rows)


@settings(max_examples=500, deadline=None)
@given(
    triggers, st.integers(0, 500), st.lists(st.integers(1, 60), unique=True, max_size=10), st.integers(0, 9)
)
def test_hours_run_through_holidays(trigger: datetime, n: int, offs: list[int], extended: int) -> None:
    paused = frozenset(trigger.date() + timedelta(days=o) for o in offs)
    due = compute_due(CAL, Term(n, "hour"), trigger, paused=paused, extended=extended)
    assert due.due_at == due.legal_due_at == trigger + timedelta(hours=n, days=len(paused) + extended)
    assert not due.provisional
