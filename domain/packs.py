"""What a rule pack is, which packs apply to a clue, and which of their rules gives a duty its term.

Packs are data (the files of `rules/`), loaded by `runtime.rules`; a clue pins the excerpt that it needs, so
that a changed pack moves no clock that already runs.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import date
from functools import cached_property
from typing import Literal

from domain.agencies import Group, region_of
from domain.calendar import Calendar, Term

HOUSE = "house"

UnitBasis = Literal["explicit", "assumption", "agreed"]
Status = Literal["formal", "trial", "agreed"]
BindsKind = Literal["all", "among", "across_provinces"]


@dataclass(frozen=True)
class DutyRule:
    """What one pack says about one duty.

    `term` None: the pack states the duty without a number (及时, 立即, 定期), and the number comes from
    `house`; with `from_order` it comes from the order itself, in days. `trigger` names what starts the clock
    and is documentation: the lifecycle knows its triggers. `extension_by` None: the obliged agency's direct
    superior. `reminder` None: one working day before `due_at`, one hour before for hours.
    """

    id: str
    term: Term | None
    unit_basis: UnitBasis
    article: str
    trigger: str
    escalates: bool = True
    extension_by: str | None = None
    reminder: Term | None = None
    from_order: bool = False


@dataclass(frozen=True)
class Binds:
    """Whom a pack binds.

    `all`; `among`: finder and addressee are two different regions, both covered; `across_provinces`: both
    covered, in different provinces. `regions` are codes or prefixes of codes; empty `matters` means every
    matter.
    """

    kind: BindsKind
    regions: tuple[str, ...] = ()
    matters: tuple[str, ...] = ()

    def covers(self, region: str) -> bool:
        """Whether the region is one of these, or lies in one of them."""
        return any(region.startswith(prefix) for prefix in self.regions)


@dataclass(frozen=True)
class Ladder:
    """Escalation: level i+1 is reached `steps[i]` working days after the legal last day (0: at the breach).

    `idle_workdays`: how often the holder is reminded where nothing is owed by anybody.
    """

    steps: tuple[int, ...] = (0, 1, 3, 5)
    idle_workdays: int = 5


@dataclass(frozen=True)
class Pack:
    """One instrument: an agreement, a work rule, a regulation, the house's terms. Dates are inclusive."""

    id: str
    title: str
    version: str
    status: Status
    in_force_from: date | None
    in_force_to: date | None
    in_force_basis: str
    binds: Binds
    duties: tuple[DutyRule, ...] = ()
    mandatory_fields: tuple[str, ...] = ()
    evidence_required: bool = False
    lists_required: bool = False
    leader_visiting: bool = False
    local_present: bool = False
    quorum: int = 0
    arbiter: str | None = None
    feedback_required: bool = False
    jurisdiction: str | None = None
    ladder: Ladder | None = None

    def duty(self, duty_id: str) -> DutyRule | None:
        """What this pack says about that duty, if anything."""
        return next((rule for rule in self.duties if rule.id == duty_id), None)

    def in_force(self, on: date) -> bool:
        """Whether the pack was in force on that day, both ends included."""
        return (self.in_force_from is None or self.in_force_from <= on) and (
            self.in_force_to is None or on <= self.in_force_to
        )


@dataclass(frozen=True)
class Rulebook:
    """All that deciding needs, pinned per clue. `version` is the digest of the rules that it came from."""

    version: str
    packs: tuple[Pack, ...]
    calendar: Calendar
    groups: tuple[Group, ...] = ()

    @cached_property
    def group_map(self) -> dict[str, Group]:
        """The groups by id, as `domain.agencies` takes them."""
        return {group.id: group for group in self.groups}

    @cached_property
    def key(self) -> str:
        """Names this very excerpt: the version, and the years and packs that it holds."""
        days = [*self.calendar.holidays, *self.calendar.workdays]
        years = f"{min(days, default='0000')[:4]}-{max(days, default='0000')[:4]}"
        packs = hashlib.sha256(",".join(pack.id for pack in self.packs).encode()).hexdigest()[:8]
        return f"{self.version}:{years}:{packs}"

    def pack(self, pack_id: str) -> Pack | None:
        """The pack of that id, if it is here."""
        return next((pack for pack in self.packs if pack.id == pack_id), None)

    def pinned(self, in_use: Iterable[str], first_year: int, last_year: int) -> Rulebook:
        """The excerpt that a clue keeps: the packs in use (`house` always), the years' calendar."""
        keep = {*in_use, HOUSE}
        return replace(
            self,
            packs=tuple(pack for pack in self.packs if pack.id in keep),
            calendar=self.calendar.span(first_year, last_year),
        )


def applies(
    pack: Pack, *, finder_region: str | None, addressee_region: str | None, matter: str, on: date
) -> bool:
    """Whether the pack is in force on that day and binds these two regions in that matter.

    A region of None (a group, or no addressee yet) is bound by packs for `all` only.
    """
    binds = pack.binds
    if not pack.in_force(on) or (binds.matters and matter not in binds.matters):
        return False
    if binds.kind == "all":
        return True
    if finder_region is None or addressee_region is None:
        return False
    if not (binds.covers(finder_region) and binds.covers(addressee_region)):
        return False
    if binds.kind == "among":
        return finder_region != addressee_region
    return finder_region[:2] != addressee_region[:2]


def choose(
    packs: Iterable[Pack], finder: str, addressee: str | None, matter: str, on: date
) -> tuple[str, ...]:
    """The sorted ids of the packs that apply between two agencies, `house` always among them.

    A group has no region, so only packs for `all` apply to it. ValueError where an agency is malformed.
    """
    here, there = region_of(finder), region_of(addressee) if addressee else None
    chosen = {
        pack.id
        for pack in packs
        if applies(pack, finder_region=here, addressee_region=there, matter=matter, on=on)
    }
    return tuple(sorted(chosen | {HOUSE}))


def candidates(rulebook: Rulebook, in_use: Iterable[str], duty_id: str) -> tuple[tuple[Pack, DutyRule], ...]:
    """The rules that give the duty a term, among the packs in use.

    Any other pack goes before `house`: where one has a term, the house's own is not among them. Of several
    the caller takes the one with the earlier date.
    """
    wanted = frozenset(in_use)
    found = [
        (pack, rule)
        for pack in rulebook.packs
        if pack.id in wanted
        for rule in pack.duties
        if rule.id == duty_id and (rule.term is not None or rule.from_order)
    ]
    return tuple([pair for pair in found if pair[0].id != HOUSE] or found)
