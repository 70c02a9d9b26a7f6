"""Judging recorded duties under other rules, date by date, without playing the clue again.

What people did does not hang on dates, so the same acts open, fulfil and cancel the same duties, at the same
instants; only the clocks differ. That holds for clues in which nothing happened that asks a clock: see `PLAIN`. The
others, and those whom other rules give other packs or duties, must be played (`rehearsal.replay`).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from typing import Final, NamedTuple

from domain.calendar import SHANGHAI, Due, Term, compute_due, ladder_instant, last_day_of
from domain.duties import TOP_LEVEL, ladder_of
from domain.packs import DutyRule, Rulebook, candidates, choose
from ledger.past import PastClue, PastDuty

# Kinds of events after which every duty's clock is still its trigger and its term. Not among them: suspensions and
# re-openings (the clock has a past of its own), disputes (they suspend what is not yet breached), extensions and
# decided cases (other dates may leave nothing to decide), changes of addressee and late notices (the packs have a
# past), orders (their term is their own).
PLAIN: Final = frozenset(
    {
        "reported", "notified", "acknowledged", "evidence_at_risk_flagged", "arrived",
        "inspection_convened", "invitation_answered", "inspection_recorded", "record_signed",
        "clue_amended", "evidence_added", "transfer_started", "transfer_sent", "supplement_sent",
        "transfer_received", "transfer_returned", "case_filed", "feedback_given",
        "feedback_returned", "feedback_accepted", "accountability_opened", "commended",
        "damage_notified", "damage_investigation_started", "merged", "withdrawn", "closed",
        "duty_opened", "duty_fulfilled", "duty_cancelled", "duty_breached", "duty_escalated",
        "duty_reminded", "holder_reminded",
    }
)  # fmt: skip
# The duties that an act may open. Where rules give one of these a term and the clue never had it, it is played.
OPENS: Final[Mapping[str, frozenset[str]]] = {
    "reported": frozenset({"start_transfer", "complete_transfer"}),
    "notified": frozenset({"ack", "first_contact", "start_transfer", "complete_transfer"}),
    "evidence_at_risk_flagged": frozenset({"on_scene"}),
    "inspection_recorded": frozenset({"evidence_transfer", "damage_notice"}),
    "transfer_sent": frozenset({"receipt"}),
    "transfer_received": frozenset({"case_filing", "written_feedback"}),
    "damage_notified": frozenset({"damage_investigation"}),
}


_AT_ONCE: Final = datetime.min.replace(tzinfo=SHANGHAI)


class Judged(NamedTuple):
    """One duty as some rules judge it: `level` is the step of the ladder that it reached."""

    id: str
    obliged: str
    opened_at: datetime
    due_at: datetime
    legal_due_at: datetime
    provisional: bool
    late: bool
    level: int


@dataclass
class Clocks:
    """The dates of one rulebook, each worked out once."""

    rules: Rulebook
    _given: dict[tuple[tuple[str, ...], str], tuple[DutyRule, ...]] = field(default_factory=dict)
    _dates: dict[tuple[Term, date], Due] = field(default_factory=dict)
    _steps: dict[date, tuple[datetime, ...]] = field(default_factory=dict)
    _packs: dict[tuple[str, str | None, str, date], tuple[str, ...]] = field(default_factory=dict)

    def given(self, packs: tuple[str, ...], duty_id: str) -> tuple[DutyRule, ...]:
        """The rules among these packs that give the duty a term."""
        key = (packs, duty_id)
        found = self._given.get(key)
        if found is None:
            found = tuple(rule for _, rule in candidates(self.rules, packs, duty_id))
            self._given[key] = found
        return found

    def packs(self, clue: PastClue) -> tuple[str, ...]:
        """The packs that these rules choose between the clue's finder and addressee."""
        on = clue.discovered_at.astimezone(SHANGHAI).date()
        key = (clue.from_agency, clue.to_agency, clue.matter, on)
        found = self._packs.get(key)
        if found is None:
            found = choose(self.rules.packs, clue.from_agency, clue.to_agency, clue.matter, on)
            self._packs[key] = found
        return found

    def due(self, term: Term, trigger: datetime) -> Due:
        if term.unit == "hour":
            at = trigger.astimezone(SHANGHAI) + timedelta(hours=term.n)
            return Due(at, at, provisional=False)
        key = (term, trigger.astimezone(SHANGHAI).date())
        found = self._dates.get(key)
        if found is None:
            found = self._dates[key] = compute_due(self.rules.calendar, term, trigger)
        return found

    def level(self, base: date, end: datetime) -> int:
        """The step reached by `end` of a ladder that counts from `base`; the first is the breach itself."""
        steps = self._steps.get(base)
        if steps is None:
            calendar, counted = self.rules.calendar, ladder_of(self.rules).steps[1:]
            steps = tuple(ladder_instant(calendar, base, n) if n else _AT_ONCE for n in counted)
            self._steps[base] = steps
        level = 1
        while level < TOP_LEVEL and level <= len(steps) and steps[level - 1] <= end:
            level += 1
        return level


