"""Random clues: a setup, and commands that are often sensible, often not, at times that jump over everything."""

from __future__ import annotations

import random
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from typing import Any

from domain.model import ClueState, Officer
from tests.oracle.days import ZONE, day_of, end_of
from tests.oracle.follows import Listed
from tests.oracle.form import FORMS
from tests.oracle.powers import above, common_superior, superior

UNKNOWN, DISSOLVED = "999999.eco", "320584.eco"
DIGESTS = [c * 64 for c in "abcdef"]
EVERYBODY = [
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
    "officer",
    "approver",
    "commander",
    "approver",
    "supervisor",
]
WASTE = {"type": "污泥", "origin": "青浦", "quantity_t": 12, "destination": "泰兴"}
FULL = {"seizure": "查获两船", "suspects": [{"kind": "company", "name": "某公司"}], "waste": WASTE}


def _line(ident: str, agency: str, last: date = date(2027, 12, 31)) -> Officer:
    regions = ("310118", "320509", "330421", "320583")
    matters = ("solid_waste", "construction_waste", "wastewater")
    return Officer(ident, ident, agency, date(2018, 1, 1), last, regions, matters)


OFFICERS = (
    _line("QP-01", "310118.eco"),
    _line("QP-02", "310118.eco"),
    _line("WJ-01", "320509.eco"),
    _line("WJ-02", "320509.eco"),
    _line("JS-01", "330421.eco"),
    _line("KS-01", "320583.eco"),
    _line("OLD-1", "310118.eco", date(2018, 6, 30)),
)
LISTED = {o.id: Listed(o.id, o.agency, o.from_day, o.to_day, o.regions, o.matters) for o in OFFICERS}
PEOPLE = [*LISTED, "NOBODY", "LP-01"]


@dataclass(frozen=True)
class Step:
    at: datetime
    id: str
    name: str
    actor: dict[str, Any]
    data: dict[str, Any]


@dataclass(frozen=True)
class Setup:
    name: str
    finder: str
    region: str
    matter: str
    addressee: str | None = None
    packs: tuple[str, ...] | None = None
    public: bool = False
    drill: bool = False
    full: bool = False


SETUPS = (
    Setup("qwj", "320509.eco", "310118", "wastewater", "310118.eco"),
    Setup("qwj, local finder", "310118.eco", "310118", "wastewater", "330421.eco"),
    Setup("qwj and yrd", "320509.eco", "310118", "construction_waste", full=True),
    Setup("yrd", "320583.eco", "310118", "solid_waste", "310118.eco"),
    Setup("jx", "360281.eco", "361129", "ecological_damage", "361129.eco"),
    Setup("no pack", "320583.eco", "320509", "wastewater"),
    Setup("finder's own", "320583.eco", "320583", "wastewater"),
    Setup("public", "310118.eco", "320509", "solid_waste", public=True, full=True),
    Setup("drill", "320509.eco", "330421", "wastewater", drill=True),
    Setup("packs given", "320583.eco", "310118", "construction_waste", "310118.eco",
          ("qwj-2020", "yrd-solid-waste-trial"), full=True),
    Setup("all packs given", "360281.eco", "361129", "solid_waste", "361129.eco",
          ("jx-2021-11", "yrd-solid-waste-trial", "qwj-2020"), full=True),
    Setup("coordinates", "320509.eco", "", "wastewater", "330421.eco"),
    Setup("coordinates alone", "310118.eco", "", "solid_waste"),
    Setup("two levels", "320500.eco", "320509", "waste_gas", "320509.eco"),
    Setup("two departments", "310000.msa", "310118", "construction_waste"),
)  # fmt: skip


