"""Temporal's histories, kept as files in a table."""

from __future__ import annotations

import gzip
from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine


@dataclass(frozen=True)
class StoredRun:
    """One exported run; `events` counts its history's events, `size` its bytes as stored."""

    workflow_id: str
    run_id: str
    clue_no: str
    events: int
    complete: bool
    exported_at: datetime
    size: int


async def store(
    engine: AsyncEngine,
    workflow_id: str,
    run_id: str,
    clue_no: str,
    *,
    history: str,
    events: int,
    complete: bool,
) -> None:
    """Keeps the run's history (Temporal's JSON). A shorter or incomplete one never takes a better one's place."""
    query = text(
        "INSERT INTO run_history (workflow_id, run_id, clue_no, events, complete, exported_at, body)"
        " VALUES (:workflow_id, :run_id, :clue_no, :events, :complete, now(), :body)"
        " ON CONFLICT (workflow_id, run_id) DO UPDATE SET events = EXCLUDED.events,"
        " complete = EXCLUDED.complete, exported_at = EXCLUDED.exported_at, body = EXCLUDED.body"
        " WHERE NOT run_history.complete AND run_history.events <= EXCLUDED.events"
    )
    parameters = {
        "workflow_id": workflow_id,
        "run_id": run_id,
        "clue_no": clue_no,
        "events": events,
        "complete": complete,
        "body": gzip.compress(history.encode(), mtime=0),
    }
    async with engine.begin() as connection:
        await connection.execute(query, parameters)


async def load(engine: AsyncEngine, workflow_id: str, run_id: str) -> str | None:
    """The history as Temporal's JSON, for a replay; None where it was never exported."""
    query = text("SELECT body FROM run_history WHERE workflow_id = :workflow_id AND run_id = :run_id")
    async with engine.connect() as connection:
        found = await connection.execute(query, {"workflow_id": workflow_id, "run_id": run_id})
        body = found.scalar_one_or_none()
    return None if body is None else gzip.decompress(body).decode()


async def runs(engine: AsyncEngine, clue_no: str) -> tuple[StoredRun, ...]:
    """The exported runs of a clue, oldest first."""
    query = text(
        "SELECT workflow_id, run_id, clue_no, events, complete, exported_at, length(body) AS size"
        " FROM run_history WHERE clue_no = :clue_no ORDER BY exported_at, run_id"
    )
    async with engine.connect() as connection:
        found = (await connection.execute(query, {"clue_no": clue_no})).mappings().all()
    return tuple(StoredRun(**row) for row in found)


async def incomplete(engine: AsyncEngine, run_ids: Collection[str]) -> frozenset[str]:
    """Those of `run_ids` whose complete history isn't here yet."""
    query = text("SELECT run_id FROM run_history WHERE complete AND run_id = ANY(:run_ids)")
    async with engine.connect() as connection:
        complete = (await connection.execute(query, {"run_ids": list(run_ids)})).scalars().all()
    return frozenset(run_ids) - frozenset(complete)
