"""`starter.py suspend`, `resume`, `suspensions`: one order over the clocks of a whole region."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import AsyncIterator
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from typing import Annotated, Any, Final

import typer
from rich.markup import escape
from rich.table import Table
from sqlalchemy.ext.asyncio import AsyncEngine

from cli import given
from cli.output import console, emit_json
from cli.services import prepare, the_clues, the_ledger, the_rules
from domain import labels, shapes
from domain.errors import DomainError
from domain.lifecycle import handle
from domain.model import Actor, Command, Json, iso
from domain.regional import prefix
from domain.shapes import nearest
from domain.text import when as said
from ledger import regional
from ledger.clues import get_state
from ledger.regional import Known, Moved
from runtime.changing import Foresight
from runtime.client import ClueClient

ABREAST: Final = 16  # commands under way at once, each to a clue of its own
CATCH_UP_SECONDS: Final = 10.0  # that the ledger is given to take in what has just been accepted
SHOWN: Final = 100  # lines of the table; --json has all
PATIENCE: Final = 60.0

OrderNo = Annotated[str, typer.Option("--order-no", help="决定文号；同一文号再运行一次，只补做没做的")]
Reason = Annotated[str, typer.Option("--reason", help="理由，写进每条线索的时间线")]
As = Annotated[str, typer.Option("--as", help=given.ACTOR_HELP, envvar="CLUEFLOW_AS")]
DryRun = Annotated[bool, typer.Option("--dry-run", help="只看会动哪些，不执行")]
AsJson = Annotated[bool, typer.Option("--json", help="输出 JSON")]


@dataclass(frozen=True)
class Act:
    """One command, the same for every clue. `kind` is the event by which the ledger knows it."""

    name: str
    kind: str
    actor: Actor
    data: Json

    def id(self, clue_no: str) -> str:
        """The same for the same order, act and clue: sent twice it is one."""
        number = hashlib.sha256(str(self.data["order_no"]).encode()).hexdigest()[:16]
        return f"{self.kind}:{number}:{clue_no}"


@dataclass
class Run:
    """What came of it, clue by clue."""

    done: list[str] = field(default_factory=list)
    already: int = 0
    ended: int = 0
    out_of_reach: int = 0
    refused: list[tuple[str, str, str]] = field(default_factory=list)

    @property
    def tried(self) -> int:
        return len(self.done) + self.already + self.ended + self.out_of_reach + len(self.refused)


def suspend(
    region: Annotated[str, typer.Option("--region", help="行政区划代码，两位、四位或六位，如 3205")],
    order_no: OrderNo,
    reason: Reason,
    as_: As,
    duties: Annotated[str | None, typer.Option("--duties", help="只停这些义务，逗号分开；不给则全部")] = None,
    dry_run: DryRun = False,
    as_json: AsJson = False,
) -> None:
    """中止一个地区全部在办线索的计时（如不可抗力），列出所停的义务；以后新产生的义务也停。"""
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
    act = Act("suspend_region", "region_suspended", given.actor(as_), data)
    _finish(asyncio.run(_carried_out(act, dry_run, as_json)), act, dry_run, as_json)


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
    kind = "region_suspension_undone" if undo else "region_resumed"
    act = Act("resume_region", kind, given.actor(as_), data)
    _finish(asyncio.run(_carried_out(act, dry_run, as_json)), act, dry_run, as_json)


def suspensions(
    order_no: Annotated[
        str | None, typer.Argument(metavar="[ORDER_NO]", help="决定文号；不给则列出全部")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """列出区域中止决定；给出文号则逐项列出它动过的义务与日期。"""
    if order_no is None:
        orders = asyncio.run(_orders())
        if as_json:
            emit_json([{**o, "since": iso(o["since"])} for o in orders])
        else:
            _show_orders(orders)
        return
    moves = asyncio.run(_moves(order_no))
    if as_json:
        emit_json({"order_no": order_no, "moves": [_plain(m) for m in moves]})
    else:
        _show_moves(moves)


# --- carrying it out -----------------------------------------------------------------------------------


async def _carried_out(act: Act, dry_run: bool, quiet: bool) -> tuple[Run, list[Moved]]:
    settings = prepare()
    order_no = act.data["order_no"]
    async with the_ledger(settings) as engine:
        known = await regional.known(engine, order_no)
        if act.name == "resume_region" and not known:
            raise DomainError(
                "unknown_duty", f"台账里没有区域中止决定 {order_no}，用 starter.py suspensions 列出"
            )
        if dry_run:
            async with the_clues(settings, patience=PATIENCE) as clues:
                return await _tried(
                    engine, Foresight(clues, the_rules().rulebook, datetime.now(UTC)), act, known
                )
        before = {clue_no for clue_no, order in known.items() if order.has(act.kind)}
        async with the_clues(settings, patience=PATIENCE) as clues:
            run = await _sent(clues, _wanted(engine, act, known), act, before, quiet)
        await _caught_up(engine, order_no, act.kind, run)
        return run, [m async for m in regional.moved(engine, order_no) if m.kind == act.kind]


async def _wanted(engine: AsyncEngine, act: Act, known: dict[str, Known]) -> AsyncIterator[str]:
    if act.name == "resume_region":
        for clue_no, order in sorted(known.items()):
            if order.has("region_suspended"):
                yield clue_no
        return
    async for clue_no in regional.concerned(engine, prefix(act.data["region"])):
        yield clue_no


async def _sent(
    clues: ClueClient, wanted: AsyncIterator[str], act: Act, before: set[str], quiet: bool
) -> Run:
    """The command to every clue, a few abreast. The first service that can't be reached stops all."""
    run, queue = Run(), asyncio.Queue[str | None](ABREAST)

    async def feed() -> None:
        async for clue_no in wanted:
            await queue.put(clue_no)
        for _ in range(ABREAST):
            await queue.put(None)

    async def work() -> None:
        while (clue_no := await queue.get()) is not None:
            if clue_no in before:
                run.already += 1
            else:
                await _one(clues, clue_no, act, run)
            if not quiet and run.tried % 100 == 0:
                console(stderr=True).print(f"已处理 {run.tried} 条……")

    tasks = [asyncio.create_task(part()) for part in (feed, *[work] * ABREAST)]
    try:
        await asyncio.gather(*tasks)
    except BaseException:
        console(stderr=True).print(
            f"中断：已处理 {run.tried} 条，其中执行 {len(run.done)} 条；同样的命令再运行一次，会接着做完"
        )
        raise
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
    return run


