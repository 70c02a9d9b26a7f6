"""What names a person is not shown to whoever passes by."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.commands import CLUE
from domain.view import view
from tests.ledger.cases import rulebook
from tests.web.house import NOW, PERSONAL, boats, quiet
from web.privacy import MASK, masked, public_clue, public_view


@pytest.mark.parametrize(
    "text",
    [
        "13800138000",
        "+86 138-0013-8000",
        "138 0013 8000",
        "021-62345678",
        "320583199001011234",
        "32058319900101123X",
    ],
)
def test_numbers_of_people_are_masked(text: str) -> None:
    assert masked(f"请联系{text}。") == f"请联系{MASK}。"


@pytest.mark.parametrize(
    "text",
    [
        "XS-320583-20240403-0001",
        "昆环移〔2024〕3号",
        "约1000吨",
        "2024-04-09 24:00",
        "9f86d081884c7d65" * 4,
        "120.845",
    ],
)
def test_other_numbers_stay(text: str) -> None:
    assert masked(text) == text


def test_nothing_personal_is_left_in_a_clue() -> None:
    for case in (boats(), quiet()):
        shown = json.dumps(public_view(view(case.state, NOW, rulebook(), days=True)), ensure_ascii=False)
        assert not [word for word in PERSONAL if word in shown]
    assert "上海某渣土运输公司" in json.dumps(public_clue(boats().state.clue), ensure_ascii=False)


def test_a_public_reporter_has_no_name() -> None:
    shown = public_view(view(quiet().state, NOW, rulebook()))
    assert shown["timeline"][0]["actor"] == {"agency": "310118.eco", "role": "public", "name": "公众"}


@given(st.dictionaries(st.text(min_size=1), st.text(min_size=1)))
def test_a_field_that_nobody_let_through_is_hidden(unknown: dict[str, str]) -> None:
    fields = {key: value for key, value in unknown.items() if key not in CLUE.fields}
    assert public_clue(fields) == {}
