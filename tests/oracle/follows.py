"""What each accepted command brings about, in the second reading: the table's last column."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Any

from tests.oracle import powers
from tests.oracle.days import ZONE
from tests.oracle.duty import Duty

# id: (number, unit, rolled), per pack; a pack other than house goes first, of two others the earlier date.
HOUSE = {
    "ack": (4, "hour", False),
    "first_contact": (0, "day", False),
    "on_scene": (12, "hour", False),
    "receipt": (2, "workday", True),
    "case_filing": (15, "day", True),
    "written_feedback": (30, "day", True),
    "dispute_ruling": (5, "workday", True),
    "damage_investigation": (1, "workday", True),
}
TERMS = {
    "house": HOUSE,
    "qwj-2020": {"evidence_transfer": (3, "workday", True)},
    "yrd-solid-waste-trial": {"start_transfer": (10, "day", True), "complete_transfer": (15, "day", True)},
    "jx-2021-11": {"damage_notice": (3, "day", True)},
}
IN_FORCE = {
    "qwj-2020": date(2020, 5, 20),
    "yrd-solid-waste-trial": date(2024, 1, 1),
    "jx-2021-11": date(2021, 6, 1),
}
REGIONS_QWJ = {"310118", "320509", "330421"}


@dataclass
class Listed:
    """An officer's line of both lists."""

    id: str
    agency: str
    first: date
    last: date
    regions: tuple[str, ...]
    matters: tuple[str, ...]


@dataclass
class World:
    officers: dict[str, Listed] = field(default_factory=dict)
    unknown: set[str] = field(default_factory=set)
    dissolved: set[str] = field(default_factory=set)


@dataclass
class RegionOrder:
    region: str
    by: str
    duties: list[str]
    running: bool = True
    undone: bool = False


def packs_for(finder: str, addressee: str | None, matter: str, found: str) -> set[str]:
    """Silent: which date chooses the packs. Taken: the day of discovery."""
    on = datetime.fromisoformat(found).astimezone(ZONE).date()
    packs = {"house", "criminal-link", "detention-link"}
    a, b = finder.split(".")[0], (addressee or "").split(".")[0]
    if a in REGIONS_QWJ and b in REGIONS_QWJ and a != b:
        packs.add("qwj-2020")
    delta = ("31", "32", "33", "34")
    waste = matter in ("solid_waste", "hazardous_waste", "construction_waste")
    if waste and a[:2] in delta and b[:2] in delta and a[:2] != b[:2]:
        packs.add("yrd-solid-waste-trial")
    if a[:2] == b[:2] == "36" and a != b:
        packs.add("jx-2021-11")
    return {p for p in packs if on >= IN_FORCE.get(p, on)}


def merge(old: dict[str, Any], changes: dict[str, Any]) -> dict[str, Any]:
    out = dict(old)
    for key, value in changes.items():
        both = isinstance(out.get(key), dict) and isinstance(value, dict)
        out[key] = merge(out[key], value) if both else value
    return out


@dataclass
class Act:
    """An accepted command while it takes effect."""

    now: datetime
    id: str
    actor: dict[str, Any]
    data: dict[str, Any]


