"""What-if over many past clues: a few hundred lives made by the core, copied with other numbers in the database.

The copies have their own numbers, duties and events; their `state`, which what-if never reads, is left empty, and
their hashes are those of the originals. Making them is not timed.
"""

from __future__ import annotations

import asyncio
import os
import time
from dataclasses import replace
from datetime import UTC, datetime

from sqlalchemy import text
from sqlmodel import SQLModel

from bench.lives import lived
from bench.report import Row
from domain.chain import GENESIS, seal
from ledger import database
from ledger.flush import flush
from models import Clue, ClueEvent, DutyRow
from rehearsal.altered import with_days, with_term
from rehearsal.durable import fresh_ledger, rehearsal_postgres
from rehearsal.memory import peak_mb
from rehearsal.whatif import PROCESSES, Found, Question, ask
from runtime.embedded.postgres import EmbeddedPostgres
from runtime.rules import Rules

LIVES = 400
TARGET = 60.0
CHANGES = (
    "qwj-2020.evidence_transfer=2workday",
    "house.receipt=3day",
    "house.written_feedback=20day",
    "house.ack=2hour",
)
DAY_OFF = datetime(2026, 10, 9, tzinfo=UTC).date()


def run(rules: Rules, clues: int) -> list[Row]:
    with rehearsal_postgres() as server:
        return asyncio.run(_run(rules, clues, server))


async def _run(rules: Rules, clues: int, server: EmbeddedPostgres) -> list[Row]:
    now = datetime.now(UTC)
    async with fresh_ledger(server) as engine:
        url = engine.url.render_as_string(hide_password=False)
        changed = rules.rulebook
        for told in CHANGES:
            changed = with_term(changed, told)
        question = Question(with_days(changed, [DAY_OFF]), rules.rulebook, now)
        lives = min(LIVES, clues)
        await _made(url, rules, lives, now)
        checked = await ask(url, replace(question, check=lives))
        events = await _copied(url, -(-clues // lives) - 1)
        began, cpu = time.perf_counter(), _cpu()
        found = await ask(url, question)
        seconds, cpu = time.perf_counter() - began, _cpu() - cpu
    return [*_rows(found, seconds, cpu, events), _agreement(checked)]


def _cpu() -> float:
    """Seconds of computing so far, here and in the processes that have ended."""
    spent = os.times()
    return spent.user + spent.system + spent.children_user + spent.children_system


def _rows(found: Found, seconds: float, cpu: float, events: int) -> list[Row]:
    tally = found.tally
    newly = sum(count.newly for count in tally.rows.values())
    share = tally.played / max(1, tally.clues)
    note = f"{tally.clues} 条、{events} 个事件；{len(CHANGES)} 个期限和一天假期；新逾期 {newly} 项"
    met = seconds <= TARGET if tally.clues >= 100_000 else None
    return [
        Row("假设推演", seconds, "秒", note, "≤ 60（10 万条）", met),
        Row("假设推演：计算", cpu, "秒", "本程序各进程的 CPU 时间，不含 PostgreSQL"),
        Row("假设推演：速度", tally.clues / seconds, "条/秒", f"{PROCESSES} 个进程重演"),
        Row("假设推演：整条重演", 100 * share, "%", f"{tally.played} 条；其余按日期判定"),
        Row(
            "假设推演：内存峰值",
            peak_mb(PROCESSES),
            "MB",
            f"主进程加 {PROCESSES} 个重演进程，不含 PostgreSQL",
        ),
    ]


def _agreement(found: Found) -> Row:
    note = f"核对 {found.checked} 条"
    return Row("假设推演：两种办法不一致", len(found.differing), "条", note, "0", not found.differing)


async def _made(url: str, rules: Rules, lives: int, now: datetime) -> None:
    """The lives, each stored as its workflow would."""
    engine = database.create(url, command_seconds=None)
    try:
        for seed in range(lives):
            life = lived(seed, rules, now)
            await flush(engine, seal(life.state.clue_no, 0, GENESIS, life.events), rules.rulebook)
    finally:
        await engine.dispose()


async def _copied(url: str, copies: int) -> int:
    """Every row so many times more; the events there are then."""
    engine = database.create(url, command_seconds=None)
    try:
        async with engine.connect() as plain:
            connection = await plain.execution_options(isolation_level="AUTOCOMMIT")
            await connection.execute(text("SET statement_timeout = 0"))
            for table, changed in _COPIED.items():
                await connection.execute(text(_copying(table, changed)), {"copies": copies})
                await connection.execute(text(f"VACUUM ANALYZE {table}"))
            return int((await connection.execute(text("SELECT count(*) FROM clue_event"))).scalar_one())
    finally:
        await engine.dispose()


# What a copy has of its own beside its number.
_COPIED = {"clue": {"state": "''"}, "duty": {}, "clue_event": {}}
_MODELS = {"clue": Clue, "duty": DutyRow, "clue_event": ClueEvent}


def _copying(table: str, changed: dict[str, str]) -> str:
    """The statement that copies every row of a table `:copies` times, in the database itself."""
    own = {"clue_no": "clue_no || '-' || copy", **changed}
    columns = [column.name for column in SQLModel.metadata.tables[str(_MODELS[table].__tablename__)].columns]
    return (
        f"INSERT INTO {table} ({', '.join(columns)}) SELECT {', '.join(own.get(c, c) for c in columns)}"
        f" FROM {table}, generate_series(1, CAST(:copies AS integer)) AS copy"
    )
