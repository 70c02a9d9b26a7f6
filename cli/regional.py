"""`starter.py suspend`, `resume`, `suspensions`: one order over the clocks of a whole region."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterable
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
from domain import commands, labels, shapes
from domain.errors import DomainError
from domain.lifecycle import handle
from domain.model import Command, Json, iso, shanghai_day
from domain.permissions import may_end, may_give, who_may
from domain.regional import RESUMED, SUSPENDED, UNDONE, Act, prefix
from domain.shapes import nearest
from domain.text import when as said
from ledger import orders, regional
from ledger.clues import get_state
from ledger.orders import Order
from ledger.regional import Known, Moved
from runtime.changing import Foresight
from runtime.client import ClueClient

ABREAST: Final = 16  # commands under way at once, each to a clue of its own
CATCH_UP_SECONDS: Final = 10.0  # that the ledger is given to take in what has just been accepted
SHOWN: Final = 100  # lines of the table; --json has all
PATIENCE: Final = 60.0
_OVER: Final = {RESUMED: "结束", UNDONE: "撤销"}
_STATES: Final = {"in_force": "生效中", "ended": "已结束", "undone": "已撤销", "single": "仅个别线索"}

OrderNo = Annotated[str, typer.Option("--order-no", help="决定文号；同一文号再运行一次，只补做没做的")]
Reason = Annotated[str, typer.Option("--reason", help="理由，写进每条线索的时间线")]
As = Annotated[str, typer.Option("--as", help=given.ACTOR_HELP, envvar="CLUEFLOW_AS")]
DryRun = Annotated[bool, typer.Option("--dry-run", help="只看会动哪些，不执行")]
AsJson = Annotated[bool, typer.Option("--json", help="输出 JSON")]


@dataclass
class Run:
    """What came of it, clue by clue. `standing`: the record has it, and workers see to clues that come later."""

    standing: bool = False
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
        data["duties"] = [
            _duty(word.strip()) for word in duties.replace("，", ",").split(",") if word.strip()
        ]
    act = Act(SUSPENDED, given.actor(as_), data)
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
    act = Act(UNDONE if undo else RESUMED, given.actor(as_), data)
    _finish(asyncio.run(_carried_out(act, dry_run, as_json)), act, dry_run, as_json)


def suspensions(
    order_no: Annotated[
        str | None, typer.Argument(metavar="[ORDER_NO]", help="决定文号；不给则列出全部")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """列出区域中止决定；给出文号则逐项列出它动过的义务与日期。"""
    if order_no is None:
        listed = asyncio.run(_orders())
        if as_json:
            emit_json([{**o, "since": iso(o["since"])} for o in listed])
        else:
            _show_orders(listed)
        return
    moves = asyncio.run(_moves(order_no))
    if as_json:
        emit_json({"order_no": order_no, "moves": [_plain(m) for m in moves]})
    else:
        _show_moves(moves)


def _duty(word: str) -> str:
    if word not in labels.DUTIES:
        guess = nearest(word, labels.DUTIES)
        raise typer.BadParameter(f"--duties：没有义务“{word}”" + (f"，是否想写 {guess}" if guess else ""))
    return word


# --- carrying it out -----------------------------------------------------------------------------------


async def _carried_out(act: Act, dry_run: bool, quiet: bool) -> tuple[Run, list[Moved]]:
    settings = prepare()
    commands.checked(Command(act.id("-"), act.name, act.actor, act.data), "", datetime.now(UTC))
    async with the_ledger(settings) as engine:
        if not dry_run:
            await orders.recover(engine)  # of an order that is older than the record
        order = await orders.order(engine, act.order_no)
        known = await regional.known(engine, act.order_no)
        _check(act, order, known)
        standing = _may(act, order)
        if standing and order is not None and act.kind == SUSPENDED:
            act = _same(act, order.given, quiet)
        if dry_run:
            async with the_clues(settings, patience=PATIENCE) as clues:
                return await _tried(
                    engine, Foresight(clues, the_rules().rulebook, datetime.now(UTC)), act, known
                )
        if standing:  # before any clue is asked: from here on the workers see to it, too
            act = _same(act, await orders.keep(engine, act, datetime.now(UTC)), quiet)
        async with the_clues(settings, patience=PATIENCE) as clues:
            errand = _Errand(engine, clues, act, known, quiet)
            run = await errand.sent(_wanted(engine, act, known, order if standing else None))
            await _caught_up(engine, act.order_no, act.kind, run)
            await errand.looked_again(run)
        run.standing = standing
        nobody = not (run.refused or run.already or run.done)
        if nobody and not standing and (order is not None or act.kind == SUSPENDED):
            raise DomainError(
                "not_permitted",
                f"{act.actor.agency} 的{labels.ROLES[act.actor.role]}不能“{labels.COMMANDS[act.name]}”："
                f"有权的是{who_may(act.name)}",
            )
        return run, [m async for m in regional.moved(engine, act.order_no) if m.kind == act.kind]


def _check(act: Act, order: Order | None, known: dict[str, Known]) -> None:
    """What can be said once, and not by every clue."""
    if act.name == "resume_region" and order is None and not known:
        raise DomainError(
            "unknown_duty", f"台账里没有区域中止决定 {act.order_no}，用 starter.py suspensions 列出"
        )
    if order is None or order.over is None or order.over_at is None or act.kind == UNDONE:
        return
    how = f"区域中止决定 {act.order_no} 已于 {said(order.over_at)} {_OVER[order.over.kind]}"
    if act.kind == SUSPENDED:
        raise DomainError("wrong_stage", f"{how}，不能再执行；要再次中止，请用新的文号")
    if order.undone is not None:
        raise DomainError("unknown_duty", f"{how}，不用再恢复；还没有撤销到的线索由工作进程接着做完")


def _may(act: Act, order: Order | None) -> bool:
    """Whether the record may have it. Where not, the clues themselves refuse it."""
    if the_rules().agency_status(act.actor.agency, shanghai_day(datetime.now(UTC))) != "ok":
        return False
    if act.kind == SUSPENDED:
        return may_give(act.actor, str(act.data["region"]))
    return order is not None and may_end(act.actor, order.given.actor.agency, the_rules().rulebook)


def _same(act: Act, first: Act, quiet: bool) -> Act:
    """What is carried out is the step as it was recorded first. DomainError where this is another order."""
    apart = [
        label
        for label, of in (
            ("机构", lambda a: a.actor.agency),
            ("地区", lambda a: prefix(a.data["region"])),
            ("义务", lambda a: sorted(a.data.get("duties", ()))),
        )
        if act.kind == SUSPENDED and of(act) != of(first)
    ]
    if apart:
        raise DomainError(
            "invalid_input",
            f"文号 {act.order_no} 已由 {first.actor.agency} 就 {first.data['region']} 作出，"
            f"这次的{'、'.join(apart)}与它不同；决定不能改，请核对文号，或用新的文号",
        )
    if act != first and not quiet:
        console(stderr=True).print("已有这个决定：照当初的理由和署名接着做")
    return first


async def _wanted(
    engine: AsyncEngine, act: Act, known: dict[str, Known], order: Order | None
) -> AsyncIterator[str]:
    """The clues that the act is for. An end is for all that the order concerns, too: in some it may have begun
    without the ledger knowing yet."""
    begun = sorted(clue_no for clue_no, has in known.items() if has.has(SUSPENDED))
    if act.kind != SUSPENDED:
        for clue_no in begun:
            yield clue_no
    given = act if act.kind == SUSPENDED else order.given if order is not None else None
    if given is not None:
        async for clue_no in regional.concerned(engine, prefix(given.data["region"])):
            if act.kind == SUSPENDED or clue_no not in begun:
                yield clue_no


@dataclass
class _Errand:
    """One act on its way to the clues. `known`: what the ledger knew of the order before."""

    engine: AsyncEngine
    clues: ClueClient
    act: Act
    known: dict[str, Known]
    quiet: bool

    async def sent(self, wanted: AsyncIterator[str]) -> Run:
        return await _sent(self.clues, wanted, self.act, self.known, self.quiet)

    async def looked_again(self, run: Run) -> None:
        """What happened to the order meanwhile: begun by a worker, or brought to its end by somebody."""
        if self.act.kind != SUSPENDED:
            now = await regional.known(self.engine, self.act.order_no)
            late = [c for c, has in now.items() if c not in self.known and has.kinds == {SUSPENDED}]
            again = await self.sent(_each(c for c in late if c not in run.done))
            run.done += again.done
            return
        order = await orders.order(self.engine, self.act.order_no)
        if order is not None and order.over is not None:
            await _sent(self.clues, _each(run.done), order.over, {}, self.quiet)
            console(stderr=True).print(
                f"执行期间该决定已被{_OVER[order.over.kind]}：所停的线索随即{_OVER[order.over.kind]}"
            )


async def _each(clue_nos: Iterable[str]) -> AsyncIterator[str]:
    for clue_no in clue_nos:
        yield clue_no


async def _sent(
    clues: ClueClient, wanted: AsyncIterator[str], act: Act, known: dict[str, Known], quiet: bool
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
            if clue_no in known and known[clue_no].has(act.kind):
                run.already += 1
            else:
                await _one(clues, clue_no, act, run, clue_no in known)
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


async def _one(clues: ClueClient, clue_no: str, act: Act, run: Run, known: bool) -> None:
    try:
        await clues.do(clue_no, act.name, act.actor, act.data, act.id(clue_no))
    except DomainError as err:
        if known or act.kind == SUSPENDED:
            _counted(run, clue_no, err)  # an end that a clue without the order refuses is no news
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
    async for clue_no in _wanted(engine, act, known, None):
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
    if act.kind == SUSPENDED and run.standing:
        out.print(
            "决定有效期间，此后登记或改派进该地区的线索由工作进程随后中止，不用再运行；"
            "结束或撤销用 starter.py resume"
        )


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


def _show_orders(listed: list[Json]) -> None:
    table = Table()
    for head in ("文号", "地区", "始于", "现状", "中止", "恢复", "撤销"):
        table.add_column(head, overflow="fold")
    for o in listed:
        counts = [str(o[key]) for key in ("suspended", "resumed", "undone")]
        table.add_row(
            escape(o["order_no"]),
            the_rules().region_name(o["region"].ljust(6, "0")),
            said(o["since"]),
            _STATES[o["state"]],
            *counts,
        )
    console().print(table if listed else "没有区域中止决定")


async def _orders() -> list[Json]:
    async with the_ledger(prepare()) as engine:
        return await _listed(engine)


async def _listed(engine: AsyncEngine) -> list[Json]:
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
        if not moves and order_no not in {o["order_no"] for o in await _listed(engine)}:
            raise DomainError("unknown_duty", f"台账里没有区域中止决定 {order_no}")
        return moves
