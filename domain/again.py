"""Playing a past again, under the same rules or others: acts that are known to have been done, and their clocks.

Nobody reads the timeline of such a state or sends it a command twice, so it has none, and no answers.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from domain import effects
from domain.calendar import SHANGHAI
from domain.draft import Draft
from domain.evolve import quietly
from domain.lifecycle import NEEDED, _tick_into
from domain.model import ClueState, Command, Event
from domain.packs import Rulebook


class _Quiet(Draft):
    """A decision that leaves no trace but the state."""

    def emit(
        self,
        kind: str,
        data: Mapping[str, Any] | None = None,
        /,
        *,
        moment: datetime | None = None,
        by_engine: bool = False,
        **more: Any,
    ) -> None:
        command = self.command
        actor = command.actor if command and not by_engine else None
        told = {**(data or {}), **more}
        event = Event(kind, moment or self.now, actor, told, command.id if command else None)
        self.state = quietly(self.state, event)


def enact(state: ClueState, command: Command, now: datetime, rules: Rulebook) -> ClueState:
    """The state after an act of the record at its instant, everything due by then having happened first.

    Who may and what must be complete is not asked again, and `data` is as its event keeps it. DomainError where,
    under these rules, there is nothing for it to act upon.
    """
    now = now.astimezone(SHANGHAI)
    draft = _Quiet(ticked(state, now, rules), now, rules, command, command.data)
    for check in NEEDED:
        check(draft)
    effects.EFFECTS[command.name](draft)
    _tick_into(draft)  # a duty opened or resumed too late is breached at once
    return draft.state


def ticked(state: ClueState, now: datetime, rules: Rulebook) -> ClueState:
    """As `domain.lifecycle.ticked`, for a state that `enact` has made."""
    draft = _Quiet(state, now, rules)
    _tick_into(draft)
    return draft.state
