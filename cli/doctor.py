"""`starter.py doctor`: is everything there and well, and what to do where it is not."""

from __future__ import annotations

import asyncio
import platform
import shutil
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import asdict, dataclass
from datetime import UTC, date, datetime, timedelta
from importlib.metadata import version
from pathlib import Path
from typing import Annotated

import typer
from rich.markup import escape
from rich.table import Table
from sqlalchemy.ext.asyncio import AsyncEngine
from temporalio.api.enums.v1 import TaskQueueType
from temporalio.api.operatorservice.v1 import ListSearchAttributesRequest
from temporalio.api.taskqueue.v1 import TaskQueue
from temporalio.api.workflowservice.v1 import (
    DescribeNamespaceRequest,
    DescribeTaskQueueRequest,
    GetSystemInfoRequest,
)
from temporalio.client import Client

from activities.archivist import CLOSED
from cli.output import console, emit_json
from cli.services import prepare, the_rules
from domain.calendar import Calendar, alarm
from domain.model import shanghai_day
from ledger import database, delivery, histories, migrate
from notices.config import read_channels
from notices.letters import samples
from notices.templates import check_templates
from runtime.errors import GroundError
from runtime.namespace import SEARCH_ATTRIBUTES
from runtime.rules import DEFAULT_FOLDER, check_rules
from runtime.settings import Settings
from runtime.temporal import connect

SKEW_SECONDS = 2.0  # more than that between us and the database is worth a word
SERVICE_SECONDS = 10.0
OVERDUE = timedelta(minutes=10)  # a notice that should have gone by then
LOST_FOR = timedelta(days=7)
RUNS = 500  # closed runs looked at


@dataclass(frozen=True)
class Finding:
    """One thing looked at. `service`: it is about a service that must be reached; `warning`: it is well, not for long."""

    name: str
    ok: bool
    detail: str
    todo: str = ""
    service: bool = False
    warning: bool = False


def doctor(as_json: Annotated[bool, typer.Option("--json", help="输出 JSON")] = False) -> None:
    """检查全部服务与环境：都好 0，有问题 1，服务连不上 5；每项说明怎么办。"""
    findings = asyncio.run(_examined(prepare("ERROR")))
    if as_json:
        checks = [{k: v for k, v in asdict(f).items() if k != "service"} for f in findings]
        emit_json({"ok": all(f.ok for f in findings), "checks": checks})
    else:
        _show(findings)
    bad = [f for f in findings if not f.ok]
    raise typer.Exit(5 if any(f.service for f in bad) else 1 if bad else 0)


def _show(findings: list[Finding]) -> None:
    table = Table(box=None, padding=(0, 1))
    for head in ("", "项目", "情形"):
        table.add_column(head, overflow="fold")
    for f in findings:
        todo = f.todo and (f.warning or not f.ok)
        what = escape(f.detail) + (f"\n[yellow]→ {escape(f.todo)}[/]" if todo else "")
        mark = "[red]✗[/]" if not f.ok else "[yellow]![/]" if f.warning else "[green]✓[/]"
        table.add_row(mark, f.name, what)
    console().print(table)


async def _examined(settings: Settings) -> list[Finding]:
    findings = [_program(), _disk(settings), *_rules(settings), *_channels(settings)]
    client, engine = None, None
    for name, what in (("Temporal", _temporal), ("PostgreSQL", _postgres)):
        try:
            async with asyncio.timeout(SERVICE_SECONDS):
                if what is _temporal:
                    client = await connect(settings)
                    findings += [f async for f in _temporal(client, settings)]
                else:
                    engine = _engine(settings)
                    findings += [f async for f in _postgres(engine, settings)]
        except Exception as err:  # whatever it is, the next check goes on
            reason = str(err) if isinstance(err, GroundError) else f"没有应答（{type(err).__name__}）"
            findings.append(
                Finding(name, False, reason, "先运行 make up，或检查 DATABASE_URL 与 TEMPORAL_ADDRESS", True)
            )
            client, engine = (None, engine) if what is _temporal else (client, None)
    if client is not None and engine is not None:
        findings.append(await _guarded("历史导出", lambda: _unexported(client, engine)))
    if engine is not None:
        findings.append(await _guarded("通知送达", lambda: _carried(engine, settings)))
        await engine.dispose()
    return findings


async def _guarded(name: str, look: Callable[[], Awaitable[Finding]]) -> Finding:
    try:
        async with asyncio.timeout(SERVICE_SECONDS):
            return await look()
    except Exception as err:
        return Finding(name, False, f"查不了（{type(err).__name__}）", "稍后再试")


def _program() -> Finding:
    parts = ", ".join(f"{name} {version(name)}" for name in ("temporalio", "sqlmodel", "holidays"))
    return Finding("程序", True, f"线索通 {_own_version()}，Python {platform.python_version()}，{parts}")


def _own_version() -> str:
    import tomllib

    project = Path(__file__).resolve().parent.parent / "pyproject.toml"
    return str(tomllib.loads(project.read_text(encoding="utf-8"))["project"]["version"])


def _disk(settings: Settings) -> Finding:
    folder = settings.data_dir.resolve()
    there = next(p for p in (folder, *folder.parents) if p.exists())
    free = shutil.disk_usage(there).free // (1 << 20)
    return Finding(
        "磁盘",
        free >= settings.min_free_mb,
        f"{folder}，空闲 {free} MB",
        f"至少要 {settings.min_free_mb} MB：请清理，或用 CLUEFLOW_DATA_DIR 换个目录",
    )


