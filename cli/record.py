"""`starter.py verify`, `rebuild`, `reconcile`: is the record whole, and does it agree with the workflows."""

from __future__ import annotations

import asyncio
from typing import Annotated, Any

import typer
from rich.markup import escape

from activities.live import TemporalClues
from cli.output import console, emit_json
from cli.services import prepare, the_ledger, the_rules
from domain.errors import DomainError
from ledger.clues import get_state
from ledger.errors import UnknownClue
from ledger.rebuild import Rebuilt
from ledger.rebuild import rebuild as rebuild_all
from ledger.reconcile import Difference
from ledger.reconcile import reconcile as compare
from ledger.tables import compare as compare_tables
from ledger.verify import Problem
from ledger.verify import verify as check
from runtime.temporal import connect

Clue = Annotated[str | None, typer.Argument(metavar="[CLUE]", help="线索编号；不给则为全部")]
AsJson = Annotated[bool, typer.Option("--json", help="输出 JSON")]


def verify(
    clue: Clue = None,
    tables: Annotated[
        bool, typer.Option("--tables", help="再从事件逐条推算，核对查询用的表（较慢，rebuild 可修复）")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """核对台账的哈希链：完整 0，有问题 1。"""
    problems = asyncio.run(_verified(clue, tables))
    rows = [{"clue_no": p.clue_no, "seq": p.seq, "kind": p.kind, "text": p.text} for p in problems]
    well = "台账完整：哈希链无断裂、无改动" + ("，查询用的表与事件一致" if tables else "")
    _print(rows, "problems", well, as_json)
    raise typer.Exit(1 if problems else 0)


def reconcile(clue: Clue = None, as_json: AsJson = False) -> None:
    """核对台账与工作流：一致 0，有差异 1。"""
    differences = asyncio.run(_compared(clue))
    rows: list[dict[str, Any]] = [
        {
            "clue_no": d.clue_no,
            "kind": d.kind,
            "text": d.text,
            "seq": d.ledger.seq if d.ledger else 0,
            "live_seq": d.live.seq if d.live else None,
        }
        for d in differences
    ]
    _print(rows, "differences", "台账与工作流一致", as_json)
    raise typer.Exit(1 if differences else 0)


def rebuild(as_json: AsJson = False) -> None:
    """由事件重建查询用的表；期间照常可读。"""
    done = asyncio.run(_rebuilt(quiet=as_json))
    if as_json:
        failed = [{"clue_no": clue_no, "why": why} for clue_no, why in done.failed]
        emit_json({"ok": not failed, "clues": done.clues, "events": done.events, "failed": failed})
    else:
        out = console()
        for clue_no, why in done.failed:
            out.print(f"[red]✗[/] {clue_no}：{escape(why)}", soft_wrap=True)
        out.print(f"已重建 {done.clues} 条线索，{done.events} 个事件")
    raise typer.Exit(1 if done.failed else 0)


def _print(rows: list[dict[str, Any]], name: str, well: str, as_json: bool) -> None:
    if as_json:
        emit_json({"ok": not rows, name: rows})
        return
    out = console()
    for row in rows:
        at = f" 第 {row['seq']} 号" if row["seq"] else ""
        out.print(f"[red]✗[/] {row['clue_no']}{at}：{escape(row['text'])}", soft_wrap=True)
    out.print(f"共 {len(rows)} 处不符" if rows else f"[green]✓[/] {well}")


async def _verified(clue: str | None, tables: bool) -> list[Problem]:
    async with the_ledger(prepare()) as engine:
        problems = await check(engine, clue)
        if tables:
            problems += await compare_tables(engine, the_rules().rulebook, clue)
        if clue is not None and not problems:
            try:
                await get_state(engine, clue)
            except UnknownClue:
                raise DomainError("unknown_clue", f"台账里没有线索 {clue}，请核对编号") from None
        return problems


async def _compared(clue: str | None) -> list[Difference]:
    settings = prepare()
    async with the_ledger(settings) as engine:
        return await compare(engine, TemporalClues(await connect(settings)), clue_no=clue)


async def _rebuilt(*, quiet: bool) -> Rebuilt:
    out = console(stderr=True)

    def progress(clue_no: str, count: int) -> None:
        if not quiet and count % 100 == 0:
            out.print(f"已重建 {count} 条……")

    async with the_ledger(prepare()) as engine:
        return await rebuild_all(engine, the_rules().rulebook, progress)
