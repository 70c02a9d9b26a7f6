"""What each accepted command brings about ("what follows" in the contract's table), and the checks of its contents."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from datetime import datetime
from typing import Any

from domain import labels
from domain.agencies import region_of
from domain.draft import Draft
from domain.errors import DomainError
from domain.model import Duty, Json, Officer, instant, iso, shanghai_day
from domain.packs import Pack, choose
from domain.permissions import arbiter


def owed(d: Draft, duty_id: str) -> Duty | None:
    """The newest duty still owed of that id."""
    return next((x for x in reversed(d.state.duties) if x.id == duty_id and x.owed), None)


def packs_in_use(d: Draft) -> Iterable[Pack]:
    return (p for p in d.rules.packs if p.id in d.state.packs)


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
    d.emit("reported", clue=clue, from_agency=finder, packs=packs, packs_fixed=d.state.packs_fixed)
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
    to = [addressee, *(a for a in d.command.facts.also_notify if a not in (addressee, d.state.from_agency))]
    d.emit("notified", to=to, addressee=addressee, message=message, **extra)
    _first_clocks(d, addressee)


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


# --- inspection ------------------------------------------------------------------------------------


def _inspecting_officers(d: Draft) -> list[str]:
    return list(dict.fromkeys([d.data["leader"], *d.data["members"]]))


def _listed(d: Draft, officer_id: str) -> list[Officer]:
    assert d.command is not None
    return [o for o in d.command.facts.officers if o.id == officer_id]


def _place(d: Draft) -> str | None:
    """Where the clue lies; until it is placed, where its addressee sits."""
    return d.state.place_region or region_of(d.state.to_agency or d.state.from_agency)


def _authorised(d: Draft, officer_id: str) -> bool:
    """On both lists for that day, that place and that matter (《方案》两张清单)."""
    day, place, matter = shanghai_day(instant(d.data["at"])), _place(d), d.state.clue["matter"]
    return any(
        o.from_day <= day <= o.to_day and (place or "").startswith(o.regions) and matter in o.matters
        for o in _listed(d, officer_id)
    )


def _agency_of(d: Draft, officer_id: str) -> str | None:
    """Whose officer that is: by the lists, else as seen acting in this clue."""
    assert d.command is not None
    listed = _listed(d, officer_id)
    if listed:
        return listed[0].agency
    if d.command.actor.officer_id == officer_id:
        return d.command.actor.agency
    return d.state.seen_officers.get(officer_id)


def _is_local(d: Draft, officer_id: str) -> bool:
    agency = _agency_of(d, officer_id)
    return agency is not None and region_of(agency) == _place(d)


def check_inspection(d: Draft) -> None:
    """Lists, quorum and leader, each only where a pack in use asks for it, in this order."""
    packs, officers, joint = list(packs_in_use(d)), _inspecting_officers(d), d.data["mode"] == "joint"
    if any(p.lists_required for p in packs):
        missing = [o for o in officers if not _authorised(d, o)]
        if missing:
            raise DomainError(
                "officer_not_authorised",
                f"执法人员 {'、'.join(missing)} 当日不在执法人员清单或执法范围清单内（地点 {_place(d)}）",
            )
    quorum = max((p.quorum for p in packs), default=0)
    if len(officers) < quorum:
        raise DomainError("quorum_missing", f"检查人员不得少于 {quorum} 人，现为 {len(officers)} 人")
    if joint and any(p.local_present for p in packs) and not any(_is_local(d, o) for o in officers):
        raise DomainError("quorum_missing", "联合检查须有属地执法人员在场，请增加属地人员")
    if joint and any(p.leader_visiting for p in packs) and _is_local(d, d.data["leader"]):
        raise DomainError("leader_must_be_visiting", "联合检查由异地执法人员担任组长，请改派组长")


def convene_inspection(d: Draft) -> None:
    leader_agency = _agency_of(d, d.data["leader"]) or d.agency
    d.emit("inspection_convened", {**d.data, "leader_agency": leader_agency})


def respond_invitation(d: Draft) -> None:
    d.emit("invitation_answered", d.data)


def record_inspection(d: Draft) -> None:
    d.emit("inspection_recorded", d.data)
    if d.data["finding"] == "confirmed":
        d.open("evidence_transfer", d.state.from_agency)
    if d.data.get("damage_found"):
        d.open("damage_notice", d.state.from_agency)


def sign_record(d: Draft) -> None:
    d.emit("record_signed", d.data)


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
    d.emit("clue_amended", changes=changes, fields=fields, old=old)


def add_evidence(d: Draft) -> None:
    d.emit("evidence_added", items=d.data["items"], custodian=d.agency)


def start_transfer(d: Draft) -> None:
    d.emit("transfer_started", d.data)
    d.fulfil("start_transfer")


def _manifest(d: Draft) -> list[str]:
    return list(dict.fromkeys(d.data["manifest"]))


def missing_fields(clue: Json, packs: Iterable[Pack]) -> list[str]:
    """The mandatory fields (dotted) that are not filled in yet."""
    wanted = dict.fromkeys(f for p in packs for f in p.mandatory_fields)
    return [f for f in wanted if _at(clue, f) in (None, "", [], {})]


def _at(data: Any, path: str) -> Any:
    for key in path.split("."):
        data = data.get(key) if isinstance(data, dict) else None
    return data.strip() if isinstance(data, str) else data


def check_transfer(d: Draft) -> None:
    """The mandatory fields and the evidence that the packs ask for, then the manifest (《规程》, 《方案》)."""
    packs = list(packs_in_use(d))
    missing = [labels.FIELDS.get(f, f) for f in missing_fields(d.state.clue, packs)]
    if any(p.evidence_required for p in packs) and not d.data["manifest"]:
        missing.append("证据材料（清单至少一件）")
    if missing:
        raise DomainError("incomplete_transfer", f"移送材料缺：{'、'.join(missing)}；请补正后再发")
    check_manifest(d)


def check_manifest(d: Draft) -> None:
    kept = {x.sha256: x for x in d.state.evidence}
    unreviewed = [kept[m].name for m in _manifest(d) if m in kept and not kept[m].usable]
    if unreviewed:
        names = "、".join(unreviewed)
        raise DomainError("incomplete_transfer", f"监控材料 {names} 未经审核，只是线索不是证据，请先审核")
    strange = [m for m in _manifest(d) if m not in kept]
    if strange:
        raise DomainError(
            "manifest_mismatch", f"清单中的摘要从未添加为证据：{'、'.join(m[:12] for m in strange)}"
        )


def send_transfer(d: Draft) -> None:
    letter_no = d.data.get("letter_no") or f"移-{d.state.clue_no}-{d.state.letters + 1}"
    d.emit("transfer_sent", {**d.data, "letter_no": letter_no, "manifest": _manifest(d)})
    d.fulfil("complete_transfer", "evidence_transfer")
    d.open("receipt", d.state.to_agency)


def send_supplement(d: Draft) -> None:
    d.emit("supplement_sent", {**d.data, "manifest": _manifest(d)})


def check_receipt(d: Draft) -> None:
    assert d.state.sent is not None
    got, sent = set(d.data["manifest"]), set(d.state.sent.manifest)
    lacking, strange = sent - got, got - sent - set(d.state.supplements)
    if lacking or strange:
        parts = [f"缺 {len(lacking)} 件"] if lacking else []
        parts += [f"多 {len(strange)} 件"] if strange else []
        raise DomainError("manifest_mismatch", f"签收清单与发出的不符：{'，'.join(parts)}；请逐件核对摘要")


def receive_transfer(d: Draft) -> None:
    d.emit("transfer_received", {**d.data, "manifest": _manifest(d)})
    d.fulfil("receipt")
    d.open("case_filing", d.state.to_agency)
    d.open("written_feedback", d.state.to_agency)


def return_transfer(d: Draft) -> None:
    assert d.state.sent is not None
    sent_by = d.state.sent.command_id
    d.emit("transfer_returned", d.data)
    d.fulfil("receipt")
    d.reopen(("evidence_transfer", "complete_transfer"), sent_by)


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
    "convene_inspection": convene_inspection,
    "respond_invitation": respond_invitation,
    "record_inspection": record_inspection,
    "sign_record": sign_record,
    "amend_clue": amend_clue,
    "add_evidence": add_evidence,
    "start_transfer": start_transfer,
    "send_transfer": send_transfer,
    "send_supplement": send_supplement,
    "receive_transfer": receive_transfer,
    "return_transfer": return_transfer,
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
    "supervise": supervise,
    "reply_supervision": reply_supervision,
    "open_accountability": open_accountability,
    "decide_accountability": decide_accountability,
    "commend": commend,
    "notify_damage": notify_damage,
    "start_damage_investigation": start_damage_investigation,
    "merge_into": _ending("merged", "线索已并案"),
    "withdraw": _ending("withdrawn", "线索已撤回"),
    "close": _ending("closed", "线索已办结"),
}
CONTENT_CHECKS: Mapping[str, Callable[[Draft], None]] = {
    "convene_inspection": check_inspection,
    "send_transfer": check_transfer,
    "send_supplement": check_manifest,
    "receive_transfer": check_receipt,
}
