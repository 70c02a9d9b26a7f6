"""The breaker, on a clock of its own."""

from __future__ import annotations

from activities.breaker import Breaker


class Clock:
    now = 100.0

    def __call__(self) -> float:
        return self.now


def opened() -> tuple[Breaker, Clock]:
    clock = Clock()
    breaker = Breaker(5.0, clock)
    assert breaker.allow()
    breaker.failed()
    return breaker, clock


def test_all_is_allowed_while_all_is_well() -> None:
    breaker = Breaker(5.0, Clock())
    for _ in range(10):
        assert breaker.allow()
        breaker.succeeded()
    assert not breaker.is_open


def test_a_failure_keeps_everybody_out_for_its_time() -> None:
    breaker, clock = opened()
    assert breaker.is_open
    clock.now += 4.9
    assert not breaker.allow()


def test_then_one_probe_at_a_time() -> None:
    breaker, clock = opened()
    clock.now += 5.0
    assert breaker.allow()
    assert not breaker.allow()
    breaker.failed()
    clock.now += 4.9
    assert not breaker.allow()
    clock.now += 0.1
    assert breaker.allow()
    breaker.succeeded()
    assert breaker.allow()
    assert not breaker.is_open


def test_somebody_else_s_success_lets_everybody_in() -> None:
    breaker, _ = opened()
    breaker.succeeded()
    assert breaker.allow()


def test_a_probe_that_says_nothing_leaves_room_for_the_next() -> None:
    breaker, clock = opened()
    clock.now += 5.0
    assert breaker.allow()
    breaker.undecided()
    assert breaker.is_open
    assert breaker.allow()
