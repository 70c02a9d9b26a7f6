"""Everything that the ledger's tables hold, for comparing."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine
from sqlmodel import SQLModel

import models  # noqa: F401  the tables register themselves


async def dump(
    engine: AsyncEngine, clue_no: str | None = None, without: Collection[str] = ()
) -> dict[str, list[dict[str, Any]]]:
    """Every row of every table (of one clue, where a table has them), by primary key; not the traces' key."""
    out: dict[str, list[dict[str, Any]]] = {}
    async with engine.connect() as connection:
        for table in SQLModel.metadata.sorted_tables:
            if table.name == "clue_trace_key":
                continue
            keys = ", ".join(c.name for c in table.primary_key)
            of_clue = clue_no is not None and "clue_no" in table.columns
            where = "WHERE clue_no = :clue_no" if of_clue else ""
            query = text(f"SELECT * FROM {table.name} {where} ORDER BY {keys}")
            rows = await connection.execute(query, {"clue_no": clue_no} if of_clue else {})
            out[table.name] = [{k: v for k, v in row.items() if k not in without} for row in rows.mappings()]
    return out
