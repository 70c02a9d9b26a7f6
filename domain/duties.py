"""The clocks of a clue: what a duty's dates are, what its clock does next, and how far its ladder has come.

Nothing here writes state: functions give dates, instants and the JSON of the events that `evolve` folds.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, datetime, timedelta

from domain.calendar import (
    DayReason,
    Due,
    Term,
    compute_due,
    explain_days,
    ladder_instant,
    last_day_of,
    paused_days,
    workday_before,
)
from domain.model import ClueState, Duty, Json, Pause, instant, iso, shanghai_day
from domain.packs import DutyRule, Ladder, Pack, Rulebook, candidates

DEFAULT_LADDER = Ladder()
TOP_LEVEL = 4


def ladder_of(rules: Rulebook) -> Ladder:
    house = rules.pack("house")
    return house.ladder if house and house.ladder else DEFAULT_LADDER


def to_json(duty: Duty) -> Json:
    """A freshly opened duty as an event keeps it."""
    return {
        "n": duty.n,
        "id": duty.id,
        "obliged": duty.obliged,
        "trigger_at": iso(duty.trigger_at),
        "due_at": iso(duty.due_at),
        "legal_due_at": iso(duty.legal_due_at),
        "provisional": duty.provisional,
        "pack": duty.pack,
        "article": duty.article,
        "term": {"n": duty.term.n, "unit": duty.term.unit, "roll": duty.term.roll},
        "unit_basis": duty.unit_basis,
        "escalates": duty.escalates,
        "order_no": duty.order_no,
    }


def from_json(data: Json, opened_at: datetime) -> Duty:
    legal_due_at = instant(data["legal_due_at"])
    return Duty(
        n=data["n"],
        id=data["id"],
        obliged=data["obliged"],
        opened_at=opened_at,
        trigger_at=instant(data["trigger_at"]),
        due_at=instant(data["due_at"]),
        legal_due_at=legal_due_at,
        provisional=data["provisional"],
        pack=data["pack"],
        article=data["article"],
        term=Term(**data["term"]),
        unit_basis=data["unit_basis"],
        escalates=data["escalates"],
        order_no=data.get("order_no"),
        late_from=opened_at if opened_at >= legal_due_at else None,
    )


@dataclass(frozen=True)
class Chosen:
    """The rule that gives a duty its term, and the dates that it has without pauses or extension."""

    pack: Pack
    rule: DutyRule
    term: Term
    due: Due


def chosen(
    rules: Rulebook, in_use: Iterable[str], duty_id: str, trigger: datetime, days: int | None = None
) -> Chosen | None:
    """Any other pack goes before `house`; of two others the earlier date. None where none has a term.

    `days`: the number of a supervision order.
    """
    best: Chosen | None = None
    for pack, rule in candidates(rules, in_use, duty_id):
        term = Term(days or 0, "day") if rule.from_order else rule.term
        if term is None:
            continue
        due = compute_due(rules.calendar, term, trigger)
        key = (due.legal_due_at, due.due_at)
        if best is None or key < (best.due.legal_due_at, best.due.due_at):
            best = Chosen(pack, rule, term, due)
    return best


def planned(
    state: ClueState,
    rules: Rulebook,
    duty_id: str,
    obliged: str,
    *,
    at: datetime,
    trigger: datetime,
    order_no: str | None = None,
    days: int | None = None,
) -> Duty | None:
    """The duty that a command opens, or None: no pack in use gives it a term, or it is still owed.

    A duty is one obligation of one agency, so an order with another number, or another agency's, is
    another duty.
    """
    if any(d.owed and (d.id, d.obliged, d.order_no) == (duty_id, obliged, order_no) for d in state.duties):
        return None
    found = chosen(rules, state.packs, duty_id, trigger, days)
    if found is None:
        return None
    return Duty(
        n=len(state.duties),
        id=duty_id,
        obliged=obliged,
        opened_at=at,
        trigger_at=trigger,
        due_at=found.due.due_at,
        legal_due_at=found.due.legal_due_at,
        provisional=found.due.provisional,
        pack=found.pack.id,
        article=found.rule.article,
        term=found.term,
        unit_basis=found.rule.unit_basis,
        escalates=found.rule.escalates,
        order_no=order_no,
    )


def all_paused(duty: Duty, now: datetime | None = None) -> frozenset[date]:
    """Every whole day on which the duty stood still; an open pause ends at `now`, or counts for nothing."""
    return _days_of(duty.pauses, now)


def counted_out(duty: Duty) -> frozenset[date]:
    """The whole days that its pauses took out of the term: those of a pause undone are in it again."""
    return _days_of((p for p in duty.pauses if not p.undone), None)


def _days_of(pauses: Iterable[Pause], now: datetime | None) -> frozenset[date]:
    return paused_days((p.start, end) for p in pauses if (end := p.end or now))


def _clock_pauses(duty: Duty, now: datetime | None, extended: int) -> frozenset[date]:
    """The days that move the dates. A pause that began when an hour term had run out came too late for that;
    a term in days never reaches it."""
    pauses = [p for p in duty.pauses if not p.undone]
    if duty.term.unit != "hour":
        return _days_of(pauses, now)
    ends_at = duty.trigger_at + timedelta(hours=duty.term.n + 24 * extended)
    days: frozenset[date] = frozenset()
    for pause in pauses:
        if pause.start < ends_at + timedelta(days=len(days)):
            days |= _days_of((pause,), now)
    return days


def dates(duty: Duty, rules: Rulebook, *, now: datetime | None = None, extended: int | None = None) -> Due:
    """The duty's dates with its pauses and extension; an open pause counts as ended at `now` if given."""
    days = duty.extended if extended is None else extended
    paused = _clock_pauses(duty, now, days)
    return compute_due(rules.calendar, duty.term, duty.trigger_at, paused=paused, extended=days)


