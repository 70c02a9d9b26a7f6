"""`starter.py channels`: is the file of channels sound, and does each channel work."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import typer
from rich.markup import escape
from rich.table import Table

from cli.lists import known_agency
from cli.output import console, emit_json
from cli.services import prepare, the_rules
from notices.carriers import carry
from notices.config import CHANNEL_KINDS, Channels, load_channels, read_channels
from notices.letters import Writer, samples
from notices.outcome import Outcome
from notices.templates import Templates, check_templates
from notices.when import LANES
from runtime.errors import BadSettings
from runtime.rules_yaml import Problem
from runtime.settings import Settings, get_settings

AsJson = Annotated[bool, typer.Option("--json", help="输出 JSON")]

app = typer.Typer(help="通知渠道：检查配置，试发一条。", no_args_is_help=True)


@app.command("check")
def check(
    file: Annotated[Path | None, typer.Argument(help="配置文件；不给则用 CLUEFLOW_CHANNELS")] = None,
    as_json: AsJson = False,
) -> None:
    """检查渠道配置与通知模板：无误 0，有误 1，并逐条说明。"""
    settings = get_settings()
    channels, problems = _checked(file or _file(settings), settings)
    count = len(channels.channels) if channels else 0
    if as_json:
        found = [{"file": p.file, "line": p.line, "field": p.field, "message": p.message} for p in problems]
        emit_json({"ok": not problems, "channels": count, "problems": found})
    else:
        out = console()
        for problem in problems:
            out.print(f"[red]✗[/] {escape(str(problem))}", soft_wrap=True)
        out.print("[green]✓[/] 渠道与模板无误" if not problems else f"共 {len(problems)} 处有误")
        if not problems:
            out.print(f"共 {count} 个渠道" if count else "[yellow]![/] 一个渠道也没有：通知只进收件箱")
    raise typer.Exit(1 if problems else 0)


def _checked(file: Path, settings: Settings) -> tuple[Channels | None, list[Problem]]:
    channels, problems = read_channels(file, the_rules())
    if settings.templates_dir is not None:
        problems = [*problems, *check_templates(settings.templates_dir, samples(datetime.now(UTC)))]
    return channels, problems


@app.command("test")
def try_out(
    agency: Annotated[str, typer.Argument(metavar="AGENCY", help="机构，如 310118.eco")],
    drill: Annotated[bool, typer.Option("--drill", help="试演练渠道")] = False,
    only: Annotated[str | None, typer.Option("--channel", help="只试这一个渠道")] = None,
    as_json: AsJson = False,
) -> None:
    """向一个机构的各渠道各发一条测试通知：都收下 0，有没收下的 1。"""
    known_agency("AGENCY", agency)
    settings = prepare("ERROR")
    channels = load_channels(_file(settings), the_rules())
    named = _of(channels, agency, drill)
    if only is not None:
        named = {name: lane for name, lane in named.items() if name == only}
    if not named:
        raise typer.BadParameter(
            f"AGENCY：{agency} 没有{'演练' if drill else ''}渠道" + (f" {only}" if only else "")
        )
    writer = Writer(the_rules(), Templates(settings.templates_dir), settings.public_url)
    message = writer.test(agency, datetime.now(UTC), drill=drill)
    with ThreadPoolExecutor(len(named)) as threads:
        outcomes = list(threads.map(lambda name: carry(channels.channels[name], message), named))
    results = dict(zip(named, outcomes, strict=True))
    _show(channels, named, results, as_json)
    raise typer.Exit(0 if all(o.ending == "accepted" for o in outcomes) else 1)


def _of(channels: Channels, agency: str, drill: bool) -> dict[str, str]:
    """Every channel that may carry the agency's notices, with its lane."""
    route = channels.route(agency)
    if drill:
        return dict.fromkeys(route.drill, "drill")
    roster = [name for line in route.roster for name in line.channels]
    lanes = {"usual": route.usual, "head": route.head, "roster": roster}
    return {name: lane for lane, names in reversed(lanes.items()) for name in names}


def _show(channels: Channels, named: dict[str, str], results: dict[str, Outcome], as_json: bool) -> None:
    if as_json:
        emit_json(
            {
                "ok": all(o.ending == "accepted" for o in results.values()),
                "channels": [
                    {"name": name, "kind": channels.channels[name].kind, "lane": named[name],
                     "outcome": o.ending, "http_status": o.http_status, "code": o.code, "said": o.said}
                    for name, o in results.items()
                ],
            }
        )  # fmt: skip
        return
    table = Table(box=None, padding=(0, 1))
    for head in ("", "渠道", "方式", "用途", "网关的答复"):
        table.add_column(head, overflow="fold")
    for name, o in results.items():
        kind = CHANNEL_KINDS[channels.channels[name].kind]
        said = " ".join(str(part) for part in (o.http_status, o.code, o.said) if part is not None)
        mark = "[green]✓[/]" if o.ending == "accepted" else "[red]✗[/]"
        table.add_row(mark, escape(name), kind, LANES[named[name]], escape(said) or "已收下")
    console().print(table)


def _file(settings: Settings) -> Path:
    if settings.channels is None:
        raise BadSettings(
            ["没有给出渠道的配置文件：设 CLUEFLOW_CHANNELS，样例见 deploy/channels.example.yaml"]
        )
    return settings.channels
