"""Placing in a clue's life: addressee, who else is told, and what is kept on the record."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import pytest

from domain.chain import opened
from domain.evolve import evolve
from domain.model import SHANGHAI, Actor
from domain.view import view
from geo.placer import AtlasPlacer
from runtime.facts import facts_for
from runtime.rules import load_rules
from runtime.settings import Settings
from tests.ledger.cases import Case, rulebook

RULES = load_rules()
PLACER = AtlasPlacer(RULES, Settings())
NO = "XS-310118-20240403-0001"


class Placed(Case):
    placer = PLACER

    def told(self, place: dict[str, Any], role: str = "officer", **more: Any) -> Placed:
        clue = {"clue_no": NO, "source": "patrol", "matter": "solid_waste", "title": "堆存点", "place": place}
        when = {"discovered_at": "2024-04-03T09:00:00+08:00"}
        self.do("report", more.pop("finder", "310118.eco"), clue | when | more, role=role)
        return self

    def seen(self) -> dict[str, Any]:
        return view(self.state, self.at, rulebook())

    def notices(self) -> list[list[str]]:
        return [e.data["to"] for e in map(opened, self.sealed) if e.type == "notified"]


def case() -> Placed:
    return Placed(NO, datetime(2024, 4, 3, 16, 20, tzinfo=SHANGHAI))


def test_coordinates_alone_find_the_addressee_and_the_place() -> None:
    told = case().told({"lon": 120.71, "lat": 31.02})
    assert (told.state.stage, told.state.to_agency) == ("notified", "320509.eco")
    assert told.state.place_region == "320509"
    assert told.notices() == [["320509.eco"]]
    assert told.seen()["placing"]["region"] == "320509"
    assert "属地判定" not in told.seen()["timeline"][0]["text"]


def test_every_region_of_the_circle_is_told_but_the_finder_s() -> None:
    told = case().told({"lon": 120.90, "lat": 31.04, "radius_m": 4000}, finder="330421.eco")
    assert told.state.to_agency == "310118.eco"
    assert told.notices() == [["310118.eco", "320509.eco"]]
    assert "联合检查" in told.seen()["timeline"][0]["text"]


def test_a_region_that_is_named_wins_and_the_contradiction_is_on_the_record() -> None:
    told = case().told({"lon": 120.71, "lat": 31.02, "region": "330421"})
    assert told.state.to_agency == "330421.eco"
    assert told.notices() == [["330421.eco", "320509.eco"]]
    assert "不符" in told.seen()["timeline"][0]["text"]


def test_a_named_addressee_stays_and_the_place_s_own_is_told() -> None:
    told = case().told({"lon": 120.71, "lat": 31.02}, to_agency="330421.eco")
    assert told.notices() == [["330421.eco", "320509.eco"]]


@pytest.mark.parametrize(("lon", "kind"), [(122.9, "sea"), (139.0, "abroad")])
def test_nobody_s_land_stays_with_the_finder_and_says_why(lon: float, kind: str) -> None:
    told = case().told({"lon": lon, "lat": 31.0})
    seen = told.seen()
    assert (seen["stage"], seen["to_agency"], seen["holder"]) == ("discovered", None, "310118.eco")
    assert seen["placing"]["kind"] == kind
    assert seen["placing"]["proposal"] in seen["timeline"][0]["text"]
    told.do("notify", "310118.eco", {"to_agency": "320509.eco"})
    assert told.state.stage == "notified"


def test_neighbours_are_told_when_the_notify_that_was_waited_for_comes() -> None:
    told = case().told({"lon": 120.90, "lat": 31.04, "radius_m": 4000}, role="public")
    assert told.notices() == []
    told.do("notify", "310118.eco", {"to_agency": "320509.eco"}, role="registrar")
    assert told.notices() == [["320509.eco", "330421.eco"]]
    told.do("notify", "310118.eco", {"to_agency": "320509.eco"}, role="registrar")
    assert told.notices()[1] == ["320509.eco"]


def test_the_addressee_s_region_is_the_place_where_the_circle_holds_it() -> None:
    told = case().told({"lon": 120.90, "lat": 31.04, "radius_m": 4000}, finder="330421.eco")
    assert told.state.place_region == "310118"
    told.do("reroute", "330421.eco", {"to_agency": "320509.eco", "reason": "现场核实"})
    assert told.state.place_region == "320509"


def test_an_amended_place_is_placed_anew_or_marked() -> None:
    told = case().told({"lon": 120.71, "lat": 31.02})
    told.do("amend_clue", "310118.eco", {"changes": {"place": {"radius_m": 500}}})
    assert told.seen()["placing"]["outdated"] is True
    told.do("amend_clue", "310118.eco", {"changes": {"place": {"lon": 120.90, "lat": 31.04}}})
    assert told.seen()["placing"]["region"] == "310118"
    assert "outdated" not in told.seen()["placing"]
    assert told.state.to_agency == "320509.eco"
    told.do("amend_clue", "310118.eco", {"changes": {"title": "别的"}})
    assert told.seen()["placing"]["region"] == "310118"


def test_what_has_no_coordinates_keeps_no_placing_and_its_old_events() -> None:
    told = case().told({"region": "320509"})
    assert told.seen()["placing"] is None
    assert "placing" not in opened(told.sealed[0]).data


def test_the_record_folds_to_the_same_state() -> None:
    told = case().told({"lon": 120.90, "lat": 31.04, "radius_m": 4000})
    state = Placed(NO).state
    for sealed in told.sealed:
        state = evolve(state, opened(sealed))
    assert state.placing == told.state.placing


@pytest.mark.parametrize(
    "place", [{}, {"lon": "x", "lat": 1}, {"lon": True, "lat": 31}, {"lon": 120}, {"lon": 1, "lat": 1, "crs": "utm"}, 5]
)  # fmt: skip
def test_what_has_no_shape_is_left_for_the_core(place: Any) -> None:
    actor = Actor("310118.eco", "officer", "甲")
    facts = facts_for(RULES, "report", {"place": place}, actor, datetime(2024, 4, 3).date(), placer=PLACER)  # noqa: DTZ001
    assert facts.placing is None
