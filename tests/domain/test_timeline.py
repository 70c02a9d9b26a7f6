"""What people read on the timeline: a Chinese sentence for every event, and nobody's personal data."""

from __future__ import annotations

import re
from typing import Any

import pytest

from domain.evolve import EVENT_TYPES, fold
from domain.labels import EVENTS
from domain.lifecycle import handle
from domain.model import Actor, Command, Facts, Merged
from domain.notices import notices_for
from domain.text import sentence
from tests.domain.changes import with_terms
from tests.domain.story import ADDRESSEE as A
from tests.domain.story import BOOK, DIGEST, EVIDENCE, Story, at, evolve
from tests.domain.story import FINDER as F
from tests.domain.strategies import REPORT

SUPERIOR = "000000.eco supervisor"
TAKEN = Facts(merged=Merged("XS-2", "XS-1", "同一船", 1))
# What must never be read there: suspects, drivers, the reporter, their numbers.
PERSONAL = ["张三", "310118199001011234", "13800000000", "李四", "13900000000", "王五", "赵六", "13700000000"]
CHANGES = {
    "waste": {"type": "污泥"},
    "suspects": [{"kind": "person", "name": "钱七", "id_no": "320509", "phone": "13600000000"}],
    "reporter": {"name": "孙八", "phone": "13500000000"},
}
PERSONAL += ["钱七", "13600000000", "孙八", "13500000000"]
INSPECT = {
    "mode": "joint", "at": "2026-05-11T14:00+08:00", "leader": "WJ-01", "members": ["WJ-01", "QP-01"],
    "invited": ["310118.msa"],
}  # fmt: skip
FOUND = {
    "finding": "confirmed", "started_at": "2026-05-11T14:00+08:00", "ended_at": "2026-05-11T15:00+08:00",
    "record": "暗管", "damage_found": True,
}  # fmt: skip


def _long_life() -> Story:
    """A clue to which everything happens that can happen."""
    s = Story(("qwj-2020", "jx-2021-11", "yrd-solid-waste-trial"))
    s.do("2026-05-11 09:00", "report", f"{F} officer", **REPORT)
    s.do("2026-05-11 09:10", "notify", f"{F} officer", to_agency="310118.msa", message="请核实")
    s.do("2026-05-11 09:20", "acknowledge", f"{A} officer", message="收到")
    s.do("2026-05-11 09:30", "flag_evidence_at_risk", f"{F} officer", reason="可能灭失")
    s.do("2026-05-11 09:40", "convene_inspection", f"{F} officer WJ-01", **INSPECT)
    s.do("2026-05-11 09:50", "respond_invitation", "310118.msa officer", attending=True)
    s.do("2026-05-11 13:00", "arrive", f"{A} officer", officers=["QP-01"])
    s.do("2026-05-11 16:00", "record_inspection", f"{F} officer WJ-01", **FOUND)
    s.do("2026-05-11 16:10", "sign_record", f"{A} officer QP-01", officer_id="QP-01")
    s.do("2026-05-11 16:20", "amend_clue", f"{F} officer", changes=CHANGES)
    s.do("2026-05-11 16:30", "add_evidence", f"{F} officer", items=[EVIDENCE])
    s.do("2026-05-11 16:40", "notify_damage", f"{F} officer", details="河岸受损")
    s.do("2026-05-11 16:50", "start_damage_investigation", f"{A} officer", case_no="损1号")
    s.do("2026-05-12 09:00", "dispute_jurisdiction", f"{A} legal", reason="不在辖区")
    s.do("2026-05-13 09:00", "rule_jurisdiction", "group.qwj approver", agency=A, reason="行为地")
    s.change("2026-05-13 09:05", with_terms(BOOK, "other", lambda rule: 3), "变更-1")
    s.change("2026-05-13 09:06", BOOK, "变更-2", undoes="变更-1")
    s.do("2026-05-13 09:10", "start_transfer", f"{F} approver")
    s.do("2026-05-13 09:20", "send_transfer", f"{F} officer", manifest=[DIGEST])
    s.do("2026-05-13 09:30", "send_supplement", f"{F} officer", manifest=[DIGEST])
    s.do("2026-05-13 09:40", "return_transfer", f"{A} officer", reason="不全", missing=["笔录"])
    ask = {"duty": "evidence_transfer", "reason": "检测"}
    s.do("2026-05-13 09:50", "request_extension", f"{F} officer", days=2, **ask)
    s.do("2026-05-13 10:00", "decide_extension", "320500.eco approver", approved=True, **ask)
    s.do("2026-05-13 10:10", "suspend_duty", SUPERIOR, **ask).do(
        "2026-05-13 11:00", "resume_duty", SUPERIOR, **ask
    )
    storm = {"order_no": "苏环中止1号", "reason": "台风"}
    s.do("2026-05-14 09:00", "suspend_region", "320000.eco approver", region="32", **storm)
    s.do("2026-05-14 10:00", "resume_region", "320000.eco approver", **storm)
    s.do("2026-05-14 11:00", "resume_region", "320000.eco approver", undo=True, **storm)
    s.do("2026-06-13 09:20", "send_transfer", f"{F} officer", manifest=[DIGEST])  # a month too late
    s.do("2026-06-13 09:30", "receive_transfer", f"{A} registrar", manifest=[DIGEST])
    s.do("2026-06-13 09:40", "file_case", f"{A} approver", decision="filed", case_no="1号")
    order = {"order_no": "督1", "agency": A, "demand": "办理", "days": 3}
    s.do("2026-06-13 09:50", "supervise", SUPERIOR, **order)
    s.do("2026-06-13 10:00", "reply_supervision", f"{A} legal", order_no="督1", reply="已办")
    s.do("2026-06-13 10:10", "decide_accountability", "000000.eco approver", outcome="通报", reason="属实")
    s.do("2026-06-13 10:20", "commend", "000000.eco approver", units=[F], persons=[], facts="迅速")
    told = {"letter_no": "馈1号", "outcome": "penalty", "details": "罚款"}
    s.do("2026-06-13 10:30", "give_feedback", f"{A} approver", **told)
    s.do("2026-06-13 10:40", "return_feedback", f"{F} officer", reason="不清")
    s.do("2026-06-13 10:50", "give_feedback", f"{A} approver", **told)
    s.do("2026-06-13 11:00", "accept_feedback", f"{F} officer").pass_to("2026-06-30 00:00")
    return s.do("2026-06-30 09:00", "close", f"{F} officer")


