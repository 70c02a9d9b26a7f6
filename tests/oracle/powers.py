"""Who may do what, in the second reading: parties, relations and the table's second column."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from tests.oracle.reading import Clue

MUNICIPALITIES = ("11", "12", "31", "50")
GROUPS = {"group.qwj": ("310118.eco", "320509.eco", "330421.eco")}
USUAL = {"officer", "registrar", "approver", "legal", "liaison", "commander"}
HIGH = {"approver", "supervisor", "commander"}


def superior(agency: str) -> str | None:
    if agency in GROUPS:
        return common_superior(*GROUPS[agency])
    region, department = agency.split(".")
    if region == "000000":
        return None if department == "gov" else "000000.gov"
    if region.endswith("0000"):
        return f"000000.{department}"
    straight = region[:2] in MUNICIPALITIES or region[2:4] == "90"
    if straight or region.endswith("00"):
        return f"{region[:2]}0000.{department}"
    return f"{region[:4]}00.{department}"


def above(agency: str | None) -> list[str]:
    chain = []
    at = superior(agency) if agency else None
    while at:
        chain.append(at)
        at = superior(at)
    return chain


def common_superior(*agencies: str) -> str | None:
    chains = [above(a) for a in agencies]
    return next((a for a in chains[0] if all(a in c for c in chains)), None)


def within(agency: str, region: str) -> bool:
    """320509.eco lies in 3205, 320500, 32, 320000 and 000000; a group lies nowhere."""
    code = agency.split(".")[0]
    if region == "000000":
        return code != "group"
    short = region
    while len(short) > 2 and short.endswith("00") and len(region) == 6:
        short = short[:-2]
    return code[: len(short)] == short


def over(agency: str, region: str) -> bool:
    return within(region.ljust(6, "0") + ".eco", agency.split(".")[0])


def parties(clue: Clue) -> set[str]:
    found = {clue.finder, clue.addressee, clue.arbiter(), *clue.invited}
    found |= set(above(clue.finder)) | set(above(clue.addressee))
    return {a for a in found if a}


def _commander(clue: Clue, agency: str, role: str) -> bool:
    places = [clue.finder, *above(clue.finder), *above(clue.addressee)]
    return role == "commander" and agency in places


def _superior_of(clue: Clue, agency: str, role: str, obliged: str | None) -> bool:
    over = above(obliged) if obliged else above(clue.finder) + above(clue.addressee)
    return role in HIGH and agency in over


def _group(clue: Clue, agency: str, role: str) -> bool:
    return agency.startswith("group.") and (role in HIGH or role in USUAL)


FINDERS = {
    "notify",
    "amend_clue",
    "send_transfer",
    "send_supplement",
    "return_feedback",
    "accept_feedback",
    "withdraw",
    "reroute",
    "flag_evidence_at_risk",
    "convene_inspection",
    "add_evidence",
    "notify_damage",
    "merge_into",
    "close",
}
ADDRESSEES = {
    "acknowledge",
    "arrive",
    "convene_inspection",
    "add_evidence",
    "receive_transfer",
    "return_transfer",
    "dispute_jurisdiction",
    "file_case",
    "give_feedback",
    "start_damage_investigation",
}
COMMANDERS = {"notify", "convene_inspection", "reroute", "merge_into", "close"}
INSPECTORS = {"flag_evidence_at_risk", "add_evidence"}
LEADERS = {"record_inspection", "notify_damage"}


def may(clue: Clue, name: str, actor: dict[str, Any], data: dict[str, Any]) -> bool:
    agency: str = actor["agency"]
    role: str = actor["role"]
    person: str | None = actor.get("officer_id")
    usual = role in USUAL
    if name == "start_transfer":
        return agency == clue.finder and role == "approver"
    if name in FINDERS and usual and agency == clue.finder:
        return True
    if name in ADDRESSEES and usual and agency == clue.addressee:
        return True
    if name in COMMANDERS and _commander(clue, agency, role):
        return True
    if name in INSPECTORS and usual and person is not None and person in clue.inspectors:
        return True
    if name in LEADERS:
        return usual and clue.leader is not None and person == clue.leader
    return _further(clue, name, actor, data)


def _further(clue: Clue, name: str, actor: dict[str, Any], data: dict[str, Any]) -> bool:
    agency: str = actor["agency"]
    role: str = actor["role"]
    usual = role in USUAL
    if name == "respond_invitation":
        return usual and agency in clue.invited
    if name == "sign_record":
        person = actor.get("officer_id")
        return usual and person in {*clue.members, clue.leader} and person == data["officer_id"]
    if name == "rule_jurisdiction":
        return role in HIGH and agency in (clue.arbiter(), clue.common())
    if name in ("request_extension", "decide_extension", "suspend_duty", "resume_duty"):
        duty = clue.owed(data["duty"])
        obliged = duty.obliged if duty else None
        if name == "request_extension":
            return usual and obliged in (None, agency)  # owed by nobody: that is the answer
        if name == "decide_extension":
            if obliged is None:
                return _superior_of(clue, agency, role, None)
            return role in HIGH and agency == superior(obliged)
        return _superior_of(clue, agency, role, obliged)
    if name == "suspend_region":
        return (
            role in HIGH
            and agency in above(clue.finder) + above(clue.addressee)
            and over(agency, data["region"])
        )
    if name == "resume_region":
        order = clue.region_orders.get(data["order_no"])
        mine = order is None or agency in (order.by, *above(order.by))
        return role in HIGH and mine and agency in above(clue.finder) + above(clue.addressee)
    if name == "supervise":
        # silent: "supervisor" stands beside "superior", so that role of any party
        return role == "supervisor" or _superior_of(clue, agency, role, None) or _group(clue, agency, role)
    if name == "reply_supervision":
        named: str | None = clue.orders.get(data["order_no"])
        return usual and named in (None, agency)
    if name in ("open_accountability", "decide_accountability"):
        return _superior_of(clue, agency, role, None)
    if name == "commend":
        return _superior_of(clue, agency, role, None) or _group(clue, agency, role)
    return False
