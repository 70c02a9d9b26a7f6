"""Carrying notices out of the house: what waits, who sends it, and how it went.

Several workers may ask at once: rows are leased under `FOR UPDATE SKIP LOCKED`, and a lease that runs out is
given to the next one who asks. All instants come from the caller.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

import orjson
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from domain.model import iso

DIGEST_MOST: Final = 50  # notices in one digest
PLAN_PAGE: Final = 500


@dataclass(frozen=True)
class Unplanned:
    """A notice that no channel carries yet.

    `in_hours`: its agency owes something on the clue that is counted in hours. `next_due_at`: the earliest
    date of what the agency owes there, None where it owes nothing. `emergency`: the clue is one now.
    """

    id: str
    to_agency: str
    clue_no: str
    kind: str
    drill: bool
    delivered_at: datetime
    in_hours: bool
    next_due_at: datetime | None
    emergency: bool


@dataclass(frozen=True)
class Planned:
    """A row to be: the first channel of a lane."""

    notice_id: str
    channel: str
    kind: str
    agency: str
    clue_no: str
    lane: str
    digest: bool
    due_at: datetime


@dataclass(frozen=True)
class Leased:
    """One row that the asker may send now; `attempts` counts this attempt too.

    The notice's own columns are None where the inbox doesn't hold it any more. `state` is the clue's, encoded
    as `ledger.codec` does.
    """

    notice_id: str
    channel: str
    agency: str
    clue_no: str
    lane: str
    digest: bool
    attempts: int
    notice_kind: str | None
    title: str | None
    text: str | None
    duty: str | None
    drill: bool | None
    created_at: datetime | None
    state: str | None


@dataclass(frozen=True)
class Went:
    """How an attempt went. `retry_at` None: not again on this channel; then `following` are the lane's others."""

    notice_id: str
    channel: str
    attempt: int
    started_at: datetime
    ended_at: datetime
    outcome: str
    http_status: int | None = None
    code: str | None = None
    said: str | None = None
    retry_at: datetime | None = None
    following: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True)
class Carried:
    """One notice on one channel, for looking at."""

    notice_id: str
    channel: str
    kind: str
    agency: str
    lane: str
    state: str
    digest: bool
    due_at: datetime
    attempts: int
    last_at: datetime | None
    accepted_at: datetime | None
    exhausted_at: datetime | None
    http_status: int | None
    code: str | None
    said: str | None


@dataclass(frozen=True)
class Health:
    """`overdue`: rows that should have gone before `waiting_since`; `exhausted`: unread notices that no channel took."""

    overdue: int
    exhausted: int


_UNPLANNED: Final = text("""
SELECT n.id, n.to_agency, n.clue_no, n.kind, n.drill, n.delivered_at,
       COALESCE(o.in_hours, FALSE) AS in_hours, o.next_due_at,
       COALESCE(CAST(CAST(c.state AS json) -> 'clue' ->> 'emergency' AS boolean), FALSE) AS emergency
FROM notice n LEFT JOIN clue c ON c.clue_no = n.clue_no LEFT JOIN LATERAL (
  SELECT bool_or(d.term_unit = 'hour') AS in_hours, min(d.due_at) AS next_due_at FROM duty d
  WHERE d.clue_no = n.clue_no AND d.obliged = n.to_agency
    AND d.fulfilled_at IS NULL AND d.cancelled_at IS NULL) o ON TRUE
WHERE (n.delivered_at, n.id) > (:since, :after) AND n.created_at > :oldest
  AND NOT EXISTS (SELECT 1 FROM delivery x WHERE x.notice_id = n.id)
ORDER BY n.delivered_at, n.id LIMIT :most
""")


async def unplanned(
    engine: AsyncEngine, since: datetime, oldest: datetime, after: str = "", most: int = PLAN_PAGE
) -> tuple[Unplanned, ...]:
    """Notices that reached an inbox behind (`since`, `after`) and happened after `oldest`, in that order."""
    asked = {"since": since, "after": after, "oldest": oldest, "most": most}
    async with engine.connect() as connection:
        rows = (await connection.execute(_UNPLANNED, asked)).mappings().all()
    return tuple(Unplanned(**row) for row in rows)


