"""Writing what has happened: one transaction per flush, and the same flush twice changes nothing.

It is four round trips: begin, lock and read, write, commit; six for a clue's first.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from sqlalchemy import text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from domain.chain import Sealed, link
from domain.model import ClueState, blank, iso
from domain.packs import Rulebook
from ledger import codec, events, rebuild, rows
from ledger.errors import LedgerConflict, LedgerGap
from ledger.events import Tip
from ledger.write import Batch, write

UNIQUE_VIOLATION: Final = "23505"
_LOCK = text(
    "SELECT last_seq, last_hash, CASE WHEN last_hash = :known THEN NULL ELSE state END AS state"
    " FROM clue WHERE clue_no = :clue_no FOR UPDATE"
)
_REMEMBERED: Final = 256  # states kept in memory, about 100 kB each

# The last states that this process wrote, by the hash of their last event: a hash names one history and thus one
# state, so it can't be stale, and a clue's next flush needs not read and parse what the last one wrote.
_states: OrderedDict[str, ClueState] = OrderedDict()


@dataclass(frozen=True)
class FlushResult:
    """The clue's tip after the flush; `written` counts the events that were new."""

    clue_no: str
    seq: int
    hash: str
    written: int


async def flush(engine: AsyncEngine, sealed: Sequence[Sealed], rules: Rulebook) -> FlushResult:
    """Stores the events of one clue, in order, and brings the tables for reading up to them.

    Raises LedgerGap where events before them are missing, LedgerConflict where others are stored in their
    place or the batch is no chain, ValueError for a batch that is empty or of several clues, and what
    SQLAlchemy raises where the database can't be reached.
    """
    _check(sealed)
    try:
        return await _flush(engine, sealed, rules, careful=False)
    except DBAPIError as err:
        if not (_lost_a_race(err) or err.connection_invalidated):
            raise
    # A row may be missing though the record has events, and a pooled connection may have died since its last
    # use: both are seen only by trying, and a second look settles them.
    return await _flush(engine, sealed, rules, careful=True)


def _lost_a_race(err: DBAPIError) -> bool:
    return getattr(err.orig, "sqlstate", None) == UNIQUE_VIOLATION


def _check(sealed: Sequence[Sealed]) -> None:
    if not sealed:
        raise ValueError("an empty flush")
    clue_no, previous = sealed[0].clue_no, None
    for item in sealed:
        if item.clue_no != clue_no:
            raise ValueError("a flush is of one clue")
        follows = previous is None or (item.seq, item.prev_hash) == (previous.seq + 1, previous.hash)
        if not follows or link(item.prev_hash, item.body) != item.hash:
            raise LedgerConflict(clue_no, item.seq, "送来的事件自身不成链")
        previous = item


async def _flush(
    engine: AsyncEngine, sealed: Sequence[Sealed], rules: Rulebook, *, careful: bool
) -> FlushResult:
    clue_no, first = sealed[0].clue_no, sealed[0].seq
    async with engine.begin() as connection:
        known = "" if careful else sealed[0].prev_hash
        before, tip = await _locked(connection, clue_no, rules, known=known, careful=careful or first > 1)
        if first > tip.seq + 1:
            raise LedgerGap(clue_no, tip.seq, first)
        fresh = await _unstored(connection, sealed, tip)
        if not fresh:
            return FlushResult(clue_no, tip.seq, tip.hash, 0)
        batch, after = _batch(before, fresh, rules)
        await write(connection, batch)
    _remember(fresh[-1].hash, after)
    return FlushResult(clue_no, fresh[-1].seq, fresh[-1].hash, len(fresh))


async def _locked(
    connection: AsyncConnection, clue_no: str, rules: Rulebook, *, known: str, careful: bool
) -> tuple[ClueState, Tip]:
    """The clue as its row has it, locked till the end of the transaction; blank where there is no row.

    `known`: the tip that the row is expected to have; its state comes from memory where it is there.
    `careful`: where the row is missing, the record is asked before the clue is taken for a new one.
    """
    kept = _states.get(known)  # held here: another flush may push it out of memory meanwhile
    asked = {"clue_no": clue_no, "known": known if kept is not None else ""}
    row = (await connection.execute(_LOCK, asked)).one_or_none()
    if row is None:  # nothing to lock: whoever else finds it missing waits here, and looks again
        await rebuild.alone(connection, clue_no)
        row = (await connection.execute(_LOCK, asked)).one_or_none()
    if row is None and careful and await rebuild.rebuild_clue(connection, clue_no, rules):
        row = (await connection.execute(_LOCK, asked)).one_or_none()
    if row is None:
        return blank(clue_no), Tip()
    state = kept if kept is not None and row.state is None else codec.decode(row.state)
    return state, Tip(row.last_seq, row.last_hash)


def _remember(tip: str, state: ClueState) -> None:
    _states[tip] = state
    _states.move_to_end(tip)
    while len(_states) > _REMEMBERED:
        _states.popitem(last=False)


async def _unstored(connection: AsyncConnection, sealed: Sequence[Sealed], tip: Tip) -> Sequence[Sealed]:
    """The events behind the tip; those up to it must be the ones that are stored."""
    clue_no, first = sealed[0].clue_no, sealed[0]
    if first.seq <= tip.seq:
        stored = await events.hashes(connection, clue_no, first.seq, tip.seq)
        for item in sealed:
            if item.seq <= tip.seq and stored.get(item.seq) != item.hash:
                raise LedgerConflict(clue_no, item.seq, "台账里这个位置上是另一个事件")
    fresh = [item for item in sealed if item.seq > tip.seq]
    if fresh and fresh[0].prev_hash != tip.hash:
        raise LedgerConflict(clue_no, fresh[0].seq, "它不接在台账的最后一个事件之后")
    return fresh


def _batch(before: ClueState, fresh: Sequence[Sealed], rules: Rulebook) -> tuple[Batch, ClueState]:
    """What to write, and the state that it makes."""
    derived = rows.derive(before, fresh, rules)
    tip = Tip(fresh[-1].seq, fresh[-1].hash)
    batch = Batch(
        clue=rows.clue_row(derived.state, tip, rules),
        events=derived.events,
        duties=rows.duty_rows(before, derived.state),
        notices=derived.notices,
        acknowledged=[{"agency": a, "at": iso(at)} for a, at in derived.acknowledged.items()],
        traces=rows.trace_rows(before, derived.state),
    )
    return batch, derived.state
