"""The nouns of a clue's life: commands in, events out, and the state that the events add up to.

House rules: everything here is frozen; `Event.data` holds JSON values only (instants as ISO strings
with offset), so that an event is hashed, stored and read back without loss; state is never written
except by `evolve`.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Any, Literal, TypeVar

from domain.calendar import SHANGHAI, Term

Stage = Literal[
    "none",  # nothing reported yet: the workflow exists, the clue does not
    "discovered",
    "notified",
    "inspecting",
    "transferring",
    "handling",
    "feedback",
    "closed",
    "disputed",
    "withdrawn",
    "merged",
]
ENDED: frozenset[str] = frozenset({"closed", "withdrawn", "merged"})
Json = dict[str, Any]


def iso(at: datetime) -> str:
    """An instant as people here write it: ISO 8601 with Shanghai's offset, seconds (or finer) kept."""
    return at.astimezone(SHANGHAI).isoformat()


def instant(text: str) -> datetime:
    """The reverse of `iso`; ValueError when it is no ISO 8601 instant with an offset."""
    at = datetime.fromisoformat(text)
    if at.tzinfo is None:
        raise ValueError("no offset")
    return at.astimezone(SHANGHAI)


def shanghai_day(at: datetime) -> date:
    return at.astimezone(SHANGHAI).date()


_T = TypeVar("_T")


def changed(thing: _T, **fields: Any) -> _T:
    """What `dataclasses.replace` gives, several times as quickly, for the classes of this file: what they are made
    of is all that they hold. TypeError for a field that there is not.

    An event makes some ten copies of a state of thirty fields: that is most of what deciding costs.
    """
    held = thing.__dict__
    if not fields.keys() <= held.keys():
        raise TypeError(f"{type(thing).__name__} has no {', '.join(fields.keys() - held.keys())}")
    made = object.__new__(type(thing))
    made.__dict__.update(held, **fields)
    return made


@dataclass(frozen=True)
class Actor:
    """Who acts: an agency, in a role, by a person; `officer_id` where the person stands on a list."""

    agency: str
    role: str
    name: str
    officer_id: str | None = None


@dataclass(frozen=True)
class Officer:
    """One line of the two lists (执法人员清单, 执法范围清单); `from_day` and `to_day` are inclusive."""

    id: str
    name: str
    agency: str
    from_day: date
    to_day: date
    regions: tuple[str, ...] = ()
    matters: tuple[str, ...] = ()


@dataclass(frozen=True)
class Merged:
    """What the sender saw of a clue that was merged: `into` which one, and how many pieces of evidence it holds."""

    clue_no: str
    into: str
    title: str
    evidence: int


@dataclass(frozen=True)
class Survivor:
    """What the sender saw of the clue that another one is to be merged into."""

    clue_no: str
    stage: str
    drill: bool
    merged_into: str | None = None


@dataclass(frozen=True)
class Facts:
    """What the sender looked up for this one command, so that deciding needs no table of the world.

    `unknown` and `not_in_force`: agencies named in the command that don't exist, or not on that day.
    `officers`: the lists' lines for the officers named. `addressee`: the agency that the place and
    the matter point to (`<place.region>.<department>`), for a report that names none.
    `also_notify`: agencies of adjacent regions in the uncertainty circle. `placing`: what the coordinates say
    of whose the place is, where there are any; kept in the event as it is. `merged`: for `take_in`, the clue named;
    `survivor`: for `merge_into`.
    """

    unknown: tuple[str, ...] = ()
    not_in_force: tuple[str, ...] = ()
    officers: tuple[Officer, ...] = ()
    addressee: str | None = None
    also_notify: tuple[str, ...] = ()
    placing: Json | None = None
    merged: Merged | None = None
    survivor: Survivor | None = None


@dataclass(frozen=True)
class Command:
    """One act of one person. `data` is the contract's JSON for that command."""

    id: str
    name: str
    actor: Actor
    data: Json = field(default_factory=dict)
    facts: Facts = field(default_factory=Facts)

    @property
    def digest(self) -> str:
        """What makes a repeated id the same command: actor, name and data; not the looked-up facts.

        Empty, and so never the same, for what JSON can't hold (such a command is never accepted).
        """
        a = self.actor
        body = [self.name, [a.agency, a.role, a.name, a.officer_id], self.data]
        try:
            text = json.dumps(body, ensure_ascii=False, sort_keys=True, separators=(",", ":"), default=str)
            return hashlib.sha256(text.encode()).hexdigest()[:32]
        except (TypeError, ValueError, RecursionError):  # mixed keys, half a character, endless digits
            return ""