_PLAN: Final = text("""
INSERT INTO delivery (notice_id, channel, kind, agency, clue_no, lane, place, digest, state, created_at, due_at, attempts)
SELECT p.notice_id, p.channel, p.kind, p.agency, p.clue_no, p.lane, 0, p.digest, 'queued', :now, p.due_at, 0
FROM json_to_recordset(CAST(:rows AS json)) AS p(
  notice_id text, channel text, kind text, agency text, clue_no text, lane text, digest boolean, due_at timestamptz)
ON CONFLICT DO NOTHING
""")


async def plan(engine: AsyncEngine, rows: Sequence[Planned], now: datetime) -> None:
    """Queues the rows; what is there already stays as it is."""
    if not rows:
        return
    async with engine.begin() as connection:
        await connection.execute(_PLAN, {"rows": _json([vars(row) for row in rows]), "now": now})


_FREE: Final = "state = 'queued' AND due_at <= :now AND (lease_until IS NULL OR lease_until <= :now)"
# A lease that ran out was an attempt too: nobody knows how it ended, and the log of attempts says so.
_TAKE: Final = """
lost AS (
  INSERT INTO delivery_attempt (notice_id, channel, n, started_at, ended_at, outcome)
  SELECT d.notice_id, d.channel, d.attempts, d.last_at, :now, 'lost'
  FROM delivery d JOIN due USING (notice_id, channel) WHERE d.lease_until IS NOT NULL
  ON CONFLICT DO NOTHING),
taken AS (
  UPDATE delivery d SET lease_until = :until, attempts = d.attempts + 1, last_at = :now
  FROM due WHERE d.notice_id = due.notice_id AND d.channel = due.channel
  RETURNING d.notice_id, d.channel, d.agency, d.clue_no, d.lane, d.digest, d.attempts, d.due_at)
SELECT t.notice_id, t.channel, t.agency, t.clue_no, t.lane, t.digest, t.attempts,
       n.kind AS notice_kind, n.title, n.text, n.duty, n.drill, n.created_at, c.state
FROM taken t LEFT JOIN notice n ON n.id = t.notice_id LEFT JOIN clue c ON c.clue_no = t.clue_no
ORDER BY t.due_at, t.notice_id
"""
_LEASE: Final = text(f"""
WITH due AS (
  SELECT q.notice_id, q.channel FROM unnest(CAST(:channels AS text[])) AS c(channel), LATERAL (
    SELECT notice_id, channel FROM delivery WHERE channel = c.channel AND NOT digest AND {_FREE}
    ORDER BY due_at LIMIT :each FOR UPDATE SKIP LOCKED) q),
{_TAKE}""")
_LEASE_DIGEST: Final = text(f"""
WITH waiting AS (
  SELECT agency, channel FROM delivery WHERE channel = ANY(:channels) AND digest AND {_FREE}
  GROUP BY agency, channel ORDER BY min(due_at) LIMIT 20),
mine AS (
  SELECT agency, channel FROM waiting
  WHERE pg_try_advisory_xact_lock(hashtextextended('digest ' || agency || ' ' || channel, 0)) LIMIT 1),
due AS (
  SELECT d.notice_id, d.channel FROM delivery d JOIN mine USING (agency, channel)
  WHERE digest AND {_FREE} ORDER BY due_at LIMIT :each FOR UPDATE OF d SKIP LOCKED),
{_TAKE}""")


async def lease(
    engine: AsyncEngine, channels: Collection[str], now: datetime, until: datetime, *, each: int
) -> tuple[Leased, ...]:
    """Up to `each` rows of each of the channels, due first first, theirs who asks till `until`."""
    return await _leased(engine, _LEASE, channels, now, until, each)


