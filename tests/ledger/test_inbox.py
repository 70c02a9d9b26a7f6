"""The inbox: its order, its pages, and marks that stay."""

from __future__ import annotations

from datetime import timedelta

import pytest
from sqlalchemy.ext.asyncio import AsyncEngine

from ledger.flush import flush
from ledger.inbox import BadCursor, InboxNotice, counts, inbox, mark
from ledger.rebuild import rebuild
from tests.ledger.cases import ADDRESSEE, FINDER, START, reported, rulebook, whole
from tests.ledger.dump import dump


async def fill(engine: AsyncEngine, clues: int = 3) -> list[InboxNotice]:
    for n in range(clues):
        await flush(engine, whole(f"XS-320583-20240403-{n:04}").sealed, rulebook())
    return list((await inbox(engine, ADDRESSEE)).notices)


async def test_unread_first_then_the_newest_in_pages_of_any_size(engine: AsyncEngine) -> None:
    notices = await fill(engine)
    assert len(notices) >= 9
    for notice in notices[::3]:
        await mark(engine, notice.id, "read", START)
    wanted = sorted(
        (await inbox(engine, ADDRESSEE)).notices,
        key=lambda n: (n.read_at is None, n.created_at, n.id),
        reverse=True,
    )
    for limit in (1, 2, 5):
        seen: list[InboxNotice] = []
        cursor = None
        while True:
            page = await inbox(engine, ADDRESSEE, after=cursor, limit=limit)
            seen += page.notices
            cursor = page.next
            if cursor is None:
                break
        assert seen == wanted


async def test_an_inbox_holds_its_own_agency_s_notices_alone(engine: AsyncEngine) -> None:
    await fill(engine)
    assert {n.to_agency for n in (await inbox(engine, FINDER)).notices} == {FINDER}
    assert (await inbox(engine, "110000.eco")).notices == ()
    one = (await inbox(engine, ADDRESSEE, clue_no="XS-320583-20240403-0001")).notices
    assert {n.clue_no for n in one} == {"XS-320583-20240403-0001"}


async def test_reading_marks_once_and_the_first_time_counts(engine: AsyncEngine) -> None:
    notice = (await fill(engine))[0]
    assert await mark(engine, notice.id, "read", START + timedelta(hours=1), "乙")
    assert await mark(engine, notice.id, "read", START + timedelta(hours=2), "丙")
    found = {n.id: n for n in (await inbox(engine, ADDRESSEE)).notices}[notice.id]
    assert (found.read_at, found.acknowledged_at) == (START + timedelta(hours=1), notice.acknowledged_at)
    unread = (await inbox(engine, ADDRESSEE, unread_only=True)).notices
    assert notice.id not in {n.id for n in unread}
    assert (await counts(engine, ADDRESSEE)).unread == len(unread)


async def test_acknowledging_is_reading_too(engine: AsyncEngine) -> None:
    case = reported()
    await flush(engine, case.sealed, rulebook())
    (notice,) = (await inbox(engine, ADDRESSEE)).notices
    await mark(engine, notice.id, "acknowledged", case.at, "乙")
    (found,) = (await inbox(engine, ADDRESSEE)).notices
    assert found.read_at == found.acknowledged_at == case.at
    # The clue's own acknowledgement comes later: the first one stands, in the table and after a rebuild.
    await flush(engine, case.do("acknowledge", ADDRESSEE), rulebook())
    before = await dump(engine)
    (found,) = (await inbox(engine, ADDRESSEE)).notices
    assert found.acknowledged_at is not None
    assert found.acknowledged_at < case.at
    await rebuild(engine, rulebook())
    assert await dump(engine) == before


async def test_only_what_is_there_can_be_marked(engine: AsyncEngine) -> None:
    notice = (await fill(engine, 1))[0]
    assert not await mark(engine, "no such notice", "read", START)
    assert not await mark(engine, notice.id, "read", START, agency=FINDER)
    assert await mark(engine, notice.id, "read", START, agency=ADDRESSEE)


@pytest.mark.parametrize("cursor", ["", "x", "bm8=", "WzEsMl0="])
async def test_a_cursor_that_is_none_is_refused(engine: AsyncEngine, cursor: str) -> None:
    with pytest.raises(BadCursor):
        await inbox(engine, ADDRESSEE, after=cursor)


async def test_notices_of_a_drill_say_so(engine: AsyncEngine) -> None:
    await flush(engine, reported(drill=True).sealed, rulebook())
    (notice,) = (await inbox(engine, ADDRESSEE)).notices
    assert notice.drill
    assert "演练" in notice.title
