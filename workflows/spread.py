"""Midnight is the rush hour: all terms in days end then, so clues wake over some minutes behind it.

A breach is dated exactly whenever the clue wakes, and a command ticks first, so nobody sees the difference.
"""

from __future__ import annotations

import zlib
from datetime import datetime, timedelta
from typing import Final

from domain.calendar import SHANGHAI

SPREAD_SECONDS: Final = 300


def spread(clue_no: str, wake: datetime) -> timedelta:
    """How long after `wake` the clue wakes: 0 except at a Shanghai midnight, then 0 to 300 s by its number."""
    local = wake.astimezone(SHANGHAI)
    if (local.hour, local.minute, local.second) != (0, 0, 0):
        return timedelta(0)
    return timedelta(seconds=zlib.crc32(clue_no.encode()) % (SPREAD_SECONDS + 1))
