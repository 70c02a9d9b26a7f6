"""Whole lifecycles on a real Temporal server and a real PostgreSQL, beside a minimal workflow in the same run."""

from __future__ import annotations

import asyncio
import statistics
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import uuid4

from temporalio.client import Client, WorkflowHandle, WorkflowUpdateFailedError
from temporalio.worker import Replayer, Worker

from bench.case import Case
from bench.minimal import REFUSED, MinimalWorkflow
from bench.report import Row
from domain.calendar import SHANGHAI
from domain.lifecycle import handle
from domain.model import blank
from ledger import database, migrate
from runtime.embedded.stack import Stack
from runtime.rules import Rules
from runtime.temporal import data_converter, workflow_runner
from worker import run_worker
from workflows import search
from workflows.clue import ClueWorkflow
from workflows.messages import COMMAND, WORKFLOW_TASK_TIMEOUT, ClueStart, CommandMessage, clue_workflow_id

QUEUE = "clueflow-bench"
MINIMAL_QUEUE = "clueflow-bench-minimal"
ANY_NO = "XS-320583-20240403-0001"
APART = 0.15  # seconds: longer than the workflow takes for "on each other's heels"
LAG = timedelta(minutes=10)  # the workflow's clock stays behind the case's, so that no timer runs ahead


@dataclass
class Measured:
    """What the durable part of the bench found; times in seconds."""

    ratios: list[float]
    clue_rate: float
    minimal_rate: float
    clue_acks: list[float]
    minimal_acks: list[float]


async def run(
    stack: Stack, client: Client, rules: Rules, case: Case, *, lifecycles: int, rounds: int
) -> list[Row]:
    engine = database.writer(stack.database_url)
    await migrate.upgrade(stack.database_url)
    beside = Worker(
        client,
        task_queue=MINIMAL_QUEUE,
        workflows=[MinimalWorkflow],
        workflow_runner=workflow_runner(),
        sticky_queue_schedule_to_start_timeout=timedelta(seconds=1),
    )
    try:
        async with (
            run_worker(client, engine, rules, stack.settings, task_queue=QUEUE, archivist=False),
            beside,
        ):
            runs = Runs(client, rules, case)
            measured = await _measure(runs, lifecycles, rounds)
            apart = await _apart(runs)
            costs = await _costs(runs)
            replay = await _replay(runs)
    finally:
        await engine.dispose()
    return [*_rows(measured, case, lifecycles, rounds), *apart, *costs, *replay]


class Runs:
    """Plays one lifecycle of either kind through real Updates, one after the other."""

    def __init__(self, client: Client, rules: Rules, case: Case) -> None:
        self.client, self.rules, self.case = client, rules, case
        self.pinned = rules.rulebook.pinned(case.packs, 2023, 2025)
        first = case.acts[
            0
        ]  # as `runtime.client` does it: a new run is listed with what its report makes of it
        self.reported = handle(
            blank(ANY_NO, case.packs), first.command("c0", ANY_NO), first.at, self.pinned
        ).state

    async def clue(self, acks: list[float] | None = None, pause: float = 0) -> WorkflowHandle[Any, Any]:
        """`pause`: seconds before each command, so that none comes on the heels of another."""
        clue_no = f"XS-320583-20240403-{uuid4().hex[:10]}"
        first = self.case.acts[0]
        offset = first.at - LAG - _now()
        start = ClueStart(
            clue_no, self.pinned, packs=self.case.packs, clock_offset=offset, rehearsal=True, pulled=True
        )
        handle = await self.client.start_workflow(
            ClueWorkflow.run,
            start,
            id=clue_workflow_id(clue_no),
            task_queue=QUEUE,
            task_timeout=WORKFLOW_TASK_TIMEOUT,
            search_attributes=search.attributes(self.reported, self.pinned),
        )
        for i, act in enumerate(self.case.acts):
            await asyncio.sleep(pause)
            message = CommandMessage(act.command(f"c{i}", clue_no), act.at)
            began = time.perf_counter()
            try:
                await handle.execute_update(COMMAND, message, result_type=dict)
            except WorkflowUpdateFailedError:
                if not act.refused:
                    raise
            else:
                if acks is not None:
                    acks.append(time.perf_counter() - began)
        await handle.result()
        return handle

    async def minimal(self, acks: list[float] | None = None, pause: float = 0) -> WorkflowHandle[Any, Any]:
        """As many Updates as the case has commands, and as many of them refused."""
        handle = await self.client.start_workflow(
            MinimalWorkflow.run, self.case.accepted, id=f"minimal/{uuid4().hex}", task_queue=MINIMAL_QUEUE
        )
        for i, act in enumerate(self.case.acts):
            await asyncio.sleep(pause)
            began = time.perf_counter()
            try:
                await handle.execute_update(MinimalWorkflow.empty, REFUSED if act.refused else f"c{i}")
            except WorkflowUpdateFailedError:
                continue
            if acks is not None:
                acks.append(time.perf_counter() - began)
        await handle.result()
        return handle


