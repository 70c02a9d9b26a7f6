"""The law of the day of the act."""

from __future__ import annotations

from datetime import date

import pytest

from domain.statutes import Statute, predecessors, resolve
from runtime.rules import load_rules

RULES = load_rules()
TEN = (
    "环保法",
    "环评法",
    "海洋法",
    "大气法",
    "水污染防治法",
    "土壤法",
    "固废法",
    "噪声法",
    "放射性法",
    "清洁生产法",
)


@pytest.mark.parametrize("name", TEN)
def test_ten_laws_give_way_to_the_code_on_2026_08_15(name: str) -> None:
    assert RULES.cite(name, date(2026, 8, 14)).id != "eco-code"
    assert RULES.cite(name, date(2026, 8, 15)).title == "中华人民共和国生态环境法典"


def test_exactly_these_ten_were_replaced() -> None:
    assert len(predecessors(RULES.statutes, "生态环境法典")) == len(TEN)


def test_a_law_can_be_named_in_full_in_short_or_by_id() -> None:
    on = date(2024, 4, 4)
    names = ("固废法", "solid-waste", "中华人民共和国固体废物污染环境防治法", "固体废物污染环境防治法")
    assert {RULES.cite(name, on).id for name in names} == {"solid-waste"}


@pytest.mark.parametrize(
    ("name", "on", "said"),
    [
        ("固费法", date(2024, 1, 1), "没有"),
        ("法典", date(2024, 1, 1), "不施行"),
        ("噪声法", date(2001, 1, 1), "不施行"),
    ],
)
def test_what_is_unknown_or_not_yet_in_force_is_said(name: str, on: date, said: str) -> None:
    with pytest.raises(LookupError, match=said):
        RULES.cite(name, on)


def test_replacements_are_followed_over_several_steps_and_never_in_a_circle() -> None:
    end = date(2000, 1, 1)
    chain = (
        Statute("a", "甲", "甲", in_force_to=end, replaced_by="b"),
        Statute("b", "乙", "乙", in_force_from=end, in_force_to=end, replaced_by="c"),
        Statute("c", "丙", "丙", in_force_from=date(2001, 1, 1)),
    )
    assert resolve(chain, "甲", date(2010, 1, 1)).id == "c"
    circle = (
        Statute("a", "甲", "甲", in_force_to=end, replaced_by="b"),
        Statute("b", "乙", "乙", in_force_to=end, replaced_by="a"),
    )
    with pytest.raises(LookupError):
        resolve(circle, "甲", date(2010, 1, 1))
