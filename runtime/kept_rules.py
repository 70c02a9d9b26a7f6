"""The rules that a clue went by, then or last: named by its state, and read from the histories of its runs."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import AsyncIterable
from typing import Final

from temporalio.client import WorkflowHistory

from domain.model import ClueState
from domain.packs import Rulebook
from runtime.temporal import data_converter
from workflows import messages as m

REMEMBERED: Final = 128  # rulebooks, about 30 kB each


def version_of(then: ClueState, newest: ClueState | None = None) -> str | None:
    """The version that a clue went by in the state `then`; None where it has never been moved to another, and went by
    that of all its runs. `newest`: its state now, which may know of moves that came later.
    """
    if then.rule_changes:
        return then.rule_changes[-1].to_version
    later = newest.rule_changes if newest else ()
    return later[0].from_version if later else None


async def find_in(histories: AsyncIterable[str], version: str | None) -> Rulebook | None:
    """The rules of that version among those that the runs began with or were moved to; for None, the last ones.

    `histories`: Temporal's JSON, the newest run first. None where they are in none.
    """
    async for history in histories:
        found = await _in_one(history, version)
        if found is not None:
            return found
    return None


async def _in_one(history: str, version: str | None) -> Rulebook | None:
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
        if candidate is not None and version in (None, candidate.version):
            found = candidate
    return found


class Remembered:
    """The rulebooks found last: the pages of one clue ask for the same again and again."""

    def __init__(self) -> None:
        self._books: OrderedDict[tuple[str, str | None, int], Rulebook] = OrderedDict()

    @staticmethod
    def key(then: ClueState, newest: ClueState) -> tuple[str, str | None, int]:
        """Moves that came later make another key: until one, `None` stands for what nobody has named."""
        return then.clue_no, version_of(then, newest), len(newest.rule_changes)

    def get(self, then: ClueState, newest: ClueState) -> Rulebook | None:
        """What was put for them, if it is still here."""
        return self._books.get(self.key(then, newest))

    def put(self, then: ClueState, newest: ClueState, book: Rulebook) -> None:
        """Keeps it, at the price of the oldest."""
        self._books[self.key(then, newest)] = book
        while len(self._books) > REMEMBERED:
            self._books.popitem(last=False)
