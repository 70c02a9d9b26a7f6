"""`suspend` and `resume` beside workers that keep orders standing: nothing is left standing, nothing happens twice."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from datetime import UTC, datetime
from typing import Any

import pytest
from temporalio.client import Client

from cli import regional_work
from cli.regional import listed
from cli.regional_work import Run
from domain.errors import DomainError
from domain.model import Actor
from domain.region_orders import RESUMED, SUSPENDED, UNDONE, Act
from ledger import orders
from runtime.settings import Settings, get_settings
from tests.activities.region import (
    FREE,
    JIASHAN,
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


@pytest.fixture
async def region(
    temporal_client: Client,
    temporal_settings: Settings,
    database_url: str,
    monkeypatch: pytest.MonkeyPatch,
) -> AsyncIterator[Region]:
    """Where the command line finds its services, too."""
    async with region_of(temporal_client, temporal_settings, database_url) as there:
        monkeypatch.setenv("DATABASE_URL", database_url)
        monkeypatch.setenv("TEMPORAL_ADDRESS", str(temporal_settings.temporal_address))
        monkeypatch.setenv("CLUEFLOW_TASK_QUEUE", there.queue)
        get_settings.cache_clear()
        yield there


@pytest.fixture(autouse=True)
def _settings_read_anew() -> Iterator[None]:
    yield
    get_settings.cache_clear()


async def run(act: Act, *, dry: bool = False) -> Run:
    return (await regional_work.carried_out(act, dry, True))[0]


async def test_an_order_over_a_region_without_clues_is_on_record_and_listed(region: Region) -> None:
    done = await run(given())
    assert (done.tried, done.standing) == (0, True)
    (row,) = await listed(region.engine)
    assert (row["order_no"], row["region"], row["state"], row["suspended"]) == (
        "苏环中止1号", "3205", "in_force", 0,
    )  # fmt: skip
    desk = await region.reported()
    assert await region.standing().round() == 1
    assert await region.orders_in(desk) == [STOPPED]


async def test_a_dry_run_records_nothing(region: Region) -> None:
    await region.reported()
    assert len((await run(given(), dry=True)).done) == 1
    assert await orders.recorded(region.engine) == []


@pytest.mark.parametrize(("kind", "then"), [(RESUMED, STARTED), (UNDONE, TAKEN_OUT)])
async def test_an_end_reaches_what_the_ledger_does_not_know_of_yet(
    region: Region, kind: str, then: Seen
) -> None:
    """A worker begins the order in a clue, and that has not come to the ledger when the order is ended."""
    await run(given())
    desk = await region.reported()
    region.late.may.clear()
    assert await region.standing().round() == 1
    assert await region.orders_in(desk) == [STOPPED]
    ending = asyncio.create_task(run(over(kind)))
    async with asyncio.timeout(30):
        while await region.orders_in(desk) != [then]:  # noqa: ASYNC110
            await asyncio.sleep(0.02)
    region.late.may.set()
    assert (await ending).done == [desk.clue_no]


async def test_an_end_reaches_what_has_left_the_region(region: Region) -> None:
    """Handed on to another county of the province: the log alone can tell."""
    desk, other = await region.reported(), await region.reported()
    await run(given(region="320509"))
    await desk.do("reroute", "310118.eco", to_agency="320583.eco", reason="误派")
    await region.stored(desk)
    assert sorted((await run(over(UNDONE))).done) == sorted([desk.clue_no, other.clue_no])
    assert await region.orders_in(desk, other) == [TAKEN_OUT] * 2


async def test_an_end_reaches_what_comes_back_into_its_agencys_hands(region: Region) -> None:
    """While the clue is another province's, an agency of this one can command nothing there."""
    desk = await region.reported()
    await run(given())
    await desk.do("reroute", "310118.eco", to_agency=JIASHAN, reason="误派")
    await region.stored(desk)
    ended = await run(over(RESUMED))
    assert (ended.done, ended.out_of_reach) == ([], 1)
    job = region.standing()
    assert await job.round(full=False) == 0
    await desk.do("rule_jurisdiction", "000000.eco", "supervisor", agency=WUJIANG, reason="行为地")
    assert await region.orders_in(desk) == [STOPPED]
    await region.stored(desk)
    assert await job.round(full=False) == 1
    assert await region.orders_in(desk) == [STARTED]
    assert not any(d.suspended for d in (await region.states(desk))[0].owed)


