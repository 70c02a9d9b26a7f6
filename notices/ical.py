"""An agency's terms as a calendar that phones and mail programs subscribe to (RFC 5545).

VEVENT and not VTODO: the calendars of phones show events, and leave to-dos out. A term in days is an all-day
event on its last day; one in hours ends at its instant. What is no longer owed isn't in the feed, and so
vanishes from a subscriber's calendar; what was done stays for `DONE_KEPT` with a tick.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, time, timedelta
from typing import Final

from icalendar import Alarm, Event, vDatetime
from icalendar import Calendar as Feed

from domain.calendar import SHANGHAI, Calendar, last_day_of
from domain.labels import DUTIES, UNIT_BASES, term
from domain.masking import concealed
from domain.text import when
from ledger import codec
from ledger.terms import TermRow, Terms
from runtime.rules import Rules

DONE_KEPT: Final = timedelta(days=30)
ALARM_CLOCK: Final = time(9, 0)  # on the working day before the last day
HOUR_ALARM: Final = timedelta(hours=1)  # before a term in hours, as its reminder (pack `house`)
HOUR_BLOCK: Final = timedelta(
    minutes=30
)  # how long a term in hours looks in the calendar, its end the instant
REFRESH: Final = timedelta(minutes=30)
PRODUCT: Final = "-//ClueFlow//terms//ZH"


@dataclass(frozen=True)
class TermsFeed:
    """The calendar's bytes; `etag` is of them alone, so that the same terms give the same."""

    body: bytes
    etag: str
    changed_at: datetime | None


def feed(agency: str, found: Terms, now: datetime, rules: Rules, public_url: str | None = None) -> TermsFeed:
    """The calendar of the agency's terms as of `now`."""
    out = Feed()
    out.add("prodid", PRODUCT)
    out.add("version", "2.0")
    out.add("method", "PUBLISH")
    out.add("x-wr-calname", f"{rules.agency_name(agency)} 办理期限")
    out.add("x-wr-timezone", "Asia/Shanghai")
    out.add("refresh-interval", REFRESH, parameters={"VALUE": "DURATION"})
    for event in _events(found.rows, now, rules, public_url):
        out.add_component(event)
    out.add_missing_timezones()
    body = out.to_ical()
    return TermsFeed(body, hashlib.sha256(body).hexdigest()[:32], found.changed_at)


def uid(row: TermRow) -> str:
    """The same for the same duty whatever becomes of its dates."""
    return f"{row.clue_no}-{row.n}@clueflow"


def _events(rows: Sequence[TermRow], now: datetime, rules: Rules, public_url: str | None) -> Sequence[Event]:
    return [_event(row, now, rules, public_url) for row in rows]


def _event(row: TermRow, now: datetime, rules: Rules, public_url: str | None) -> Event:
    event = Event()
    event.add("uid", uid(row))
    # Of the row, not of the clock: a feed in which nothing changed must be the same to the byte.
    event.add(
        "dtstamp", max(at for at in (row.opened_at, row.fulfilled_at) if at is not None).astimezone(UTC)
    )
    event.add("summary", _summary(row, now))
    event.add("description", _description(row, public_url))
    event.add("transp", "TRANSPARENT")
    if public_url:
        event.add("url", f"{public_url}/clues/{row.clue_no}")
    _when(event, row)
    if row.fulfilled_at is None and row.suspended_at is None:
        event.add_component(_alarm(row, rules.rulebook.calendar))
    return event


def _when(event: Event, row: TermRow) -> None:
    if row.term_unit == "hour":
        due = row.due_at.astimezone(SHANGHAI)
        event.add("dtstart", due - HOUR_BLOCK)
        event.add("dtend", due)
        return
    day = last_day_of(row.due_at)
    event.add("dtstart", day)
    event.add("dtend", day + timedelta(days=1))


def _summary(row: TermRow, now: datetime) -> str:
    title = concealed(row.title, codec.decode(row.state).clue)
    marks = "".join(f"〔{mark}〕" for mark in _marks(row, now))
    return f"{'【演练】' if row.drill else ''}{marks}{DUTIES[row.id]}：{title}"


def _marks(row: TermRow, now: datetime) -> list[str]:
    if row.fulfilled_at is not None:
        return ["✓ 逾期办结" if row.was_late else "✓ 已办"]
    marks = ["已逾期"] if row.legal_due_at <= now and row.suspended_at is None else []
    if row.suspended_at is not None:
        marks.append("中止")
    if row.unit_basis != "explicit":
        marks.append(UNIT_BASES[row.unit_basis])
    return [*marks, "暂定"] if row.provisional else marks


def _description(row: TermRow, public_url: str | None) -> str:
    legal = f"，最迟 {when(row.legal_due_at)}" if row.legal_due_at != row.due_at else ""
    lines = [
        f"线索 {row.clue_no}",
        f"期限 {term(row.term_n, row.term_unit)}，{when(row.due_at)} 前{legal}",
        f"依据 {row.article}",
    ]
    if row.fulfilled_at is not None:
        lines.append(f"{when(row.fulfilled_at)} 办理")
    if public_url:
        lines.append(f"{public_url}/clues/{row.clue_no}")
    return "\n".join(lines)


def _alarm(row: TermRow, calendar: Calendar) -> Alarm:
    alarm = Alarm()
    alarm.add("action", "DISPLAY")
    alarm.add("description", f"{DUTIES[row.id]}将到期")
    if row.term_unit == "hour":
        alarm.add("trigger", -HOUR_ALARM, parameters={"RELATED": "END"})
        return alarm
    day = calendar.last_working(last_day_of(row.due_at) - timedelta(days=1))
    at = datetime.combine(day, ALARM_CLOCK, SHANGHAI).astimezone(UTC)
    alarm.add("trigger", vDatetime(at), parameters={"VALUE": "DATE-TIME"})
    return alarm
