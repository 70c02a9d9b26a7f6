"""Telling a clue's life in a few words, for the tests of the core."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from domain.errors import DomainError
from domain.evolve import evolve
from domain.lifecycle import handle, tick, ticked
from domain.model import Actor, ClueState, Command, Event, Officer, blank, shanghai_day
from domain.packs import Rulebook
from domain.view import view
from runtime.facts import facts_for
from runtime.rules import load_rules
from tests.oracle.cases import OFFICERS

RULES = load_rules()
BOOK = RULES.rulebook
DIGEST = "a" * 64
OTHER_DIGEST = "b" * 64
EVIDENCE = {"name": "笔录", "sha256": DIGEST, "size": 1, "media_type": "application/pdf", "kind": "record"}


def at(text: str) -> datetime:
    """ "2026-05-11 09:00" in Shanghai."""
    return datetime.fromisoformat(f"{text}+08:00")


def actor(text: str) -> Actor:
    """ "310118.eco approver" or "310118.eco officer QP-01"."""
    agency, role, *person = text.split()
    return Actor(agency, role, "某人", person[0] if person else None)


@dataclass
class Story:
    """One clue of the core, told step by step; every step also folds its events again."""

    packs: tuple[str, ...] | None = None
    officers: tuple[Officer, ...] | None = OFFICERS
    state: ClueState = field(init=False)
    events: list[Event] = field(default_factory=list)
    n: int = 0
    book: Rulebook = BOOK
    coming: Rulebook = BOOK

    def __post_init__(self) -> None:
        self.state = blank("XS-1", self.packs)

    def command(self, when: str, name: str, who: str, data: dict[str, Any], id: str | None = None) -> Command:
        self.n += 1
        someone = actor(who)
        facts = facts_for(RULES, name, data, someone, shanghai_day(at(when)), self.officers)
        return Command(id or f"c{self.n}", name, someone, data, facts)

    def do(self, when: str, name: str, who: str, /, id: str | None = None, **data: Any) -> Story:
        command = self.command(when, name, who, data, id)
        outcome = handle(self.state, command, at(when), self.book, self.coming)
        folded = self.state
        for event in outcome.events:
            folded = evolve(folded, event)
        assert folded == outcome.state
        self.events += outcome.events
        self.state = outcome.state
        self.book = outcome.rules or self.book
        return self

    def change(self, when: str, rules: Rulebook, id: str, undoes: str | None = None, **more: Any) -> Story:
        """Move the clue to other rules."""
        self.coming = rules
        data = {"change_id": id, "reason": "办法修订", "approver": "某人", "version": rules.version} | more
        data |= {"undoes": undoes} if undoes else {}
        return self.do(when, "change_rules", "000000.eco legal", **data)

    def refused(self, when: str, name: str, who: str, /, **data: Any) -> str:
        """The error code; a command that is accepted gives "accepted"."""
        before = self.state
        try:
            handle(before, self.command(when, name, who, data), at(when), self.book, self.coming)
        except DomainError as error:
            assert self.state is before
            return error.code
        return "accepted"

    def look(self, when: str) -> dict[str, Any]:
        return view(self.state, at(when), self.book)

    def pass_to(self, when: str) -> Story:
        """Let the clocks run, and keep what they do."""
        self.events += tick(self.state, at(when), self.book)
        self.state = ticked(self.state, at(when), self.book)
        return self

    def duty(self, ident: str, when: str) -> dict[str, Any]:
        """The newest duty of that id as of then."""
        found: dict[str, Any] = [d for d in self.look(when)["duties"] if d["id"] == ident][-1]
        return found

    def status(self, ident: str, when: str) -> str:
        return str(self.duty(ident, when)["status"])

    def legal(self, ident: str, when: str) -> str:
        return str(self.duty(ident, when)["legal_due_at"])[:16].replace("T", " ")

    def kinds(self) -> list[str]:
        return [e.type for e in self.events]


def reported(when: str = "2026-05-11 09:00", packs: tuple[str, ...] | None = None, **more: Any) -> Story:
    """Wujiang finds, Qingpu is told; wastewater, so that only `qwj-2020` and the packs for all apply."""
    data = {
        "source": "patrol",
        "title": "疑似偷排",
        "matter": "wastewater",
        "discovered_at": f"{when}+08:00",
        "place": {"region": "310118"},
        "to_agency": "310118.eco",
    }
    data |= more
    return Story(packs).do(
        when, "report", "320509.eco officer", **{k: v for k, v in data.items() if v is not None}
    )


FINDER = "320509.eco"
ADDRESSEE = "310118.eco"


def inspected(story: Story, day: str = "2026-05-11", **more: Any) -> Story:
    """A joint inspection at 14:00 that confirms the finding at 16:00 (the place is Qingpu)."""
    story.do(
        f"{day} 10:00", "convene_inspection", "320509.eco officer WJ-01",
        mode="joint", at=f"{day}T14:00+08:00", leader="WJ-01", members=["WJ-01", "QP-01"], invited=[],
    )  # fmt: skip
    return story.do(
        f"{day} 16:00", "record_inspection", "320509.eco officer WJ-01", finding="confirmed",
        started_at=f"{day}T14:00+08:00", ended_at=f"{day}T15:30+08:00", record="暗管一处", **more,
    )  # fmt: skip


def sent(story: Story, day: str = "2026-05-12") -> Story:
    story.do(f"{day} 09:00", "add_evidence", "320509.eco officer", items=[EVIDENCE])
    story.do(f"{day} 09:10", "start_transfer", "320509.eco approver")
    return story.do(f"{day} 09:20", "send_transfer", "320509.eco officer", manifest=[DIGEST])


def received(story: Story, day: str = "2026-05-13") -> Story:
    return story.do(f"{day} 09:00", "receive_transfer", "310118.eco registrar", manifest=[DIGEST])


def fed_back(story: Story, day: str = "2026-05-20") -> Story:
    return story.do(
        f"{day} 09:00", "give_feedback", "310118.eco approver", letter_no="馈1号", outcome="penalty",
        details="已处罚",
    )  # fmt: skip
