"""Carrying out an order over a region's clocks, or its end, clue by clue."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Final

from rich.markup import escape
from sqlalchemy.ext.asyncio import AsyncEngine

from cli.output import console
from cli.services import prepare, the_clues, the_ledger, the_rules
from domain import commands, labels
from domain.errors import DomainError
from domain.lifecycle import handle
from domain.model import Command, shanghai_day
from domain.permissions import may_end, may_give, who_may
from domain.region_orders import NUMBER_MAX, RESUMED, SUSPENDED, UNDONE, Act, prefix
from domain.text import when as said
from ledger import orders, regional
from ledger.clues import get_state
from ledger.orders import Order
from ledger.regional import Known, Moved
from runtime.changing import Foresight
from runtime.client import ClueClient

ABREAST: Final = 16  # commands under way at once, each to a clue of its own
CATCH_UP_SECONDS: Final = 10.0  # that the ledger is given to take in what has just been accepted
PATIENCE: Final = 60.0
_OVER: Final = {RESUMED: "结束", UNDONE: "撤销"}


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


async def carried_out(act: Act, dry_run: bool, quiet: bool) -> tuple[Run, list[Moved]]:
    """Sends the act to every clue that it is for; what came of it, and what the ledger has of it.

    What is decided goes on record first: from there on the workers see to it, too. DomainError where it can't be
    at all.
    """
    settings = prepare()
    commands.checked(Command(act.id("-"), act.name, act.actor, act.data), "", datetime.now(UTC))
    async with the_ledger(settings) as engine:
        if not dry_run:
            await orders.recover(engine)  # of an order that is older than the record
        order = await orders.order(engine, act.order_no)
        known = await regional.known(engine, act.order_no)
        _check(act, order, known)
        if order is not None and not quiet and (order.undone if act.kind == UNDONE else order.ended):
            console(stderr=True).print(f"{_over(order)}，这次只补做还没有做到的线索")
        standing = _may(act, order)
        if standing and order is not None and act.kind == SUSPENDED:
            act = _same(act, order.given, quiet)
        if dry_run:
            async with the_clues(settings, patience=PATIENCE) as clues:
                return await _tried(
                    engine, Foresight(clues, the_rules().rulebook, datetime.now(UTC)), act, known
                )
        if standing:
            act = _same(act, await orders.keep(engine, act, datetime.now(UTC)), quiet)
        async with the_clues(settings, patience=PATIENCE) as clues:
            wanted = _wanted(engine, act, known, order if standing else None)
            run = await _sent(clues, wanted, act, known, quiet)
            await _looked_again(engine, clues, act, run, quiet)
        await _caught_up(engine, act.order_no, act.kind, run)
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
    if act.kind == SUSPENDED and len(act.order_no) > NUMBER_MAX:
        raise DomainError("invalid_input", f"决定文号超过 {NUMBER_MAX} 字，请核对")
    if act.name == "resume_region" and order is None and not known:
        raise DomainError(
            "unknown_duty", f"台账里没有区域中止决定 {act.order_no}，用 starter.py suspensions 列出"
        )
    if order is None or order.over is None or act.kind == UNDONE:
        return
    if act.kind == SUSPENDED:
        raise DomainError("wrong_stage", f"{_over(order)}，不能再执行；要再次中止，请用新的文号")
    if order.undone is not None:
        raise DomainError("unknown_duty", f"{_over(order)}，不用再恢复；还没有撤销到的线索由工作进程接着做完")


def _over(order: Order) -> str:
    assert order.over is not None
    assert order.over_at is not None
    return f"区域中止决定 {order.order_no} 已于 {said(order.over_at)} {_OVER[order.over.kind]}"


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
    without the ledger knowing yet. The log is read again after these: what has left them by then is in it."""
    if act.kind == SUSPENDED:
        async for clue_no in regional.concerned(engine, prefix(act.data["region"])):
            yield clue_no
        return
    asked = set[str]()
    if order is not None:
        async for clue_no in regional.concerned(engine, prefix(order.given.data["region"])):
            asked.add(clue_no)
            yield clue_no
        known = await regional.known(engine, act.order_no)
    for clue_no, has in sorted(known.items()):
        if has.has(SUSPENDED) and clue_no not in asked:
            yield clue_no


async def _looked_again(engine: AsyncEngine, clues: ClueClient, act: Act, run: Run, quiet: bool) -> None:
    """An order that somebody brought to its end meanwhile: he may not have seen what was begun just now."""
    order = await orders.order(engine, act.order_no)
    if act.kind == SUSPENDED and order is not None and order.over is not None:
        await _sent(clues, _each(run.done), order.over, {}, quiet)
        how = _OVER[order.over.kind]
        console(stderr=True).print(f"执行期间该决定已被{how}，所停的线索随即{how}")


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
    had = err.code == "wrong_stage" and "已有文号" in err.message
    if had or err.code == "unknown_duty":  # there the order is over already
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
