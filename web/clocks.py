"""A duty in words: its dates, its term, its marks, and day by day why it is due when it is. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Final

from domain.labels import DUTIES, LEVELS, STATUSES
from domain.model import Json, instant
from runtime.rules import Rules
from web.board import left
from web.words import clock, marks, moment, span, term, weekday

_OWED: Final = frozenset({"open", "breached", "suspended"})


@dataclass(frozen=True)
class Day:
    """One day of a term. `nth`: the how-manieth counted one."""

    date: str
    weekday: str
    counted: bool
    nth: int | None
    why: str


@dataclass(frozen=True)
class DutyCard:
    """One duty in words. `tone`: late, past, open, done, paused or gone."""

    key: str
    name: str
    obliged: str
    status: str
    tone: str
    owed: bool
    due: str
    due_iso: str
    legal: str | None
    left: str
    done: str
    term: str
    marks: tuple[str, ...]
    article: str
    pack: str
    level: int
    level_word: str
    notes: tuple[str, ...]
    days: tuple[Day, ...]


def card(i: int, duty: Json, now: datetime, rules: Rules) -> DutyCard:
    basis, status = duty["basis"], duty["status"]
    due_at, legal_at = instant(duty["due_at"]), instant(duty["legal_due_at"])
    running = status in ("open", "breached")
    return DutyCard(
        key=f"duty-{i}",
        name=duty["name"],
        obliged=rules.agency_name(duty["obliged"]),
        status=STATUSES[status] + ("，已过内部期限" if duty["overdue_internal"] else ""),
        tone=_tone(duty),
        owed=status in _OWED,
        due=moment(duty["due_at"]),
        due_iso=duty["due_at"],
        legal=moment(duty["legal_due_at"]) if due_at != legal_at else None,
        left=left(due_at, legal_at, now) if running else "",
        done=clock(duty["fulfilled_at"]) if duty["fulfilled_at"] else "",
        term=term(basis),
        marks=marks(basis["unit_basis"], duty["provisional"]),
        article=basis["article"],
        pack=pack_title(basis["pack"], rules),
        level=duty["level"],
        level_word=LEVELS[duty["level"]],
        notes=_notes(duty, now),
        days=_days(duty),
    )


def _tone(duty: Json) -> str:
    if duty["status"] == "open":
        return "past" if duty["overdue_internal"] else "open"
    return {"fulfilled": "done", "late": "waslate", "breached": "late", "suspended": "paused"}.get(
        duty["status"], "gone"
    )


def _notes(duty: Json, now: datetime) -> tuple[str, ...]:
    notes = [f"自 {clock(duty['opened_at'])} 起"]
    if duty["paused_days"]:
        notes.append(f"中止 {duty['paused_days']} 天不计")
    if duty["extended_days"]:
        notes.append(
            f"已延期 {duty['extended_days']} {'个工作' if duty['basis']['unit'] == 'workday' else ''}日"
        )
    if duty["status"] == "suspended":
        notes.append("计时已中止，所列为中止时的期限")
    if duty.get("order_no"):
        notes.append(f"督办单 {duty['order_no']}")
    if duty.get("cancelled_why"):
        notes.append(f"不再需要：{duty['cancelled_why']}")
    if duty["status"] == "late":
        notes.append(f"晚了 {span(instant(duty['fulfilled_at']) - instant(duty['legal_due_at']))}")
    return tuple(notes)


def _days(duty: Json) -> tuple[Day, ...]:
    out: list[Day] = []
    counts = duty["basis"]["unit"] != "hour"
    n = 0
    for row in duty.get("days", ()):
        n += bool(row["counted"])
        word = weekday(instant(f"{row['date']}T12:00:00+08:00"))
        nth = n if counts and row["counted"] else None
        out.append(Day(row["date"], word, row["counted"], nth, row["why"]))
    return tuple(out)


def must(duty: Json, now: datetime) -> str:
    due_at, legal_at = instant(duty["due_at"]), instant(duty["legal_due_at"])
    name, due = DUTIES[duty["id"]], moment(duty["due_at"])
    said = "、".join(marks(duty["basis"]["unit_basis"], duty["provisional"]))
    mark = f"（{said}）" if said else ""
    if legal_at <= now:
        return f"应在 {moment(duty['legal_due_at'])} 前{mark}完成“{name}”，{left(due_at, legal_at, now)}。"
    if due_at <= now:
        return f"的“{name}”已过内部期限 {due}，最迟期限 {moment(duty['legal_due_at'])}{mark}。"
    return f"须在 {due} 前{mark}完成“{name}”，{left(due_at, legal_at, now)}。"


def pack_title(pack_id: str, rules: Rules) -> str:
    pack = rules.rulebook.pack(pack_id)
    return pack.title if pack else pack_id
