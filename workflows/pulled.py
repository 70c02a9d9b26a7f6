"""The ledger comes for the events: a worker is rung when there are some, and asks for them by a Query.

A Query leaves nothing in the history, and sees only what the server has stored. What a bell missed (its worker
died) is found when that worker's successor starts, and at the latest when the run wants to end or to continue:
it leaves only when the ledger has it all.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Sequence
from datetime import timedelta
from typing import Final

from activities.messages import RING, Ring
from domain.chain import Sealed
from temporalio import workflow
from temporalio.exceptions import FailureError

from workflows import errands
from workflows.outbox import CONFLICT_PAUSE, Outbox

GATHER: Final = timedelta(
    seconds=1
)  # what a burst changes is shown all at once, this long after its beginning


class Pulled(Outbox):
    """As `Outbox`, emptied from outside; asks to be confirmed only before the run leaves."""

    _gathering: asyncio.Task[None] | None = None

    @property
    def in_the_way(self) -> bool:
        return False

    def ring(self, sealed: Sequence[Sealed]) -> None:
        """Tells this worker that there are new events; that is no part of the history."""
        bell = workflow.extern_functions().get(RING)
        if bell is None:  # a replayer has none
            return
        clue_no, seq = self._speaker.clue_no, self._speaker.said[0]
        if workflow.unsafe.is_replaying():  # another worker may have brought them long ago
            bell(Ring(clue_no, seq, None))
        else:
            bell(Ring(clue_no, seq, sealed[0].seq - 1, tuple(sealed)))

    async def run(self) -> None:
        """For as long as the run lasts."""
        while True:
            await workflow.wait_condition(self._is_due)
            try:
                done = await errands.settle(self._speaker.clue_no, *self._speaker.said)
            except FailureError as err:  # the record holds something else in that place
                self.trouble = str(err.cause or err)
                workflow.logger.error("the ledger refuses events for good")
                await workflow.sleep(CONFLICT_PAUSE)
            else:
                self.confirmed(done)

    def _is_due(self) -> bool:
        return not self.settled or (bool(self.events) and self._speaker.wants_to_leave())

    def show(self) -> None:
        """At once after a command alone; of commands on each other's heels what came of them all; of the last ones
        together with the run's end, which the server's list has to take in anyway.
        """
        if self._speaker.is_done():
            return
        if not self.on_heels:
            self._speaker.show()
        elif self._gathering is None and self._speaker.has_more_to_show():
            self._gathering = asyncio.create_task(self._show_soon())

    async def _show_soon(self) -> None:
        with contextlib.suppress(asyncio.TimeoutError):
            await workflow.wait_condition(self._speaker.is_done, timeout=GATHER)
        self._gathering, self.on_heels = None, False
        self.show()