async def _one(clues: ClueClient, clue_no: str, act: Act, run: Run) -> None:
    try:
        await clues.do(clue_no, act.name, act.actor, act.data, act.id(clue_no))
    except DomainError as err:
        _counted(run, clue_no, err)
    else:
        run.done.append(clue_no)


def _counted(run: Run, clue_no: str, err: DomainError) -> None:
    if err.code == "wrong_stage" and "已有文号" in err.message:
        run.already += 1
    elif err.code == "wrong_stage":
        run.ended += 1
    elif err.code == "not_a_party":
        run.out_of_reach += 1
    else:
        run.refused.append((clue_no, err.code, err.message))


async def _caught_up(engine: AsyncEngine, order_no: str, kind: str, run: Run) -> None:
    """Waits a little for the ledger, from which the list is printed."""
    wanted, pause = set(run.done), 0.1
    try:
        async with asyncio.timeout(CATCH_UP_SECONDS):
            while wanted:
                known = await regional.known(engine, order_no)
                wanted = {c for c in wanted if c not in known or not known[c].has(kind)}
                if wanted:
                    await asyncio.sleep(pause)
                    pause = min(2.0, pause * 2)
    except TimeoutError:
        console(stderr=True).print(
            f"台账还差 {len(wanted)} 条没有记到，稍后用 starter.py suspensions {escape(order_no)} 看全"
        )


