"""What is owed on some clues: the dates behind the lines of a list."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine

_SHOWN: Final = "clue_no, id, obliged, due_at, legal_due_at, provisional, unit_basis, term_n, term_unit"


@dataclass(frozen=True)
class Owed:
    """One duty still owed and not suspended. No clock changes its dates, only a command does."""

    clue_no: str
    id: str
    obliged: str
    due_at: datetime
    legal_due_at: datetime
    provisional: bool
    unit_basis: str
    term_n: int
    term_unit: str


async def owed(engine: AsyncEngine, clue_nos: Collection[str]) -> dict[str, tuple[Owed, ...]]:
    """What is owed on each of the clues, what is due first first; a clue without any is left out."""
    query = text(
        f"SELECT {_SHOWN} FROM duty WHERE clue_no = ANY(:clue_nos)"
        " AND fulfilled_at IS NULL AND cancelled_at IS NULL AND suspended_at IS NULL"
        " ORDER BY clue_no, due_at, n"
    )
    out: dict[str, list[Owed]] = {}
    async with engine.connect() as connection:
        for row in (await connection.execute(query, {"clue_nos": list(clue_nos)})).mappings():
            out.setdefault(row["clue_no"], []).append(Owed(**row))
    return {clue_no: tuple(duties) for clue_no, duties in out.items()}
