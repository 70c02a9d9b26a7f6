"""Looking: one clue, its past, and the list with its filters."""

from __future__ import annotations

import base64
import binascii
import json
from collections import Counter
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from domain.chain import opened
from domain.evolve import fold
from domain.model import ClueState, iso
from domain.packs import Rulebook
from ledger import codec, database, events, lines
from ledger.errors import UnknownClue
from ledger.events import Recorded
from ledger.lines import Lines, Listed

__all__ = [
    "BadCursor",
    "Filters",
    "Listed",
    "Page",
    "count_levels",
    "get_state",
    "history",
    "list_clues",
    "state_as_of",
]

MAX_LIMIT: Final = 500
_LINES: Final = Lines()


@dataclass(frozen=True)
class Filters:
    """What to list; None (or empty) asks for nothing. All must hold.

    `due_before`: something is due before that instant. `text` is looked for in number and title, whatever
    the case. `finder` and `addressee` are `from_agency` and `to_agency`. `level`: exactly that one.
    """

    stage: str | None = None
    holder: str | None = None
    party: str | None = None
    matter: str | None = None
    level: int | None = None
    level_at_least: int = 0
    due_before: datetime | None = None
    finder: str | None = None
    addressee: str | None = None
    drill: bool | None = None
    open_only: bool = False
    text: str | None = None


@dataclass(frozen=True)
class Page:
    """Some lines, and the cursor of the next page, None on the last one."""

    clues: tuple[Listed, ...]
    next: str | None


class BadCursor(ValueError):
    """The cursor is none that `list_clues` gave."""


async def get_state(engine: AsyncEngine, clue_no: str) -> ClueState:
    """The clue after its last stored event, not ticked. UnknownClue where there is none."""
    async with engine.connect() as connection:
        query = text("SELECT state FROM clue WHERE clue_no = :clue_no")
        found = (await connection.execute(query, {"clue_no": clue_no})).scalar_one_or_none()
    if found is None:
        raise UnknownClue(clue_no)
    return codec.decode(found)


async def state_as_of(engine: AsyncEngine, clue_no: str, at: datetime) -> ClueState:
    """The clue as its events up to and including `at` make it, not ticked; `blank` before the report.

    UnknownClue where the ledger holds nothing of it.
    """
    async with engine.connect() as connection:
        sealed = await events.read(connection, clue_no)
    if not sealed:
        raise UnknownClue(clue_no)
    return fold(clue_no, (e for e in map(opened, sealed) if e.at <= at))


async def history(
    engine: AsyncEngine, clue_no: str, *, after: int = 0, limit: int = 1000
) -> tuple[Recorded, ...]:
    """The clue's events behind number `after`, in order. UnknownClue where there are none at all."""
    async with engine.connect() as connection:
        found = await events.recorded(connection, clue_no, after=after, limit=limit)
        if not found and not (after and await events.hashes(connection, clue_no, 1, 1)):
            raise UnknownClue(clue_no)
    return found


async def list_clues(
    engine: AsyncEngine,
    rules: Rulebook,
    now: datetime,
    filters: Filters | None = None,
    *,
    after: str | None = None,
    limit: int = 50,
) -> Page:
    """Clues as of `now`, what is due first first, clues with nothing due last; `after` is a page's `next`.

    Every row is ticked to `now` before it is filtered and shown. Rows whose next wake-up lies ahead are as
    they are stored, so the database filters and sorts them; the few behind it are read whole and merged in.
    Raises BadCursor.
    """
    filters, limit = filters or Filters(), max(1, min(limit, MAX_LIMIT))
    edge = _edge(after)
    async with database.snapshot(engine) as connection:
        fresh = await _fresh(connection, now, filters, edge, limit + 1)
        stale = await _stale(connection, now, filters, rules)
    late = [x for x in stale if _wanted(x, filters) and (edge is None or _key(x) > edge)]
    merged = sorted([*fresh, *late], key=_key)
    page = tuple(merged[:limit])
    return Page(page, _cursor(page[-1]) if len(merged) > limit else None)


async def count_levels(
    engine: AsyncEngine, rules: Rulebook, now: datetime, filters: Filters | None = None
) -> dict[int, int]:
    """How many clues stand at each level as of `now`, levels without any left out."""
    filters = filters or Filters()
    conditions = {
        "(wakeup_at IS NULL OR wakeup_at > :now)": {"now": now},
        **_lasting(filters),
        **_passing(filters),
    }
    query = text(f"SELECT level, count(*) AS clues FROM clue WHERE {' AND '.join(conditions)} GROUP BY level")
    async with database.snapshot(engine) as connection:
        found = (await connection.execute(query, _parameters(conditions))).all()
        stale = await _stale(connection, now, filters, rules)
    counted = Counter({row.level: row.clues for row in found})
    counted.update(x.level for x in stale if _wanted(x, filters))
    return dict(sorted(counted.items()))


# --- order -----------------------------------------------------------------------------------------

