"""A second, deliberately plain reading of the contract, to hold the core against.

It was written from the contract's text alone and shares no code with `domain/`. A clue is one mutable object;
whatever depends on time is worked out when somebody asks. `Clue.do` gives None or an error code, `Clue.look`
what a query would answer. Where the contract is silent, a comment says which reading was taken.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import datetime
from typing import Any

from tests.oracle import form, powers
from tests.oracle.days import ZONE, day_of
from tests.oracle.follows import Act, Follows

ENDED = ("closed", "withdrawn", "merged")
AFTER_THE_END = ("open_accountability", "decide_accountability", "commend")
EN_ROUTE = ("notified", "inspecting", "transferring")
STAGES: dict[str, tuple[str, ...]] = {
    **dict.fromkeys(
        ("acknowledge", "flag_evidence_at_risk", "arrive", "convene_inspection", "reroute"), EN_ROUTE
    ),
    "record_inspection": ("inspecting",),
    "start_transfer": ("notified", "inspecting"),
    "send_transfer": ("transferring",),
    "receive_transfer": ("transferring",),
    "return_transfer": ("transferring",),
    "dispute_jurisdiction": (*EN_ROUTE, "handling"),
    "rule_jurisdiction": (*EN_ROUTE, "handling", "disputed"),
    "file_case": ("handling",),
    "give_feedback": ("handling",),
    "return_feedback": ("feedback",),
    "accept_feedback": ("feedback",),
}
MANDATORY = [
    "source",
    "seizure",
    "suspects",
    "waste.type",
    "waste.origin",
    "waste.quantity_t",
    "waste.destination",
]


class Refused(Exception):
    def __init__(self, code: str) -> None:
        super().__init__(code)
        self.code = code


class Clue(Follows):
    # -- looking ---------------------------------------------------------------------------------------

    def level(self, now: datetime) -> int:
        return max((d.level(now) for d in self.duties), default=0)

    def pass_time(self, now: datetime) -> None:
        """Between commands a level only rises, so the highest of a span is the one at its end."""
        self.peak = max(self.peak, self.level(now))
        for duty in self.duties:
            top = duty.level(now) == 4
            if top and not duty.at_top and not self.clue.get("drill"):
                self.cases += 1
            duty.at_top = top or (duty.at_top and duty.suspended)

    def holder(self) -> str | None:
        if self.stage in ("discovered", "feedback"):
            return self.finder
        if self.stage in ("notified", "handling"):
            return self.addressee
        if self.stage == "inspecting":
            return self.finder if self.recorded else self.leader_agency
        if self.stage == "transferring":
            return self.addressee if self.sent else self.finder
        if self.stage == "disputed":
            return self.arbiter()
        return None

    def look(self, now: datetime) -> dict[str, Any]:
        self.pass_time(now)
        return {
            "stage": self.stage,
            "level": self.level(now),
            "peak_level": self.peak,
            "holder": self.holder(),
            "from_agency": self.finder,
            "to_agency": self.addressee,
            "packs": sorted(self.packs),
            "age_days": (day_of(self.ended or now) - day_of(self.found())).days,
            "duties": [d.shown(now) for d in self.duties],
        }

    # -- a command -------------------------------------------------------------------------------------

    def do(
        self, now: datetime, ident: str, name: str, actor: dict[str, Any], data: dict[str, Any]
    ) -> str | None:
        body = json.dumps([name, actor, data], sort_keys=True, ensure_ascii=False)
        try:
            if ident in self.accepted:
                return None if self.accepted[ident] == body else "invalid_input"
            self.pass_time(now)
            self.judge(now, name, actor, data)
        except Refused as refused:
            return refused.code
        getattr(self, "_" + name)(Act(now, ident, actor, data))
        self.accepted[ident] = body
        if actor.get("officer_id"):
            self.seen[actor["officer_id"]] = actor["agency"]
        self.pass_time(now)
        return None

    def judge(self, now: datetime, name: str, actor: dict[str, Any], data: dict[str, Any]) -> None:
        """The checks in the contract's order; the first that fails answers."""

        def need(holds: bool, code: str) -> None:
            if not holds:
                raise Refused(code)

        need(form.actor_fits(actor) and form.fits(name, data, now), "invalid_input")
        need(self.stage != "none" or name == "report", "unknown_clue")
        named = self.named(name, actor, data)
        need(not named & self.world.unknown, "unknown_agency")
        need(not named & self.world.dissolved, "not_in_force")
        if name == "report":
            need(actor["role"] in ("officer", "registrar", "liaison", "commander", "public"), "not_permitted")
            need(self.stage == "none", "wrong_stage")
            return
        need(actor["agency"] in powers.parties(self), "not_a_party")
        if name == "reroute":
            need(actor["agency"] != self.addressee and not self.rerouted, "retransfer_forbidden")
        need(powers.may(self, name, actor, data), "not_permitted")
        need(self.stage not in ENDED or name in AFTER_THE_END, "wrong_stage")
        if name in ("reroute", "dispute_jurisdiction"):
            need(not self.ruled, "ruling_binds")
        if name == "close":
            need(self.feedback_accepted, "feedback_missing")
        self.judge_duty(now, name, data, need)
        need(self.stage in STAGES.get(name, (self.stage,)), "wrong_stage")
        if name == "decide_accountability":  # silent: no case to decide
            need(self.cases > 0, "wrong_stage")
        if name in ("receive_transfer", "return_transfer"):
            need(self.sent is not None, "wrong_stage")
        self.judge_last(name, data, need)

    def judge_duty(
        self, now: datetime, name: str, data: dict[str, Any], need: Callable[[bool, str], None]
    ) -> None:
        if name == "reply_supervision":
            need(any(d.owed and d.order == data["order_no"] for d in self.duties), "unknown_duty")
        if name == "resume_region":
            order = self.region_orders.get(data["order_no"])
            open_to = order is not None and not order.undone and (order.running or bool(data.get("undo")))
            need(open_to, "unknown_duty")
        if "duty" not in data:
            return
        duty = self.owed(data["duty"])
        need(duty is not None, "unknown_duty")
        assert duty is not None
        if name == "decide_extension":  # silent: nobody asked for one
            need(duty.asked_days is not None, "unknown_duty")
        if name == "request_extension":
            # silent: a suspended duty; taken: its clock stands, so it is not too late
            need(now < duty.dates_if_resumed(now).legal, "too_late")

    def judge_last(self, name: str, data: dict[str, Any], need: Callable[[bool, str], None]) -> None:
        if name == "suspend_region":  # silent: the same number twice
            need(data["order_no"] not in self.region_orders, "wrong_stage")
        if name == "send_transfer":
            need(self.sent is None, "wrong_stage")
        if name == "convene_inspection" and "qwj-2020" in self.packs:
            self.judge_team(data, need)
        if name in ("send_transfer", "send_supplement"):
            if name == "send_transfer":
                need(self.complete(data["manifest"]), "incomplete_transfer")
            need(all(self.evidence.get(d, True) for d in data["manifest"]), "incomplete_transfer")
            need(all(d in self.evidence for d in data["manifest"]), "manifest_mismatch")
        if name == "receive_transfer":
            need(
                self.sent is not None
                and self.sent[1] <= set(data["manifest"]) <= self.sent[1] | self.supplements,
                "manifest_mismatch",
            )

    def named(self, name: str, actor: dict[str, Any], data: dict[str, Any]) -> set[str]:
        found = {actor["agency"], data.get("from_agency"), data.get("to_agency"), data.get("agency")}
        found |= set(data.get("invited", ())) | set(data.get("units", ()))
        return {a for a in found if isinstance(a, str)}

    def complete(self, manifest: list[str]) -> bool:
        if "qwj-2020" in self.packs and not manifest:
            return False
        if "yrd-solid-waste-trial" not in self.packs:
            return True
        for path in MANDATORY:
            value: Any = self.clue
            for key in path.split("."):
                value = (value or {}).get(key)
            if value is None or value == "" or value == []:
                return False
        return True

    def judge_team(self, data: dict[str, Any], need: Callable[[bool, str], None]) -> None:
        # silent: a clue that has only coordinates; taken: the addressee's region
        nearby = (self.addressee or self.finder).split(".")[0]
        region, matter = self.clue["place"].get("region", nearby), self.clue["matter"]
        day = datetime.fromisoformat(data["at"]).astimezone(ZONE).date()
        team = {data["leader"], *data["members"]}
        lines = [self.world.officers.get(i) for i in team]
        for line in lines:
            fits = line is not None and line.first <= day <= line.last
            need(
                bool(fits and line and region in line.regions and matter in line.matters),
                "officer_not_authorised",
            )
        local = [line for line in lines if line and line.agency.split(".")[0] == region]
        need(len(team) >= 2, "quorum_missing")
        if data["mode"] == "joint":
            need(bool(local), "quorum_missing")
            leader = self.world.officers[data["leader"]]
            need(leader.agency.split(".")[0] != region, "leader_must_be_visiting")
