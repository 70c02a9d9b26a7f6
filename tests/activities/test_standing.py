"""Orders over a region's clocks kept standing, on real Temporal and PostgreSQL."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import text
from temporalio.client import Client

from activities import standing
from activities.standing import Standing
from domain.errors import DomainError
from domain.model import Actor, Json
from domain.region_orders import RESUMED, SUSPENDED, UNDONE, Act
from ledger import migrate, orders, regional
from ledger.verify import verify
from runtime.client import ClueClient
from runtime.embedded.postgres import EmbeddedPostgres
from runtime.errors import ServiceUnreachable
from runtime.settings import Settings
from tests.activities.region import (
    FREE,
    JIASHAN,
    PROVINCE,
    QINGPU,
    STARTED,
    STOPPED,
    TAKEN_OUT,
    WUJIANG,
    Region,
    Seen,
    given,
    over,
    region_of,
)
from tests.logged import logged


@pytest.fixture
async def region(
    temporal_client: Client, temporal_settings: Settings, database_url: str
) -> AsyncIterator[Region]:
    async with region_of(temporal_client, temporal_settings, database_url) as there:
        yield there


class Counting:
    """The clues, and what they were sent. `before` and `after` run around each command."""

    def __init__(self, clues: ClueClient, before: Any = None, after: Any = None) -> None:
        self._clues, self._before, self._after = clues, before, after
        self.sent: list[tuple[str, str]] = []

    async def do(self, clue_no: str, name: str, actor: Actor, data: Json, command_id: str) -> Any:
        self.sent.append((clue_no, name))
        if self._before is not None:
            await self._before(clue_no)
        answer = await self._clues.do(clue_no, name, actor, data, command_id)
        if self._after is not None:
            await self._after(clue_no)
        return answer


async def test_an_order_over_a_region_without_clues_covers_what_comes(region: Region) -> None:
    await region.decided(given())
    job = region.standing()
    assert await job.round() == 0
    inside, outside = await region.reported(), await region.reported(JIASHAN)
    assert await region.orders_in(inside, outside) == [FREE, FREE]
    assert await job.round() == 1
    assert await region.orders_in(inside, outside) == [STOPPED, FREE]
    state = (await region.states(inside))[0]
    assert all(d.suspended for d in state.owed if d.obliged == WUJIANG)
    await region.stored(inside)
    assert await job.round() == 0


async def test_a_clue_handed_into_the_region_is_covered(region: Region) -> None:
    await region.decided(given())
    desk = await region.reported(JIASHAN)
    job = region.standing()
    assert await job.round() == 0
    await desk.do("reroute", QINGPU, to_agency=WUJIANG, reason="误派")
    await region.stored(desk)
    assert await job.round() == 1
    assert await region.orders_in(desk) == [STOPPED]


async def test_all_clues_ended_the_order_is_in_force_still(region: Region) -> None:
    await region.decided(given())
    first, job = await region.reported(), region.standing()
    assert await job.round() == 1
    await first.do("withdraw", QINGPU, reason="重复")
    await region.stored(first)
    assert await job.round() == 0
    second = await region.reported()
    assert await job.round() == 1
    assert await region.orders_in(second) == [STOPPED]


async def test_the_job_and_people_send_one_command(region: Region) -> None:
    """At the same instant, from two workers and the command line: one event."""
    act = await region.decided(given())
    desks = [await region.reported() for _ in range(4)]
    by_hand = [region.clues.do(d.clue_no, act.name, act.actor, act.data, act.id(d.clue_no)) for d in desks]
    await asyncio.gather(region.standing().round(), region.standing().round(), *by_hand)
    assert await region.orders_in(*desks) == [STOPPED] * 4
    await region.stored(*desks)
    assert [(o["order_no"], o["suspended"]) for o in await regional.orders(region.engine)] == [
        (act.order_no, 4)
    ]
    assert await verify(region.engine) == []


async def test_what_was_refused_is_not_asked_again_until_the_clue_has_moved(region: Region) -> None:
    """Wujiang's urban management lies in the region, but not below the agency that gave the order."""
    await region.decided(given())
    desk = await region.reported("320509.urban")
    counting = Counting(region.clues)
    job = region.standing(counting)
    for _ in range(3):
        assert await job.round() == 0
    assert counting.sent == [(desk.clue_no, "suspend_region")]
    await desk.do("acknowledge", "320509.urban")
    await region.stored(desk)
    for _ in range(3):
        assert await job.round() == 0
    assert len(counting.sent) == 2
    assert await region.orders_in(desk) == [FREE]


@pytest.mark.parametrize(("kind", "then"), [(RESUMED, STARTED), (UNDONE, TAKEN_OUT)])
async def test_an_order_that_comes_to_its_end_while_it_is_carried_out_stands_nowhere(
    region: Region, kind: str, then: Seen
) -> None:
    """Ended between the job's look and the clue's answer, by somebody who could not see that clue yet."""
    await region.decided(given())
    desk = await region.reported()

    async def end(_: str) -> None:
        await region.decided(over(kind))

    assert await region.standing(Counting(region.clues, before=end)).round() == 2
    assert await region.orders_in(desk) == [then]


