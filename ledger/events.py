"""Reading the record. Nothing here changes it; `ledger.flush` alone appends."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Row, text
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from domain.chain import GENESIS, Sealed

_COLUMNS = "clue_no, seq, body, prev_hash, hash"


@dataclass(frozen=True)
class Tip:
    """The end of a chain: the last number and its hash; 0 and GENESIS before the first event."""

    seq: int = 0
    hash: str = GENESIS


@dataclass(frozen=True)
class Recorded:
    """One event as stored; `recorded_at` is when the database took it in."""

    sealed: Sealed
    recorded_at: datetime


async def read(connection: AsyncConnection, clue_no: str, *, after: int = 0) -> tuple[Sealed, ...]:
    """The clue's events behind number `after`, in order; empty where there are none."""
    query = text(f"SELECT {_COLUMNS} FROM clue_event WHERE clue_no = :clue_no AND seq > :after ORDER BY seq")
    rows = await connection.execute(query, {"clue_no": clue_no, "after": after})
    return tuple(Sealed(*row) for row in rows)


async def tip(engine: AsyncEngine, clue_no: str) -> Tip:
    """The clue's last event; number 0 where there is none."""
    query = text("SELECT seq, hash FROM clue_event WHERE clue_no = :clue_no ORDER BY seq DESC LIMIT 1")
    async with engine.connect() as connection:
        row = (await connection.execute(query, {"clue_no": clue_no})).one_or_none()
    return Tip() if row is None else Tip(row.seq, row.hash)


async def recorded(
    connection: AsyncConnection, clue_no: str, *, after: int = 0, limit: int = 1000
) -> tuple[Recorded, ...]:
    """As `read`, with the instants of recording, at most `limit` of them."""
    query = text(
        f"SELECT {_COLUMNS}, recorded_at FROM clue_event"
        " WHERE clue_no = :clue_no AND seq > :after ORDER BY seq LIMIT :limit"
    )
    rows = await connection.execute(query, {"clue_no": clue_no, "after": after, "limit": limit})
    return tuple(Recorded(Sealed(*row[:5]), row[5]) for row in rows)


async def hashes(connection: AsyncConnection, clue_no: str, first: int, last: int) -> dict[int, str]:
    """The stored hashes of the numbers `first` to `last`, both included."""
    query = text("SELECT seq, hash FROM clue_event WHERE clue_no = :clue_no AND seq BETWEEN :first AND :last")
    rows = await connection.execute(query, {"clue_no": clue_no, "first": first, "last": last})
    return {row.seq: row.hash for row in rows}


async def clue_nos(engine: AsyncEngine) -> AsyncIterator[str]:
    """Every clue that the record knows, sorted; without holding a transaction open over the loop."""
    last = ""
    query = text("SELECT DISTINCT clue_no FROM clue_event WHERE clue_no > :last ORDER BY clue_no LIMIT 500")
    while True:
        async with engine.connect() as connection:
            page = (await connection.execute(query, {"last": last})).scalars().all()
        for clue_no in page:
            yield clue_no
        if not page:
            return
        last = page[-1]


async def stream(connection: AsyncConnection, clue_no: str | None) -> AsyncIterator[Row[tuple[object, ...]]]:
    """Every stored column of the log, one clue after the other, fetched by and by."""
    where = "" if clue_no is None else "WHERE clue_no = :clue_no"
    query = text(f"SELECT {_COLUMNS}, type, at, command_id FROM clue_event {where} ORDER BY clue_no, seq")
    result = await connection.stream(query, {} if clue_no is None else {"clue_no": clue_no})
    async for row in result:
        yield row
