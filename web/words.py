"""How times, terms and names are said on the pages. Pure."""

from __future__ import annotations

import re
from datetime import datetime, timedelta

from domain.labels import UNIT_BASES, UNITS
from domain.model import Json, instant, shanghai_day
from domain.text import when
from runtime.rules import Rules

WEEKDAYS = "一二三四五六日"
_AGENCY = re.compile(r" ?(?<![0-9A-Za-z.])((?:\d{6}|group)\.[a-z][a-z0-9_-]*) ?")  # ids are set off by spaces
_MINUTE, _HOUR = 60, 3600


def span(time: timedelta) -> str:
    """How long, in the two largest units that matter: 3 天 4 小时, 2 小时 10 分, 12 分钟."""
    seconds = int(abs(time).total_seconds())
    days, hours, minutes = seconds // (24 * _HOUR), seconds // _HOUR % 24, seconds // _MINUTE % 60
    if days:
        return f"{days} 天" + (f" {hours} 小时" if hours and days < 10 else "")
    if hours:
        return f"{hours} 小时" + (f" {minutes} 分" if minutes else "")
    return f"{minutes} 分钟" if minutes else "不到 1 分钟"


def moment(text: str | None) -> str:
    """An ISO instant as people write it, 24:00 for a midnight; nothing for nothing."""
    return when(instant(text)) if text else ""


def clock(text: str) -> str:
    """An ISO instant at which something happened: a midnight is 00:00 of the day that begins."""
    return f"{instant(text):%Y-%m-%d %H:%M}"


def weekday(at: datetime) -> str:
    return "周" + WEEKDAYS[shanghai_day(at).weekday()]


def term(basis: Json) -> str:
    """The term itself: 3 个工作日, 15 日, 4 小时; the end of the same day for 0 days."""
    if basis["term"] == 0:
        return "当日内"
    unit = UNITS[basis["unit"]]
    return f"{basis['term']} {unit}"


def marks(unit_basis: str, provisional: bool) -> tuple[str, ...]:
    """What must be said wherever a term or its date is shown (contract, "Counting")."""
    basis = () if unit_basis == "explicit" else (UNIT_BASES[unit_basis],)
    return (*basis, "暂定") if provisional else basis


def named(text: str, rules: Rules) -> str:
    """The text with the agencies' ids replaced by their names."""
    return _AGENCY.sub(lambda found: rules.agency_name(found[1]), text)


def size(count: int) -> str:
    """Bytes in the unit that fits."""
    amount, units = float(count), ("B", "KB", "MB", "GB")
    for unit in units[:-1]:
        if amount < 1024:
            return f"{amount:.0f} {unit}" if unit == "B" else f"{amount:.1f} {unit}"
        amount /= 1024
    return f"{amount:.1f} {units[-1]}"
