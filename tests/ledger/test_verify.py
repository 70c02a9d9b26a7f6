"""Each kind of tampering shows, done by somebody who may write every table."""

from __future__ import annotations

import pytest
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine

from domain.chain import link
from ledger.flush import flush
from ledger.verify import verify
from tests.ledger.cases import rulebook, whole

GOOD, BAD = "XS-320583-20240403-0001", "XS-320583-20240403-0002"


async def both(engine: AsyncEngine) -> None:
    for clue_no in (GOOD, BAD):
        await flush(engine, whole(clue_no).sealed, rulebook())


async def tamper(engine: AsyncEngine, *statements: str) -> None:
    async with engine.begin() as connection:
        await connection.execute(text("ALTER TABLE clue_event DISABLE TRIGGER ALL"))
        for statement in statements:
            await connection.execute(text(statement), {"bad": BAD})


async def test_a_whole_ledger_has_no_problems(engine: AsyncEngine) -> None:
    assert await verify(engine) == []
    await both(engine)
    assert await verify(engine) == []
    assert await verify(engine, GOOD) == []


@pytest.mark.parametrize(
    ("statement", "kinds"),
    [
        ("UPDATE clue_event SET body = replace(body, '建筑', '生活') WHERE clue_no = :bad AND seq = 1",
         {(1, "changed")}),
        ("UPDATE clue_event SET body = 'x' WHERE clue_no = :bad AND seq = 4", {(4, "changed")}),
        ("UPDATE clue_event SET body = '[]' WHERE clue_no = :bad AND seq = 4", {(4, "changed")}),
        ("UPDATE clue_event SET hash = repeat('a', 64) WHERE clue_no = :bad AND seq = 4",
         {(4, "changed"), (5, "broken_link")}),
        ("UPDATE clue_event SET prev_hash = repeat('a', 64) WHERE clue_no = :bad AND seq = 4",
         {(4, "changed"), (4, "broken_link")}),
        ("DELETE FROM clue_event WHERE clue_no = :bad AND seq BETWEEN 3 AND 5",
         {(6, "gap"), (6, "broken_link")}),
        ("DELETE FROM clue_event WHERE clue_no = :bad AND seq = 1", {(2, "gap"), (2, "broken_link")}),
        ("DELETE FROM clue_event WHERE clue_no = :bad AND seq > 20", {(20, "tip")}),
        ("DELETE FROM clue_event WHERE clue_no = :bad", {(25, "no_events")}),
        ("UPDATE clue_event SET at = at + interval '1 day' WHERE clue_no = :bad AND seq = 4",
         {(4, "columns")}),
        ("UPDATE clue_event SET type = 'closed' WHERE clue_no = :bad AND seq = 4", {(4, "columns")}),
        ("UPDATE clue_event SET command_id = 'x' WHERE clue_no = :bad AND seq = 4", {(4, "columns")}),
        ("UPDATE clue SET last_hash = repeat('a', 64) WHERE clue_no = :bad", {(25, "tip")}),
        ("UPDATE clue SET last_seq = 3 WHERE clue_no = :bad", {(25, "tip")}),
        ("DELETE FROM clue WHERE clue_no = :bad", {(0, "tip")}),
    ],
)  # fmt: skip
async def test_tampering_shows_where_it_was_done(
    engine: AsyncEngine, statement: str, kinds: set[tuple[int, str]]
) -> None:
    await both(engine)
    assert len(whole(BAD).sealed) == 25
    await tamper(engine, statement)
    problems = await verify(engine)
    assert {(p.seq, p.kind) for p in problems} == kinds
    assert {p.clue_no for p in problems} == {BAD}
    assert await verify(engine, BAD) == problems
    assert await verify(engine, GOOD) == []


async def test_events_moved_to_another_clue_are_misfiled(engine: AsyncEngine) -> None:
    await both(engine)
    await tamper(engine, "UPDATE clue_event SET clue_no = 'stolen' WHERE clue_no = :bad")
    kinds = {(p.clue_no, p.kind) for p in await verify(engine)}
    assert kinds == {("stolen", "misfiled"), ("stolen", "tip"), (BAD, "no_events")}


async def test_two_events_that_change_places_show(engine: AsyncEngine) -> None:
    await both(engine)
    await tamper(
        engine,
        "UPDATE clue_event SET seq = 999 WHERE clue_no = :bad AND seq = 4",
        "UPDATE clue_event SET seq = 4 WHERE clue_no = :bad AND seq = 5",
        "UPDATE clue_event SET seq = 5 WHERE clue_no = :bad AND seq = 999",
    )
    assert {(p.seq, p.kind) for p in await verify(engine)} >= {(4, "misfiled"), (5, "misfiled")}


async def test_a_last_event_rewritten_with_a_fresh_hash_shows_against_the_row(engine: AsyncEngine) -> None:
    await both(engine)
    last = whole(BAD).sealed[-1]
    body = last.body.replace("closed", "withdrawn")
    async with engine.begin() as connection:
        await connection.execute(text("ALTER TABLE clue_event DISABLE TRIGGER ALL"))
        await connection.execute(
            text("UPDATE clue_event SET body = :body, hash = :hash WHERE clue_no = :bad AND seq = :seq"),
            {"body": body, "hash": link(last.prev_hash, body), "bad": BAD, "seq": last.seq},
        )
    assert {(p.seq, p.kind) for p in await verify(engine)} >= {(last.seq, "tip")}
