"""Other rules to try: a rulebook with some terms, packs or days of the calendar changed."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import replace
from datetime import date
from typing import Final, get_args

from domain.calendar import Calendar, Term, Unit
from domain.labels import DUTIES
from domain.packs import DutyRule, Pack, Rulebook
from domain.shapes import nearest
from runtime.rules import UnknownRule

SUPPOSED: Final = "假设"
UNITS: Final[dict[str, Unit]] = {
    **{unit: unit for unit in get_args(Unit)}, "日": "day", "天": "day", "工作日": "workday", "小时": "hour",
}  # fmt: skip
_SET: Final = re.compile(
    r"(?P<pack>[a-z0-9-]+)\.(?P<duty>[a-z_]+)=(?:(?P<none>none)|(?P<n>[0-9]{1,4})(?P<unit>\D*))"
)


def with_term(book: Rulebook, told: str) -> Rulebook:
    """`pack.duty=5workday`, without a unit in the one that it has, `=none` for no term. UnknownRule, in Chinese."""
    found = _SET.fullmatch(told.strip())
    if found is None:
        raise UnknownRule(
            f"“{told}”应写成 规则包.义务=期限单位，如 qwj-2020.evidence_transfer=5workday，或 =none"
        )
    pack, duty_id = book.pack(found["pack"]), found["duty"]
    if pack is None:
        raise UnknownRule(f"没有规则包“{found['pack']}”{_hint(found['pack'], (p.id for p in book.packs))}")
    if duty_id not in DUTIES:
        raise UnknownRule(f"没有义务“{duty_id}”{_hint(duty_id, DUTIES)}")
    changed = _changed(pack, duty_id, _term(pack, duty_id, found, told))
    return replace(book, packs=tuple(changed if p.id == pack.id else p for p in book.packs))


def _term(pack: Pack, duty_id: str, found: re.Match[str], told: str) -> Term | None:
    if found["none"]:
        return None
    old = pack.duty(duty_id)
    before = old.term if old else None
    named = found["unit"].strip()
    unit = UNITS.get(named) if named else (before.unit if before else None)
    if unit is None:
        raise UnknownRule(f"“{told}”的单位应为 day、workday 或 hour（日、工作日、小时）")
    return Term(int(found["n"]), unit, before.roll if before else True)


def _changed(pack: Pack, duty_id: str, term: Term | None) -> Pack:
    old = pack.duty(duty_id)
    if old is None:
        new = DutyRule(duty_id, term, "assumption", SUPPOSED, SUPPOSED)
        return replace(pack, duties=(*pack.duties, new))
    duties = tuple(replace(d, term=term, from_order=False) if d is old else d for d in pack.duties)
    return replace(pack, duties=duties)


def with_days(book: Rulebook, holidays: Iterable[date] = (), workdays: Iterable[date] = ()) -> Rulebook:
    """With more rest days and more working days than the calendar has; the years' notices stay as known."""
    rest, work = {day.isoformat() for day in holidays}, {day.isoformat() for day in workdays}
    old = book.calendar
    calendar = Calendar(
        {**{d: name for d, name in old.holidays.items() if d not in work}, **dict.fromkeys(sorted(rest), SUPPOSED)},
        tuple(sorted({*old.workdays, *work} - rest)),
        old.announced_from,
        old.announced_to,
    )  # fmt: skip
    return replace(book, calendar=calendar)


def _hint(word: str, words: Iterable[str]) -> str:
    found = nearest(word, words)
    return f"，是否想写 {found}" if found else ""
