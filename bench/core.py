"""The pure core: decisions a second, and a date with its reasons."""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import datetime

from bench.case import Case
from bench.report import Row
from domain.calendar import SHANGHAI, Term, compute_due, explain_days
from domain.errors import DomainError
from domain.lifecycle import handle
from domain.model import blank
from runtime.rules import Rules

_SECONDS = 2.0


def _rate(act: Callable[[], int]) -> float:
    """How many a second, over a couple of seconds after one round to warm up."""
    act()
    done, start = 0, time.perf_counter()
    while (spent := time.perf_counter() - start) < _SECONDS:
        done += act()
    return done / spent


def run(rules: Rules, case: Case) -> list[Row]:
    book = rules.rulebook
    commands = [(act.command(f"c{i}", "BENCH-1"), act.at) for i, act in enumerate(case.acts)]

    def lifecycle() -> int:
        state = blank("BENCH-1", case.packs)
        for command, at in commands:
            try:
                state = handle(state, command, at, book).state
            except DomainError:  # the case has its refusals
                continue
        return len(commands)

    trigger = datetime(2026, 9, 24, 10, 0, tzinfo=SHANGHAI)
    term = Term(15, "day")

    def date() -> int:
        compute_due(book.calendar, term, trigger)
        return 1

    def explained() -> int:
        explain_days(book.calendar, term, trigger)
        return 1

    return [
        Row("纯核心：判定", _rate(lifecycle), "次/秒", "周庄案全部命令，含拒绝"),
        Row("纯核心：算一个日期", _rate(date), "个/秒", "15 日，跨国庆"),
        Row("纯核心：逐日说明一个日期", _rate(explained), "个/秒", "同上"),
    ]
