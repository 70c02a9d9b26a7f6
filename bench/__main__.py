"""`python -m bench --help`: every figure of the project."""

from __future__ import annotations

import argparse
import asyncio
import json
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

from rich.console import Console

from bench import case, core, durable, intake, notices, placing, report, whatif
from runtime.embedded.stack import running_stack
from runtime.rules import Rules, load_rules
from runtime.settings import Settings
from runtime.temporal import connect


async def _durable(rules, played, lifecycles: int, rounds: int):  # type: ignore[no-untyped-def]
    with tempfile.TemporaryDirectory(prefix="clueflow-bench-", ignore_cleanup_errors=True) as folder:
        settings = Settings(data_dir=Path(folder), database_url=None, temporal_address=None)
        async with running_stack(settings) as stack:
            client = await connect(stack.settings)
            return await durable.run(stack, client, rules, played, lifecycles=lifecycles, rounds=rounds)


async def _intake(rules):  # type: ignore[no-untyped-def]
    with tempfile.TemporaryDirectory(prefix="clueflow-bench-", ignore_cleanup_errors=True) as folder:
        settings = Settings(data_dir=Path(folder), database_url=None, temporal_address=None)
        async with running_stack(settings) as stack:
            return await intake.run(stack, rules, Path(folder))


def _lifecycles(rules: Rules, args: argparse.Namespace) -> list[report.Row]:
    return asyncio.run(_durable(rules, case.load(rules), args.lifecycles, args.rounds))


PARTS: dict[str, tuple[str, Callable[[Rules, argparse.Namespace], list[report.Row]]]] = {
    "core": ("纯核心", lambda rules, args: core.run(rules, case.load(rules))),
    "durable": ("真实的工作流与台账", _lifecycles),
    "placing": ("属地判定", lambda rules, args: placing.run(rules)),
    "intake": ("导入", lambda rules, args: asyncio.run(_intake(rules))),
    "notices": ("通知送出", lambda rules, args: asyncio.run(notices.run(rules))),
    "whatif": ("假设推演", lambda rules, args: whatif.run(rules, args.clues)),
}


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m bench", description="打印本项目的性能数字；不指名则全部")
    parser.add_argument("--json", action="store_true", help="输出 JSON")
    for name, (what, _) in PARTS.items():
        parser.add_argument(f"--{name}", action="store_true", help=f"只测：{what}（可并用）")
    parser.add_argument("--lifecycles", type=int, default=24, help="每轮多少条线索")
    parser.add_argument("--rounds", type=int, default=5, help="多少轮")
    parser.add_argument("--clues", type=int, default=100_000, help="假设推演多少条线索")
    args = parser.parse_args()
    rules = load_rules()
    chosen = [name for name in PARTS if getattr(args, name)] or list(PARTS)
    rows = [row for name in chosen for row in PARTS[name][1](rules, args)]
    if args.json:
        print(json.dumps(report.as_json(rows), ensure_ascii=False))
    else:
        report.show(rows, Console())
    return 0


if __name__ == "__main__":
    sys.exit(main())