@dataclass
class Maker:
    """Draws steps one by one, looking at the clue as it is so that many of them make sense."""

    rng: random.Random
    setup: Setup
    now: datetime
    count: int = 0
    used: list[Step] = field(default_factory=list)

    def agencies(self, state: ClueState) -> list[str]:
        known = [self.setup.finder, state.to_agency, *state.invited]
        high = ["310000.eco", "320000.eco", "320500.eco", "360000.eco", "000000.eco", "000000.gov"]
        extra = ["group.qwj", "330421.eco", "420100.eco", "320583.msa", "310118.urban"]
        return [a for a in (*known, *known, *high, *extra) if a]

    def report(self) -> Step:
        s = self.setup
        data: dict[str, Any] = {
            "source": "patrol",
            "title": "疑似偷排",
            "matter": s.matter,
            "discovered_at": (self.now - self.rng.choice(AGES)).isoformat(),
            "place": {"region": s.region} if s.region else {"lon": 120.9, "lat": 31.0, "radius_m": 20000},
        }
        data |= {"to_agency": s.addressee} if s.addressee else {}
        data |= {"drill": True} if s.drill else {}
        data |= {"from_agency": s.finder} if self.rng.random() < 0.3 else {}
        data |= FULL if s.full else {}
        role = "public" if s.public else self.rng.choice(["officer", "registrar", "liaison", "commander"])
        return self.step("report", {"agency": s.finder, "role": role, "name": "甲"}, data)

    def step(self, name: str, actor: dict[str, Any], data: dict[str, Any]) -> Step:
        self.count += 1
        made = Step(self.now, f"c{self.count}", name, actor, data)
        self.used.append(made)
        return made

    def later(self, state: ClueState) -> None:
        """Time moves: a little, to a date that matters, to a midnight, or far."""
        rng = self.rng
        dates = [d.legal_due_at for d in state.duties if d.owed] + [d.due_at for d in state.duties if d.owed]
        dates = [d.astimezone(ZONE) for d in dates if d > self.now]
        kind = rng.random()
        if kind < 0.45:
            self.now += timedelta(minutes=rng.choice([0, 1, 5, 30, 119]))
        elif kind < 0.6 and dates:
            self.now = rng.choice(dates) + timedelta(seconds=rng.choice([-1, 0, 0, 1]))
        elif kind < 0.7:
            self.now = end_of(day_of(self.now))
        else:
            self.now += timedelta(hours=rng.choice([5, 5, 24, 24, 49, 24 * 4, 24 * 9, 24 * 30]))

    def draw(self, state: ClueState) -> Step:
        rng = self.rng
        if self.used and rng.random() < 0.04:
            old = rng.choice(self.used)
            return Step(self.now, old.id, old.name, old.actor, old.data)
        sensible = rng.random() < 0.75
        name = rng.choice(LIKELY.get(state.stage, list(FORMS)) if sensible else [*FORMS, "report"])
        if state.requests and rng.random() < 0.3:
            name = "decide_extension"
        if name in ENDINGS and rng.random() < 0.7:
            name = rng.choice(CLOCKS)
        data = self.data(name, state)
        if rng.random() < 0.03 and data:
            data = {k: v for k, v in data.items() if k != rng.choice(list(data))}
        if name == "report":
            return self.report()
        return self.step(name, self.actor(name, state, data), data)

    def actor(self, name: str, state: ClueState, data: dict[str, Any]) -> dict[str, Any]:
        rng = self.rng
        person: str | None = None
        agency, role = rng.choice(self.agencies(state)), rng.choice(EVERYBODY)
        if rng.random() < 0.75:
            agency, role, person = self.fitting(name, state, data)
        if person is None and rng.random() < 0.3:
            person = rng.choice(PEOPLE)
        actor = {"agency": agency, "role": role, "name": "乙"}
        return actor | ({"officer_id": person} if person else {})

    def over(self, state: ClueState, name: str, duty: str | None) -> list[str]:
        """Who could step in: whoever rules, or is above who owes."""
        owing = [d.obliged for d in state.owed if d.id == duty][-1:]
        below = owing or [a for a in (state.from_agency, state.to_agency) if a]
        if name == "rule_jurisdiction" and state.to_agency:
            common = common_superior(state.from_agency, state.to_agency)
            return ["group.qwj", *([common] * 3 if common else [])]
        if name == "decide_extension":
            return [s for a in below if (s := superior(a))] or ["000000.gov"]
        return [s for a in below for s in above(a)] or ["000000.gov"]

    def fitting(self, name: str, state: ClueState, data: dict[str, Any]) -> tuple[str, str, str | None]:
        rng = self.rng
        finder, addressee = state.from_agency or self.setup.finder, state.to_agency
        high = rng.choice(["approver", "supervisor", "commander"])
        if name in ("record_inspection", "sign_record") and state.inspection:
            return state.inspection.leader_agency, "officer", data.get("officer_id", state.inspection.leader)
        if name in SUPERIOR_ACTS:
            return rng.choice(self.over(state, name, data.get("duty"))), high, None
        if name == "respond_invitation" and state.invited:
            return rng.choice(state.invited), "officer", None
        if name == "request_extension":
            owing = [d.obliged for d in state.owed if d.id == data.get("duty")]
            return (owing or [finder])[-1], "officer", None
        if name == "reply_supervision" and state.orders:
            return state.orders[-1].agency, "legal", None
        mine = name in FINDER_ACTS or not addressee or (name in EITHER_ACTS and rng.random() < 0.5)
        return (finder if mine else addressee or finder), "approver", None

    def data(self, name: str, state: ClueState) -> dict[str, Any]:
        rng = self.rng
        agency = rng.choice([*self.agencies(state), *([UNKNOWN] if rng.random() < 0.1 else [])])
        agency = DISSOLVED if rng.random() < 0.02 else agency
        manifest = rng.sample(DIGESTS, rng.choice([0, 1, 1, 2]))
        if state.evidence and rng.random() < 0.8:
            manifest = [e.sha256 for e in state.evidence]
        if state.stage == "transferring" and not state.evidence and rng.random() < 0.7:
            manifest = []
        if name == "receive_transfer" and state.sent and rng.random() < 0.85:
            manifest = list(state.sent.manifest)
        owed = [d.id for d in state.owed] or ["ack"]
        young = [d.id for d in state.owed if d.legal_due_at > self.now]
        owed = young if young and rng.random() < 0.7 else owed
        duty = rng.choice(owed) if rng.random() < 0.9 else rng.choice(["receipt", "ack", "nonsense"])
        if name == "decide_extension" and state.requests and rng.random() < 0.9:
            duty = state.duties[rng.choice(state.requests).duty_n].id
        team = rng.choice(TEAMS)
        orders = [o.order_no for o in state.orders if not o.replied] or ["督1", "督2"]
        full: dict[str, dict[str, Any]] = {
            "notify": {"to_agency": agency} if rng.random() < 0.8 else {},
            "flag_evidence_at_risk": {"reason": "可能灭失"},
            "arrive": {"officers": ["QP-01"]},
            "convene_inspection": {
                "mode": rng.choice(["joint", "spot_check"]),
                "at": (self.now + timedelta(hours=2)).isoformat(),
                "leader": team[0],
                "members": list(team),
                "invited": rng.sample(self.agencies(state), rng.choice([0, 1, 2])),
            },
            "respond_invitation": {"attending": rng.random() < 0.5},
            "record_inspection": {
                "finding": rng.choice(["confirmed", "confirmed", "unfounded"]),
                "started_at": self.now.isoformat(),
                "ended_at": self.now.isoformat(),
                "record": "现场勘验",
                **({"damage_found": True} if rng.random() < 0.6 else {}),
            },
            "sign_record": {"officer_id": rng.choice(PEOPLE)},
            "amend_clue": {"changes": rng.choice([FULL, {"waste": {"type": "渣土"}}, {"seizure": "补"}])},
            "add_evidence": {"items": [self.item() for _ in range(rng.choice([1, 2]))]},
            "send_transfer": {"manifest": manifest},
            "send_supplement": {"manifest": manifest},
            "receive_transfer": {"manifest": manifest},
            "return_transfer": {"reason": "材料不全", "missing": ["笔录"]},
            "dispute_jurisdiction": {"reason": "不在辖区"},
            "rule_jurisdiction": {"agency": self.target(state, agency), "reason": "违法行为发生地"},
            "reroute": {"to_agency": agency, "reason": "派错"},
            "file_case": {"decision": rng.choice(["filed", "not_filed", "criminal"])},
            "give_feedback": {"letter_no": "馈1号", "outcome": "penalty", "details": "已处罚"},
            "return_feedback": {"reason": "不清楚"},
            "request_extension": {"duty": duty, "days": rng.choice([1, 3, 10]), "reason": "需检测"},
            "decide_extension": {"duty": duty, "approved": rng.random() < 0.8, "reason": "同意"},
            "suspend_duty": {"duty": duty, "reason": "鉴定"},
            "resume_duty": {"duty": duty, "reason": "鉴定毕"},
            "suspend_region": {
                "order_no": rng.choice(["环中1", "环中2"]),
                "region": rng.choice(["31", "3205", "320509", "32", "320000", "000000", "310118", "36"]),
                "reason": "台风",
                **(
                    {"duties": rng.sample(["ack", "written_feedback", duty], 2)} if rng.random() < 0.2 else {}
                ),
            },
            "resume_region": {
                "order_no": rng.choice([o.order_no for o in state.suspensions] or ["环中1"]),
                "reason": "过境",
                **({"undo": rng.random() < 0.8} if rng.random() < 0.5 else {}),
            },
            "supervise": {
                "order_no": rng.choice(["督1", "督2"]),
                "agency": self.target(state, agency),
                "demand": "尽快办理",
                "days": rng.choice([0, 1, 3, 7]),
            },
            "reply_supervision": {"order_no": rng.choice(orders), "reply": "已办"},
            "open_accountability": {"units": [agency], "persons": ["某人"], "facts": "推诿"},
            "decide_accountability": {"outcome": "通报批评", "reason": "属实"},
            "commend": {"units": [agency], "persons": [], "facts": "迅速"},
            "notify_damage": {"details": "河岸受损"},
            "merge_into": {"clue_no": "XS-2", "reason": "同一案件"},
            "withdraw": {"reason": "误报"},
        }
        return full.get(name, {})

    def target(self, state: ClueState, other: str) -> str:
        """Mostly one of the two who have to do with the clue."""
        if self.rng.random() < 0.7:
            return state.to_agency or self.setup.finder
        return other

    def item(self) -> dict[str, Any]:
        rng = self.rng
        kind = rng.choice(["photo", "record", "record", "monitor"])
        made = {"name": "件", "sha256": rng.choice(DIGESTS), "size": 1, "media_type": "a/b", "kind": kind}
        return made | ({"monitor_reviewed": rng.random() < 0.7} if kind == "monitor" else {})


