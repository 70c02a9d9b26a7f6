"""Which clues a region's order concerns, and what it moved, as the log tells it."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine

from domain.chain import Sealed, opened
from domain.model import Json, instant

PAGE: Final = 500
# Spelt out as the index `clue_event_by_order` has them: by parameters it would not be found.
KINDS_SQL: Final = "('region_suspended', 'region_resumed', 'region_suspension_undone')"
ORDER_NO: Final = "body::jsonb -> 'data' ->> 'order_no'"
OF_ORDER: Final = f"left({ORDER_NO}, 200) = left(:order_no, 200) AND {ORDER_NO} = :order_no"
# An open clue `c` whose finder or addressee, or an agency that owes something in it, lies where `:digits` says.
CONCERNED: Final = (
    "(starts_with(c.from_agency, :digits) OR starts_with(coalesce(c.to_agency, ' '), :digits)"
    " OR EXISTS (SELECT 1 FROM duty d WHERE d.clue_no = c.clue_no AND starts_with(d.obliged, :digits)"
    " AND d.fulfilled_at IS NULL AND d.cancelled_at IS NULL))"
)


@dataclass(frozen=True)
class Moved:
    """One duty that an order stopped or started again; the new dates are None while it stands still."""

    clue_no: str
    seq: int
    at: datetime
    kind: str
    duty: str
    obliged: str
    due_at: datetime
    legal_due_at: datetime
    new_due_at: datetime | None
    new_legal_due_at: datetime | None


@dataclass(frozen=True)
class Known:
    """An order in one clue, as far as the ledger has it."""

    clue_no: str
    kinds: frozenset[str]

    def has(self, kind: str) -> bool:
        return kind in self.kinds


async def concerned(engine: AsyncEngine, digits: str) -> AsyncIterator[str]:
    """Every open clue whose finder or addressee, or an agency that owes something in it, lies there, sorted.

    `digits`: what the codes begin with; nothing for everywhere. A page at a time, no transaction held open.
    """
    query = text(
        f"SELECT c.clue_no FROM clue c WHERE c.ended_at IS NULL AND c.clue_no > :last AND {CONCERNED}"
        " ORDER BY c.clue_no LIMIT :page"
    )
    last = ""
    while True:
        async with engine.connect() as connection:
            found = await connection.execute(query, {"last": last, "digits": digits, "page": PAGE})
            page = found.scalars().all()
        for clue_no in page:
            yield clue_no
        if len(page) < PAGE:
            return
        last = page[-1]


async def known(engine: AsyncEngine, order_no: str) -> dict[str, Known]:
    """The clues that have had that order, by number."""
    found: dict[str, set[str]] = {}
    async for sealed in _events(engine, order_no):
        found.setdefault(sealed.clue_no, set()).add(opened(sealed).type)
    return {clue_no: Known(clue_no, frozenset(kinds)) for clue_no, kinds in found.items()}


async def moved(engine: AsyncEngine, order_no: str) -> AsyncIterator[Moved]:
    """What the order moved, clue after clue, in the order in which it happened."""
    async for sealed in _events(engine, order_no):
        event = opened(sealed)
        for move in event.data["moves"]:
            yield moved_in(sealed.clue_no, sealed.seq, event.at, event.type, move)


def moved_in(clue_no: str, seq: int, at: datetime, kind: str, move: Json) -> Moved:
    def at_of(key: str) -> datetime | None:
        return instant(move[key]) if key in move else None

    return Moved(
        clue_no,
        seq,
        at,
        kind,
        move["id"],
        move["obliged"],
        instant(move["due_at"]),
        instant(move["legal_due_at"]),
        at_of("new_due_at"),
        at_of("new_legal_due_at"),
    )


ORDERS: Final = text(
    f"SELECT {ORDER_NO} AS order_no, min(body::jsonb -> 'data' ->> 'region') AS region,"
    " min(at) AS since, count(*) FILTER (WHERE type = 'region_suspended') AS suspended,"
    " count(*) FILTER (WHERE type = 'region_resumed') AS resumed,"
    " count(*) FILTER (WHERE type = 'region_suspension_undone') AS undone"
    f" FROM clue_event WHERE type IN {KINDS_SQL} GROUP BY 1 ORDER BY since, 1"
)
EVENTS: Final = text(
    f"SELECT clue_no, seq, body, prev_hash, hash FROM clue_event WHERE type IN {KINDS_SQL}"
    f" AND {OF_ORDER} ORDER BY clue_no, seq"
)


async def orders(engine: AsyncEngine) -> list[Json]:
    """Every order in the log: its number, region, first instant, and in how many clues it began, ended, was undone."""
    async with engine.connect() as connection:
        return [dict(row) for row in (await connection.execute(ORDERS)).mappings()]


async def _events(engine: AsyncEngine, order_no: str) -> AsyncIterator[Sealed]:
    async with engine.connect() as connection:
        async for row in await connection.stream(EVENTS, {"order_no": order_no}):
            yield Sealed(*row)
