"""Clue numbers `XS-<finder region>-<yyyymmdd>-<nnnn>`, counted per finder region and day without a database.

One workflow for each region that has ever reported; the same key gets the same number again, also when the
second try comes after midnight.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, timedelta
from typing import Final

from temporalio import workflow

with workflow.unsafe.imports_passed_through():
    from workflows.messages import ASSIGN, NUMBERING_WORKFLOW, AssignNumber, NumbersStart

REMEMBERED: Final = timedelta(days=7)  # a try again comes within minutes; days are for a weekend's outage
EVENTS_PER_RUN: Final = 1000


@workflow.defn(name=NUMBERING_WORKFLOW)
class NumberingWorkflow:
    @workflow.init
    def __init__(self, start: NumbersStart) -> None:
        self._start = start
        self._counters = dict(start.counters)
        self._given = dict(start.given)

    @workflow.run
    async def run(self, start: NumbersStart) -> None:
        await workflow.wait_condition(self._is_full)
        await workflow.wait_condition(workflow.all_handlers_finished)
        workflow.continue_as_new(
            NumbersStart(start.region, self._counters, recent(self._counters, self._given), start.max_events)
        )

    @workflow.update(name=ASSIGN)
    def assign(self, wish: AssignNumber) -> str:
        """The number for that key: the one it has, or the day's next."""
        if wish.key not in self._given:
            n = self._counters.get(wish.day, 0) + 1
            self._counters[wish.day] = n
            self._given[wish.key] = f"XS-{self._start.region}-{wish.day}-{n:04d}"
        return self._given[wish.key]

    def _is_full(self) -> bool:
        info, limit = workflow.info(), self._start.max_events or EVENTS_PER_RUN
        return info.is_continue_as_new_suggested() or info.get_current_history_length() >= limit


def recent(counters: Mapping[str, int], given: Mapping[str, str]) -> dict[str, str]:
    """The numbers given lately, by the days they carry; a count is kept for ever."""
    newest = max(counters, default="20000101")
    first = (date.fromisoformat(newest) - REMEMBERED).strftime("%Y%m%d")
    return {key: no for key, no in given.items() if no.split("-")[2] >= first}
