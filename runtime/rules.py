"""The rules of the house: loads the folder `rules/`, checks it, and answers questions about it."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, datetime
from functools import cache, cached_property
from pathlib import Path
from typing import Any, Literal

from domain import agencies
from domain.calendar import SHANGHAI, compute_due, explain_days
from domain.labels import DUTIES
from domain.packs import HOUSE, DutyRule, Pack, Rulebook
from domain.shapes import nearest
from domain.statutes import Statute, resolve
from runtime.errors import GroundError, UnknownRule
from runtime.rules_build import Officer, build_officers, build_rulebook, build_statutes
from runtime.rules_check import cross_check
from runtime.rules_read import Files, Region, read_files
from runtime.rules_shapes import AgencyFile, DepartmentFile, MatterFile
from runtime.rules_yaml import Problem

__all__ = [
    "Officer",
    "Problem",
    "Region",
    "Rules",
    "RulesError",
    "UnknownRule",
    "check_rules",
    "explain",
    "load_rules",
]

DEFAULT_FOLDER = Path(__file__).resolve().parent.parent / "rules"

AgencyStatus = Literal["ok", "unknown", "not_in_force"]


class RulesError(GroundError):
    """The folder can't be used; `problems` says what is wrong, file by file."""

    exit_code = 2

    def __init__(self, problems: Iterable[Problem]) -> None:
        self.problems = tuple(problems)
        super().__init__("规则有误：\n" + "\n".join(str(problem) for problem in self.problems))


@dataclass(frozen=True)
class Rules:
    """Everything loaded from one folder. `regions` maps a code to its rows, one for each time of validity."""

    rulebook: Rulebook
    officers: tuple[Officer, ...]
    regions: dict[str, tuple[Region, ...]]
    agencies: tuple[AgencyFile, ...]
    departments: dict[str, DepartmentFile]
    departments_for_matter: tuple[MatterFile, ...]
    statutes: tuple[Statute, ...]

    def agency_status(self, agency: str, on: date) -> AgencyStatus:
        """Whether the id names an agency, and whether its region (and itself, where listed) existed that day."""
        if not agencies.is_well_formed(agency):
            return "unknown"
        region = agencies.region_of(agency)
        if region is None:
            return "ok" if agency in self.rulebook.group_map else "unknown"
        rows = self.regions.get(region)
        if not rows:
            return "unknown"
        listed = [named for named in self.agencies if named.id == agency]
        open_then = not listed or any(_within(named.from_, named.to, on) for named in listed)
        return "ok" if open_then and any(row.valid(on) for row in rows) else "not_in_force"

    def region(self, code: str, on: date | None = None) -> Region | None:
        """The region of that code, on that day where one is given, else its newest."""
        rows = self.regions.get(code, ())
        fitting = [row for row in rows if on is None or row.valid(on)]
        return fitting[-1] if fitting else None

    def region_name(self, code: str) -> str:
        """昆山市; with the name above it where several regions share the name; the code itself where unknown."""
        row = self.region(code)
        if row is None:
            return code
        above = agencies.parent_region(code)
        if row.name in self._shared_names and above is not None and (parent := self.region(above)):
            return parent.name + row.name
        return row.name

    def agency_name(self, agency: str) -> str:
        """The agency's own name, else the region's and the department's; the id itself where malformed."""
        if agency in self._agency_names:
            return self._agency_names[agency]
        if not agencies.is_well_formed(agency):
            return agency
        region, department = agencies.parse(agency)
        if region == agencies.GROUP:
            return agency
        level: str = agencies.level_of(region)
        if level == "state":
            return self.departments[department].state
        if level == "province" and agencies.is_municipality(region):
            level = "municipality"
        return self.region_name(region) + str(getattr(self.departments[department], level))

    def officer(self, officer_id: str, on: date | None = None) -> Officer | None:
        """The officer's line of the lists, that of the day where one is given and they were listed then."""
        lines = [officer for officer in self.officers if officer.id == officer_id]
        then = [officer for officer in lines if on is not None and officer.valid(on)]
        return next(iter(then or lines), None)

    def authorised(self, officer_id: str, region: str, matter: str, on: date) -> bool:
        """Whether both lists allow the officer to inspect there, in that matter, on that day."""
        return any(
            line.id == officer_id
            and line.valid(on)
            and matter in line.scope_matters
            and any(region.startswith(prefix) for prefix in line.scope_regions)
            for line in self.officers
        )

    def department_for(self, matter: str, on: date) -> str:
        """The department that handles the matter. UnknownRule for a matter that the rules don't have."""
        return self.matter_basis(matter, on).department

    def matter_basis(self, matter: str, on: date) -> MatterFile:
        """The department for a matter with its legal basis on that day."""
        for row in self.departments_for_matter:
            if row.matter == matter and _within(row.from_, row.to, on):
                return row
        raise UnknownRule(f"没有事项“{matter}”在{on.isoformat()}的主管部门")

    def cite(self, name: str, on: date) -> Statute:
        """The law in force that day under that name or in its place. LookupError where there is none."""
        return resolve(self.statutes, name, on)

    @cached_property
    def _agency_names(self) -> dict[str, str]:
        own = {named.id: named.name for named in self.agencies}
        return own | {group.id: group.name for group in self.rulebook.groups}

    @cached_property
    def _shared_names(self) -> frozenset[str]:
        seen: dict[str, int] = {}
        for rows in self.regions.values():
            if rows[-1].valid_to is None and rows[-1].level == "county":
                seen[rows[-1].name] = seen.get(rows[-1].name, 0) + 1
        return frozenset(name for name, count in seen.items() if count > 1)


