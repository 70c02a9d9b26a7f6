"""Changes of rules on running clues: decided here before any clue is touched, and each clue's outcome after it."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from pydantic import TypeAdapter
from sqlalchemy import text
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from domain.model import Actor, ClueState, Json
from domain.packs import Rulebook
from ledger import codec

PAGE: Final = 200
_BOOK: Final = TypeAdapter(Rulebook)
_CHANGE: Final = "id, made_at, agency, role, name, approver, reason, version, rulebook, undoes, simulated"


@dataclass(frozen=True)
class Change:
    """One decision. `simulated`: the digest of what it was said to do."""

    id: str
    made_at: datetime
    actor: Actor
    approver: str
    reason: str
    version: str
    rulebook: str | None
    undoes: str | None
    simulated: str


@dataclass(frozen=True)
class Pending:
    """A clue that the change has yet to reach; `before` is known where it was interrupted there."""

    clue_no: str
    discovered_at: datetime
    target: str | None
    before: str | None


@dataclass(frozen=True)
class Running:
    """An open clue as stored, not ticked."""

    clue_no: str
    state: ClueState


class Conflict(ValueError):
    """The decision can't be kept beside those that are there; the message is a Chinese sentence."""


# --- rulebooks -------------------------------------------------------------------------------------


async def keep_rulebook(engine: AsyncEngine, book: Rulebook) -> str:
    """Keeps the rulebook, once; gives its key. ValueError where another one is kept under that key."""
    body = _BOOK.dump_json(book).decode()
    query = text(
        "INSERT INTO rulebook (key, version, body) VALUES (:key, :version, :body) ON CONFLICT (key) DO NOTHING"
    )
    async with engine.begin() as connection:
        await connection.execute(query, {"key": book.key, "version": book.version, "body": body})
        kept = await connection.execute(text("SELECT body FROM rulebook WHERE key = :key"), {"key": book.key})
        if _BOOK.validate_json(kept.scalar_one()) != book:
            raise ValueError(f"another rulebook is kept as {book.key}")
    return book.key


async def rulebook(engine: AsyncEngine, key: str) -> Rulebook | None:
    """The rulebook of that key, None where it was never kept."""
    async with engine.connect() as connection:
        found = await connection.execute(text("SELECT body FROM rulebook WHERE key = :key"), {"key": key})
        body = found.scalar_one_or_none()
    return None if body is None else _BOOK.validate_json(body)


# --- decisions -------------------------------------------------------------------------------------


async def begin(engine: AsyncEngine, change: Change) -> int:
    """Keeps the decision and the list of the clues it is for, together; gives how many these are.

    For all open clues; for those that the undone change has reached, where it takes one back: what that one
    has not reached yet is cancelled. Raises Conflict.
    """
    try:
        async with engine.begin() as connection:
            await connection.execute(text("LOCK TABLE rule_change IN SHARE ROW EXCLUSIVE MODE"))
            await _check_free(connection, change)
            await _insert(connection, change)
            if change.undoes is None:
                query = _OPEN_CLUES
            else:
                await connection.execute(_CANCEL, {"undoes": change.undoes, "at": change.made_at})
                query = _REACHED
            done = await connection.execute(query, {"id": change.id, "undoes": change.undoes})
            return done.rowcount
    except IntegrityError as err:
        raise Conflict(f"变更编号 {change.id} 已经用过，请换一个编号") from err


_OPEN_CLUES = text(
    "INSERT INTO rule_change_clue (change_id, clue_no, outcome, note)"
    " SELECT :id, clue_no, 'pending', '' FROM clue WHERE ended_at IS NULL AND CAST(:undoes AS text) IS NULL"
)
_REACHED = text(
    "INSERT INTO rule_change_clue (change_id, clue_no, target, outcome, note)"
    " SELECT :id, clue_no, before, 'pending', '' FROM rule_change_clue"
    " WHERE change_id = :undoes AND before IS NOT NULL AND outcome IN ('done', 'cancelled')"
)
_CANCEL = text(
    "UPDATE rule_change_clue SET outcome = 'cancelled', note = '轮到之前变更已撤销', settled_at = :at"
    " WHERE change_id = :undoes AND outcome = 'pending'"
)


