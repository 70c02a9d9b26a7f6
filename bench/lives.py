"""Lives of clues as they might be, by chance: most go their way, some stray, some are slow, some still run."""

from __future__ import annotations

import hashlib
import random
from datetime import date, datetime, timedelta
from typing import Any

from domain.calendar import SHANGHAI
from domain.errors import DomainError
from domain.evolve import evolve
from domain.lifecycle import handle, tick
from domain.model import Actor, ClueState, Command, Event, Officer, blank, shanghai_day
from runtime.facts import facts_for
from runtime.rules import Rules

# finder, addressee, matter
ROADS = (
    ("320509.eco", "310118.eco", "wastewater"),
    ("310118.eco", "330421.eco", "solid_waste"),
    ("330421.eco", "320509.eco", "construction_waste"),
    ("320583.eco", "310118.eco", "construction_waste"),
    ("320583.eco", "320509.eco", "waste_gas"),
    ("360281.eco", "361129.eco", "ecological_damage"),
)
PEOPLE = tuple(
    Officer(f"O-{agency[:6]}-{n}", "某人", agency, date(2020, 1, 1), date(2029, 12, 31), ("3",), (matter,))
    for agency in {a for road in ROADS for a in road[:2]}
    for matter in {road[2] for road in ROADS}
    for n in (1, 2)
)
DIGEST = hashlib.sha256(b"bench").hexdigest()
STRAYING = {  # what may come between, and in how many lives out of a hundred
    "extend": 5, "suspend": 4, "dispute": 4, "reroute": 2, "return": 6, "supervise": 2, "again": 4,
}  # fmt: skip


class Life:
    """One clue that is being lived."""

    def __init__(self, seed: int, rules: Rules) -> None:
        self.rng, self.rules = random.Random(seed), rules
        self.finder, self.addressee, self.matter = self.rng.choice(ROADS)
        day = date(2024, 1, 2) + timedelta(days=self.rng.randrange(1000))
        self.now = datetime(day.year, day.month, day.day, self.rng.randrange(7, 20), tzinfo=SHANGHAI)
        self.state: ClueState = blank(f"XS-{self.finder[:6]}-{day:%Y%m%d}-{seed:04d}")
        self.events: list[Event] = []
        self.n = 0

    def does(
        self, name: str, who: str, role: str = "approver", person: str | None = None, /, **data: Any
    ) -> None:
        """A command, if the clue bears it."""
        self.n += 1
        actor = Actor(who, role, "某人", person)
        facts = facts_for(self.rules, name, data, actor, shanghai_day(self.now), PEOPLE)
        try:
            done = handle(
                self.state, Command(f"c{self.n}", name, actor, data, facts), self.now, self.rules.rulebook
            )
        except DomainError:
            return
        self.state = done.state
        self.events += done.events

    def waits(self, days: float) -> None:
        """About so many days, often less, sometimes far more."""
        self.now += timedelta(minutes=round(days * 1440 * self.rng.lognormvariate(-0.3, 0.9)))

    def chance(self, what: str) -> bool:
        return self.rng.random() * 100 < STRAYING[what]

    def until(self, end: datetime) -> None:
        for event in tick(self.state, end, self.rules.rulebook):
            self.events.append(event)
            self.state = evolve(self.state, event)


def lived(seed: int, rules: Rules, end: datetime) -> Life:
    """A whole life, or as much of it as there has been by `end`; about one in eight stops on its way."""
    life = Life(seed, rules)
    steps = [_told, _looked_at, _handed_over, _handled]
    stops = life.rng.randrange(1, 4) if life.rng.random() < 0.12 else 4
    for step in steps[:stops]:
        if life.now < end:
            step(life)
    life.until(end)
    return life