def _rules(settings: Settings) -> list[Finding]:
    folder = settings.rules_dir or DEFAULT_FOLDER
    problems = check_rules(folder)
    if problems:
        detail = f"{len(problems)} 处有误，第一处：{problems[0]}"
        return [Finding("规则", False, detail, "运行 starter.py rules check 看全部")]
    book = the_rules().rulebook
    return [
        Finding("规则", True, f"{len(book.packs)} 个规则包，版本 {book.version}"),
        calendar_finding(book.calendar, shanghai_day(datetime.now(UTC)), settings.calendar_alarm_days),
    ]


def _channels(settings: Settings) -> list[Finding]:
    if settings.channels is None:
        return [Finding("通知渠道", True, "没有配置，通知只进收件箱")]
    if check_rules(settings.rules_dir or DEFAULT_FOLDER):
        return []  # said already, and channels can't be judged without rules
    channels, problems = read_channels(settings.channels, the_rules())
    if settings.templates_dir is not None:
        problems = [*problems, *check_templates(settings.templates_dir, samples(datetime.now(UTC)))]
    if problems or channels is None:
        detail = f"{len(problems)} 处有误，第一处：{problems[0]}"
        return [Finding("通知渠道", False, detail, "运行 starter.py channels check 看全部")]
    return [Finding("通知渠道", True, f"{len(channels.channels)} 个渠道，{len(channels.routes)} 条去向")]


async def _carried(engine: AsyncEngine, settings: Settings) -> Finding:
    now = datetime.now(UTC)
    found = await delivery.health(engine, now - OVERDUE, now - LOST_FOR)
    waits = f"，{found.overdue} 条早该发出而没有发" if found.overdue else ""
    return Finding(
        "通知送达",
        not found.exhausted and not found.overdue,
        f"近 {LOST_FOR.days} 天各渠道都没有送到、收件箱里也没有人看的 {found.exhausted} 条{waits}",
        "用 starter.py inbox 看网关怎么说，用 starter.py channels test 试渠道；有积压则看工作进程是否带着渠道配置在跑",
    )


def calendar_finding(calendar: Calendar, on: date, days: int) -> Finding:
    """Well while the announced years last; a warning `days` days before they end."""
    left, said = calendar.days_left(on), alarm(calendar, on, days)
    return Finding(
        "工作日历",
        left > 0,
        said or f"放假通知公布到 {calendar.announced_to} 年，其后的期限为暂定",
        "导入通知：starter.py rules holidays import 文件" if said else "",
        warning=said is not None,
    )


async def _temporal(client: Client, settings: Settings) -> AsyncIterator[Finding]:
    service = client.workflow_service
    info = await service.get_system_info(GetSystemInfoRequest())
    yield Finding("Temporal", True, f"{settings.temporal_address}，版本 {info.server_version}")
    found = await service.describe_namespace(DescribeNamespaceRequest(namespace=client.namespace))
    days = found.config.workflow_execution_retention_ttl.ToTimedelta().days
    yield Finding(
        "保留天数",
        days >= settings.retention_days,
        f"命名空间 {client.namespace} 保留 {days} 天",
        f"应为 {settings.retention_days} 天：请在服务器上改，或重新运行 make up",
    )
    listed = await client.operator_service.list_search_attributes(
        ListSearchAttributesRequest(namespace=client.namespace)
    )
    missing = [name for name in SEARCH_ATTRIBUTES if name not in listed.custom_attributes]
    yield Finding(
        "检索字段",
        not missing,
        f"缺 {'、'.join(missing)}" if missing else f"{len(SEARCH_ATTRIBUTES)} 个齐全",
        "重新启动 worker.py 会自动补上",
    )
    queue = await service.describe_task_queue(
        DescribeTaskQueueRequest(
            namespace=client.namespace,
            task_queue=TaskQueue(name=settings.task_queue),
            task_queue_type=TaskQueueType.TASK_QUEUE_TYPE_WORKFLOW,
        )
    )
    yield Finding(
        "工作进程",
        bool(queue.pollers),
        f"任务队列 {settings.task_queue} 上有 {len(queue.pollers)} 个",
        "没有人处理命令：运行 make up 或 python worker.py",
        service=True,
    )


def _engine(settings: Settings) -> AsyncEngine:
    if not settings.database_url:
        raise GroundError("没有可用的 PostgreSQL")
    return database.create(settings.database_url)


async def _postgres(engine: AsyncEngine, settings: Settings) -> AsyncIterator[Finding]:
    assert settings.database_url is not None
    await database.server(engine)  # connects, so that the next answer is as quick as an answer can be
    asked = datetime.now(UTC)
    version_there, now_there = await database.server(engine)
    yield Finding("PostgreSQL", True, f"版本 {version_there}")
    skew = (now_there - asked).total_seconds()
    yield Finding(
        "时钟", abs(skew) <= SKEW_SECONDS, f"与数据库相差 {skew:+.2f} 秒", "请用 NTP 校准两边的时钟"
    )
    now, head = await migrate.current(settings.database_url), migrate.head()
    yield Finding(
        "数据库结构", now == head, f"现为 {now or '空库'}，应为 {head}", "重新启动 worker.py 会自动升级"
    )


async def _unexported(client: Client, engine: AsyncEngine) -> Finding:
    runs = [run.run_id async for run in client.list_workflows(CLOSED, limit=RUNS)]
    missing = await histories.incomplete(engine, runs)
    return Finding(
        "历史导出",
        not missing,
        f"已结束的运行 {len(runs)} 个，未导出 {len(missing)} 个",
        "工作进程会定时导出；请在保留天数之内让它运行",
    )
