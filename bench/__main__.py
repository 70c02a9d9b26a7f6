"""`python -m bench --help`: every figure of the project."""

from __future__ import annotations

import argparse
import asyncio
import json
import sys
import tempfile
from pathlib import Path

from rich.console import Console

from bench import case, core, durable, intake, notices, placing, report, whatif
from runtime.embedded.stack import running_stack
from runtime.rules import load_rules
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


def _rows(args: argparse.Namespace) -> list[report.Row]:
    rules = load_rules()
    if args.placing:
        return placing.run(rules)
    if args.intake:
        return asyncio.run(_intake(rules))
    if args.notices:
        return asyncio.run(notices.run(rules))
    if args.whatif is not None:
        return whatif.run(rules, args.whatif)
    played = case.load(rules)
    rows = core.run(rules, played)
    if not args.core:
        rows += asyncio.run(_durable(rules, played, args.lifecycles, args.rounds))
    return rows


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m bench", description="打印本项目的性能数字")
    parser.add_argument("--json", action="store_true", help="输出 JSON")
    parser.add_argument("--core", action="store_true", help="只测纯核心")
    parser.add_argument("--placing", action="store_true", help="只测属地判定")
    parser.add_argument("--intake", action="store_true", help="只测导入")
    parser.add_argument("--notices", action="store_true", help="只测通知送出的快慢")
    parser.add_argument("--lifecycles", type=int, default=24, help="每轮多少条线索")
    parser.add_argument("--rounds", type=int, default=5, help="多少轮")
    parser.add_argument(
        "--whatif", type=int, nargs="?", const=100_000, metavar="N", help="只测假设推演，N 条线索"
    )
    args = parser.parse_args()
    rows = _rows(args)
    if args.json:
        print(json.dumps(report.as_json(rows), ensure_ascii=False))
    else:
        report.show(rows, Console())
    return 0


if __name__ == "__main__":
    sys.exit(main())
