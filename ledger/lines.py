"""One line of the list, from a row as stored or from a state that the clocks have moved on."""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from domain.lifecycle import next_wakeup, ticked
from domain.model import ClueState
from domain.packs import Rulebook
from ledger import codec, rows

COLUMNS: Final = (
    "clue_no, stage, level, peak_level, holder, from_agency, to_agency, matter, title, drill, "
    "discovered_at, ended_at, packs, parties, next_due_at, next_due_id, last_seq"
)
REMEMBERED: Final = 20_000
BREATH: Final = 50  # clues ticked before others have a turn


@dataclass(frozen=True)
class Listed:
    """One line of the list, as of the instant that was asked for. `next_due_id` is the duty due next."""

    clue_no: str
    stage: str
    level: int
    peak_level: int
    holder: str | None
    from_agency: str
    to_agency: str | None
    matter: str
    title: str
    drill: bool
    discovered_at: datetime | None
    ended_at: datetime | None
    packs: tuple[str, ...]
    parties: tuple[str, ...]
    next_due_at: datetime | None
    next_due_id: str | None
    last_seq: int


def from_row(row: Mapping[str, Any]) -> Listed:
    """The line of a stored row with `COLUMNS`."""
    shown = {name: row[name] for name in COLUMNS.split(", ")}
    return Listed(**{**shown, "packs": tuple(row["packs"]), "parties": tuple(row["parties"])})


def as_listed(state: ClueState, rules: Rulebook) -> Listed:
    """The line that a state makes, as it is."""
    row = rows.shown(state, rules)
    for name in ("discovered_at", "ended_at", "next_due_at"):
        row[name] = None if row[name] is None else datetime.fromisoformat(row[name])
    return from_row({**row, "last_seq": state.seq})


@dataclass(frozen=True)
class _Ticked:
    """A line that holds from `since` until `until`, when the next clock does something."""

    since: datetime
    until: datetime | None
    line: Listed

    def holds(self, at: datetime) -> bool:
        return self.since <= at and (self.until is None or at < self.until)


class Lines:
    """Lines of clues whose clocks have run on since their rows were written.

    What was ticked is remembered by the clue's last hash, so that a clue whose worker is late is read and
    ticked once and not at each look.
    """

    def __init__(self, size: int = REMEMBERED) -> None:
        self._size = size
        self._known: OrderedDict[tuple[str, str], _Ticked] = OrderedDict()

    async def at(
        self, connection: AsyncConnection, tips: Iterable[tuple[str, str]], now: datetime, rules: Rulebook
    ) -> list[Listed]:
        """The lines, as of `now`, of clues given by number and last hash, as this transaction sees them."""
        out: list[Listed] = []
        missing: list[str] = []
        for clue_no, last_hash in tips:
            known = self._known.get((last_hash, rules.version))
            if known is not None and known.holds(now):
                out.append(known.line)
            else:
                missing.append(clue_no)
        if missing:
            query = text("SELECT last_hash, state FROM clue WHERE clue_no = ANY(:missing)")
            for n, row in enumerate(await connection.execute(query, {"missing": missing}), 1):
                out.append(self._tick(row.last_hash, row.state, now, rules))
                if n % BREATH == 0:
                    await asyncio.sleep(0)
        return out

    def _tick(self, last_hash: str, stored: str, now: datetime, rules: Rulebook) -> Listed:
        state = ticked(codec.decode(stored), now, rules)
        line = as_listed(state, rules)
        key = (last_hash, rules.version)
        self._known[key] = _Ticked(now, next_wakeup(state, rules), line)
        self._known.move_to_end(key)
        while len(self._known) > self._size:
            self._known.popitem(last=False)
        return line
