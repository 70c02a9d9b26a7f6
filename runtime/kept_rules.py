"""The rules that a clue went by, read from the kept history of a run that Temporal has forgotten."""

from __future__ import annotations

from temporalio.client import WorkflowHistory

from domain.model import ClueState
from domain.packs import Rulebook
from runtime.temporal import data_converter
from workflows import messages as m


async def rules_in(history: str, state: ClueState) -> Rulebook | None:
    """Those that the run began with, or was moved to last; None where none there are the clue's.

    `history` is Temporal's JSON; `state` says which version the clue's last change made it go by.
    """
    changed = state.rule_changes[-1].to_version if state.rule_changes else None
    found: Rulebook | None = None
    converter = data_converter()
    for event in WorkflowHistory.from_json("kept", history).events:
        if event.HasField("workflow_execution_started_event_attributes"):
            given = event.workflow_execution_started_event_attributes.input.payloads
            (start,) = await converter.decode(given, [m.ClueStart])
            candidate: Rulebook | None = start.rules
        elif event.HasField("workflow_execution_update_accepted_event_attributes"):
            asked = event.workflow_execution_update_accepted_event_attributes.accepted_request.input
            (message,) = await converter.decode(asked.args.payloads, [m.CommandMessage])
            candidate = message.rules
        else:
            continue
        if candidate is not None and changed in (None, candidate.version):
            found = candidate
    return found
