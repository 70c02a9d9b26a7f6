"""The core beside the second reading: the same steps through both, and the first step where they part."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from domain.errors import DomainError
from domain.lifecycle import handle, next_wakeup, ticked
from domain.model import Actor, ClueState, Command, blank
from domain.packs import Rulebook
from domain.view import view
from runtime.facts import facts_for
from runtime.rules import load_rules
from tests.domain.changes import with_terms
from tests.oracle.cases import DISSOLVED, LISTED, OFFICERS, UNKNOWN, Setup, Step, fresh
from tests.oracle.days import day_of
from tests.oracle.follows import HOUSE, World
from tests.oracle.reading import Clue

RULES = load_rules()
BOOK = RULES.rulebook
FIELDS = ("stage", "level", "peak_level", "holder", "from_agency", "to_agency", "packs", "age_days")
DUTY_FIELDS = (
    "id",
    "obliged",
    "status",
    "due_at",
    "legal_due_at",
    "provisional",
    "overdue_internal",
    "opened_at",
    "fulfilled_at",
    "extended_days",
    "level",
)


@dataclass
class Pair:
    """One clue in both readings."""

    core: ClueState
    second: Clue
    book: Rulebook = BOOK

    @staticmethod
    def of(setup: Setup) -> Pair:
        world = World(LISTED, {UNKNOWN}, {DISSOLVED})
        packs = list(setup.packs) if setup.packs else None
        return Pair(blank("XS-1", packs), Clue(world, packs))

    def do(self, step: Step) -> str | None:
        """What parts them at this step, in words; None where they agree."""
        actor = Actor(**step.actor)
        facts = facts_for(RULES, step.name, step.data, actor, day_of(step.at), OFFICERS)
        command = Command(step.id, step.name, actor, step.data, facts)
        code: str | None = None
        try:
            self.core = handle(self.core, command, step.at, self.book).state
        except DomainError as refused:
            code = refused.code
        theirs = self.second.do(step.at, step.id, step.name, step.actor, step.data)
        if code != theirs:
            return f"the core answers {code}, the second reading {theirs}"
        return self.look(step.at)

    def change(self, now: datetime, more: dict[str, int]) -> str | None:
        """Both on terms longer or shorter by that much."""
        new = with_terms(self.book, "changed", lambda rule: more.get(rule.id, 0))
        data = {"change_id": "A", "reason": "x", "approver": "x", "version": new.version}
        lawyer = Actor("000000.gov", "legal", "x")
        outcome = handle(self.core, Command("A", "change_rules", lawyer, data), now, self.book, new)
        self.core, self.book = outcome.state, new
        self.second.pass_time(now)
        self.second.change_terms(now, more)
        self.second.pass_time(now)
        return self.look(now)

    def look(self, now: datetime) -> str | None:
        if not self.core.exists:
            return None
        self.core = ticked(self.core, now, self.book)
        ours, theirs = view(self.core, now, self.book), self.second.look(now)
        for name in FIELDS:
            if ours[name] != theirs[name]:
                return f"{name}: the core {ours[name]}, the second reading {theirs[name]}"
        return _duties_differ(ours["duties"], theirs["duties"])


def _duties_differ(ours: list[dict[str, Any]], theirs: list[dict[str, Any]]) -> str | None:
    a, b = sorted(ours, key=lambda d: d["id"]), sorted(theirs, key=lambda d: d["id"])
    if [d["id"] for d in a] != [d["id"] for d in b]:
        return f"duties: the core {[d['id'] for d in a]}, the second reading {[d['id'] for d in b]}"
    for x, y in zip(a, b, strict=True):
        for name in DUTY_FIELDS:
            if x[name] != (y[name].isoformat() if isinstance(y[name], datetime) else y[name]):
                return f"{x['id']}.{name}: the core {x[name]}, the second reading {y[name]}"
    return None


def parting(setup: Setup, steps: Sequence[Step]) -> str | None:
    pair = Pair.of(setup)
    for step in steps:
        difference = pair.do(step)
        if difference:
            return f"{step.at} {step.name}: {difference}"
    return None


def shorter(setup: Setup, steps: Sequence[Step]) -> list[Step]:
    """The steps without those that the difference does not need."""
    kept = list(steps)
    for step in list(reversed(kept)):
        without = [s for s in kept if s is not step]
        if parting(setup, without):
            kept = without
    return kept


def tell(setup: Setup, steps: Sequence[Step]) -> str:
    lines = [f"setup: {setup}"]
    lines += [f"  {s.at:%Y-%m-%d %H:%M:%S} {s.id} {s.name} {s.actor} {s.data}" for s in steps]
    return "\n".join([*lines, f"=> {parting(setup, steps)}"])


def play(seed: int, length: int = 30) -> str | None:
    """One random clue through both; the shortest telling of where they part, else None."""
    maker = fresh(seed)
    pair = Pair.of(maker.setup)
    steps: list[Step] = []
    for n in range(length):
        step = maker.report() if n == 0 and maker.rng.random() < 0.95 else maker.draw(pair.core)
        steps.append(step)
        if pair.do(step):
            return f"seed {seed}\n" + tell(maker.setup, shorter(maker.setup, steps))
        maker.later(pair.core)
        wakeup = next_wakeup(pair.core, BOOK)
        if wakeup and maker.rng.random() < 0.3:
            maker.now = max(maker.now, wakeup + timedelta(seconds=maker.rng.choice([-1, 0, 1])))
    return None


def play_changed(seed: int, length: int = 24) -> str | None:
    """One random clue through both, its terms changed on the way; where they part, else None."""
    maker = fresh(seed)
    pair = Pair.of(maker.setup)
    change_at = maker.rng.randrange(3, length - 3)
    said: list[str] = []
    for n in range(length):
        step = maker.report() if n == 0 else maker.draw(pair.core)
        if step.name in ("withdraw", "merge_into", "close") or (step.name == "report" and n):
            continue
        said.append(f"  {step.at:%Y-%m-%d %H:%M:%S} {step.id} {step.name} {step.actor} {step.data}")
        difference = pair.do(step)
        maker.later(pair.core)
        if n >= change_at and pair.core.exists and pair.book is BOOK and not difference:
            more = {
                i: maker.rng.choice([-40, -10, -3, -1, 1, 2, 15]) for i in HOUSE if maker.rng.random() < 0.6
            }
            more |= {i: maker.rng.choice([-15, -2, 3]) for i in OTHERS if maker.rng.random() < 0.6}
            said.append(f"  {maker.now:%Y-%m-%d %H:%M:%S} terms: {more}")
            difference = pair.change(maker.now, more)
            maker.later(pair.core)
        if difference:
            return f"seed {seed} {maker.setup}\n" + "\n".join([*said, f"=> {difference}"])
    return None


OTHERS = ("evidence_transfer", "start_transfer", "complete_transfer", "damage_notice")
