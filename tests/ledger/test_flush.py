"""Flush: one transaction, the same twice changes nothing, nothing is ever overwritten."""

from __future__ import annotations

import asyncio
import contextlib
from dataclasses import replace
from datetime import timedelta

import pytest
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncEngine

from domain.chain import link, seal
from domain.model import Event
from ledger import database, events, inbox
from ledger.clues import get_state, history
from ledger.errors import LedgerConflict, LedgerGap
from ledger.flush import flush
from ledger.rebuild import rebuild
from tests.ledger.cases import ADDRESSEE, FINDER, Case, reported, rulebook, whole
from tests.ledger.dump import dump
from tests.ledger.proxy import Proxy


async def test_a_flush_stores_events_and_state(engine: AsyncEngine) -> None:
    case = whole()
    result = await flush(engine, case.sealed, rulebook())
    assert (result.written, result.seq, result.hash) == (len(case.sealed), len(case.sealed), case.hash)
    assert await get_state(engine, case.clue_no) == case.state
    assert [r.sealed for r in await history(engine, case.clue_no)] == case.sealed


async def test_the_same_flush_twice_changes_nothing(engine: AsyncEngine) -> None:
    case = whole()
    await flush(engine, case.sealed, rulebook())
    before = await dump(engine)
    again = await flush(engine, case.sealed, rulebook())
    assert (again.written, again.seq) == (0, len(case.sealed))
    assert await dump(engine) == before


async def test_events_in_pieces_overlapping_or_not_give_the_same_tables(engine: AsyncEngine) -> None:
    case = whole()
    await flush(engine, case.sealed[:4], rulebook())
    await flush(engine, case.sealed[2:9], rulebook())
    for one in case.sealed[9:]:
        await flush(engine, [one], rulebook())
    assert await get_state(engine, case.clue_no) == case.state
    pieces = await dump(engine)
    await rebuild(engine, rulebook())
    assert await dump(engine) == pieces


async def test_events_that_come_before_their_predecessors_wait(engine: AsyncEngine) -> None:
    case = whole()
    with pytest.raises(LedgerGap) as gap:
        await flush(engine, case.sealed[3:], rulebook())
    assert (gap.value.clue_no, gap.value.have, gap.value.got) == (case.clue_no, 0, 4)
    await flush(engine, case.sealed[:2], rulebook())
    with pytest.raises(LedgerGap):
        await flush(engine, case.sealed[3:], rulebook())
    await flush(engine, case.sealed[:3], rulebook())
    assert (await flush(engine, case.sealed[3:], rulebook())).seq == len(case.sealed)


async def test_another_event_at_a_stored_number_is_a_conflict(engine: AsyncEngine) -> None:
    case, other = whole(), Case()
    other.report(title="另一个标题")
    await flush(engine, case.sealed, rulebook())
    before = await dump(engine)
    with pytest.raises(LedgerConflict) as conflict:
        await flush(engine, other.sealed, rulebook())
    assert (conflict.value.clue_no, conflict.value.seq) == (case.clue_no, 1)
    assert case.clue_no in str(conflict.value)
    assert await dump(engine) == before


async def test_a_branch_behind_the_tip_is_a_conflict(engine: AsyncEngine) -> None:
    case = reported()
    await flush(engine, case.sealed, rulebook())
    stray = Event("acknowledged", case.at, data={})
    branch = seal(case.clue_no, len(case.sealed), link("0" * 64, "another past"), [stray])
    with pytest.raises(LedgerConflict):
        await flush(engine, branch, rulebook())


