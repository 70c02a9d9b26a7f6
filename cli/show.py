"""A clue on a terminal, for people: agencies by their Chinese names, instants as they are said."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import datetime
from typing import Any

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from cli.output import named, when
from cli.rules import days_table
from domain import labels
from domain.model import Answer, Json, instant
from domain.text import when as said
from runtime.rules import Rules

STATUS_STYLES = {"open": "cyan", "fulfilled": "green", "late": "yellow", "breached": "bold red"}


def agency(agency_id: str | None, rules: Rules) -> str:
    return "—" if not agency_id else rules.agency_name(agency_id)


def show_answer(out: Console, answer: Answer) -> None:
    """What an accepted command answers."""
    letter = f"，文号 {escape(answer.letter_no)}" if answer.letter_no else ""
    level = f"，{labels.LEVELS[answer.level]}（{answer.level} 级）" if answer.level else ""
    out.print(
        f"[green]✓[/] {answer.clue_no}：{labels.STAGES[answer.stage]}{level}{letter}"
        f"（{said(answer.at)}，第 {answer.seq} 号记录）",
        soft_wrap=True,
    )
    out.print(f"[dim]命令编号 {escape(answer.command_id)}[/]", soft_wrap=True)


def show_clue(out: Console, seen: Json, rules: Rules, as_of: datetime) -> None:
    """The head, the duties with their clocks, the evidence, and the timeline."""
    drill = "[bold yellow]【演练】[/]" if seen["drill"] else ""
    out.print(f"{drill}[bold]{seen['clue_no']} {escape(seen['title'])}[/]", soft_wrap=True)
    level = f"{seen['level']} 级（{labels.LEVELS[seen['level']]}），最高 {seen['peak_level']} 级"
    matter = labels.MATTERS.get(seen["matter"] or "", "")
    for name, value in (
        ("阶段", labels.STAGES[seen["stage"]]),
        ("该谁办", agency(seen["holder"], rules)),
        ("升级", level),
        ("发现方", agency(seen["from_agency"], rules)),
        ("承办方", agency(seen["to_agency"], rules)),
        ("事项", f"{matter}，发现于 {when(seen['discovered_at'])}，第 {seen['age_days']} 天"),
        ("规则包", "、".join(seen["packs"])),
        *_merging(seen),
    ):
        out.print(f"  {name}  {escape(value)}", soft_wrap=True)
    out.print(duties_table(seen["duties"], rules, as_of))
    for duty in seen["duties"]:
        if "days" in duty:
            out.print(f"[bold]{duty['name']}[/]：{_term(duty)}，依据 {escape(duty['basis']['article'])}")
            out.print(days_table(duty["days"]))
    if seen.get("own_rules") is False:
        out.print(f"[yellow]![/] {labels.RULES_LOST}")
    show_timeline(out, seen["timeline"], rules)


def _merging(seen: Json) -> Iterator[tuple[str, str]]:
    if seen["merged_into"]:
        yield "并案", f"已并入 {seen['merged_into']}"
    if seen["merged_from"]:
        yield "并案", f"并入本线索的：{'、'.join(seen['merged_from'])}"


def duties_table(duties: Iterable[Json], rules: Rules, as_of: datetime) -> Table:
    """Each duty with its clock; a deadline that is not official yet, or whose unit is assumed, says so."""
    table = Table(title="义务", title_justify="left")
    for head in ("义务", "义务机构", "期限", "应于", "最迟", "状态"):
        table.add_column(head, overflow="fold")
    for duty in duties:
        legal = when(duty["legal_due_at"]) if duty["legal_due_at"] != duty["due_at"] else ""
        table.add_row(
            duty["name"],
            agency(duty["obliged"], rules),
            _term(duty),
            when(duty["due_at"]) + (" [yellow]暂定[/]" if duty["provisional"] else ""),
            legal,
            status(duty, as_of),
        )
    return table


def _term(duty: Json) -> str:
    basis = duty["basis"]
    text = labels.term(basis["term"], basis["unit"])
    if basis["unit_basis"] != "explicit":
        text += f"（{labels.UNIT_BASES[basis['unit_basis']]}）"
    if duty["extended_days"]:
        text += f"，延 {duty['extended_days']}"
    return text + (f"，中止 {duty['paused_days']} 日" if duty["paused_days"] else "")


def status(duty: Json, as_of: datetime) -> str:
    """The status in its colour; an open one with the time that is left."""
    style = STATUS_STYLES.get(duty["status"], "dim")
    text = labels.STATUSES[duty["status"]]
    if duty["status"] == "open":
        text += f"，还有 {left(instant(duty['legal_due_at']) - as_of)}"
    if duty["overdue_internal"]:
        text += "，超过内部期限"
    if duty.get("level"):
        text += f"，{duty['level']} 级"
    if duty["fulfilled_at"]:
        text += f"（{when(duty['fulfilled_at'])}）"
    return f"[{style}]{text}[/]"


def left(span: Any) -> str:
    """A time span as people say it, in its two largest units."""
    minutes = max(0, int(span.total_seconds() // 60))
    days, hours, rest = minutes // 1440, minutes // 60 % 24, minutes % 60
    if days:
        return f"{days} 天 {hours} 小时"
    return f"{hours} 小时 {rest} 分" if hours else f"{rest} 分"


def show_timeline(out: Console, timeline: Iterable[Json], rules: Rules) -> None:
    out.print("[bold]时间线[/]")
    for entry in timeline:
        show_entry(out, entry, rules)


def show_entry(out: Console, entry: Json, rules: Rules) -> None:
    """One line of the timeline. What the engine did itself is dim, a breach red."""
    actor = entry["actor"]
    who = "系统" if actor is None else f"{rules.agency_name(actor['agency'])} {actor['name']}"
    style = "red" if entry["event"] in ("duty_breached", "duty_escalated") else "" if actor else "dim"
    text = f"{entry['seq']:>4}  {when(entry['at'])}  {who}：{named(entry['text'], rules)}"
    out.print(escape(text), style=style or None, soft_wrap=True)
