"""The commands in the histories of a clue's runs: exactly what was sent, with what the sender had looked up."""

from __future__ import annotations

from sqlalchemy.ext.asyncio import AsyncEngine
from temporalio.client import Client, WorkflowHistory
from temporalio.service import RPCError

from domain.model import Command
from ledger import histories
from runtime.temporal import data_converter
from workflows.messages import COMMAND, CommandMessage, clue_workflow_id


async def exported(engine: AsyncEngine, clue_no: str) -> dict[str, Command]:
    """The commands by id in the runs that the ledger keeps."""
    out: dict[str, Command] = {}
    for run in await histories.runs(engine, clue_no):
        text = await histories.load(engine, run.workflow_id, run.run_id)
        if text is not None:
            out |= await commands_in(WorkflowHistory.from_json(run.workflow_id, text))
    return out


async def live(client: Client, clue_no: str) -> dict[str, Command]:
    """The commands by id in the newest run, as Temporal has it; empty where it knows none or does not answer."""
    try:
        history = await client.get_workflow_handle(clue_workflow_id(clue_no)).fetch_history()
    except RPCError:
        return {}
    return await commands_in(history)


async def commands_in(history: WorkflowHistory) -> dict[str, Command]:
    """The commands by id whose Updates this history has accepted."""
    out: dict[str, Command] = {}
    for event in history.events:
        given = event.workflow_execution_update_accepted_event_attributes.accepted_request.input
        if given.name == COMMAND:
            (message,) = await data_converter().decode(given.args.payloads, [CommandMessage])
            out[message.command.id] = message.command
    return out
