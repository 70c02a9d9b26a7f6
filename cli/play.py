"""`starter.py play`: scenarios through the core or through real workflows."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated

import typer
from rich.markup import escape
from rich.table import Table

from cli.output import console, emit_json, verdict
from domain import labels
from rehearsal.player import Result, play_core
from rehearsal.scenario import Scenario, ScenarioError, load_scenario
from runtime.logs import configure_logs
from runtime.rules import Rules, load_rules
from runtime.rules_yaml import Problem
from runtime.settings import get_settings

Files = Annotated[list[Path], typer.Argument(help="场景文件（YAML）；也可以是目录，即其中的全部场景")]
Durable = Annotated[bool, typer.Option("--durable", help="在跳时的 Temporal 上走真实工作流")]
AsJson = Annotated[bool, typer.Option("--json", help="每个场景输出一行 JSON")]


def play(files: Files, durable: Durable = False, as_json: AsJson = False) -> None:
    """演练场景，核对每一步：全部成立 0，有不成立的 1，文件有误 2。"""
    rules = load_rules(get_settings().rules_dir)
    scenarios = load_all(files, rules)
    passed = True
    for scenario, result in zip(scenarios, _played(scenarios, rules, durable=durable), strict=True):
        passed = passed and result.passed
        if as_json:
            emit_json(result.to_json())
        else:
            show(scenario, result)
    raise typer.Exit(0 if passed else 1)


def load_all(files: list[Path], rules: Rules) -> list[Scenario]:
    """Every scenario of the files and folders. ScenarioError names what is wrong in any of them."""
    scenarios: list[Scenario] = []
    problems: list[Problem] = []
    for path in _expanded(files):
        try:
            scenarios.append(load_scenario(path, rules))
        except ScenarioError as err:
            problems.extend(err.problems)
    if problems:
        raise ScenarioError(problems)
    return scenarios


def _expanded(files: list[Path]) -> list[Path]:
    out: list[Path] = []
    for path in files:
        inside = sorted([*path.glob("*.yaml"), *path.glob("*.yml")]) if path.is_dir() else []
        out.extend(inside or [path])
    return out


def _played(scenarios: list[Scenario], rules: Rules, *, durable: bool) -> Iterator[Result]:
    if not durable:
        yield from (play_core(scenario, rules) for scenario in scenarios)
        return
    # Servers: only when asked for.
    from rehearsal.durable import play_durable, rehearsal_postgres
    from runtime.temporal import core_logs_to_python

    configure_logs(get_settings().model_copy(update={"log_level": "ERROR"}))
    core_logs_to_python()
    with rehearsal_postgres() as server:
        for scenario in scenarios:
            yield asyncio.run(play_durable(scenario, rules, server))


def show(scenario: Scenario, result: Result) -> None:
    """The steps as a table, then how it ended."""
    out = console()
    out.print(f"[bold]{escape(result.title)}[/]", soft_wrap=True)
    table = Table()
    for name in ("步", "时间", "做什么", "结果"):
        table.add_column(name, overflow="fold")
    for step, judged in zip(scenario.steps, result.steps, strict=True):
        what = labels.COMMANDS[step.do] if step.do else "（只看）"
        if step.refused:
            what += f"，应被拒绝：{step.refused}"
        why = escape(judged.why or "")
        table.add_row(
            str(step.n),
            f"{step.at:%Y-%m-%d %H:%M}",
            what,
            verdict(judged.passed) if not why else f"[red]✗[/] {why}",
        )
    out.print(table)
    final = result.final
    ended = f"{labels.STAGES[final['stage']]}，级别 {final['level']}，最高 {final['peak_level']}"
    failed = sum(not step.passed for step in result.steps)
    tail = "[green]全部成立[/]" if result.passed else f"[bold red]{failed} 步不成立[/]"
    out.print(f"{final['clue_no']}：{ended}。{len(result.steps)} 步，{tail}\n")
