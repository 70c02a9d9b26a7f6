"""The tables for reading beside the record: each wrong row shows, and `rebuild` mends it."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine

from ledger import inbox
from ledger.flush import flush
from ledger.rebuild import rebuild
from ledger.tables import compare
from ledger.verify import verify
from tests.ledger.cases import ADDRESSEE, reported, rulebook, whole

GOOD, BAD = "XS-320583-20240403-0001", "XS-320583-20240403-0002"


@pytest.fixture
async def filled(engine: AsyncEngine) -> AsyncEngine:
    await flush(engine, whole(GOOD).sealed, rulebook())
    await flush(engine, reported(BAD).sealed, rulebook())
    return engine


async def test_tables_as_written_agree(filled: AsyncEngine) -> None:
    assert await compare(filled, rulebook()) == []
    assert await compare(filled, rulebook(), GOOD) == []


async def test_marks_of_people_are_no_difference(filled: AsyncEngine) -> None:
    page = await inbox.inbox(filled, ADDRESSEE)
    assert await inbox.mark(filled, page.notices[0].id, "read", datetime.now(UTC), "乙", agency=ADDRESSEE)
    assert await compare(filled, rulebook()) == []


@pytest.mark.parametrize(
    ("statement", "said"),
    [
        ("UPDATE clue SET stage = 'closed' WHERE clue_no = :bad", "stage"),
        ("UPDATE clue SET next_due_at = next_due_at + interval '1 day' WHERE clue_no = :bad", "next_due_at"),
        ("UPDATE clue SET state = replace(state, '建筑', '生活') WHERE clue_no = :bad", "state"),
        ("UPDATE duty SET due_at = due_at + interval '1 second' WHERE clue_no = :bad AND n = 0", "due_at"),
        ("DELETE FROM duty WHERE clue_no = :bad AND n = 0", "缺 0"),
        ("DELETE FROM notice WHERE clue_no = :bad", "收件箱缺"),
        ("UPDATE notice SET text = '别的' WHERE clue_no = :bad", "text"),
        ("DELETE FROM clue WHERE clue_no = :bad", "线索表缺"),
    ],
)
async def test_a_wrong_row_shows_and_is_mended(filled: AsyncEngine, statement: str, said: str) -> None:
    async with filled.begin() as connection:
        await connection.execute(text(statement), {"bad": BAD})
    problems = await compare(filled, rulebook())
    assert [(p.clue_no, p.kind) for p in problems] == [(BAD, "rows")]
    assert said in problems[0].text
    await rebuild(filled, rulebook())
    assert await compare(filled, rulebook()) == []
    assert await verify(filled) == []