async def _check_free(connection: AsyncConnection, change: Change) -> None:
    """One change after the other, and taken back in the reverse order."""
    rows = (
        await connection.execute(
            text(
                "SELECT c.id, c.undoes, c.made_at, u.id AS undone_by, EXISTS (SELECT 1 FROM rule_change_clue p"
                " WHERE p.change_id = c.id AND p.outcome = 'pending') AS unfinished"
                " FROM rule_change c LEFT JOIN rule_change u ON u.undoes = c.id ORDER BY c.made_at, c.id"
            )
        )
    ).all()
    for row in rows:
        if row.unfinished and row.id != change.undoes:
            raise Conflict(f"变更 {row.id} 还没有做完，请先用它的编号接着做完")
    if change.undoes is None:
        return
    wanted = next((row for row in rows if row.id == change.undoes), None)
    if wanted is None:
        raise Conflict(f"没有变更 {change.undoes}，请用 starter.py rules changes 查看")
    if wanted.undoes is not None:
        raise Conflict(f"{change.undoes} 本身是一次撤销，不能再撤销；要恢复那次变更，请重新 rules apply")
    if wanted.undone_by is not None:
        raise Conflict(f"变更 {change.undoes} 已经由 {wanted.undone_by} 撤销")
    standing = [row.id for row in rows if row.undoes is None and row.undone_by is None]
    if standing[-1] != change.undoes:
        raise Conflict(f"变更 {change.undoes} 之后还有变更 {standing[-1]}，请先撤销后一个")


async def _insert(connection: AsyncConnection, change: Change) -> None:
    query = text(
        f"INSERT INTO rule_change ({_CHANGE}) VALUES (:id, :made_at, :agency, :role, :name, :approver,"
        " :reason, :version, :rulebook, :undoes, :simulated)"
    )
    actor = change.actor
    await connection.execute(
        query,
        {
            "id": change.id,
            "made_at": change.made_at,
            "agency": actor.agency,
            "role": actor.role,
            "name": actor.name,
            "approver": change.approver,
            "reason": change.reason,
            "version": change.version,
            "rulebook": change.rulebook,
            "undoes": change.undoes,
            "simulated": change.simulated,
        },
    )


async def change(engine: AsyncEngine, change_id: str) -> Change | None:
    """The decision of that number."""
    query = text(f"SELECT {_CHANGE} FROM rule_change WHERE id = :id")
    async with engine.connect() as connection:
        row = (await connection.execute(query, {"id": change_id})).one_or_none()
    return None if row is None else _change(row)


def _change(row: Any) -> Change:
    actor = Actor(row.agency, row.role, row.name)
    return Change(
        row.id,
        row.made_at,
        actor,
        row.approver,
        row.reason,
        row.version,
        row.rulebook,
        row.undoes,
        row.simulated,
    )


async def changes(engine: AsyncEngine) -> tuple[tuple[Change, dict[str, int], str | None], ...]:
    """Every decision, oldest first, with how many clues came to which outcome, and what took it back."""
    query = text(
        f"SELECT {', '.join('c.' + x for x in _CHANGE.split(', '))}, u.id AS undone_by,"
        " (SELECT json_object_agg(outcome, n) FROM (SELECT outcome, count(*) AS n FROM rule_change_clue k"
        "  WHERE k.change_id = c.id GROUP BY outcome) o) AS outcomes"
        " FROM rule_change c LEFT JOIN rule_change u ON u.undoes = c.id ORDER BY c.made_at, c.id"
    )
    async with engine.connect() as connection:
        rows = (await connection.execute(query)).all()
    return tuple((_change(row), dict(row.outcomes or {}), row.undone_by) for row in rows)


# --- clue by clue ----------------------------------------------------------------------------------


async def pending(engine: AsyncEngine, change_id: str, *, after: str = "") -> tuple[Pending, ...]:
    """The next clues that the change has yet to reach, by number."""
    query = text(
        "SELECT p.clue_no, c.discovered_at, p.target, p.before FROM rule_change_clue p"
        " JOIN clue c USING (clue_no) WHERE p.change_id = :id AND p.outcome = 'pending' AND p.clue_no > :after"
        " ORDER BY p.clue_no LIMIT :limit"
    )
    async with engine.connect() as connection:
        rows = await connection.execute(query, {"id": change_id, "after": after, "limit": PAGE})
        return tuple(Pending(r.clue_no, r.discovered_at, r.target, r.before) for r in rows)


async def about_to(engine: AsyncEngine, change_id: str, clue_no: str, before: str) -> bool:
    """Says by which rules the clue goes, before it is moved; what was said first stays. False where it is no
    longer this change's turn."""
    query = text(
        "UPDATE rule_change_clue SET before = COALESCE(before, :before)"
        " WHERE change_id = :id AND clue_no = :clue_no AND outcome = 'pending'"
    )
    async with engine.begin() as connection:
        done = await connection.execute(query, {"id": change_id, "clue_no": clue_no, "before": before})
    return done.rowcount == 1


async def settle(engine: AsyncEngine, change_id: str, clue_no: str, outcome: str, note: str = "") -> None:
    """What came of it; a clue that was settled, or cancelled, meanwhile stays so."""
    query = text(
        "UPDATE rule_change_clue SET outcome = :outcome, note = :note, settled_at = now()"
        " WHERE change_id = :id AND clue_no = :clue_no AND outcome = 'pending'"
    )
    values = {"id": change_id, "clue_no": clue_no, "outcome": outcome, "note": note}
    async with engine.begin() as connection:
        await connection.execute(query, values)