@pytest.mark.parametrize(("kind", "then"), [(RESUMED, STARTED), (UNDONE, TAKEN_OUT)])
async def test_what_a_killed_job_or_an_interrupted_end_left_standing_is_started_by_the_next(
    region: Region, kind: str, then: Seen
) -> None:
    await region.decided(given())
    desks = [await region.reported() for _ in range(2)]

    async def killed(_: str) -> None:
        await region.decided(over(kind))
        raise asyncio.CancelledError

    with pytest.raises(asyncio.CancelledError):
        await region.standing(Counting(region.clues, after=killed)).round()
    await region.stored(*desks)
    begun = (await region.orders_in(*desks)).count(STOPPED)
    assert begun > 0
    job = region.standing()
    assert await job.round(full=False) == begun
    assert then in await region.orders_in(*desks)
    assert STOPPED not in await region.orders_in(*desks)
    await region.stored(*desks)
    assert await job.round() == 0


async def test_an_end_of_long_ago_is_looked_at_in_full_rounds_alone(region: Region) -> None:
    act = await region.decided(given())
    desk = await region.reported()
    await region.standing().round()
    await region.stored(desk)
    await region.decided(over(RESUMED), datetime.now(UTC) - standing.LATELY - timedelta(minutes=1))
    assert await region.standing().round(full=False) == 0
    assert await region.standing().round(full=True) == 1
    assert await region.orders_in(desk) == [STARTED]
    with pytest.raises(DomainError, match=act.order_no):  # and it is not begun again
        await region.clues.do(desk.clue_no, act.name, act.actor, act.data, "another")


async def test_orders_that_are_older_than_the_record_are_read_from_the_log(region: Region) -> None:
    act, hand = given(), given("只此一条")
    desks = [await region.reported() for _ in range(2)]
    await region.clues.do(desks[0].clue_no, act.name, act.actor, act.data, act.id(desks[0].clue_no))
    await region.clues.do(desks[0].clue_no, hand.name, hand.actor, hand.data, "by-hand")
    await region.stored(*desks)
    assert await orders.recorded(region.engine) == []
    assert await region.standing().round() == 1
    (order,) = await orders.recorded(region.engine)
    assert order.given == act
    assert [s.suspensions[0].order_no for s in await region.states(*desks)] == [act.order_no] * 2
    assert len((await region.states(desks[1]))[0].suspensions) == 1  # one clue's order stays its own
    end = over(UNDONE)
    await region.clues.do(desks[0].clue_no, end.name, end.actor, end.data, end.id(desks[0].clue_no))
    await region.stored(*desks)
    assert await orders.recover(region.engine) == 1
    (order,) = await orders.recorded(region.engine)
    assert order.over == end


async def test_a_clue_that_does_not_answer_holds_up_no_other_for_ever(
    region: Region, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(orders, "PAGE", 1)
    await region.decided(given())
    first, second = sorted([await region.reported() for _ in range(2)], key=lambda d: d.clue_no)

    async def silent(clue_no: str) -> None:
        if clue_no == first.clue_no:
            raise ServiceUnreachable("no worker takes it")

    job = region.standing(Counting(region.clues, before=silent))
    with pytest.raises(ServiceUnreachable):
        await job.round()
    assert await job.round() == 1
    assert await region.orders_in(first, second) == [FREE, STOPPED]


async def test_with_the_ledger_away_it_rests_and_then_goes_on(
    temporal_client: Client,
    temporal_settings: Settings,
    own_postgres: EmbeddedPostgres,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    await migrate.upgrade(own_postgres.url())
    logs = logged(monkeypatch, "activities.standing")
    async with region_of(temporal_client, temporal_settings, own_postgres.url()) as region:
        await region.decided(given())
        desk = await region.reported()
        await asyncio.to_thread(own_postgres.stop)
        job = asyncio.create_task(Standing(region.clues, region.engine, interval=0.05).run())
        async with asyncio.timeout(60):
            while not [x for x in logs if x["event"] == "standing_orders_round_failed"]:  # noqa: ASYNC110
                await asyncio.sleep(0.02)
        assert not job.done()
        own_postgres.start()
        async with asyncio.timeout(60):
            while await region.orders_in(desk) != [STOPPED]:  # noqa: ASYNC110
                await asyncio.sleep(0.05)
        job.cancel()
        await asyncio.gather(job, return_exceptions=True)


async def test_the_record_refuses_to_be_changed(region: Region) -> None:
    act = await region.decided(given())
    other = Act(SUSPENDED, PROVINCE, {**act.data, "reason": "地震"})
    assert await region.decided(other) == act  # the first counts
    for statement in (
        "UPDATE region_order SET name = '乙'",
        "DELETE FROM region_order",
        "TRUNCATE region_order",
    ):
        with pytest.raises(Exception, match="append-only"):
            async with region.engine.begin() as connection:
                await connection.execute(text(statement))
