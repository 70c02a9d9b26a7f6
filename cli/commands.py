"""`starter.py commands`: what can be done to a clue, by whom, and with which data."""

from __future__ import annotations

from typing import Annotated

import typer
from rich.table import Table

from cli.output import console, emit_json
from domain.commands import COMMANDS, Spec
from domain.labels import ROLES
from domain.permissions import PERMISSIONS
from domain.shapes import nearest


def commands(
    name: Annotated[str | None, typer.Argument(metavar="[COMMAND]", help="只看这一条")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="输出 JSON")] = False,
) -> None:
    """列出全部命令：中文名、谁可以、要填什么（* 为必填）。"""
    if name is not None and name not in COMMANDS:
        guess = nearest(name, COMMANDS)
        raise typer.BadParameter(f"没有“{name}”这条命令" + (f"，是否想写 {guess}" if guess else ""))
    wanted = [spec for spec in COMMANDS.values() if name in (None, spec.name)]
    if as_json:
        emit_json([_plain(spec) for spec in wanted])
        return
    table = Table()
    for head in ("命令", "中文名", "谁可以", "内容"):
        table.add_column(head, overflow="fold")
    for spec in wanted:
        who = "、".join(grant.label for grant in PERMISSIONS[spec.name])
        fields = "\n".join(
            f"{key}{'*' if field.required else ''} {field.label}" for key, field in spec.shape.fields.items()
        )
        table.add_row(spec.name, spec.label, who, fields or "—")
    console().print(table)


def _plain(spec: Spec) -> dict[str, object]:
    return {
        "name": spec.name,
        "label": spec.label,
        "who": [
            {"label": grant.label, "roles": sorted(r for r in grant.roles if r in ROLES)}
            for grant in PERMISSIONS[spec.name]
        ],
        "fields": [
            {"name": key, "label": field.label, "required": field.required}
            for key, field in spec.shape.fields.items()
        ],
    }
