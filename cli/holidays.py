"""`starter.py rules holidays`: the State Council's yearly notice into the calendar, checked and shown first."""

from __future__ import annotations

import shlex
from datetime import date
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.markup import escape
from rich.table import Table

from cli.output import console, emit_json
from domain.errors import DomainError
from runtime import holiday_files, holiday_write
from runtime.holiday_check import WEEKDAY_NAMES, check_notice, doubts
from runtime.holiday_notice import Notice, NoticeError
from runtime.holiday_write import Edit
from runtime.rules import DEFAULT_FOLDER
from runtime.rules_yaml import Problem
from runtime.settings import get_settings

app = typer.Typer(help="放假通知：导入工作日历。", no_args_is_help=True)


@app.callback()
def _root() -> None:
    """放假通知：导入工作日历。"""


@app.command("import")
def import_(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="通知原文（文本），或 JSON、CSV、YAML")],
    year: Annotated[int | None, typer.Option("--year", help="哪一年；通知里写明的可以不给")] = None,
    number: Annotated[str | None, typer.Option("--number", help="文号，如 国办发明电〔2024〕12号")] = None,
    dated: Annotated[str | None, typer.Option("--dated", help="成文日期，如 2025-11-04")] = None,
    source: Annotated[str | None, typer.Option("--source", help="出处，如网址")] = None,
    rules: Annotated[Path | None, typer.Option("--rules", help="规则目录；不给则用现行的")] = None,
    anyway: Annotated[bool, typer.Option("--anyway", help="有疑点也写入，或替换已有的正式安排")] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="只看会改什么，不写入")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="输出 JSON")] = False,
) -> None:
    """导入国务院办公厅的放假通知：核对、列出改动、写入日历；有误或有疑点 1，什么也不改。"""
    folder = rules or get_settings().rules_dir or DEFAULT_FOLDER
    if not folder.is_dir():
        raise typer.BadParameter(f"--rules：没有目录 {folder}")
    if not file.is_file():
        raise typer.BadParameter(f"FILE：没有文件 {file}")
    try:
        notice = holiday_files.read_notice(file, year)
        notice.number, notice.source = number or notice.number, source or notice.source
        notice.dated = _day(dated) if dated else notice.dated
        edit, doubtful = _examined(folder, notice, file.name)
        held = bool(doubtful) and not anyway
        if not (dry_run or edit.same or held):
            holiday_write.write(folder, edit)
    except NoticeError as err:
        _complain(err.problems, as_json)
        raise typer.Exit(1) from None
    written = not (dry_run or edit.same or held)
    if as_json:
        emit_json(_answer(notice, edit, doubtful, written, folder))
    else:
        _show(notice, edit, doubtful, folder, written=written, dry_run=dry_run)
    raise typer.Exit(1 if held and not edit.same else 0)


def _day(text: str) -> date:
    try:
        return date.fromisoformat(text)
    except ValueError:
        raise typer.BadParameter(f"--dated：“{text}”不是日期，应如 2025-11-04") from None


def _examined(folder: Path, notice: Notice, name: str) -> tuple[Edit, list[str]]:
    """The edit, and what speaks against it. An official year needs to say which notice it is from."""
    if notice.number is None and notice.dated is None:
        raise DomainError(
            "invalid_input", "正式安排要注明通知的文号或成文日期：请用 --number 或 --dated 写明"
        )
    standing = next((y for y in holiday_write.calendar_file(folder).years if y.year == notice.year), None)
    problems = check_notice(notice, name, standing)
    if problems:
        raise NoticeError(problems)
    edit = holiday_write.planned(folder, notice)
    found = [] if edit.same else doubts(notice)
    if edit.old is not None and edit.old.status == "official" and edit.changes:
        found.append(f"{notice.year}年已有正式安排（{edit.old.notice}），这次会改动它")
    return edit, found


def _complain(problems: list[Problem], as_json: bool) -> None:
    if as_json:
        found = [{"file": p.file, "line": p.line, "field": p.field, "message": p.message} for p in problems]
        emit_json({"ok": False, "problems": found})
        return
    out = console()
    for problem in problems:
        out.print(f"[red]✗[/] {escape(str(problem))}", soft_wrap=True)
    out.print(f"共 {len(problems)} 处有误，日历没有改动")


def _commands(folder: Path) -> list[str]:
    place = shlex.quote(str(folder))
    return [
        f"starter.py rules simulate --rules {place}",
        f"starter.py rules apply --rules {place} --reason 放假通知公布 --approver-as 机构:角色:姓名",
    ]


def _answer(notice: Notice, edit: Edit, doubtful: list[str], written: bool, folder: Path) -> dict[str, Any]:
    return {
        "ok": edit.same or not doubtful or written,
        "year": notice.year,
        "number": notice.number,
        "dated": notice.dated.isoformat() if notice.dated else None,
        "source": notice.source,
        "written": written,
        "unchanged": edit.same,
        "was": edit.old.status if edit.old else None,
        "changes": [
            {"date": c.day.isoformat(), "before": c.before, "after": c.after, "moves": c.moves}
            for c in edit.changes
        ],
        "doubts": doubtful,
        "next": _commands(folder),
    }


def _show(
    notice: Notice, edit: Edit, doubtful: list[str], folder: Path, *, written: bool, dry_run: bool
) -> None:
    out = console()
    was = {"provisional": "推定", "official": "正式"}.get(edit.old.status if edit.old else "", "没有")
    out.print(
        f"[bold]{notice.year}年[/]：原为{was}，通知 {escape(notice.number or '（无文号）')}", soft_wrap=True
    )
    if edit.changes:
        table = Table()
        for head in ("日期", "星期", "原来", "现在", ""):
            table.add_column(head)
        for c in edit.changes:
            mark = "[yellow]工作日有变[/]" if c.moves else ""
            table.add_row(str(c.day), WEEKDAY_NAMES[c.day.weekday()], c.before, c.after, mark)
        out.print(table)
    for doubt in doubtful:
        out.print(f"[yellow]![/] {escape(doubt)}", soft_wrap=True)
    if edit.same:
        out.print("日历已是这样，没有改动")
    elif written:
        out.print(f"[green]✓[/] 已写入 {escape(str(folder / holiday_write.CALENDAR))}", soft_wrap=True)
    elif dry_run:
        out.print("试运行：没有写入")
    else:
        out.print("有疑点，没有写入；核对无误后加 --anyway")
        return
    out.print("在办线索的期限不变；新日历只用于新登记的线索。要看会动哪些、再换用：")
    for command in _commands(folder):
        out.print(f"  {escape(command)}", soft_wrap=True)