async def lease_digest(
    engine: AsyncEngine, channels: Collection[str], now: datetime, until: datetime
) -> tuple[Leased, ...]:
    """All that waits for one agency's digest on one channel; empty where none does."""
    return await _leased(engine, _LEASE_DIGEST, channels, now, until, DIGEST_MOST)


async def _leased(
    engine: AsyncEngine, query: Any, channels: Collection[str], now: datetime, until: datetime, each: int
) -> tuple[Leased, ...]:
    if not channels:
        return ()
    asked = {"channels": list(channels), "now": now, "until": until, "each": each}
    async with engine.begin() as connection:
        rows = (await connection.execute(query, asked)).mappings().all()
    return tuple(Leased(**row) for row in rows)


_ATTEMPTS: Final = text("""
INSERT INTO delivery_attempt (notice_id, channel, n, started_at, ended_at, outcome, http_status, code, said)
SELECT * FROM json_to_recordset(CAST(:rows AS json)) AS w(
  notice_id text, channel text, attempt int, started_at timestamptz, ended_at timestamptz, outcome text,
  http_status int, code text, said text)
ON CONFLICT DO NOTHING
""")
# Whoever's lease ran out meanwhile has no say any more, but what the gateway has accepted is accepted.
_RESULTS: Final = text("""
UPDATE delivery d SET
  state = w.state, lease_until = NULL, due_at = COALESCE(w.retry_at, d.due_at),
  accepted_at = CASE WHEN w.state = 'accepted' THEN w.ended_at END,
  http_status = w.http_status, code = w.code, said = w.said
FROM json_to_recordset(CAST(:rows AS json)) AS w(
  notice_id text, channel text, attempt int, ended_at timestamptz, state text, http_status int, code text,
  said text, retry_at timestamptz)
WHERE d.notice_id = w.notice_id AND d.channel = w.channel AND d.state <> 'accepted'
  AND (w.state = 'accepted' OR (d.attempts = w.attempt AND d.state = 'queued'))
RETURNING d.notice_id, d.channel, d.state
""")


async def record(engine: AsyncEngine, results: Sequence[Went], now: datetime) -> tuple[Went, ...]:
    """Notes how attempts went, and queues the next channel where one failed, in one transaction.

    Gives those behind which no channel was left.
    """
    rows = [{**vars(went), "state": _state(went)} for went in results]
    exhausted = []
    async with engine.begin() as connection:
        asked = {"rows": _json(rows)}
        await connection.execute(_ATTEMPTS, asked)
        done = (await connection.execute(_RESULTS, asked)).all()
        failed = {(row.notice_id, row.channel) for row in done if row.state == "failed"}
        for went in results:
            if (went.notice_id, went.channel) in failed and not await _passed_on(connection, went, now):
                exhausted.append(went)
    return tuple(exhausted)


def _state(went: Went) -> str:
    if went.outcome == "accepted":
        return "accepted"
    return "failed" if went.retry_at is None else "queued"


_NEXT: Final = text("""
INSERT INTO delivery (notice_id, channel, kind, agency, clue_no, lane, place, digest, state, created_at, due_at, attempts)
SELECT notice_id, :next, :kind, agency, clue_no, lane, place + 1, digest, 'queued', :now, :now, 0
FROM delivery WHERE notice_id = :notice_id AND channel = :channel
ON CONFLICT DO NOTHING RETURNING state
""")
_STATE: Final = text("SELECT state FROM delivery WHERE notice_id = :notice_id AND channel = :next")
_EXHAUSTED: Final = text(
    "UPDATE delivery SET exhausted_at = :now WHERE notice_id = :notice_id AND channel = :channel"
)


async def _passed_on(connection: AsyncConnection, went: Went, now: datetime) -> bool:
    """Queues the first of the lane's others that hasn't failed; one that another lane uses will do."""
    asked = {"notice_id": went.notice_id, "channel": went.channel, "now": now}
    for name, kind in went.following:
        made = await connection.execute(_NEXT, {**asked, "next": name, "kind": kind})
        if made.one_or_none() is not None:
            return True
        there = await connection.execute(_STATE, {"notice_id": went.notice_id, "next": name})
        if there.scalar_one() != "failed":
            return True
    await connection.execute(_EXHAUSTED, asked)
    return False


