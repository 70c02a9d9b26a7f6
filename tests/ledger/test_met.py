"""Whom a report resembles, as the ledger's rows tell; the rows follow the clue and hold no names."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine

from domain.suspects import Asked, Suspect
from domain.traces import traces
from intake.mapping import load_measures
from ledger import met
from ledger.flush import flush
from ledger.rebuild import rebuild
from tests.ledger.cases import FINDER, START, Case, reported, rulebook
from tests.ledger.dump import dump

MEASURES = load_measures()
LORRY = {
    "vehicles": [{"kind": "truck", "name": "苏E·12345", "driver": "某某", "driver_phone": "+86 13800000000"}]
}
SPOT = {"place": {"lon": 120.9, "lat": 31.1, "region": "320583"}}


async def stored(engine: AsyncEngine, number: str = "XS-1", **changes: Any) -> Case:
    case = reported(number, **changes)
    await flush(engine, case.sealed, rulebook())
    return case


def asked(clue: dict[str, Any], *, command_id: str = "new", drill: bool = False, days: float = 1) -> Asked:
    whole = {"source": "hotline", "matter": "construction_waste", **clue}
    return Asked(command_id, START + timedelta(days=days), drill, traces(whole))


async def alike(engine: AsyncEngine, *reports: Asked) -> list[tuple[Suspect, ...]]:
    return await met.resembling(engine, reports, MEASURES)


async def test_the_same_lorry_is_met_in_another_spelling(engine: AsyncEngine) -> None:
    await stored(engine, **LORRY)
    ((found,),) = await alike(engine, asked({"vehicles": [{"name": "苏Ｅ 12345"}]}))
    assert (found.clue_no, [m.kind for m in found.matches]) == ("XS-1", ["plate"])
    assert await alike(engine, asked({"vehicles": [{"name": "苏E12346"}]})) == [()]
    assert await alike(engine, asked(LORRY, days=40)) == [()]


async def test_many_reports_are_answered_in_their_order(engine: AsyncEngine) -> None:
    await stored(engine, "XS-1", **LORRY)
    await stored(engine, "XS-2", **SPOT)
    found = await alike(engine, asked(SPOT), asked({}), asked(LORRY))
    assert [[s.clue_no for s in one] for one in found] == [["XS-2"], [], ["XS-1"]]


async def test_a_place_is_met_within_reach_also_in_another_system(engine: AsyncEngine) -> None:
    await stored(engine, **SPOT)
    near = {"place": {"lon": 120.9045, "lat": 31.0980, "crs": "gcj02"}}
    ((found,),) = await alike(engine, asked(near))
    assert [m.kind for m in found.matches] == ["place"]
    assert await alike(engine, asked({"place": {"lon": 120.93, "lat": 31.1}})) == [()]
    wide = {"place": {"lon": 120.93, "lat": 31.1, "radius_m": 20_000}}
    assert await alike(engine, asked(wide)) == [()]  # the smaller uncertainty decides


async def test_drills_and_real_clues_never_meet(engine: AsyncEngine) -> None:
    await stored(engine, drill=True, **LORRY)
    assert await alike(engine, asked(LORRY)) == [()]
    assert [s.clue_no for s in (await alike(engine, asked(LORRY, drill=True)))[0]] == ["XS-1"]


async def test_the_report_itself_is_no_other_one(engine: AsyncEngine) -> None:
    await stored(engine, **LORRY)
    assert await alike(engine, asked(LORRY, command_id="XS-1-1")) == [()]


async def test_what_was_withdrawn_is_left_out_and_what_was_merged_stands_for_the_other(
    engine: AsyncEngine,
) -> None:
    gone, merged = await stored(engine, "XS-1", **LORRY), await stored(engine, "XS-2", **LORRY)
    await stored(engine, "XS-3")
    await flush(engine, gone.do("withdraw", FINDER, {"reason": "误报"}), rulebook())
    await flush(engine, merged.do("merge_into", FINDER, {"clue_no": "XS-3", "reason": "同案"}), rulebook())
    assert [s.clue_no for s in (await alike(engine, asked(LORRY)))[0]] == ["XS-3"]


async def test_amending_moves_the_traces_and_rebuilding_gives_the_same(engine: AsyncEngine) -> None:
    case = await stored(engine, **LORRY)
    changes = {"vehicles": [{"kind": "truck", "name": "浙F54321"}], "place": SPOT["place"]}
    await flush(engine, case.do("amend_clue", FINDER, {"changes": changes}), rulebook())
    assert await alike(engine, asked(LORRY)) == [()]
    assert len((await alike(engine, asked({"vehicles": [{"name": "浙F54321"}]})))[0]) == 1
    assert len((await alike(engine, asked(SPOT)))[0]) == 1
    before = await dump(engine)
    await rebuild(engine, rulebook())
    assert await dump(engine) == before


async def test_clues_from_before_the_traces_get_theirs_by_a_rebuild(engine: AsyncEngine) -> None:
    await stored(engine, **LORRY)
    assert await met.is_traced(engine)
    async with engine.begin() as connection:
        await connection.execute(text("DELETE FROM clue_trace"))
    assert not await met.is_traced(engine)
    await rebuild(engine, rulebook())
    assert await met.is_traced(engine)
    assert len((await alike(engine, asked(LORRY)))[0]) == 1


async def test_the_rows_hold_neither_names_nor_numbers(engine: AsyncEngine) -> None:
    case = await stored(engine, **LORRY)
    rows = (await dump(engine))["clue_trace"]
    words = {t.value for t in traces(case.state.clue) if t.kind != "place"}
    assert words
    assert not words & {row["value"] for row in rows}
    assert all(len(row["value"]) == 64 for row in rows if row["kind"] != "place")


async def test_known_reports_are_found_by_their_command(engine: AsyncEngine) -> None:
    case = await stored(engine)
    await flush(engine, case.do("amend_clue", FINDER, {"changes": {"title": "改过"}}), rulebook())
    found = await met.known(engine, ["XS-1-1", "XS-1-2", "none"])
    assert list(found) == ["XS-1-1"]  # only the report, not what came after it
    assert found["XS-1-1"].reported["title"] != found["XS-1-1"].now["title"] == "改过"


async def test_a_digest_needs_no_key_to_be_written(engine: AsyncEngine) -> None:
    """A lost key costs matches with older clues until a rebuild, never a flush."""
    async with engine.begin() as connection:
        await connection.execute(text("DELETE FROM clue_trace_key"))
    await stored(engine, **LORRY)
    assert len((await alike(engine, replace(asked(LORRY), command_id="y")))[0]) == 1