@pytest.mark.parametrize(("kind", "then"), [(RESUMED, STARTED), (UNDONE, TAKEN_OUT)])
async def test_ended_while_it_is_being_given(
    region: Region, kind: str, then: Seen, monkeypatch: pytest.MonkeyPatch
) -> None:
    desks = [await region.reported() for _ in range(2)]
    real = regional_work._sent

    async def sent(*args: Any) -> Run:
        if args[2].kind == SUSPENDED:
            await orders.keep(region.engine, over(kind), datetime.now(UTC))
        return await real(*args)

    monkeypatch.setattr(regional_work, "_sent", sent)
    assert len((await run(given())).done) == 2
    assert await region.orders_in(*desks) == [then] * 2


@pytest.mark.parametrize("kind", [RESUMED, UNDONE])
async def test_ended_amid_the_jobs_round_and_after_it_nothing_stands(region: Region, kind: str) -> None:
    desks = [await region.reported() for _ in range(6)]
    await orders.keep(region.engine, given(), datetime.now(UTC))
    jobs = [asyncio.create_task(region.standing().round()) for _ in range(2)]
    async with asyncio.timeout(30):
        while STOPPED not in await region.orders_in(*desks):  # noqa: ASYNC110
            await asyncio.sleep(0.01)
    await run(over(kind))
    await asyncio.gather(*jobs)
    assert not [seen for seen in await region.orders_in(*desks) if seen[0] > 1 or seen[1]]
    await region.stored(*desks)
    assert await region.standing().round() == 0


async def test_an_order_that_is_over_is_not_begun_again(region: Region) -> None:
    desk = await region.reported()
    await run(given())
    await run(over(RESUMED))
    later = await region.reported()
    with pytest.raises(DomainError, match=r"已于.*结束.*新的文号") as told:
        await run(given())
    assert told.value.code == "wrong_stage"
    assert await region.standing().round() == 0
    assert await region.orders_in(desk, later) == [STARTED, FREE]
    again = await run(over(RESUMED))  # which is safe
    assert (again.done, again.already, again.refused) == ([], 1, [])
    assert (await run(over(UNDONE))).done == [desk.clue_no]


async def test_what_was_undone_is_said_once(region: Region) -> None:
    desks = [await region.reported() for _ in range(2)]
    await run(given())
    await run(over(UNDONE))
    with pytest.raises(DomainError, match=r"已于.*撤销") as told:
        await run(over(RESUMED))
    assert told.value.code == "unknown_duty"
    assert await region.orders_in(*desks) == [TAKEN_OUT] * 2
    again = await run(over(UNDONE))
    assert (again.done, again.already, again.refused) == ([], 2, [])


async def test_a_clue_of_its_own_end_is_no_noise(region: Region) -> None:
    """One clue was let go by hand; the end of the order finds it so."""
    desks = [await region.reported() for _ in range(2)]
    await run(given())
    await desks[0].do("resume_region", "320000.eco", "approver", **over(UNDONE).data)
    await region.stored(*desks)
    ended = await run(over(RESUMED))
    assert (ended.done, ended.already, ended.refused) == ([desks[1].clue_no], 1, [])
    assert await region.orders_in(*desks) == [TAKEN_OUT, STARTED]
    assert await region.standing().round() == 0


async def test_the_same_number_is_the_same_order(region: Region) -> None:
    first = await region.reported()
    await run(given())
    with pytest.raises(DomainError, match="地区") as told:
        await run(given(region="32"))
    assert told.value.code == "invalid_input"
    second = await region.reported()
    colleague = Actor("320000.eco", "commander", "值班")
    await run(Act(SUSPENDED, colleague, {**given().data, "reason": "台风又来"}))
    assert await region.orders_in(first, second) == [STOPPED] * 2
    (order,) = await orders.recorded(region.engine)
    assert order.given == given()  # carried out as it was given


async def test_who_may_not_leaves_no_order_behind(region: Region) -> None:
    officer, county = Actor("320000.eco", "officer", "甲"), Actor("320509.eco", "approver", "乙")
    for actor in (officer, county):
        with pytest.raises(DomainError) as told:
            await run(Act(SUSPENDED, actor, given().data))
        assert told.value.code == "not_permitted"
    desk = await region.reported()
    refused = (await run(Act(SUSPENDED, officer, given().data))).refused
    assert [(clue_no, code) for clue_no, code, _ in refused] == [(desk.clue_no, "not_permitted")]
    assert await orders.recorded(region.engine) == []
    await run(given())
    assert [code for _, code, _ in (await run(Act(RESUMED, county, over(RESUMED).data))).refused] == [
        "not_permitted"
    ]
    (order,) = await orders.recorded(region.engine)
    assert order.over is None
    assert await region.orders_in(desk) == [STOPPED]