async def _tried(
    engine: AsyncEngine, foresight: Foresight, act: Act, known: dict[str, Known]
) -> tuple[Run, list[Moved]]:
    """What the core would answer by the rules that each clue goes by; nothing is sent."""
    run, moves = Run(), list[Moved]()
    async for clue_no in _wanted(engine, act, known):
        if clue_no in known and known[clue_no].has(act.kind):
            run.already += 1
            continue
        state, book = await foresight.as_it_goes(clue_no, await get_state(engine, clue_no))
        command = Command(act.id(clue_no), act.name, act.actor, act.data)
        try:
            outcome = handle(state, command, foresight.at(state), book)
        except DomainError as err:
            _counted(run, clue_no, err)
            continue
        run.done.append(clue_no)
        event = next(e for e in outcome.events if e.type == act.kind)
        moves += [regional.moved_in(clue_no, 0, event.at, event.type, m) for m in event.data["moves"]]
    return run, moves


# --- telling -------------------------------------------------------------------------------------------


def _finish(result: tuple[Run, list[Moved]], act: Act, dry_run: bool, as_json: bool) -> None:
    run, moves = result
    if as_json:
        emit_json(
            {
                "order_no": act.data["order_no"],
                "dry_run": dry_run,
                "done": len(run.done),
                "already": run.already,
                "ended": run.ended,
                "out_of_reach": run.out_of_reach,
                "refused": [{"clue_no": c, "error": code, "message": m} for c, code, m in run.refused],
                "moves": [_plain(m) for m in moves],
            }
        )
    else:
        _show_moves(moves)
        _show_run(run, act, dry_run)
    raise typer.Exit(3 if run.refused else 0)


def _plain(move: Moved) -> dict[str, Any]:
    return {k: iso(v) if isinstance(v, datetime) else v for k, v in asdict(move).items()}


def _show_run(run: Run, act: Act, dry_run: bool) -> None:
    out = console()
    verb = "试运行，会" if dry_run else "已"
    parts = [f"{verb}{labels.COMMANDS[act.name]} {len(run.done)} 条线索"]
    parts += [f"{run.already} 条早已如此"] if run.already else []
    parts += [f"{run.ended} 条已结束"] if run.ended else []
    parts += [f"{run.out_of_reach} 条不归该机构管"] if run.out_of_reach else []
    out.print("，".join(parts))
    for clue_no, code, message in run.refused:
        out.print(f"[red]✗[/] {clue_no} {code}：{escape(message)}", soft_wrap=True)
    if act.name == "suspend_region" and not dry_run:
        out.print("此后登记或改派进该地区的线索，请用同一文号再运行一次；结束或撤销用 starter.py resume")


def _show_moves(moves: list[Moved]) -> None:
    if not moves:
        console().print("没有动任何义务")
        return
    table = Table()
    for head in ("线索", "何事", "义务", "机构", "原期限", "现期限"):
        table.add_column(head, overflow="fold", no_wrap=head == "线索")
    rules = the_rules()
    for m in moves[:SHOWN]:
        now = said(m.new_legal_due_at) if m.new_legal_due_at else "中止中"
        table.add_row(
            m.clue_no,
            labels.EVENTS[m.kind],
            labels.DUTIES[m.duty],
            rules.agency_name(m.obliged),
            said(m.legal_due_at),
            now,
        )
    console().print(table)
    if len(moves) > SHOWN:
        console().print(f"共 {len(moves)} 项，以上是前 {SHOWN} 项；--json 输出全部")


def _show_orders(orders: list[Json]) -> None:
    table = Table()
    for head in ("文号", "地区", "始于", "中止", "恢复", "撤销"):
        table.add_column(head, overflow="fold")
    for o in orders:
        counts = [str(o[key]) for key in ("suspended", "resumed", "undone")]
        table.add_row(
            escape(o["order_no"]),
            the_rules().region_name(o["region"].ljust(6, "0")),
            said(o["since"]),
            *counts,
        )
    console().print(table if orders else "没有区域中止决定")


async def _orders() -> list[Json]:
    async with the_ledger(prepare()) as engine:
        return await regional.orders(engine)


async def _moves(order_no: str) -> list[Moved]:
    async with the_ledger(prepare()) as engine:
        moves = [m async for m in regional.moved(engine, order_no)]
        if not moves and order_no not in {o["order_no"] for o in await regional.orders(engine)}:
            raise DomainError("unknown_duty", f"台账里没有区域中止决定 {order_no}")
        return moves
