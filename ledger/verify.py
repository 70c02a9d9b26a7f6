"""Checking the record: every chain link by link, and the tips that the tables for reading show."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final, Literal

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from domain.chain import link
from ledger import database, events
from ledger.events import Tip

ProblemKind = Literal["gap", "broken_link", "changed", "misfiled", "columns", "tip", "no_events", "rows"]
MEANING: Final[dict[ProblemKind, str]] = {
    "gap": "事件缺号",
    "broken_link": "与前一事件的链接断开",
    "changed": "内容与哈希不符",
    "misfiled": "内容里的线索编号或序号与所在位置不符",
    "columns": "检索列与内容不符",
    "tip": "线索表的末端与事件不符",
    "no_events": "线索表里有，事件里没有",
    "rows": "查询用的表与事件不符",
}


@dataclass(frozen=True)
class Problem:
    """One thing that is wrong; `seq` is the event it shows at, 0 where it is the whole clue."""

    clue_no: str
    seq: int
    kind: ProblemKind
    text: str


async def verify(engine: AsyncEngine, clue_no: str | None = None) -> list[Problem]:
    """Everything wrong with the record, of one clue or of all, in one consistent look; empty when it is whole.

    It reads the log by and by and holds one event at a time. What it can't see: a chain cut at its end
    together with its clue's row, or rewritten from some event on to the end; `ledger.reconcile` sees that
    against the live workflow.
    """
    async with database.snapshot(engine) as connection:
        await database.no_time_limit(connection)
        tips = await _tips(connection, clue_no)
        return [p async for p in _problems(events.stream(connection, clue_no), tips)]


async def _tips(connection: AsyncConnection, clue_no: str | None) -> dict[str, Tip]:
    where = "" if clue_no is None else "WHERE clue_no = :clue_no"
    query = text(f"SELECT clue_no, last_seq, last_hash FROM clue {where}")
    found = await connection.execute(query, {} if clue_no is None else {"clue_no": clue_no})
    return {row.clue_no: Tip(row.last_seq, row.last_hash) for row in found}


async def _problems(rows: AsyncIterator[Any], tips: dict[str, Tip]) -> AsyncIterator[Problem]:
    clue_no, tip = None, Tip()
    async for row in rows:
        if row.clue_no != clue_no:
            for problem in _at_the_end(clue_no, tip, tips):
                yield problem
            clue_no, tip = row.clue_no, Tip()
        for problem in _of_event(row, tip):
            yield problem
        tip = Tip(row.seq, row.hash)
    for problem in _at_the_end(clue_no, tip, tips):
        yield problem
    for left, shown in tips.items():
        yield _problem(left, shown.seq, "no_events")


def _of_event(row: Any, before: Tip) -> Iterator[Problem]:
    if row.seq != before.seq + 1:
        missing = f"第 {before.seq + 1} 至 {row.seq - 1} 号不在"
        yield _problem(row.clue_no, row.seq, "gap", missing)
    if row.prev_hash != before.hash:
        yield _problem(row.clue_no, row.seq, "broken_link")
    if link(row.prev_hash, row.body) != row.hash:
        yield _problem(row.clue_no, row.seq, "changed")
    yield from _of_body(row)


def _of_body(row: Any) -> Iterator[Problem]:
    try:
        body = json.loads(row.body)
        place = (body["clue_no"], body["seq"])
        columns = (body["type"], datetime.fromisoformat(body["at"]), body.get("command_id"))
    except (ValueError, KeyError, TypeError, AttributeError):
        yield _problem(row.clue_no, row.seq, "changed", "内容不是一个事件")
        return
    if place != (row.clue_no, row.seq):
        yield _problem(row.clue_no, row.seq, "misfiled", f"内容写的是 {place[0]} 第 {place[1]} 号")
    if columns != (row.type, row.at, row.command_id):
        yield _problem(row.clue_no, row.seq, "columns")


def _at_the_end(clue_no: str | None, tip: Tip, tips: dict[str, Tip]) -> Iterator[Problem]:
    """Compares the chain's end with what its row says, and strikes the row off."""
    if clue_no is None:
        return
    shown = tips.pop(clue_no, None)
    if shown is None:
        yield _problem(clue_no, 0, "tip", "线索表里没有这条线索")
    elif shown != tip:
        yield _problem(clue_no, tip.seq, "tip", f"线索表写到第 {shown.seq} 号，事件到第 {tip.seq} 号")


def _problem(clue_no: str, seq: int, kind: ProblemKind, detail: str = "") -> Problem:
    text = MEANING[kind] + (f"：{detail}" if detail else "")
    return Problem(clue_no, seq, kind, text)
