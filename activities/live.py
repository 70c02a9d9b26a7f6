"""What Temporal still knows of the clues, for `ledger.reconcile`."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import timedelta
from typing import Final

from temporalio.client import Client, WorkflowExecutionStatus
from temporalio.service import RPCError, RPCStatusCode

from ledger.reconcile import LiveTip
from workflows.messages import CLUE_WORKFLOW, TIP, Tip, clue_no_of, clue_workflow_id

QUERY_TIMEOUT: Final = timedelta(seconds=10)
RUNNING: Final = f"WorkflowType = '{CLUE_WORKFLOW}' AND ExecutionStatus = 'Running'"


class TemporalClues:
    """`ledger.reconcile.LiveClues` on a client. A worker must be up: workflows answer for themselves."""

    def __init__(self, client: Client) -> None:
        self._client = client

    async def running(self) -> AsyncIterator[str]:
        """The clues whose workflows run, as far as visibility has heard."""
        async for execution in self._client.list_workflows(RUNNING):
            yield clue_no_of(execution.id)

    async def tip(self, clue_no: str) -> LiveTip | None:
        """The newest run's tip; None where Temporal knows no run. RPCError when it doesn't answer."""
        handle = self._client.get_workflow_handle(clue_workflow_id(clue_no))
        try:
            found = await handle.describe(rpc_timeout=QUERY_TIMEOUT)
            tip = await handle.query(TIP, result_type=Tip, rpc_timeout=QUERY_TIMEOUT)
        except RPCError as err:
            if err.status == RPCStatusCode.NOT_FOUND:
                return None
            raise
        return LiveTip(tip.seq, tip.hash, found.status == WorkflowExecutionStatus.RUNNING)
