"""Histories of real runs, on a real Temporal server, and the tips that workflows tell."""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import AsyncIterator

import pytest
from sqlalchemy.ext.asyncio import AsyncEngine
from temporalio import workflow
from temporalio.client import Client, WorkflowHistory
from temporalio.worker import Replayer, UnsandboxedWorkflowRunner, Worker

from activities.archivist import Archivist
from activities.export import export_run
from activities.ledger import LedgerActivities
from activities.live import TemporalClues
from activities.messages import EXPORT_TIMEOUT, RunRef
from ledger import database
from ledger.histories import incomplete, load, runs
from ledger.reconcile import LiveTip
from tests.ledger.cases import rulebook
from workflows.messages import CLUE_WORKFLOW, Tip, clue_no_of
from workflows.messages import clue_workflow_id as workflow_id


@workflow.defn(name=CLUE_WORKFLOW)
class Stub:
    """A clue's workflow as far as the archive sees it: exports itself, goes on in a new run, and ends."""

    @workflow.init
    def __init__(self, runs_left: int, released: bool = False) -> None:
        self.released = released

    @workflow.run
    async def run(self, runs_left: int, released: bool = False) -> None:
        info = workflow.info()
        await workflow.execute_activity_method(
            LedgerActivities.export_history,
            RunRef(info.workflow_id, info.run_id, clue_no_of(info.workflow_id)),
            start_to_close_timeout=EXPORT_TIMEOUT,
        )
        if runs_left:
            workflow.continue_as_new(args=[runs_left - 1, self.released])
        await workflow.wait_condition(lambda: self.released)

    @workflow.signal
    def release(self) -> None:
        self.released = True

    @workflow.query
    def tip(self) -> Tip:
        return Tip(7, "ab", "handling", ended=False)


@pytest.fixture
async def engine(database_url: str) -> AsyncIterator[AsyncEngine]:
    engine = database.create(database_url)
    yield engine
    await engine.dispose()


@pytest.fixture
async def queue(temporal_client: Client, engine: AsyncEngine) -> AsyncIterator[str]:
    name = str(uuid.uuid4())
    async with Worker(
        temporal_client,
        task_queue=name,
        workflows=[Stub],
        activities=[LedgerActivities(engine, rulebook()).export_history],
        workflow_runner=UnsandboxedWorkflowRunner(),
    ):
        yield name


async def listed(client: Client, clue_no: str, runs: int) -> None:
    """Waits until visibility has heard of the clue's closed runs."""
    query = f"WorkflowId = '{workflow_id(clue_no)}' AND ExecutionStatus != 'Running'"
    async with asyncio.timeout(30):
        while (await client.count_workflows(query)).count < runs:
            pass


async def test_each_run_is_exported_and_the_archivist_completes_it(
    temporal_client: Client, engine: AsyncEngine, queue: str
) -> None:
    clue_no = f"XS-{uuid.uuid4()}"
    await temporal_client.execute_workflow(
        Stub.run, args=[1, True], id=workflow_id(clue_no), task_queue=queue
    )
    await listed(temporal_client, clue_no, 2)
    own = await runs(engine, clue_no)
    assert [run.complete for run in own] == [False, False]  # an export can't hold its own end
    archivist = Archivist(temporal_client, engine)
    assert await archivist.sweep() >= 2
    assert await incomplete(engine, [run.run_id for run in own]) == frozenset()
    assert await archivist.sweep() == 0
    for run in own:
        text = await load(engine, run.workflow_id, run.run_id)
        assert text is not None
        history = WorkflowHistory.from_json(run.workflow_id, text)
        replayer = Replayer(workflows=[Stub], workflow_runner=UnsandboxedWorkflowRunner())
        await replayer.replay_workflow(history)


async def test_the_newest_run_is_meant_where_none_is_named(
    temporal_client: Client, engine: AsyncEngine, queue: str
) -> None:
    clue_no = f"XS-{uuid.uuid4()}"
    handle = await temporal_client.start_workflow(Stub.run, 0, id=workflow_id(clue_no), task_queue=queue)
    count = await export_run(temporal_client, engine, RunRef(workflow_id(clue_no), "", clue_no))
    (run,) = await runs(engine, clue_no)
    assert (run.run_id, run.complete) == (handle.first_execution_run_id, False)
    assert run.events >= count  # the run's own export may have come after this one
    await handle.signal(Stub.release)
    await handle.result()
    await export_run(temporal_client, engine, RunRef(workflow_id(clue_no), "", clue_no))
    (run,) = await runs(engine, clue_no)
    assert run.complete


async def test_live_clues_tell_their_tips(temporal_client: Client, queue: str) -> None:
    clue_no = f"XS-{uuid.uuid4()}"
    live = TemporalClues(temporal_client)
    assert await live.tip(clue_no) is None
    handle = await temporal_client.start_workflow(Stub.run, 0, id=workflow_id(clue_no), task_queue=queue)
    assert await live.tip(clue_no) == LiveTip(7, "ab", running=True)
    async with asyncio.timeout(30):
        while clue_no not in [found async for found in live.running()]:
            pass
    await handle.signal(Stub.release)
    await handle.result()
    assert await live.tip(clue_no) == LiveTip(7, "ab", running=False)