def _told(a: Life) -> None:
    a.does(
        "report", a.finder, "officer",
        source="patrol", title="疑似偷排", matter=a.matter, discovered_at=a.now.isoformat(), to_agency=a.addressee,
        place={"region": a.addressee[:6]}, seizure="一船", suspects=[{"kind": "company", "name": "某公司"}],
        waste={"type": "渣土", "origin": "某地", "quantity_t": 10, "destination": "某地"},
    )  # fmt: skip
    a.waits(0.15)
    if a.chance("dispute"):
        a.does("dispute_jurisdiction", a.addressee, reason="不在辖区")
        a.waits(3)
        for who in ("group.qwj", "000000.eco", "320000.eco", "360000.eco", "320500.eco"):
            a.does("rule_jurisdiction", who, agency=a.addressee, reason="行为地")
    elif a.chance("reroute"):
        a.addressee = a.rng.choice(
            [r for r in ("310118.eco", "320509.eco", "330421.eco") if r not in (a.finder, a.addressee)]
        )
        a.does("reroute", a.finder, to_agency=a.addressee, reason="误派")
        a.waits(0.1)
    a.does("acknowledge", a.addressee, "liaison", message="收到")


def _looked_at(a: Life) -> None:
    a.waits(0.7)
    if a.rng.random() < 0.2:
        a.does("flag_evidence_at_risk", a.finder, reason="要开船")
        a.waits(0.3)
        a.does("arrive", a.addressee, officers=[])
    if a.rng.random() < 0.6:
        visiting, local = f"O-{a.finder[:6]}-1", f"O-{a.addressee[:6]}-1"
        at = a.now.isoformat()
        a.does("convene_inspection", a.finder, "officer", visiting,
               mode="joint", at=at, leader=visiting, members=[visiting, local], invited=[])  # fmt: skip
        a.waits(0.2)
        a.does("record_inspection", a.finder, "officer", visiting, finding="confirmed", record="属实",
               started_at=at, ended_at=at, damage_found=a.matter == "ecological_damage")  # fmt: skip
    item = {"name": "照片", "sha256": DIGEST, "size": 1, "media_type": "image/jpeg", "kind": "photo"}
    a.does("add_evidence", a.finder, items=[item])
    if a.matter == "ecological_damage":
        a.waits(1.5)
        a.does("notify_damage", a.finder, details="河岸")
        a.waits(0.8)
        a.does("start_damage_investigation", a.addressee)


def _handed_over(a: Life) -> None:
    a.waits(2)
    a.does("start_transfer", a.finder)
    a.waits(1)
    a.does("send_transfer", a.finder, manifest=[DIGEST])
    a.waits(1)
    if a.chance("return"):
        a.does("return_transfer", a.addressee, reason="不全", missing=["笔录"])
        a.waits(2)
        a.does("send_transfer", a.finder, manifest=[DIGEST])
        a.waits(1)
    a.does("receive_transfer", a.addressee, manifest=[DIGEST])


def _handled(a: Life) -> None:
    above = {"31": "310000.eco", "32": "320000.eco", "33": "330000.eco", "36": "360000.eco"}[a.addressee[:2]]
    a.waits(9)
    a.does("file_case", a.addressee, decision="filed")
    if a.chance("extend"):
        a.does("request_extension", a.addressee, duty="written_feedback", days=10, reason="检测")
        a.waits(1)
        for who in (above, f"{a.addressee[:4]}00.eco"):
            a.does("decide_extension", who, duty="written_feedback", approved=True, reason="同意")
    if a.chance("suspend"):
        a.does("suspend_duty", above, duty="written_feedback", reason="鉴定")
        a.waits(10)
        a.does("resume_duty", above, duty="written_feedback", reason="鉴定毕")
    if a.chance("supervise"):
        a.does("supervise", above, order_no="督1", agency=a.addressee, demand="速办", days=7)
        a.waits(4)
        a.does("reply_supervision", a.addressee, order_no="督1", reply="在办")
    a.waits(14)
    a.does("give_feedback", a.addressee, letter_no="馈1", outcome="penalty", details="已处罚")
    a.waits(2)
    if a.chance("again"):
        a.does("return_feedback", a.finder, reason="不清楚")
        a.waits(4)
        a.does("give_feedback", a.addressee, letter_no="馈2", outcome="penalty", details="已处罚")
        a.waits(1)
    a.does("accept_feedback", a.finder)
    a.does("close", a.finder)
