"""The yardstick: a workflow that does nothing but answer Updates."""

from __future__ import annotations

from typing import Final

from temporalio import workflow
from temporalio.exceptions import ApplicationError

REFUSED: Final = "refused"


@workflow.defn(name="MinimalWorkflow")
class MinimalWorkflow:
    """Ends after `updates` accepted Updates; each answers with what it was given, and REFUSED is refused."""

    @workflow.init
    def __init__(self, updates: int) -> None:
        self._left = updates

    @workflow.run
    async def run(self, updates: int) -> None:
        await workflow.wait_condition(lambda: self._left == 0 and workflow.all_handlers_finished())

    @workflow.update
    async def empty(self, said: str) -> str:
        self._left -= 1
        return said

    @empty.validator
    def refuse(self, said: str) -> None:
        if said == REFUSED:
            raise ApplicationError("refused", type="refused", non_retryable=True)
