"""The core against `tests/oracle`, a second reading of the contract that shares no code with it.

    CLUEFLOW_RANDOM_SEQUENCES=20000 .venv/bin/python -m pytest tests/domain/test_second_reading.py

runs more; CLUEFLOW_RANDOM_SEED moves where they begin. A difference is told with its seed and its steps.
"""

from __future__ import annotations

import os

import pytest

from tests.oracle.cases import SETUPS, fresh
from tests.oracle.compare import Pair, parting, play, play_changed, shorter

SEQUENCES = int(os.environ.get("CLUEFLOW_RANDOM_SEQUENCES", "400"))
FIRST = int(os.environ.get("CLUEFLOW_RANDOM_SEED", "0"))
PARTS = 10


@pytest.mark.timeout(3600)
@pytest.mark.parametrize("part", range(PARTS))
def test_both_readings_agree_on_random_sequences(part: int) -> None:
    for seed in range(FIRST + part, FIRST + SEQUENCES, PARTS):
        difference = play(seed)
        assert difference is None, difference


@pytest.mark.timeout(3600)
@pytest.mark.parametrize("part", range(PARTS))
def test_both_readings_agree_on_clues_whose_terms_are_changed(part: int) -> None:
    for seed in range(FIRST + part, FIRST + SEQUENCES, PARTS):
        difference = play_changed(seed)
        assert difference is None, difference


def test_the_random_sequences_reach_every_setup_stage_and_refusal() -> None:
    """Else they would agree about nothing."""
    setups, stages, refusals = set(), set(), set()
    for seed in range(150):
        maker = fresh(seed)
        pair = Pair.of(maker.setup)
        setups.add(maker.setup.name)
        for n in range(30):
            step = maker.report() if n == 0 else maker.draw(pair.core)
            refusals.add(pair.second.do(step.at, step.id, step.name, step.actor, step.data))
            pair.do(step)
            stages.add(pair.core.stage)
            maker.later(pair.core)
    assert setups == {s.name for s in SETUPS}
    assert stages >= {"discovered", "notified", "inspecting", "transferring", "handling", "feedback"}
    assert stages >= {"closed", "disputed", "withdrawn", "merged"}
    assert len(refusals) >= 16


def test_a_reading_that_strays_is_found_and_told_shortly(monkeypatch: pytest.MonkeyPatch) -> None:
    """The comparison can fail: let the second reading forget that `ack` is due after four hours."""
    monkeypatch.setitem(__import__("tests.oracle.follows").oracle.follows.HOUSE, "ack", (5, "hour", False))
    told = next(t for t in map(play, range(20)) if t)
    assert "ack.due_at" in told
    assert len(told.splitlines()) <= 4  # seed, setup, one step, the difference


def test_shortening_keeps_the_difference() -> None:
    maker = fresh(1)
    steps = [maker.report(), maker.step("nonsense", {"agency": "x", "role": "y", "name": ""}, {})]
    assert parting(maker.setup, steps) is None
    assert shorter(maker.setup, steps) == steps
