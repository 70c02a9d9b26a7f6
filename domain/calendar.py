"""Working days and the counting of terms, in Asia/Shanghai.

House rules:

- The trigger's day is never counted (民法典 第二百零一条). A term in days or working days ends at 24:00 of
  its last day, written as 00:00 of the next day. A term in hours runs straight through rest days.
- A `day` term whose last day is a rest day has two dates: an internal one, the end of the last working day
  before it, and the legal one, the end of the first working day after it (民法典 第二百零三条).
- A suspension is a set of whole days that do not exist for the clock.
- Nothing here reads a clock, a file or the library of holidays: a `Calendar` is data, so that a running clue
  can keep the one it began with.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from datetime import date, datetime, time, timedelta
from functools import cached_property
from typing import Literal
from zoneinfo import ZoneInfo

SHANGHAI = ZoneInfo("Asia/Shanghai")
Unit = Literal["day", "workday", "hour"]
Day = date  # `DayReason` has a field of that very name

WEEKEND = "周末"
WORKING = "工作日"
MADE_WORKING = "调休上班"
TRIGGER_DAY = "触发日"
PAUSED = "中止"
CONTINUOUS = "连续计算"
PROVISIONAL_MARK = "（暂定）"

_ONE = timedelta(days=1)
_NONE: frozenset[date] = frozenset()


@dataclass(frozen=True)
class Calendar:
    """Which days are working days.

    `holidays` maps each named rest day ("2024-04-04") to its Chinese name, weekends inside a holiday
    included; `workdays` are the weekend days made working (调休上班). `announced_from` and `announced_to`
    are the first and the last year for which the State Council's notice is known: what lies outside of
    them is provisional.
    """

    holidays: dict[str, str]
    workdays: tuple[str, ...]
    announced_from: int
    announced_to: int

    # Both are derived from the fields, so they live beside them and never travel in a payload.
    @cached_property
    def _names(self) -> dict[date, str]:
        return {date.fromisoformat(day): name for day, name in self.holidays.items()}

    @cached_property
    def _made_working(self) -> frozenset[date]:
        return frozenset(date.fromisoformat(day) for day in self.workdays)

    def is_working(self, d: date) -> bool:
        """Whether `d` is a working day, make-up working days included."""
        if d in self._made_working:
            return True
        return d.weekday() < 5 and d not in self._names

    def why(self, d: date) -> str:
        """The holiday's name, 周末, 调休上班 or 工作日."""
        if d in self._made_working:
            return MADE_WORKING
        if d in self._names:
            return self._names[d]
        return WORKING if d.weekday() < 5 else WEEKEND

    def is_announced(self, year: int) -> bool:
        """Whether the year's official holiday notice is known."""
        return self.announced_from <= year <= self.announced_to

    def days_left(self, on: date) -> int:
        """How many days from `on`, itself included, lie in announced years; 0 or less once they are over."""
        return (date(self.announced_to + 1, 1, 1) - on).days

    def next_working(self, d: date, paused: frozenset[date] = _NONE) -> date:
        """The first working day strictly after `d` that is not paused."""
        d += _ONE
        while d in paused or not self.is_working(d):
            d += _ONE
        return d

    def last_working(self, d: date) -> date:
        """The last working day on or before `d`."""
        while not self.is_working(d):
            d -= _ONE
        return d

    def add_working(self, d: date, n: int, paused: frozenset[date] = _NONE) -> date:
        """The `n`-th working day strictly after `d`, paused days not counted; `d` itself for 0."""
        for _ in range(n):
            d = self.next_working(d, paused)
        return d

    def span(self, first_year: int, last_year: int) -> Calendar:
        """The excerpt of those years, both included, with the announced years kept: what a clue pins."""
        return replace(
            self,
            holidays={d: name for d, name in self.holidays.items() if first_year <= int(d[:4]) <= last_year},
            workdays=tuple(d for d in self.workdays if first_year <= int(d[:4]) <= last_year),
        )


@dataclass(frozen=True)
class Term:
    """A length: `n` days, working days or hours. `roll` False leaves a `day` term's rest day be."""

    n: int
    unit: Unit
    roll: bool = True


@dataclass(frozen=True)
class Due:
    """The two dates of a term as instants in Asia/Shanghai. Doing it at exactly `legal_due_at` is late."""

    due_at: datetime
    legal_due_at: datetime
    provisional: bool


@dataclass(frozen=True)
class DayReason:
    """One day of the answer to "why this date?"."""

    date: Day
    counted: bool
    why: str


def local_day(moment: datetime) -> date:
    """The Shanghai day of an instant. ValueError where the instant has no offset."""
    if moment.tzinfo is None:
        raise ValueError(f"时间缺少时区：{moment.isoformat()}")
    return moment.astimezone(SHANGHAI).date()


def alarm(cal: Calendar, on: date, days: int) -> str | None:
    """What is to be said where the announced years end within `days` days of `on`; None while there is time.

    The number of days is agreed, like every number that no source gives.
    """
    left = cal.days_left(on)
    if left > days:
        return None
    year = cal.announced_to + 1
    over = f"还有 {left} 天用完" if left > 0 else "已经用完"
    return (
        f"工作日历{over}：放假通知只到 {cal.announced_to} 年，跨入 {year} 年的期限都是暂定；"
        f"{year} 年的通知公布后请运行 starter.py rules holidays import"
    )


