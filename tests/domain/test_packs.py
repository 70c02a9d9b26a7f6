"""Which packs apply, and which rule gives a duty its term."""

from __future__ import annotations

from datetime import date, timedelta

import pytest
from temporalio.contrib.pydantic import pydantic_data_converter

from domain.calendar import Calendar, Term
from domain.packs import Binds, DutyRule, Pack, Rulebook, applies, candidates, choose
from runtime.rules import load_rules

PACKS = load_rules().rulebook.packs
BOOK = load_rules().rulebook
ON = date(2026, 5, 18)
NATIONAL = ("criminal-link", "detention-link", "house")


@pytest.mark.parametrize(
    ("finder", "addressee", "matter", "on", "expected"),
    [
        ("310118.eco", "320509.eco", "wastewater", ON, ("qwj-2020",)),
        ("310118.eco", "320509.eco", "solid_waste", ON, ("qwj-2020", "yrd-solid-waste-trial")),
        ("320583.eco", "310118.eco", "construction_waste", ON, ("yrd-solid-waste-trial",)),
        ("320583.eco", "310118.eco", "wastewater", ON, ()),
        ("320509.eco", "320583.eco", "solid_waste", ON, ()),
        ("310118.eco", "310118.eco", "solid_waste", ON, ()),
        ("310118.eco", "310118.urban", "solid_waste", ON, ()),
        ("360281.eco", "361129.eco", "ecological_damage", ON, ("jx-2021-11",)),
        ("360281.eco", "330421.eco", "solid_waste", ON, ()),
        ("310118.eco", "320509.eco", "wastewater", date(2020, 5, 19), ()),
        ("310118.eco", "320509.eco", "wastewater", date(2020, 5, 20), ("qwj-2020",)),
        ("320583.eco", "310118.eco", "solid_waste", date(2023, 12, 31), ()),
        ("320583.eco", "310118.eco", "solid_waste", date(2024, 1, 1), ("yrd-solid-waste-trial",)),
        ("360281.eco", "361129.eco", "other", date(2021, 5, 31), ()),
        ("360281.eco", "361129.eco", "other", date(2021, 6, 1), ("jx-2021-11",)),
        ("310118.eco", "group.qwj", "solid_waste", ON, ()),
        ("310118.eco", None, "solid_waste", ON, ()),
    ],
)
def test_packs_are_chosen_by_regions_matter_and_day(
    finder: str, addressee: str | None, matter: str, on: date, expected: tuple[str, ...]
) -> None:
    assert choose(PACKS, finder, addressee, matter, on) == tuple(sorted((*NATIONAL, *expected)))


def test_house_is_in_use_even_where_no_pack_is_known() -> None:
    assert choose((), "310118.eco", None, "other", ON) == ("house",)


def test_both_days_of_validity_are_included() -> None:
    pack = Pack("p", "t", "1", "formal", date(2024, 1, 1), date(2024, 12, 31), "explicit", Binds("all"))
    days = [date(2023, 12, 31), date(2024, 1, 1), date(2024, 12, 31), date(2025, 1, 1)]
    found = [applies(pack, finder_region=None, addressee_region=None, matter="other", on=d) for d in days]
    assert found == [False, True, True, False]


def rule(duty: str, term: Term | None, *, from_order: bool = False) -> DutyRule:
    return DutyRule(duty, term, "agreed", "第一条", "x", from_order=from_order)


def pack(pack_id: str, *rules: DutyRule) -> Pack:
    return Pack(pack_id, pack_id, "1", "formal", None, None, "explicit", Binds("all"), duties=rules)


HOURS = Term(4, "hour")
SMALL = Rulebook(
    "v",
    (
        pack("a", rule("receipt", Term(3, "day")), rule("ack", None)),
        pack("b", rule("receipt", Term(2, "workday"))),
        pack("house", rule("receipt", Term(9, "day")), rule("ack", HOURS), rule("r", None, from_order=True)),
    ),
    Calendar({}, (), 2001, 2026),
)


@pytest.mark.parametrize(
    ("in_use", "duty", "expected"),
    [
        (("house",), "receipt", ["house"]),
        (("a", "house"), "receipt", ["a"]),
        (("a", "b", "house"), "receipt", ["a", "b"]),
        (("a", "b"), "receipt", ["a", "b"]),
        (("a", "house"), "ack", ["house"]),  # a names the duty without a number
        (("a",), "ack", []),
        (("house",), "r", ["house"]),
        (("house",), "unheard", []),
    ],
)
def test_any_other_pack_goes_before_house(in_use: tuple[str, ...], duty: str, expected: list[str]) -> None:
    assert [pack.id for pack, _ in candidates(SMALL, in_use, duty)] == expected


def test_a_pinned_rulebook_keeps_what_the_clue_uses_and_decides_the_same() -> None:
    pinned = BOOK.pinned(["qwj-2020"], 2023, 2027)
    assert [pack.id for pack in pinned.packs] == ["house", "qwj-2020"]
    assert pinned.version == BOOK.version
    assert candidates(pinned, ["qwj-2020", "house"], "ack") == candidates(BOOK, ["qwj-2020", "house"], "ack")
    day = date(2023, 1, 1)
    while day <= date(2027, 12, 31):
        assert pinned.calendar.why(day) == BOOK.calendar.why(day)
        day += timedelta(days=1)
    assert len(pinned.calendar.holidays) < len(BOOK.calendar.holidays)


def test_a_rulebook_travels_unchanged() -> None:
    pinned = BOOK.pinned(["qwj-2020", "yrd-solid-waste-trial"], 2023, 2027)
    assert pinned.group_map["group.qwj"].pack == "qwj-2020"
    converter = pydantic_data_converter.payload_converter
    payloads = converter.to_payloads([pinned])
    assert b"group_map" not in payloads[0].data
    assert len(payloads[0].data) < 30_000
    assert converter.from_payloads(payloads, [Rulebook]) == [pinned]
