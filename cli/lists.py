"""`starter.py list` and `inbox`: many clues, and an agency's notices, as the ledger has them."""

from __future__ import annotations

import asyncio
from dataclasses import asdict
from datetime import UTC, datetime
from typing import Annotated, Any

import typer
from rich.markup import escape
from rich.table import Table

from cli.given import word
from cli.output import console, emit_json, named
from cli.rules import calendar_alarm, moment
from cli.services import prepare, the_ledger, the_rules
from cli.show import agency as agency_name
from domain import labels
from domain.agencies import is_well_formed
from domain.errors import DomainError
from domain.model import iso
from domain.shapes import nearest
from domain.text import when as said
from ledger import inbox as letterbox
from ledger.clues import BadCursor, Filters, Page, list_clues
from ledger.delivery import Carried, of_notices
from notices.config import CHANNEL_KINDS
from runtime.rules import Rules
from runtime.settings import get_settings

Ways = dict[str, tuple[Carried, ...]]  # by notice
AsJson = Annotated[bool, typer.Option("--json", help="输出 JSON")]
Limit = Annotated[int, typer.Option("--limit", min=1, max=500, help="一页多少条")]
After = Annotated[str | None, typer.Option("--after", help="接着上一页：上一页给出的翻页标记")]


def plain(value: Any) -> Any:
    """JSON of a row: instants in Shanghai's time."""
    return {k: iso(v) if isinstance(v, datetime) else v for k, v in asdict(value).items()}


def list_(
    stage: Annotated[str | None, typer.Option("--stage", help="阶段，如 notified 或 已通知")] = None,
    holder: Annotated[str | None, typer.Option("--holder", help="现在该它办的机构")] = None,
    party: Annotated[str | None, typer.Option("--party", help="有份的机构")] = None,
    matter: Annotated[str | None, typer.Option("--matter", help="事项，如 solid_waste 或 固体废物")] = None,
    level: Annotated[int, typer.Option("--level", min=0, max=4, help="级别不低于")] = 0,
    due_before: Annotated[str | None, typer.Option("--due-before", help="此前有到期的")] = None,
    finder: Annotated[str | None, typer.Option("--finder", help="发现方")] = None,
    addressee: Annotated[str | None, typer.Option("--addressee", help="承办方")] = None,
    drill: Annotated[bool | None, typer.Option("--drill/--no-drill", help="只看演练，或不看演练")] = None,
    text: Annotated[str | None, typer.Option("--text", help="编号或标题中的文字")] = None,
    all_: Annotated[bool, typer.Option("--all", help="连已结束的")] = False,
    limit: Limit = 50,
    after: After = None,
    as_json: AsJson = False,
) -> None:
    """列出线索，最先到期的在前。"""
    stage = None if stage is None else word("--stage", stage, labels.STAGES)
    matter = None if matter is None else word("--matter", matter, labels.MATTERS)
    agencies = {"--holder": holder, "--party": party, "--finder": finder, "--addressee": addressee}
    for option, given in agencies.items():
        known_agency(option, given)
    filters = Filters(
        stage=stage,
        holder=holder,
        party=party,
        matter=matter,
        level_at_least=level,
        due_before=moment(due_before, "--due-before") if due_before else None,
        finder=finder,
        addressee=addressee,
        drill=drill,
        open_only=not all_,
        text=text,
    )
    page = asyncio.run(_listed(filters, after, limit))
    warning = calendar_alarm(get_settings().rules_dir)
    if as_json:
        warnings = [warning] if warning else []
        emit_json({"clues": [plain(clue) for clue in page.clues], "next": page.next, "warnings": warnings})
    else:
        _show(page, the_rules())
        if warning:
            console().print(f"[yellow]![/] {escape(warning)}", soft_wrap=True)


def inbox(
    agency: Annotated[str, typer.Argument(metavar="AGENCY", help="机构，如 310118.eco")],
    unread: Annotated[bool, typer.Option("--unread", help="只看未读")] = False,
    read: Annotated[str | None, typer.Option("--read", help="把这条标为已读")] = None,
    ack: Annotated[str | None, typer.Option("--ack", help="确认收到这条")] = None,
    name: Annotated[str | None, typer.Option("--name", help="谁看的")] = None,
    limit: Limit = 50,
    after: After = None,
    as_json: AsJson = False,
) -> None:
    """看一个机构的收件箱。"""
    known_agency("AGENCY", agency)
    marks: list[tuple[str, letterbox.Mark]] = []
    if read:
        marks.append((read, "read"))
    if ack:
        marks.append((ack, "acknowledged"))
    page, counts, ways = asyncio.run(_opened(agency, marks, name, unread, after, limit))
    if as_json:
        emit_json(
            {
                "agency": agency,
                "total": counts.total,
                "unread": counts.unread,
                "unacknowledged": counts.unacknowledged,
                "notices": [
                    {**plain(notice), "channels": [plain(way) for way in ways.get(notice.id, ())]}
                    for notice in page.notices
                ],
                "next": page.next,
            }
        )
    else:
        _show_inbox(agency, page, counts, ways, the_rules())


