"""The tables for reading follow from the record: whatever wrote them, rebuilding gives the same bytes."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from datetime import timedelta

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine

from domain.model import SHANGHAI
from ledger import database, inbox
from ledger.clues import Filters, get_state, list_clues
from ledger.flush import flush
from ledger.rebuild import rebuild
from ledger.verify import verify
from runtime.embedded.postgres import EmbeddedPostgres
from tests.ledger.cases import ADDRESSEE, FINDER, MOVES, START, played, reported, rulebook, whole
from tests.ledger.dump import dump


async def test_rebuilding_gives_what_the_flushes_wrote_marks_included(engine: AsyncEngine) -> None:
    first, second = whole("XS-320583-20240403-0001"), reported("XS-320583-20240403-0002")
    second.wait(timedelta(days=30))
    for case in (first, second):
        for one in case.sealed:
            await flush(engine, [one], rulebook())
    notices = (await inbox.inbox(engine, ADDRESSEE)).notices
    assert len(notices) > 2
    await inbox.mark(engine, notices[0].id, "read", START.astimezone(SHANGHAI), "乙")
    await inbox.mark(engine, notices[1].id, "acknowledged", START, "丙")
    before = await dump(engine)
    progress: list[tuple[str, int]] = []
    done = await rebuild(engine, rulebook(), lambda clue_no, n: progress.append((clue_no, n)))
    assert await dump(engine) == before
    assert (done.clues, done.events, done.failed) == (2, len(first.sealed) + len(second.sealed), ())
    assert progress == [(first.clue_no, 1), (second.clue_no, 2)]


async def test_rebuilding_mends_what_somebody_wrote_into_the_tables(engine: AsyncEngine) -> None:
    case = whole()
    await flush(engine, case.sealed, rulebook())
    before = await dump(engine)
    async with engine.begin() as connection:
        await connection.execute(text("UPDATE clue SET stage = 'handling', level = 4"))
        await connection.execute(text("UPDATE duty SET due_at = now()"))
        await connection.execute(text("DELETE FROM notice WHERE kind = 'transfer'"))
        await connection.execute(
            text('INSERT INTO clue SELECT (json_populate_record(c, \'{"clue_no": "ghost"}\')).* FROM clue c')
        )
    assert await dump(engine) != before
    await rebuild(engine, rulebook())
    assert await dump(engine) == before


async def test_a_reader_never_sees_a_clue_missing_during_a_rebuild(engine: AsyncEngine) -> None:
    cases = [whole(f"XS-320583-20240403-{n:04}") for n in range(10)]
    for case in cases:
        await flush(engine, case.sealed, rulebook())
    rebuilding = asyncio.create_task(rebuild(engine, rulebook()))
    looks = 0
    while not rebuilding.done():
        assert len((await list_clues(engine, rulebook(), START, Filters())).clues) == len(cases)
        assert (await inbox.counts(engine, FINDER)).total > 0
        looks += 1
    assert looks > 3
    await rebuilding


async def test_flushes_during_a_rebuild_lose_nothing(engine: AsyncEngine) -> None:
    cases = [whole(f"XS-320583-20240403-{n:04}") for n in range(8)]
    for case in cases:
        await flush(engine, case.sealed[:2], rulebook())

    async def go_on() -> None:
        for n in range(2, len(cases[0].sealed)):
            for case in cases:
                await flush(engine, case.sealed[n : n + 1], rulebook())

    writing = asyncio.create_task(go_on())
    while not writing.done():
        await rebuild(engine, rulebook())
    await writing
    for case in cases:
        assert await get_state(engine, case.clue_no) == case.state
    assert await verify(engine) == []


async def test_an_unreadable_clue_keeps_its_rows_and_is_named(engine: AsyncEngine) -> None:
    good, bad = whole("XS-320583-20240403-0001"), whole("XS-320583-20240403-0002")
    for case in (good, bad):
        await flush(engine, case.sealed, rulebook())
    async with engine.begin() as connection:
        await connection.execute(text("ALTER TABLE clue_event DISABLE TRIGGER ALL"))
        spoil = "UPDATE clue_event SET body = 'no json' WHERE clue_no = :clue_no AND seq = 3"
        await connection.execute(text(spoil), {"clue_no": bad.clue_no})
    before = await dump(engine)
    done = await rebuild(engine, rulebook())
    assert [clue_no for clue_no, _ in done.failed] == [bad.clue_no]
    assert await dump(engine) == before


@pytest.fixture
def fresh_url(postgres: EmbeddedPostgres, _template: str) -> Iterator[str]:
    """One database for all examples of a property; each example is a clue of its own."""
    postgres.sql(f"CREATE DATABASE property TEMPLATE {_template} STRATEGY file_copy")
    yield postgres.url("property")
    postgres.sql("DROP DATABASE property WITH (FORCE)")


MOVE = st.tuples(st.sampled_from((0, 1, 6, 30, 100, 400)), st.integers(0, len(MOVES) - 1))


def test_any_life_in_any_pieces_is_stored_as_the_core_lives_it(fresh_url: str) -> None:
    numbers = iter(range(1_000_000))

    @settings(max_examples=40, suppress_health_check=[HealthCheck.too_slow])
    @given(moves=st.lists(MOVE, max_size=14), cuts=st.lists(st.integers(1, 9), max_size=12))
    def holds(moves: list[tuple[int, int]], cuts: list[int]) -> None:
        asyncio.run(_stored_as_lived(fresh_url, f"XS-{next(numbers):06}", moves, cuts))

    holds()


async def _stored_as_lived(url: str, clue_no: str, moves: list[tuple[int, int]], cuts: list[int]) -> None:
    engine = database.create(url, ping=False)
    case = played(clue_no, moves)
    start = 0
    for cut in (*cuts, len(case.sealed)):
        await flush(engine, case.sealed[start : start + cut] or case.sealed[:1], rulebook())
        start += cut
    assert await get_state(engine, clue_no) == case.state
    assert await verify(engine, clue_no) == []
    written = await dump(engine, clue_no)
    async with engine.begin() as connection:
        await connection.execute(text("DELETE FROM clue WHERE clue_no = :n"), {"n": clue_no})
    await flush(engine, case.sealed, rulebook())  # finds the row gone, and makes it from the record
    assert await dump(engine, clue_no) == written
    await engine.dispose()
