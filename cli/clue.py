"""`starter.py start`, `do`, `query`, `watch`: one clue."""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import Coroutine
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any, TypeVar

import typer

from cli import given
from cli.output import console, emit_json
from cli.repeated import SUSPECTED, resembling, show_suspects
from cli.rules import moment
from cli.services import prepare, the_clues, the_ledger, the_rules
from cli.show import show_answer, show_clue, show_entry
from domain.model import ENDED, Actor, Answer, Json, iso
from ledger.changes import Changes
from runtime.client import ClueClient

T = TypeVar("T")
LOOK_SECONDS = 5.0  # how often a watcher looks by itself, should the database not tell of a change

ClueNo = Annotated[str, typer.Argument(metavar="CLUE", help="线索编号，如 XS-320583-20240403-0001")]
As = Annotated[str | None, typer.Option("--as", help=given.ACTOR_HELP, envvar="CLUEFLOW_AS")]
Id = Annotated[str | None, typer.Option("--id", help="命令编号；重发同一条命令时用同一个")]
AsJson = Annotated[bool, typer.Option("--json", help="输出 JSON")]


def run(work: Coroutine[Any, Any, T]) -> T:
    return asyncio.run(work)


def start(
    file: Annotated[Path, typer.Option("--file", help="线索文件（JSON 或 YAML），- 为标准输入")],
    as_: As = None,
    id_: Id = None,
    anyway: Annotated[bool, typer.Option("--anyway", help="疑似重复也登记")] = False,
    as_json: AsJson = False,
) -> None:
    """登记一条线索，通知属地；疑似与已有的重复时先说明，不登记。"""
    data = given.file_data("report", file)
    actor = given.actor(as_) if as_ else _finder(data)
    command_id = id_ or str(uuid.uuid4())
    found = () if anyway else run(resembling(data, command_id))
    if found:
        show_suspects(found, as_json)
        raise typer.Exit(SUSPECTED)
    answer = run(_sent(None, "report", actor, data, command_id))
    _print(answer, as_json)


def do(
    clue: ClueNo,
    command: Annotated[
        str, typer.Argument(metavar="COMMAND", help="命令，如 acknowledge；starter.py commands 列出全部")
    ],
    as_: As = None,
    data: Annotated[str | None, typer.Option("--data", help="命令内容：JSON，或 @文件")] = None,
    sets: Annotated[list[str] | None, typer.Option("--set", help="一个字段：字段=值，可多次")] = None,
    id_: Id = None,
    as_json: AsJson = False,
) -> None:
    """对一条线索执行一条命令。"""
    if as_ is None:
        raise typer.BadParameter(f"请用 --as 写明{given.ACTOR_HELP}")
    actor = given.actor(as_)
    content = given.data_of(command, data, sets or [])
    answer = run(_sent(clue, command, actor, content, id_ or str(uuid.uuid4())))
    _print(answer, as_json)


def query(
    clue: ClueNo,
    as_of: Annotated[str | None, typer.Option("--as-of", help="看那一刻的情形，不给则为现在")] = None,
    why: Annotated[bool, typer.Option("--why", help="逐日说明每个期限")] = False,
    as_json: AsJson = False,
) -> None:
    """看一条线索：阶段、义务与期限、时间线。"""
    at = moment(as_of, "--as-of") if as_of else None
    seen = run(_seen(clue, at, why))
    if as_json:
        emit_json(seen)
    else:
        show_clue(console(), seen, the_rules(), at or datetime.now(UTC))


def watch(clue: ClueNo, as_json: AsJson = False) -> None:
    """跟看一条线索的时间线，直到它结束或 Ctrl-C。"""
    run(_watch(clue, as_json))


def _finder(data: Json) -> Actor:
    agency = data.get("from_agency")
    if not isinstance(agency, str):
        raise typer.BadParameter(f"文件里没有 from_agency，请用 --as 写明{given.ACTOR_HELP}")
    return Actor(agency, "officer", "命令行")


async def _sent(clue: str | None, name: str, actor: Actor, data: Json, command_id: str) -> Answer:
    async with the_clues(prepare()) as clues:
        if clue is None:
            return await clues.report(actor, data, command_id)
        return await clues.do(clue, name, actor, data, command_id)


async def _seen(clue: str, at: datetime | None, why: bool) -> Json:
    async with the_clues(prepare()) as clues:
        return await clues.query(clue, at, days=why)


def _print(answer: Answer, as_json: bool) -> None:
    if as_json:
        emit_json({**asdict(answer), "at": iso(answer.at)})
    else:
        show_answer(console(), answer)


async def _watch(clue: str, as_json: bool) -> None:
    settings = prepare()
    async with the_clues(settings) as clues, the_ledger(settings) as engine:
        changes = Changes(engine)
        listening = asyncio.create_task(changes.run())
        try:
            async with changes.subscribe() as queue:
                await _follow(clues, queue, clue, as_json)
        finally:
            listening.cancel()


async def _follow(clues: ClueClient, queue: asyncio.Queue[str], clue: str, as_json: bool) -> None:
    """Prints what is new whenever the clue changes, and looks by itself now and then."""
    told = 0
    while True:
        seen = await clues.query(clue)
        for entry in seen["timeline"]:
            if entry["seq"] > told:
                told = entry["seq"]
                emit_json(entry) if as_json else show_entry(console(), entry, the_rules())
        if seen["stage"] in ENDED:
            return
        await _change(queue, clue)


async def _change(queue: asyncio.Queue[str], clue: str) -> None:
    try:
        async with asyncio.timeout(LOOK_SECONDS):
            while await queue.get() not in (clue, ""):
                pass
    except TimeoutError:
        return
