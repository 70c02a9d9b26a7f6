"""`starter.py rules`: are the rule packs sound, and why does a term end when it does."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.markup import escape
from rich.table import Table

from cli import changing, holidays
from cli.output import console, emit_json, when
from domain import labels
from domain.calendar import alarm
from domain.model import Json, shanghai_day
from runtime import rules as ruleset
from runtime import worked_dates
from runtime.settings import get_settings

WORKED = Path(__file__).resolve().parent.parent / "docs" / "worked-dates.md"
AsJson = Annotated[bool, typer.Option("--json", help="输出 JSON")]

app = typer.Typer(help="规则：检查规则包，解释期限，变更在办线索的规则。", no_args_is_help=True)
changing.register(app)
app.add_typer(holidays.app, name="holidays")


@app.command("check")
def check(
    folder: Annotated[Path | None, typer.Argument(help="规则目录；不给则用现行的")] = None,
    as_json: AsJson = False,
) -> None:
    """检查规则目录：无误 0，有误 1，并逐条说明。"""
    where = folder or get_settings().rules_dir or ruleset.DEFAULT_FOLDER
    if not where.is_dir():
        raise typer.BadParameter(f"没有目录 {where}")
    problems = ruleset.check_rules(where)
    warning = None if problems else calendar_alarm(where)
    if as_json:
        found = [{"file": p.file, "line": p.line, "field": p.field, "message": p.message} for p in problems]
        emit_json({"ok": not problems, "problems": found, "warnings": [warning] if warning else []})
    else:
        out = console()
        for problem in problems:
            out.print(f"[red]✗[/] {escape(str(problem))}", soft_wrap=True)
        if warning:
            out.print(f"[yellow]![/] {escape(warning)}", soft_wrap=True)
        out.print("[green]✓[/] 规则无误" if not problems else f"共 {len(problems)} 处有误")
    raise typer.Exit(1 if problems else 0)


def calendar_alarm(folder: Path | None, on: date | None = None) -> str | None:
    """What is to be said about a calendar that runs out; None while there is time. `on`: today by default."""
    calendar = ruleset.load_rules(folder).rulebook.calendar
    return alarm(calendar, on or shanghai_day(datetime.now(UTC)), get_settings().calendar_alarm_days)


@app.command("explain")
def explain(
    duty: Annotated[str, typer.Option("--duty", help="义务，如 evidence_transfer")],
    pack: Annotated[str, typer.Option("--pack", help="规则包，如 qwj-2020")],
    from_: Annotated[str, typer.Option("--from", help="起算时间，如 2024-04-03T16:00+08:00")],
    suspended: Annotated[
        list[str] | None, typer.Option("--suspended", help="中止 A..B：自 A 的次日至 B 不计；可多次")
    ] = None,
    extended: Annotated[int, typer.Option("--extended", min=0, help="延长的天数")] = 0,
    as_json: AsJson = False,
) -> None:
    """逐日解释一个期限为什么到那一天。"""
    rules = ruleset.load_rules(get_settings().rules_dir)
    spans = [_span(text) for text in suspended or []]
    answer = ruleset.explain(rules, duty, pack, moment(from_, "--from"), spans, extended)
    if as_json:
        emit_json(answer)
    else:
        show(answer)


@app.command("examples")
def examples(
    write: Annotated[bool, typer.Option("--write", help="写进 docs/worked-dates.md")] = False,
    as_json: AsJson = False,
) -> None:
    """二十个算好的期限，供法制人员拿挂历核对。"""
    rules = ruleset.load_rules(get_settings().rules_dir)
    if write:
        WORKED.write_text(worked_dates.document(rules), encoding="utf-8")
        console().print(f"[green]✓[/] 已写入 {escape(str(WORKED))}", soft_wrap=True)
    elif as_json:
        emit_json(worked_dates.worked(rules))
    else:
        console().print(escape(worked_dates.document(rules)), soft_wrap=True, end="")


def moment(text: str, option: str) -> datetime:
    """An instant that was typed; a usage error where it has no offset or is none."""
    try:
        at = datetime.fromisoformat(text)
    except ValueError:
        raise typer.BadParameter(f"{option}：“{text}”不是时间，应写成 2024-04-03T16:00+08:00") from None
    if at.tzinfo is None:
        raise typer.BadParameter(f"{option}：“{text}”没有时区，请补上，如 {text}+08:00")
    return at


def _span(text: str) -> tuple[date, date]:
    """The days not counted: from the day after the suspension starts to the day it ends (none within one day)."""
    try:
        first, last = (date.fromisoformat(part) for part in text.split(".."))
    except ValueError:
        raise typer.BadParameter(
            f"--suspended：“{text}”应写成 2024-04-08..2024-04-10（中止日..恢复日）"
        ) from None
    if last < first:
        raise typer.BadParameter(f"--suspended：“{text}”的恢复日早于中止日")
    return first + timedelta(days=1), last


def show(answer: Json) -> None:
    """The explanation of one date, day by day."""
    out = console()
    term, basis = labels.term(answer["term"], answer["unit"]), labels.UNIT_BASES[answer["unit_basis"]]
    name = labels.DUTIES.get(answer["duty"], answer["duty"])
    out.print(f"[bold]{name}[/]（{answer['pack']}）：{term}（{basis}）")
    if answer.get("article"):
        out.print(f"依据：{escape(answer['article'])}", soft_wrap=True)
    out.print(f"自 {when(answer['from'])} 起算，应于 [bold]{when(answer['due_at'])}[/] 前完成")
    if answer["legal_due_at"] != answer["due_at"]:
        out.print(f"最迟期限 [bold]{when(answer['legal_due_at'])}[/]（末日为休息日，顺延）")
    if answer["provisional"]:
        out.print("[yellow]暂定：其中有年份的放假通知尚未公布[/]")
    out.print(days_table(answer["days"]))


def days_table(days: list[dict[str, Any]]) -> Table:
    """Each day, whether it counts, and why; counted ones are numbered."""
    table = Table(box=None, padding=(0, 2))
    for head in ("日期", "计", "说明"):
        table.add_column(head)
    count = 0
    for row in days:
        count += bool(row["counted"])
        counted = "连续" if row["why"].startswith("连续计算") else f"第 {count} 日"
        number = f"[green]{counted}[/]" if row["counted"] else "[dim]不计[/]"
        table.add_row(row["date"], number, escape(row["why"]))
    return table
