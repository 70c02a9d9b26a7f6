"""What one agency owes, over all its clues: the rows behind its calendar."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine

MOST: Final = 5000


@dataclass(frozen=True)
class TermRow:
    """One duty with the words of its clue. `clue` is the clue's state, encoded as `ledger.codec` does."""

    clue_no: str
    n: int
    id: str
    opened_at: datetime
    due_at: datetime
    legal_due_at: datetime
    provisional: bool
    article: str
    term_n: int
    term_unit: str
    unit_basis: str
    suspended_at: datetime | None
    fulfilled_at: datetime | None
    was_late: bool
    title: str
    drill: bool
    state: str


@dataclass(frozen=True)
class Terms:
    """`changed_at`: when the record last heard of one of these clues; None where there are none."""

    rows: tuple[TermRow, ...]
    changed_at: datetime | None


_QUERY: Final = text("""
SELECT d.clue_no, d.n, d.id, d.opened_at, d.due_at, d.legal_due_at, d.provisional, d.article, d.term_n,
       d.term_unit, d.unit_basis, d.suspended_at, d.fulfilled_at, d.was_late, c.title, c.drill, c.state,
       (SELECT max(e.recorded_at) FROM clue_event e WHERE e.clue_no = d.clue_no) AS recorded_at
FROM duty d JOIN clue c USING (clue_no)
WHERE d.obliged = :agency AND d.cancelled_at IS NULL AND (d.fulfilled_at IS NULL OR d.fulfilled_at > :since)
ORDER BY d.due_at, d.clue_no, d.n LIMIT :most
""")


async def terms(engine: AsyncEngine, agency: str, done_since: datetime) -> Terms:
    """What the agency owes now, and what it has done after `done_since`; what is due first first."""
    asked: dict[str, Any] = {"agency": agency, "since": done_since, "most": MOST}
    async with engine.connect() as connection:
        found = [dict(row) for row in (await connection.execute(_QUERY, asked)).mappings()]
    changed = [row.pop("recorded_at") for row in found]
    return Terms(tuple(TermRow(**row) for row in found), max((at for at in changed if at), default=None))
