"""Comparing the record with the workflows that are still there."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass
from typing import Final, Literal, Protocol

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine

from ledger import events
from ledger.events import Tip

DifferenceKind = Literal[
    "ledger_behind", "ledger_ahead", "hashes_differ", "no_workflow", "not_running", "unknown_to_ledger"
]
MEANING: Final[dict[DifferenceKind, str]] = {
    "ledger_behind": "工作流比台账新，台账还没有记到",
    "ledger_ahead": "台账比工作流新",
    "hashes_differ": "同一序号上，台账与工作流的哈希不同",
    "no_workflow": "线索未办结，却没有工作流",
    "not_running": "线索未办结，工作流却已结束",
    "unknown_to_ledger": "工作流在运行，台账里没有这条线索",
}


@dataclass(frozen=True)
class LiveTip:
    """What a workflow says of itself: its last event and that event's hash; `running` until it completes."""

    seq: int
    hash: str
    running: bool


class LiveClues(Protocol):
    """Temporal's side, as far as it still remembers."""

    def running(self) -> AsyncIterator[str]:
        """The clues whose workflows run."""
        ...

    async def tip(self, clue_no: str) -> LiveTip | None:
        """The clue's newest run, also a closed one; None where Temporal knows none (any more)."""
        ...


@dataclass(frozen=True)
class Difference:
    """One disagreement; `ledger` and `live` are the two tips, None where a side has none."""

    clue_no: str
    kind: DifferenceKind
    text: str
    ledger: Tip | None
    live: LiveTip | None


@dataclass(frozen=True)
class _Stored:
    tip: Tip
    ended: bool


async def reconcile(
    engine: AsyncEngine, live: LiveClues, *, clue_no: str | None = None, grace: float = 1.0
) -> list[Difference]:
    """Every difference between the record and the live workflows, of one clue or of all.

    A clue that has ended and is forgotten there is as it should be. What is on its way at the moment of
    looking is no difference: what differs is looked at again after `grace` seconds.
    """
    seen = set()
    suspects: list[str] = []
    async for candidate in _candidates(engine, live, clue_no):
        if candidate not in seen:
            seen.add(candidate)
            if await _compare(engine, live, candidate):
                suspects.append(candidate)
    if suspects:
        await asyncio.sleep(grace)
    return [d for suspect in sorted(suspects) for d in await _compare(engine, live, suspect)]


async def _candidates(engine: AsyncEngine, live: LiveClues, clue_no: str | None) -> AsyncIterator[str]:
    if clue_no is not None:
        yield clue_no
        return
    async for stored in events.clue_nos(engine):
        yield stored
    async for running in live.running():
        yield running


async def _compare(engine: AsyncEngine, live: LiveClues, clue_no: str) -> list[Difference]:
    # The workflow first: what it has said by now may still reach the ledger, never the other way round.
    theirs = await live.tip(clue_no)
    ours = await _stored(engine, clue_no)
    at_theirs = await _hash_at(engine, clue_no, theirs.seq) if theirs and ours else None
    kinds = list(_kinds(ours, theirs, at_theirs))
    tip = ours.tip if ours else None
    return [Difference(clue_no, kind, MEANING[kind], tip, theirs) for kind in kinds]


def _kinds(ours: _Stored | None, theirs: LiveTip | None, at_theirs: str | None) -> Iterator[DifferenceKind]:
    """Pure. `at_theirs` is our hash at their last number."""
    if ours is None:
        if theirs is not None and theirs.seq > 0:
            yield "unknown_to_ledger"
        return
    if theirs is None:
        if not ours.ended:
            yield "no_workflow"
        return
    if not theirs.running and not ours.ended:
        yield "not_running"
    if theirs.seq > ours.tip.seq:
        yield "ledger_behind"
    else:
        if theirs.seq < ours.tip.seq:
            yield "ledger_ahead"
        if theirs.seq > 0 and at_theirs != theirs.hash:
            yield "hashes_differ"


async def _stored(engine: AsyncEngine, clue_no: str) -> _Stored | None:
    """The tip from the record itself, the end from the table for reading."""
    query = text(
        "SELECT e.seq, e.hash, c.ended_at IS NOT NULL AS ended FROM clue_event e"
        " LEFT JOIN clue c USING (clue_no) WHERE clue_no = :clue_no ORDER BY e.seq DESC LIMIT 1"
    )
    async with engine.connect() as connection:
        row = (await connection.execute(query, {"clue_no": clue_no})).one_or_none()
    return None if row is None else _Stored(Tip(row.seq, row.hash), row.ended)


async def _hash_at(engine: AsyncEngine, clue_no: str, seq: int) -> str | None:
    async with engine.connect() as connection:
        return (await events.hashes(connection, clue_no, seq, seq)).get(seq)
