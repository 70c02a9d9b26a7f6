"""Where a notice goes and when: lanes, quiet hours, digests, rosters. Pure.

A lane is an ordered list of channels: the first one that takes the notice is enough.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, time, timedelta
from typing import Final

from domain.calendar import SHANGHAI, Calendar, local_day
from notices.config import NEVER_WAITS, QuietFile, Route

# Level 1 reminds the obliged agency's head (contract, "Terms"); the levels above it tell the head too.
HEAD_KINDS: Final = frozenset({"escalation", "order", "summons", "case"})
USUAL, HEAD, ROSTER, DRILL = "usual", "head", "roster", "drill"
LANES: Final = {USUAL: "日常", HEAD: "负责人", ROSTER: "值班", DRILL: "演练"}
_DAYS_AHEAD: Final = 40  # no run of rest days is longer


@dataclass(frozen=True)
class Told:
    """What decides about one notice: `in_hours`, `next_due_at` are of what its agency owes on the clue,
    `emergency` of the clue itself."""

    kind: str
    drill: bool
    in_hours: bool
    next_due_at: datetime | None
    emergency: bool = False


def lanes(
    route: Route, kind: str, drill: bool, at: datetime, calendar: Calendar
) -> dict[str, tuple[str, ...]]:
    """The lanes that carry a notice at that instant; a channel stands in one only. A drill has its own."""
    if drill:
        found = {DRILL: route.drill}
    else:
        duty, instead = _on_duty(route, at, calendar)
        found = {ROSTER: duty, USUAL: () if instead else route.usual}
        if kind in HEAD_KINDS:
            found[HEAD] = route.head
    taken: set[str] = set()
    out = {}
    for lane, names in found.items():
        own = tuple(name for name in names if name not in taken)
        taken.update(own[:1])  # those behind the first are for need, and may serve two lanes
        if own:
            out[lane] = own
    return out


def _on_duty(route: Route, at: datetime, calendar: Calendar) -> tuple[tuple[str, ...], bool]:
    """The channels of who is on duty that day, and whether they stand in for the usual ones."""
    day = local_day(at)
    if calendar.is_working(day):
        return (), False
    lines = [line for line in route.roster if line.from_ <= day <= line.to]
    names = dict.fromkeys(name for line in lines for name in line.channels)
    return tuple(names), any(line.instead for line in lines)


def send_at(route: Route, told: Told, now: datetime, calendar: Calendar) -> tuple[datetime, bool]:
    """When the notice goes out, and whether in a digest.

    At once where its kind may not wait, where the clue is an emergency, where its agency owes something counted
    in hours, and where waiting would reach the next date of what it owes.
    """
    if told.kind in NEVER_WAITS or told.kind not in route.wait or told.in_hours or told.emergency:
        return now, False
    later = _next_window(route, now, calendar)
    if told.next_due_at is not None and told.next_due_at > now and later >= told.next_due_at:
        return now, False
    return later, bool(route.digest)


def _next_window(route: Route, now: datetime, calendar: Calendar) -> datetime:
    if not route.digest:
        return _after_quiet(route.quiet, now, calendar)
    for at in _digests(route.digest, now):
        if not is_quiet(route.quiet, at, calendar):
            return at
    return _after_quiet(route.quiet, now, calendar)  # every digest lies in quiet hours


def _digests(clocks: tuple[str, ...], now: datetime) -> Iterator[datetime]:
    """The times of digests at or after `now`, in order."""
    day = local_day(now)
    for n in range(_DAYS_AHEAD):
        for clock in clocks:
            at = datetime.combine(day + timedelta(days=n), time.fromisoformat(clock), SHANGHAI)
            if at >= now:
                yield at


def is_quiet(quiet: QuietFile | None, at: datetime, calendar: Calendar) -> bool:
    """Whether what may wait waits at that instant."""
    if quiet is None:
        return False
    if quiet.rest_days and not calendar.is_working(local_day(at)):
        return True
    clock = at.astimezone(SHANGHAI).time()
    first, last = time.fromisoformat(quiet.from_), time.fromisoformat(quiet.to)
    return first <= clock < last if first < last else clock >= first or clock < last


def _after_quiet(quiet: QuietFile | None, now: datetime, calendar: Calendar) -> datetime:
    """`now`, or the first instant behind it that isn't quiet: an end of quiet hours, or a day's beginning."""
    if quiet is None or not is_quiet(quiet, now, calendar):
        return now
    day, end = local_day(now), time.fromisoformat(quiet.to)
    for n in range(_DAYS_AHEAD):
        for clock in sorted({time.min, end}):
            at = datetime.combine(day + timedelta(days=n), clock, SHANGHAI)
            if at > now and not is_quiet(quiet, at, calendar):
                return at
    return now
