"""The one statement that writes: record, tables for reading and inbox together, in one round trip."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final

import orjson
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection
from sqlmodel import SQLModel

from ledger.rows import Row
from models import Clue, ClueEvent, ClueTrace, DutyRow, NoticeRow

CHANNEL: Final = "clueflow_changed"


@dataclass(frozen=True)
class Batch:
    """Rows to write for one clue. `acknowledged`: {agency, at} for the notices already stored.

    `traces`: all that the clue has now, in plain words; None where they are as they were.
    """

    clue: Row
    events: Sequence[Row] = ()
    duties: Sequence[Row] = ()
    notices: Sequence[Row] = ()
    acknowledged: Sequence[Row] = field(default=())
    traces: Sequence[Row] | None = None


async def write(connection: AsyncConnection, batch: Batch) -> None:
    """Writes the batch and tells the listeners of `CHANNEL` the clue's number, once this is committed.

    IntegrityError where an event of that number is stored already.
    """
    values = {
        "events": batch.events,
        "clue": [batch.clue],
        "duties": batch.duties,
        "notices": batch.notices,
        "acknowledged": batch.acknowledged,
        "traces": batch.traces or (),
    }
    parameters = {name: orjson.dumps(list(rows)).decode() for name, rows in values.items()}
    clue_no = batch.clue["clue_no"]
    own = {"clue_no": clue_no, "channel": CHANNEL, "retrace": batch.traces is not None}
    await connection.execute(_WRITE, {**parameters, **own})


def _columns(model: type[SQLModel], *, without: frozenset[str] = frozenset()) -> list[str]:
    return [
        c.name for c in SQLModel.metadata.tables[str(model.__tablename__)].columns if c.name not in without
    ]


def _upsert(model: type[SQLModel], parameter: str, key: str) -> str:
    table = model.__tablename__
    columns = _columns(model)
    changed = [c for c in columns if c not in key.split(", ")]
    return (
        f"INSERT INTO {table} ({', '.join(columns)}) SELECT {', '.join(columns)} "
        f"FROM json_populate_recordset(NULL::{table}, CAST(:{parameter} AS json)) "
        f"ON CONFLICT ({key}) DO UPDATE SET ({', '.join(changed)}) = "
        f"ROW({', '.join('EXCLUDED.' + c for c in changed)})"
    )


_EVENT = ", ".join(_columns(ClueEvent, without=frozenset({"recorded_at"})))
_NOTICE = _columns(NoticeRow)
_NOTICE_VALUES = ", ".join(
    "COALESCE(delivered_at, statement_timestamp())" if c == "delivered_at" else c for c in _NOTICE
)
# The digest of a trace is made here, so that its key stays in the database. A place's value is the matter.
TRACE_VALUE: Final = (
    "CASE WHEN {t}.kind = 'place' THEN {t}.value ELSE encode(sha256("
    "COALESCE((SELECT key FROM clue_trace_key), '') || convert_to({t}.kind || '|' || {t}.value, 'UTF8')), 'hex') END"
)
_TRACE = _columns(ClueTrace)
_TRACE_VALUES = ", ".join(TRACE_VALUE.format(t="t") + " AS value" if c == "value" else c for c in _TRACE)
# Rows in plain words, the parameter `traces`, as they are stored.
TRACES: Final = (
    f"SELECT {_TRACE_VALUES} FROM json_populate_recordset(NULL::clue_trace, CAST(:traces AS json)) AS t"
)
# The parts see the tables as they were before: what they touch must not overlap. Notices of this batch carry
# their acknowledgement already, so the UPDATE has only stored ones to find.
_WRITE = text(f"""
WITH
recorded AS (
  INSERT INTO clue_event ({_EVENT}) SELECT {_EVENT}
  FROM json_populate_recordset(NULL::clue_event, CAST(:events AS json))),
shown AS ({_upsert(Clue, "clue", "clue_no")}),
owed AS ({_upsert(DutyRow, "duties", "clue_no, n")}),
told AS (
  INSERT INTO notice ({", ".join(_NOTICE)}) SELECT {_NOTICE_VALUES}
  FROM json_populate_recordset(NULL::notice, CAST(:notices AS json))
  RETURNING id, delivered_at),
marked AS (
  INSERT INTO notice_mark (notice_id, mark, at) SELECT id, 'delivered', delivered_at FROM told
  ON CONFLICT DO NOTHING),
traced AS MATERIALIZED (
{TRACES}),
untraced AS (
  DELETE FROM clue_trace o WHERE CAST(:retrace AS boolean) AND o.clue_no = :clue_no
  AND NOT EXISTS (SELECT 1 FROM traced n WHERE (n.kind, n.value) = (o.kind, o.value))),
retraced AS (
  INSERT INTO clue_trace ({", ".join(_TRACE)}) SELECT {", ".join(_TRACE)} FROM traced
  ON CONFLICT (clue_no, kind, value) DO UPDATE SET (at, drill, lon, lat, radius_m, source)
  = ROW(EXCLUDED.at, EXCLUDED.drill, EXCLUDED.lon, EXCLUDED.lat, EXCLUDED.radius_m, EXCLUDED.source)),
answered AS (
  UPDATE notice SET acknowledged_at = LEAST(notice.acknowledged_at, a.at)
  FROM json_to_recordset(CAST(:acknowledged AS json)) AS a(agency text, at timestamptz)
  WHERE notice.clue_no = :clue_no AND notice.to_agency = a.agency)
SELECT pg_notify(:channel, :clue_no)
""")
