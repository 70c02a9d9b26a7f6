"""Exported histories: kept whole, never made worse."""

from __future__ import annotations

from sqlalchemy.ext.asyncio import AsyncEngine

from ledger.histories import incomplete, load, runs, store


async def test_a_history_comes_back_as_it_went(engine: AsyncEngine) -> None:
    text = '{"events":[' + '{"eventId":"1","x":"线索"},' * 5000 + "{}]}"
    await store(engine, "clue-1", "run-1", "XS-1", history=text, events=5001, complete=True)
    assert await load(engine, "clue-1", "run-1") == text
    assert await load(engine, "clue-1", "run-2") is None
    (run,) = await runs(engine, "XS-1")
    assert (run.events, run.complete) == (5001, True)
    assert run.size < len(text) / 10


async def test_a_better_history_takes_the_place_of_a_worse_one_and_never_the_reverse(
    engine: AsyncEngine,
) -> None:
    async def put(history: str, events: int, complete: bool) -> str | None:
        await store(engine, "c", "r", "XS-1", history=history, events=events, complete=complete)
        return await load(engine, "c", "r")

    assert await put("five", 5, False) == "five"
    assert await put("three", 3, False) == "five"
    assert await put("nine", 9, True) == "nine"
    assert await put("ten", 10, False) == "nine"


async def test_what_is_not_complete_here_is_named(engine: AsyncEngine) -> None:
    await store(engine, "c", "half", "XS-1", history="x", events=1, complete=False)
    await store(engine, "c", "whole", "XS-1", history="x", events=1, complete=True)
    assert await incomplete(engine, ["half", "whole", "none"]) == {"half", "none"}
