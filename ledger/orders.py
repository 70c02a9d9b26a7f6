"""Orders over a region's clocks: the record of what was decided, beside the log of what each clue has had of it."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine

from domain.chain import Sealed, opened
from domain.model import Actor, Event, Json
from domain.region_orders import NUMBER_MAX, RESUMED, SUSPENDED, UNDONE, Act, prefix
from ledger.regional import CONCERNED, KINDS_SQL, OF_ORDER, ORDER_NO

PAGE: Final = 50


@dataclass(frozen=True)
class Order:
    """What was decided. `over`: how it came to its end; an undoing goes before an end."""

    given: Act
    since: datetime
    ended: Act | None = None
    ended_at: datetime | None = None
    undone: Act | None = None
    undone_at: datetime | None = None

    @property
    def order_no(self) -> str:
        return self.given.order_no

    @property
    def over(self) -> Act | None:
        return self.undone or self.ended

    @property
    def over_at(self) -> datetime | None:
        return self.undone_at or self.ended_at


@dataclass(frozen=True)
class Turn:
    """An open clue that a step of an order has yet to reach, and how far the ledger has it."""

    clue_no: str
    seq: int


# --- the record ------------------------------------------------------------------------------------

_KEEP: Final = text(
    "INSERT INTO region_order (order_no, kind, at, agency, role, name, officer_id, data)"
    " VALUES (:order_no, :kind, :at, :agency, :role, :name, :officer_id, :data) ON CONFLICT DO NOTHING"
)
_ALL: Final = "SELECT order_no, kind, at, agency, role, name, officer_id, data FROM region_order"


async def keep(engine: AsyncEngine, act: Act, at: datetime) -> Act:
    """Records the step, unless the order has had it; gives the one that is recorded: the first counts."""
    async with engine.begin() as connection:
        await connection.execute(_KEEP, _row(act, at))
        query = text(f"{_ALL} WHERE order_no = :order_no AND kind = :kind")
        found = await connection.execute(query, {"order_no": act.order_no, "kind": act.kind})
        return _act(found.one())


async def recorded(engine: AsyncEngine, order_no: str | None = None) -> list[Order]:
    """Every order of the record, the oldest first; the one of that number alone, where one is named."""
    where = "" if order_no is None else " WHERE order_no = :order_no"
    async with engine.connect() as connection:
        asked = {} if order_no is None else {"order_no": order_no}
        rows = (await connection.execute(text(_ALL + where), asked)).all()
    steps = {(row.order_no, row.kind): (_act(row), row.at) for row in rows}
    orders = []
    for number in dict.fromkeys(row.order_no for row in rows):
        given = steps.get((number, SUSPENDED))
        if given is not None:
            ended, undone = (steps.get((number, kind), (None, None)) for kind in (RESUMED, UNDONE))
            orders.append(Order(*given, *ended, *undone))
    return sorted(orders, key=lambda o: (o.since, o.order_no))


async def order(engine: AsyncEngine, order_no: str) -> Order | None:
    """The order of that number."""
    return next(iter(await recorded(engine, order_no)), None)


def _row(act: Act, at: datetime) -> Json:
    actor = act.actor
    data = json.dumps(act.data, ensure_ascii=False, sort_keys=True, separators=(",", ":"))
    who = {
        "agency": actor.agency,
        "role": actor.role,
        "name": actor.name,
        "officer_id": actor.officer_id,
    }
    return {"order_no": act.order_no, "kind": act.kind, "at": at, "data": data, **who}


def _act(row: Any) -> Act:
    return Act(row.kind, Actor(row.agency, row.role, row.name, row.officer_id), json.loads(row.data))


# --- from the log ----------------------------------------------------------------------------------

# The ids that `Act.id` makes: who sent one clue a command by hand decided for no other.
UNRECORDED: Final = text(
    f"SELECT DISTINCT ON ({ORDER_NO}, type) clue_no, seq, body, prev_hash, hash FROM clue_event e"
    f" WHERE type IN {KINDS_SQL} AND starts_with(command_id, type || ':') AND length({ORDER_NO}) <= {NUMBER_MAX}"
    " AND NOT EXISTS (SELECT 1 FROM region_order r WHERE r.order_no = e.body::jsonb -> 'data' ->> 'order_no' AND r.kind = e.type)"
    f" ORDER BY {ORDER_NO}, type, at, clue_no"
)


async def recover(engine: AsyncEngine) -> int:
    """Records the steps that the log tells of and the record lacks; gives how many.

    They were taken before there was a record, or it was set back to an older copy.
    """
    async with engine.begin() as connection:
        rows = (await connection.execute(UNRECORDED)).all()
        for row in rows:
            event = opened(Sealed(*row))
            await connection.execute(_KEEP, _row(told(event), event.at))
    return len(rows)


def told(event: Event) -> Act:
    """The command of which that event tells."""
    assert event.actor is not None  # no clock gives an order
    said = ("order_no", "region", "reason", "duties") if event.type == SUSPENDED else ("order_no", "reason")
    data: Json = {key: event.data[key] for key in said if key in event.data}
    return Act(event.type, event.actor, data | ({"undo": True} if event.type == UNDONE else {}))


# --- what is still to be done ----------------------------------------------------------------------

LACKING: Final = text(
    f"SELECT c.clue_no, c.last_seq FROM clue c WHERE c.ended_at IS NULL AND c.clue_no > :last AND {CONCERNED}"
    f" AND NOT EXISTS (SELECT 1 FROM clue_event e WHERE e.clue_no = c.clue_no AND e.type IN {KINDS_SQL}"
    f" AND {OF_ORDER}) ORDER BY c.clue_no LIMIT :page"
)
LEFT: Final = text(
    "SELECT c.clue_no, c.last_seq FROM clue c WHERE c.ended_at IS NULL AND c.clue_no > :last AND c.clue_no IN"
    f" (SELECT e.clue_no FROM clue_event e WHERE e.type IN {KINDS_SQL}"
    f" AND {OF_ORDER} GROUP BY e.clue_no"
    " HAVING bool_or(e.type = 'region_suspended') AND NOT bool_or(e.type = ANY(:ends)))"
    " ORDER BY c.clue_no LIMIT :page"
)


def lacking(engine: AsyncEngine, order: Order) -> AsyncIterator[list[Turn]]:
    """The open clues that the order concerns and that have not had it, by number, a page at a time."""
    digits = prefix(str(order.given.data["region"]))
    return _pages(engine, LACKING, {"digits": digits, "order_no": order.order_no})


def left(engine: AsyncEngine, order: Order) -> AsyncIterator[list[Turn]]:
    """The open clues in which the order that is over still stands, or has not been undone."""
    assert order.over is not None
    ends = _ends(order.over.kind)
    return _pages(engine, LEFT, {"order_no": order.order_no, "ends": list(ends)})


def _ends(kind: str) -> Iterable[str]:
    return (UNDONE,) if kind == UNDONE else (RESUMED, UNDONE)


async def _pages(engine: AsyncEngine, query: Any, asked: Json) -> AsyncIterator[list[Turn]]:
    """No transaction is held open between two pages; what others did meanwhile is not in the next."""
    last = ""
    while True:
        async with engine.connect() as connection:
            rows = (await connection.execute(query, {**asked, "last": last, "page": PAGE})).all()
        if rows:
            yield [Turn(row.clue_no, row.last_seq) for row in rows]
        if len(rows) < PAGE:
            return
        last = rows[-1].clue_no
