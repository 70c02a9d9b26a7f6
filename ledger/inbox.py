"""An agency's inbox: what has come, and what has been done about it."""

from __future__ import annotations

import base64
import binascii
import json
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final, Literal

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine

MAX_LIMIT: Final = 500
Mark = Literal["read", "acknowledged"]
_SHOWN: Final = (
    "id, to_agency, clue_no, seq, kind, title, text, duty, drill,"
    " created_at, delivered_at, read_at, acknowledged_at"
)


@dataclass(frozen=True)
class InboxNotice:
    """One notice. `created_at` is its event's instant; the others are None until they happen."""

    id: str
    to_agency: str
    clue_no: str
    seq: int
    kind: str
    title: str
    text: str
    duty: str | None
    drill: bool
    created_at: datetime
    delivered_at: datetime
    read_at: datetime | None
    acknowledged_at: datetime | None


@dataclass(frozen=True)
class InboxPage:
    """Some notices, and the cursor of the next page, None on the last one."""

    notices: tuple[InboxNotice, ...]
    next: str | None


@dataclass(frozen=True)
class Counts:
    total: int
    unread: int
    unacknowledged: int


class BadCursor(ValueError):
    """The cursor is none that `inbox` gave."""


async def inbox(
    engine: AsyncEngine,
    agency: str,
    *,
    unread_only: bool = False,
    clue_no: str | None = None,
    after: str | None = None,
    limit: int = 50,
) -> InboxPage:
    """The agency's notices, unread first, then the newest first. Raises BadCursor."""
    limit = max(1, min(limit, MAX_LIMIT))
    conditions, parameters = ["to_agency = :agency"], {"agency": agency, "limit": limit + 1}
    if unread_only:
        conditions.append("read_at IS NULL")
    if clue_no is not None:
        conditions.append("clue_no = :clue_no")
        parameters["clue_no"] = clue_no
    if after is not None:
        conditions.append("((read_at IS NULL), created_at, id) < (:unread, :at, :id)")
        parameters |= _read_cursor(after)
    query = text(
        f"SELECT {_SHOWN} FROM notice WHERE {' AND '.join(conditions)}"
        " ORDER BY (read_at IS NULL) DESC, created_at DESC, id DESC LIMIT :limit"
    )
    async with engine.connect() as connection:
        found = (await connection.execute(query, parameters)).mappings().all()
    notices = tuple(InboxNotice(**row) for row in found[:limit])
    return InboxPage(notices, _cursor(notices[-1]) if len(found) > limit else None)


async def counts(engine: AsyncEngine, agency: str) -> Counts:
    """How many notices the agency has, and how many of them wait."""
    query = text(
        "SELECT count(*) AS total, count(*) FILTER (WHERE read_at IS NULL) AS unread,"
        " count(*) FILTER (WHERE acknowledged_at IS NULL) AS unacknowledged"
        " FROM notice WHERE to_agency = :agency"
    )
    async with engine.connect() as connection:
        row = (await connection.execute(query, {"agency": agency})).mappings().one()
    return Counts(**row)


async def mark(
    engine: AsyncEngine,
    notice_id: str,
    what: Mark,
    at: datetime,
    by_name: str | None = None,
    *,
    agency: str | None = None,
) -> bool:
    """Notes that somebody read or acknowledged the notice; the first time counts, later ones change nothing.

    Acknowledging is reading too. `agency`: only where the notice is that agency's. False where there is no
    such notice.
    """
    kinds = ["read"] if what == "read" else ["read", "acknowledged"]
    owned = "" if agency is None else " AND to_agency = :agency"
    parameters: dict[str, Any] = {"id": notice_id, "at": at, "by_name": by_name, "agency": agency}
    async with engine.begin() as connection:
        known = await connection.execute(
            text(f"SELECT 1 FROM notice WHERE id = :id{owned} FOR UPDATE"), parameters
        )
        if known.one_or_none() is None:
            return False
        for kind in kinds:
            await connection.execute(
                text(
                    "INSERT INTO notice_mark (notice_id, mark, at, by_name)"
                    " VALUES (:id, :mark, :at, :by_name) ON CONFLICT DO NOTHING"
                ),
                {**parameters, "mark": kind},
            )
            # From the mark and not from `at`: the row says what a rebuild would say.
            column = f"{kind}_at"
            await connection.execute(
                text(
                    f"UPDATE notice SET {column} = LEAST({column}, m.at) FROM notice_mark m"
                    " WHERE notice.id = :id AND m.notice_id = :id AND m.mark = :mark"
                ),
                {"id": notice_id, "mark": kind},
            )
    return True


def _cursor(notice: InboxNotice) -> str:
    parts = [notice.read_at is None, notice.created_at.isoformat(), notice.id]
    return base64.urlsafe_b64encode(json.dumps(parts).encode()).decode()


def _read_cursor(cursor: str) -> dict[str, Any]:
    try:
        unread, at, notice_id = json.loads(base64.urlsafe_b64decode(cursor))
        created = datetime.fromisoformat(at)
        if not isinstance(unread, bool) or not isinstance(notice_id, str) or created.tzinfo is None:
            raise ValueError(cursor)
    except (ValueError, TypeError, binascii.Error) as err:
        raise BadCursor("翻页标记无效，请从第一页重新开始") from err
    return {"unread": unread, "at": created, "id": notice_id}
