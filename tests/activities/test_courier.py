"""The courier against a Temporal and a ledger in memory: what it must not forget, and what must not stop it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from types import SimpleNamespace
from typing import Any

import pytest
from temporalio.client import WorkflowQueryFailedError

from activities import courier as module
from activities.courier import Courier
from activities.messages import Ring, Said
from domain.chain import Sealed
from tests.ledger.cases import START, Case, whole
from tests.workflows.shell import FakeLedger
from workflows.messages import Outbox, clue_workflow_id

FIRST, SECOND = "XS-320583-20240403-0001", "XS-320583-20240403-0002"


@dataclass
class FakeTemporal:
    """Running clues that answer queries with what they have said; `broken` ones answer with an error."""

    cases: dict[str, Case]
    broken: set[str] = field(default_factory=set)
    lists: list[Exception] = field(default_factory=list)
    asked: int = 0

    async def list_workflows(self, query: str) -> AsyncIterator[Any]:
        if self.lists:
            raise self.lists.pop()
        for clue_no in self.cases:
            yield SimpleNamespace(id=clue_workflow_id(clue_no))

    def get_workflow_handle(self, workflow_id: str, run_id: str | None = None) -> Any:
        clue_no = workflow_id.removeprefix(clue_workflow_id(""))

        async def query(_name: str, after: int, **_options: Any) -> Outbox:
            self.asked += 1
            if clue_no in self.broken:
                raise WorkflowQueryFailedError("no such query")
            sealed = self.cases[clue_no].sealed
            return Outbox(len(sealed), tuple(sealed[after:]))

        return SimpleNamespace(query=query)


def both() -> FakeTemporal:
    return FakeTemporal({FIRST: whole(FIRST), SECOND: whole(SECOND)})


async def test_a_clue_that_cannot_answer_hides_no_other_from_the_sweep(ledger: FakeLedger) -> None:
    temporal = both()
    temporal.broken.add(FIRST)
    courier = Courier(temporal, ledger)  # type: ignore[arg-type]
    assert await courier.sweep() == 1
    await courier.drain(10)
    assert list(ledger.stored) == [SECOND]
    assert ledger.stored[SECOND] == list(temporal.cases[SECOND].sealed)


async def test_a_ledger_that_was_set_back_is_brought_up_again(ledger: FakeLedger) -> None:
    """Restored from a copy under a running worker, which thinks that it knows how far the ledger is."""
    temporal = both()
    courier = Courier(temporal, ledger)  # type: ignore[arg-type]
    await courier.sweep()
    await courier.drain(10)
    del ledger.stored[FIRST][3:]
    assert await courier.sweep() == 1
    await courier.drain(10)
    assert ledger.stored[FIRST] == list(temporal.cases[FIRST].sealed)
    assert await courier.sweep() == 0


async def test_a_bell_for_what_was_never_stored_claims_nothing(ledger: FakeLedger) -> None:
    """Its task was lost: the clue has said no more than before, and the ledger may be further behind still."""
    temporal = both()
    said = len(temporal.cases[FIRST].sealed)
    courier = Courier(temporal, ledger)  # type: ignore[arg-type]
    courier.ring(Ring(FIRST, said + 2, said))
    await asyncio.sleep(0)
    await courier.drain(10)
    assert not ledger.stored
    courier.ring(Ring(FIRST, said, None))
    await asyncio.sleep(0)
    await courier.drain(10)
    assert ledger.stored[FIRST] == list(temporal.cases[FIRST].sealed)


async def test_no_error_ends_the_sweeping(ledger: FakeLedger, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "LONGEST_PAUSE", 0.01)
    temporal = both()
    temporal.lists.append(ValueError("something that nobody thought of"))
    courier = Courier(temporal, ledger)  # type: ignore[arg-type]
    running = asyncio.create_task(courier.run())
    async with asyncio.timeout(10):
        while len(ledger.stored) < 2:  # noqa: ASYNC110
            await asyncio.sleep(0.01)
    running.cancel()
    await courier.close()


async def test_no_error_makes_it_forget_a_bell(ledger: FakeLedger, monkeypatch: pytest.MonkeyPatch) -> None:
    real, errors = ledger.store, [ValueError("something that nobody thought of")]

    async def store(batch: Any) -> Any:
        if errors:
            raise errors.pop()
        return await real(batch)

    monkeypatch.setattr(ledger, "store", store)
    temporal = both()
    courier = Courier(temporal, ledger)  # type: ignore[arg-type]
    courier.ring(Ring(FIRST, len(temporal.cases[FIRST].sealed), 0))
    await asyncio.sleep(0)
    await courier.drain(10)
    assert ledger.stored[FIRST] == list(temporal.cases[FIRST].sealed)


def rings(sealed: Sequence[Sealed], *parts: int) -> list[Ring]:
    """As a run that was not replayed rings: each part told once, from the first event on."""
    out, begin = [], 0
    for end in (*parts, len(sealed)):
        out.append(Ring(FIRST, end, begin, tuple(sealed[begin:end])))
        begin = end
    return out


def said(case: Case) -> Said:
    return Said(FIRST, "run", len(case.sealed), case.hash)


async def settled(ledger: FakeLedger, temporal: FakeTemporal, told: Sequence[Ring]) -> None:
    courier = Courier(temporal, ledger)  # type: ignore[arg-type]
    for ring in told:
        courier.ring(ring)
    await asyncio.sleep(0)
    await courier.settle(said(temporal.cases[FIRST]))
    assert ledger.stored[FIRST] == list(temporal.cases[FIRST].sealed)
    await courier.close()


async def test_what_bells_told_is_settled_without_asking(ledger: FakeLedger) -> None:
    temporal = both()
    await settled(ledger, temporal, rings(temporal.cases[FIRST].sealed, 1, 4))
    assert temporal.asked == 0


async def test_what_a_lost_task_told_is_not_what_is_settled(ledger: FakeLedger) -> None:
    """Its events never were; done again, an hour later, the clue tells the same numbers with other hashes."""
    temporal, lost = both(), whole(FIRST, START + timedelta(hours=1)).sealed
    told = [*rings(lost, 1, 4), *rings(temporal.cases[FIRST].sealed, 2)]
    await settled(ledger, temporal, told)
    assert temporal.asked == 0


@pytest.mark.parametrize(
    "missed", [slice(0, 1), slice(1, 2), slice(2, 3)], ids=["the first", "one between", "the last"]
)
async def test_where_a_bell_was_missed_the_clue_is_asked(ledger: FakeLedger, missed: slice) -> None:
    temporal = both()
    told = rings(temporal.cases[FIRST].sealed, 2, 4)
    del told[missed]
    await settled(ledger, temporal, told)
    assert temporal.asked == 1


async def test_what_a_lost_task_alone_told_is_asked_for(ledger: FakeLedger) -> None:
    """It was done again by another worker, whose bells this one does not hear."""
    temporal = both()
    await settled(ledger, temporal, rings(whole(FIRST, START + timedelta(hours=1)).sealed))
    assert temporal.asked == 1


async def test_after_a_replay_what_was_told_before_counts_for_nothing(ledger: FakeLedger) -> None:
    temporal = both()
    sealed = temporal.cases[FIRST].sealed
    await settled(ledger, temporal, [*rings(sealed), Ring(FIRST, len(sealed), None)])
    assert temporal.asked == 1


async def test_closed_it_holds_nothing_any_more(ledger: FakeLedger) -> None:
    ledger.mode = "hanging"
    courier = Courier(both(), ledger)  # type: ignore[arg-type]
    before = asyncio.all_tasks()
    for n in range(20):
        courier.ring(Ring(f"{FIRST}{n}", 1, None))
    await asyncio.sleep(module.QUIET_SECONDS * 2)
    assert len(asyncio.all_tasks() - before) == 20
    await courier.close()
    assert asyncio.all_tasks() == before


@pytest.fixture
def ledger() -> FakeLedger:
    return FakeLedger()
