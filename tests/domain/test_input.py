"""Whatever JSON comes in, the core answers: an outcome, or a refusal in Chinese that names the field."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.commands import SHAPES
from domain.errors import DomainError
from domain.lifecycle import handle
from domain.model import Actor, ClueState, Command, Facts, blank, shanghai_day
from domain.view import view
from runtime.facts import facts_for
from tests.domain import strategies as our
from tests.domain.story import BOOK, RULES, Story, at, inspected, received, reported, sent

NOW = at("2026-05-13 09:30")
CHINESE = re.compile("[一-鿿]")
STATES: dict[str, ClueState] = {
    "none": blank("XS-1"),
    "notified": reported().state,
    "sent": sent(inspected(reported())).state,
    "handling": received(sent(inspected(reported()))).state,
}
AGENTS = ["320509.eco", "310118.eco", "000000.eco", "group.qwj"]


def judge(state: ClueState, name: str, actor: Actor, data: Any, ident: Any = "new") -> str | None:
    """The code of the refusal, None where accepted; everything that must be true of either is checked."""
    before = repr(state)
    try:
        facts = facts_for(RULES, name, data, actor, shanghai_day(NOW)) if isinstance(data, dict) else Facts()
        outcome = handle(state, Command(ident, name, actor, data, facts), NOW, BOOK, BOOK)
    except DomainError as error:
        refusal = error
    else:
        said = [view(outcome.state, NOW, BOOK), [e.data for e in outcome.events], list(outcome.state.answers)]
        json.dumps(said, allow_nan=False, ensure_ascii=False).encode()
        return None
    assert repr(state) == before
    assert CHINESE.search(refusal.message)
    refusal.message.encode()  # what is sent on has no surrogates in it
    assert len(refusal.message) < 1000
    return refusal.code


@pytest.mark.parametrize("name", SHAPES)
@given(data=st.data())
def test_spoiled_data_is_refused_or_taken(name: str, data: st.DataObject) -> None:
    state = STATES["none" if name == "report" else data.draw(st.sampled_from(list(STATES)))]
    agency = data.draw(st.sampled_from(AGENTS))
    judge(state, name, Actor(agency, "approver", "某人", "WJ-01"), data.draw(our.spoiled(name)))


@given(name=st.sampled_from([*SHAPES]), data=our.junk)
def test_junk_as_data_is_refused_by_name(name: str, data: Any) -> None:
    code = judge(STATES["notified"], name, Actor("320509.eco", "officer", "某人"), data)
    assert code is not None or data in ({}, None) or isinstance(data, dict)
    if not isinstance(data, dict):
        assert code == "invalid_input"


@given(agency=our.junk, role=our.junk, name=our.junk, person=our.junk)
def test_junk_as_actor_is_invalid_input(agency: Any, role: Any, name: Any, person: Any) -> None:
    assert judge(STATES["notified"], "acknowledge", Actor(agency, role, name, person), {}) == "invalid_input"


@given(name=our.junk, ident=our.junk | st.just("x" * 201))
def test_junk_as_command_or_id_is_invalid_input(name: Any, ident: Any) -> None:
    actor = Actor("310118.eco", "officer", "某人")
    assert judge(STATES["notified"], name, actor, {}) == "invalid_input"
    if not isinstance(ident, str) or not 1 <= len(ident) <= 200:
        assert judge(STATES["notified"], "acknowledge", actor, {}, ident) == "invalid_input"


HUGE = 10**5000  # more digits than Python turns into text


@pytest.mark.parametrize("name", [n for n in SHAPES if our.EXAMPLES[n]])
def test_a_number_too_long_to_print_is_invalid_input(name: str) -> None:
    actor = Actor("320509.eco", "officer", "某人")
    for field in our.EXAMPLES[name]:
        data = {**our.EXAMPLES[name], field: HUGE}
        assert judge(STATES["none" if name == "report" else "notified"], name, actor, data) == "invalid_input"
        assert judge(STATES["notified"], name, actor, data, "c1") == "invalid_input"


@given(data=our.junk)
def test_junk_under_a_used_id_is_invalid_input(data: Any) -> None:
    state = Story().do("2026-05-11 09:00", "report", "320509.eco officer", **our.REPORT).state
    assert judge(state, "acknowledge", Actor("310118.eco", "officer", "某人"), data, "c1") == "invalid_input"


@pytest.mark.parametrize(
    ("name", "field", "value", "names"),
    [
        ("report", "discovered_at", "2026-05-11T09:00", "发现时间"),  # without offset
        ("report", "discovered_at", "2026-05-14T09:00+08:00", "发现时间"),  # in the future
        ("report", "matter", "solid", "solid_waste"),  # the nearest right word
        ("report", "place", {"address": "某处"}, "地点"),
        ("report", "titel", "x", "title"),
        ("convene_inspection", "mode", "together", "检查方式"),
        ("add_evidence", "items", [], "证据"),
        ("request_extension", "days", 0, "天数"),
        ("send_transfer", "manifest", ["abc"], "SHA-256"),
        ("rule_jurisdiction", "agency", "310118", "机构"),
        ("merge_into", "clue_no", "XS-1", "并入线索"),  # into itself
    ],
)
def test_the_refusal_names_the_field_in_chinese(name: str, field: str, value: Any, names: str) -> None:
    data = {**our.EXAMPLES[name], field: value}
    command = Command("new", name, Actor("320509.eco", "officer", "某人"), data)
    with pytest.raises(DomainError, match=re.escape(names)) as refused:
        handle(STATES["none" if name == "report" else "notified"], command, NOW, BOOK)
    assert refused.value.code == "invalid_input"


@pytest.mark.parametrize("name", SHAPES)
def test_the_examples_are_right(name: str) -> None:
    """Else spoiling them would show nothing."""
    actor = Actor("320509.eco", "officer", "某人", "WJ-01")
    state = STATES["none" if name == "report" else "notified"]
    assert judge(state, name, actor, our.EXAMPLES[name]) != "invalid_input"
