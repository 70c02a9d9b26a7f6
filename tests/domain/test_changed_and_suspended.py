"""A clue under changed rules and under a region's suspension at once: each can be taken back, in any order."""

from __future__ import annotations

import random
from datetime import datetime, timedelta
from typing import Any

import pytest

from domain.evolve import evolve
from domain.lifecycle import Outcome, handle, ticked
from domain.model import Actor, ClueState, Command, shanghai_day
from domain.packs import Rulebook
from tests.domain.changes import random_change
from tests.domain.story import BOOK
from tests.domain.test_migration import change, random_clue

ABOVE = Actor("000000.gov", "approver", "丙")


def _order(name: str, n: int, **data: Any) -> Command:
    return Command(f"r{n}", name, ABOVE, {"order_no": "1", "reason": "台风", **data})


def _done(state: ClueState, outcome: Outcome) -> ClueState:
    for event in outcome.events:
        state = evolve(state, event)
    assert state == outcome.state
    return state


def _fates(state: ClueState) -> list[tuple[Any, ...]]:
    return [
        (
            d.n,
            d.id,
            d.due_at,
            d.legal_due_at,
            d.provisional,
            d.term,
            d.pack,
            d.article,
            d.unit_basis,
            d.status,
        )
        for d in state.duties
    ]


def _clue(seed: int) -> tuple[ClueState, datetime, Rulebook, random.Random] | None:
    state, now, rng = random_clue(seed, 8 + seed % 20)
    if not state.exists or state.ended:
        return None
    return state, now, random_change(BOOK, rng, shanghai_day(now)), rng


ORDERS = [
    ("suspend", "change", "undo_change", "undo_suspension"),
    ("suspend", "change", "undo_suspension", "undo_change"),
    ("change", "suspend", "undo_change", "undo_suspension"),
    ("change", "suspend", "undo_suspension", "undo_change"),
    ("suspend", "change", "resume", "undo_change", "undo_suspension"),
    ("change", "suspend", "undo_change", "resume", "undo_suspension"),
    ("suspend", "resume", "change", "undo_suspension", "undo_change"),
    ("suspend", "resume", "change", "undo_change", "undo_suspension"),
]


@pytest.mark.parametrize("steps", ORDERS, ids="-".join)
@pytest.mark.parametrize("seed", range(5000, 5060))
def test_both_taken_back_leave_every_date_and_status_that_time_alone_would_give(
    seed: int, steps: tuple[str, ...]
) -> None:
    made = _clue(seed)
    if made is None:
        return
    state, now, new, rng = made
    before, rules = state, BOOK
    region = rng.choice(["000000", "31", "32", "3205"])
    for n, step in enumerate(steps):
        command = {
            "suspend": _order("suspend_region", n, region=region),
            "resume": _order("resume_region", n),
            "undo_suspension": _order("resume_region", n, undo=True),
            "change": change("A", new),
            "undo_change": change("U", BOOK, "A"),
        }[step]
        outcome = handle(state, command, now, rules, {"change": new, "undo_change": BOOK}.get(step))
        rules = outcome.rules or rules
        state = _done(state, outcome)
        now += timedelta(hours=rng.choice([1, 20, 100, 500]))
    assert rules is BOOK
    assert _fates(ticked(state, now, BOOK)) == _fates(ticked(before, now, BOOK))
