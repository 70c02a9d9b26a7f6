"""Folding events into state. Pure and total: it needs no rules, since events carry every date they set."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from datetime import datetime
from typing import Any

from domain import duties, moves, text
from domain.model import (
    Answer,
    BeforeMerging,
    Case,
    ClueState,
    Duty,
    Event,
    Evidence,
    ExtensionRequest,
    Feedback,
    Inspection,
    Json,
    Order,
    Pause,
    RegionSuspension,
    RuleChange,
    Sent,
    TimelineEntry,
    blank,
    instant,
)
from domain.model import changed as replace


def evolve(state: ClueState, event: Event) -> ClueState:
    """The state after `event`; the event becomes number `state.seq + 1` of the clue."""
    after = _FOLDS[event.type](state, event)
    seq = state.seq + 1
    entry = TimelineEntry(seq, event.at, event.actor, event.type, text.sentence(state, event))
    after = replace(
        after,
        seq=seq,
        updated_at=event.at,
        peak_level=_peak(state, after),
        timeline=(*state.timeline, entry),
    )
    if event.actor is not None and event.actor.officer_id is not None:
        seen = {**after.seen_officers, event.actor.officer_id: event.actor.agency}
        after = replace(after, seen_officers=seen) if seen != after.seen_officers else after
    return _answered(after, event) if event.command_id is not None else after


def quietly(state: ClueState, event: Event) -> ClueState:
    """As `evolve`, without what no clock asks for: the timeline, the answers, who was seen acting."""
    after = _FOLDS[event.type](state, event)
    made: ClueState = replace(after, seq=state.seq + 1, updated_at=event.at, peak_level=_peak(state, after))
    return made


def _peak(before: ClueState, after: ClueState) -> int:
    return before.peak_level if after.duties is before.duties else max(before.peak_level, after.level)


def fold(clue_no: str, events: Iterable[Event]) -> ClueState:
    state = blank(clue_no)
    for event in events:
        state = evolve(state, event)
    return state


def _answered(state: ClueState, event: Event) -> ClueState:
    """Remember what the command answers, so that it can be given again; the last of its events counts."""
    assert event.command_id is not None
    first = state.answers.get(event.command_id)
    answer = Answer(
        command_id=event.command_id,
        digest=event.digest or (first.digest if first else ""),
        clue_no=state.clue_no,
        at=event.at,
        seq=state.seq,
        stage=state.stage,
        level=state.level,
        letter_no=event.data.get("letter_no") or (first.letter_no if first else None),
    )
    return replace(state, answers={**state.answers, event.command_id: answer})


def merged(old: Json, changes: Json) -> Json:
    """`changes` over `old`, key by key; lists are replaced whole."""
    out = dict(old)
    for key, value in changes.items():
        both = isinstance(value, dict) and isinstance(out.get(key), dict)
        out[key] = merged(out[key], value) if both else value
    return out


# --- the clue itself -------------------------------------------------------------------------------


def _reported(s: ClueState, e: Event) -> ClueState:
    clue = e.data["clue"]
    return replace(
        s,
        stage="discovered",
        clue=clue,
        from_agency=e.data["from_agency"],
        packs=tuple(e.data["packs"]),
        packs_fixed=e.data.get("packs_fixed", False),
        drill=bool(clue.get("drill", False)),
        placing=e.data.get("placing"),
        discovered_at=instant(clue["discovered_at"]),
    )


def _notified(s: ClueState, e: Event) -> ClueState:
    """A notice; `addressee` is set where it is the one that hands the clue to somebody."""
    addressee = e.data.get("addressee")
    if addressee is None:
        return s
    packs = tuple(e.data.get("packs", s.packs))
    return replace(s, stage="notified", to_agency=addressee, packs=packs)


def _amended(s: ClueState, e: Event) -> ClueState:
    placing = e.data.get("placing", s.placing)
    return replace(s, clue=merged(s.clue, e.data["changes"]), placing=placing)


def _evidence(s: ClueState, e: Event) -> ClueState:
    kept = {x.sha256: x for x in s.evidence}
    for item in e.data["items"]:
        old = kept.get(item["sha256"])
        if old is not None:  # the same bytes again: only a review is news
            kept[old.sha256] = replace(
                old, monitor_reviewed=old.monitor_reviewed or item.get("monitor_reviewed", False)
            )
            continue
        kept[item["sha256"]] = Evidence(
            name=item["name"],
            sha256=item["sha256"],
            size=item["size"],
            media_type=item["media_type"],
            kind=item["kind"],
            custodian=e.data["custodian"],
            added_at=e.at,
            taken_at=item.get("taken_at"),
            taken_by=item.get("taken_by"),
            monitor_reviewed=item.get("monitor_reviewed", False),
        )
    return replace(s, evidence=tuple(kept.values()))


# --- inspection ------------------------------------------------------------------------------------


def _convened(s: ClueState, e: Event) -> ClueState:
    members = tuple(e.data["members"])
    inspection = Inspection(
        e.data["mode"], e.data["leader"], e.data["leader_agency"], members, instant(e.data["at"])
    )
    return replace(
        s,
        stage="inspecting",
        inspection=inspection,
        inspectors=tuple(dict.fromkeys([*s.inspectors, inspection.leader, *members])),
        invited=tuple(dict.fromkeys([*s.invited, *e.data["invited"]])),
    )


def _recorded(s: ClueState, e: Event) -> ClueState:
    assert s.inspection is not None
    return replace(s, inspection=replace(s.inspection, recorded=True, finding=e.data["finding"]))


def _signed(s: ClueState, e: Event) -> ClueState:
    assert s.inspection is not None
    signed = tuple(dict.fromkeys([*s.inspection.signed, e.data["officer_id"]]))
    return replace(s, inspection=replace(s.inspection, signed=signed))


# --- transfer --------------------------------------------------------------------------------------


def _started(s: ClueState, e: Event) -> ClueState:
    return replace(s, stage="transferring", started=True)


def _sent(s: ClueState, e: Event) -> ClueState:
    assert e.command_id is not None
    sent = Sent(e.data["letter_no"], tuple(e.data["manifest"]), e.at, e.command_id)
    return replace(s, sent=sent, supplements=(), letters=s.letters + 1)


def _supplemented(s: ClueState, e: Event) -> ClueState:
    return replace(s, supplements=tuple(dict.fromkeys([*s.supplements, *e.data["manifest"]])))


def _received(s: ClueState, e: Event) -> ClueState:
    taken = set(e.data["manifest"])
    custodian = s.to_agency or s.from_agency
    evidence = tuple(replace(x, custodian=custodian) if x.sha256 in taken else x for x in s.evidence)
    return replace(s, stage="handling", evidence=evidence)


def _returned(s: ClueState, e: Event) -> ClueState:
    return replace(s, sent=None, supplements=())


# --- jurisdiction ----------------------------------------------------------------------------------


def _disputed(s: ClueState, e: Event) -> ClueState:
    return replace(s, stage="disputed", stage_before_dispute=s.stage)


def _new_addressee(s: ClueState, agency: str) -> ClueState:
    """From the notice on again; nothing was sent to this one, and no feedback is from it."""
    return replace(
        s, stage="notified", to_agency=agency, started=False, sent=None, supplements=(), feedback=None,
        stage_before_dispute=None,
    )  # fmt: skip


def _ruled(s: ClueState, e: Event) -> ClueState:
    agency = e.data["agency"]
    s = replace(s, ruled=True)
    if agency != s.to_agency:
        return _new_addressee(s, agency)
    if s.stage == "disputed":
        return replace(s, stage=s.stage_before_dispute, stage_before_dispute=None)
    return s


def _rerouted(s: ClueState, e: Event) -> ClueState:
    return replace(_new_addressee(s, e.data["to_agency"]), reroutes=s.reroutes + 1)


# --- feedback and the end --------------------------------------------------------------------------


def _feedback(s: ClueState, e: Event) -> ClueState:
    assert e.command_id is not None
    given = Feedback(e.data["letter_no"], e.data["outcome"], e.at, e.command_id)
    return replace(s, stage="feedback", feedback=given)


def _feedback_returned(s: ClueState, e: Event) -> ClueState:
    return replace(s, stage="handling", feedback=None)


def _feedback_accepted(s: ClueState, e: Event) -> ClueState:
    assert s.feedback is not None
    return replace(s, feedback=replace(s.feedback, accepted=True))


def _closed(s: ClueState, e: Event) -> ClueState:
    return replace(s, stage="closed", ended_at=e.at)


def _withdrawn(s: ClueState, e: Event) -> ClueState:
    return replace(s, stage="withdrawn", ended_at=e.at)


def _taken_in(s: ClueState, e: Event) -> ClueState:
    return replace(s, merged_from=tuple(dict.fromkeys([*s.merged_from, e.data["clue_no"]])))


def _merged(s: ClueState, e: Event) -> ClueState:
    before = BeforeMerging(s.stage, s.owed)
    return replace(s, stage="merged", ended_at=e.at, merged_into=e.data["clue_no"], before_merging=before)


def _back(d: Duty, at: datetime) -> Duty:
    ran_out = d.breached_at is None and not d.suspended and d.legal_due_at <= at
    return replace(d, late_from=at) if ran_out else d


def _merge_undone(s: ClueState, e: Event) -> ClueState:
    """As if it had never been merged; what has run out meanwhile the next tick finds. Nobody could act while the clue
    had ended, so the ladder of that begins now.
    """
    before = s.before_merging
    assert before is not None
    owed = {d.n: _back(d, e.at) for d in before.owed}
    return replace(
        s,
        stage=before.stage,
        ended_at=None,
        merged_into=None,
        before_merging=None,
        duties=tuple(owed.get(d.n, d) for d in s.duties),
    )


# --- stepping in -----------------------------------------------------------------------------------


def _extension_requested(s: ClueState, e: Event) -> ClueState:
    request = ExtensionRequest(e.data["n"], e.data["days"], e.at)
    return replace(s, requests=(*(r for r in s.requests if r.duty_n != request.duty_n), request))


def _extension_decided(s: ClueState, e: Event) -> ClueState:
    return replace(s, requests=tuple(r for r in s.requests if r.duty_n != e.data["n"]))


def _supervised(s: ClueState, e: Event) -> ClueState:
    order = Order(e.data["order_no"], e.data["agency"], e.data["demand"])
    return replace(s, orders=(*s.orders, order))


def _supervision_replied(s: ClueState, e: Event) -> ClueState:
    no = e.data["order_no"]
    return replace(s, orders=tuple(replace(o, replied=True) if o.order_no == no else o for o in s.orders))


def _case_opened(s: ClueState, e: Event) -> ClueState:
    case = Case(
        e.data["case_no"], tuple(e.data["units"]), tuple(e.data["persons"]), e.at, by_engine=e.actor is None
    )
    return replace(s, cases=(*s.cases, case))


def _case_decided(s: ClueState, e: Event) -> ClueState:
    return replace(
        s,
        cases=tuple(
            replace(c, decided=True, outcome=e.data["outcome"]) if c.case_no == e.data["case_no"] else c
            for c in s.cases
        ),
    )


# --- rules -----------------------------------------------------------------------------------------


def _rules_changed(s: ClueState, e: Event) -> ClueState:
    by_n = {move["n"]: move for move in e.data["moves"]}
    after = tuple(moves.moved(d, by_n[d.n]) if d.n in by_n else d for d in s.duties)
    undoes = e.data.get("undoes")
    past = tuple(
        replace(c, undone=True, owed=()) if undoes and c.change_id == undoes else c for c in s.rule_changes
    )
    change = RuleChange(
        e.data["change_id"],
        e.at,
        e.data["from_version"],
        e.data["version"],
        undoes,
        owed=() if undoes else s.owed,
    )
    return replace(s, duties=after, rule_changes=(*past, change))


def _reopened(s: ClueState, e: Event) -> ClueState:
    """Done meanwhile: a breach from before a change of rules is not what going back would restore."""
    s = _on_duty(_duty_reopened)(s, e)
    if not s.rule_changes:
        return s
    n = e.data["n"]
    changes = tuple(
        replace(
            c,
            owed=tuple(
                replace(d, breached_at=None, level=0, late_from=None) if d.n == n else d for d in c.owed
            ),
        )
        for c in s.rule_changes
    )
    return replace(s, rule_changes=changes)


def _region_suspended(s: ClueState, e: Event) -> ClueState:
    d = e.data
    order = RegionSuspension(d["order_no"], d["region"], d["by"], e.at, tuple(d.get("duties", ())))
    return replace(s, suspensions=(*s.suspensions, order))


def _region_over(s: ClueState, e: Event) -> ClueState:
    """Ended, or undone: then it ended, too, if it had not before."""
    undone = e.type == "region_suspension_undone"
    return replace(
        s,
        suspensions=tuple(
            replace(o, ended_at=o.ended_at or e.at, undone=o.undone or undone)
            if o.order_no == e.data["order_no"]
            else o
            for o in s.suspensions
        ),
    )


# --- clocks ----------------------------------------------------------------------------------------


def _on_duty(change: Callable[[Duty, Event], Duty]) -> Callable[[ClueState, Event], ClueState]:
    def fold_one(s: ClueState, e: Event) -> ClueState:
        n = e.data["n"]
        return replace(s, duties=(*s.duties[:n], change(s.duties[n], e), *s.duties[n + 1 :]))

    return fold_one


def _duty_opened(s: ClueState, e: Event) -> ClueState:
    return replace(s, duties=(*s.duties, duties.from_json(e.data, e.at)))


def _dated(d: Duty, e: Event) -> Duty:
    """The dates that the event carries, if it carries any."""
    if "due_at" not in e.data:
        return d
    return replace(
        d,
        due_at=instant(e.data["due_at"]),
        legal_due_at=instant(e.data["legal_due_at"]),
        provisional=e.data["provisional"],
    )


def _unpaused(d: Duty, e: Event, cause: str | None) -> Duty:
    return replace(
        d,
        pauses=tuple(
            replace(p, end=e.at) if p.end is None and cause in (None, p.cause) else p for p in d.pauses
        ),
    )


def _duty_fulfilled(d: Duty, e: Event) -> Duty:
    d = _dated(_unpaused(d, e, None), e)
    return replace(d, fulfilled_at=e.at, fulfilled_by=e.command_id, was_late=e.data["late"])


def _duty_reopened(d: Duty, e: Event) -> Duty:
    late_from = e.at if e.at >= d.legal_due_at else None
    return replace(
        d,
        fulfilled_at=None,
        fulfilled_by=None,
        was_late=False,
        breached_at=None,
        level=0,
        late_from=late_from,
    )


def _duty_suspended(d: Duty, e: Event) -> Duty:
    return replace(d, pauses=(*d.pauses, Pause(e.data["cause"], e.at)))


def _duty_resumed(d: Duty, e: Event) -> Duty:
    d = _dated(_unpaused(d, e, e.data["cause"]), e)
    return replace(d, reminded=e.data.get("reminded", d.reminded))


def _duty_pause_undone(d: Duty, e: Event) -> Duty:
    cause = e.data["cause"]
    d = _unpaused(d, e, cause)
    pauses = tuple(replace(p, undone=p.undone or p.cause == cause) for p in d.pauses)
    return replace(_dated(d, e), pauses=pauses, reminded=e.data["reminded"])


def _duty_redated(d: Duty, e: Event) -> Duty:
    d = replace(_dated(d, e), extended=e.data["extended"], reminded=e.data["reminded"])
    if d.breached_at is not None and not e.data["breached"]:  # the breach is taken back
        return replace(d, breached_at=None, level=0, late_from=None)
    if d.late_from is not None and d.legal_due_at > d.late_from:
        d = replace(d, late_from=None)
    return replace(d, level=e.data["level"])


def _duty_cancelled(d: Duty, e: Event) -> Duty:
    return replace(_unpaused(d, e, None), cancelled_at=e.at, cancelled_why=e.data["why"])


def _duty_breached(d: Duty, e: Event) -> Duty:
    return replace(d, breached_at=e.at, level=1 if d.escalates else 0)


def _duty_escalated(d: Duty, e: Event) -> Duty:
    return replace(d, level=e.data["level"])


def _duty_reminded(d: Duty, e: Event) -> Duty:
    return replace(d, reminded=True)


def _same(s: ClueState, e: Event) -> ClueState:
    """Said, and on the timeline; it changes nothing that a later decision asks for."""
    return s


_FOLDS: Mapping[str, Callable[[ClueState, Event], Any]] = {
    "reported": _reported,
    "notified": _notified,
    "acknowledged": _same,
    "evidence_at_risk_flagged": _same,
    "arrived": _same,
    "inspection_convened": _convened,
    "invitation_answered": _same,
    "inspection_recorded": _recorded,
    "record_signed": _signed,
    "clue_amended": _amended,
    "evidence_added": _evidence,
    "transfer_started": _started,
    "transfer_sent": _sent,
    "supplement_sent": _supplemented,
    "transfer_received": _received,
    "transfer_returned": _returned,
    "jurisdiction_disputed": _disputed,
    "jurisdiction_ruled": _ruled,
    "rerouted": _rerouted,
    "case_filed": _same,
    "feedback_given": _feedback,
    "feedback_returned": _feedback_returned,
    "feedback_accepted": _feedback_accepted,
    "extension_requested": _extension_requested,
    "extension_decided": _extension_decided,
    "duty_suspend_ordered": _same,
    "duty_resume_ordered": _same,
    "region_suspended": _region_suspended,
    "region_resumed": _region_over,
    "region_suspension_undone": _region_over,
    "supervised": _supervised,
    "supervision_replied": _supervision_replied,
    "accountability_opened": _case_opened,
    "accountability_decided": _case_decided,
    "commended": _same,
    "damage_notified": _same,
    "damage_investigation_started": _same,
    "rules_changed": _rules_changed,
    "merged": _merged,
    "taken_in": _taken_in,
    "merge_undone": _merge_undone,
    "withdrawn": _withdrawn,
    "closed": _closed,
    "duty_opened": _duty_opened,
    "duty_fulfilled": _on_duty(_duty_fulfilled),
    "duty_reopened": _reopened,
    "duty_suspended": _on_duty(_duty_suspended),
    "duty_resumed": _on_duty(_duty_resumed),
    "duty_pause_undone": _on_duty(_duty_pause_undone),
    "duty_redated": _on_duty(_duty_redated),
    "duty_cancelled": _on_duty(_duty_cancelled),
    "duty_breached": _on_duty(_duty_breached),
    "duty_escalated": _on_duty(_duty_escalated),
    "duty_reminded": _on_duty(_duty_reminded),
    "holder_reminded": _same,
}
EVENT_TYPES = tuple(_FOLDS)
