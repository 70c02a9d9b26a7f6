"""What the events say, as rows of the tables for reading. Pure; flush and rebuild both build from here."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any

from domain.chain import Sealed, opened
from domain.evolve import evolve
from domain.lifecycle import next_wakeup
from domain.model import ClueState, Duty, Event, iso
from domain.notices import Notice, notices_for
from domain.packs import Rulebook
from domain.permissions import holder, parties
from domain.traces import traces
from ledger import codec
from ledger.events import Tip

Row = dict[str, Any]
STAYED = "stayed"  # no event: the report handed the clue to nobody
ACKNOWLEDGED = "acknowledged"  # the event by which an agency says that it has what was sent to it


@dataclass(frozen=True)
class Derived:
    """What a run of events leads to.

    `acknowledged`: the first acknowledgement of each agency, which counts for the notices that it had
    before; those among `notices` carry it already.
    """

    state: ClueState
    events: tuple[Row, ...]
    notices: tuple[Row, ...]
    acknowledged: Mapping[str, datetime]


def derive(state: ClueState, sealed: Iterable[Sealed], rules: Rulebook) -> Derived:
    """Fold the events onto `state`, and collect the notices that they give rise to."""
    events: list[Row] = []
    notices: list[Row] = []
    acknowledged: dict[str, datetime] = {}
    for item in sealed:
        event, before = opened(item), state
        events.append(event_row(item, event))
        state = evolve(before, event)
        if event.type == ACKNOWLEDGED and event.actor is not None:
            acknowledged.setdefault(event.actor.agency, event.at)
            for row in notices:
                if row["to_agency"] == event.actor.agency and row["acknowledged_at"] is None:
                    row["acknowledged_at"] = iso(event.at)
        told = notices_for(before, event, state, rules)
        notices.extend(notice_row(item, i, event, notice, state.drill) for i, notice in enumerate(told))
    return Derived(state, tuple(events), tuple(notices), acknowledged)


def event_row(sealed: Sealed, event: Event) -> Row:
    return _clean(
        {
            "clue_no": sealed.clue_no,
            "seq": sealed.seq,
            "type": event.type,
            "at": iso(event.at),
            "command_id": event.command_id,
            "body": sealed.body,
            "prev_hash": sealed.prev_hash,
            "hash": sealed.hash,
        }
    )


def clue_row(state: ClueState, tip: Tip, rules: Rulebook) -> Row:
    return {
        **shown(state, rules),
        "wakeup_at": _iso(next_wakeup(state, rules)),
        "last_seq": tip.seq,
        "last_hash": tip.hash,
        "kinds": kinds(state),
        "state": codec.encode(state),
    }


def kinds(state: ClueState) -> list[str]:
    """Every kind of event in the clue's log, once, sorted; and `STAYED`, where the report named no addressee."""
    found = {entry.event for entry in state.timeline}
    report = next(iter(state.answers.values()), None)
    told = next((entry.seq for entry in state.timeline if entry.event == "notified"), None)
    if report is not None and (told is None or told > report.seq):
        found.add(STAYED)
    return sorted(found)


def shown(state: ClueState, rules: Rulebook) -> Row:
    """Of the clue's row, what a list shows."""
    due = next_due(state)
    return _clean(
        {
            "clue_no": state.clue_no,
            "stage": state.stage,
            "from_agency": state.from_agency,
            "to_agency": state.to_agency,
            "holder": holder(state, rules),
            "matter": state.clue.get("matter", ""),
            "title": state.clue.get("title", ""),
            "drill": state.drill,
            "discovered_at": _iso(state.discovered_at),
            "ended_at": _iso(state.ended_at),
            "packs": list(state.packs),
            "parties": sorted(parties(state, rules)) if state.exists else [],
            "next_due_at": _iso(due.due_at if due else None),
            "next_due_id": due.id if due else None,
            "level": state.level,
            "peak_level": state.peak_level,
        }
    )


def next_due(state: ClueState) -> Duty | None:
    """The duty with the earliest `due_at` among those owed and not suspended."""
    running = [d for d in state.owed if not d.suspended]
    return min(running, key=lambda d: (d.due_at, d.n), default=None)


def duty_rows(before: ClueState | None, after: ClueState) -> list[Row]:
    """The duties of `after` that `before` doesn't have in the same form."""
    known = before.duties if before else ()
    return [_duty_row(after.clue_no, d) for d in after.duties if d.n >= len(known) or known[d.n] != d]


def _duty_row(clue_no: str, duty: Duty) -> Row:
    paused = next((p.start for p in reversed(duty.pauses) if p.end is None), None)
    return _clean(
        {
            "clue_no": clue_no,
            "n": duty.n,
            "id": duty.id,
            "obliged": duty.obliged,
            "opened_at": iso(duty.opened_at),
            "trigger_at": iso(duty.trigger_at),
            "due_at": iso(duty.due_at),
            "legal_due_at": iso(duty.legal_due_at),
            "provisional": duty.provisional,
            "pack": duty.pack,
            "article": duty.article,
            "term_n": duty.term.n,
            "term_unit": duty.term.unit,
            "unit_basis": duty.unit_basis,
            "escalates": duty.escalates,
            "order_no": duty.order_no,
            "suspended_at": _iso(paused if duty.suspended else None),
            "extended": duty.extended,
            "breached_at": _iso(duty.breached_at),
            "level": duty.level,
            "fulfilled_at": _iso(duty.fulfilled_at),
            "was_late": duty.was_late,
            "cancelled_at": _iso(duty.cancelled_at),
            "cancelled_why": duty.cancelled_why,
        }
    )


def trace_rows(before: ClueState | None, after: ClueState) -> list[Row] | None:
    """All traces of the clue in plain words, to be digested on writing; None where they are as before."""
    if after.discovered_at is None or (before is not None and before.clue == after.clue):
        return None
    at = iso(after.discovered_at)
    return [
        _clean({"clue_no": after.clue_no, "at": at, "drill": after.drill, **asdict(trace)})
        for trace in traces(after.clue)
    ]


def notice_row(sealed: Sealed, ordinal: int, event: Event, notice: Notice, drill: bool) -> Row:
    """`delivered_at` is left to the database: the instant at which the row is written."""
    return _clean(
        {
            "id": notice_id(sealed.clue_no, sealed.seq, notice.to, notice.kind, ordinal),
            "to_agency": notice.to,
            "clue_no": sealed.clue_no,
            "seq": sealed.seq,
            "kind": notice.kind,
            "title": notice.title,
            "text": notice.text,
            "duty": notice.duty,
            "drill": drill,
            "created_at": iso(event.at),
            "delivered_at": None,
            "read_at": None,
            "acknowledged_at": None,
        }
    )


def notice_id(clue_no: str, seq: int, to: str, kind: str, ordinal: int) -> str:
    """The same for the same notice however often it is written: 24 hex digits."""
    return hashlib.sha256(f"{clue_no}\n{seq}\n{to}\n{kind}\n{ordinal}".encode()).hexdigest()[:24]


def _iso(at: datetime | None) -> str | None:
    return None if at is None else iso(at)


def _clean(row: Row) -> Row:
    """PostgreSQL's text can't hold NUL; the record can (it is JSON), and one such letter must not stop it."""
    return {k: v.replace("\x00", "�") if isinstance(v, str) else v for k, v in row.items()}