def as_recorded(clue: PastClue, as_of: datetime, clocks: Clocks) -> list[Judged]:
    """The clue's duties as it has them; what is still owed is looked at as of `as_of`."""
    stale = clue.wakeup_at is not None and clue.wakeup_at <= as_of
    return [_recorded(duty, as_of, clocks, stale) for duty in clue.duties]


def _recorded(duty: PastDuty, as_of: datetime, clocks: Clocks, stale: bool) -> Judged:
    late = duty.breached_at is not None or duty.was_late
    level = duty.level
    running = duty.fulfilled_at is None and duty.cancelled_at is None and not duty.suspended
    if stale and running and duty.legal_due_at <= as_of:  # its clock has run on since the row was written
        late = True
        base = duty.opened_at if duty.opened_at >= duty.legal_due_at else None
        reached = clocks.level(_base(duty.legal_due_at, base), as_of) if duty.escalates else 0
        level = max(level, reached)
    return Judged(
        duty.id, duty.obliged, duty.opened_at, duty.due_at, duty.legal_due_at, duty.provisional, late, level
    )


def judged(clue: PastClue, as_of: datetime, clocks: Clocks) -> list[Judged | None] | None:
    """The clue's duties under these rules, in the order of `clue.duties`; None for one that no longer is.

    None altogether where only playing the clue can tell.
    """
    if clue.kinds is None or not clue.kinds <= PLAIN or clocks.packs(clue) != clue.packs:
        return None
    had = {duty.id for duty in clue.duties}
    for kind in clue.kinds:
        for duty_id in OPENS.get(kind, ()):
            if duty_id not in had and clocks.given(clue.packs, duty_id):
                return None
    if any(rule.from_order for duty_id in had for rule in clocks.given(clue.packs, duty_id)):
        return None
    return [_judged(duty, clue.packs, as_of, clocks) for duty in clue.duties]


def _judged(duty: PastDuty, packs: tuple[str, ...], as_of: datetime, clocks: Clocks) -> Judged | None:
    best: tuple[Due, DutyRule] | None = None
    for rule in clocks.given(packs, duty.id):
        assert rule.term is not None
        due = clocks.due(rule.term, duty.trigger_at)
        if best is None or (due.legal_due_at, due.due_at) < (best[0].legal_due_at, best[0].due_at):
            best = due, rule
    if best is None:
        return None
    due, rule = best
    end = duty.fulfilled_at or duty.cancelled_at or as_of
    late = end >= due.legal_due_at
    level = 0
    if late and rule.escalates:
        base = duty.opened_at if duty.opened_at >= due.legal_due_at else None
        level = clocks.level(_base(due.legal_due_at, base), end)
    return Judged(
        duty.id, duty.obliged, duty.opened_at, due.due_at, due.legal_due_at, due.provisional, late, level
    )


def _base(legal_due_at: datetime, opened_late: datetime | None) -> date:
    """The day from which the ladder counts."""
    return opened_late.astimezone(SHANGHAI).date() if opened_late else last_day_of(legal_due_at)
