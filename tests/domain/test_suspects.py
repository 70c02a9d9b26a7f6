"""What two reports have in common is found in whatever spelling, and said without the value itself."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.model import SHANGHAI
from domain.suspects import Met, suspects
from domain.traces import phone, plain, traces
from intake.mapping import load_measures

AT = datetime(2026, 11, 5, 8, tzinfo=SHANGHAI)
MEASURES = load_measures()


def clue(**more: Any) -> dict[str, Any]:
    return {"source": "hotline", "matter": "construction_waste", "place": {"region": "310118"}, **more}


def alike(one: dict[str, Any], other: dict[str, Any], days: float = 1) -> list[tuple[str, str]]:
    """The matches of `other` with `one`, which was discovered `days` before."""
    met = [Met("XS-1", AT - timedelta(days=days), t) for t in traces(one)]
    found = suspects(traces(other), AT, met, MEASURES)
    return [(m.kind, m.strength) for s in found for m in s.matches]


def truck(name: str) -> dict[str, Any]:
    return clue(vehicles=[{"kind": "truck", "name": name}])


@pytest.mark.parametrize("other", ["苏E12345", "苏Ｅ·１２３４５", " 苏e 12345 ", "苏E•12345", "苏E-12345"])
def test_a_plate_is_met_in_every_spelling(other: str) -> None:
    assert alike(truck("苏E·12345"), truck(other)) == [("plate", "strong")]
    assert alike(truck("苏E·12345"), clue(vehicles=[{"name": other}])) == [("plate", "strong")]


def test_another_plate_is_another_lorry() -> None:
    assert alike(truck("苏E·12345"), truck("苏E·12346")) == []


@pytest.mark.parametrize(
    ("one", "other", "kind"),
    [
        ({"vehicles": [{"kind": "vessel", "name": "示例货0001"}]},
         {"vehicles": [{"kind": "vessel", "name": "示例货 ０００１号"}]}, "vessel"),
        ({"vehicles": [{"kind": "vessel", "mmsi": "413000001"}]},
         {"vehicles": [{"kind": "vessel", "mmsi": "413 000 001"}]}, "mmsi"),
        ({"suspects": [{"kind": "person", "phone": "+86 138-0000-0000"}]},
         {"vehicles": [{"driver_phone": "13800000000"}]}, "phone"),
        ({"suspects": [{"kind": "company", "name": "上海示例建材有限公司"}]},
         {"suspects": [{"kind": "company", "name": "上海示例建材 有限责任公司"}]}, "company"),
        ({"suspects": [{"id_no": "31010119000101000x"}]}, {"suspects": [{"id_no": "31010119000101000Ｘ"}]}, "id_no"),
        ({"source_ref": "A-1"}, {"source_ref": "Ａ－１"}, "ref"),
    ],
)  # fmt: skip
def test_what_is_the_same_is_met(one: dict[str, Any], other: dict[str, Any], kind: str) -> None:
    assert [k for k, _ in alike(clue(**one), clue(**other))] == [kind]


def test_a_name_alone_suspects_nobody_and_strengthens_what_does() -> None:
    named = {"suspects": [{"kind": "person", "name": "某某"}]}
    assert alike(clue(**named), clue(**named)) == []
    called = {"suspects": [{"kind": "person", "name": "某某", "phone": "13800000000"}]}
    assert alike(clue(**called), clue(**called)) == [("phone", "medium"), ("person", "weak")]


def test_the_reporter_is_never_compared() -> None:
    complained = clue(reporter={"name": "某某", "phone": "13800000000"})
    assert {t.kind for t in traces(complained)} == {"place"}
    assert alike(complained, complained) == []


def at(lon: float, lat: float, radius: float = 0, **more: Any) -> dict[str, Any]:
    return clue(place={"lon": lon, "lat": lat, "radius_m": radius}, **more)


def test_places_within_a_kilometre_and_days_apart_are_one_matter() -> None:
    assert alike(at(120.9, 31.1), at(120.908, 31.1)) == [("place", "medium")]
    assert alike(at(120.9, 31.1), at(120.92, 31.1)) == []
    assert alike(at(120.9, 31.1), at(120.9, 31.1), days=8) == []
    assert alike(at(120.9, 31.1), at(120.9, 31.1, matter="wastewater")) == []
    assert alike(at(120.9, 31.1), at(120.9, 31.1, matter="other")) == [("place", "medium")]


def test_the_smaller_uncertainty_decides() -> None:
    assert alike(at(120.9, 31.1, 20_000), at(121.0, 31.1, 20_000)) == [("place", "medium")]
    assert alike(at(120.9, 31.1, 20_000), at(121.0, 31.1)) == []


def test_one_lists_own_numbers_tell_its_places_apart() -> None:
    one, other = (at(120.9, 31.1, source="satellite", source_ref=n) for n in ("1", "2"))
    assert alike(one, other) == []
    assert alike(one, {**other, "source": "hotline"}) == [("place", "medium")]


def test_time_beyond_the_agreed_days_is_another_matter() -> None:
    assert alike(truck("苏E12345"), truck("苏E12345"), days=MEASURES.days) == [("plate", "strong")]
    assert alike(truck("苏E12345"), truck("苏E12345"), days=MEASURES.days + 0.01) == []


def test_what_is_said_holds_no_value() -> None:
    met = [Met("XS-1", AT, t) for t in traces(truck("苏E12345"))]
    (found,) = suspects(traces(truck("苏E12345")), AT, met, MEASURES)
    assert "车牌相同" in found.text
    assert "12345" not in found.text


@given(st.text(max_size=30))
def test_spelling_is_settled_by_one_pass(text: str) -> None:
    assert plain(plain(text)) == plain(text)
    assert phone(phone(text)) == phone(text)
