"""Flushing from a workflow: what each failure is called, and that nobody waits for a ledger that hangs."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from datetime import UTC, datetime

import pytest
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine
from temporalio.exceptions import ApplicationError
from temporalio.testing import ActivityEnvironment

from activities import messages
from activities.breaker import Breaker
from activities.ledger import LedgerActivities
from activities.messages import FlushBatch, FlushDone
from domain.chain import GENESIS, Sealed, seal
from domain.model import Event
from ledger import database
from ledger.clues import get_state
from tests.ledger.cases import Case, rulebook, whole
from tests.ledger.proxy import Proxy


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
async def line(database_url: str) -> AsyncIterator[Proxy]:
    async with Proxy(database_url).running() as proxy:
        yield proxy


@pytest.fixture
async def engine(line: Proxy) -> AsyncIterator[AsyncEngine]:
    engine = database.writer(line.url)
    yield engine
    line.thaw()
    await engine.dispose()


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def activities(engine: AsyncEngine, clock: Clock) -> LedgerActivities:
    return LedgerActivities(engine, rulebook(), breaker=Breaker(5.0, clock))


def batch(case: Case, first: int = 0, last: int | None = None) -> FlushBatch:
    return FlushBatch(case.clue_no, tuple(case.sealed[first:last]))


async def local(activities: LedgerActivities, given: FlushBatch) -> FlushDone:
    return await ActivityEnvironment().run(activities.flush_events_local, given)


async def regular(activities: LedgerActivities, given: FlushBatch) -> FlushDone:
    return await ActivityEnvironment().run(activities.flush_events, given)


@pytest.mark.parametrize("how", [local, regular])
async def test_a_flush_says_where_the_ledger_is(activities: LedgerActivities, how: object) -> None:
    case = whole()
    done = FlushDone(case.clue_no, len(case.sealed), case.hash, len(case.sealed))
    assert await how(activities, batch(case)) == done  # type: ignore[operator]
    again = FlushDone(case.clue_no, len(case.sealed), case.hash, 0)
    assert await how(activities, batch(case)) == again  # type: ignore[operator]


async def test_a_gap_is_tried_again_and_a_conflict_never(activities: LedgerActivities) -> None:
    case = whole()
    with pytest.raises(ApplicationError) as gap:
        await regular(activities, batch(case, 3))
    assert (gap.value.type, gap.value.non_retryable) == (messages.LEDGER_GAP, False)
    other = Case()
    other.report(title="另一个")
    await regular(activities, batch(case))
    with pytest.raises(ApplicationError) as conflict:
        await regular(activities, batch(other))
    assert (conflict.value.type, conflict.value.non_retryable) == (messages.LEDGER_CONFLICT, True)
    assert messages.LEDGER_CONFLICT in (messages.FLUSH_RETRY.non_retryable_error_types or ())


async def test_a_refusal_of_a_ledger_that_is_well_does_not_open_the_breaker(
    activities: LedgerActivities,
) -> None:
    case = whole()
    with pytest.raises(ApplicationError) as gap:
        await local(activities, batch(case, 3))
    assert (gap.value.type, gap.value.non_retryable) == (messages.LEDGER_GAP, True)
    assert not activities.breaker.is_open


async def test_a_ledger_that_hangs_costs_one_short_wait_and_then_none(
    activities: LedgerActivities, line: Proxy, clock: Clock
) -> None:
    case = whole()
    await local(activities, batch(case, 0, 2))
    line.freeze()
    took = await _refused_in(activities, batch(case))
    assert 0.2 < took < 0.3 + 0.2  # 0.255 s, and what a busy machine adds
    assert activities.breaker.is_open
    for _ in range(20):
        assert await _refused_in(activities, batch(case)) < 0.1
    clock.now += 5.0
    assert await _refused_in(activities, batch(case)) > 0.2  # the probe
    line.thaw()
    assert await _refused_in(activities, batch(case)) < 0.1  # still open
    clock.now += 5.0
    assert (await local(activities, batch(case))).seq == len(case.sealed)
    assert not activities.breaker.is_open


async def _refused_in(activities: LedgerActivities, given: FlushBatch) -> float:
    start = time.perf_counter()
    with pytest.raises(ApplicationError) as refused:
        await local(activities, given)
    assert (refused.value.type, refused.value.non_retryable) == (messages.LEDGER_UNAVAILABLE, True)
    return time.perf_counter() - start


async def test_many_at_once_on_a_ledger_that_hangs_all_get_their_answer(
    activities: LedgerActivities, line: Proxy
) -> None:
    case = whole()
    await local(activities, batch(case, 0, 2))
    line.freeze()
    times = await asyncio.gather(*(_refused_in(activities, batch(case)) for _ in range(50)))
    assert max(times) < 1.0


async def test_a_try_that_temporal_gives_up_opens_the_breaker_too(
    activities: LedgerActivities, line: Proxy
) -> None:
    line.freeze()
    env = ActivityEnvironment()
    trying = asyncio.create_task(env.run(activities.flush_events_local, batch(whole())))
    await line.held.wait()
    env.cancel()
    with pytest.raises(asyncio.CancelledError):
        await trying
    assert activities.breaker.is_open


async def test_what_was_given_up_is_stored_once_when_it_comes_again(
    activities: LedgerActivities, engine: AsyncEngine, line: Proxy
) -> None:
    case = whole()
    line.freeze()
    await _refused_in(activities, batch(case))
    line.thaw()
    assert (await regular(activities, batch(case))).seq == len(case.sealed)
    assert await get_state(engine, case.clue_no) == case.state
    assert not activities.breaker.is_open  # the regular flush has shown that the ledger answers


async def test_a_ledger_that_is_down_is_unavailable_and_its_error_quotes_no_row(
    activities: LedgerActivities, line: Proxy
) -> None:
    case = whole()
    await local(activities, batch(case, 0, 2))
    line.cut_after = 0
    with pytest.raises(ApplicationError) as local_error:
        await local(activities, batch(case))
    with pytest.raises(ApplicationError) as regular_error:
        await regular(activities, batch(case))
    assert local_error.value.type == regular_error.value.type == messages.LEDGER_UNAVAILABLE
    assert not regular_error.value.non_retryable
    for error in (local_error.value, regular_error.value):
        assert "建筑" not in str(error)
        assert error.__cause__ is None


async def test_a_statement_that_postgres_refuses_keeps_nobody_else_waiting(
    activities: LedgerActivities, engine: AsyncEngine
) -> None:
    async with engine.begin() as connection:
        await connection.execute(text("ALTER TABLE clue ADD CONSTRAINT none CHECK (title = '') NOT VALID"))
    for flush in (local, regular):
        with pytest.raises(ApplicationError) as refused:
            await flush(activities, batch(whole()))
        assert refused.value.type == messages.LEDGER_UNAVAILABLE
        assert "23514" in str(refused.value)
        assert "建筑" not in str(refused.value)
    assert not activities.breaker.is_open


async def test_a_batch_that_cannot_be_read_keeps_nobody_else_waiting(activities: LedgerActivities) -> None:
    stray = seal("XS-1", 0, GENESIS, [Event("no such event", datetime(2024, 4, 3, tzinfo=UTC))])
    with pytest.raises(KeyError):
        await local(activities, FlushBatch("XS-1", stray))
    assert not activities.breaker.is_open


def test_a_batch_travels_as_a_payload_without_loss() -> None:
    from runtime.temporal import data_converter

    given = batch(whole())
    assert isinstance(given.sealed[0], Sealed)
    converter = data_converter().payload_converter
    (payload,) = converter.to_payloads([given])
    assert converter.from_payloads([payload], [FlushBatch]) == [given]
