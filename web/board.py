"""The list of open clues, as its page shows it: by what is due next. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import groupby
from typing import Final

from domain.calendar import midnight_after
from domain.labels import DUTIES, LEVELS, MATTERS, STAGES
from domain.model import iso, shanghai_day
from domain.text import when
from ledger.clues import Listed
from ledger.owed import Owed
from runtime.rules import Rules
from web.privacy import masked
from web.words import marks, span

SOON: Final = timedelta(days=3)
# How pressing a clue is, in the order in which the list, sorted by date, passes through it.
URGENCIES: Final = {
    "late": "已过最迟期限",
    "past": "已过内部期限",
    "today": "今天到期",
    "soon": "三天内到期",
    "later": "三天以后到期",
    "none": "眼下没有计时",
}


@dataclass(frozen=True)
class Due:
    """The duty due next. `left` says how long; `legal` only where the legal date is another one."""

    duty: str
    obliged: str
    at: str
    iso: str
    left: str
    legal: str | None
    marks: tuple[str, ...]


@dataclass(frozen=True)
class Line:
    """One clue of the list, in words."""

    clue_no: str
    title: str
    matter: str
    drill: bool
    stage: str
    stage_word: str
    holder: str | None
    level: int
    level_word: str
    age: int
    discovered: str
    finder: str
    addressee: str | None
    due: Due | None
    urgency: str


@dataclass(frozen=True)
class Band:
    """The lines of one urgency."""

    urgency: str
    word: str
    lines: tuple[Line, ...]


def bands(
    clues: Iterable[Listed], owed: Mapping[str, Sequence[Owed]], now: datetime, rules: Rules
) -> tuple[Band, ...]:
    """The lines as they come, those of one urgency together."""
    lines = [line(clue, owed.get(clue.clue_no, ()), now, rules) for clue in clues]
    order = list(URGENCIES)
    lines.sort(key=lambda x: order.index(x.urgency))  # stable: the legal date may lie behind a later one
    return tuple(
        Band(urgency, URGENCIES[urgency], tuple(group))
        for urgency, group in groupby(lines, key=lambda x: x.urgency)
    )


def line(clue: Listed, owed: Sequence[Owed], now: datetime, rules: Rules) -> Line:
    duty = next((o for o in owed if (o.id, o.due_at) == (clue.next_due_id, clue.next_due_at)), None)
    discovered = clue.discovered_at or now
    return Line(
        clue_no=clue.clue_no,
        title=masked(clue.title),
        matter=MATTERS.get(clue.matter, clue.matter),
        drill=clue.drill,
        stage=clue.stage,
        stage_word=STAGES[clue.stage],
        holder=rules.agency_name(clue.holder) if clue.holder else None,
        level=clue.level,
        level_word=LEVELS[clue.level],
        age=(shanghai_day(clue.ended_at or now) - shanghai_day(discovered)).days,
        discovered=when(discovered),
        finder=rules.agency_name(clue.from_agency),
        addressee=rules.agency_name(clue.to_agency) if clue.to_agency else None,
        due=_due(clue, duty, now, rules),
        urgency=urgency(clue.next_due_at, duty.legal_due_at if duty else clue.next_due_at, now),
    )


def urgency(due_at: datetime | None, legal_due_at: datetime | None, now: datetime) -> str:
    """One of URGENCIES. Doing it at exactly the legal instant is late already."""
    if due_at is None:
        return "none"
    if legal_due_at is not None and legal_due_at <= now:
        return "late"
    if due_at <= now:
        return "past"
    if due_at <= midnight_after(shanghai_day(now)):
        return "today"
    return "soon" if due_at - now <= SOON else "later"


def left(due_at: datetime, legal_due_at: datetime, now: datetime) -> str:
    """How much time there is, or by how much it is too late, counted to the date that counts."""
    if legal_due_at <= now:
        return f"已超期 {span(now - legal_due_at)}"
    if due_at <= now:
        return f"距最迟期限 {span(legal_due_at - now)}"
    return f"还剩 {span(due_at - now)}"


def _due(clue: Listed, duty: Owed | None, now: datetime, rules: Rules) -> Due | None:
    at, name = clue.next_due_at, clue.next_due_id
    if at is None or name is None:
        return None
    legal_at = duty.legal_due_at if duty else at
    return Due(
        duty=DUTIES.get(name, name),
        obliged=rules.agency_name(duty.obliged) if duty else "",
        at=when(at),
        iso=iso(at),
        left=left(at, legal_at, now),
        legal=when(legal_at) if legal_at != at else None,
        marks=marks(duty.unit_basis, duty.provisional) if duty else (),
    )
