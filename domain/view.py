"""What a query answers: the contract's JSON for one clue, as of an instant."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from domain import duties
from domain.labels import DUTIES
from domain.lifecycle import next_wakeup, ticked
from domain.model import ClueState, Duty, Json, TimelineEntry, iso, shanghai_day
from domain.packs import Rulebook
from domain.permissions import holder, parties


def view(state: ClueState, as_of: datetime, rules: Rulebook, *, days: bool = False) -> Json:
    """The answer, JSON-ready. `days` adds to each duty its day-by-day reasons.

    The state is ticked to `as_of` first, on a copy: what is shown as due has happened, whether or not a
    timer has woken yet. An instant before the last event shows the state as it is.
    """
    if state.updated_at is not None and as_of > state.updated_at:
        state = ticked(state, as_of, rules)
    wakeup = next_wakeup(state, rules)
    return {
        "clue_no": state.clue_no,
        "stage": state.stage,
        "level": state.level,
        "holder": holder(state, rules),
        "from_agency": state.from_agency,
        "to_agency": state.to_agency,
        "peak_level": state.peak_level,
        "packs": list(state.packs),
        "title": state.clue.get("title", ""),
        "matter": state.clue.get("matter"),
        "discovered_at": _iso(state.discovered_at),
        "age_days": _age(state, as_of),
        "drill": state.drill,
        "closed_at": _iso(state.ended_at),
        "next_wakeup_at": _iso(wakeup),
        "parties": sorted(parties(state, rules)) if state.exists else [],
        "clue": state.clue,
        "placing": state.placing,
        "duties": [_duty(d, as_of, rules, days) for d in state.duties],
        "evidence": [_evidence(state, i) for i in range(len(state.evidence))],
        "cases": [
            {"case_no": c.case_no, "units": list(c.units), "decided": c.decided, "outcome": c.outcome}
            for c in state.cases
        ],
        "merged_into": state.merged_into,
        "merged_from": list(state.merged_from),
        "timeline": [entry(t) for t in state.timeline],
    }


def viewed(
    state: ClueState, as_of: datetime, own: Rulebook | None, loaded: Rulebook, *, days: bool = False
) -> Json:
    """`view` by the clue's own rules; where they are lost by the loaded ones, which the answer then says."""
    seen = view(state, as_of, own or loaded, days=days)
    return seen if own is not None else {**seen, "own_rules": False}


def entry(t: TimelineEntry) -> Json:
    actor: Json | None = None
    if t.actor is not None:
        actor = {"agency": t.actor.agency, "role": t.actor.role, "name": t.actor.name}
    return {"seq": t.seq, "at": iso(t.at), "actor": actor, "event": t.event, "text": t.text}


def _iso(at: datetime | None) -> str | None:
    return None if at is None else iso(at)


def _age(state: ClueState, as_of: datetime) -> int:
    """Shanghai calendar days from discovery to the end, or to now."""
    if state.discovered_at is None:
        return 0
    return (shanghai_day(state.ended_at or as_of) - shanghai_day(state.discovered_at)).days


def overdue_internal(duty: Duty, as_of: datetime) -> bool:
    """Between the internal and the legal date: still in time by law, late by the house's own measure."""
    if duty.status == "open":
        at: datetime | None = as_of
    else:
        at = duty.fulfilled_at if duty.status == "fulfilled" else None
    return at is not None and duty.due_at <= at < duty.legal_due_at


def _duty(duty: Duty, as_of: datetime, rules: Rulebook, days: bool) -> dict[str, Any]:
    out: dict[str, Any] = {
        "id": duty.id,
        "name": DUTIES[duty.id],
        "obliged": duty.obliged,
        "opened_at": iso(duty.opened_at),
        "due_at": iso(duty.due_at),
        "legal_due_at": iso(duty.legal_due_at),
        "status": duty.status,
        "overdue_internal": overdue_internal(duty, as_of),
        "fulfilled_at": _iso(duty.fulfilled_at),
        "paused_days": len(duties.counted_out(duty)),
        "extended_days": duty.extended,
        "provisional": duty.provisional,
        "level": duty.active_level,
        "basis": {
            "pack": duty.pack,
            "article": duty.article,
            "term": duty.term.n,
            "unit": duty.term.unit,
            "unit_basis": duty.unit_basis,
        },
    }
    if duty.cancelled_why:
        out["cancelled_why"] = duty.cancelled_why
    if duty.order_no:
        out["order_no"] = duty.order_no
    if days:
        rows = duties.reasons(duty, rules)
        out["days"] = [{"date": r.date.isoformat(), "counted": r.counted, "why": r.why} for r in rows]
    return out


def _evidence(state: ClueState, i: int) -> Json:
    x = state.evidence[i]
    return {
        "name": x.name,
        "sha256": x.sha256,
        "size": x.size,
        "kind": x.kind,
        "custodian": x.custodian,
        "usable": x.usable,
    }
