"""Comparing the tables for reading with the record: what they show is folded anew from the events.

It reads every event and folds it, as `ledger.rebuild` does, and writes nothing; `rebuild` mends what it finds.
Marks on notices (delivered, read, acknowledged) are people's and not folded: they are left out.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import Any, Final

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from domain.model import blank
from domain.packs import Rulebook
from ledger import codec, database, events, rows
from ledger.events import Tip
from ledger.rows import Row
from ledger.verify import Problem

MARKS: Final = frozenset({"delivered_at", "read_at", "acknowledged_at"})
_KEYS: Final = {"clue": "clue_no", "duty": "n", "notice": "id"}
_NAMES: Final = {"clue": "线索表", "duty": "义务表", "notice": "收件箱"}


async def compare(engine: AsyncEngine, rules: Rulebook, clue_no: str | None = None) -> list[Problem]:
    """Every clue whose rows are not what its events make of them, one clue in memory at a time.

    `rules` give the holder, the parties and the next wake-up, as they do for a flush.
    """
    problems: list[Problem] = []
    if clue_no is not None:
        return await _of_clue(engine, rules, clue_no)
    async for number in events.clue_nos(engine):
        problems += await _of_clue(engine, rules, number)
    return problems


async def _of_clue(engine: AsyncEngine, rules: Rulebook, clue_no: str) -> list[Problem]:
    async with database.snapshot(engine) as connection:
        sealed = await events.read(connection, clue_no)
        if not sealed:
            return []
        try:
            derived = rows.derive(blank(clue_no), sealed, rules)
        except (LookupError, ValueError, TypeError, AttributeError, AssertionError) as err:
            return [Problem(clue_no, 0, "rows", f"事件推算不出状态（{type(err).__name__}）")]
        tip = Tip(sealed[-1].seq, sealed[-1].hash)
        wanted: dict[str, Sequence[Row]] = {
            "clue": [rows.clue_row(derived.state, tip, rules)],
            "duty": rows.duty_rows(None, derived.state),
            "notice": derived.notices,
        }
        found = []
        for table, expected in wanted.items():
            stored = await _stored(connection, table, clue_no)
            found += [f"{_NAMES[table]}{what}" for what in _differences(table, expected, stored)]
    text_ = f"查询用的表与事件不符，rebuild 可以修复：{'；'.join(found[:5])}" if found else ""
    return [Problem(clue_no, 0, "rows", text_)] if found else []


async def _stored(connection: AsyncConnection, table: str, clue_no: str) -> dict[Any, Row]:
    query = text(f"SELECT * FROM {table} WHERE clue_no = :clue_no")
    found = (await connection.execute(query, {"clue_no": clue_no})).mappings()
    return {row[_KEYS[table]]: dict(row) for row in found}


def _differences(table: str, expected: Sequence[Row], stored: dict[Any, Row]) -> Iterator[str]:
    left = dict(stored)
    for row in expected:
        key = row[_KEYS[table]]
        have = left.pop(key, None)
        if have is None:
            yield f"缺 {key}"
            continue
        wrong = [c for c, value in row.items() if c not in MARKS and not _same(c, value, have.get(c))]
        if wrong:
            yield f" {key} 的 {'、'.join(wrong)}"
    for key in left:
        yield f"多出 {key}"


def _same(column: str, wanted: Any, have: Any) -> bool:
    if column == "state":  # a state that an older version wrote has fewer fields
        try:
            return codec.decode(wanted) == codec.decode(have)
        except ValueError:
            return False
    if isinstance(have, datetime) and isinstance(wanted, str):
        return datetime.fromisoformat(wanted) == have
    if isinstance(wanted, tuple | list):
        return have is not None and list(wanted) == list(have)
    return bool(wanted == have)
