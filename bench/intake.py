"""Rows per second: an import into real services, the same again, and a dry run of many; with the memory it takes."""

from __future__ import annotations

import resource
import time
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

from bench.report import Row
from domain.model import Actor
from intake.importer import Import, Result
from intake.mapping import load_mapping, load_measures
from intake.tables import RawRow, open_table
from ledger import database, met, migrate
from ledger.reader import Records
from runtime.client import ClueClient
from runtime.embedded.stack import Stack
from runtime.rules import Rules
from worker import run_worker

HEAD = "任务编号,经度,纬度,行政区划代码,影像时间,疑似类型,位置描述"
ACTOR = Actor("320583.eco", "officer", "甲")


async def run(stack: Stack, rules: Rules, folder: Path, *, rows: int = 500, dry: int = 10_000) -> list[Row]:
    await migrate.upgrade(stack.database_url)
    engine = database.writer(stack.database_url)
    clues = ClueClient(stack.client, rules, task_queue="clueflow-bench-intake", ledger=Records(engine))
    try:
        async with run_worker(
            stack.client, engine, rules, stack.settings, task_queue="clueflow-bench-intake", archivist=False
        ):
            few, many = _file(folder, rows), _file(folder, dry)
            first = await _timed(clues, met.Reports(engine), few, dry_run=False)
            again = await _timed(clues, met.Reports(engine), few, dry_run=False)
            before = _peak()
            foreseen = await _timed(clues, met.Reports(engine), many, dry_run=True)
            grown = _peak() - before
    finally:
        await engine.dispose()
    return [
        Row("导入，真实服务", first, "行/秒", f"{rows} 行，16 条并行"),
        Row("同一文件再导入", again, "行/秒", f"{rows} 行，一条也不新登记"),
        Row("导入演算（--dry-run）", foreseen, "行/秒", f"{dry} 行，峰值内存多 {grown:.0f} MB"),
    ]


def _file(folder: Path, count: int) -> Path:
    path = folder / f"rows-{count}.csv"
    lines = (
        f"WX-{n:06},{100 + n % 1000 / 100},{25 + n // 1000 / 10},310118,2026-11-02 10:32:00,其他,点位 {n}"
        for n in range(count)
    )
    path.write_text("\n".join([HEAD, *lines]), encoding="utf-8")
    return path


async def _timed(clues: ClueClient, ledger: met.Reports, file: Path, *, dry_run: bool) -> float:
    def hear(row: RawRow, result: Result) -> None:
        kept.append(result.line)

    kept: list[int] = []
    going = Import(
        clues,
        ledger,
        load_mapping("satellite"),
        load_measures(),
        ACTOR,
        datetime.now(UTC),
        hear,
        dry_run=dry_run,
    )
    began = time.perf_counter()
    counts = await going.run(open_table(file))
    _whole(counts.total(), kept)
    return len(kept) / (time.perf_counter() - began)


def _whole(total: int, kept: Sequence[int]) -> None:
    if total != len(kept):
        raise AssertionError("a row was not told")


def _peak() -> float:
    """The most memory this process has had, in MB."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