async def test_a_batch_that_is_no_chain_is_refused(engine: AsyncEngine) -> None:
    case = whole()
    forged = [replace(case.sealed[0], body=case.sealed[0].body.replace("建筑", "生活")), *case.sealed[1:]]
    with pytest.raises(LedgerConflict):
        await flush(engine, forged, rulebook())
    with pytest.raises(LedgerConflict):
        await flush(engine, [case.sealed[0], case.sealed[2]], rulebook())
    with pytest.raises(ValueError, match="empty"):
        await flush(engine, [], rulebook())
    with pytest.raises(ValueError, match="one clue"):
        await flush(engine, [case.sealed[0], whole("XS-320583-20240403-0009").sealed[0]], rulebook())
    assert not any((await dump(engine)).values())


async def test_flushes_of_one_clue_at_once_store_each_event_once(engine: AsyncEngine) -> None:
    for n in range(20):  # a clue that is new to all of them is the hardest
        case = whole(f"XS-320583-20240403-{n:04}")
        results = await asyncio.gather(*(flush(engine, case.sealed, rulebook()) for _ in range(8)))
        assert sorted(r.written for r in results) == [0] * 7 + [len(case.sealed)]
        assert await get_state(engine, case.clue_no) == case.state


async def test_flushes_of_many_clues_at_once(engine: AsyncEngine) -> None:
    cases = [whole(f"XS-320583-20240403-{n:04}") for n in range(20)]
    await asyncio.gather(*(flush(engine, c.sealed, rulebook()) for c in cases))
    for case in cases:
        assert await get_state(engine, case.clue_no) == case.state


async def test_a_line_cut_anywhere_leaves_nothing_or_all(database_url: str, engine: AsyncEngine) -> None:
    outcomes = set()
    for spoken in range(0, 24, 2):
        case = whole(f"XS-320583-20240403-{spoken:04}")
        await flush(engine, case.sealed[:3], rulebook())
        before = await dump(engine, case.clue_no)
        async with Proxy(database_url).running() as line:
            cut_off = database.create(line.url, ping=False, pool_size=1)
            line.cut_after = 1 + spoken  # the first is the handshake
            with contextlib.suppress(DBAPIError, OSError):
                await flush(cut_off, case.sealed[3:], rulebook())
            await cut_off.dispose()
        state = await get_state(engine, case.clue_no)
        outcomes.add(state == case.state)
        if state != case.state:
            assert await dump(engine, case.clue_no) == before
        assert (await flush(engine, case.sealed, rulebook())).seq == len(case.sealed)
        assert await get_state(engine, case.clue_no) == case.state
    assert outcomes == {True, False}


async def test_a_flush_is_at_most_four_round_trips_and_a_clues_first_six(database_url: str) -> None:
    async with Proxy(database_url).running() as line:
        engine = database.create(line.url, ping=False, pool_size=1)
        await flush(
            engine, whole("XS-320583-20240403-0002").sealed[:2], rulebook()
        )  # statements get prepared
        await flush(engine, whole("XS-320583-20240403-0002").sealed[2:4], rulebook())
        case = whole()
        for batch, most in ((case.sealed[:3], 6), (case.sealed[3:9], 4), (case.sealed[9:], 4)):
            before = line.sent
            await flush(engine, batch, rulebook())
            assert line.sent - before <= most
        await engine.dispose()


async def test_a_flush_survives_the_end_of_its_pooled_connection(database_url: str) -> None:
    engine = database.create(database_url, ping=False, pool_size=1)
    case = whole()
    await flush(engine, case.sealed[:3], rulebook())
    killer = database.create(database_url, pool_size=1)
    async with killer.begin() as connection:
        await connection.execute(
            text(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
                " WHERE datname = current_database() AND pid <> pg_backend_pid()"
            )
        )
    assert (await flush(engine, case.sealed[3:], rulebook())).seq == len(case.sealed)
    await engine.dispose()
    await killer.dispose()


