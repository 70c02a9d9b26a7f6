"""Makes what the core decides by (packs, calendar, groups, officers) out of the checked files."""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass
from datetime import date, timedelta
from functools import cache
from importlib import metadata
from pathlib import Path

from holidays.countries.china import China, ChinaStaticHolidays

from domain.agencies import Group
from domain.calendar import Calendar, Term
from domain.packs import Binds, DutyRule, Ladder, Pack, Rulebook
from domain.statutes import Statute
from runtime.rules_read import Files
from runtime.rules_shapes import CalendarFile, DutyFile, PackFile, YearFile

_SUFFIX = re.compile(r"（(补假|推定|补假，推定)）")
_SWAPPED = re.compile(r"^休息日")
VERSION_PARTS = ("packs/*.yaml", "calendars/*.yaml", "groups.yaml")


@dataclass(frozen=True)
class Officer:
    """One line of both lists together: an officer, and one place and matter for which they are authorised.

    `from_` and `to` are both included; regions are codes or prefixes of codes. An officer with two scopes, or
    listed again for another year, has two of these.
    """

    id: str
    name: str
    agency: str
    from_: date
    to: date
    scope_regions: tuple[str, ...]
    scope_matters: tuple[str, ...]

    def valid(self, on: date) -> bool:
        """Whether the authorisation held on that day."""
        return self.from_ <= on <= self.to


def build_rulebook(files: Files, folder: Path) -> Rulebook:
    """The whole rulebook; needs `house` and the calendar to be there, which the checks see to."""
    assert files.calendar is not None
    assert files.groups is not None
    packs = sorted((_pack(pack) for _, pack in files.packs.values()), key=lambda pack: pack.id)
    groups = tuple(Group(g.id, g.name, g.members, g.pack) for g in files.groups[1].groups)
    return Rulebook(rules_version(folder), tuple(packs), build_calendar(files.calendar[1]), groups)


def rules_version(folder: Path) -> str:
    """A digest of everything that moves a date or a decision, the library of holidays included."""
    digest = hashlib.sha256(f"holidays {metadata.version('holidays')}".encode())
    for pattern in VERSION_PARTS:
        for path in sorted(folder.glob(pattern)):
            digest.update(f"\0{path.relative_to(folder).as_posix()}\0".encode())
            digest.update(path.read_bytes())
    return digest.hexdigest()[:16]


def build_calendar(content: CalendarFile) -> Calendar:
    """The library's years, with those of the file in their place."""
    listed = {year.year for year in content.years}
    announced = _newest_announced()
    official = {year.year for year in content.years if year.status == "official"}
    while announced + 1 in official:
        announced += 1
    rest, work = _library(content.announced_from, content.horizon)
    names = {day: name for day, name in rest.items() if day.year not in listed}
    made = {day for day in work if day.year not in listed}
    for year in content.years:
        _overlay(year, names, made)
    return Calendar(
        {day.isoformat(): name for day, name in sorted(names.items())},
        tuple(day.isoformat() for day in sorted(made)),
        content.announced_from,
        announced,
    )


def build_officers(files: Files) -> tuple[Officer, ...]:
    """Every officer once for each scope whose dates meet theirs."""
    if files.officers is None or files.scopes is None:
        return ()
    scopes = {scope.id: scope for scope in files.scopes[1].scopes}
    found = []
    for officer in files.officers[1].officers:
        for scope in (scopes[scope_id] for scope_id in officer.scopes):
            first = max(officer.from_ or date.min, scope.from_ or date.min)
            last = min(officer.to or date.max, scope.to or date.max)
            if first <= last:
                found.append(
                    Officer(
                        officer.id, officer.name, officer.agency, first, last, scope.regions, scope.matters
                    )
                )
    return tuple(found)


def build_statutes(files: Files) -> tuple[Statute, ...]:
    """The register of laws."""
    if files.statutes is None:
        return ()
    return tuple(
        Statute(
            id=s.id,
            title=s.title,
            short=s.short,
            aliases=s.aliases,
            document_no=s.document_no,
            in_force_from=s.from_,
            in_force_to=s.to,
            replaced_by=s.replaced_by,
            articles=dict(s.articles),
            source=s.source,
            trust=s.trust,
        )
        for s in files.statutes[1].statutes
    )


def _pack(pack: PackFile) -> Pack:
    transfer, inspection = pack.transfer, pack.inspection
    return Pack(
        id=pack.id,
        title=pack.title,
        version=pack.version,
        status=pack.status,
        in_force_from=pack.in_force.from_,
        in_force_to=pack.in_force.to,
        in_force_basis=pack.in_force.basis,
        binds=Binds(pack.binds.kind, pack.binds.regions, pack.binds.matters),
        duties=tuple(_duty(duty) for duty in pack.duties),
        mandatory_fields=transfer.mandatory_fields if transfer else (),
        evidence_required=transfer.evidence_required if transfer else False,
        lists_required=inspection.lists_required if inspection else False,
        leader_visiting=inspection.leader_visiting if inspection else False,
        local_present=inspection.local_present if inspection else False,
        quorum=inspection.quorum if inspection else 0,
        arbiter=pack.arbiter.group if pack.arbiter else None,
        feedback_required=pack.feedback.required if pack.feedback else False,
        jurisdiction=pack.jurisdiction.rule if pack.jurisdiction else None,
        ladder=Ladder(pack.ladder.steps, pack.ladder.idle_workdays) if pack.ladder else None,
    )


def _duty(duty: DutyFile) -> DutyRule:
    term = None
    if duty.term is not None and duty.unit is not None:
        term = Term(duty.term, duty.unit, duty.roll)
    return DutyRule(
        id=duty.id,
        term=term,
        unit_basis=duty.unit_basis or "agreed",
        article=duty.article,
        trigger=duty.trigger,
        escalates=duty.escalates,
        extension_by=duty.extension_by,
        reminder=Term(duty.reminder.n, duty.reminder.unit) if duty.reminder else None,
        from_order=duty.term_from == "order",
    )


def _newest_announced() -> int:
    """The last year for which the library holds an official notice."""
    return int(max(ChinaStaticHolidays.special_public_holidays))


@cache
def _library(first: int, last: int) -> tuple[dict[date, str], frozenset[date]]:
    """The library's rest days by name and its make-up working days. A notice may reach into the next year."""
    table = China(years=range(first - 1, last + 2), language="zh_CN")  # type: ignore[no-untyped-call]
    named = {day: _SUFFIX.sub("", str(name)) for day, name in table.items()}
    real = {day: name for day, name in named.items() if not _SWAPPED.match(name)}
    for day in sorted(named):
        if day not in real:
            real[day] = _nearest_name(day, named)
    return {day: name.replace("; ", "、") for day, name in real.items()}, frozenset(table.weekend_workdays)


def _nearest_name(day: date, named: dict[date, str]) -> str:
    """A day that a make-up Sunday freed belongs to the holiday beside it."""
    for distance in range(1, 8):
        for near in (day - timedelta(days=distance), day + timedelta(days=distance)):
            if near in named and not _SWAPPED.match(named[near]):
                return named[near]
    return "休息日"


def _overlay(year: YearFile, names: dict[date, str], made: set[date]) -> None:
    for name, days in year.rest.items():
        for n in range(days[0].toordinal(), days[-1].toordinal() + 1):
            names[date.fromordinal(n)] = name
            made.discard(date.fromordinal(n))
    made.update(year.work)