class Follows:
    """A clue's mutable state, and what changes it. Judging comes before, in `reading.Clue`."""

    def __init__(self, world: World, packs: list[str] | None = None) -> None:
        self.world = world
        self.terms = TERMS  # its own once the rules are changed
        self.fixed = packs is not None
        self.packs = {"house", *(packs or ())}
        self.stage = "none"
        self.finder = ""
        self.addressee: str | None = None
        self.clue: dict[str, Any] = {}
        self.duties: list[Duty] = []
        self.peak = 0
        self.accepted: dict[str, str] = {}
        self.invited: set[str] = set()
        self.inspectors: set[str] = set()
        self.leader: str | None = None
        self.leader_agency: str | None = None
        self.members: set[str] = set()
        self.recorded = False
        self.evidence: dict[str, bool] = {}
        self.sent: tuple[str, set[str]] | None = None
        self.supplements: set[str] = set()
        self.before_dispute = ""
        self.ruled = False
        self.rerouted = False
        self.feedback: str | None = None
        self.feedback_accepted = False
        self.seen: dict[str, str] = {}
        self.orders: dict[str, str] = {}
        self.region_orders: dict[str, RegionOrder] = {}
        self.cases = 0
        self.ended: datetime | None = None

    def owed(self, duty: str) -> Duty | None:
        return next((d for d in reversed(self.duties) if d.id == duty and d.owed), None)

    def common(self) -> str | None:
        if not self.addressee:
            return powers.superior(self.finder)
        return powers.common_superior(self.finder, self.addressee) or "000000.gov"

    def arbiter(self) -> str | None:
        members = powers.GROUPS["group.qwj"]
        if "qwj-2020" in self.packs and self.finder in members and (self.addressee or self.finder) in members:
            return "group.qwj"
        return self.common()

    # -- duties ----------------------------------------------------------------------------------------

    def open(self, ident: str, obliged: str | None, now: datetime, start: datetime | None = None) -> None:
        if obliged is None or self.owed(ident):
            return
        term = self.term_of(ident)
        if term is None:
            return
        duty = Duty(ident, obliged, now, start or now, term, climbs=ident != "first_contact")
        duty.notice_late_opening(now)
        self.duties.append(duty)
        self.under_orders(duty, now)

    def term_of(self, ident: str) -> tuple[int, str, bool] | None:
        others = [
            self.terms[p][ident] for p in sorted(self.packs - {"house"}) if ident in self.terms.get(p, {})
        ]
        return others[0] if others else self.terms["house"].get(ident)

    def change_terms(self, now: datetime, more: dict[str, int]) -> None:
        """Every number of `more` added to its duty's term, for what is owed and for what comes."""
        self.terms = {
            pack: {i: (max(0, n + more.get(i, 0)), unit, rolls) for i, (n, unit, rolls) in terms.items()}
            for pack, terms in self.terms.items()
        }
        for duty in self.duties:
            term = None if duty.order else self.term_of(duty.id)
            if duty.owed and term is not None and term != duty.term:
                duty.change_term(now, term)

    def fulfil(self, now: datetime, command: str, *idents: str) -> None:
        for ident in idents:
            duty = self.owed(ident)
            if duty:
                duty.fulfil(now, command)

    def reopen(self, now: datetime, command: str, *idents: str) -> None:
        for duty in self.duties:
            if duty.done_by == command and duty.id in idents:
                duty.reopen(now)
                self.under_orders(duty, now)

    def cancel(self, obliged: str | None = None) -> None:
        for duty in self.duties:
            if duty.owed and obliged in (None, duty.obliged):
                duty.cancel()

    def notice(self, now: datetime) -> None:
        self.open("ack", self.addressee, now)
        self.open("first_contact", self.addressee, now)

    def found(self) -> datetime:
        return datetime.fromisoformat(self.clue["discovered_at"])

    def transfer_duties(self, now: datetime) -> None:
        found = self.found()
        self.open("start_transfer", self.finder, now, found)
        self.open("complete_transfer", self.finder, now, found)

    def _report(self, act: Act) -> None:
        self.clue = dict(act.data)
        self.finder = act.data.get("from_agency") or act.actor["agency"]
        to = act.data.get("to_agency")
        if to is None and act.data["place"].get("region"):
            department = "urban" if act.data["matter"] == "construction_waste" else "eco"
            to = f"{act.data['place']['region']}.{department}"
        if not self.fixed:  # silent: before there is an addressee, the place says between whom
            self.packs = packs_for(self.finder, to, act.data["matter"], act.data["discovered_at"])
        if to == self.finder or act.actor["role"] == "public":
            to = None
        self.stage = "notified" if to else "discovered"
        self.addressee = to
        self.notice(act.now)
        self.transfer_duties(act.now)

    def _notify(self, act: Act) -> None:
        if self.stage != "discovered" or not act.data.get("to_agency"):
            return
        self.stage, self.addressee = "notified", act.data["to_agency"]
        if not self.fixed:
            found = self.clue["discovered_at"]
            self.packs |= packs_for(self.finder, self.addressee, self.clue["matter"], found)
        self.notice(act.now)
        self.transfer_duties(act.now)

    def _acknowledge(self, act: Act) -> None:
        self.fulfil(act.now, act.id, "ack", "first_contact")

    def _flag_evidence_at_risk(self, act: Act) -> None:
        self.open("on_scene", self.addressee, act.now)

    def _arrive(self, act: Act) -> None:
        self.fulfil(act.now, act.id, "on_scene")

    def _convene_inspection(self, act: Act) -> None:
        self.stage = "inspecting"  # silent: what was sent stays sent
        self.leader, self.members, self.recorded = act.data["leader"], set(act.data["members"]), False
        self.inspectors |= self.members | {self.leader}
        self.invited |= set(act.data["invited"])
        line = self.world.officers.get(act.data["leader"])
        if line:
            self.leader_agency = line.agency
        elif act.actor.get("officer_id") == act.data["leader"]:
            self.leader_agency = act.actor["agency"]
        else:  # silent: whose officer it is, when no list says so
            self.leader_agency = self.seen.get(act.data["leader"], act.actor["agency"])

    def _respond_invitation(self, act: Act) -> None:
        pass

    _sign_record = _respond_invitation

    def _record_inspection(self, act: Act) -> None:
        self.recorded = True
        if act.data["finding"] == "confirmed":
            self.open("evidence_transfer", self.finder, act.now)
        if act.data.get("damage_found"):
            self.open("damage_notice", self.finder, act.now)

    def _amend_clue(self, act: Act) -> None:
        self.clue = merge(self.clue, act.data["changes"])

    def _add_evidence(self, act: Act) -> None:
        for item in act.data["items"]:  # silent: the same bytes again; only a review is news then
            usable = item["kind"] != "monitor" or bool(item.get("monitor_reviewed"))
            known = self.evidence.get(item["sha256"])
            self.evidence[item["sha256"]] = (
                usable if known is None else known or bool(item.get("monitor_reviewed"))
            )

    def _start_transfer(self, act: Act) -> None:
        self.stage = "transferring"
        self.fulfil(act.now, act.id, "start_transfer")

    def _send_transfer(self, act: Act) -> None:
        self.sent, self.supplements = (act.id, set(act.data["manifest"])), set()
        self.fulfil(act.now, act.id, "complete_transfer", "evidence_transfer")
        self.open("receipt", self.addressee, act.now)

    def _send_supplement(self, act: Act) -> None:
        self.supplements |= set(act.data["manifest"])

    def _receive_transfer(self, act: Act) -> None:
        self.stage = "handling"
        self.fulfil(act.now, act.id, "receipt")
        self.open("case_filing", self.addressee, act.now)
        self.open("written_feedback", self.addressee, act.now)

    def _return_transfer(self, act: Act) -> None:
        assert self.sent is not None
        self.fulfil(act.now, act.id, "receipt")
        self.reopen(act.now, self.sent[0], "evidence_transfer", "complete_transfer")
        self.sent = None

    def _dispute_jurisdiction(self, act: Act) -> None:
        self.fulfil(act.now, act.id, "ack", "first_contact")
        for duty in self.duties:
            if duty.status(act.now) == "open":
                duty.suspend(act.now, "dispute")
        self.before_dispute, self.stage = self.stage, "disputed"
        self.open("dispute_ruling", self.arbiter(), act.now)

    def _rule_jurisdiction(self, act: Act) -> None:
        self.ruled = True
        self.fulfil(act.now, act.id, "dispute_ruling")
        if act.data["agency"] != self.addressee:
            self.cancel(self.addressee)
        for duty in self.duties:
            if duty.owed:
                duty.resume(act.now, "dispute")
        if act.data["agency"] == self.addressee:
            if self.stage == "disputed":
                self.stage = self.before_dispute
            return
        self.hand_to(act.now, act.data["agency"])

    def hand_to(self, now: datetime, agency: str) -> None:
        self.cancel(self.addressee)
        self.addressee, self.stage, self.sent = agency, "notified", None
        self.notice(now)

    def _reroute(self, act: Act) -> None:
        self.rerouted = True
        self.hand_to(act.now, act.data["to_agency"])

    def _file_case(self, act: Act) -> None:
        self.fulfil(act.now, act.id, "case_filing")

    def _give_feedback(self, act: Act) -> None:
        self.stage, self.feedback, self.feedback_accepted = "feedback", act.id, False
        self.fulfil(act.now, act.id, "written_feedback")

    def _return_feedback(self, act: Act) -> None:
        self.stage, self.feedback_accepted = "handling", False
        self.reopen(act.now, self.feedback or "", "written_feedback")

    def _accept_feedback(self, act: Act) -> None:
        self.feedback_accepted = True

    def _request_extension(self, act: Act) -> None:
        duty = self.owed(act.data["duty"])
        assert duty is not None
        duty.asked_days = act.data["days"]

    def _decide_extension(self, act: Act) -> None:
        duty = self.owed(act.data["duty"])
        assert duty is not None
        if act.data["approved"] and duty.asked_days is not None:
            duty.extend(duty.asked_days)
        duty.asked_days = None

    def _suspend_duty(self, act: Act) -> None:
        duty = self.owed(act.data["duty"])
        assert duty is not None
        duty.suspend(act.now, "order")

    def _resume_duty(self, act: Act) -> None:
        duty = self.owed(act.data["duty"])
        assert duty is not None
        duty.resume(act.now, "order")

    def stands(self, duty: Duty, order: RegionOrder) -> bool:
        """Owed by an agency that lies in the region, below the one that gave the order."""
        hit = powers.within(duty.obliged, order.region) and order.by in powers.above(duty.obliged)
        return hit and order.running and (not order.duties or duty.id in order.duties)

    def _suspend_region(self, act: Act) -> None:
        data = act.data
        order = RegionOrder(data["region"], act.actor["agency"], data.get("duties") or [])
        self.region_orders[data["order_no"]] = order
        for duty in self.duties:
            if duty.owed and self.stands(duty, order):
                duty.suspend(act.now, f"region {data['order_no']}")

    def _resume_region(self, act: Act) -> None:
        order = self.region_orders[act.data["order_no"]]
        order.running = False
        order.undone = bool(act.data.get("undo"))
        for duty in self.duties:
            if not duty.owed:  # silent: what was done meanwhile; taken: it stays as it was judged
                continue
            cause = f"region {act.data['order_no']}"
            if not any(p.cause == cause for p in duty.pauses):
                continue
            if order.undone:
                duty.undo(act.now, cause)
            else:
                duty.resume(act.now, cause)

    def under_orders(self, duty: Duty, now: datetime) -> None:
        for number, order in self.region_orders.items():
            if self.stands(duty, order):
                duty.suspend(now, f"region {number}")

    def _supervise(self, act: Act) -> None:
        order, agency = act.data["order_no"], act.data["agency"]
        self.orders[order] = agency
        if any(d.owed and (d.order, d.obliged) == (order, agency) for d in self.duties):
            return
        term = (act.data["days"], "day", True)
        duty = Duty("supervision_reply", agency, act.now, act.now, term, order=order)
        self.duties.append(duty)
        self.under_orders(duty, act.now)

    def _reply_supervision(self, act: Act) -> None:
        for duty in self.duties:
            if duty.owed and duty.order == act.data["order_no"]:
                duty.fulfil(act.now, act.id)

    def _open_accountability(self, act: Act) -> None:
        self.cases += 1

    def _decide_accountability(self, act: Act) -> None:
        self.cases -= 1

    _commend = _respond_invitation

    def _notify_damage(self, act: Act) -> None:
        self.fulfil(act.now, act.id, "damage_notice")
        self.open("damage_investigation", self.addressee, act.now)

    def _start_damage_investigation(self, act: Act) -> None:
        self.fulfil(act.now, act.id, "damage_investigation")

    def end(self, stage: str, now: datetime) -> None:
        self.stage, self.ended = stage, now
        self.cancel()

    def _merge_into(self, act: Act) -> None:
        self.end("merged", act.now)

    def _withdraw(self, act: Act) -> None:
        self.end("withdrawn", act.now)

    def _close(self, act: Act) -> None:
        self.end("closed", act.now)
