"""Building the tables for reading again, from the record and the marks.

One transaction per clue: a reader sees the old rows or the new ones, never none.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from domain.chain import Sealed
from domain.model import blank, iso
from domain.packs import Rulebook
from ledger import events, rows
from ledger.events import Tip
from ledger.rows import Row
from ledger.write import Batch, write


@dataclass(frozen=True)
class Rebuilt:
    """`failed` names the clues whose events can't be read, with the reason; their rows stay as they were."""

    clues: int
    events: int
    failed: tuple[tuple[str, str], ...] = ()


async def rebuild(
    engine: AsyncEngine, rules: Rulebook, progress: Callable[[str, int], None] | None = None
) -> Rebuilt:
    """Builds every clue's rows from its events. `progress(clue_no, clues so far)` after each.

    Rows of clues that the record doesn't know go. Marks (delivered, read, acknowledged) are kept.
    """
    clues = count = 0
    failed: list[tuple[str, str]] = []
    async for clue_no in events.clue_nos(engine):
        try:
            async with engine.begin() as connection:
                count += await rebuild_clue(connection, clue_no, rules)
        except (LookupError, ValueError, TypeError, AttributeError, AssertionError) as err:
            failed.append((clue_no, f"{type(err).__name__}: {err}"))
        clues += 1
        if progress is not None:
            progress(clue_no, clues)
    async with engine.begin() as connection:
        await _drop_orphans(connection)
    return Rebuilt(clues, count, tuple(failed))


async def rebuild_clue(connection: AsyncConnection, clue_no: str, rules: Rulebook) -> int:
    """The same for one clue, in the caller's transaction; gives the number of its events, 0 for none."""
    await _lock(connection, clue_no)
    sealed = await events.read(connection, clue_no)
    if not sealed:
        return 0
    derived = rows.derive(blank(clue_no), sealed, rules)
    notices = await _with_marks(connection, derived.notices)
    for table in ("duty", "notice"):
        await connection.execute(text(f"DELETE FROM {table} WHERE clue_no = :clue_no"), {"clue_no": clue_no})
    await write(
        connection,
        Batch(
            clue=rows.clue_row(derived.state, _tip(sealed), rules),
            duties=rows.duty_rows(None, derived.state),
            notices=notices,
            traces=rows.trace_rows(None, derived.state),
        ),
    )
    return len(sealed)


def _tip(sealed: Sequence[Sealed]) -> Tip:
    return Tip(sealed[-1].seq, sealed[-1].hash)


async def alone(connection: AsyncConnection, clue_no: str) -> None:
    """Until the end of the transaction nobody else is who found that clue's row missing."""
    query = text("SELECT pg_advisory_xact_lock(hashtextextended(:clue_no, 0))")
    await connection.execute(query, {"clue_no": clue_no})


async def _lock(connection: AsyncConnection, clue_no: str) -> None:
    """Against flushes by the row; where it is missing, against whoever else finds it missing."""
    await alone(connection, clue_no)
    await connection.execute(
        text("SELECT 1 FROM clue WHERE clue_no = :clue_no FOR UPDATE"), {"clue_no": clue_no}
    )


async def _with_marks(connection: AsyncConnection, notices: Sequence[Row]) -> list[Row]:
    """The notices with what had happened to them: marks are of the record, and the earliest counts."""
    query = text("SELECT notice_id, mark, at FROM notice_mark WHERE notice_id = ANY(:ids)")
    found = await connection.execute(query, {"ids": [row["id"] for row in notices]})
    marks = {(m.notice_id, m.mark): m.at for m in found}
    out = []
    for row in notices:
        delivered, read = (marks.get((row["id"], mark)) for mark in ("delivered", "read"))
        acknowledged = [row["acknowledged_at"], _iso(marks.get((row["id"], "acknowledged")))]
        instants = [datetime.fromisoformat(text) for text in acknowledged if text is not None]
        out.append(
            {
                **row,
                "delivered_at": _iso(delivered),
                "read_at": _iso(read),
                "acknowledged_at": _iso(min(instants, default=None)),
            }
        )
    return out


def _iso(at: datetime | None) -> str | None:
    return None if at is None else iso(at)


async def _drop_orphans(connection: AsyncConnection) -> None:
    for table in ("clue", "clue_trace", "duty", "notice"):
        await connection.execute(
            text(
                f"DELETE FROM {table} t WHERE NOT EXISTS"
                " (SELECT 1 FROM clue_event e WHERE e.clue_no = t.clue_no AND e.seq = 1)"
            )
        )
