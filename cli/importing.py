"""`starter.py import`: a table's rows made clues, with what is wrong or suspected told row by row."""

from __future__ import annotations

import asyncio
import contextlib
import csv
import os
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.markup import escape
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from cli import given
from cli.clue import As, AsJson
from cli.output import complain, console, emit_json
from cli.repeated import plain_suspect
from cli.services import prepare, the_clues, the_ledger, the_rules
from cli.show import agency
from domain.model import Actor, Json
from intake.importer import KINDS, Import, Result
from intake.mapping import BadMapping, Mapping, load_mapping, load_measures
from intake.rows import cell_text, missing_columns
from intake.tables import RawRow, Table, UnreadableTable, open_table
from ledger import met
from runtime.settings import get_settings

INTERRUPTED, ATTENTION, UNREADABLE = 130, 1, 2
SHOWN_MOST = 100  # rows on a screen
ADDED = ("行号", "结果", "字段", "原因")  # the columns that a file of rejects has more
STYLES = {"bad": "red", "changed": "yellow", "suspected": "magenta", "new": "green", "there": "dim"}


@dataclass
class Heard:
    """What the import has told so far. `rows` are those that people have to look at, on a dry run all."""

    dry_run: bool
    rows: list[Result] = field(default_factory=list)
    last: int = 0
    rejects: Callable[[RawRow, Result], None] | None = None
    tick: Callable[[], None] | None = None

    def __call__(self, row: RawRow, result: Result) -> None:
        self.last = max(self.last, result.line)
        attention = result.kind in ("bad", "changed", "suspected")
        if attention or self.dry_run or result.note:
            self.rows.append(result)
        if attention and self.rejects is not None:
            self.rejects(row, result)
        if self.tick is not None:
            self.tick()