def _short_lives() -> list[Story]:
    report: dict[str, Any] = {**REPORT, "to_agency": A}
    begun = [Story().do("2026-05-11 09:00", "report", f"{F} officer", **report) for _ in range(2)]
    begun[0].do("2026-05-11 09:10", "reroute", f"{F} officer", to_agency="330421.eco", reason="派错")
    begun[0].do("2026-05-11 09:20", "withdraw", f"{F} officer", reason="误报")
    begun[1].do("2026-05-11 09:10", "merge_into", f"{F} officer", clue_no="XS-2", reason="同案")
    taken = Command("t", "take_in", Actor(F, "officer", "甲"), {"clue_no": "XS-2"}, TAKEN)
    other = Story().do("2026-05-11 09:00", "report", f"{F} officer", **report)
    outcome = handle(other.state, taken, at("2026-05-11 09:10"), BOOK)
    other.state, other.events = outcome.state, [*other.events, *outcome.events]
    both = begun[1].state  # and XS-2 into it at the same instant
    mutual = Command("t2", "take_in", Actor(F, "officer", "甲"), {"clue_no": "XS-2"}, TAKEN)
    assert both.clue_no < "XS-2"
    told = handle(both, mutual, at("2026-05-11 09:10"), BOOK)
    begun[1].state, begun[1].events = told.state, [*begun[1].events, *told.events]
    return [*begun, other]


LIVES = [_long_life(), *_short_lives()]
SAID = {(e.event, e.text) for life in LIVES for e in life.state.timeline}


@pytest.mark.parametrize("kind", EVENT_TYPES)
def test_every_kind_of_event_is_told_in_chinese(kind: str) -> None:
    texts = [text for event, text in SAID if event == kind]
    assert texts, f"no clue of this test has {EVENTS[kind]}"
    for text in texts:
        assert re.search("[一-鿿]", text)
        assert not re.search(r"None|\{|\}|True|False", text), text


@pytest.mark.parametrize("secret", PERSONAL)
def test_the_timeline_names_no_suspect_driver_or_reporter(secret: str) -> None:
    assert not [text for _, text in SAID if secret in text]


@pytest.mark.parametrize("secret", PERSONAL)
def test_notices_name_none_either(secret: str) -> None:
    told = []
    for life in LIVES:
        state = Story(life.packs).state
        for event in life.events:
            after = evolve(state, event)
            told += notices_for(state, event, after, BOOK)
            state = after
    assert told
    assert not [n for n in told if secret in n.title + n.text]


def test_an_amendment_tells_what_stood_there_unless_it_names_people() -> None:
    text = next(text for event, text in SAID if event == "clue_amended")
    assert "固体废物类型（原为：渣土）" in text
    assert "suspects" in text or "嫌疑人" in text


def test_the_timeline_counts_every_event_once() -> None:
    for life in LIVES:
        assert [t.seq for t in life.state.timeline] == list(range(1, len(life.events) + 1))
        assert fold("XS-1", life.events) == life.state
        assert life.state.timeline[0].text == sentence(Story(life.packs).state, life.events[0])
