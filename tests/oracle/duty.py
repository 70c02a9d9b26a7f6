"""One duty of the second reading: its status is worked out afresh from its history whenever somebody asks."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import date, datetime, timedelta

from tests.oracle.days import ONE, ZONE, Dates, dates, day_of, workdays_after


@dataclass
class Pause:
    start: datetime
    cause: str
    end: datetime | None = None
    undone: bool = False


def skipped(pauses: list[Pause]) -> set[date]:
    """Whole days from the day after each finished pause's start to the day of its end."""
    days: set[date] = set()
    for pause in pauses:
        day = day_of(pause.start) + ONE
        while pause.end is not None and day <= day_of(pause.end):
            days.add(day)
            day += ONE
    return days


@dataclass
class Duty:
    id: str
    obliged: str
    opened: datetime
    start: datetime
    term: tuple[int, str, bool]
    climbs: bool = True
    order: str | None = None
    pauses: list[Pause] = field(default_factory=list)
    held: list[Pause] = field(default_factory=list)
    extended: int = 0
    late_opening: datetime | None = None
    done: datetime | None = None
    done_by: str | None = None
    done_late: bool = False
    done_overdue: bool = False
    cancelled: bool = False
    asked_days: int | None = None
    at_top: bool = False

    @property
    def owed(self) -> bool:
        return self.done is None and not self.cancelled

    @property
    def suspended(self) -> bool:
        return self.owed and any(p.end is None for p in self.pauses)

    def suspend(self, now: datetime, cause: str) -> None:
        """A suspended duty shows the date it had when the first of its running pauses began."""
        if not self.suspended:
            self.held = [Pause(p.start, p.cause, p.end, p.undone) for p in self.pauses]
        self.pauses.append(Pause(now, cause))

    def resume(self, now: datetime, cause: str) -> None:
        for pause in self.pauses:
            if pause.cause == cause:
                pause.end = pause.end or now

    def extend(self, days: int) -> None:
        self.extended += days
        if self.suspended:  # silent: what it shows meanwhile; taken: with every pause that has ended
            self.held = [Pause(p.start, p.cause, p.end, p.undone) for p in self.pauses]

    def undo(self, now: datetime, cause: str) -> None:
        """The dates as if it had never been; silent: the ladder. Taken: the days that stood still don't count."""
        for pause in self.pauses:
            if pause.cause == cause:
                pause.end = pause.end or now
                pause.undone = True
        self.held = [Pause(p.start, p.cause, p.end, p.undone) for p in self.pauses]

    def change_term(self, now: datetime, term: tuple[int, str, bool]) -> None:
        """Silent: the whole of it. Taken: nobody is late, nor later on the ladder, for days on which the old term
        stood; what the new one makes late counts from now."""
        before = self.dates()
        running = [p.start for p in self.pauses if p.end is None]
        was_breached = (min(running) if running else now) >= before.legal
        self.term = term
        if self.suspended:
            self.held = [Pause(p.start, p.cause, p.end) for p in self.pauses]
        after, counts = self.dates(), self.dates_if_resumed(now)
        if counts.legal > now:
            self.late_opening = None
        elif not was_breached:
            self.late_opening = now
        elif after.legal < before.legal and (self.late_opening is None or self.late_opening < before.legal):
            self.late_opening = before.legal - timedelta(microseconds=1)

    def cancel(self) -> None:
        if self.suspended:
            self.pauses = self.held
        self.cancelled = True

    def dates(self) -> Dates:
        """Silent: a pause that began when an hour term had run out. Taken: it came too late to move it."""
        return self.dates_with(self.held if self.suspended else self.pauses)

    def dates_if_resumed(self, now: datetime) -> Dates:
        """What the dates would be, were every pause to end now."""
        return self.dates_with([Pause(p.start, p.cause, p.end or now, p.undone) for p in self.pauses])

    def dates_with(self, pauses: list[Pause]) -> Dates:
        pauses = [p for p in pauses if not p.undone]
        if self.term[1] != "hour":
            return dates(self.term, self.start, skipped(pauses), self.extended)
        found = dates(self.term, self.start, (), self.extended)
        for n in range(1, len(pauses) + 1):
            if pauses[n - 1].start < found.legal:
                found = dates(self.term, self.start, skipped(pauses[:n]), self.extended)
        return found

    def breached(self, now: datetime) -> bool:
        return self.owed and not self.suspended and now >= self.dates().legal

    def status(self, now: datetime) -> str:
        if self.cancelled:
            return "cancelled"
        if self.done is not None:
            return "late" if self.done_late else "fulfilled"
        if self.suspended:
            return "suspended"
        return "breached" if self.breached(now) else "open"

    def overdue(self, now: datetime) -> bool:
        """Between the two dates: open, or done there."""
        if self.done is not None:
            return self.done_overdue
        end = self.dates()
        return self.status(now) == "open" and end.internal <= now < end.legal

    def level(self, now: datetime) -> int:
        if not self.climbs or not self.breached(now):
            return 0
        base = self.dates().last
        if self.late_opening is not None and self.late_opening >= self.dates().legal:
            base = day_of(self.late_opening)
        skip = skipped(self.pauses)
        return 1 + sum(now >= workdays_after(base, n, skip) for n in (1, 3, 5))

    def notice_late_opening(self, now: datetime) -> None:
        if now >= self.dates().legal:
            self.late_opening = now

    def fulfil(self, now: datetime, command: str) -> None:
        for pause in self.pauses:
            pause.end = pause.end or now
        end = self.dates()
        self.done, self.done_by = now, command
        self.done_late = now >= end.legal
        self.done_overdue = end.internal <= now < end.legal

    def reopen(self, now: datetime) -> None:
        self.done = self.done_by = None
        self.late_opening = None
        self.notice_late_opening(now)

    def shown(self, now: datetime) -> dict[str, object]:
        end = self.dates()
        return {
            "id": self.id,
            "obliged": self.obliged,
            "status": self.status(now),
            "due_at": end.internal.astimezone(ZONE),
            "legal_due_at": end.legal.astimezone(ZONE),
            "provisional": end.provisional and self.term[1] != "hour",
            "overdue_internal": self.overdue(now),
            "opened_at": self.opened.astimezone(ZONE),
            "fulfilled_at": self.done.astimezone(ZONE) if self.done else None,
            "extended_days": self.extended,
            "level": self.level(now),
        }
