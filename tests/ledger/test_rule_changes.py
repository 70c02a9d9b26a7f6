"""What the ledger keeps of a change of rules: the decision, the clues it is for, and their own rules before it."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime

import pytest
from sqlalchemy.ext.asyncio import AsyncEngine

from domain.model import Actor
from ledger import migrate
from ledger import rule_changes as record
from ledger.clues import list_clues
from ledger.flush import flush
from ledger.rebuild import rebuild
from runtime.client import excerpt
from tests.domain.changes import with_holidays, with_terms
from tests.ledger.cases import Case, reported, rulebook
from tests.ledger.dump import dump

NOW = datetime(2026, 5, 12, 9, tzinfo=UTC)


def decision(id: str, undoes: str | None = None, minutes: int = 0) -> record.Change:
    actor = Actor("000000.eco", "legal", "张")
    return record.Change(
        id, NOW.replace(minute=minutes), actor, "张", "修订", "v2", None if undoes else "k", undoes, "digest"
    )


async def stored(engine: AsyncEngine, *clue_nos: str) -> list[Case]:
    cases = []
    for clue_no in clue_nos:
        case = reported(clue_no)
        await flush(engine, case.sealed, rulebook())
        cases.append(case)
    return cases


async def reach(engine: AsyncEngine, change_id: str, *clue_nos: str) -> None:
    for clue_no in clue_nos:
        assert await record.about_to(engine, change_id, clue_no, "before")
        await record.settle(engine, change_id, clue_no, "done", "")


async def test_a_rulebook_comes_back_as_it_was_and_is_kept_once(engine: AsyncEngine) -> None:
    whole = rulebook()
    for book in (whole, excerpt(whole, NOW), with_terms(whole, "v2", lambda rule: 1)):
        key = await record.keep_rulebook(engine, book)
        assert await record.keep_rulebook(engine, book) == key
        assert await record.rulebook(engine, key) == book
    other = replace(with_holidays(whole, whole.version, []), groups=())
    with pytest.raises(ValueError, match="another rulebook"):
        await record.keep_rulebook(engine, other)
    assert await record.rulebook(engine, "nothing") is None


async def test_a_change_is_for_the_clues_that_are_open_when_it_is_decided(engine: AsyncEngine) -> None:
    await stored(engine, "XS-1", "XS-2")
    assert await record.begin(engine, decision("A")) == 2
    await stored(engine, "XS-3")
    assert [p.clue_no for p in await record.pending(engine, "A")] == ["XS-1", "XS-2"]
    assert [p.clue_no for p in await record.pending(engine, "A", after="XS-1")] == ["XS-2"]
    assert await record.change(engine, "A") == decision("A")
    await reach(engine, "A", "XS-1", "XS-2")
    with pytest.raises(record.Conflict, match="已经用过"):
        await record.begin(engine, decision("A"))


async def test_what_was_said_first_of_a_clue_stays(engine: AsyncEngine) -> None:
    await stored(engine, "XS-1")
    await record.begin(engine, decision("A"))
    assert await record.about_to(engine, "A", "XS-1", "first")
    assert await record.about_to(engine, "A", "XS-1", "second")
    assert [p.before for p in await record.pending(engine, "A")] == ["first"]
    await record.settle(engine, "A", "XS-1", "done", "")
    await record.settle(engine, "A", "XS-1", "refused", "late")
    assert await record.counted(engine, "A") == {"done": 1}
    assert not await record.about_to(engine, "A", "XS-1", "third")


async def test_one_change_after_the_other_and_back_in_the_reverse_order(engine: AsyncEngine) -> None:
    await stored(engine, "XS-1", "XS-2")
    await record.begin(engine, decision("A", minutes=1))
    with pytest.raises(record.Conflict, match="变更 A 还没有做完"):
        await record.begin(engine, decision("B", minutes=2))
    await reach(engine, "A", "XS-1", "XS-2")
    await record.begin(engine, decision("B", minutes=2))
    await reach(engine, "B", "XS-1", "XS-2")
    with pytest.raises(record.Conflict, match="请先撤销后一个"):
        await record.begin(engine, decision("UA", "A", minutes=3))
    await record.begin(engine, decision("UB", "B", minutes=3))
    await reach(engine, "UB", "XS-1", "XS-2")
    for undoes, why in (("UB", "不能再撤销"), ("B", "已经由 UB 撤销"), ("C", "没有变更 C")):
        with pytest.raises(record.Conflict, match=why):
            await record.begin(engine, decision("U", undoes, minutes=4))
    await record.begin(engine, decision("UA", "A", minutes=4))
    listed = [(c.id, counts, by) for c, counts, by in await record.changes(engine)]
    assert listed == [
        ("A", {"done": 2}, "UA"),
        ("B", {"done": 2}, "UB"),
        ("UB", {"done": 2}, None),
        ("UA", {"pending": 2}, None),
    ]


async def test_taken_back_half_way_it_goes_no_further(engine: AsyncEngine) -> None:
    await stored(engine, "XS-1", "XS-2", "XS-3")
    await record.begin(engine, decision("A"))
    await reach(engine, "A", "XS-1")
    await record.about_to(engine, "A", "XS-2", "before")  # sent perhaps, and its answer lost
    assert await record.begin(engine, decision("U", "A", minutes=1)) == 2
    assert [(p.clue_no, p.target) for p in await record.pending(engine, "U")] == [
        ("XS-1", "before"),
        ("XS-2", "before"),
    ]
    assert await record.pending(engine, "A") == ()
    assert not await record.about_to(engine, "A", "XS-3", "before")
    found = [row async for row in record.outcomes(engine, "A")]
    assert [(no, outcome) for no, outcome, _ in found] == [
        ("XS-1", "done"), ("XS-2", "cancelled"), ("XS-3", "cancelled"),
    ]  # fmt: skip


async def test_the_running_clues_come_page_by_page(
    engine: AsyncEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    cases = await stored(engine, *(f"XS-{n}" for n in range(5)))
    monkeypatch.setattr(record, "PAGE", 2)
    pages = [page async for page in record.running(engine)]
    assert [len(page) for page in pages] == [2, 2, 1]
    assert {x.clue_no: x.state for page in pages for x in page} == {c.clue_no: c.state for c in cases}
    finder = cases[0].state.from_agency[:4]
    for region, count in ((finder, 5), ("99", 0)):
        assert sum([len(page) async for page in record.running(engine, region=region)]) == count
    assert [len(page) async for page in record.running(engine, clue_nos=("XS-3",))] == [1]


async def test_a_clue_with_other_rules_than_the_loaded_ones_is_stored_listed_and_rebuilt(
    engine: AsyncEngine,
) -> None:
    """The record's own rules are those that the program was started with; a clue may go by others."""
    case = reported("XS-1").change_rules(with_terms(rulebook(), "other", lambda rule: 7))
    await flush(engine, case.sealed, rulebook())
    page = await list_clues(engine, rulebook(), case.at)
    (line,) = page.clues
    assert line.next_due_at == min(d.due_at for d in case.state.owed)
    before = await dump(engine)
    await rebuild(engine, rulebook())
    assert await dump(engine) == before


async def test_going_down_never_drops_changes(engine: AsyncEngine, database_url: str) -> None:
    await record.begin(engine, decision("A"))
    with pytest.raises(RuntimeError, match="还有规则变更"):
        await migrate.downgrade(database_url, "0001")
