"""`starter.py demo`: the two vessels of Zhouzhuang as a live case, on real servers, before your eyes."""

from __future__ import annotations

import asyncio
import re
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.markup import escape
from sqlalchemy.ext.asyncio import AsyncEngine
from temporalio.client import Client

from activities.live import TemporalClues
from cli.output import console, named, when
from cli.services import the_placer, the_rules
from cli.show import agency, show_clue
from domain import labels
from domain.errors import DomainError
from domain.model import Json
from ledger import database, migrate
from ledger.inbox import counts
from ledger.reader import Records
from ledger.reconcile import reconcile
from ledger.verify import verify
from rehearsal.expect import differences
from rehearsal.scenario import Scenario, Step, load_scenario
from runtime.client import ClueClient, Rehearsal
from runtime.embedded.stack import running, running_stack, with_running
from runtime.logs import configure_logs
from runtime.namespace import prepare_namespace
from runtime.settings import Settings, get_settings
from runtime.signals import stop_requested
from runtime.temporal import connect, core_logs_to_python
from worker import run_worker

SCENARIO = Path(__file__).resolve().parent.parent / "scenarios" / "01_two_vessels_zhouzhuang.yaml"
LAG = timedelta(minutes=10)  # the workflow's clock behind the case's: no timer runs ahead of a command
PLAIN_DAYS = frozenset({"触发日", "周末", "工作日", "连续计算"})
INTERRUPTED = 130
LONG_TERM = 10  # days; of a longer one only the days worth a word are shown


def demo(
    exit_: Annotated[bool, typer.Option("--exit", help="演完即退出（现在总是如此）")] = False,
) -> None:
    """用真实的 Temporal 与 PostgreSQL 演一遍周庄两船案：每一步、每个期限与缘由、拒绝、时间线。"""
    settings = get_settings()
    if settings.log_level == "INFO":
        settings = settings.model_copy(update={"log_level": "WARNING"})
    configure_logs(settings.model_copy(update={"log_level": "ERROR"}))
    core_logs_to_python()
    raise typer.Exit(asyncio.run(_demo(settings)))


async def _demo(settings: Settings) -> int:
    """The exit code: 0, 1 where an expectation or a check fails, 130 where somebody stopped it."""
    with stop_requested() as stop:
        play = asyncio.create_task(_played(settings))
        wish = asyncio.create_task(stop.wait())
        await asyncio.wait([play, wish], return_when=asyncio.FIRST_COMPLETED)
        wish.cancel()
        if play.done():
            return play.result()
        console().print("\n正在停止……")
        play.cancel()
        await asyncio.gather(play, return_exceptions=True)
        return INTERRUPTED


async def _played(settings: Settings) -> int:
    out, began = console(), time.monotonic()
    scenario = load_scenario(SCENARIO, the_rules())
    out.print("[dim]启动 Temporal、PostgreSQL、工作进程……[/]")
    async with _servers(settings) as (client, engine):
        out.print(f"[dim]就绪，用时 {time.monotonic() - began:.1f} 秒[/]\n")
        show = Show(out, scenario, client, engine, settings)
        failures = await show.run()
    if failures:
        out.print(f"[bold red]有 {failures} 处不成立[/]")
        return 1
    out.print(
        f"[green]演示结束[/]，共 {time.monotonic() - began:.1f} 秒。make up 启动后可在网页上看这条线索。"
    )
    return 0


@asynccontextmanager
async def _servers(settings: Settings) -> AsyncIterator[tuple[Client, AsyncEngine]]:
    """The running stack of the data folder, or one of our own till the end; with tables and a worker."""
    async with AsyncExitStack() as closing:
        if running(settings) is not None:
            settings = with_running(settings)
            client = await connect(settings)
            await prepare_namespace(client, settings)
        else:
            stack = await closing.enter_async_context(running_stack(settings))
            settings, client = stack.settings, stack.client
        assert settings.database_url is not None
        await migrate.upgrade(settings.database_url)
        writing = database.create(settings.database_url, ping=False)
        reading = database.create(settings.database_url)
        closing.push_async_callback(writing.dispose)
        closing.push_async_callback(reading.dispose)
        await closing.enter_async_context(run_worker(client, writing, the_rules(), settings))
        yield client, reading


