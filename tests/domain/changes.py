"""Changed rules, for the tests: terms longer or shorter, other units, other holidays, other ladders."""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import replace
from datetime import date, timedelta

from domain.calendar import Calendar, Term
from domain.packs import DutyRule, Ladder, Pack, Rulebook


def with_rules(book: Rulebook, version: str, change: Callable[[DutyRule], DutyRule | None]) -> Rulebook:
    """Every rule changed, or gone where `change` gives None."""
    packs = tuple(
        replace(pack, duties=tuple(made for rule in pack.duties if (made := change(rule)) is not None))
        for pack in book.packs
    )
    return replace(book, version=version, packs=packs)


def with_terms(book: Rulebook, version: str, more: Callable[[DutyRule], int]) -> Rulebook:
    """Every term longer by what `more` says of its rule; none below 0."""

    def change(rule: DutyRule) -> DutyRule:
        if rule.term is None:
            return rule
        return replace(rule, term=replace(rule.term, n=max(0, rule.term.n + more(rule))))

    return with_rules(book, version, change)


def with_holidays(book: Rulebook, version: str, days: list[date], name: str = "新假") -> Rulebook:
    calendar = book.calendar
    added = {day.isoformat(): name for day in days}
    made = tuple(day for day in calendar.workdays if day not in added)
    return replace(
        book, version=version, calendar=replace(calendar, holidays=calendar.holidays | added, workdays=made)
    )


def random_change(book: Rulebook, rng: random.Random, around: date, version: str = "random") -> Rulebook:
    """One to three things changed, as a new edition of a folder would."""
    for _ in range(rng.randint(1, 3)):
        book = rng.choice(_CHANGES)(book, rng, around)
    return replace(book, version=version)


def _terms(book: Rulebook, rng: random.Random, around: date) -> Rulebook:
    by = {}
    return with_terms(
        book, "", lambda rule: by.setdefault(rule.id, rng.choice([0, 0, -20, -3, -1, 1, 2, 10]))
    )


def _units(book: Rulebook, rng: random.Random, around: date) -> Rulebook:
    def change(rule: DutyRule) -> DutyRule:
        if rule.term is None or rng.random() < 0.6:
            return rule
        unit = rng.choice(["day", "workday", "hour"])
        return replace(rule, term=Term(rule.term.n, unit, rng.random() < 0.8), article="新条文")

    return with_rules(book, "", change)


def _holidays(book: Rulebook, rng: random.Random, around: date) -> Rulebook:
    first = around + timedelta(days=rng.randint(-3, 25))
    return with_holidays(book, "", [first + timedelta(days=n) for n in range(rng.randint(1, 8))])


def _workdays(book: Rulebook, rng: random.Random, around: date) -> Rulebook:
    """Rest days made working."""
    days = {(around + timedelta(days=n)).isoformat() for n in range(rng.randint(0, 20))}
    old: Calendar = book.calendar
    rest = {day: name for day, name in old.holidays.items() if day not in days}
    weekends = {d for d in days if date.fromisoformat(d).weekday() >= 5}
    calendar = replace(old, holidays=rest, workdays=tuple(sorted({*old.workdays, *weekends})))
    return replace(book, calendar=calendar)


def _announced(book: Rulebook, rng: random.Random, around: date) -> Rulebook:
    return replace(book, calendar=replace(book.calendar, announced_to=rng.choice([2018, 2021, 2030])))


def _gone(book: Rulebook, rng: random.Random, around: date) -> Rulebook:
    return with_rules(book, "", lambda rule: None if rng.random() < 0.15 else rule)


def _ladders(book: Rulebook, rng: random.Random, around: date) -> Rulebook:
    steps = rng.choice([(0, 1, 2, 3), (0, 2, 5, 9), (0, 1, 3, 6)])
    climbs = rng.random() < 0.8

    def change(pack: Pack) -> Pack:
        duties = tuple(r if climbs else replace(r, escalates=not r.escalates) for r in pack.duties)
        return replace(pack, ladder=Ladder(steps) if pack.ladder else None, duties=duties)

    return replace(book, packs=tuple(change(pack) for pack in book.packs))


_CHANGES: tuple[Callable[[Rulebook, random.Random, date], Rulebook], ...] = (
    _terms, _terms, _terms, _units, _holidays, _holidays, _workdays, _announced, _gone, _ladders,
)  # fmt: skip
