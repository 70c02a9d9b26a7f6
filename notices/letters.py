"""From notices to a message: what is due and whose turn it is, and nothing that names a suspect or a reporter."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from domain.calendar import last_day_of
from domain.labels import DUTIES, UNIT_BASES
from domain.lifecycle import ticked
from domain.masking import concealed, masked
from domain.model import ClueState, Duty
from domain.notices import KINDS
from domain.permissions import holder
from domain.text import when
from ledger import codec
from ledger.delivery import Leased
from notices.message import Message
from notices.templates import Templates
from runtime.rules import Rules

WEEKDAYS: Final = "一二三四五六日"
_AGENCY: Final = re.compile(r" ?(?<![0-9A-Za-z.])((?:\d{6}|group)\.[a-z][a-z0-9_-]*) ?")
SAMPLE_CLUE: Final = "XS-000000-20240403-0000"


@dataclass(frozen=True)
class Writer:
    """Writes messages. `public_url`: what links begin with, None where the page has no address outside."""

    rules: Rules
    templates: Templates
    public_url: str | None = None

    def letter(self, leased: Sequence[Leased], now: datetime) -> Message:
        """One message for one notice, or a digest for several of one agency."""
        items = [self._item(row, now) for row in leased]
        drill = all(bool(row.drill) for row in leased)
        return self._message(leased[0].agency, items, drill=drill, test=False)

    def test(self, agency: str, now: datetime, *, drill: bool = False) -> Message:
        """A message that only shows whether a channel works."""
        return self._message(agency, [sample(agency, now, self.public_url)], drill=drill, test=True)

    def _message(self, agency: str, items: list[dict[str, Any]], *, drill: bool, test: bool) -> Message:
        ids = [item["id"] for item in items]
        name = self.rules.agency_name(agency)
        context = {"agency": name, "items": items, "digest": len(items) > 1, "drill": drill, "test": test}
        data = {"id": joint_id(ids), "agency": agency, "drill": drill, "test": test, "notices": items}
        return self.templates.render(joint_id(ids), context, data)

    def _item(self, row: Leased, now: datetime) -> dict[str, Any]:
        state = codec.decode(row.state) if row.state else None
        clue = state.clue if state is not None else {}
        state = _now(state, now, self.rules)
        due = _due(state, row)
        turn = holder(state, self.rules.rulebook) if state is not None else None
        return {
            "id": row.notice_id,
            "kind": row.notice_kind or "other",
            "kind_word": KINDS.get(row.notice_kind or "other", ""),
            "title": self._said(row.title or "", clue),
            "text": self._said(row.text or "", clue),
            "clue_no": row.clue_no,
            "due_name": DUTIES[due.id] if due else "",
            "due": spoken(due.due_at) if due else "",
            "marks": marks(due) if due else [],
            "turn": self.rules.agency_name(turn) if turn else "",
            "link": link(self.public_url, row.clue_no),
        }

    def _said(self, text: str, clue: Any) -> str:
        named = _AGENCY.sub(lambda found: self.rules.agency_name(found[1]), text)
        return concealed(named, clue) if clue else masked(named)


def joint_id(ids: Sequence[str]) -> str:
    """The notice's own id, or one for a digest of just these."""
    if len(ids) == 1:
        return ids[0]
    return hashlib.sha256("\n".join(sorted(ids)).encode()).hexdigest()[:24]


def link(public_url: str | None, clue_no: str) -> str:
    return f"{public_url}/clues/{clue_no}" if public_url else ""


def spoken(at: datetime) -> str:
    """A date with its weekday, which is that of the day then ending: 2024-04-09 24:00（周二）."""
    return f"{when(at)}（周{WEEKDAYS[last_day_of(at).weekday()]}）"


def marks(duty: Duty) -> list[str]:
    """What must be said wherever a date is shown (contract, "Counting")."""
    basis = [] if duty.unit_basis == "explicit" else [UNIT_BASES[duty.unit_basis]]
    return [*basis, "暂定"] if duty.provisional else basis


def _now(state: ClueState | None, now: datetime, rules: Rules) -> ClueState | None:
    if state is None or state.updated_at is None or now <= state.updated_at:
        return state
    return ticked(state, now, rules.rulebook)


def _due(state: ClueState | None, row: Leased) -> Duty | None:
    """The duty that the notice is about, else what its agency owes first on this clue."""
    if state is None:
        return None
    if row.duty is not None:
        return next((d for d in reversed(state.duties) if d.id == row.duty), None)
    mine = [d for d in state.owed if d.obliged == row.agency and not d.suspended]
    return min(mine, key=lambda d: (d.due_at, d.n), default=None)


def sample(agency: str, now: datetime, public_url: str | None = None) -> dict[str, Any]:
    """An item as templates get it, of no real clue."""
    return {
        "id": hashlib.sha256(f"test\n{agency}\n{now.isoformat()}".encode()).hexdigest()[:24],
        "kind": "other",
        "kind_word": KINDS["other"],
        "title": "渠道测试",
        "text": "这条消息由线索通发出，用来核对渠道。",
        "clue_no": SAMPLE_CLUE,
        "due_name": DUTIES["ack"],
        "due": spoken(now),
        "marks": [UNIT_BASES["agreed"]],
        "turn": "",
        "link": public_url or "",
    }


def samples(now: datetime) -> list[dict[str, Any]]:
    """Contexts that a template must bear: one notice, a bare one, a digest, a drill, a test."""
    full = sample("000000.eco", now, "https://example.org")
    bare = {**full, "due": "", "due_name": "", "marks": [], "turn": "", "link": ""}
    base: dict[str, Any] = {"agency": "某机构", "digest": False, "drill": False, "test": False}
    return [
        {**base, "items": [full]},
        {**base, "items": [bare]},
        {**base, "items": [full, bare], "digest": True},
        {**base, "items": [full], "drill": True},
        {**base, "items": [bare], "test": True},
    ]