def midnight_after(d: date) -> datetime:
    """24:00 of `d`, which is 00:00 of the next day, in Asia/Shanghai."""
    return datetime.combine(d + _ONE, time.min, SHANGHAI)


def last_day_of(due: datetime) -> date:
    """The day that ends at `due`: an instant at exactly midnight belongs to the day then ending."""
    return local_day(due - timedelta(microseconds=1))


def paused_days(periods: Iterable[tuple[datetime, datetime]]) -> frozenset[date]:
    """The whole days that suspensions take out, overlaps once: the day after a start to the end's day."""
    days: set[date] = set()
    for start, end in periods:
        days.update(_days(local_day(start) + _ONE, local_day(end)))
    return frozenset(days)


def compute_due(
    cal: Calendar, term: Term, trigger: datetime, *, paused: frozenset[date] = _NONE, extended: int = 0
) -> Due:
    """The dates of `term` from `trigger`.

    `paused` are whole days that do not count; `extended` adds to the term in its own unit (24 hours a day
    for hours). ValueError where `trigger` has no offset.
    """
    start = local_day(trigger)
    if term.unit == "hour":
        due = _hours_end(term, trigger, start, paused, extended)
        return Due(due, due, provisional=False)
    last, inner, legal = _last_days(cal, term, start, paused, extended)
    unannounced = any(not cal.is_announced(year) for year in range(start.year, max(last, legal).year + 1))
    return Due(midnight_after(inner), midnight_after(legal), provisional=unannounced)


def explain_days(
    cal: Calendar, term: Term, trigger: datetime, *, paused: frozenset[date] = _NONE, extended: int = 0
) -> tuple[DayReason, ...]:
    """Day by day from the trigger's day to the legal last day: counted or skipped, and why.

    Days of a year without an official notice are marked （暂定）, except for hours, which no calendar moves.
    """
    start = local_day(trigger)
    if term.unit == "hour":
        end = last_day_of(_hours_end(term, trigger, start, paused, extended))
        return tuple(_hour_row(d, d > start and d in paused) for d in _days(start, max(start, end)))
    last, _, legal = _last_days(cal, term, start, paused, extended)
    rows = [DayReason(start, False, TRIGGER_DAY)]
    rows += [_counted_row(cal, term, d, paused) for d in _days(start + _ONE, last)]
    rows += [_rolled_row(cal, last, d, legal, paused) for d in _days(last + _ONE, legal)]
    return tuple(_marked(cal, row) for row in rows)


def ladder_instant(cal: Calendar, base_day: date, workdays: int, paused: frozenset[date] = _NONE) -> datetime:
    """24:00 of the `workdays`-th working day after `base_day`: the instant of a step of the ladder."""
    return midnight_after(cal.add_working(base_day, workdays, paused))


def workday_before(cal: Calendar, due: datetime) -> datetime:
    """One working day before `due`: 00:00 of the last working day on or before the day ending at `due`."""
    return datetime.combine(cal.last_working(last_day_of(due)), time.min, SHANGHAI)


def _last_days(
    cal: Calendar, term: Term, start: date, paused: frozenset[date], extended: int
) -> tuple[date, date, date]:
    """The raw last day, the internal one and the legal one."""
    n = term.n + extended
    if term.unit == "workday":
        last = cal.add_working(start, n, paused)
        return last, last, last
    last = start
    for _ in range(n):
        last += _ONE
        while last in paused:
            last += _ONE
    if not term.roll or cal.is_working(last):
        return last, last, last
    return last, max(cal.last_working(last), start), cal.next_working(last, paused)


def _hours_end(
    term: Term, trigger: datetime, start: date, paused: frozenset[date], extended: int
) -> datetime:
    stopped = sum(1 for d in paused if d > start)
    return trigger.astimezone(SHANGHAI) + timedelta(hours=term.n, days=stopped + extended)


def _days(first: date, last: date) -> Iterator[date]:
    while first <= last:
        yield first
        first += _ONE


def _hour_row(d: date, stopped: bool) -> DayReason:
    return DayReason(d, not stopped, PAUSED if stopped else CONTINUOUS)


def _counted_row(cal: Calendar, term: Term, d: date, paused: frozenset[date]) -> DayReason:
    if d in paused:
        return DayReason(d, False, PAUSED)
    return DayReason(d, term.unit == "day" or cal.is_working(d), cal.why(d))


def _rolled_row(cal: Calendar, last: date, d: date, legal: date, paused: frozenset[date]) -> DayReason:
    if d in paused:
        return DayReason(d, False, PAUSED)
    why = cal.why(d)
    if d == legal:
        why = f"末日{last.month}月{last.day}日为{cal.why(last)}，至本日（{why}）届满"
    return DayReason(d, False, f"顺延：{why}")


def _marked(cal: Calendar, row: DayReason) -> DayReason:
    if cal.is_announced(row.date.year):
        return row
    return replace(row, why=row.why + PROVISIONAL_MARK)
