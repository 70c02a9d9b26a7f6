"""`starter.py suspend`, `resume`, `suspensions`: one order over the clocks of a whole region."""

from __future__ import annotations

import asyncio
from typing import Annotated

import typer
from sqlalchemy.ext.asyncio import AsyncEngine

from cli import given
from cli.output import emit_json
from cli.regional_show import finish, plain, show_moves, show_orders
from cli.regional_work import carried_out
from cli.services import prepare, the_ledger, the_rules
from domain import labels, shapes
from domain.errors import DomainError
from domain.model import Json, iso
from domain.region_orders import RESUMED, SUSPENDED, UNDONE, Act
from domain.shapes import nearest
from ledger import orders, regional
from ledger.regional import Moved

OrderNo = Annotated[str, typer.Option("--order-no", help="决定文号；同一文号再运行一次，只补做没做的")]
Reason = Annotated[str, typer.Option("--reason", help="理由，写进每条线索的时间线")]
As = Annotated[str, typer.Option("--as", help=given.ACTOR_HELP, envvar="CLUEFLOW_AS")]
DryRun = Annotated[bool, typer.Option("--dry-run", help="只看会动哪些，不执行")]
AsJson = Annotated[bool, typer.Option("--json", help="输出 JSON")]


def suspend(
    region: Annotated[str, typer.Option("--region", help="行政区划代码，两位、四位或六位，如 3205")],
    order_no: OrderNo,
    reason: Reason,
    as_: As,
    duties: Annotated[str | None, typer.Option("--duties", help="只停这些义务，逗号分开；不给则全部")] = None,
    dry_run: DryRun = False,
    as_json: AsJson = False,
) -> None:
    """中止一个地区全部在办线索的计时（如不可抗力），列出所停的义务；以后新产生的义务、后来的线索也停。"""
    code = shapes.region_part("--region", region)
    if code.ljust(6, "0") not in the_rules().regions:
        guess = nearest(code.ljust(6, "0"), the_rules().regions)
        raise DomainError(
            "invalid_input", f"没有行政区划代码 {code}" + (f"，是否想写 {guess}" if guess else "")
        )
    data: Json = {"order_no": order_no, "region": code, "reason": reason}
    if duties:
        words = [w.strip() for w in duties.replace("，", ",").split(",")]
        data["duties"] = [given.word("--duties", w, labels.DUTIES, "义务") for w in words if w]
    act = Act(SUSPENDED, given.actor(as_), data)
    finish(asyncio.run(carried_out(act, dry_run, as_json)), act, dry_run, as_json)


def resume(
    order_no: OrderNo,
    reason: Reason,
    as_: As,
    undo: Annotated[bool, typer.Option("--undo", help="撤销：如同从未中止，期限一律复原")] = False,
    dry_run: DryRun = False,
    as_json: AsJson = False,
) -> None:
    """结束一个区域中止决定，恢复计时；--undo 撤销它。"""
    data: Json = {"order_no": order_no, "reason": reason} | ({"undo": True} if undo else {})
    act = Act(UNDONE if undo else RESUMED, given.actor(as_), data)
    finish(asyncio.run(carried_out(act, dry_run, as_json)), act, dry_run, as_json)


def suspensions(
    order_no: Annotated[
        str | None, typer.Argument(metavar="[ORDER_NO]", help="决定文号；不给则列出全部")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """列出区域中止决定；给出文号则逐项列出它动过的义务与日期。"""
    if order_no is None:
        all_orders = asyncio.run(_orders())
        if as_json:
            emit_json([{**o, "since": iso(o["since"])} for o in all_orders])
        else:
            show_orders(all_orders)
        return
    moves = asyncio.run(_moves(order_no))
    if as_json:
        emit_json({"order_no": order_no, "moves": [plain(m) for m in moves]})
    else:
        show_moves(moves)


async def _orders() -> list[Json]:
    async with the_ledger(prepare()) as engine:
        return await listed(engine)


async def listed(engine: AsyncEngine) -> list[Json]:
    """The orders of the record, whether they have reached a clue or not, and those that single clues were given."""
    counted = {o["order_no"]: o for o in await regional.orders(engine)}
    rows = {number: {**o, "state": "single"} for number, o in counted.items()}
    for order in await orders.recorded(engine):
        none = {"suspended": 0, "resumed": 0, "undone": 0}
        rows[order.order_no] = {
            **(counted.get(order.order_no) or none),
            "order_no": order.order_no,
            "region": order.given.data["region"],
            "since": order.since,
            "state": "undone" if order.undone else "ended" if order.ended else "in_force",
        }
    return sorted(rows.values(), key=lambda o: (o["since"], o["order_no"]))


async def _moves(order_no: str) -> list[Moved]:
    async with the_ledger(prepare()) as engine:
        moves = [m async for m in regional.moved(engine, order_no)]
        if not moves and order_no not in {o["order_no"] for o in await listed(engine)}:
            raise DomainError("unknown_duty", f"台账里没有区域中止决定 {order_no}")
        return moves
