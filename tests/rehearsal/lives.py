"""Random and scripted lives of clues as the core makes them: the events, and the commands that were accepted."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from domain.errors import DomainError
from domain.evolve import evolve
from domain.lifecycle import handle, tick
from domain.model import Actor, ClueState, Command, Event, Officer, blank, shanghai_day
from domain.packs import Rulebook
from rehearsal.scenario import Scenario
from runtime.facts import facts_for
from runtime.rules import load_rules
from tests.oracle.cases import OFFICERS, fresh

RULES = load_rules()


@dataclass
class Life:
    """One clue with everything that it was made from; `sent` holds the accepted commands by id."""

    state: ClueState
    officers: Sequence[Officer] | None = None
    rules: Rulebook = RULES.rulebook
    events: list[Event] = field(default_factory=list)
    sent: dict[str, Command] = field(default_factory=dict)
    now: datetime | None = None

    def do(self, at: datetime, id: str, name: str, actor: Actor, data: dict[str, Any]) -> bool:
        """Whether the command was accepted."""
        self.now = at
        facts = facts_for(RULES, name, data, actor, shanghai_day(at), self.officers)
        command = Command(id, name, actor, data, facts)
        try:
            outcome = handle(self.state, command, at, self.rules)
        except DomainError:
            return False
        if outcome.events:
            self.sent[id] = command
        self.events += outcome.events
        self.state = outcome.state
        return True

    def wait(self, at: datetime) -> None:
        """Lets the clocks run."""
        self.now = at
        for event in tick(self.state, at, self.rules):
            self.events.append(event)
            self.state = evolve(self.state, event)


def random_life(seed: int, length: int = 30, rules: Rulebook = RULES.rulebook, clue_no: str = "XS-1") -> Life:
    """The oracle's random steps; some are refused, many stray from the road."""
    maker = fresh(seed)
    life = Life(blank(clue_no, maker.setup.packs), OFFICERS, rules)
    for n in range(length):
        step = maker.report() if n == 0 else maker.draw(life.state)
        life.do(step.at, step.id, step.name, Actor(**step.actor), step.data)
        maker.later(life.state)
    life.wait(max(maker.now, life.state.updated_at or maker.now))
    return life


def told(scenario: Scenario) -> Life:
    """A scenario's life."""
    life = Life(blank(scenario.clue_no, scenario.packs), scenario.officers)
    for step in scenario.steps:
        life.wait(step.at)
        if step.do is not None:
            assert step.actor is not None
            life.do(step.at, step.command_id, step.do, step.actor, step.data)
    return life
