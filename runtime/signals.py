"""Ctrl-C and SIGTERM as an orderly wish to stop."""

import asyncio
import signal
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def stop_requested() -> Iterator[asyncio.Event]:
    """An event that SIGINT or SIGTERM sets; a second signal has its usual effect. Main thread only."""
    event = asyncio.Event()
    loop = asyncio.get_running_loop()

    def ask(number: signal.Signals) -> None:
        event.set()
        loop.remove_signal_handler(number)

    wanted = (signal.SIGINT, signal.SIGTERM)
    for number in wanted:
        loop.add_signal_handler(number, ask, number)
    try:
        yield event
    finally:
        for number in wanted:
            loop.remove_signal_handler(number)
