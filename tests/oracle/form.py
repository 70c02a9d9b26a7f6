"""The shape of each command's data as the contract's table gives it: enough to know `invalid_input`."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import datetime
from typing import Any

ROLES = [
    "officer",
    "registrar",
    "approver",
    "legal",
    "liaison",
    "commander",
    "supervisor",
    "auditor",
    "admin",
    "public",
]
DEPARTMENTS = [
    "eco",
    "urban",
    "msa",
    "transport",
    "housing",
    "water",
    "police",
    "procu",
    "disc",
    "gov",
    "sat",
]
SOURCES = [
    "checkpoint",
    "water_network",
    "satellite",
    "grid",
    "patrol",
    "hotline",
    "complaint",
    "inspection",
    "drone",
    "sensor",
    "other",
]
DUTIES = [
    "first_contact",
    "ack",
    "on_scene",
    "start_transfer",
    "complete_transfer",
    "evidence_transfer",
    "receipt",
    "case_filing",
    "written_feedback",
    "damage_notice",
    "damage_investigation",
    "dispute_ruling",
    "rectification_report",
    "supervision_reply",
    "police_approval",
    "police_transfer",
    "police_decision",
    "detention_transfer",
]
MATTERS = [
    "solid_waste",
    "hazardous_waste",
    "construction_waste",
    "wastewater",
    "waste_gas",
    "ecological_damage",
    "other",
]

Check = Callable[[Any], bool]


def word(v: Any) -> bool:
    return isinstance(v, str) and v.strip() != ""


def text(v: Any) -> bool:
    return isinstance(v, str)


def flag(v: Any) -> bool:
    return v is True or v is False


def agency(v: Any) -> bool:
    if not isinstance(v, str) or "." not in v:
        return False
    region, rest = v.split(".", 1)
    if region == "group":
        return re.fullmatch(r"[a-z0-9_-]+", rest) is not None
    return re.fullmatch(r"[0-9]{6}", region) is not None and rest in DEPARTMENTS


def region(v: Any) -> bool:
    return isinstance(v, str) and re.fullmatch(r"[0-9]{6}", v) is not None


def digest(v: Any) -> bool:
    return isinstance(v, str) and re.fullmatch(r"[0-9a-f]{64}", v) is not None


def moment(v: Any) -> bool:
    try:
        return isinstance(v, str) and datetime.fromisoformat(v).tzinfo is not None
    except ValueError:
        return False


def whole(v: Any) -> bool:
    return isinstance(v, int) and not isinstance(v, bool) and v > 0


def one_of(*words: str) -> Check:
    return lambda v: isinstance(v, str) and v in words


def many(of: Check, least: int = 0) -> Check:
    return lambda v: isinstance(v, list) and len(v) >= least and all(of(i) for i in v)


def evidence_item(v: Any) -> bool:
    keys = {"name": word, "sha256": digest, "media_type": word, "kind": word}
    return (
        isinstance(v, dict)
        and all(k in v and ok(v[k]) for k, ok in keys.items())
        and isinstance(v.get("size"), int)
    )


# A trailing "?" marks what may be missing.
FORMS: dict[str, dict[str, Check]] = {
    "notify": {"to_agency?": agency, "message?": text},
    "acknowledge": {"message?": text, "eta?": moment},
    "flag_evidence_at_risk": {"reason": word},
    "arrive": {"officers": many(word), "at?": moment},
    "convene_inspection": {
        "mode": one_of("joint", "spot_check"),
        "at": moment,
        "leader": word,
        "members": many(word),
        "invited": many(agency),
    },
    "respond_invitation": {"attending": flag, "officers?": many(word), "reason?": text},
    "record_inspection": {
        "finding": one_of("confirmed", "unfounded", "inconclusive"),
        "started_at": moment,
        "ended_at": moment,
        "record": word,
        "damage_found?": flag,
    },
    "sign_record": {"officer_id": word},
    "amend_clue": {"changes": lambda v: isinstance(v, dict)},
    "add_evidence": {"items": many(evidence_item, 1)},
    "start_transfer": {"note?": text},
    "send_transfer": {"letter_no?": word, "manifest": many(digest), "signature?": text},
    "send_supplement": {"manifest": many(digest), "note?": text},
    "receive_transfer": {"manifest": many(digest), "signature?": text},
    "return_transfer": {"reason": word, "missing": many(word)},
    "dispute_jurisdiction": {"reason": word, "suggested_region?": region},
    "rule_jurisdiction": {"agency": agency, "reason": word},
    "reroute": {"to_agency": agency, "reason": word},
    "file_case": {
        "decision": one_of("filed", "not_filed", "criminal", "detention", "other_department"),
        "case_no?": text,
        "reason?": text,
    },
    "give_feedback": {
        "letter_no": word,
        "outcome": one_of("penalty", "no_case", "rectification", "criminal", "other_department"),
        "details": word,
    },
    "return_feedback": {"reason": word},
    "accept_feedback": {},
    "request_extension": {"duty": word, "days": whole, "reason": word},
    "decide_extension": {"duty": word, "approved": flag, "reason": word},
    "suspend_duty": {"duty": word, "reason": word},
    "resume_duty": {"duty": word, "reason": word},
    "suspend_region": {
        "order_no": word,
        "region": lambda v: isinstance(v, str) and v.isdigit() and len(v) in (2, 4, 6),
        "reason": word,
        "duties?": many(one_of(*DUTIES)),
    },
    "resume_region": {"order_no": word, "reason": word, "undo?": flag},
    "supervise": {
        "order_no": word,
        "agency": agency,
        "demand": word,
        "days": lambda v: whole(v) or v == 0,
    },
    "reply_supervision": {"order_no": word, "reply": word},
    "open_accountability": {"units": many(agency), "persons": many(word), "facts": word},
    "decide_accountability": {"outcome": word, "reason": word},
    "commend": {"units": many(agency), "persons": many(word), "facts": word},
    "notify_damage": {"details": word},
    "start_damage_investigation": {"case_no?": text, "details?": text},
    "merge_into": {"clue_no": word, "reason": word},
    "withdraw": {"reason": word},
    "close": {},
}


def report_fits(data: dict[str, Any], now: datetime) -> bool:
    place = data.get("place")
    if not isinstance(place, dict):
        return False
    placed = region(place.get("region")) or ("lon" in place and "lat" in place)
    found = data.get("discovered_at")
    return (
        placed
        and one_of(*SOURCES)(data.get("source"))
        and one_of(*MATTERS)(data.get("matter"))
        and word(data.get("title"))
        and moment(found)
        and datetime.fromisoformat(str(found)) <= now
    )


def fits(name: str, data: dict[str, Any], now: datetime) -> bool:
    if name == "report":
        return report_fits(data, now)
    form = FORMS.get(name)
    if form is None:
        return False
    for key, check in form.items():
        bare = key.rstrip("?")
        if data.get(bare) is None:
            if not key.endswith("?"):
                return False
        elif not check(data[bare]):
            return False
    return set(data) <= {k.rstrip("?") for k in form} | {"checks", "amount", "documents"}


def actor_fits(actor: dict[str, Any]) -> bool:
    return agency(actor.get("agency")) and actor.get("role") in ROLES and word(actor.get("name"))
