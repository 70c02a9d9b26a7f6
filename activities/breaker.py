"""A circuit breaker: when something is known not to answer, nobody waits for it."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Final

OPEN_SECONDS: Final = 5.0


class Breaker:
    """Closed while all is well; open for `open_for` seconds after a failure; then one probe at a time.

    The probe's success closes it, its failure opens it for as long again. `clock` is monotonic seconds.
    """

    def __init__(self, open_for: float = OPEN_SECONDS, clock: Callable[[], float] = time.monotonic) -> None:
        self._open_for, self._clock = open_for, clock
        self._opened_at: float | None = None
        self._probing = False

    @property
    def is_open(self) -> bool:
        """Whether the last thing heard was a failure."""
        return self._opened_at is not None

    def allow(self) -> bool:
        """Whether to try now. Who is told yes says afterwards what came of it."""
        if self._opened_at is None:
            return True
        if self._probing or self._clock() - self._opened_at < self._open_for:
            return False
        self._probing = True
        return True

    def undecided(self) -> None:
        """The try ended without saying anything about the thing behind."""
        self._probing = False

    def succeeded(self) -> None:
        self._opened_at, self._probing = None, False

    def failed(self) -> None:
        self._opened_at, self._probing = self._clock(), False
