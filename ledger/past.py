"""The past as other rules may judge it again: duties with their instants, and what was done when.

No word that anybody wrote leaves the database here, nor anything about people: of an act only what moves a clock.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Collection, Sequence
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from typing import Any, Final, NamedTuple

import orjson
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from domain.calendar import SHANGHAI
from domain.model import Actor, Event
from ledger import database

PAGE: Final = 2000  # clues in memory at a time
# Of an event's data, what an act is made of; of a report's clue the same, and where it lies.
KEPT: Final = (
    "addressee", "agency", "approved", "at", "attending", "days", "decision", "discovered_at", "drill", "duties",
    "duty", "finding", "damage_found", "from_agency", "invited", "matter", "mode", "packs", "packs_fixed", "region",
    "source", "to", "to_agency", "undo", "units",
)  # fmt: skip


class PastDuty(NamedTuple):
    """One duty as the ledger has it."""

    n: int
    id: str
    obliged: str
    opened_at: datetime
    trigger_at: datetime
    due_at: datetime
    legal_due_at: datetime
    provisional: bool
    escalates: bool
    suspended: bool
    breached_at: datetime | None
    level: int
    fulfilled_at: datetime | None
    was_late: bool
    cancelled_at: datetime | None


@dataclass(frozen=True, slots=True)
class PastClue:
    """One clue as the ledger has it. `kinds`: see `ledger.rows.kinds`; None where the row is older than they are."""

    clue_no: str
    from_agency: str
    to_agency: str | None
    matter: str
    discovered_at: datetime
    packs: tuple[str, ...]
    kinds: frozenset[str] | None
    peak_level: int
    wakeup_at: datetime | None
    duties: list[PastDuty]


@dataclass(frozen=True)
class Span:
    """Clues found from `first` to `last`, days in Shanghai, both included; None is no bound."""

    first: date | None = None
    last: date | None = None


_CLUES = (
    "SELECT clue_no, from_agency, to_agency, matter, discovered_at, packs, kinds, peak_level, wakeup_at FROM clue"
    " WHERE NOT drill AND discovered_at IS NOT NULL AND clue_no > :after"
    " AND (CAST(:first AS timestamptz) IS NULL OR discovered_at >= :first)"
    " AND (CAST(:behind AS timestamptz) IS NULL OR discovered_at < :behind)"
)
_DUTIES = (
    "SELECT clue_no, n, id, obliged, opened_at, trigger_at, due_at, legal_due_at, provisional, escalates,"
    " suspended_at IS NOT NULL AS suspended, breached_at, level, fulfilled_at, was_late, cancelled_at FROM duty"
)


# An order's number only links it with its answer: its digest does that too.
_DOINGS = """
SELECT clue_no, CAST(jsonb_strip_nulls(jsonb_build_object(
  'type', b->'type', 'at', b->'at', 'command_id', b->'command_id',
  'agency', b->'actor'->'agency', 'role', b->'actor'->'role', 'order_no', md5(b->'data'->>'order_no'),
  'data', (SELECT jsonb_object_agg(key, value) FROM jsonb_each(b->'data') WHERE key = ANY(:kept)),
  'clue', (SELECT jsonb_object_agg(key, value) FROM jsonb_each(b->'data'->'clue') WHERE key = ANY(:kept)),
  'region', COALESCE(b->'data'->'clue'->'place'->'region', b->'data'->'changes'->'place'->'region',
                     b->'data'->'placing'->'region')
)) AS text) AS act
FROM (
  SELECT clue_no, seq, CAST(body AS jsonb) AS b FROM clue_event
  WHERE clue_no = ANY(:clue_nos) AND command_id IS NOT NULL
  AND (type = 'notified' OR position('"digest":"' IN body) > 0)
) AS acts ORDER BY clue_no, seq
"""


async def count(engine: AsyncEngine, span: Span) -> tuple[int, int]:
    """How many clues there are in that time, and how many drills, which count in no statistics."""
    query = text(
        "SELECT count(*) FILTER (WHERE NOT drill) AS clues, count(*) FILTER (WHERE drill) AS drills FROM clue"
        " WHERE discovered_at IS NOT NULL"
        " AND (CAST(:first AS timestamptz) IS NULL OR discovered_at >= :first)"
        " AND (CAST(:behind AS timestamptz) IS NULL OR discovered_at < :behind)"
    )
    async with engine.connect() as connection:
        row = (await connection.execute(query, _bounds(span))).one()
    return row.clues, row.drills


async def pages(engine: AsyncEngine, span: Span, size: int = PAGE) -> AsyncIterator[list[PastClue]]:
    """Every clue of that time with its duties, drills left out, in the order of the numbers, page by page."""
    query = text(f"{_CLUES} ORDER BY clue_no LIMIT {size}")
    after = ""
    while True:
        async with database.snapshot(engine) as connection:
            found = (await connection.execute(query, {"after": after, **_bounds(span)})).all()
            if not found:
                return
            after = found[-1].clue_no
            span_of = {"first": found[0].clue_no, "last": after}
            duties = text(f"{_DUTIES} WHERE clue_no BETWEEN :first AND :last ORDER BY clue_no, n")
            page = _joined(found, (await connection.execute(duties, span_of)).all())
        yield page


async def some(connection: AsyncConnection, clue_nos: Collection[str]) -> list[PastClue]:
    """Those clues with their duties."""
    asked = {"clue_nos": list(clue_nos), "after": "", **_bounds(Span())}
    clues = await connection.execute(text(f"{_CLUES} AND clue_no = ANY(:clue_nos) ORDER BY clue_no"), asked)
    duties = text(f"{_DUTIES} WHERE clue_no = ANY(:clue_nos) ORDER BY clue_no, n")
    found = clues.all()
    return _joined(found, (await connection.execute(duties, {"clue_nos": list(clue_nos)})).all())


async def doings(connection: AsyncConnection, clue_nos: Collection[str]) -> dict[str, list[Event]]:
    """The events of people's acts by clue, in order, cut down to `KEPT`; what the clocks did is left out.

    The actor has no name: `""`.
    """
    query = text(_DOINGS)
    out: dict[str, list[Event]] = {}
    rows = await connection.execute(query, {"clue_nos": list(clue_nos), "kept": list(KEPT)})
    for clue_no, act in rows:
        out.setdefault(clue_no, []).append(_event(orjson.loads(act)))
    return out


def _event(act: dict[str, Any]) -> Event:
    data: dict[str, Any] = act.get("data", {})
    place = {"place": {"region": act["region"]}} if "region" in act else {}
    if act["type"] == "reported":
        data = {**data, "clue": {**act.get("clue", {}), **place}}
    elif act["type"] == "clue_amended":
        data = {"changes": place, "fields": [], "old": {}}
    if "order_no" in act:
        data = {**data, "order_no": act["order_no"]}
    actor = Actor(act["agency"], act["role"], "") if "agency" in act else None
    return Event(act["type"], datetime.fromisoformat(act["at"]), actor, data, act["command_id"])


def _joined(clues: Sequence[Any], duties: Sequence[Any]) -> list[PastClue]:
    of: dict[str, list[PastDuty]] = {}
    for row in duties:
        of.setdefault(row[0], []).append(PastDuty._make(row[1:]))
    return [
        PastClue(
            row.clue_no,
            row.from_agency,
            row.to_agency,
            row.matter,
            row.discovered_at,
            tuple(row.packs),
            None if row.kinds is None else frozenset(row.kinds),
            row.peak_level,
            row.wakeup_at,
            of.get(row.clue_no, []),
        )
        for row in clues
    ]


def _bounds(span: Span) -> dict[str, datetime | None]:
    return {"first": _midnight(span.first), "behind": _midnight(span.last and span.last + timedelta(days=1))}


def _midnight(day: date | None) -> datetime | None:
    return None if day is None else datetime.combine(day, time.min, SHANGHAI)
