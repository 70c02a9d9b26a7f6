"""Keeping a run's history before Temporal forgets it."""

from __future__ import annotations

from sqlalchemy.ext.asyncio import AsyncEngine
from temporalio.api.enums.v1 import EventType
from temporalio.client import Client

from activities.messages import RunRef
from ledger import histories

# Nothing follows these in a run.
LAST_EVENTS = frozenset(
    {
        EventType.EVENT_TYPE_WORKFLOW_EXECUTION_COMPLETED,
        EventType.EVENT_TYPE_WORKFLOW_EXECUTION_FAILED,
        EventType.EVENT_TYPE_WORKFLOW_EXECUTION_TIMED_OUT,
        EventType.EVENT_TYPE_WORKFLOW_EXECUTION_CANCELED,
        EventType.EVENT_TYPE_WORKFLOW_EXECUTION_TERMINATED,
        EventType.EVENT_TYPE_WORKFLOW_EXECUTION_CONTINUED_AS_NEW,
    }
)


async def export_run(client: Client, engine: AsyncEngine, ref: RunRef) -> int:
    """Fetches the run's history and stores it, complete or not; gives the number of its events.

    Payloads are kept as the server has them, encoded. Raises RPCError where there is no such run.
    """
    handle = client.get_workflow_handle(ref.workflow_id, run_id=ref.run_id or None)
    history = await handle.fetch_history()
    first, last = history.events[0], history.events[-1]
    run_id = ref.run_id or first.workflow_execution_started_event_attributes.original_execution_run_id
    await histories.store(
        engine,
        ref.workflow_id,
        run_id,
        ref.clue_no,
        history=history.to_json(),
        events=len(history.events),
        complete=last.event_type in LAST_EVENTS,
    )
    return len(history.events)