async def left(engine: AsyncEngine, change_id: str) -> int:
    """How many clues the change has yet to reach."""
    return (await counted(engine, change_id)).get("pending", 0)


async def counted(engine: AsyncEngine, change_id: str) -> dict[str, int]:
    """How many clues came to which outcome."""
    query = text(
        "SELECT outcome, count(*) AS n FROM rule_change_clue WHERE change_id = :id GROUP BY outcome ORDER BY outcome"
    )
    async with engine.connect() as connection:
        return {row.outcome: row.n for row in await connection.execute(query, {"id": change_id})}


async def caught_up(engine: AsyncEngine, change_id: str, *, seconds: float = 5.0) -> bool:
    """Waits until the record has the event of every clue that was moved; False where that takes too long."""
    query = text(
        "SELECT EXISTS (SELECT 1 FROM rule_change_clue k WHERE k.change_id = :id AND k.outcome = 'done'"
        " AND NOT EXISTS (SELECT 1 FROM clue_event e WHERE e.clue_no = k.clue_no"
        "  AND e.command_id = :id || ':' || k.clue_no))"
    )
    try:
        async with asyncio.timeout(seconds):
            while True:
                async with engine.connect() as connection:
                    if not (await connection.execute(query, {"id": change_id})).scalar_one():
                        return True
                await asyncio.sleep(0.05)
    except TimeoutError:
        return False


async def outcomes(engine: AsyncEngine, change_id: str) -> AsyncIterator[tuple[str, str, str]]:
    """Clue, outcome and note of every clue of the change, by number, fetched by and by."""
    query = text(
        "SELECT clue_no, outcome, note FROM rule_change_clue WHERE change_id = :id AND clue_no > :after"
        " ORDER BY clue_no LIMIT :limit"
    )
    after = ""
    while True:
        async with engine.connect() as connection:
            rows = (await connection.execute(query, {"id": change_id, "after": after, "limit": PAGE})).all()
        for row in rows:
            yield row.clue_no, row.outcome, row.note
        if len(rows) < PAGE:
            return
        after = rows[-1].clue_no


async def moved(engine: AsyncEngine, change_id: str) -> AsyncIterator[tuple[str, Json]]:
    """Clue and event data of every `rules_changed` that the record has of the change, by number."""
    query = text(
        "SELECT e.clue_no, e.body FROM rule_change_clue k JOIN clue_event e USING (clue_no)"
        " WHERE k.change_id = :id AND k.clue_no > :after AND e.type = 'rules_changed'"
        " AND e.command_id = :id || ':' || k.clue_no ORDER BY e.clue_no LIMIT :limit"
    )
    after = ""
    while True:
        async with engine.connect() as connection:
            rows = (await connection.execute(query, {"id": change_id, "after": after, "limit": PAGE})).all()
        for row in rows:
            yield row.clue_no, json.loads(row.body)["data"]
        if len(rows) < PAGE:
            return
        after = rows[-1].clue_no


# --- the running clues -----------------------------------------------------------------------------


async def running(
    engine: AsyncEngine, *, clue_nos: tuple[str, ...] = (), region: str = ""
) -> AsyncIterator[tuple[Running, ...]]:
    """The open clues with their states, by number, a page at a time; of these numbers, or whose finder or
    addressee lies in this region (a code, or the first digits of codes), where asked for."""
    query = text(
        "SELECT clue_no, state FROM clue WHERE ended_at IS NULL AND clue_no > :after"
        " AND (cardinality(CAST(:clue_nos AS text[])) = 0 OR clue_no = ANY(:clue_nos))"
        " AND (starts_with(from_agency, :region) OR starts_with(COALESCE(to_agency, ''), :region))"
        " ORDER BY clue_no LIMIT :limit"
    )
    after = ""
    while True:
        asked = {"after": after, "clue_nos": list(clue_nos), "region": region, "limit": PAGE}
        async with engine.connect() as connection:
            rows = (await connection.execute(query, asked)).all()
        if rows:
            yield tuple(Running(row.clue_no, codec.decode(row.state)) for row in rows)
        if len(rows) < PAGE:
            return
        after = rows[-1].clue_no


@dataclass(frozen=True)
class Progress:
    """One change while it goes on, as `runtime.changing` asks for it."""

    engine: AsyncEngine
    change_id: str

    async def turns(self, after: str) -> tuple[Pending, ...]:
        return await pending(self.engine, self.change_id, after=after)

    async def keep(self, book: Rulebook) -> str:
        return await keep_rulebook(self.engine, book)

    async def rulebook(self, key: str) -> Rulebook | None:
        return await rulebook(self.engine, key)

    async def about_to(self, clue_no: str, before: str) -> bool:
        return await about_to(self.engine, self.change_id, clue_no, before)

    async def settle(self, clue_no: str, outcome: str, note: str) -> None:
        await settle(self.engine, self.change_id, clue_no, outcome, note)
