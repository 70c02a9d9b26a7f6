"""What a change of the rules does to one duty: the JSON that the event keeps, and the duty that it makes.

A move says everything that it sets, so that folding it needs no rules.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime

from domain.calendar import Term
from domain.model import Duty, Json, instant, iso


@dataclass(frozen=True)
class Move:
    """A duty before and after. `late`: the new date has passed already, and it was not breached before.

    `after` differs from `before` in its basis, its dates, its breach with the ladder's stand, or whether it
    has been reminded of; never in who owes what to whom, since when, its pauses or its extension.
    """

    before: Duty
    after: Duty
    late: bool = False

    @property
    def n(self) -> int:
        return self.before.n

    @property
    def redated(self) -> bool:
        b, a = self.before, self.after
        return (b.due_at, b.legal_due_at) != (a.due_at, a.legal_due_at)

    @property
    def taken_back(self) -> bool:
        """The breach is no longer so under the new date."""
        return self.before.breached_at is not None and self.after.breached_at is None

    @property
    def restored(self) -> bool:
        """A breach that the change had taken back stands again, as it stood."""
        return self.before.breached_at is None and self.after.breached_at is not None

    @property
    def felt(self) -> bool:
        """Whether whoever owes it must hear of it."""
        return self.redated or self.taken_back or self.restored or self.late


def to_json(move: Move) -> Json:
    a, b = move.after, move.before
    return {
        "n": a.n,
        "id": a.id,
        "obliged": a.obliged,
        "old": {
            "due_at": iso(b.due_at),
            "legal_due_at": iso(b.legal_due_at),
            "pack": b.pack,
            "term": _term(b),
        },
        "due_at": iso(a.due_at),
        "legal_due_at": iso(a.legal_due_at),
        "provisional": a.provisional,
        "pack": a.pack,
        "article": a.article,
        "term": _term(a),
        "unit_basis": a.unit_basis,
        "escalates": a.escalates,
        "breached_at": _iso(a.breached_at),
        "level": a.level,
        "late_from": _iso(a.late_from),
        "reminded": a.reminded,
        "late": move.late,
    }


def moved(duty: Duty, data: Json) -> Duty:
    """The duty as the move's JSON makes it."""
    return replace(
        duty,
        due_at=instant(data["due_at"]),
        legal_due_at=instant(data["legal_due_at"]),
        provisional=data["provisional"],
        pack=data["pack"],
        article=data["article"],
        term=Term(**data["term"]),
        unit_basis=data["unit_basis"],
        escalates=data["escalates"],
        breached_at=_instant(data["breached_at"]),
        level=data["level"],
        late_from=_instant(data["late_from"]),
        reminded=data["reminded"],
    )


def from_json(duty: Duty, data: Json) -> Move:
    """The move of an event, by the duty as it was before it."""
    return Move(duty, moved(duty, data), data["late"])


def _term(duty: Duty) -> Json:
    return {"n": duty.term.n, "unit": duty.term.unit, "roll": duty.term.roll}


def _iso(at: datetime | None) -> str | None:
    return None if at is None else iso(at)


def _instant(text: str | None) -> datetime | None:
    return None if text is None else instant(text)
