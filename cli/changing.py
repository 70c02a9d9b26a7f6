"""`starter.py rules simulate`, `apply`, `undo`, `changes`: changed rules on the clues that are under way.

What the commands look like; what they do is in `cli.changing_work`, loaded only when one of them runs.
"""

from __future__ import annotations

import asyncio
import uuid
from collections import Counter
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Final

import typer

from domain import labels
from domain.errors import DomainError
from domain.model import Actor
from domain.packs import Rulebook
from domain.permissions import RULES as WHO_MAY
from runtime.rules import load_rules

ROWS: Final = 50  # of the moves, that a table shows unless more are asked for
Folder = Annotated[Path, typer.Option("--rules", help="改好的规则目录")]
AsJson = Annotated[bool, typer.Option("--json", help="输出 JSON")]
Reason = Annotated[str, typer.Option("--reason", help="理由，记入每条线索的时间线")]
By = Annotated[str, typer.Option("--approver-as", "--as", help="批准人身份，机构:角色:姓名")]
Approver = Annotated[str | None, typer.Option("--approver", help="批准人姓名，不给则为 --approver-as 的姓名")]
Id = Annotated[str | None, typer.Option("--id", help="变更编号；中断后用同一编号接着做")]
Yes = Annotated[bool, typer.Option("--yes", help="不再询问")]


def register(app: typer.Typer) -> None:
    """The four commands under `rules`."""
    app.command("simulate")(simulate)
    app.command("apply")(apply)
    app.command("undo")(undo)
    app.command("changes")(changes)


def simulate(
    rules: Folder,
    region: Annotated[str, typer.Option("--region", help="只看这个地区的线索：代码或其前几位")] = "",
    clue: Annotated[list[str] | None, typer.Option("--clue", help="只看这条线索，可多次")] = None,
    limit: Annotated[int, typer.Option("--limit", min=0, help="表中最多列几行")] = ROWS,
    as_json: AsJson = False,
) -> None:
    """在办线索换用这套规则会怎样：谁的期限变、变几天、谁即告逾期。什么也不写。"""
    new = _book(rules)
    from cli import changing_work

    asyncio.run(changing_work.simulate(new, region, tuple(clue or ()), limit, as_json))


def apply(
    rules: Folder,
    reason: Reason,
    by: By,
    approver: Approver = None,
    id_: Id = None,
    expect: Annotated[
        str | None, typer.Option("--expect", help="simulate 给出的摘要；与现在的不同则不做")
    ] = None,
    yes: Yes = False,
    as_json: AsJson = False,
) -> None:
    """把在办线索换用这套规则，理由与批准人记入每条线索；中断后可接着做，可撤销。"""
    new, actor = _book(rules), _who(by)
    change_id = id_ or _fresh_id()
    from cli import changing_work

    asked = changing_work.Asked(change_id, actor, reason, approver or actor.name, yes, as_json)
    counts = asyncio.run(changing_work.apply(asked, new, rules, expect))
    _exit(counts)


def undo(
    change_id: Annotated[str, typer.Argument(metavar="CHANGE", help="变更编号，见 rules changes")],
    reason: Reason,
    by: By,
    approver: Approver = None,
    id_: Id = None,
    yes: Yes = False,
    as_json: AsJson = False,
) -> None:
    """撤销一次规则变更：仍待履行的义务恢复原来的期限，已经办了的不动。"""
    from cli import changing_work

    actor = _who(by)
    asked = changing_work.Asked(id_ or _fresh_id(), actor, reason, approver or actor.name, yes, as_json)
    counts = asyncio.run(changing_work.undo(asked, change_id))
    _exit(counts)


def changes(
    change_id: Annotated[
        str | None, typer.Argument(metavar="[CHANGE]", help="只看这次变更，逐条线索")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """列出规则变更：何时、谁、为何、涉及多少线索，是否已撤销。"""
    from cli import changing_work

    asyncio.run(changing_work.changes(change_id, as_json))


def _book(folder: Path) -> Rulebook:
    if not folder.is_dir():
        raise typer.BadParameter(f"--rules：没有目录 {folder}")
    return load_rules(folder).rulebook


def _who(by: str) -> Actor:
    from cli import given

    actor = given.actor(by)
    if actor.role not in WHO_MAY.roles:
        role = labels.ROLES[actor.role]
        raise DomainError("not_permitted", f"{role}不能换用规则；有权的是：{WHO_MAY.label}")
    return actor


def _fresh_id() -> str:
    return f"BG-{datetime.now(UTC):%Y%m%d}-{uuid.uuid4().hex[:6]}"


def _exit(counts: Counter[str]) -> None:
    raise typer.Exit(1 if counts["refused"] or counts["pending"] else 0)