_STRAY: Final = text("""
SELECT notice_id, channel, agency, clue_no, lane, digest, attempts, last_at FROM delivery
WHERE state = 'queued' AND NOT (channel = ANY(:known)) AND created_at < :before
  AND (lease_until IS NULL OR lease_until <= :now)
LIMIT 500
""")


async def strays(
    engine: AsyncEngine, known: Collection[str], before: datetime, now: datetime
) -> tuple[Mapping[str, Any], ...]:
    """Rows queued before an instant for channels that are configured no more."""
    asked = {"known": list(known), "before": before, "now": now}
    async with engine.connect() as connection:
        return tuple(dict(row) for row in (await connection.execute(_STRAY, asked)).mappings())


_SHOWN: Final = (
    "notice_id, channel, kind, agency, lane, state, digest, due_at, attempts, last_at, accepted_at,"
    " exhausted_at, http_status, code, said"
)


async def of_notices(engine: AsyncEngine, ids: Collection[str]) -> dict[str, tuple[Carried, ...]]:
    """Where each of the notices went, in the order tried; one that no channel carries is left out."""
    query = text(
        f"SELECT {_SHOWN} FROM delivery WHERE notice_id = ANY(:ids) ORDER BY notice_id, lane, place, channel"
    )
    out: dict[str, list[Carried]] = {}
    async with engine.connect() as connection:
        for row in (await connection.execute(query, {"ids": list(ids)})).mappings():
            out.setdefault(row["notice_id"], []).append(Carried(**row))
    return {notice: tuple(rows) for notice, rows in out.items()}


@dataclass(frozen=True)
class Told:
    """One notice of a clue with its way: by inbox always, by channels where there are any."""

    notice_id: str
    seq: int
    to_agency: str
    kind: str
    delivered_at: datetime
    read_at: datetime | None
    acknowledged_at: datetime | None
    channels: tuple[Carried, ...]


async def of_clue(engine: AsyncEngine, clue_no: str, most: int = 200) -> tuple[Told, ...]:
    """The clue's notices, the newest first, each with its channels."""
    query = text(
        "SELECT id AS notice_id, seq, to_agency, kind, delivered_at, read_at, acknowledged_at FROM notice"
        " WHERE clue_no = :clue_no ORDER BY seq DESC, id LIMIT :most"
    )
    async with engine.connect() as connection:
        rows = (await connection.execute(query, {"clue_no": clue_no, "most": most})).mappings().all()
    ways = await of_notices(engine, [row["notice_id"] for row in rows])
    return tuple(Told(**row, channels=ways.get(row["notice_id"], ())) for row in rows)


async def health(engine: AsyncEngine, waiting_since: datetime, failing_since: datetime) -> Health:
    """How many rows should have gone before `waiting_since`, and what failed wholly after `failing_since`."""
    query = text(
        "SELECT (SELECT count(*) FROM delivery WHERE state = 'queued' AND due_at < :waiting) AS overdue,"
        " (SELECT count(DISTINCT notice_id) FROM delivery d JOIN notice n ON n.id = d.notice_id"
        "  WHERE d.exhausted_at > :failing AND n.read_at IS NULL) AS exhausted"
    )
    asked = {"waiting": waiting_since, "failing": failing_since}
    async with engine.connect() as connection:
        row = (await connection.execute(query, asked)).one()
    return Health(row.overdue, row.exhausted)


def _json(rows: Sequence[Mapping[str, Any]]) -> str:
    plain = [{k: iso(v) if isinstance(v, datetime) else v for k, v in row.items()} for row in rows]
    return orjson.dumps(plain).decode().replace("\\u0000", "")  # PostgreSQL's text can't hold NUL