def _now() -> datetime:
    return datetime.now(SHANGHAI)


async def _rate(one: Callable[[], Awaitable[object]], count: int, abreast: int = 4) -> float:
    """Lifecycles a second, `abreast` at a time."""
    gate = asyncio.Semaphore(abreast)

    async def guarded() -> None:
        async with gate:
            await one()

    began = time.perf_counter()
    await asyncio.gather(*(guarded() for _ in range(count)))
    return count / (time.perf_counter() - began)


async def _measure(runs: Runs, lifecycles: int, rounds: int) -> Measured:
    """The two kinds in turn, so that a slow minute of the machine strikes both; ratios round by round."""
    await runs.clue()
    await runs.minimal()
    ratios, clue_rates, minimal_rates = [], [], []
    clue_acks: list[float] = []
    minimal_acks: list[float] = []
    for _ in range(rounds):
        clue_rates.append(await _rate(runs.clue, lifecycles))
        minimal_rates.append(await _rate(runs.minimal, lifecycles))
        ratios.append(clue_rates[-1] / minimal_rates[-1])
        for _ in range(3):  # one after the other, for the time to an answer
            await runs.clue(clue_acks)
            await runs.minimal(minimal_acks)
    return Measured(
        ratios, statistics.median(clue_rates), statistics.median(minimal_rates), clue_acks, minimal_acks
    )


def _percentile(values: list[float], share: float) -> float:
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(len(ordered) * share))]


def _rows(m: Measured, case: Case, lifecycles: int, rounds: int) -> list[Row]:
    ratio = statistics.median(m.ratios)
    spread = f"{rounds} 轮，每轮 {lifecycles} 条，4 条并行；比值 {min(m.ratios):.2f}–{max(m.ratios):.2f}"
    rows = [
        Row(
            "周庄案全程",
            m.clue_rate,
            "条/秒",
            f"每条 {case.accepted} 个接受、{len(case.acts) - case.accepted} 个拒绝",
        ),
        Row("最小工作流，同样多的 Update", m.minimal_rate, "条/秒", ""),
        Row("全程比最小工作流", ratio, "倍", spread, "≥ 0.8", ratio >= 0.8),
    ]
    return [*rows, *_answers("接连", m.clue_acks, m.minimal_acks)]


def _answers(name: str, ours: list[float], empty: list[float]) -> list[Row]:
    rows = []
    for label, share in (("p50", 0.5), ("p99", 0.99)):
        one, other = _percentile(ours, share), _percentile(empty, share)
        note = f"命令 {one * 1000:.1f} ms，空 Update {other * 1000:.1f} ms"
        ratio = one / other
        rows.append(Row(f"答复时间 {label} 比空 Update（{name}）", ratio, "倍", note, "≤ 1.5", ratio <= 1.5))
    return rows


async def _costs(runs: Runs) -> list[Row]:
    """Exact counts of one lifecycle: its commands on each other's heels, and each by itself as in real life."""
    rows = []
    for name, pause in (("接连", 0.0), ("各自", APART)):
        handle = await runs.clue(pause=pause)
        history = await handle.fetch_history()
        raw = [event.SerializeToString() for event in history.events]
        per_command = len(raw) / runs.case.accepted
        kinds = [event.WhichOneof("attributes") for event in history.events]
        actions = sum(kind in _BILLABLE for kind in kinds)
        target, met = "≤ 7", per_command <= 7
        rows += [
            Row(f"历史事件每命令（{name}）", per_command, "个", f"共 {len(raw)} 个，全部计入", target, met),
            Row(f"历史字节（{name}）", sum(map(len, raw)), "字节/条"),
            Row(f"计费动作（{name}）", actions, "个/条", "启动、Update、计时器、活动、本地活动、检索属性"),
        ]
    return rows


async def _apart(runs: Runs) -> list[Row]:
    """The time to an answer where commands come one by one, as people send them."""
    ours: list[float] = []
    empty: list[float] = []
    for _ in range(4):
        await runs.clue(ours, APART)
        await runs.minimal(empty, APART)
    return _answers("各自", ours, empty)


# What Temporal Cloud's pricing counts as an action, by the history event that shows it.
_BILLABLE = {
    "workflow_execution_started_event_attributes",
    "workflow_execution_update_accepted_event_attributes",
    "timer_started_event_attributes",
    "activity_task_scheduled_event_attributes",
    "marker_recorded_event_attributes",
    "upsert_workflow_search_attributes_event_attributes",
}


async def _replay(runs: Runs) -> list[Row]:
    handle = await runs.clue()
    history = await handle.fetch_history()
    replayer = Replayer(
        workflows=[ClueWorkflow], data_converter=data_converter(), workflow_runner=workflow_runner()
    )
    await replayer.replay_workflow(history)
    began, times = time.perf_counter(), 5
    for _ in range(times):
        await replayer.replay_workflow(history)
    rate = times * len(history.events) / (time.perf_counter() - began)
    return [Row("重放", rate, "事件/秒", f"{len(history.events)} 个事件，生产转换器")]
