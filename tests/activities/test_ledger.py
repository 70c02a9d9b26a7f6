"""Flushing from a workflow: what each failure is called, and that nobody waits for a ledger that hangs."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine
from temporalio.exceptions import ApplicationError
from temporalio.testing import ActivityEnvironment

from activities import messages
from activities.ledger import LedgerActivities
from activities.messages import FlushBatch, FlushDone
from domain.chain import Sealed
from ledger import database
from ledger.events import Tip
from tests.ledger.cases import Case, rulebook, whole
from tests.ledger.proxy import Proxy


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
def activities(engine: AsyncEngine) -> LedgerActivities:
    return LedgerActivities(engine, rulebook())


def batch(case: Case, first: int = 0, last: int | None = None) -> FlushBatch:
    return FlushBatch(case.clue_no, tuple(case.sealed[first:last]))


async def regular(activities: LedgerActivities, given: FlushBatch) -> FlushDone:
    return await ActivityEnvironment().run(activities.flush_events, given)


async def test_a_flush_says_where_the_ledger_is(activities: LedgerActivities) -> None:
    case = whole()
    done = FlushDone(case.clue_no, len(case.sealed), case.hash, len(case.sealed))
    assert await regular(activities, batch(case)) == done
    again = FlushDone(case.clue_no, len(case.sealed), case.hash, 0)
    assert await regular(activities, batch(case)) == again


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


async def test_a_ledger_that_is_down_is_unavailable_and_its_error_quotes_no_row(
    activities: LedgerActivities, line: Proxy
) -> None:
    case = whole()
    await regular(activities, batch(case, 0, 2))
    line.cut_after = 0
    with pytest.raises(ApplicationError) as refused:
        await regular(activities, batch(case))
    assert (refused.value.type, refused.value.non_retryable) == (messages.LEDGER_UNAVAILABLE, False)
    assert "建筑" not in str(refused.value)
    assert refused.value.__cause__ is None


async def test_a_statement_that_postgres_refuses_is_named_and_not_quoted(
    activities: LedgerActivities, engine: AsyncEngine
) -> None:
    async with engine.begin() as connection:
        await connection.execute(text("ALTER TABLE clue ADD CONSTRAINT none CHECK (title = '') NOT VALID"))
    with pytest.raises(ApplicationError) as refused:
        await regular(activities, batch(whole()))
    assert refused.value.type == messages.LEDGER_UNAVAILABLE
    assert "23514" in str(refused.value)
    assert "建筑" not in str(refused.value)


async def test_an_older_run_that_tries_locally_is_told_to_come_by_the_other_way(
    activities: LedgerActivities,
) -> None:
    with pytest.raises(ApplicationError) as refused:
        await ActivityEnvironment().run(activities.flush_events_local, batch(whole()))
    assert refused.value.non_retryable


async def test_the_tip_is_where_the_record_ends(activities: LedgerActivities) -> None:
    case = whole()
    assert (await activities.tip(case.clue_no)).seq == 0
    await regular(activities, batch(case))
    assert await activities.tip(case.clue_no) == Tip(len(case.sealed), case.hash)
    assert await activities.hash_at(case.clue_no, 1) == case.sealed[0].hash


def test_a_batch_travels_as_a_payload_without_loss() -> None:
    from runtime.temporal import data_converter

    given = batch(whole())
    assert isinstance(given.sealed[0], Sealed)
    converter = data_converter().payload_converter
    (payload,) = converter.to_payloads([given])
    assert converter.from_payloads([payload], [FlushBatch]) == [given]
