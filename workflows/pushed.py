"""How runs brought their events to the ledger that began before it came for them (`ClueStart.pulled`).

Kept for those runs and their histories alone; to be deleted when none of them is open any more.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Sequence
from datetime import timedelta
from typing import Final

from activities.messages import FlushBatch, FlushDone
from domain.chain import Sealed
from temporalio import workflow
from temporalio.exceptions import FailureError

from workflows import errands
from workflows.batches import next_batch
from workflows.outbox import CONFLICT_PAUSE, Outbox

GATHER: Final = timedelta(milliseconds=300)  # a burst's events go to the ledger together, after so long


class Pushed(Outbox):
    """As `Outbox`, emptied by activities of the run, one batch at a time."""

    _gathering = False
    _trying = False  # a local try at the ledger holds the workflow task
    _sealed_at = 0  # the history's length when the last event was made

    @property
    def in_the_way(self) -> bool:
        return self._trying

    def add(self, sealed: Sequence[Sealed]) -> None:
        super().add(sealed)
        self._sealed_at = workflow.info().get_current_history_length()

    def ring(self, sealed: Sequence[Sealed]) -> None:
        """Nobody comes for the events of such a run."""

    def show(self) -> None:
        if not self._in_a_burst():
            self._speaker.show()

    async def run(self) -> None:
        while True:
            await workflow.wait_condition(lambda: bool(self.events))
            await self._gather()
            batch = FlushBatch(self._speaker.clue_no, next_batch(self.events))
            try:
                done = await self._flush(batch)
            except FailureError as err:
                self.trouble = str(err.cause or err)
                workflow.logger.error("the ledger refuses events for good")
                await workflow.sleep(CONFLICT_PAUSE)
                continue
            self.confirmed(done)
            self.events = [s for s in self.events if s.seq > batch.sealed[-1].seq]

    def _in_a_burst(self) -> bool:
        return (self.on_heels or self._gathering) and not self._speaker.ended

    async def _gather(self) -> None:
        if self._in_a_burst():
            self._gathering = True
            with contextlib.suppress(asyncio.TimeoutError):
                await workflow.wait_condition(lambda: self._speaker.ended, timeout=GATHER)
            self._gathering = False
            self._speaker.show()

    async def _flush(self, batch: FlushBatch) -> FlushDone:
        if workflow.info().get_current_history_length() > self._sealed_at:
            self._trying = True
            try:
                return await errands.flush_briefly(batch)
            except FailureError:
                pass  # the ledger does not answer now
            finally:
                self._trying = False
        return await errands.flush(batch)
