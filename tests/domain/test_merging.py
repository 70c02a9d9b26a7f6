"""Two clues merged into each other at the same instant: one of them goes on, as if it had never been merged."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.errors import DomainError
from domain.evolve import evolve
from domain.lifecycle import Outcome, handle, next_wakeup, ticked
from domain.model import Actor, ClueState, Command, Facts, Merged, Survivor
from domain.permissions import holder
from tests.domain.story import BOOK, Story, at, inspected, received, reported, sent

FINDER = Actor("320509.eco", "officer", "甲")
NOW = at("2026-05-12 20:00")
STAGES = {
    "notified": reported,
    "inspecting": lambda: inspected(reported()),
    "handling": lambda: received(sent(inspected(reported()))),
}
IN_ANY = st.sampled_from(list(STAGES))
LATER = st.integers(0, 24 * 90).map(lambda hours: timedelta(hours=hours))


def numbered(story: Story, clue_no: str) -> ClueState:
    return replace(story.state, clue_no=clue_no)


def merge(state: ClueState, into: str, now: datetime) -> Outcome:
    """The sender saw the other one while it was still open."""
    facts = Facts(survivor=Survivor(into, "notified", False))
    return handle(
        state, Command("m", "merge_into", FINDER, {"clue_no": into, "reason": "同案"}, facts), now, BOOK
    )


def tell(state: ClueState, other: str, now: datetime, id: str = "t") -> Outcome:
    facts = Facts(merged=Merged(other, state.clue_no, "同一船", 0))
    return handle(state, Command(id, "take_in", FINDER, {"clue_no": other}, facts), now, BOOK)


def begun(stage: str) -> datetime:
    return max(NOW, STAGES[stage]().state.updated_at or NOW)


@given(stage=IN_ANY, wait=LATER)
def test_the_one_with_the_smaller_number_goes_on_where_it_was(stage: str, wait: timedelta) -> None:
    state, now = numbered(STAGES[stage](), "XS-1"), begun(stage)
    before = ticked(state, now, BOOK)
    merged = merge(state, "XS-2", now).state
    assert merged.ended
    outcome = tell(merged, "XS-2", now + wait)
    after = outcome.state
    assert (after.stage, after.ended_at, after.merged_into) == (before.stage, None, None)
    assert after.merged_from == ("XS-2",)
    assert holder(after, BOOK) == holder(before, BOOK)
    assert next_wakeup(after, BOOK) is not None
    for was, is_now in zip(before.duties, after.duties, strict=True):
        assert (is_now.due_at, is_now.legal_due_at, is_now.owed) == (was.due_at, was.legal_due_at, was.owed)
        late = was.owed and was.breached_at is None and was.legal_due_at <= now + wait
        assert (is_now.breached_at == now + wait) == late or was.breached_at is not None
        assert is_now.level <= max(1, was.level) or was.breached_at is not None
    assert [e.at for e in outcome.events] == sorted(e.at for e in outcome.events)
    assert outcome.state == fold_again(merged, outcome)


def fold_again(state: ClueState, outcome: Outcome) -> ClueState:
    for event in outcome.events:
        state = evolve(state, event)
    return state


@pytest.mark.parametrize("stage", STAGES)
def test_the_one_with_the_greater_number_stays_merged(stage: str) -> None:
    merged = merge(numbered(STAGES[stage](), "XS-2"), "XS-1", begun(stage)).state
    with pytest.raises(DomainError, match="保留编号在前的 XS-1") as refused:
        tell(merged, "XS-1", begun(stage))
    assert refused.value.code == "wrong_stage"


@pytest.mark.parametrize("stage", STAGES)
def test_told_again_it_is_the_same(stage: str) -> None:
    merged = merge(numbered(STAGES[stage](), "XS-1"), "XS-2", begun(stage)).state
    once = tell(merged, "XS-2", begun(stage)).state
    assert tell(once, "XS-2", begun(stage)).events == ()
    assert [e.event for e in once.timeline].count("merge_undone") == 1


def test_a_clue_merged_into_another_one_stays_so() -> None:
    """That a third was merged into it is no ring of two: it is told, and stays where it went."""
    merged = merge(numbered(reported(), "XS-1"), "XS-2", NOW).state
    told = tell(merged, "XS-3", NOW).state
    assert (told.stage, told.merged_into, told.merged_from) == ("merged", "XS-2", ("XS-3",))


def test_it_may_be_merged_again_into_a_third_but_not_into_that_one() -> None:
    kept = tell(merge(numbered(reported(), "XS-1"), "XS-2", NOW).state, "XS-2", NOW).state

    def again(into: str) -> Outcome:
        facts = Facts(survivor=Survivor(into, "notified", False))
        data = {"clue_no": into, "reason": "同案"}
        return handle(kept, Command("m2", "merge_into", FINDER, data, facts), NOW, BOOK)

    with pytest.raises(DomainError, match="已并入本线索"):
        again("XS-2")
    assert again("XS-3").state.merged_into == "XS-3"
