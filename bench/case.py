"""The case that everything is measured with: the two vessels of Zhouzhuang, as the project ships it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import yaml

from domain.model import Actor, Command, Facts, Officer, instant
from runtime.facts import facts_for
from runtime.rules import Rules

SCENARIO = Path(__file__).resolve().parent.parent / "scenarios" / "01_two_vessels_zhouzhuang.yaml"


@dataclass(frozen=True)
class Act:
    """One command of the case at its time; `refused` where the case expects a refusal."""

    name: str
    actor: Actor
    data: dict[str, Any]
    facts: Facts
    at: datetime
    refused: bool

    def command(self, command_id: str, clue_no: str) -> Command:
        data = {**self.data, "clue_no": clue_no} if self.name == "report" else self.data
        return Command(command_id, self.name, self.actor, data, self.facts)


@dataclass(frozen=True)
class Case:
    packs: tuple[str, ...]
    acts: tuple[Act, ...]

    @property
    def accepted(self) -> int:
        return sum(not act.refused for act in self.acts)


def load(rules: Rules) -> Case:
    raw = yaml.safe_load(SCENARIO.read_text(encoding="utf-8"))
    officers = [
        Officer(
            o["id"], o["name"], o["agency"], o["from"], o["to"],
            tuple(o["scope"]["regions"]), tuple(o["scope"]["matters"]),
        )
        for o in raw["officers"]
    ]  # fmt: skip
    acts = []
    for step in raw["steps"]:
        if "do" not in step:
            continue
        at, actor, data = instant(step["at"]), Actor(**step["as"]), step.get("with") or {}
        facts = facts_for(rules, step["do"], data, actor, at.date(), officers)
        acts.append(Act(step["do"], actor, data, facts, at, "refused" in step))
    return Case(tuple(raw["packs"]), tuple(acts))