def known_agency(option: str, agency: str | None) -> None:
    """A usage error where the id has no shape; unknown_agency where there is no such agency."""
    if agency is None:
        return
    rules = the_rules()
    if not is_well_formed(agency):
        guess = nearest(agency, [*(a.id for a in rules.agencies), *rules.rulebook.group_map])
        hint = f"，是否想写 {guess}" if guess else "，应如 310118.eco"
        raise typer.BadParameter(f"{option}：“{agency}”不是机构代码{hint}")
    if rules.agency_status(agency, datetime.now(UTC).date()) == "unknown":
        guess = nearest(agency, [*(a.id for a in rules.agencies), *rules.rulebook.group_map])
        raise DomainError(
            "unknown_agency", f"没有机构 {agency}" + (f"，是否想写 {guess}" if guess else "，请核对代码")
        )


async def _listed(filters: Filters, after: str | None, limit: int) -> Page:
    async with the_ledger(prepare()) as engine:
        try:
            now = datetime.now(UTC)
            return await list_clues(engine, the_rules().rulebook, now, filters, after=after, limit=limit)
        except BadCursor as err:
            raise typer.BadParameter(f"--after：{err}") from None


def _show(page: Page, rules: Rules) -> None:
    out = console()
    table = Table()
    for head in ("编号", "标题", "阶段", "该谁办", "级别", "最近到期"):
        table.add_column(head, overflow="fold", no_wrap=head == "编号")
    for clue in page.clues:
        due = labels.DUTIES.get(clue.next_due_id or "", "")
        table.add_row(
            clue.clue_no,
            escape(("【演练】" if clue.drill else "") + clue.title),
            labels.STAGES[clue.stage],
            agency_name(clue.holder, rules),
            f"{clue.level} {labels.LEVELS[clue.level]}" if clue.level else "",
            f"{said(clue.next_due_at)} {due}" if clue.next_due_at else "",
        )
    out.print(table if page.clues else "没有符合的线索")
    if page.next:
        out.print(f"还有更多：--after {page.next}", soft_wrap=True)


async def _opened(
    agency: str,
    marks: list[tuple[str, letterbox.Mark]],
    name: str | None,
    unread: bool,
    after: str | None,
    limit: int,
) -> tuple[letterbox.InboxPage, letterbox.Counts, Ways]:
    async with the_ledger(prepare()) as engine:
        for notice, what in marks:
            if not await letterbox.mark(engine, notice, what, datetime.now(UTC), name, agency=agency):
                raise DomainError("unknown_clue", f"{agency} 的收件箱里没有通知 {notice}，请核对编号")
        try:
            page = await letterbox.inbox(engine, agency, unread_only=unread, after=after, limit=limit)
        except letterbox.BadCursor as err:
            raise typer.BadParameter(f"--after：{err}") from None
        ways = await of_notices(engine, [notice.id for notice in page.notices])
        return page, await letterbox.counts(engine, agency), ways


def _show_inbox(
    agency: str, page: letterbox.InboxPage, counts: letterbox.Counts, ways: Ways, rules: Rules
) -> None:
    out = console()
    out.print(
        f"[bold]{rules.agency_name(agency)}[/]：共 {counts.total} 条，未读 {counts.unread}，"
        f"待确认 {counts.unacknowledged}"
    )
    for notice in page.notices:
        mark = "[bold cyan]●[/]" if notice.read_at is None else " "
        seen = "，已确认" if notice.acknowledged_at else ""
        out.print(
            f"{mark} {said(notice.created_at)}  [bold]{escape(named(notice.title, rules))}[/]{seen}",
            soft_wrap=True,
        )
        out.print(f"    {escape(named(notice.text, rules))}", soft_wrap=True)
        for way in ways.get(notice.id, ()):
            out.print(f"    {_way(way)}", soft_wrap=True)
        out.print(f"    [dim]{notice.clue_no}  通知编号 {notice.id}[/]", soft_wrap=True)
    if page.next:
        out.print(f"还有更多：--after {page.next}", soft_wrap=True)


_STATES = {"queued": "排队中", "accepted": "网关已收下", "failed": "[bold red]没有送到[/]"}


def _way(way: Carried) -> str:
    """One channel of a notice, with what its gateway said last."""
    tried = f"，试了 {way.attempts} 次" if way.attempts > 1 or way.state != "accepted" else ""
    again = f"，{said(way.due_at)} 发" if way.state == "queued" else ""
    answer = " ".join(str(part) for part in (way.http_status, way.code, way.said) if part is not None)
    answer = f"：{escape(answer)}" if answer and way.state != "accepted" else ""
    lost = "，后面没有别的渠道，只在收件箱" if way.exhausted_at else ""
    return (
        f"↗ {CHANNEL_KINDS[way.kind]} {escape(way.channel)} {_STATES[way.state]}{tried}{again}{answer}{lost}"
    )
