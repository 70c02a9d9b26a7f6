"""How much memory a command has used."""

from __future__ import annotations

import sys


def peak_mb(processes: int = 1) -> float:
    """The most that this process has held, and its finished processes beside it: so many times the largest, in MB."""
    import resource  # not on every system, and only looked at here

    unit = 1 if sys.platform == "darwin" else 1024  # bytes there, kilobytes elsewhere
    own = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return (own + processes * resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss) * unit / 1e6