def import_(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="CSV、XLSX 或 GeoJSON 文件")],
    mapping: Annotated[
        str, typer.Option("--mapping", help="映射：规则目录 intake/ 下的名字（如 satellite），或 YAML 文件")
    ],
    as_: As = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="只看会怎样，什么也不写")] = False,
    anyway: Annotated[bool, typer.Option("--anyway", help="疑似重复的也登记")] = False,
    drill: Annotated[bool, typer.Option("--drill", help="作为演练登记")] = False,
    rejects: Annotated[
        Path | None, typer.Option("--rejects", help="把未登记的行连同原因写到这个 CSV，改好后可再导入")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """按映射导入表格，每行一条线索；同一行再导入不会有第二条。"""
    try:
        settings = get_settings()
        checked = load_mapping(mapping, settings.rules_dir)
        measures = load_measures(settings.rules_dir)
        table = open_table(file, sheet=checked.sheet, header=checked.header)
        _fitting(file, table, checked)
        _writable(rejects, file)
        actor = given.actor(as_) if as_ else _actor(checked)
        heard = Heard(dry_run)
        work = Work(file, table, checked, heard, rejects, as_json)
    except (BadMapping, UnreadableTable) as err:
        _unreadable(err, as_json)
        raise typer.Exit(UNREADABLE) from None
    options = {"dry_run": dry_run, "anyway": anyway, "drill": drill, "measures": measures}
    try:
        counts = asyncio.run(_run(work, actor, options))
    except KeyboardInterrupt:
        complain(
            "", f"已中断：看到第 {heard.last} 行，{_sums(work.counts)}。再运行同一条命令即可接着做，不会重复"
        )
        raise typer.Exit(INTERRUPTED) from None
    _print(work, counts)
    raise typer.Exit(ATTENTION if any(counts[k] for k in ("bad", "changed", "suspected")) else 0)


@dataclass
class Work:
    """One file to bring in, and where to tell of it. `counts` grows while it runs."""

    file: Path
    table: Table
    mapping: Mapping
    heard: Heard
    rejects: Path | None
    as_json: bool
    counts: Counter[str] = field(default_factory=Counter)


def _actor(mapping: Mapping) -> Actor:
    finder = mapping.constants.get("from_agency")
    if not isinstance(finder, str):
        raise typer.BadParameter(f"映射里没有 from_agency，请用 --as 写明{given.ACTOR_HELP}")
    return Actor(finder, "officer", "命令行")


def _fitting(file: Path, table: Table, mapping: Mapping) -> None:
    """Raises UnreadableTable where the table is not one of the mapping's: else each of its rows would be bad."""
    if table.count == 0:
        return
    if missing := missing_columns(table.columns, mapping):
        raise UnreadableTable(
            f"{file}：没有 {'、'.join(missing)} 这几列，映射 {mapping.id}（{mapping.title}）要有；"
            f"现有：{'、'.join(c for c in table.columns if c)}。请核对表头与 --mapping"
        )


def _writable(rejects: Path | None, file: Path) -> None:
    """Raises UnreadableTable where the rejects can't go there; above all not over the file that is being read."""
    if rejects is None:
        return
    if rejects.exists() and rejects.samefile(file):
        raise UnreadableTable(f"--rejects：{rejects} 正是要导入的文件，会被覆盖，请换一个名字")
    folder = rejects.parent
    if (
        rejects.is_dir()
        or not folder.is_dir()
        or not os.access(rejects if rejects.exists() else folder, os.W_OK)
    ):
        raise UnreadableTable(f"--rejects：{rejects} 写不了，请换一个文件")


def _unreadable(err: BadMapping | UnreadableTable, as_json: bool) -> None:
    problems = err.problems if isinstance(err, BadMapping) else []
    if as_json:
        found = [{"file": p.file, "line": p.line, "field": p.field, "message": p.message} for p in problems]
        emit_json({"error": "invalid_input", "message": str(err), "problems": found})
    for line in [str(p) for p in problems] or [str(err)]:
        complain("", line)


async def _run(work: Work, actor: Actor, options: dict[str, Any]) -> Counter[str]:
    settings = prepare()
    async with the_ledger(settings) as engine, the_clues(settings) as clues:
        if not await met.is_traced(engine):
            complain("", "有的旧线索还没有比对用的特征，疑似重复可能漏报：请先运行 starter.py rebuild")
        with _bar(work), _rejecting(work):
            going = Import(
                clues, met.Reports(engine), work.mapping, actor=actor, began=datetime.now(UTC), told=work.heard,
                counts=work.counts, **options,
            )  # fmt: skip
            return await going.run(work.table)


@contextlib.contextmanager
def _bar(work: Work) -> Iterator[None]:
    """A bar on stderr, none under --json."""
    if work.as_json:
        yield
        return
    columns = (TextColumn("导入"), BarColumn(), MofNCompleteColumn(), TextColumn("行"), TimeRemainingColumn())
    with Progress(*columns, console=console(stderr=True), transient=True) as progress:
        task = progress.add_task("", total=work.table.count)
        work.heard.tick = lambda: progress.advance(task)
        yield


@contextlib.contextmanager
def _rejecting(work: Work) -> Iterator[None]:
    """Writes the rows that were not made, as they come, in the columns of the file and with the reason."""
    if work.rejects is None:
        yield
        return
    columns = [c for c in work.table.columns if c and c not in ADDED]
    with work.rejects.open("w", encoding="utf-8-sig", newline="") as file:
        writer = csv.writer(file)
        writer.writerow([*columns, *ADDED])

        def write(row: RawRow, result: Result) -> None:
            cells = [cell_text(row.cells.get(c)) for c in columns]
            writer.writerow([*cells, row.line, KINDS[result.kind], result.field, result.reason])

        work.heard.rejects = write
        yield


# --- what is said ----------------------------------------------------------------------------------


def _sums(counts: Counter[str]) -> str:
    return "，".join(f"{label} {counts[kind]}" for kind, label in KINDS.items())


def _print(work: Work, counts: Counter[str]) -> None:
    rows = sorted(work.heard.rows, key=lambda r: r.line)
    if work.as_json:
        emit_json(
            {
                "dry_run": work.heard.dry_run,
                "mapping": work.mapping.id,
                "counts": {"rows": counts.total(), **{kind: counts[kind] for kind in KINDS}},
                "rows": [_plain(row) for row in rows],
            }
        )
        return
    out = console()
    for row in rows[:SHOWN_MOST]:
        out.print(_line(row), soft_wrap=True)
    if len(rows) > SHOWN_MOST:
        out.print(f"……还有 {len(rows) - SHOWN_MOST} 行（--json 或 --rejects 给出全部）")
    head = "演算，什么也没有写" if work.heard.dry_run else "导入完毕"
    out.print(f"[bold]{head}[/]：共 {counts.total()} 行，{_sums(counts)}", soft_wrap=True)
    if counts["suspected"]:
        out.print(
            "疑似重复的没有登记：确是同一件的，把新情况用 amend_clue、add_evidence 补到原线索；不是的，加 --anyway 再导入；"
            "已经登记了两条的，用 starter.py do <多出的一条> merge_into --set clue_no=<保留的一条> --set reason=… 并案",
            soft_wrap=True,
        )


def _line(row: Result) -> str:
    """One row for people."""
    text = f"第 {row.line} 行 [{STYLES[row.kind]}]{KINDS[row.kind]}[/]"
    if row.clue_no and row.kind != "bad":
        text += f" {row.clue_no}"
    if row.kind == "new":
        said = (
            [f"{agency(row.to_agency, the_rules())}，规则包 {'、'.join(row.packs)}"] if row.to_agency else []
        )
        text += "：" + escape("；".join([*said, *([row.note] if row.note else [])]))
        return text + ("；" + escape("；".join(s.text for s in row.suspects)) if row.suspects else "")
    where = f" {escape(row.field)}" if row.field and row.kind == "bad" else ""
    return text + where + (f"：{escape(row.reason)}" if row.reason else "")


def _plain(row: Result) -> Json:
    return {
        "line": row.line,
        "result": row.kind,
        "clue_no": row.clue_no or None,
        "field": row.field or None,
        "reason": row.reason or None,
        "suspects": [plain_suspect(s) for s in row.suspects],
        "to_agency": row.to_agency,
        "packs": list(row.packs),
        "note": row.note or None,
    }
