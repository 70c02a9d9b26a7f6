"""Whether two clues may be one matter: what they have in common, how strongly, and in words. Pure.

The numbers are agreed and editable: `rules/duplicates.yaml`.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Final, Literal

from domain.model import Json
from domain.traces import KINDS, Trace, metres

Strength = Literal["strong", "medium", "weak"]
STRENGTHS: Final[Mapping[Strength, str]] = {"strong": "强", "medium": "中", "weak": "弱"}
_ORDER: Final = ("strong", "medium", "weak")
MATTER_OPEN: Final = ("", "other")  # says nothing about what it is


@dataclass(frozen=True)
class Measures:
    """When two clues are suspected: discovered at most `days` apart with a trace in common, or `place_days` apart
    within `least_m` metres (or the smaller uncertainty, where that is more) of each other.

    `strengths` by kind; a kind left out is not compared, and weak ones alone raise no suspicion.
    """

    days: int
    place_days: int
    least_m: float
    strengths: Mapping[str, Strength] = field(default_factory=dict)

    @property
    def longest(self) -> timedelta:
        return timedelta(days=max(self.days, self.place_days))


@dataclass(frozen=True)
class Met:
    """A trace of another clue: `at` is when that was discovered, `where` its trace of the place or the like."""

    clue_no: str
    at: datetime
    trace: Trace


@dataclass(frozen=True)
class Known:
    """A report that the ledger holds: the clue as reported, and as it is now."""

    clue_no: str
    reported: Json
    now: Json


@dataclass(frozen=True)
class Asked:
    """A report to be compared with others. `command_id` is its own, whose clue is no other one."""

    command_id: str
    at: datetime
    drill: bool
    traces: Sequence[Trace]


@dataclass(frozen=True)
class Match:
    """One thing in common, how strongly it speaks, and in words without the value itself."""

    kind: str
    strength: Strength
    text: str


@dataclass(frozen=True)
class Suspect:
    """Another clue that may be the same matter, its strongest matches first."""

    clue_no: str
    strength: Strength
    matches: tuple[Match, ...]

    @property
    def text(self) -> str:
        return f"疑似与 {self.clue_no} 重复（{STRENGTHS[self.strength]}）：" + "，".join(
            m.text for m in self.matches
        )


def suspects(
    ours: Iterable[Trace], at: datetime, met: Iterable[Met], measures: Measures
) -> tuple[Suspect, ...]:
    """The clues among `met` that may be the one with the traces `ours`, the strongest first."""
    mine = {(t.kind, t.value): t for t in ours}
    place = next((t for t in mine.values() if t.kind == "place"), None)
    found: dict[str, dict[str, Match]] = {}
    for other in met:
        apart = abs(at - other.at)
        match = (
            _near(place, other.trace, apart, measures)
            if other.trace.kind == "place"
            else _same(mine, other.trace, apart, measures)
        )
        if match is not None:
            found.setdefault(other.clue_no, {})[match.kind] = match
    out = [_suspect(clue_no, list(matches.values())) for clue_no, matches in found.items()]
    return tuple(sorted((s for s in out if s), key=lambda s: (_ORDER.index(s.strength), s.clue_no)))


def _suspect(clue_no: str, matches: list[Match]) -> Suspect | None:
    matches.sort(key=lambda m: _ORDER.index(m.strength))
    if matches[0].strength == "weak" and len(matches) == 1:
        return None  # a name alone is many people's; with a second sign it speaks
    return Suspect(clue_no, matches[0].strength, tuple(matches))


def _same(
    mine: Mapping[tuple[str, str], Trace], other: Trace, apart: timedelta, measures: Measures
) -> Match | None:
    strength, own = measures.strengths.get(other.kind), mine.get((other.kind, other.value))
    days = measures.place_days if other.kind == "address" else measures.days
    if strength is None or own is None or apart > timedelta(days=days) or _listed_apart(own, other):
        return None
    return Match(other.kind, strength, f"{KINDS[other.kind]}相同，相隔{_apart(apart)}")


def _near(place: Trace | None, other: Trace, apart: timedelta, measures: Measures) -> Match | None:
    strength = measures.strengths.get("place")
    if strength is None or place is None or apart > timedelta(days=measures.place_days):
        return None
    if _listed_apart(place, other):
        return None
    if place.lon is None or place.lat is None or other.lon is None or other.lat is None:
        return None
    if place.value != other.value and not {place.value, other.value} & set(MATTER_OPEN):
        return None
    away = metres(place.lon, place.lat, other.lon, other.lat)
    if away > reach(place.radius_m, other.radius_m, measures):
        return None
    return Match("place", strength, f"地点相距 {_metres(away)}、事项相同，相隔{_apart(apart)}")


def _listed_apart(own: Trace, other: Trace) -> bool:
    """One list's own numbers tell its places apart: a satellite's next task, a checkpoint's next passage."""
    return bool(own.source) and own.source == other.source


def reach(radius_m: float, other_m: float, measures: Measures) -> float:
    """How far apart two places may be: the smaller of the uncertainties, never below the agreed least."""
    return max(measures.least_m, min(radius_m, other_m))


def _metres(m: float) -> str:
    return f"{m:.0f} 米" if m < 1000 else f"{m / 1000:.1f} 公里"


def _apart(span: timedelta) -> str:
    hours = round(span.total_seconds() / 3600)
    if not hours:
        return "不到 1 小时"
    return f" {hours} 小时" if hours < 48 else f" {hours // 24} 天"
