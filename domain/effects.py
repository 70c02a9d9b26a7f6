"""What each accepted command brings about ("what follows" in the contract's table), and the checks of its contents."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any

from domain import inspection, labels, migration, regional, transfer
from domain.agencies import region_of
from domain.draft import Draft
from domain.errors import DomainError
from domain.model import Duty, Json, instant, iso, shanghai_day
from domain.packs import choose
from domain.permissions import arbiter


def owed(d: Draft, duty_id: str) -> Duty | None:
    """The newest duty still owed of that id."""
    return next((x for x in reversed(d.state.duties) if x.id == duty_id and x.owed), None)


# --- from the report to the addressee --------------------------------------------------------------


def report(d: Draft) -> None:
    assert d.command is not None
    facts, actor = d.command.facts, d.command.actor
    finder = d.data.get("from_agency", actor.agency)
    named = d.data.get("to_agency") or facts.addressee
    by_public = actor.role == "public"
    packs = _packs_for(d, finder, named, d.data["matter"], instant(d.data["discovered_at"]))
    clue = {**d.data, "from_agency": finder, "clue_no": d.state.clue_no}
    clue.pop("to_agency", None)
    placed: Json = {} if facts.placing is None else {"placing": facts.placing}
    d.emit("reported", clue=clue, from_agency=finder, packs=packs, packs_fixed=d.state.packs_fixed, **placed)
    for duty_id in ("start_transfer", "complete_transfer"):
        d.open(duty_id, finder, trigger=instant(clue["discovered_at"]))
    if named is not None and named != finder and not by_public:
        _hand_to(d, named)


def _packs_for(d: Draft, finder: str, addressee: str | None, matter: str, discovered: datetime) -> list[str]:
    """The packs that bind these two on the day of discovery; a pinned choice (a scenario's) stands."""
    if d.state.packs_fixed:
        return list(d.state.packs)
    return list(choose(d.rules.packs, finder, addressee, matter, shanghai_day(discovered)))


def _hand_to(d: Draft, addressee: str, message: str | None = None, packs: list[str] | None = None) -> None:
    """The notice that makes an agency the addressee, and starts its first clocks."""
    assert d.command is not None
    extra: Json = {"packs": packs} if packs is not None else {}
    d.emit(
        "notified", to=[addressee, *_also_told(d, addressee)], addressee=addressee, message=message, **extra
    )
    _first_clocks(d, addressee)


def _also_told(d: Draft, addressee: str) -> list[str]:
    """The other regions of the uncertainty circle, each once: at the report, or at the `notify` that it waited for."""
    assert d.command is not None
    told = list(d.command.facts.also_notify)
    placing = d.state.placing
    if d.command.name == "notify" and placing is not None and not placing.get("outdated"):
        told += [a for a in (placing["addressee"], *placing["notify"]) if a is not None]
    known = {region_of(addressee), region_of(d.state.from_agency)} - {None}
    return [a for a in dict.fromkeys(told) if region_of(a) not in known]


def _first_clocks(d: Draft, addressee: str) -> None:
    d.open("ack", addressee)
    d.open("first_contact", addressee)


def notify(d: Draft) -> None:
    to, message = d.data.get("to_agency"), d.data.get("message")
    if d.state.stage != "discovered" or to is None:
        to = to or d.state.to_agency
        d.emit("notified", to=[to] if to else [], message=message)
        return
    s = d.state
    assert s.discovered_at is not None
    on = shanghai_day(s.discovered_at)
    more = () if s.packs_fixed else choose(d.rules.packs, s.from_agency, to, s.clue["matter"], on)
    packs = sorted({*s.packs, *more})
    _hand_to(d, to, message, packs)
    for duty_id in ("start_transfer", "complete_transfer"):
        if not any(x.id == duty_id for x in d.state.duties):
            d.open(duty_id, s.from_agency, trigger=s.discovered_at)


def acknowledge(d: Draft) -> None:
    d.emit("acknowledged", d.data)
    d.fulfil("ack", "first_contact")


def flag_evidence_at_risk(d: Draft) -> None:
    d.emit("evidence_at_risk_flagged", d.data)
    d.open("on_scene", d.state.to_agency)


def arrive(d: Draft) -> None:
    d.emit("arrived", d.data)
    d.fulfil("on_scene")


# --- the clue and its evidence ---------------------------------------------------------------------


def _leaves(data: Json, prefix: str = "") -> dict[str, Any]:
    out: dict[str, Any] = {}
    for key, value in data.items():
        path = f"{prefix}{key}"
        out.update(_leaves(value, f"{path}.") if isinstance(value, dict) else {path: value})
    return out


def amend_clue(d: Draft) -> None:
    changes = d.data["changes"]
    before = _leaves(d.state.clue)
    fields = list(_leaves(changes))
    old = {f: before[f] for f in fields if f in before}
    d.emit("clue_amended", changes=changes, fields=fields, old=old, **_placed_anew(d, changes))


_PLACES = frozenset({"lon", "lat", "crs", "radius_m", "region"})


def _placed_anew(d: Draft, changes: Json) -> Json:
    """The new placing of an amended place; the old one, marked, where the change alone can't be placed."""
    assert d.command is not None
    if d.command.facts.placing is not None:
        return {"placing": d.command.facts.placing}
    if d.state.placing is not None and _PLACES & set(changes.get("place", {})):
        return {"placing": {**d.state.placing, "outdated": True}}
    return {}


def add_evidence(d: Draft) -> None:
    d.emit("evidence_added", items=d.data["items"], custodian=d.agency)


# --- jurisdiction ----------------------------------------------------------------------------------


def dispute_jurisdiction(d: Draft) -> None:
    d.emit("jurisdiction_disputed", d.data)
    d.fulfil("ack", "first_contact")
    for duty in d.state.duties:
        if duty.status == "open":  # not what is breached, nor what a superior has suspended
            d.suspend(duty, "dispute")
    d.open("dispute_ruling", arbiter(d.state, d.rules))


def rule_jurisdiction(d: Draft) -> None:
    old, new = d.state.to_agency, d.data["agency"]
    d.emit("jurisdiction_ruled", d.data)
    d.fulfil("dispute_ruling")
    if new != old:
        d.cancel_owed_by(old, "管辖已裁定由另一机构承办")
    for duty in d.state.duties:
        if duty.owed:
            d.resume(duty, "dispute")
    if new != old:
        d.emit("notified", to=[new], message=None)
        _first_clocks(d, new)


def reroute(d: Draft) -> None:
    old = d.state.to_agency
    d.emit("rerouted", d.data)
    d.cancel_owed_by(old, "已改派另一机构")
    d.emit("notified", to=[d.data["to_agency"]], message=None)
    _first_clocks(d, d.data["to_agency"])


# --- handling, feedback and the end ----------------------------------------------------------------


def file_case(d: Draft) -> None:
    d.emit("case_filed", d.data)
    d.fulfil("case_filing")


def give_feedback(d: Draft) -> None:
    d.emit("feedback_given", d.data)
    d.fulfil("written_feedback")


def return_feedback(d: Draft) -> None:
    assert d.state.feedback is not None
    given_by = d.state.feedback.command_id
    d.emit("feedback_returned", d.data)
    d.reopen(("written_feedback",), given_by)


def accept_feedback(d: Draft) -> None:
    d.emit("feedback_accepted")


def _was_merged(d: Draft) -> None:
    """Whoever tells it, what counts is that the other clue was seen to have been merged into this one."""
    assert d.command is not None
    other = d.command.facts.merged
    if other is None or (other.clue_no, other.into) != (d.data["clue_no"], d.state.clue_no):
        raise DomainError("wrong_stage", f"线索 {d.data['clue_no']} 没有并入本线索；并案请对它用 merge_into")
    if d.state.merged_into != other.clue_no:
        return
    if d.state.before_merging is None:  # kept before it was known how to go back
        raise DomainError("wrong_stage", f"线索 {other.clue_no} 与本线索互相并入，不能恢复：请重新登记一条")
    if d.state.clue_no > other.clue_no:
        raise DomainError(
            "wrong_stage", f"线索 {other.clue_no} 与本线索互相并入：保留编号在前的 {other.clue_no}"
        )


def _may_be_merged(d: Draft) -> None:
    """No clue goes on in one that goes nowhere itself: two merged into each other would be nobody's."""
    assert d.command is not None
    into, other = d.data["clue_no"], d.command.facts.survivor
    if into in d.state.merged_from:
        raise DomainError("wrong_stage", f"线索 {into} 已并入本线索，不能再并入它")
    if other is None:  # in a scenario, which holds one clue
        return
    if other.merged_into is not None:
        raise DomainError(
            "wrong_stage", f"线索 {into} 自己已并入 {other.merged_into}，请改为并入 {other.merged_into}"
        )
    if other.stage == "withdrawn":
        raise DomainError("wrong_stage", f"线索 {into} 已撤回，不能并入")
    if other.drill != d.state.drill:
        raise DomainError(
            "invalid_input", f"字段 clue_no（并入线索）：{into} 与本线索一条是演练、一条是正式的，不能并案"
        )


def take_in(d: Draft) -> None:
    """The clue that stays learns which one was merged into it. Two that were merged into each other at the same
    instant would both be nobody's: of them the one with the smaller number stays, and goes on where it was.
    """
    assert d.command is not None
    other = d.command.facts.merged
    assert other is not None  # the checks have seen to it
    d.emit("taken_in", clue_no=other.clue_no, title=other.title, evidence=other.evidence)
    if d.state.merged_into == other.clue_no:
        d.emit("merge_undone", by_engine=True, clue_no=other.clue_no)


def _ending(kind: str, why: str) -> Callable[[Draft], None]:
    def end(d: Draft) -> None:
        d.emit(kind, d.data)
        d.cancel_all(why)

    return end


# --- stepping in -----------------------------------------------------------------------------------


def _owed(d: Draft) -> Duty:
    duty = owed(d, d.data["duty"])
    assert duty is not None  # the checks have seen to it
    return duty


def request_extension(d: Draft) -> None:
    d.emit("extension_requested", d.data, n=_owed(d).n)


def decide_extension(d: Draft) -> None:
    duty = _owed(d)
    days = next(r.days for r in d.state.requests if r.duty_n == duty.n)
    d.emit("extension_decided", d.data, n=duty.n, days=days)
    if d.data["approved"]:
        d.extend(duty, days)


def suspend_duty(d: Draft) -> None:
    duty = _owed(d)
    d.emit("duty_suspend_ordered", d.data, n=duty.n)
    d.suspend(duty, "order")


def resume_duty(d: Draft) -> None:
    duty = _owed(d)
    d.emit("duty_resume_ordered", d.data, n=duty.n)
    d.resume(duty, "order")


def supervise(d: Draft) -> None:
    d.emit("supervised", d.data)
    d.open("supervision_reply", d.data["agency"], order_no=d.data["order_no"], days=d.data["days"])


def reply_supervision(d: Draft) -> None:
    d.emit("supervision_replied", d.data)
    d.fulfil("supervision_reply", order_no=d.data["order_no"])


def _case_no(d: Draft) -> str:
    return f"问-{d.state.clue_no}-{len(d.state.cases) + 1}"


def open_accountability(d: Draft) -> None:
    d.emit("accountability_opened", d.data, case_no=_case_no(d))


def open_case_for(d: Draft, duty: Duty, at: datetime) -> None:
    """Level 4 opens a case by itself, for the unit; the persons are named by who decides."""
    facts = f"“{labels.DUTIES[duty.id]}”应于 {iso(duty.legal_due_at)} 前履行，至今未履行"
    d.emit(
        "accountability_opened",
        moment=at,
        by_engine=True,
        case_no=_case_no(d),
        units=[duty.obliged],
        persons=[],
        facts=facts,
        n=duty.n,
    )


def decide_accountability(d: Draft) -> None:
    case = next(c for c in d.state.cases if not c.decided)
    d.emit("accountability_decided", d.data, case_no=case.case_no)


def commend(d: Draft) -> None:
    d.emit("commended", d.data)


def notify_damage(d: Draft) -> None:
    d.emit("damage_notified", d.data)
    d.fulfil("damage_notice")
    d.open("damage_investigation", d.state.to_agency)


def start_damage_investigation(d: Draft) -> None:
    d.emit("damage_investigation_started", d.data)
    d.fulfil("damage_investigation")


EFFECTS: Mapping[str, Callable[[Draft], None]] = {
    "report": report,
    "notify": notify,
    "acknowledge": acknowledge,
    "flag_evidence_at_risk": flag_evidence_at_risk,
    "arrive": arrive,
    "convene_inspection": inspection.convene_inspection,
    "respond_invitation": inspection.respond_invitation,
    "record_inspection": inspection.record_inspection,
    "sign_record": inspection.sign_record,
    "amend_clue": amend_clue,
    "add_evidence": add_evidence,
    "start_transfer": transfer.start_transfer,
    "send_transfer": transfer.send_transfer,
    "send_supplement": transfer.send_supplement,
    "receive_transfer": transfer.receive_transfer,
    "return_transfer": transfer.return_transfer,
    "dispute_jurisdiction": dispute_jurisdiction,
    "rule_jurisdiction": rule_jurisdiction,
    "reroute": reroute,
    "file_case": file_case,
    "give_feedback": give_feedback,
    "return_feedback": return_feedback,
    "accept_feedback": accept_feedback,
    "request_extension": request_extension,
    "decide_extension": decide_extension,
    "suspend_duty": suspend_duty,
    "resume_duty": resume_duty,
    "suspend_region": regional.suspend_region,
    "resume_region": regional.resume_region,
    "supervise": supervise,
    "reply_supervision": reply_supervision,
    "open_accountability": open_accountability,
    "decide_accountability": decide_accountability,
    "commend": commend,
    "notify_damage": notify_damage,
    "start_damage_investigation": start_damage_investigation,
    "change_rules": migration.change_rules,
    "merge_into": _ending("merged", "线索已并案"),
    "take_in": take_in,
    "withdraw": _ending("withdrawn", "线索已撤回"),
    "close": _ending("closed", "线索已办结"),
}
CONTENT_CHECKS: Mapping[str, Callable[[Draft], None]] = {
    "convene_inspection": inspection.check_inspection,
    "merge_into": _may_be_merged,
    "take_in": _was_merged,
    "send_transfer": transfer.check_transfer,
    "send_supplement": transfer.check_manifest,
    "receive_transfer": transfer.check_receipt,
    "suspend_region": regional.check_new,
}
