"""`python -m bench [--json] [--core] [--lifecycles N] [--rounds N] [--notices]`: every figure of the project, in one run."""

from __future__ import annotations

import argparse
import asyncio
import json
import sys
import tempfile
from pathlib import Path

from rich.console import Console

from bench import case, core, durable, notices, placing, report
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


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m bench", description="打印本项目的性能数字")
    parser.add_argument("--json", action="store_true", help="输出 JSON")
    parser.add_argument("--core", action="store_true", help="只测纯核心")
    parser.add_argument("--placing", action="store_true", help="只测属地判定")
    parser.add_argument("--lifecycles", type=int, default=24, help="每轮多少条线索")
    parser.add_argument("--rounds", type=int, default=5, help="多少轮")
    parser.add_argument("--notices", action="store_true", help="另测通知送出的快慢")
    args = parser.parse_args()
    rules = load_rules()
    played = case.load(rules)
    rows = placing.run(rules) if args.placing else core.run(rules, played)
    if not args.core and not args.placing:
        rows += asyncio.run(_durable(rules, played, args.lifecycles, args.rounds))
    if args.notices:
        rows += asyncio.run(notices.run(rules))
    if args.json:
        print(json.dumps(report.as_json(rows), ensure_ascii=False))
    else:
        report.show(rows, Console())
    return 0


if __name__ == "__main__":
    sys.exit(main())
