"""Showing orders over a region's clocks, and what they moved."""

from __future__ import annotations

from dataclasses import asdict
from datetime import datetime
from typing import Any, Final

import typer
from rich.markup import escape
from rich.table import Table

from cli.output import console, emit_json
from cli.regional_work import Run
from cli.services import the_rules
from domain import labels
from domain.model import Json, iso
from domain.region_orders import SUSPENDED, Act
from domain.text import when as said
from ledger.regional import Moved

SHOWN: Final = 100  # lines of the table; --json has all
_STATES: Final = {"in_force": "生效中", "ended": "已结束", "undone": "已撤销", "single": "仅个别线索"}


def finish(result: tuple[Run, list[Moved]], act: Act, dry_run: bool, as_json: bool) -> None:
    run, moves = result
    if as_json:
        emit_json(
            {
                "order_no": act.data["order_no"],
                "dry_run": dry_run,
                "done": len(run.done),
                "already": run.already,
                "ended": run.ended,
                "out_of_reach": run.out_of_reach,
                "refused": [{"clue_no": c, "error": code, "message": m} for c, code, m in run.refused],
                "moves": [plain(m) for m in moves],
            }
        )
    else:
        show_moves(moves)
        _show_run(run, act, dry_run)
    raise typer.Exit(3 if run.refused else 0)


def plain(move: Moved) -> dict[str, Any]:
    return {k: iso(v) if isinstance(v, datetime) else v for k, v in asdict(move).items()}


def _show_run(run: Run, act: Act, dry_run: bool) -> None:
    out = console()
    verb = "试运行，会" if dry_run else "已"
    parts = [f"{verb}{labels.COMMANDS[act.name]} {len(run.done)} 条线索"]
    parts += [f"{run.already} 条早已如此"] if run.already else []
    parts += [f"{run.ended} 条已结束"] if run.ended else []
    parts += [f"{run.out_of_reach} 条不归该机构管"] if run.out_of_reach else []
    out.print("，".join(parts))
    for clue_no, code, message in run.refused:
        out.print(f"[red]✗[/] {clue_no} {code}：{escape(message)}", soft_wrap=True)
    if act.kind == SUSPENDED and run.standing:
        out.print(
            "决定有效期间，此后登记或改派进该地区的线索由工作进程随后中止，不用再运行；"
            "结束或撤销用 starter.py resume"
        )


def show_moves(moves: list[Moved]) -> None:
    if not moves:
        console().print("没有动任何义务")
        return
    table = Table()
    for head in ("线索", "何事", "义务", "机构", "原期限", "现期限"):
        table.add_column(head, overflow="fold", no_wrap=head == "线索")
    rules = the_rules()
    for m in moves[:SHOWN]:
        now = said(m.new_legal_due_at) if m.new_legal_due_at else "中止中"
        table.add_row(
            m.clue_no,
            labels.EVENTS[m.kind],
            labels.DUTIES[m.duty],
            rules.agency_name(m.obliged),
            said(m.legal_due_at),
            now,
        )
    console().print(table)
    if len(moves) > SHOWN:
        console().print(f"共 {len(moves)} 项，以上是前 {SHOWN} 项；--json 输出全部")


def show_orders(listed: list[Json]) -> None:
    table = Table()
    for head in ("文号", "地区", "始于", "现状", "中止", "恢复", "撤销"):
        table.add_column(head, overflow="fold")
    for o in listed:
        counts = [str(o[key]) for key in ("suspended", "resumed", "undone")]
        table.add_row(
            escape(o["order_no"]),
            the_rules().region_name(o["region"].ljust(6, "0")),
            said(o["since"]),
            _STATES[o["state"]],
            *counts,
        )
    console().print(table if listed else "没有区域中止决定")
