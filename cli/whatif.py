"""`starter.py whatif`: who would have been late under other packs, terms or calendars."""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from dataclasses import asdict
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.table import Table
from sqlalchemy.exc import SQLAlchemyError

from cli.lists import known_agency
from cli.output import console, emit_json
from cli.services import prepare, the_rules
from domain import labels
from domain.agencies import region_of
from domain.packs import Rulebook
from ledger.past import Span
from rehearsal.altered import with_days, with_term
from rehearsal.memory import peak_mb
from rehearsal.tally import Count
from rehearsal.whatif import PROCESSES, Found, Question, ask
from runtime.errors import ServiceUnreachable
from runtime.rules import Rules, load_rules

Days = list[str] | None
Rows = list[tuple[str, str, Count]]


def whatif(
    rules: Annotated[Path | None, typer.Option("--rules", help="换用的规则目录；不给则为现行的")] = None,
    sets: Annotated[
        list[str] | None,
        typer.Option(
            "--set", help="改一个期限：规则包.义务=期限单位，如 qwj-2020.evidence_transfer=5workday；可多次"
        ),
    ] = None,
    holidays: Annotated[Days, typer.Option("--holiday", help="多放一天假，如 2026-10-08；可多次")] = None,
    workdays: Annotated[Days, typer.Option("--workday", help="多上一天班；可多次")] = None,
    first: Annotated[str | None, typer.Option("--from", help="只看这一天起发现的线索")] = None,
    last: Annotated[str | None, typer.Option("--to", help="只看到这一天止发现的线索")] = None,
    region: Annotated[str | None, typer.Option("--region", help="只看这一地区的机构，如 3205")] = None,
    agency: Annotated[str | None, typer.Option("--agency", help="只看这个机构")] = None,
    exact: Annotated[bool, typer.Option("--exact", help="每条线索都整条重演（慢）")] = False,
    check: Annotated[
        int, typer.Option("--check", min=0, help="另抽这么多条用两种办法判定，核对是否一致")
    ] = 0,
    limit: Annotated[int, typer.Option("--limit", min=1, help="表里最多多少行")] = 40,
    as_json: Annotated[bool, typer.Option("--json", help="输出 JSON")] = False,
) -> None:
    """换一套规则、期限或日历，过去的线索会有谁逾期。两种办法不一致时 1。"""
    known_agency("--agency", agency)
    if region is not None and not (region.isdigit() and len(region) in (2, 4, 6)):
        raise typer.BadParameter(f"--region：“{region}”应为两位、四位或六位行政区划代码")
    book = _book(rules, sets or [], holidays or [], workdays or [])
    span = Span(_day("--from", first), _day("--to", last))
    question = Question(book, the_rules().rulebook, datetime.now(UTC), span, exact, check, rules)
    began = time.monotonic()
    found = asyncio.run(_asked(question, quiet=as_json))
    seconds, peak = time.monotonic() - began, peak_mb(PROCESSES)
    rows = _rows(found, region, agency)
    if as_json:
        emit_json(_plain(found, rows, seconds, peak))
    else:
        _show(found, rows[:limit], len(rows), seconds, peak, the_rules())
    raise typer.Exit(1 if found.differing else 0)


def _book(folder: Path | None, sets: list[str], holidays: list[str], workdays: list[str]) -> Rulebook:
    book = (load_rules(folder) if folder else the_rules()).rulebook
    for told in sets:
        book = with_term(book, told)
    free, made = (
        [_day(name, d) for d in days] for name, days in (("--holiday", holidays), ("--workday", workdays))
    )
    return with_days(book, [d for d in free if d], [d for d in made if d])


def _day(option: str, text: str | None) -> date | None:
    try:
        return None if text is None else date.fromisoformat(text)
    except ValueError:
        raise typer.BadParameter(f"{option}：“{text}”不是日期，应写成 2026-10-08") from None


async def _asked(question: Question, *, quiet: bool) -> Found:
    settings = prepare()
    if not settings.database_url:
        raise ServiceUnreachable("没有可用的 PostgreSQL：请先运行 make up，或设置 DATABASE_URL")
    out, told = console(stderr=True), time.monotonic()

    def progress(clues: int, total: int) -> None:
        nonlocal told
        if not quiet and time.monotonic() - told > 5:
            told = time.monotonic()
            out.print(f"已判定 {clues} / {total} 条……")

    try:
        return await ask(settings.database_url, question, progress=progress)
    except (SQLAlchemyError, OSError) as err:
        raise ServiceUnreachable(
            f"台账数据库没有应答（{type(err).__name__}）：请确认 PostgreSQL 已启动，或用 starter.py doctor 检查"
        ) from err