@pytest.mark.parametrize("table", ["clue_event", "notice_mark"])
@pytest.mark.parametrize(
    "change", ["UPDATE {t} SET at = now()", "DELETE FROM {t}", "TRUNCATE {t}", "TRUNCATE {t} CASCADE"]
)
async def test_the_record_refuses_every_change(engine: AsyncEngine, table: str, change: str) -> None:
    await flush(engine, reported().sealed, rulebook())
    before = await dump(engine)
    for mode in ("origin", "replica"):  # replication mode switches ordinary triggers off
        async with engine.connect() as connection:
            await connection.execute(text(f"SET LOCAL session_replication_role = {mode}"))
            with pytest.raises(DBAPIError, match="append-only"):
                await connection.execute(text(change.format(t=table)))
    assert await dump(engine) == before


async def test_a_flush_tells_the_listeners(engine: AsyncEngine) -> None:
    heard: asyncio.Queue[str] = asyncio.Queue()
    async with engine.connect() as connection:
        raw = (await connection.get_raw_connection()).driver_connection
        assert raw is not None
        await raw.add_listener("clueflow_changed", lambda *args: heard.put_nowait(args[-1]))
        case = reported()
        await flush(engine, case.sealed, rulebook())
        assert await asyncio.wait_for(heard.get(), 10) == case.clue_no
        await connection.invalidate()


async def test_notices_arrive_and_an_acknowledgement_answers_those_before_it(engine: AsyncEngine) -> None:
    case = reported()
    await flush(engine, case.sealed, rulebook())
    (notice,) = (await inbox.inbox(engine, ADDRESSEE)).notices
    assert (notice.kind, notice.clue_no, notice.acknowledged_at) == ("clue_notice", case.clue_no, None)
    assert notice.delivered_at is not None
    assert notice.created_at == case.at
    await flush(engine, case.do("acknowledge", ADDRESSEE), rulebook())
    (notice,) = (await inbox.inbox(engine, ADDRESSEE)).notices
    assert notice.acknowledged_at == case.at
    assert (await inbox.counts(engine, ADDRESSEE)).unacknowledged == 0
    assert (await inbox.counts(engine, FINDER)).unacknowledged == 1


async def test_an_acknowledgement_in_the_same_flush_as_its_notice(engine: AsyncEngine) -> None:
    case = reported()
    case.do("acknowledge", ADDRESSEE)
    acknowledged_at = case.at
    case.do("flag_evidence_at_risk", FINDER, {"reason": "要开船"})
    await flush(engine, case.sealed, rulebook())
    notices = (await inbox.inbox(engine, ADDRESSEE)).notices
    assert {n.kind: n.acknowledged_at for n in notices} == {
        "clue_notice": acknowledged_at,
        "evidence_at_risk": None,
    }


async def test_what_the_database_cannot_hold_does_not_stop_the_flush(engine: AsyncEngine) -> None:
    """A letter NUL in an event is legal JSON; PostgreSQL's text refuses it."""
    case = reported()
    odd = Event("clue_amended", case.at, data={"changes": {"title": "a\x00b"}, "fields": ["title"]})
    more = seal(case.clue_no, len(case.sealed), case.hash, [odd])
    await flush(engine, [*case.sealed, *more], rulebook())
    async with engine.connect() as connection:
        assert (await events.read(connection, case.clue_no))[-1] == more[-1]
    assert (await get_state(engine, case.clue_no)).clue["title"] == "a\x00b"


async def test_a_lost_row_is_made_again_by_the_next_flush(engine: AsyncEngine) -> None:
    case = whole()
    await flush(engine, case.sealed[:5], rulebook())
    for again in (case.sealed[5:9], case.sealed):  # behind the record, and from the very first event
        async with engine.begin() as connection:
            for table in ("clue", "duty", "notice"):
                await connection.execute(text(f"DELETE FROM {table}"))
        await flush(engine, again, rulebook())
    assert await get_state(engine, case.clue_no) == case.state


async def test_clocks_that_ran_alone_are_flushed_too(engine: AsyncEngine) -> None:
    case = reported()
    case.wait(timedelta(days=40))
    assert case.state.level == 4
    await flush(engine, case.sealed, rulebook())
    assert await get_state(engine, case.clue_no) == case.state