@dataclass(frozen=True)
class Event:
    """A fact of the clue's life. `actor` is None where the engine itself acted (a clock ran out)."""

    type: str
    at: datetime
    actor: Actor | None = None
    data: Json = field(default_factory=dict)
    command_id: str | None = None
    digest: str | None = None


@dataclass(frozen=True)
class Answer:
    """What an accepted command answers, the first time and each time it is sent again."""

    command_id: str
    digest: str
    clue_no: str
    at: datetime
    seq: int
    stage: str
    level: int
    letter_no: str | None = None


@dataclass(frozen=True)
class Pause:
    """A suspension of one duty; `cause` is "dispute", "order" or "region:<order_no>". Open while `end` is None.

    `undone`: taken out again. It moves no date then; its days still don't count on the ladder, since nobody
    could act on a clock that was said to stand.
    """

    cause: str
    start: datetime
    end: datetime | None = None
    undone: bool = False


@dataclass(frozen=True)
class RegionSuspension:
    """An order by which clocks stand in a region; `region` is a code's first two, four or six digits.

    `by` is the agency that gave it: only duties of agencies below it stand. `duties` empty: all of them.
    """

    order_no: str
    region: str
    by: str
    at: datetime
    duties: tuple[str, ...] = ()
    ended_at: datetime | None = None
    undone: bool = False

    @property
    def cause(self) -> str:
        return f"region:{self.order_no}"


@dataclass(frozen=True)
class Duty:
    """One obligation of one agency with a clock; `n` is its place in the clue's list, from 0.

    `trigger_at` starts the term; `late_from` is set where the duty was opened or re-opened at or
    after `legal_due_at` (its ladder counts from that day). `fulfilled_by` is a command id.
    """

    n: int
    id: str
    obliged: str
    opened_at: datetime
    trigger_at: datetime
    due_at: datetime
    legal_due_at: datetime
    provisional: bool
    pack: str
    article: str
    term: Term
    unit_basis: str
    escalates: bool = True
    order_no: str | None = None
    pauses: tuple[Pause, ...] = ()
    extended: int = 0
    reminded: bool = False
    late_from: datetime | None = None
    breached_at: datetime | None = None
    level: int = 0
    fulfilled_at: datetime | None = None
    fulfilled_by: str | None = None
    was_late: bool = False
    cancelled_at: datetime | None = None
    cancelled_why: str | None = None

    @property
    def owed(self) -> bool:
        return self.fulfilled_at is None and self.cancelled_at is None

    @property
    def suspended(self) -> bool:
        return self.owed and any(p.end is None for p in self.pauses)

    @property
    def status(self) -> str:
        if self.cancelled_at is not None:
            return "cancelled"
        if self.fulfilled_at is not None:
            return "late" if self.was_late else "fulfilled"
        if self.suspended:
            return "suspended"
        return "open" if self.breached_at is None else "breached"

    @property
    def active_level(self) -> int:
        """What the duty adds to the clue's level now."""
        return self.level if self.owed and self.escalates and not self.suspended else 0


@dataclass(frozen=True)
class Inspection:
    mode: str
    leader: str
    leader_agency: str
    members: tuple[str, ...]
    at: datetime
    recorded: bool = False
    finding: str | None = None
    signed: tuple[str, ...] = ()


@dataclass(frozen=True)
class Evidence:
    name: str
    sha256: str
    size: int
    media_type: str
    kind: str
    custodian: str
    added_at: datetime
    taken_at: str | None = None
    taken_by: str | None = None
    monitor_reviewed: bool = False

    @property
    def usable(self) -> bool:
        """Monitoring material is a clue and not evidence until it is reviewed (行政处罚法 41)."""
        return self.kind != "monitor" or self.monitor_reviewed


@dataclass(frozen=True)
class Sent:
    """A formal transfer on its way; `command_id` is the `send_transfer` that made it."""

    letter_no: str
    manifest: tuple[str, ...]
    at: datetime
    command_id: str


