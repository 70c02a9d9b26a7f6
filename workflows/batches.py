"""How much goes to the ledger at once."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from domain.chain import Sealed

MOST_EVENTS: Final = 200
MOST_BYTES: Final = 256 * 1024  # well below the server's limit for a payload


def next_batch(outbox: Sequence[Sealed]) -> tuple[Sealed, ...]:
    """The first events of the outbox, within both limits; always at least one."""
    size, count = 0, 0
    for sealed in outbox[:MOST_EVENTS]:
        size += len(sealed.body.encode())
        if count and size > MOST_BYTES:
            break
        count += 1
    return tuple(outbox[:count])