def reasons(duty: Duty, rules: Rulebook) -> tuple[DayReason, ...]:
    """Why this date, day by day."""
    paused = _clock_pauses(duty, None, duty.extended)
    return explain_days(rules.calendar, duty.term, duty.trigger_at, paused=paused, extended=duty.extended)


def ladder_base(duty: Duty) -> date:
    """The day from which the ladder counts: the legal term's last day, or the day it was opened too late."""
    return shanghai_day(duty.late_from) if duty.late_from else last_day_of(duty.legal_due_at)


def level_instant(duty: Duty, level: int, rules: Rulebook, now: datetime | None = None) -> datetime:
    """When the duty reaches that level (1 to 4) of the ladder; days on which it was suspended don't count."""
    workdays = ladder_of(rules).steps[level - 1]
    if workdays == 0:
        return duty.late_from or duty.legal_due_at
    return ladder_instant(rules.calendar, ladder_base(duty), workdays, all_paused(duty, now))


def level_at(duty: Duty, now: datetime, rules: Rulebook) -> int:
    """How far the ladder has come by `now`, for a duty whose dates were moved while it was breached."""
    steps = range(1, len(ladder_of(rules).steps) + 1)
    return max((level for level in steps if level_instant(duty, level, rules, now) <= now), default=0)


def reminder_at(duty: Duty, rules: Rulebook) -> datetime:
    """One working day before `due_at`, one hour for hours, or what the pack says."""
    rule = _rule(duty, rules)
    if rule is not None and rule.reminder is not None and rule.reminder.unit != "workday":
        before = (
            timedelta(hours=rule.reminder.n)
            if rule.reminder.unit == "hour"
            else timedelta(days=rule.reminder.n)
        )
        return duty.due_at - before
    if duty.term.unit == "hour":
        return duty.due_at - timedelta(hours=1)
    at = workday_before(rules.calendar, duty.due_at)
    for _ in range((rule.reminder.n if rule and rule.reminder else 1) - 1):
        at = workday_before(rules.calendar, at)
    return at


def _rule(duty: Duty, rules: Rulebook) -> DutyRule | None:
    pack = rules.pack(duty.pack)
    return pack.duty(duty.id) if pack else None


@dataclass(frozen=True)
class Tick:
    """What a clock does next: `kind` is "remind", "breach", "escalate" or "idle"; `duty` None for idle."""

    at: datetime
    order: int
    kind: str
    duty: Duty | None = None
    level: int = 0


def next_of(duty: Duty, rules: Rulebook) -> Tick | None:
    """The next thing that this duty's clock does, if any: nothing while it is suspended or done."""
    if not duty.owed or duty.suspended:
        return None
    if duty.breached_at is None:
        if not duty.reminded:
            at = reminder_at(duty, rules)
            if duty.opened_at < at < duty.legal_due_at:
                return Tick(at, duty.n, "remind", duty)
        return Tick(duty.late_from or duty.legal_due_at, duty.n, "breach", duty, 1)
    if not duty.escalates or duty.level >= TOP_LEVEL:
        return None
    level = duty.level + 1
    return Tick(level_instant(duty, level, rules), duty.n, "escalate", duty, level)


def next_tick(state: ClueState, rules: Rulebook) -> Tick | None:
    """The next thing that any clock of the clue does.

    Where no clock runs (nothing is owed, or all that is owed is suspended or at the top of its ladder) the
    holder is reminded every few working days, so that no clue can stop in silence.
    """
    if not state.exists or state.ended or state.updated_at is None:
        return None
    ticks = [t for d in state.duties if (t := next_of(d, rules))]
    if ticks:
        return min(ticks, key=lambda t: (max(t.at, state.updated_at), t.order, t.level))  # type: ignore[type-var]
    at = ladder_instant(rules.calendar, last_day_of(state.updated_at), ladder_of(rules).idle_workdays)
    return Tick(at, -1, "idle")