AGES = [timedelta(0), timedelta(0), timedelta(hours=1), timedelta(days=6), timedelta(days=40)]
TEAMS = [
    ("WJ-01", "QP-01"), ("QP-01", "WJ-01"), ("QP-01", "QP-02"), ("WJ-01", "WJ-02"), ("KS-01", "QP-01"),
    ("WJ-01",), ("JS-01", "QP-01"), ("OLD-1", "WJ-01"), ("LP-01", "NOBODY"),
]  # fmt: skip
FINDER_ACTS = {
    "notify", "flag_evidence_at_risk", "amend_clue", "start_transfer", "send_transfer", "send_supplement",
    "reroute", "return_feedback", "accept_feedback", "merge_into", "withdraw", "close", "notify_damage",
}  # fmt: skip
ENDINGS = {"merge_into", "withdraw"}
EITHER_ACTS = {"convene_inspection", "add_evidence"}
SUPERIOR_ACTS = {
    "rule_jurisdiction", "decide_extension", "suspend_duty", "resume_duty", "suspend_region", "resume_region",
    "supervise", "open_accountability",
    "decide_accountability", "commend",
}  # fmt: skip
CLOCKS = ["request_extension", "decide_extension", "suspend_duty", "resume_duty", "suspend_region",
          "resume_region", "supervise", "reply_supervision"]  # fmt: skip
