"""The record of orders over a region, and how the log is asked for one."""

from __future__ import annotations

import random
from datetime import UTC, datetime
from typing import Any

import pytest
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine

from domain.chain import opened
from domain.model import Actor, Event, Json
from domain.region_orders import RESUMED, SUSPENDED, UNDONE, Act
from ledger import orders, regional
from ledger.flush import flush
from ledger.rebuild import rebuild
from tests.ledger.cases import ADDRESSEE, reported, rulebook

NOON, LATER = datetime(2026, 5, 11, 4, tzinfo=UTC), datetime(2026, 5, 12, 4, tzinfo=UTC)
CITY = Actor("310000.eco", "approver", "市局", "SH-01")
GIVEN: Json = {"order_no": "沪1号", "region": "31", "reason": "台风", "duties": ["ack", "receipt"]}
MANY = 20_000


def act(kind: str = SUSPENDED, **more: Any) -> Act:
    data = GIVEN if kind == SUSPENDED else {"order_no": "沪1号", "reason": "过境"}
    return Act(kind, CITY, {**data, **more})


@pytest.mark.parametrize("kind", [SUSPENDED, RESUMED, UNDONE])
async def test_the_first_of_a_kind_counts_and_comes_back_as_it_was(engine: AsyncEngine, kind: str) -> None:
    more = {"undo": True} if kind == UNDONE else {}
    first = act(kind, **more)
    assert await orders.keep(engine, first, NOON) == first
    assert await orders.keep(engine, act(kind, reason="别的", **more), LATER) == first


async def test_an_order_and_its_end(engine: AsyncEngine) -> None:
    assert await orders.order(engine, "沪1号") is None
    await orders.keep(engine, act(), NOON)
    order = await orders.order(engine, "沪1号")
    assert order is not None
    assert (order.given, order.since, order.over) == (act(), NOON, None)
    await orders.keep(engine, act(RESUMED), LATER)
    order = await orders.order(engine, "沪1号")
    assert order is not None
    assert (order.over, order.over_at) == (act(RESUMED), LATER)
    undone = act(UNDONE, undo=True)
    await orders.keep(engine, undone, LATER)
    (order,) = await orders.recorded(engine)
    assert (order.over, order.ended, order.undone) == (undone, act(RESUMED), undone)


async def test_an_end_of_nothing_is_no_order(engine: AsyncEngine) -> None:
    await orders.keep(engine, act(RESUMED), NOON)
    assert await orders.recorded(engine) == []


def test_the_events_of_a_clue_tell_the_commands() -> None:
    """Which is how an order is found that is older than the record: its command must be the very same."""
    case = reported()
    data = {"order_no": "沪1号", "region": "31", "reason": "台风", "duties": ["ack"]}
    told = []
    for name, given in (
        ("suspend_region", data),
        ("resume_region", {"order_no": "沪1号", "reason": "过境"}),
        ("resume_region", {"order_no": "沪1号", "reason": "误", "undo": True}),
    ):
        events: list[Event] = [opened(s) for s in case.do(name, "310000.eco", given, role="approver")]
        event = next(e for e in events if e.type in (SUSPENDED, RESUMED, UNDONE))
        step = orders.told(event)
        told.append((step.name, step.data))
    assert told == [
        ("suspend_region", data),
        ("resume_region", {"order_no": "沪1号", "reason": "过境"}),
        ("resume_region", {"order_no": "沪1号", "reason": "误", "undo": True}),
    ]
    assert case.state.to_agency == ADDRESSEE


async def test_a_number_of_any_length_goes_into_the_log(engine: AsyncEngine) -> None:
    """To one clue an order may be given under any words; an index has no room for them all."""
    case, noise = reported(), random.Random(1)
    number = "".join(chr(noise.randrange(0x4E00, 0x9FA5)) for _ in range(4000))  # nothing to compress
    for longer in (number, number[:-1]):
        case.do("suspend_region", "310000.eco", {**GIVEN, "order_no": longer}, role="approver")
    await flush(engine, case.sealed, rulebook())
    assert set(await regional.known(engine, number)) == {case.clue_no}
    assert len([m async for m in regional.moved(engine, number)]) == 1  # not those of the other one
    assert await regional.known(engine, number[:-2]) == {}
    assert await orders.recover(engine) == 0


async def test_rebuilding_leaves_the_record_alone(engine: AsyncEngine) -> None:
    await flush(engine, reported().sealed, rulebook())
    await orders.keep(engine, act(), NOON)
    before = await orders.recorded(engine)
    await rebuild(engine, rulebook())
    assert await orders.recorded(engine) == before


async def _filled(engine: AsyncEngine) -> None:
    """A log in which orders are as rare as they are in life: one event in a hundred."""
    async with engine.begin() as connection:
        await connection.execute(
            text(
                "INSERT INTO clue_event (clue_no, seq, type, at, command_id, body, prev_hash, hash)"
                " SELECT 'C' || n / 10, 1 + n % 10, kind, now(), kind || ':x:C' || n / 10,"
                " json_build_object('data', json_build_object('order_no', '第' || n % 700 || '号'))::text, '', ''"
                " FROM (SELECT n, CASE WHEN n % 100 = 0 THEN 'region_suspended' ELSE 'acknowledged' END AS kind"
                " FROM generate_series(0, :many) n) rows"
            ),
            {"many": MANY},
        )
    async with engine.connect() as plain:
        connection = await plain.execution_options(isolation_level="AUTOCOMMIT")
        await connection.execute(text("VACUUM ANALYZE clue_event"))


@pytest.mark.parametrize(
    ("query", "asked"),
    [
        (regional.EVENTS, {"order_no": "第100号"}),
        (regional.ORDERS, {}),
        (orders.UNRECORDED, {}),
        (orders.LACKING, {"order_no": "第100号", "digits": "31", "last": "", "page": 50}),
        (orders.LEFT, {"order_no": "第100号", "ends": [RESUMED, UNDONE], "last": "", "page": 50}),
    ],
    ids=["events of an order", "orders of the log", "not recorded", "lacking", "left"],
)
async def test_the_log_is_asked_by_its_index(engine: AsyncEngine, query: Any, asked: Json) -> None:
    await _filled(engine)
    async with engine.connect() as connection:
        plan = "\n".join((await connection.execute(text(f"EXPLAIN {query.text}"), asked)).scalars())
    assert "clue_event_by_order" in plan, plan
    assert "Seq Scan on clue_event" not in plan, plan
