"""Keeps the histories of closed runs that no workflow could export itself: its own last events come after it."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from typing import Final

import structlog
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.ext.asyncio import AsyncEngine
from temporalio.client import Client
from temporalio.service import RPCError, RPCStatusCode

from activities.export import export_run
from activities.messages import RunRef
from ledger import histories
from workflows.messages import CLUE_WORKFLOW, clue_no_of

INTERVAL_SECONDS: Final = 60.0
FULL_EVERY: Final = 60  # sweeps; the others look at what closed lately
MARGIN: Final = timedelta(minutes=15)  # visibility hears of a closing late
PAGE: Final = 100
CLOSED: Final = f"WorkflowType = '{CLUE_WORKFLOW}' AND ExecutionStatus != 'Running'"

log = structlog.get_logger(__name__)


class Archivist:
    """One per worker; several may sweep at once, storing the same twice changes nothing."""

    def __init__(self, client: Client, engine: AsyncEngine, *, interval: float = INTERVAL_SECONDS) -> None:
        self._client, self._engine, self._interval = client, engine, interval

    async def run(self) -> None:
        """Sweeps until cancelled; what fails is tried again at the next sweep."""
        for n in itertools.count():
            since = None if n % FULL_EVERY == 0 else datetime.now(UTC) - MARGIN
            try:
                await self.sweep(since)
            except (RPCError, SQLAlchemyError, OSError) as err:
                log.warning("archivist_sweep_failed", error=type(err).__name__)
            await asyncio.sleep(self._interval)

    async def sweep(self, since: datetime | None = None) -> int:
        """Exports the runs closed after `since` (all that Temporal knows, without it) that aren't complete here.

        Gives their number.
        """
        exported = 0
        async for page in self._closed(since):
            missing = await histories.incomplete(self._engine, [ref.run_id for ref in page])
            for ref in page:
                if ref.run_id in missing and await self._export(ref):
                    exported += 1
        return exported

    async def _export(self, ref: RunRef) -> bool:
        try:
            await export_run(self._client, self._engine, ref)
        except RPCError as err:
            if err.status != RPCStatusCode.NOT_FOUND:  # forgotten between listing and asking
                raise
            log.warning("run_forgotten_before_export", workflow_id=ref.workflow_id, run_id=ref.run_id)
            return False
        return True

    async def _closed(self, since: datetime | None) -> AsyncIterator[list[RunRef]]:
        page: list[RunRef] = []
        query = CLOSED if since is None else f"{CLOSED} AND CloseTime > '{since.isoformat()}'"
        async for execution in self._client.list_workflows(query, page_size=PAGE):
            page.append(RunRef(execution.id, execution.run_id, clue_no_of(execution.id)))
            if len(page) == PAGE:
                yield page
                page = []
        if page:
            yield page
