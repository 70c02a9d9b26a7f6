"""Comparing the record with the workflows that are still there."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator, Mapping
from dataclasses import dataclass
from typing import Final, Literal, Protocol

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine

from ledger import events
from ledger.events import Tip

DifferenceKind = Literal[
    "ledger_behind",
    "ledger_ahead",
    "hashes_differ",
    "no_workflow",
    "not_running",
    "unknown_to_ledger",
    "not_taken_in",
    "merged_in_a_ring",
]
MEANING: Final[dict[DifferenceKind, str]] = {
    "ledger_behind": "工作流比台账新，台账还没有记到",
    "ledger_ahead": "台账比工作流新",
    "hashes_differ": "同一序号上，台账与工作流的哈希不同",
    "no_workflow": "线索未办结，却没有工作流",
    "not_running": "线索未办结，工作流却已结束",
    "unknown_to_ledger": "工作流在运行，台账里没有这条线索",
    "not_taken_in": "已并入另一条线索，那一条却没有记下：请用原来的命令编号重发 merge_into",
    "merged_in_a_ring": "几条线索并成一圈，没有一条在办：请重新登记一条",
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
    lost = await _lost_in_merging(engine, clue_no)
    if suspects or lost:
        await asyncio.sleep(grace)
    found = [d for suspect in suspects for d in await _compare(engine, live, suspect)]
    if lost:
        found += [d for d in await _lost_in_merging(engine, clue_no) if d in lost]
    return sorted(found, key=lambda d: d.clue_no)


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


async def _lost_in_merging(engine: AsyncEngine, clue_no: str | None) -> list[Difference]:
    """Merged clues of which the one that they went into knows nothing, or that lead back to themselves."""
    query = text(
        "SELECT c.clue_no, c.last_seq, c.last_hash, CAST(c.state AS json) ->> 'merged_into' AS gone_into,"
        " jsonb_exists(CAST(s.state AS jsonb) -> 'merged_from', c.clue_no) AS told"
        " FROM clue c LEFT JOIN clue s ON s.clue_no = CAST(c.state AS json) ->> 'merged_into'"
        " WHERE c.stage = 'merged' ORDER BY c.clue_no"
    )
    async with engine.connect() as connection:
        rows = (await connection.execute(query)).all()
    into = {row.clue_no: row.gone_into for row in rows}
    found = []
    for row in rows:
        kind: DifferenceKind | None = "merged_in_a_ring" if _leads_back(into, row.clue_no) else None
        if kind is None and not row.told:
            kind = "not_taken_in"
        if kind is not None and clue_no in (None, row.clue_no):
            tip = Tip(row.last_seq, row.last_hash)
            found.append(Difference(row.clue_no, kind, f"{MEANING[kind]}（{row.gone_into}）", tip, None))
    return found


def _leads_back(into: Mapping[str, str], clue_no: str) -> bool:
    seen: set[str] = set()
    at: str | None = clue_no
    while at is not None and at not in seen:
        seen.add(at)
        at = into.get(at)
    return at == clue_no


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
