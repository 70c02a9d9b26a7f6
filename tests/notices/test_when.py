"""Lanes, quiet hours, digests and rosters."""

from __future__ import annotations

from datetime import date, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.calendar import SHANGHAI
from domain.notices import KINDS
from notices.config import NEVER_WAITS, QuietFile, RosterFile, Route
from notices.when import Told, is_quiet, lanes, send_at
from tests.ledger.cases import rulebook

CALENDAR = rulebook().calendar
NIGHT = QuietFile.model_validate({"from": "22:00", "to": "07:30", "rest_days": True})
WAITS = Route(usual=("a",), wait=frozenset(KINDS) - NEVER_WAITS, quiet=NIGHT)


def at(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=SHANGHAI)


def told(kind: str = "other", in_hours: bool = False, due: str | None = None) -> Told:
    return Told(kind, False, in_hours, at(due) if due else None)


@pytest.mark.parametrize(
    ("now", "sent"),
    [
        ("2024-04-02 12:00", "2024-04-02 12:00"),
        ("2024-04-02 22:00", "2024-04-03 07:30"),
        ("2024-04-03 03:00", "2024-04-03 07:30"),
        ("2024-04-03 23:00", "2024-04-07 07:30"),  # 清明 4 to 6; Sunday the 7th is made a working day
        ("2024-04-05 12:00", "2024-04-07 07:30"),
    ],
)
def test_what_may_wait_waits_for_the_end_of_quiet(now: str, sent: str) -> None:
    assert send_at(WAITS, told(), at(now), CALENDAR) == (at(sent), False)


@pytest.mark.parametrize(
    ("now", "sent"),
    [
        ("2024-04-02 08:00", "2024-04-02 08:30"),
        ("2024-04-02 08:30", "2024-04-02 08:30"),
        ("2024-04-02 09:00", "2024-04-02 14:00"),
        ("2024-04-03 15:00", "2024-04-07 08:30"),
    ],
)
def test_a_digest_goes_at_its_times_outside_quiet_hours(now: str, sent: str) -> None:
    digested = Route(usual=("a",), wait=WAITS.wait, quiet=NIGHT, digest=("08:30", "14:00", "23:00"))
    assert send_at(digested, told(), at(now), CALENDAR) == (at(sent), True)


@pytest.mark.parametrize("kind", sorted(NEVER_WAITS))
def test_what_must_be_known_at_once_never_waits(kind: str) -> None:
    greedy = Route(usual=("a",), wait=frozenset(KINDS), quiet=NIGHT, digest=("08:30",))
    assert send_at(greedy, told(kind), at("2024-04-04 03:00"), CALENDAR) == (at("2024-04-04 03:00"), False)


def test_a_duty_in_hours_never_waits() -> None:
    now = at("2024-04-04 03:00")
    assert send_at(WAITS, told("reminder", in_hours=True), now, CALENDAR) == (now, False)


@pytest.mark.parametrize("kind", sorted(KINDS))
def test_an_emergency_never_waits(kind: str) -> None:
    now = at("2024-04-04 03:00")
    told = Told(kind, drill=False, in_hours=False, next_due_at=None, emergency=True)
    assert send_at(WAITS, told, now, CALENDAR) == (now, False)


def test_nothing_waits_past_what_its_agency_owes() -> None:
    now = at("2024-04-03 23:00")
    assert send_at(WAITS, told(due="2024-04-06 00:00"), now, CALENDAR)[0] == now
    assert send_at(WAITS, told(due="2024-04-09 00:00"), now, CALENDAR)[0] == at("2024-04-07 07:30")


def test_a_kind_that_nobody_lets_wait_does_not() -> None:
    now = at("2024-04-04 03:00")
    assert send_at(Route(usual=("a",), quiet=NIGHT), told(), now, CALENDAR) == (now, False)


CLOCKS = st.times().map(lambda t: f"{t:%H:%M}")
INSTANTS = st.datetimes(datetime(2023, 1, 1), datetime(2026, 12, 1)).map(lambda t: t.replace(tzinfo=SHANGHAI))  # noqa: DTZ001


@given(INSTANTS, CLOCKS, CLOCKS, st.booleans(), st.lists(CLOCKS, max_size=3))
def test_nothing_goes_before_now_nor_into_quiet_hours(
    now: datetime, first: str, last: str, rest: bool, digests: list[str]
) -> None:
    if first == last:
        return
    quiet = QuietFile.model_validate({"from": first, "to": last, "rest_days": rest})
    route = Route(usual=("a",), wait=WAITS.wait, quiet=quiet, digest=tuple(sorted(digests)))
    sent, _ = send_at(route, told(), now, CALENDAR)
    assert now <= sent <= now + timedelta(days=15)
    assert not is_quiet(quiet, sent, CALENDAR)


# --- lanes --------------------------------------------------------------------------------------------

HOLIDAY, WORKDAY = at("2024-04-04 10:00"), at("2024-04-03 10:00")


def roster(**more: object) -> RosterFile:
    return RosterFile.model_validate(
        {"from": date(2024, 4, 1), "to": date(2024, 4, 7), "channels": ["duty"], **more}
    )


def test_on_rest_days_the_roster_stands_beside_the_usual_or_in_for_it() -> None:
    beside, instead = (Route(usual=("a",), roster=(roster(instead=x),)) for x in (False, True))
    assert lanes(beside, "other", False, WORKDAY, CALENDAR) == {"usual": ("a",)}
    assert lanes(beside, "other", False, HOLIDAY, CALENDAR) == {"roster": ("duty",), "usual": ("a",)}
    assert lanes(instead, "other", False, HOLIDAY, CALENDAR) == {"roster": ("duty",)}
    made_working = at("2024-04-07 10:00")
    assert lanes(instead, "other", False, made_working, CALENDAR) == {"usual": ("a",)}


@pytest.mark.parametrize("kind", sorted(KINDS))
def test_the_head_is_told_from_level_one_on(kind: str) -> None:
    found = lanes(Route(usual=("a",), head=("h",)), kind, False, WORKDAY, CALENDAR)
    assert ("head" in found) == (kind in {"escalation", "order", "summons", "case"})


def test_a_drill_has_its_own_lane_alone() -> None:
    route = Route(usual=("a",), head=("h",), drill=("d",), roster=(roster(),))
    assert lanes(route, "escalation", True, HOLIDAY, CALENDAR) == {"drill": ("d",)}
    assert lanes(Route(usual=("a",)), "escalation", True, HOLIDAY, CALENDAR) == {}


def test_nobody_gets_one_notice_twice_by_one_channel() -> None:
    route = Route(usual=("a", "b"), head=("a",))
    assert lanes(route, "case", False, WORKDAY, CALENDAR) == {"usual": ("a", "b")}