class Show:
    """One playing of the case: each step through a real Update, what it changed, and the audit at the end."""

    def __init__(
        self, out: Console, scenario: Scenario, client: Client, engine: AsyncEngine, settings: Settings
    ) -> None:
        self._out, self._scenario, self._engine, self._temporal = out, scenario, engine, client
        self._rules = the_rules()
        offset = scenario.steps[0].at - LAG - datetime.now(UTC)
        rehearsal = Rehearsal(scenario.packs, offset, scenario.officers)
        self._clues = ClueClient(
            client,
            self._rules,
            task_queue=settings.task_queue,
            ledger=Records(engine),
            rehearsal=rehearsal,
            placer=the_placer(),
        )
        self._clue_no = scenario.clue_no
        self._seen: Json | None = None

    async def run(self) -> int:
        """Gives the number of things that did not hold."""
        self._clue_no = await self._free_number()
        self._out.print(f"[bold]{escape(self._scenario.title)}[/]，线索编号 {self._clue_no}")
        self._out.print("[dim]数据保留在数据目录中，每次演示用下一个编号。日期是案件当时的日期。[/]\n")
        failures = 0
        for step in self._scenario.steps:
            failures += await self._step(step)
        last = self._scenario.steps[-1].at
        final = await self._clues.query(self._clue_no, last)
        self._out.print()
        show_clue(self._out, final, self._rules, last)
        return failures + await self._audit(final)

    async def _free_number(self) -> str:
        """The case's own number, or the next one of that day where earlier demonstrations are kept."""
        head, tail = self._clue_no.rsplit("-", 1)
        taken = [
            int(n[len(head) + 1 :])
            for n in await Records(self._engine).similar(self._clue_no)
            if re.fullmatch(re.escape(head) + r"-\d+", n)
        ]
        return f"{head}-{max(taken, default=int(tail) - 1) + 1:04d}"

    async def _step(self, step: Step) -> int:
        assert step.do is not None
        assert step.actor is not None
        who = f"{agency(step.actor.agency, self._rules)} {step.actor.name}"
        self._out.print(f"[bold]{step.at:%m-%d %H:%M}[/]  {escape(who)}：[bold]{labels.COMMANDS[step.do]}[/]")
        data = step.data | ({"clue_no": self._clue_no} if step.do == "report" else {})
        try:
            answer = await self._clues.do(
                self._clue_no, step.do, step.actor, data, step.command_id, at=step.at
            )
        except DomainError as err:
            wrong = [] if err.code == step.refused else [f"没料到的拒绝 {err.code}"]
            self._out.print(
                f"    [yellow]被拒绝 {err.code}（{labels.ERRORS[err.code]}）[/]"
                f"：{escape(named(err.message, self._rules))}",
                soft_wrap=True,
            )
        else:
            wrong = [] if step.refused is None else [f"应以 {step.refused} 被拒绝"]
            self._out.print(f"    [green]✓[/] {labels.STAGES[answer.stage]}")
        seen = await self._clues.query(self._clue_no, step.at, days=True)
        self._changes(seen["duties"])
        self._seen = seen
        wrong += differences(step.expect, seen)
        for why in wrong:
            self._out.print(f"    [bold red]✗ {escape(why)}[/]", soft_wrap=True)
        return len(wrong)

    def _changes(self, duties: Sequence[Json]) -> None:
        """The duties that this step opened, with their dates and why, and those that it settled."""
        before = [] if self._seen is None else self._seen["duties"]
        for n, duty in enumerate(duties):
            if n >= len(before):
                self._opened(duty)
            elif before[n]["status"] != duty["status"]:
                self._out.print(f"    · {duty['name']}：{labels.STATUSES[duty['status']]}")

    def _opened(self, duty: Json) -> None:
        basis = duty["basis"]
        term, given = labels.term(basis["term"], basis["unit"]), labels.UNIT_BASES[basis["unit_basis"]]
        legal = f"，最迟 {when(duty['legal_due_at'])}" if duty["legal_due_at"] != duty["due_at"] else ""
        self._out.print(
            f"    [cyan]＋ {duty['name']}[/]：{agency(duty['obliged'], self._rules)}，{term}（{given}），"
            f"[bold]{when(duty['due_at'])}[/] 前{legal}  [dim]{basis['pack']} {escape(basis['article'])}[/]",
            soft_wrap=True,
        )
        if any(day["why"] not in PLAIN_DAYS for day in duty["days"]):
            self._out.print(f"      [dim]{escape(_day_by_day(duty['days']))}[/]", soft_wrap=True)

    async def _audit(self, final: Json) -> int:
        """What the record says at the end: the chain, the workflow beside it, the inboxes."""
        self._out.print("\n[bold]核对[/]")
        problems = await verify(self._engine, self._clue_no)
        differing = await reconcile(self._engine, TemporalClues(self._temporal), clue_no=self._clue_no)
        wrong = [p.text for p in problems] + [d.text for d in differing]
        for why in wrong:
            self._out.print(f"  [red]✗[/] {escape(why)}", soft_wrap=True)
        if not wrong:
            self._out.print(f"  [green]✓[/] 台账 {len(final['timeline'])} 个事件，哈希链完整，与工作流一致")
        for agency_id in (final["from_agency"], final["to_agency"]):
            held = await counts(self._engine, agency_id)
            self._out.print(f"  收件箱 {agency(agency_id, self._rules)}：{held.total} 条，未读 {held.unread}")
        return len(wrong)


def _day_by_day(days: Sequence[Json]) -> str:
    """04-03 触发日 · 04-04 清明节 · 04-07 调休上班（第 1 日）…: counted days carry their number.

    Of a long term only the days that need a reason, the first and the last.
    """
    parts, count = [], 0
    for n, day in enumerate(days):
        count += bool(day["counted"])
        told = day["why"] not in PLAIN_DAYS or n in (0, len(days) - 1)
        if len(days) <= LONG_TERM or told:
            parts.append(f"{day['date'][5:]} {day['why']}" + (f"（第 {count} 日）" if day["counted"] else ""))
        elif parts[-1] != "…":
            parts.append("…")
    return " · ".join(parts)
