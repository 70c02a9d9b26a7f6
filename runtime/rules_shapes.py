"""The shapes of the files in `rules/`. What needs a second file to judge is in `runtime.rules_check`."""

from __future__ import annotations

from datetime import date
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

from domain.calendar import Unit
from domain.packs import BindsKind, Status, UnitBasis

# V read in a stored copy of the text; V2 second-hand; LOW a doubtful copy; MEM from memory; agreed by the users.
Trust = Literal["V", "V2", "LOW", "MEM", "agreed"]
Text = Annotated[str, Field(strict=True, min_length=1)]
Whole = Annotated[int, Field(strict=True, ge=0, le=3650)]
Flag = Annotated[bool, Field(strict=True)]
RegionPrefix = Annotated[str, Field(strict=True, pattern=r"^([0-9]{2}|[0-9]{4}|[0-9]{6})$")]
RegionCode = Annotated[str, Field(strict=True, pattern=r"^[0-9]{6}$")]
PackId = Annotated[str, Field(strict=True, pattern=r"^[a-z0-9][a-z0-9-]*$")]


class Shape(BaseModel):
    """No key that nobody reads: a mistyped one is an error."""

    model_config = ConfigDict(extra="forbid", frozen=True, populate_by_name=True)


class Sourced(Shape):
    """Where a statement comes from, in whose words, and how far that was verified."""

    source: Text | None = None
    quote: Text | None = None
    trust: Trust | None = None


class Span(Sourced):
    """A time of validity, both days included."""

    from_: date | None = Field(default=None, alias="from")
    to: date | None = None


class InForceFile(Span):
    basis: UnitBasis


class BindsFile(Sourced):
    kind: BindsKind
    regions: tuple[RegionPrefix, ...] = ()
    matters: tuple[Text, ...] = ()


class ReminderFile(Shape):
    n: Whole
    unit: Unit


class DutyFile(Sourced):
    id: Text
    term: Whole | None = None
    term_from: Literal["order"] | None = None
    unit: Unit | None = None
    unit_basis: UnitBasis | None = None
    roll: Flag = True
    escalates: Flag = True
    article: Text
    trigger: Text
    obliged: Literal["finder", "addressee", "arbiter", "police", "supervised"]
    breach: Text | None = None
    extension_by: Text | None = None
    reminder: ReminderFile | None = None


class TransferFile(Sourced):
    evidence_required: Flag = False
    mandatory_fields: tuple[Text, ...] = ()
    optional_fields: tuple[Text, ...] = ()


class FeedbackFile(Sourced):
    required: Flag


class InspectionFile(Sourced):
    lists_required: Flag = False
    leader_visiting: Flag = False
    local_present: Flag = False
    quorum: Whole = 0


class ArbiterFile(Sourced):
    group: Text


class JurisdictionFile(Sourced):
    rule: Literal["place_of_act"]


class LeadFile(Sourced):
    rule: Literal["superior_of_regions"]


class SupervisionFile(Sourced):
    by: Literal["superior"]


class ForWhomFile(Sourced):
    for_: tuple[Literal["unit", "person"], ...] = Field(alias="for")


class LadderFile(Sourced):
    steps: tuple[Whole, ...] = Field(min_length=4, max_length=4)
    idle_workdays: Annotated[int, Field(strict=True, ge=1, le=365)]


class PackFile(Shape):
    """One file of `packs/`."""

    id: PackId
    title: Text
    short: Text | None = None
    issuer: Text
    document_no: Text | None = None
    version: Text
    status: Status
    in_force: InForceFile
    binds: BindsFile
    duties: tuple[DutyFile, ...] = ()
    transfer: TransferFile | None = None
    feedback: FeedbackFile | None = None
    inspection: InspectionFile | None = None
    arbiter: ArbiterFile | None = None
    jurisdiction: JurisdictionFile | None = None
    lead: LeadFile | None = None
    supervision: SupervisionFile | None = None
    accountability: ForWhomFile | None = None
    reward: ForWhomFile | None = None
    ladder: LadderFile | None = None


class GroupFile(Sourced):
    id: Text
    name: Text
    members: tuple[Text, ...] = Field(min_length=1)
    pack: PackId | None = None


class GroupsFile(Shape):
    groups: tuple[GroupFile, ...] = ()


class YearFile(Shape):
    """One year: `rest` gives each holiday one day, or its first and last day; `work` the make-up days.

    `notice` is what people are shown; `number`, `dated` and `source` are kept where an import knows them.
    """

    year: Annotated[int, Field(strict=True, ge=1990, le=2200)]
    status: Literal["official", "provisional"]
    notice: Text
    number: Text | None = None
    dated: date | None = None
    source: Text | None = None
    rest: dict[Text, Annotated[tuple[date, ...], Field(min_length=1, max_length=2)]]
    work: tuple[date, ...] = ()


class CalendarFile(Shape):
    announced_from: Annotated[int, Field(strict=True, ge=1990, le=2200)]
    horizon: Annotated[int, Field(strict=True, ge=2026, le=2090)]
    years: tuple[YearFile, ...] = ()


class ScopeFile(Span):
    id: Text
    name: Text
    regions: tuple[RegionPrefix, ...] = Field(min_length=1)
    matters: tuple[Text, ...] = Field(min_length=1)


class ScopesFile(Shape):
    scopes: tuple[ScopeFile, ...] = ()


class OfficerFile(Span):
    id: Text
    name: Text
    agency: Text
    scopes: tuple[Text, ...] = ()


class OfficersFile(Shape):
    officers: tuple[OfficerFile, ...] = ()


class DepartmentFile(Shape):
    """A department's name at each level."""

    label: Text
    state: Text
    province: Text
    municipality: Text
    prefecture: Text
    county: Text


class AgencyFile(Span):
    id: Text
    name: Text
    office: Text | None = None
    seat: Text | None = None


class MatterFile(Span):
    matter: Text
    department: Text
    basis: Text


class AgenciesFile(Shape):
    departments: dict[str, DepartmentFile]
    agencies: tuple[AgencyFile, ...] = ()
    matters: tuple[MatterFile, ...]


class StatuteFile(Span):
    id: Text
    title: Text
    short: Text
    aliases: tuple[Text, ...] = ()
    document_no: Text | None = None
    replaced_by: Text | None = None
    articles: dict[Text, Text] = {}


class StatutesFile(Shape):
    statutes: tuple[StatuteFile, ...] = ()