_Key = tuple[bool, datetime, str]
_NEVER = datetime.max.replace(tzinfo=UTC)


def _key(clue: Listed) -> _Key:
    """NULLS LAST, then by number."""
    return _order(clue.next_due_at, clue.clue_no)


def _order(due: datetime | None, clue_no: str) -> _Key:
    return due is None, due or _NEVER, clue_no


def _cursor(clue: Listed) -> str:
    due = None if clue.next_due_at is None else iso(clue.next_due_at)
    return base64.urlsafe_b64encode(json.dumps([due, clue.clue_no]).encode()).decode()


def _read_cursor(cursor: str) -> tuple[datetime | None, str]:
    try:
        due, clue_no = json.loads(base64.urlsafe_b64decode(cursor))
        at = None if due is None else datetime.fromisoformat(due)
        if not isinstance(clue_no, str) or (at is not None and at.tzinfo is None):
            raise ValueError(clue_no)
    except (ValueError, TypeError, binascii.Error) as err:
        raise BadCursor("翻页标记无效，请从第一页重新开始") from err
    return at, clue_no


def _edge(after: str | None) -> _Key | None:
    return None if after is None else _order(*_read_cursor(after))


# --- rows ------------------------------------------------------------------------------------------


async def _fresh(
    connection: AsyncConnection, now: datetime, filters: Filters, edge: _Key | None, limit: int
) -> list[Listed]:
    conditions = {
        "(wakeup_at IS NULL OR wakeup_at > :now)": {"now": now},
        **_lasting(filters),
        **_passing(filters),
        **_behind(edge),
    }
    query = text(
        f"SELECT {lines.COLUMNS} FROM clue WHERE {' AND '.join(conditions)}"
        " ORDER BY next_due_at NULLS LAST, clue_no LIMIT :limit"
    )
    found = await connection.execute(query, {**_parameters(conditions), "limit": limit})
    return [lines.from_row(dict(row)) for row in found.mappings()]


async def _stale(
    connection: AsyncConnection, now: datetime, filters: Filters, rules: Rulebook
) -> list[Listed]:
    conditions = {"wakeup_at <= :now": {"now": now}, **_lasting(filters)}
    query = text(f"SELECT clue_no, last_hash FROM clue WHERE {' AND '.join(conditions)}")
    found = await connection.execute(query, _parameters(conditions))
    return await _LINES.at(connection, [(row.clue_no, row.last_hash) for row in found], now, rules)


# --- filters: as SQL for the rows as stored, as Python for those that had to be ticked -----------------

_Conditions = dict[str, dict[str, Any]]


def _parameters(conditions: _Conditions) -> dict[str, Any]:
    return {name: value for values in conditions.values() for name, value in values.items()}


def _lasting(f: Filters) -> _Conditions:
    """What no clock changes, only a command."""
    out: _Conditions = {}
    for column, value in (("matter", f.matter), ("from_agency", f.finder), ("to_agency", f.addressee)):
        if value:
            out[f"{column} = :{column}"] = {column: value}
    if f.drill is not None:
        out["drill = :drill"] = {"drill": f.drill}
    if f.open_only:
        out["ended_at IS NULL"] = {}
    if f.text:
        like = "%" + f.text.replace("\\", "\\\\").replace("%", r"\%").replace("_", r"\_") + "%"
        out["(title ILIKE :like OR clue_no ILIKE :like)"] = {"like": like}
    return out


def _passing(f: Filters) -> _Conditions:
    """What a tick may change."""
    out: _Conditions = {}
    if f.stage:
        out["stage = :stage"] = {"stage": f.stage}
    if f.holder:
        out["holder = :holder"] = {"holder": f.holder}
    if f.party:
        out["parties @> ARRAY[CAST(:party AS text)]"] = {"party": f.party}
    if f.level is not None:
        out["level = :level"] = {"level": f.level}
    if f.level_at_least:
        out["level >= :least"] = {"least": f.level_at_least}
    if f.due_before is not None:
        out["next_due_at < :due_before"] = {"due_before": f.due_before}
    return out


def _wanted(x: Listed, f: Filters) -> bool:
    """`_passing`, for a line."""
    return (
        (not f.stage or x.stage == f.stage)
        and (not f.holder or x.holder == f.holder)
        and (not f.party or f.party in x.parties)
        and (f.level is None or x.level == f.level)
        and x.level >= f.level_at_least
        and (f.due_before is None or (x.next_due_at is not None and x.next_due_at < f.due_before))
    )


def _behind(edge: _Key | None) -> _Conditions:
    """The keyset: rows behind the last one shown."""
    if edge is None:
        return {}
    no_due, due, clue_no = edge
    if no_due:
        return {"(next_due_at IS NULL AND clue_no > :edge_no)": {"edge_no": clue_no}}
    return {
        "(next_due_at > :edge_due OR next_due_at IS NULL"
        " OR (next_due_at = :edge_due AND clue_no > :edge_no))": {"edge_due": due, "edge_no": clue_no}
    }
