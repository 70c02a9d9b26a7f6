"""`starter.py record`: a scenario written from a real clue, without the people in it."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import typer
from rich.markup import escape

from cli.output import console, emit_json
from cli.services import prepare, the_ledger, the_rules
from domain.chain import opened
from domain.errors import DomainError
from domain.model import Command
from ledger import events as log
from rehearsal import histories
from rehearsal.acts import UnknownAct, acts_of, surer
from rehearsal.recording import Recorded
from rehearsal.recording import record as written
from runtime.errors import ServiceUnreachable
from runtime.settings import Settings
from runtime.temporal import connect


def record(
    clue: Annotated[str, typer.Argument(metavar="CLUE", help="线索编号")],
    out: Annotated[Path | None, typer.Option("--out", help="写到这个文件；不给则打印")] = None,
    keep_text: Annotated[
        bool, typer.Option("--keep-text", help="保留说明文字（已知的姓名和像证件、电话的号码仍替换）")
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="输出 JSON")] = False,
) -> None:
    """把一条真实线索写成可演练的场景，去掉个人信息。演练结果与线索一致 0，不一致 1。"""
    made = asyncio.run(_recorded(clue, keep_text))
    if out is not None:
        out.write_text(made.text, encoding="utf-8")
    if as_json:
        emit_json(
            {
                "ok": not made.differences,
                "commands": made.commands,
                "from_history": made.sure,
                "from_events": made.commands - made.sure,
                "differences": list(made.differences),
                "scenario": None if out else made.text,
            }
        )
    elif out is None:
        typer.echo(made.text, nl=False)
    _say(made, keep_text)
    raise typer.Exit(1 if made.differences else 0)


def _say(made: Recorded, keep_text: bool) -> None:
    """What the reader must know, beside the file."""
    said = console(stderr=True)
    said.print(
        f"{made.commands} 条命令：{made.sure} 条取自工作流历史，{made.commands - made.sure} 条由事件还原"
    )
    if keep_text:
        said.print("[yellow]说明文字保留着：只在文字里出现的姓名认不出来，请通读后再转交[/]")
    for why in made.differences:
        said.print(f"[red]✗[/] 按现行规则演练与线索不同：{escape(why)}", soft_wrap=True)


async def _recorded(clue: str, keep_text: bool) -> Recorded:
    settings = prepare()
    async with the_ledger(settings) as engine:
        async with engine.connect() as connection:
            sealed = await log.read(connection, clue)
        if not sealed:
            raise DomainError("unknown_clue", f"台账里没有线索 {clue}，请核对编号")
        events = [opened(item) for item in sealed]
        sent = {**await histories.exported(engine, clue), **await _live(settings, clue)}
    try:
        acts = [surer(act, sent, events) for act in acts_of(events)]
    except UnknownAct as err:
        raise DomainError("invalid_input", f"事件 {err} 是哪条命令引起的，本程序不认识，写不成场景") from None
    return written(events, acts, the_rules(), datetime.now(UTC), keep_text=keep_text)


async def _live(settings: Settings, clue: str) -> dict[str, Command]:
    """What Temporal still has; the record is enough where it doesn't answer."""
    try:
        return await histories.live(await connect(settings), clue)
    except ServiceUnreachable:
        return {}
