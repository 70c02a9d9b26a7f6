"""A decision kept from the validator to the handler that follows it in the same workflow task."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from domain.lifecycle import Outcome
from domain.model import ClueState

from workflows.messages import CommandMessage


@dataclass(frozen=True)
class Judged:
    """What the validator found, for the handler that follows it in the same task; a replay has only the handler."""

    state: ClueState
    message: CommandMessage
    now: datetime
    outcome: Outcome

    def fits(self, state: ClueState, message: CommandMessage, now: datetime) -> bool:
        return self.state is state and self.now == now and self.message == message
