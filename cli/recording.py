"""`starter.py record`: a scenario written from a real clue, without the people in it."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Final

import typer
from rich.markup import escape
from sqlalchemy.ext.asyncio import AsyncEngine
from temporalio.service import RPCError

from activities.live import TemporalClues
from cli.output import console, emit_json
from cli.services import prepare, the_ledger, the_rules
from domain.chain import opened
from domain.errors import DomainError
from domain.model import Command, Event
from ledger import events as log
from rehearsal import histories
from rehearsal.acts import UnknownAct, acts_of, surer
from rehearsal.recording import Recorded
from rehearsal.recording import record as written
from runtime.errors import ServiceUnreachable
from runtime.settings import Settings
from runtime.temporal import connect

TRIES: Final = 20
PAUSE: Final = 0.25  # seconds between looks at a ledger that is a little behind


def record(
    clue: Annotated[str, typer.Argument(metavar="CLUE", help="线索编号")],
    out: Annotated[Path | None, typer.Option("--out", help="写到这个文件；不给则打印")] = None,
    keep_text: Annotated[
        bool, typer.Option("--keep-text", help="保留说明文字（已知的姓名和像证件、电话的号码仍替换）")
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="输出 JSON")] = False,
) -> None:
    """把一条真实线索写成可演练的场景，去掉个人信息。演练结果与线索一致 0，不一致 1。"""
    made, behind = asyncio.run(_recorded(clue, keep_text))
    if out is not None:
        out.write_text(made.text, encoding="utf-8")
    if as_json:
        emit_json(
            {
                "ok": not made.differences,
                "commands": made.commands,
                "from_history": made.sure,
                "from_events": made.commands - made.sure,
                "rule_changes_left_out": made.changes,
                "differences": list(made.differences),
                "behind": behind,
                "scenario": None if out else made.text,
            }
        )
    elif out is None:
        typer.echo(made.text, nl=False)
    _say(made, keep_text)
    if behind:
        console(stderr=True).print(
            f"[yellow]还有 {behind} 个事件没有写入台账，场景里没有它们；稍后再记一次[/]"
        )
    raise typer.Exit(1 if made.differences else 0)


def _say(made: Recorded, keep_text: bool) -> None:
    """What the reader must know, beside the file."""
    said = console(stderr=True)
    said.print(
        f"{made.commands} 条命令：{made.sure} 条取自工作流历史，{made.commands - made.sure} 条由事件还原"
    )
    if keep_text:
        said.print("[yellow]说明文字保留着：只在文字里出现的姓名认不出来，请通读后再转交[/]")
    if made.changes:
        said.print(
            f"[yellow]线索换用过 {made.changes} 次规则，场景里没有；要与线索的期限一致，请用它现在的那套规则演练[/]"
        )
    for why in made.differences:
        said.print(f"[red]✗[/] 按现行规则演练与线索不同：{escape(why)}", soft_wrap=True)


async def _recorded(clue: str, keep_text: bool) -> tuple[Recorded, int]:
    """The scenario, and how many events its workflow has that the ledger still lacks."""
    settings = prepare()
    async with the_ledger(settings) as engine:
        sent, tip = await _live(settings, clue)
        events = await _events(engine, clue)
        for _ in range(TRIES):
            if len(events) >= tip:
                break
            await asyncio.sleep(PAUSE)
            events = await _events(engine, clue)
        if not events:
            raise DomainError("unknown_clue", f"台账里没有线索 {clue}，请核对编号")
        sent = {**await histories.exported(engine, clue), **sent}
    try:
        acts = [surer(act, sent, events) for act in acts_of(events)]
    except UnknownAct as err:
        raise DomainError("invalid_input", f"事件 {err} 是哪条命令引起的，本程序不认识，写不成场景") from None
    made = written(events, acts, the_rules(), datetime.now(UTC), keep_text=keep_text)
    return made, max(0, tip - len(events))


async def _events(engine: AsyncEngine, clue: str) -> list[Event]:
    async with engine.connect() as connection:
        return [opened(item) for item in await log.read(connection, clue)]


async def _live(settings: Settings, clue: str) -> tuple[dict[str, Command], int]:
    """What Temporal still has, and the number of its last event; the record is enough where it doesn't answer."""
    try:
        client = await connect(settings)
        tip = await TemporalClues(client).tip(clue)
        return await histories.live(client, clue), tip.seq if tip else 0
    except (ServiceUnreachable, RPCError):
        return {}, 0
