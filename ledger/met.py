"""What the ledger knows of reports that are about to be made: whether they were, and whom they resemble."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import asdict
from typing import Any, Final

import orjson
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine

from domain.chain import Sealed, opened
from domain.model import iso
from domain.suspects import Asked, Known, Measures, Met, Suspect, suspects
from domain.traces import Trace
from ledger.write import TRACE_VALUE

DEGREE_M: Final = 111_195.0  # of latitude
MOST: Final = 200  # clues met, per report: a lorry that passes every day


class Reports:
    """The same on one engine, as an import asks for it."""

    def __init__(self, engine: AsyncEngine) -> None:
        self._engine = engine

    async def known(self, command_ids: Sequence[str]) -> dict[str, Known]:
        return await known(self._engine, command_ids)

    async def resembling(self, asked: Sequence[Asked], measures: Measures) -> list[tuple[Suspect, ...]]:
        return await resembling(self._engine, asked, measures)


async def known(engine: AsyncEngine, command_ids: Sequence[str]) -> dict[str, Known]:
    """By command id, the reports among these that the ledger has."""
    query = text(
        "SELECT e.command_id, e.clue_no, e.seq, e.body, e.prev_hash, e.hash,"
        " CAST(c.state AS json) -> 'clue' AS now FROM clue_event e"
        " LEFT JOIN clue c USING (clue_no) WHERE e.seq = 1 AND e.command_id = ANY(:ids)"
    )
    async with engine.connect() as connection:
        found = (await connection.execute(query, {"ids": list(command_ids)})).all()
    out = {}
    for row in found:
        reported = opened(Sealed(row.clue_no, row.seq, row.body, row.prev_hash, row.hash)).data["clue"]
        out[row.command_id] = Known(row.clue_no, reported, reported if row.now is None else row.now)
    return out


async def resembling(
    engine: AsyncEngine, asked: Sequence[Asked], measures: Measures
) -> list[tuple[Suspect, ...]]:
    """For each report the clues that it may repeat, one round trip for all. Withdrawn ones are left out, and one
    that was merged stands for the clue that it went into.
    """
    rows = [_row(n, a, measures) for n, a in enumerate(asked)]
    wanted = [
        {"n": n, "kind": t.kind, "value": t.value}
        for n, a in enumerate(asked)
        for t in a.traces
        if t.kind != "place" and t.kind in measures.strengths
    ]
    values = {"asked": orjson.dumps(rows).decode(), "wanted": orjson.dumps(wanted).decode(), "most": MOST}
    async with engine.connect() as connection:
        found = (await connection.execute(_MET, values)).all()
    met: list[list[Met]] = [[] for _ in asked]
    for row in found:
        trace = Trace(row.kind, row.value, row.lon, row.lat, row.radius_m, row.source)
        met[row.n].append(Met(row.clue_no, row.at, trace))
    return [suspects(a.traces, a.at, m, measures) for a, m in zip(asked, met, strict=True)]


async def is_traced(engine: AsyncEngine) -> bool:
    """Whether every clue has its traces; where not, `rebuild` makes those of clues from before there were any."""
    query = text(
        "SELECT NOT EXISTS (SELECT 1 FROM clue c WHERE NOT EXISTS"
        " (SELECT 1 FROM clue_trace t WHERE t.clue_no = c.clue_no))"
    )
    async with engine.connect() as connection:
        return bool((await connection.execute(query)).scalar_one())


def _row(n: int, asked: Asked, measures: Measures) -> dict[str, Any]:
    """A report with the window of time and the frame in which others are looked for."""
    longest = measures.longest
    place = next((t for t in asked.traces if t.kind == "place"), None)
    row: dict[str, Any] = {
        "n": n,
        "command_id": asked.command_id,
        "drill": asked.drill,
        "first": iso(asked.at - longest),
        "last": iso(asked.at + longest),
    }
    if place is None or place.lon is None or place.lat is None:
        return row
    tall = max(measures.least_m, place.radius_m) / DEGREE_M
    wide = tall / max(0.01, math.cos(math.radians(place.lat)))
    frame = asdict(place)
    return {**row, "lon": frame["lon"], "lat": frame["lat"], "tall": tall, "wide": wide}


# A digest is given back as the word that was asked for, so that what is compared behind this reads plain.
_MET = text(f"""
WITH asked AS (
  SELECT * FROM json_to_recordset(CAST(:asked AS json)) AS a(
    n int, command_id text, drill boolean, first timestamptz, last timestamptz,
    lon float, lat float, tall float, wide float)),
wanted AS MATERIALIZED (
  SELECT w.n, w.kind, w.value AS plain, {TRACE_VALUE.format(t="w")} AS value
  FROM json_to_recordset(CAST(:wanted AS json)) AS w(n int, kind text, value text)),
met AS (
  SELECT a.n, t.clue_no AS own, t.at, t.kind, w.plain AS value, t.lon, t.lat, t.radius_m, t.source, a.command_id
  FROM wanted w JOIN asked a USING (n)
  JOIN LATERAL (
    SELECT * FROM clue_trace t WHERE t.kind = w.kind COLLATE "C" AND t.value = w.value COLLATE "C"
      AND t.at BETWEEN a.first AND a.last AND t.drill = a.drill
    ORDER BY t.at DESC LIMIT :most) t ON true
  UNION ALL
  SELECT a.n, t.clue_no, t.at, t.kind, t.value, t.lon, t.lat, t.radius_m, t.source, a.command_id
  FROM asked a
  JOIN LATERAL (
    SELECT * FROM clue_trace t WHERE t.kind = 'place' AND t.lat BETWEEN a.lat - a.tall AND a.lat + a.tall
      AND t.lon BETWEEN a.lon - a.wide AND a.lon + a.wide
      AND t.at BETWEEN a.first AND a.last AND t.drill = a.drill
    ORDER BY t.at DESC LIMIT :most) t ON true)
SELECT n, clue_no, at, kind, value, lon, lat, radius_m, source
FROM (
  SELECT m.*, CASE WHEN c.stage = 'merged' THEN CAST(c.state AS json) ->> 'merged_into' ELSE m.own END AS clue_no
  FROM met m JOIN clue c ON c.clue_no = m.own WHERE c.stage <> 'withdrawn') AS s
WHERE NOT EXISTS (SELECT 1 FROM clue_event e WHERE e.clue_no = s.clue_no AND e.seq = 1
                  AND e.command_id = s.command_id)
""")
