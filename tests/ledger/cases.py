"""Real lives of clues for the ledger's tests, made by the core itself."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

from domain.chain import GENESIS, Sealed, seal
from domain.errors import DomainError
from domain.evolve import evolve
from domain.lifecycle import handle, tick
from domain.model import SHANGHAI, Actor, ClueState, Command, blank
from domain.packs import Rulebook
from runtime.facts import Placer, facts_for
from runtime.rules import load_rules

START = datetime(2024, 4, 3, 16, 20, tzinfo=SHANGHAI)
FINDER, ADDRESSEE = "320583.eco", "310118.eco"
DIGEST = hashlib.sha256(b"photo").hexdigest()


def rulebook() -> Rulebook:
    return load_rules().rulebook


class Case:
    """One clue whose events are kept sealed, as its workflow would. `placer`: None goes by named regions alone."""

    placer: Placer | None = None

    def __init__(self, clue_no: str = "XS-320583-20240403-0001", at: datetime = START) -> None:
        self.clue_no, self.at = clue_no, at
        self.state: ClueState = blank(clue_no)
        self.sealed: list[Sealed] = []
        self._commands = 0

    @property
    def hash(self) -> str:
        return self.sealed[-1].hash if self.sealed else GENESIS

    def do(
        self,
        name: str,
        agency: str,
        data: dict[str, Any] | None = None,
        *,
        role: str = "officer",
        after: timedelta = timedelta(minutes=10),
        rules: Rulebook | None = None,
    ) -> tuple[Sealed, ...]:
        """One command `after` the last; the events that it gave. DomainError when it is refused."""
        self.at += after
        self._commands += 1
        actor, data = Actor(agency, role, "甲"), data or {}
        facts = facts_for(load_rules(), name, data, actor, self.at.date(), placer=self.placer)
        command = Command(f"{self.clue_no}-{self._commands}", name, actor, data, facts)
        outcome = handle(self.state, command, self.at, rulebook(), rules)
        return self._keep(outcome.state, seal(self.clue_no, len(self.sealed), self.hash, outcome.events))

    def change_rules(self, rules: Rulebook) -> Case:
        data = {"change_id": "A", "reason": "修订", "approver": "张", "version": rules.version}
        self.do("change_rules", "000000.eco", data, role="legal", rules=rules)
        return self

    def wait(self, time: timedelta) -> tuple[Sealed, ...]:
        """Lets the clocks run."""
        self.at += time
        events = tick(self.state, self.at, rulebook())
        state = self.state
        for event in events:
            state = evolve(state, event)
        return self._keep(state, seal(self.clue_no, len(self.sealed), self.hash, events))

    def _keep(self, state: ClueState, sealed: tuple[Sealed, ...]) -> tuple[Sealed, ...]:
        self.state = state
        self.sealed.extend(sealed)
        return sealed

    def report(self, **changes: Any) -> tuple[Sealed, ...]:
        clue = {
            "clue_no": self.clue_no,
            "source": "checkpoint",
            "title": "两船疑似跨省转移建筑垃圾",
            "matter": "construction_waste",
            "discovered_at": (self.at - timedelta(minutes=20)).isoformat(),
            "place": {"region": "320583"},
            "from_agency": FINDER,
            "to_agency": ADDRESSEE,
            "seizure": "两艘船",
            "suspects": [{"kind": "person", "name": "某某"}],
            "waste": {"type": "建筑垃圾", "origin": "青浦", "quantity_t": 1000, "destination": "泰兴"},
        }
        return self.do("report", changes.get("from_agency", FINDER), {**clue, **changes})


def reported(clue_no: str = "XS-320583-20240403-0001", at: datetime = START, **changes: Any) -> Case:
    case = Case(clue_no, at)
    case.report(**changes)
    return case


STEPS: Sequence[tuple[str, str, str, dict[str, Any]]] = (
    ("acknowledge", ADDRESSEE, "liaison", {}),
    ("add_evidence", FINDER, "officer", {"items": [
        {"name": "甲船.jpg", "sha256": DIGEST, "size": 5, "media_type": "image/jpeg", "kind": "photo"}]}),
    ("start_transfer", FINDER, "approver", {}),
    ("send_transfer", FINDER, "officer", {"manifest": [DIGEST]}),
    ("receive_transfer", ADDRESSEE, "officer", {"manifest": [DIGEST]}),
    ("file_case", ADDRESSEE, "officer", {"decision": "filed", "case_no": "立1号"}),
    ("give_feedback", ADDRESSEE, "officer", {"letter_no": "复1号", "outcome": "penalty", "details": "罚"}),
    ("accept_feedback", FINDER, "officer", {}),
    ("close", FINDER, "officer", {}),
)  # fmt: skip


def whole(clue_no: str = "XS-320583-20240403-0001", at: datetime = START) -> Case:
    """From the report to the end, every step in time."""
    case = reported(clue_no, at)
    for name, agency, role, data in STEPS:
        case.do(name, agency, data, role=role)
    return case


OTHERS: Sequence[tuple[str, str, str, dict[str, Any]]] = (
    ("flag_evidence_at_risk", FINDER, "officer", {"reason": "要开船"}),
    ("arrive", ADDRESSEE, "officer", {"officers": ["QP-01"]}),
    ("return_transfer", ADDRESSEE, "officer", {"reason": "缺件", "missing": ["笔录"]}),
    ("dispute_jurisdiction", ADDRESSEE, "officer", {"reason": "不在本地"}),
    ("rule_jurisdiction", "000000.eco", "supervisor", {"agency": ADDRESSEE, "reason": "行为地"}),
    ("reroute", FINDER, "officer", {"to_agency": "320509.eco", "reason": "误派"}),
    ("acknowledge", "320509.eco", "officer", {}),
    ("request_extension", ADDRESSEE, "officer", {"duty": "written_feedback", "days": 5, "reason": "复杂"}),
    ("suspend_duty", "310000.eco", "supervisor", {"duty": "written_feedback", "reason": "鉴定"}),
    ("resume_duty", "310000.eco", "supervisor", {"duty": "written_feedback", "reason": "鉴定毕"}),
    ("supervise", "310000.eco", "supervisor", {
        "order_no": "督1号", "agency": ADDRESSEE, "demand": "速办", "days": 3}),
    ("reply_supervision", ADDRESSEE, "officer", {"order_no": "督1号", "reply": "已办"}),
    ("return_feedback", FINDER, "officer", {"reason": "不清楚"}),
    ("withdraw", FINDER, "officer", {"reason": "重复"}),
)  # fmt: skip
MOVES = (*STEPS, *OTHERS)


def played(clue_no: str, moves: Sequence[tuple[int, int]], at: datetime = START) -> Case:
    """A life by chance: each move is (hours that pass, place in MOVES); what is refused is left out."""
    case = reported(clue_no, at)
    for hours, which in moves:
        case.wait(timedelta(hours=hours))
        name, agency, role, data = MOVES[which]
        try:
            case.do(name, agency, data, role=role)
        except DomainError:
            continue
    return case
