"""A naive calendar for the second reading of the contract: one day after the other, over `holidays.CN`.

It shares no code with `domain/calendar.py`.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from functools import cache
from zoneinfo import ZoneInfo

import holidays

ZONE = ZoneInfo("Asia/Shanghai")
ONE = timedelta(days=1)
LAST_ANNOUNCED = 2026  # the newest official notice that `holidays` 0.109 carries


@cache
def _year(year: int) -> holidays.HolidayBase:
    return holidays.country_holidays("CN", years=range(year - 1, year + 2))


@cache
def works(day: date) -> bool:
    year = _year(day.year)
    if day in year.weekend_workdays:
        return True
    return day.weekday() < 5 and day not in year


def day_of(at: datetime) -> date:
    return at.astimezone(ZONE).date()


def end_of(day: date) -> datetime:
    """24:00 of the day."""
    return datetime.combine(day + ONE, datetime.min.time(), ZONE)


@dataclass
class Dates:
    internal: datetime
    legal: datetime
    provisional: bool
    last: date  # the last day of the legal term; for hours the day on which it ran out


def dates(term: tuple[int, str, bool], start: datetime, paused: Iterable[date], extended: int) -> Dates:
    """`term` is (number, unit, rolled when its last day is a rest day)."""
    number, unit, rolls = term
    skip = set(paused)
    if unit == "hour":
        due = start + timedelta(hours=number) + timedelta(hours=24) * (len(skip) + extended)
        return Dates(due, due, False, day_of(due - timedelta(microseconds=1)))
    first = day = day_of(start)
    left = number + extended
    while left > 0:
        day += ONE
        if day in skip or (unit == "workday" and not works(day)):
            continue
        left -= 1
    before = after = day
    if unit == "day" and rolls and not works(day):
        while not works(before):
            before -= ONE
        before = max(before, first)
        while not works(after) or after in skip:
            after += ONE
    return Dates(end_of(before), end_of(after), after.year > LAST_ANNOUNCED, after)


def workdays_after(day: date, number: int, paused: Iterable[date]) -> datetime:
    """24:00 of the n-th working day after `day`."""
    skip = set(paused)
    while number > 0:
        day += ONE
        if works(day) and day not in skip:
            number -= 1
    return end_of(day)
