"""What a run has said and doesn't know to be in the ledger yet; the two ways of bringing it there stand on this."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Final, Protocol

from activities.messages import FlushDone
from domain.chain import Sealed

BURST: Final = timedelta(milliseconds=100)  # commands that follow each other this closely are a burst
CONFLICT_PAUSE: Final = timedelta(minutes=5)  # what the ledger refuses for good needs a person first


class Speaker(Protocol):
    """The run whose events they are."""

    @property
    def clue_no(self) -> str: ...
    @property
    def said(self) -> tuple[int, str]:
        """The last event's number and hash."""
        ...

    @property
    def ended(self) -> bool: ...
    def is_done(self) -> bool:
        """Whether nothing is left to do but to tell the ledger."""
        ...

    def wants_to_leave(self) -> bool:
        """Whether the run would end or continue as new, if the ledger had it all."""
        ...

    def has_more_to_show(self) -> bool: ...
    def show(self) -> None:
        """Tells the server's list what has changed."""
        ...


class Outbox:
    """Events in order, until the ledger is known to have them.

    `trusted`: whether the state that the run began with is known to be the clue's newest; `stale`: that it is not.
    `trouble`: why the ledger refused them for good, where it did.
    """

    def __init__(self, speaker: Speaker, events: Sequence[Sealed], *, resumed: bool) -> None:
        self.events: list[Sealed] = list(events)
        self.trusted, self.stale = not resumed, False
        self.trouble = ""
        self.on_heels = False  # the last command came within BURST of the one before
        self._speaker = speaker
        self._commanded_at: datetime | None = None

    @property
    def settled(self) -> bool:
        """Whether it is known either way that the run began with the clue's newest state."""
        return self.trusted or self.stale

    def add(self, sealed: Sequence[Sealed]) -> None:
        self.events.extend(sealed)

    def commanded(self, now: datetime) -> None:
        """A command was accepted. Of commands' instants alone: an activity's end is none that a replay repeats."""
        last, self._commanded_at = self._commanded_at, now
        self.on_heels = last is not None and now - last <= BURST

    def confirmed(self, done: FlushDone) -> None:
        """The ledger is there now. A resumed run is only as good as the state it was given: the ledger must know
        nothing newer.
        """
        self.trouble = ""
        if not self.trusted:
            self.trusted = (done.seq, done.hash) == self._speaker.said
            self.stale = not self.trusted
        self.events = [s for s in self.events if s.seq > done.seq]
