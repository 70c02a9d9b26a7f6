"""What the rows of this very file have in common with each other: the ledger does not know them yet."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime
from typing import Final

from domain.suspects import Measures, Met, Suspect, suspects
from domain.traces import Trace

CELL: Final = 0.25  # degrees


class Seen:
    """Grows with the file: some hundred bytes a row."""

    def __init__(self, measures: Measures) -> None:
        self._measures = measures
        self._named: dict[tuple[str, str], list[Met]] = defaultdict(list)
        self._placed: dict[tuple[int, int], list[Met]] = defaultdict(list)

    def add(self, clue_no: str, at: datetime, traces: Iterable[Trace]) -> None:
        for trace in traces:
            met = Met(clue_no, at, trace)
            if trace.kind != "place":
                self._named[trace.kind, trace.value].append(met)
            elif trace.lon is not None and trace.lat is not None:
                self._placed[_cell(trace.lon), _cell(trace.lat)].append(met)

    def resembling(self, clue_no: str, at: datetime, traces: Sequence[Trace]) -> tuple[Suspect, ...]:
        """The rows before this one that may be the same matter."""
        met = [m for m in self._met(traces) if m.clue_no != clue_no]
        return suspects(traces, at, met, self._measures)

    def _met(self, traces: Sequence[Trace]) -> Iterator[Met]:
        for trace in traces:
            if trace.kind != "place":
                yield from self._named.get((trace.kind, trace.value), ())
            elif trace.lon is not None and trace.lat is not None:
                yield from self._around(trace.lon, trace.lat, max(self._measures.least_m, trace.radius_m))

    def _around(self, lon: float, lat: float, metres: float) -> Iterator[Met]:
        tall = metres / 111_195
        wide = tall / max(0.01, math.cos(math.radians(lat)))
        for x in range(_cell(lon - wide), _cell(lon + wide) + 1):
            for y in range(_cell(lat - tall), _cell(lat + tall) + 1):
                yield from self._placed.get((x, y), ())


def _cell(degrees: float) -> int:
    return math.floor(degrees / CELL)