def load_rules(folder: Path | None = None) -> Rules:
    """The rules of a folder (those beside the program by default), read once. RulesError where it is faulty."""
    return _load((folder or DEFAULT_FOLDER).resolve())


@cache
def _load(folder: Path) -> Rules:
    files = read_files(folder)
    problems = _problems(files)
    if problems:
        raise RulesError(problems)
    assert files.agencies is not None
    return Rules(
        rulebook=build_rulebook(files, folder),
        officers=build_officers(files),
        regions=files.regions,
        agencies=files.agencies[1].agencies,
        departments=files.agencies[1].departments,
        departments_for_matter=files.agencies[1].matters,
        statutes=build_statutes(files),
    )


def check_rules(folder: Path) -> list[Problem]:
    """Everything wrong with a folder, in the order of file and line; empty where it can be used."""
    return _problems(read_files(folder))


def explain(
    rules: Rules,
    duty: str,
    pack: str,
    from_: datetime,
    suspended: Iterable[tuple[date, date]] = (),
    extended: int = 0,
) -> dict[str, Any]:
    """Why a term ends when it does, day by day, in the words of the contract.

    `suspended`: first and last day of each span of days that don't count. Where the pack states the duty without a
    number, the number of `house` is taken, and `pack` in the answer says so (`stated_by` keeps the asked one).
    UnknownRule where there is no such pack, duty or number; ValueError where `from_` has no offset.
    """
    asked, rule = _rule(rules.rulebook, duty, pack)
    giver, given = (asked, rule) if rule.term is not None else _rule(rules.rulebook, duty, HOUSE)
    if given.term is None:
        raise UnknownRule(f"义务“{duty}”的期限由督办单写明，规则中没有数字")
    paused = frozenset(
        date.fromordinal(n) for a, b in suspended for n in range(a.toordinal(), b.toordinal() + 1)
    )
    calendar = rules.rulebook.calendar
    due = compute_due(calendar, given.term, from_, paused=paused, extended=extended)
    days = explain_days(calendar, given.term, from_, paused=paused, extended=extended)
    answer: dict[str, Any] = {
        "duty": duty,
        "pack": giver.id,
        "from": from_.astimezone(SHANGHAI).isoformat(),
        "term": given.term.n,
        "unit": given.term.unit,
        "unit_basis": given.unit_basis,
        "article": rule.article,
        "due_at": due.due_at.isoformat(),
        "legal_due_at": due.legal_due_at.isoformat(),
        "provisional": due.provisional,
        "paused_days": len(paused),
        "extended_days": extended,
        "days": [{"date": d.date.isoformat(), "counted": d.counted, "why": d.why} for d in days],
    }
    return answer | ({"stated_by": asked.id} if giver is not asked else {})


def _rule(rulebook: Rulebook, duty: str, pack: str) -> tuple[Pack, DutyRule]:
    found = rulebook.pack(pack)
    if found is None:
        meant = nearest(pack, [known.id for known in rulebook.packs])
        raise UnknownRule(f"没有规则包“{pack}”" + (f"，是不是“{meant}”？" if meant else ""))
    rule = found.duty(duty)
    if rule is None:
        here = "、".join(known.id for known in found.duties)
        meant = nearest(duty, DUTIES)
        hint = f"，是不是“{meant}”？" if meant and meant != duty else ""
        raise UnknownRule(f"规则包“{pack}”没有义务“{duty}”{hint}（有：{here}）")
    return found, rule


def _problems(files: Files) -> list[Problem]:
    return sorted([*files.problems, *cross_check(files)], key=lambda p: (p.file, p.line, p.field))


def _within(first: date | None, last: date | None, on: date) -> bool:
    return (first is None or first <= on) and (last is None or on <= last)