DAMAGE = ["notify_damage", "start_damage_investigation", "decide_accountability"]
ROUTE = ["acknowledge", "flag_evidence_at_risk", "arrive", "convene_inspection", "reroute", "add_evidence",
         "dispute_jurisdiction", "amend_clue", "rule_jurisdiction", "respond_invitation"]  # fmt: skip
TALK = ["accept_feedback", "close", "return_feedback"]
# Repeated names are likelier: the road to the end is long, and most steps stray from it.
LIKELY = {
    "none": ["report"],
    "discovered": [*["notify"] * 6, *CLOCKS, "amend_clue", "add_evidence"],
    "notified": [*ROUTE, *CLOCKS, *DAMAGE, *["start_transfer", "convene_inspection"] * 6],
    "inspecting": [*ROUTE, *CLOCKS, *DAMAGE, *["record_inspection", "sign_record", "start_transfer"] * 6],
    "transferring": [*ROUTE, *CLOCKS, *["add_evidence"] * 4, *["send_transfer", "receive_transfer"] * 14,
                     *["return_transfer"] * 6],
    "handling": [*CLOCKS, "file_case", "dispute_jurisdiction", *["give_feedback"] * 6, "rule_jurisdiction"],
    "feedback": [*CLOCKS, *TALK, *TALK],
    "disputed": [*CLOCKS, *["rule_jurisdiction"] * 8],
}  # fmt: skip


def fresh(seed: int) -> Maker:
    rng = random.Random(seed)
    day = date(2019, 1, 1) + timedelta(days=rng.randrange(365 * 8))
    if rng.random() < 0.5:  # the holidays, where the counting is hard
        day = day.replace(month=rng.choice([1, 2, 4, 5, 9, 10]), day=min(day.day, 28))
    now = datetime(day.year, day.month, day.day, rng.choice([0, 8, 10, 16, 20, 23]), tzinfo=ZONE)
    return Maker(rng, rng.choice(SETUPS), now)
