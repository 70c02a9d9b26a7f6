"""Histories of real runs replay under the present code, with the production converter and sandbox.

Where one fails, a change of the workflows' commands needs `workflow.patched("<date>-<slug>")`; see
docs/adr/0006-changing-running-workflows.md.
"""

import gzip
import json
from pathlib import Path
from typing import Any

import pytest
from temporalio.client import WorkflowHistory
from temporalio.worker import (
    ExecuteWorkflowInput,
    Interceptor,
    Replayer,
    UnsandboxedWorkflowRunner,
    WorkflowInboundInterceptor,
    WorkflowInterceptorClassInput,
)
from temporalio.workflow import NondeterminismError

from runtime.temporal import data_converter, sandbox_runner
from workflows.clue import ClueWorkflow
from workflows.messages import Tip
from workflows.numbering import NumberingWorkflow

HISTORIES = sorted((Path(__file__).parent / "histories").glob("*.json.gz"))


def load(path: Path) -> dict[str, list[dict[str, object]]]:
    loaded: dict[str, list[dict[str, object]]] = json.loads(gzip.decompress(path.read_bytes()))
    return loaded


def replayer() -> Replayer:
    return Replayer(
        workflows=[ClueWorkflow, NumberingWorkflow],
        data_converter=data_converter(),
        workflow_runner=sandbox_runner(),
    )


def test_every_kind_of_run_is_there() -> None:
    kinds = {path.name.removesuffix(".json.gz") for path in HISTORIES}
    assert kinds >= {
        "whole-life", "resumed-after-the-end", "ledger-away", "continued", "continuing", "numbers", "clocks",
        "never-reported", "rules-changed", "rules-carried",
    }  # fmt: skip


@pytest.mark.parametrize("path", HISTORIES, ids=lambda path: path.name.removesuffix(".json.gz"))
async def test_a_saved_run_replays(path: Path) -> None:
    await replayer().replay_workflow(WorkflowHistory.from_json("saved", load(path)))


async def test_a_changed_course_is_noticed() -> None:
    history = load(HISTORIES[0].with_name("whole-life.json.gz"))
    for event in history["events"]:
        if event["eventType"] == "EVENT_TYPE_TIMER_STARTED":
            event["eventType"] = "EVENT_TYPE_WORKFLOW_EXECUTION_CANCEL_REQUESTED"
            event.pop("timerStartedEventAttributes")
            event["workflowExecutionCancelRequestedEventAttributes"] = {}
    with pytest.raises(NondeterminismError):
        await replayer().replay_workflow(WorkflowHistory.from_json("changed", history))


class Listening(WorkflowInboundInterceptor):
    heard: list[Tip] = []  # noqa: RUF012  what the replayed runs came to

    async def execute_workflow(self, input: ExecuteWorkflowInput) -> Any:
        result = await super().execute_workflow(input)
        self.heard.append(result)
        return result


class Listener(Interceptor):
    def workflow_interceptor_class(
        self, input: WorkflowInterceptorClassInput
    ) -> type[WorkflowInboundInterceptor]:
        return Listening


async def test_a_saved_life_comes_to_the_very_chain_that_the_ledger_has() -> None:
    """Replay itself compares commands, not what was decided: a changed rule in the core shows only here."""
    Listening.heard.clear()
    history = WorkflowHistory.from_json("saved", load(HISTORIES[0].with_name("whole-life.json.gz")))
    ended = history.events[-1].workflow_execution_completed_event_attributes
    (then,) = await data_converter().decode(ended.result.payloads, [Tip])
    await Replayer(
        workflows=[ClueWorkflow],
        data_converter=data_converter(),
        workflow_runner=UnsandboxedWorkflowRunner(),
        interceptors=[Listener()],
    ).replay_workflow(history)
    assert Listening.heard == [then]
