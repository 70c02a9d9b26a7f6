"""Every state of the core that a small alphabet reaches, to a stated depth: nothing stops, nothing slips.

States that differ only in instants, texts and counts of events are one state here. CLUEFLOW_WALK_DEPTH walks
deeper; `-rP` shows how many states there were.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import pytest

from domain.errors import DomainError
from domain.evolve import evolve, fold
from domain.lifecycle import handle, next_wakeup, tick, ticked
from domain.model import Actor, ClueState, Command, Event, Facts, blank
from domain.packs import Rulebook
from domain.permissions import holder
from domain.view import view
from tests.domain.changes import with_terms
from tests.domain.story import ADDRESSEE, BOOK, DIGEST, EVIDENCE, FINDER, at
from tests.oracle.cases import OFFICERS

DEPTH = int(os.environ.get("CLUEFLOW_WALK_DEPTH", "3"))
OTHER = "330421.eco"
WHO = {
    "finder": Actor(FINDER, "approver", "甲", "WJ-01"),
    "addressee": Actor(ADDRESSEE, "approver", "乙"),
    "superior": Actor("000000.eco", "commander", "丙"),
    "lawyer": Actor("000000.eco", "legal", "己"),
    "arbiter": Actor("group.qwj", "approver", "丁"),
    "outsider": Actor("420100.eco", "officer", "戊"),
}
T = "2026-05-11T09:00:00+08:00"
# name: (who does it rightly, data)
ALPHABET: dict[str, tuple[str, dict[str, Any]]] = {
    "notify": ("finder", {"to_agency": ADDRESSEE}),
    "acknowledge": ("addressee", {}),
    "flag_evidence_at_risk": ("finder", {"reason": "可能灭失"}),
    "arrive": ("addressee", {"officers": ["QP-01"]}),
    "convene_inspection": (
        "finder",
        {"mode": "joint", "at": T, "leader": "WJ-01", "members": ["WJ-01", "QP-01"], "invited": []},
    ),
    "respond_invitation": ("outsider", {"attending": True}),
    "record_inspection": (
        "finder",
        {"finding": "confirmed", "started_at": T, "ended_at": T, "record": "暗管", "damage_found": True},
    ),
    "sign_record": ("finder", {"officer_id": "WJ-01"}),
    "amend_clue": ("finder", {"changes": {"seizure": "查获"}}),
    "add_evidence": ("finder", {"items": [EVIDENCE]}),
    "start_transfer": ("finder", {}),
    "send_transfer": ("finder", {"manifest": [DIGEST]}),
    "send_supplement": ("finder", {"manifest": [DIGEST]}),
    "receive_transfer": ("addressee", {"manifest": [DIGEST]}),
    "return_transfer": ("addressee", {"reason": "不全", "missing": []}),
    "dispute_jurisdiction": ("addressee", {"reason": "不在辖区"}),
    "rule_jurisdiction": ("arbiter", {"agency": OTHER, "reason": "行为地"}),
    "reroute": ("finder", {"to_agency": OTHER, "reason": "派错"}),
    "file_case": ("addressee", {"decision": "filed"}),
    "give_feedback": ("addressee", {"letter_no": "1", "outcome": "penalty", "details": "罚"}),
    "return_feedback": ("finder", {"reason": "不清"}),
    "accept_feedback": ("finder", {}),
    "request_extension": ("finder", {"duty": "evidence_transfer", "days": 2, "reason": "检测"}),
    "decide_extension": ("superior", {"duty": "evidence_transfer", "approved": True, "reason": "可"}),
    "suspend_duty": ("superior", {"duty": "ack", "reason": "鉴定"}),
    "resume_duty": ("superior", {"duty": "ack", "reason": "毕"}),
    "suspend_region": ("superior", {"order_no": "环中1", "region": "31", "reason": "台风"}),
    "resume_region": ("superior", {"order_no": "环中1", "reason": "过境"}),
    "supervise": ("superior", {"order_no": "1", "agency": ADDRESSEE, "demand": "办", "days": 1}),
    "reply_supervision": ("addressee", {"order_no": "1", "reply": "已办"}),
    "open_accountability": ("superior", {"units": [ADDRESSEE], "persons": [], "facts": "推诿"}),
    "decide_accountability": ("superior", {"outcome": "通报", "reason": "属实"}),
    "commend": ("superior", {"units": [FINDER], "persons": [], "facts": "迅速"}),
    "notify_damage": ("finder", {"details": "受损"}),
    "start_damage_investigation": ("addressee", {}),
    "change_rules": ("lawyer", {"change_id": "1", "reason": "修订", "approver": "己", "version": "other"}),
    "merge_into": ("finder", {"clue_no": "XS-2", "reason": "同案"}),
    "withdraw": ("finder", {"reason": "误报"}),
    "close": ("finder", {}),
}
REPORT = {
    "source": "patrol",
    "title": "疑似偷排",
    "matter": "wastewater",
    "discovered_at": T,
    "place": {"region": "310118"},
}


SHORT = with_terms(BOOK, "other", lambda rule: -1)


@dataclass(frozen=True)
class Node:
    state: ClueState
    now: datetime
    events: tuple[Event, ...]
    book: Rulebook = BOOK


def _command(name: str, who: Actor, data: dict[str, Any], n: int) -> Command:
    return Command(f"c{n}", name, who, data, Facts(officers=OFFICERS))


def _start(**more: Any) -> Node:
    now = at("2026-05-11 09:00")
    who = Actor(FINDER, "officer", "甲")
    outcome = handle(blank("XS-1"), _command("report", who, {**REPORT, **more}, 0), now, BOOK)
    return Node(outcome.state, now, outcome.events)


def _key(state: ClueState) -> tuple[Any, ...]:
    """What tells two states apart, instants and words aside."""
    duties = sorted((d.id, d.obliged, d.status, d.level, d.reminded) for d in state.duties if d.owed)
    return (
        state.stage,
        state.to_agency,
        tuple(duties),
        state.sent is not None,
        state.inspection is not None and state.inspection.recorded,
        state.feedback is not None and state.feedback.accepted,
        state.ruled,
        state.reroutes,
        bool(state.evidence),
        bool(state.requests),
        any(not c.decided for c in state.cases),
        tuple((o.ended_at is not None, o.undone) for o in state.suspensions),
    )


def _moves(node: Node) -> Iterator[Node]:
    """Time passing, then every command, by whom it belongs to and by somebody else, now."""
    wakeup = next_wakeup(node.state, node.book)
    for later in [wakeup, node.now + timedelta(days=9)]:
        if later is not None:
            events = tick(node.state, later, node.book)
            yield Node(ticked(node.state, later, node.book), later, (*node.events, *events), node.book)
    for name, (right, data) in ALPHABET.items():
        for who in (right, "outsider"):
            command = _command(name, WHO[who], data, node.state.seq + 1)
            try:
                outcome = handle(node.state, command, node.now, node.book, SHORT)
            except DomainError:  # whose code is one of the contract's, or it would not exist
                continue
            yield Node(outcome.state, node.now, (*node.events, *outcome.events), outcome.rules or node.book)


def _hold(node: Node) -> None:
    """What must be true of every state."""
    state, now = node.state, node.now
    assert fold("XS-1", node.events) == state
    json.dumps(view(state, now, BOOK, days=True), allow_nan=False)
    wakeup = next_wakeup(state, node.book)
    if state.ended:
        assert (holder(state, node.book), wakeup, state.level) == (None, None, 0)
        assert not state.owed
        return
    assert holder(state, node.book)
    assert wakeup is not None
    assert wakeup > now  # nothing due is left undone, and nothing wakes for ever
    assert tick(state, now, node.book) == ()
    far = wakeup + timedelta(days=30)
    half = ticked(state, wakeup, node.book)
    assert (*tick(state, wakeup, node.book), *tick(half, far, node.book)) == tick(state, far, node.book)
    assert evolve(state, tick(state, wakeup, node.book)[0]) != state


def _along(node: Node, *names: str) -> Node:
    """The state after these commands, each by whom it belongs to."""
    for name in names:
        who, data = ALPHABET[name]
        outcome = handle(
            node.state, _command(name, WHO[who], data, node.state.seq + 1), node.now, node.book, SHORT
        )
        node = Node(outcome.state, node.now, (*node.events, *outcome.events), outcome.rules or node.book)
    return node


ROAD = ("add_evidence", "convene_inspection", "record_inspection", "start_transfer", "send_transfer")
STARTS: dict[str, tuple[str, ...]] = {
    "told": (),
    "kept": (),
    "sent": ROAD,
    "handled": (*ROAD, "receive_transfer"),
    "answered": (*ROAD, "receive_transfer", "give_feedback"),
    "disputed": (*ROAD, "dispute_jurisdiction"),
}


@pytest.mark.timeout(3600)
@pytest.mark.parametrize("start", STARTS)
def test_every_state_has_a_holder_and_a_next_wakeup(start: str) -> None:
    # a clue of the finder's own region is kept until a `notify`
    told = {"place": {"region": "320509"}} if start == "kept" else {"to_agency": ADDRESSEE}
    first = _along(_start(**told), *STARTS[start])
    seen = {_key(first.state)}
    edge, accepted = [first], 0
    for _ in range(DEPTH):
        found: list[Node] = []
        for node in edge:
            before = repr(node.state)
            for after in _moves(node):
                accepted += 1
                key = _key(after.state)
                if key not in seen:
                    seen.add(key)
                    _hold(after)
                    found.append(after)
            assert repr(node.state) == before  # neither a refusal nor an outcome touched it
        edge = found
    print(f"from {start}, depth {DEPTH}: {len(seen)} states, {accepted} moves accepted")
    assert len(seen) > 4 ** min(DEPTH, 3)  # else the alphabet has lost its letters