@dataclass(frozen=True)
class Feedback:
    letter_no: str
    outcome: str
    at: datetime
    command_id: str
    accepted: bool = False


@dataclass(frozen=True)
class ExtensionRequest:
    duty_n: int
    days: int
    at: datetime


@dataclass(frozen=True)
class Order:
    """A supervision order (督办单) that must be answered."""

    order_no: str
    agency: str
    demand: str
    replied: bool = False


@dataclass(frozen=True)
class Case:
    """An accountability case (问责), for units and persons; `by_engine` at level 4."""

    case_no: str
    units: tuple[str, ...]
    persons: tuple[str, ...]
    at: datetime
    by_engine: bool
    decided: bool = False
    outcome: str | None = None


@dataclass(frozen=True)
class RuleChange:
    """One move of the clue to other rules; `undoes` names the change that it took back.

    `owed`: what was owed just before, as it stood, until the change is `undone`.
    """

    change_id: str
    at: datetime
    from_version: str
    to_version: str
    undoes: str | None = None
    undone: bool = False
    owed: tuple[Duty, ...] = ()


@dataclass(frozen=True)
class BeforeMerging:
    """What a merging ended: the stage, and the duties that were owed, as they stood."""

    stage: Stage
    owed: tuple[Duty, ...]


@dataclass(frozen=True)
class TimelineEntry:
    seq: int
    at: datetime
    actor: Actor | None
    event: str
    text: str


@dataclass(frozen=True)
class ClueState:
    """Everything that deciding about one clue needs; built by folding events over `blank`."""

    clue_no: str
    stage: Stage = "none"
    seq: int = 0
    clue: Json = field(default_factory=dict)
    from_agency: str = ""
    to_agency: str | None = None
    packs: tuple[str, ...] = ()
    packs_fixed: bool = False
    drill: bool = False
    placing: Json | None = None
    discovered_at: datetime | None = None
    updated_at: datetime | None = None
    ended_at: datetime | None = None
    peak_level: int = 0
    duties: tuple[Duty, ...] = ()
    evidence: tuple[Evidence, ...] = ()
    inspection: Inspection | None = None
    inspectors: tuple[str, ...] = ()
    invited: tuple[str, ...] = ()
    seen_officers: dict[str, str] = field(default_factory=dict)
    started: bool = False
    sent: Sent | None = None
    supplements: tuple[str, ...] = ()
    letters: int = 0
    stage_before_dispute: str | None = None
    ruled: bool = False
    reroutes: int = 0
    feedback: Feedback | None = None
    requests: tuple[ExtensionRequest, ...] = ()
    orders: tuple[Order, ...] = ()
    cases: tuple[Case, ...] = ()
    rule_changes: tuple[RuleChange, ...] = ()
    suspensions: tuple[RegionSuspension, ...] = ()
    merged_into: str | None = None
    merged_from: tuple[str, ...] = ()
    before_merging: BeforeMerging | None = None
    answers: dict[str, Answer] = field(default_factory=dict)
    timeline: tuple[TimelineEntry, ...] = ()

    @property
    def ended(self) -> bool:
        return self.stage in ENDED

    @property
    def exists(self) -> bool:
        return self.stage != "none"

    @property
    def level(self) -> int:
        return max((d.active_level for d in self.duties), default=0)

    @property
    def owed(self) -> tuple[Duty, ...]:
        return tuple(d for d in self.duties if d.owed)

    @property
    def place_region(self) -> str | None:
        """The region that was named; else, by the coordinates, the addressee's where the circle holds it (people
        have decided among the candidates by then), else the one with the largest share.
        """
        region = self.clue.get("place", {}).get("region")
        if isinstance(region, str) or self.placing is None:
            return region if isinstance(region, str) else None
        held = {c["region"] for c in self.placing["candidates"]}
        chosen = (self.to_agency or "").partition(".")[0]
        found = chosen if chosen in held else self.placing["region"]
        return found if isinstance(found, str) else None


def blank(clue_no: str, packs: Iterable[str] | None = None) -> ClueState:
    """A clue before its report. `packs`, where given, are used whatever they bind (`house` is added)."""
    if packs is None:
        return ClueState(clue_no=clue_no)
    return ClueState(clue_no=clue_no, packs=tuple(sorted({*packs, "house"})), packs_fixed=True)
