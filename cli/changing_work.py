"""What `starter.py rules simulate`, `apply`, `undo` and `changes` do."""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

import typer
from sqlalchemy.ext.asyncio import AsyncEngine

from cli import changing_show as show
from cli.output import emit_json
from cli.services import prepare, the_clues, the_ledger
from domain.model import Actor, ClueState, Json
from domain.packs import Rulebook
from ledger import rule_changes as record
from runtime.changing import Change, Decision, Foresight, RulesChanged, Tally
from runtime.client import ClueClient

TROUBLES: Final = 50  # clues that were not reached or refused, that are named


@dataclass(frozen=True)
class Asked:
    """A change as it was typed: its number, who approves it and why."""

    change_id: str
    actor: Actor
    reason: str
    approver: str
    yes: bool
    as_json: bool


async def simulate(new: Rulebook, region: str, clues: tuple[str, ...], limit: int, as_json: bool) -> None:
    settings = prepare()
    tally = Tally().begin(new.version)
    async with the_ledger(settings) as engine, the_clues(settings) as client:
        with show.Listing(as_json, limit) as listing:
            async for seen in Foresight(client, new, datetime.now(UTC)).over(_pages(engine, region, clues)):
                tally.add(seen)
                if seen.concerned:
                    listing.add(seen)
            listing.end({"version": new.version, **tally.to_json()})
    if not as_json:
        show.show_tally(tally, new)


async def _pages(
    engine: AsyncEngine, region: str = "", clues: tuple[str, ...] = ()
) -> AsyncIterator[list[tuple[str, ClueState]]]:
    async for page in record.running(engine, clue_nos=clues, region=region):
        yield [(found.clue_no, found.state) for found in page]


async def apply(asked: Asked, new: Rulebook, folder: Path, expect: str | None) -> Counter[str]:
    """Looks ahead, keeps the decision, and carries it out; or goes on with one that was begun."""
    settings = prepare()
    async with the_ledger(settings) as engine, the_clues(settings) as client:
        change = await record.change(engine, asked.change_id)
        if change is None:
            change = await _decided(engine, client, asked, new, expect)
        elif change.undoes is not None or change.version != new.version:
            raise RulesChanged(
                f"变更编号 {change.id} 已用于另一次变更（新规则版本 {change.version}），请换一个编号"
            )
        counts = await _carried_out(engine, client, change, asked.as_json)
    if not asked.as_json:
        show.say_what_else(new, folder)
    return counts


async def _decided(
    engine: AsyncEngine, client: ClueClient, asked: Asked, new: Rulebook, expect: str | None
) -> record.Change:
    tally = Tally().begin(new.version)
    async for seen in Foresight(client, new, datetime.now(UTC)).over(_pages(engine)):
        tally.add(seen)
    if not asked.as_json:
        show.show_tally(tally, new)
    if expect is not None and expect != tally.digest:
        raise RulesChanged(f"摘要现在是 {tally.digest}，不是 {expect}：规则或线索已有变化，请重新 simulate")
    _confirm(asked, f"将变更 {tally.clues} 条在办线索，编号 {asked.change_id}")
    key = await record.keep_rulebook(engine, new)
    return await _begun(engine, asked, new.version, rulebook=key, simulated=tally.digest)


async def undo(asked: Asked, wanted: str) -> Counter[str]:
    """Takes a change back, or goes on with taking it back."""
    settings = prepare()
    async with the_ledger(settings) as engine, the_clues(settings) as client:
        change = await record.change(engine, asked.change_id)
        if change is None:
            first = await _known(engine, wanted)
            _confirm(asked, f"将撤销变更 {wanted}（{first.reason}），编号 {asked.change_id}")
            change = await _begun(engine, asked, first.version, undoes=wanted)
        elif change.undoes != wanted:
            raise RulesChanged(f"变更编号 {change.id} 已用于另一次变更，请换一个编号")
        return await _carried_out(engine, client, change, asked.as_json)


async def _known(engine: AsyncEngine, change_id: str) -> record.Change:
    change = await record.change(engine, change_id)
    if change is None:
        raise RulesChanged(f"没有变更 {change_id}，请用 starter.py rules changes 查看")
    return change


def _confirm(asked: Asked, what: str) -> None:
    if asked.yes:
        return
    if asked.as_json or not sys.stdin.isatty():
        raise typer.BadParameter(f"{what}；确认请加 --yes")
    typer.confirm(f"{what}。继续吗？", abort=True)


async def _begun(
    engine: AsyncEngine,
    asked: Asked,
    version: str,
    *,
    rulebook: str | None = None,
    undoes: str | None = None,
    simulated: str = "",
) -> record.Change:
    change = record.Change(
        asked.change_id,
        datetime.now(UTC),
        asked.actor,
        asked.approver,
        asked.reason,
        version,
        rulebook,
        undoes,
        simulated,
    )
    try:
        await record.begin(engine, change)
    except record.Conflict as err:
        raise RulesChanged(str(err)) from None
    return change


async def _carried_out(
    engine: AsyncEngine, client: ClueClient, change: record.Change, as_json: bool
) -> Counter[str]:
    book = await record.rulebook(engine, change.rulebook) if change.rulebook else None
    decision = Decision(change.id, change.actor, change.reason, change.approver, book, change.undoes)
    trouble: list[Json] = []

    def note(clue_no: str, outcome: str, why: str) -> None:
        if outcome in ("refused", "pending") and len(trouble) < TROUBLES:
            trouble.append({"clue_no": clue_no, "outcome": outcome, "why": why})

    with show.bar(as_json, await record.left(engine, change.id)) as step:

        def progress(clue_no: str, outcome: str, why: str) -> None:
            note(clue_no, outcome, why)
            step()

        await Change(client, record.Progress(engine, change.id), decision).run(progress)
    await record.caught_up(engine, change.id)
    counts = Counter(await record.counted(engine, change.id))
    moved = await _moved(engine, change.id)
    if as_json:
        emit_json({**show.head(change), "outcomes": dict(counts), "moved": moved, "trouble": trouble})
    else:
        show.show_done(change, counts, moved, trouble)
    return counts


async def _moved(engine: AsyncEngine, change_id: str) -> Json:
    """What the record says has moved."""
    clues = moves = late = 0
    by_duty: Counter[str] = Counter()
    async for _, data in record.moved(engine, change_id):
        felt = [m for m in data["moves"] if show.felt(m)]
        clues += bool(felt)
        moves += len(felt)
        late += sum(m["late"] for m in felt)
        by_duty.update(m["id"] for m in felt)
    return {"clues": clues, "moves": moves, "late": late, "by_duty": dict(sorted(by_duty.items()))}


async def changes(change_id: str | None, as_json: bool) -> None:
    """Every change, or one clue by clue."""
    async with the_ledger(prepare()) as engine:
        if change_id is None:
            show.show_changes(await record.changes(engine), as_json)
            return
        await _known(engine, change_id)
        rows: list[Json] = [
            {"clue_no": clue_no, "outcome": outcome, "why": note}
            async for clue_no, outcome, note in record.outcomes(engine, change_id)
        ]
        moved = {clue_no: data["moves"] async for clue_no, data in record.moved(engine, change_id)}
    if as_json:
        emit_json([{**row, "moves": moved.get(row["clue_no"], [])} for row in rows])
    else:
        show.show_clues(rows, moved)