def _rows(found: Found, region: str | None, agency: str | None) -> Rows:
    """The counts of the agencies asked for, what changes most first."""
    rows = [
        (who, duty, count)
        for (who, duty), count in found.tally.rows.items()
        if agency in (None, who) and (region is None or (region_of(who) or "").startswith(_prefix(region)))
    ]
    return sorted(rows, key=lambda row: (-abs(row[2].late_now - row[2].late_then), row[0], row[1]))


def _prefix(region: str) -> str:
    """What the codes inside a region begin with: 320500 stands for 3205."""
    while len(region) > 2 and region.endswith("00"):
        region = region[:-2]
    return region


def _plain(found: Found, rows: Rows, seconds: float, peak: float) -> dict[str, Any]:
    tally = found.tally
    return {
        "clues": tally.clues,
        "drills_left_out": found.drills,
        "by_dates": tally.clues - tally.played,
        "played": tally.played,
        "failed": tally.failed,
        "checked": found.checked,
        "differing": found.differing,
        "refused_acts": dict(tally.refused),
        "levels": {"then": _levels(tally.levels_then), "now": _levels(tally.levels_now)},
        "peak_levels": {"then": _levels(tally.peaks_then), "now": _levels(tally.peaks_now)},
        "rows": [{"agency": who, "duty": duty, **asdict(count)} for who, duty, count in rows],
        "seconds": round(seconds, 2),
        "peak_memory_mb": round(peak, 1),
    }


def _levels(counts: Counter[int]) -> dict[str, int]:
    return {str(level): counts[level] for level in labels.LEVELS}


def _show(found: Found, rows: Rows, all_rows: int, seconds: float, peak: float, rules: Rules) -> None:
    out, tally = console(), found.tally
    table = Table()
    for head in ("机构", "义务", "负有", "逾期", "差", "新逾期", "不再逾期", "提前/推后", "暂定：逾期/负有"):
        table.add_column(head, overflow="fold")
    for who, duty, c in rows:
        difference = c.late_now - c.late_then
        table.add_row(
            rules.agency_name(who),
            labels.DUTIES[duty],
            _both(c.owed_then, c.owed_now),
            _both(c.late_then, c.late_now),
            f"[red]+{difference}[/]" if difference > 0 else f"[green]{difference}[/]" if difference else "",
            str(c.newly or ""),
            str(c.no_longer or ""),
            f"{c.earlier}/{c.later}" if c.earlier or c.later else "",
            f"{c.provisional_late_now}/{c.provisional_now}" if c.provisional_now else "",
        )
    out.print(table if rows else "没有符合的线索")
    if all_rows > len(rows):
        out.print(f"另有 {all_rows - len(rows)} 行：--limit 或 --json")
    for name, then, now in (
        ("义务到过的级别", tally.levels_then, tally.levels_now),
        ("线索到过的最高级别", tally.peaks_then, tally.peaks_now),
    ):
        out.print(
            f"{name}：" + "，".join(f"{labels.LEVELS[n]} {_both(then[n], now[n])}" for n in (1, 2, 3, 4))
        )
    for command, count in tally.refused.most_common():
        out.print(
            f"“{labels.COMMANDS[command]}”有 {count} 次在这套规则下无从谈起（如期限已过才申请延期），按没有发生计"
        )
    out.print(
        f"{tally.clues} 条线索（另有演练 {found.drills} 条不计）：{tally.clues - tally.played} 条按日期判定，"
        f"{tally.played} 条整条重演；{seconds:.1f} 秒，内存峰值 {peak:.0f} MB"
    )
    if tally.failed:
        out.print(f"[red]{tally.failed} 条的事件读不懂，没有算进来[/]")
    if found.checked:
        said = (
            f"[red]{len(found.differing)} 条不一致：{'、'.join(found.differing[:5])}[/]"
            if found.differing
            else "全部一致"
        )
        out.print(f"两种办法核对 {found.checked} 条：{said}")


def _both(then: int, now: int) -> str:
    return str(then) if then == now else f"{then} → {now}"
