"""What a scenario is, and reading one from YAML (contract, "Scenarios")."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

from domain.agencies import is_well_formed, region_of
from domain.calendar import SHANGHAI
from domain.model import Actor, Json, Officer
from rehearsal import check
from runtime.errors import GroundError
from runtime.rules import Rules
from runtime.rules_yaml import Problem, read_yaml

STATE = "000000"


class ScenarioError(GroundError):
    """The file can't be played; `problems` says what is wrong, place by place."""

    exit_code = 2

    def __init__(self, problems: list[Problem]) -> None:
        self.problems = tuple(problems)
        super().__init__("场景文件有误：\n" + "\n".join(str(problem) for problem in problems))


@dataclass(frozen=True)
class Step:
    """One step; `n` counts from 1. Without `do` it only looks. `refused` is the code that must answer."""

    n: int
    at: datetime
    do: str | None = None
    actor: Actor | None = None
    data: Json = field(default_factory=dict)
    command_id: str = ""
    refused: str | None = None
    expect: Json = field(default_factory=dict)


@dataclass(frozen=True)
class Scenario:
    """A checked file. `packs` None: the engine chooses. `officers` None: the lists of the rules hold."""

    file: str
    title: str
    clue_no: str
    steps: tuple[Step, ...]
    packs: tuple[str, ...] | None = None
    officers: tuple[Officer, ...] | None = None


def load_scenario(path: Path, rules: Rules) -> Scenario:
    """Reads and checks one file. ScenarioError names line, step and field of everything wrong with it."""
    document, problems = read_yaml(path, str(path), aliases=True)
    if document is None:
        raise ScenarioError(problems)
    found = check.Findings(document)
    data = check.plain(document.data)
    parts = check.parts(found, data, rules.rulebook)
    if found.problems:
        raise ScenarioError(found.problems)
    steps = tuple(_step(n, raw) for n, raw in enumerate(parts.steps, start=1))
    return Scenario(
        file=str(path),
        title=parts.title or path.stem,
        clue_no=_clue_no(steps),
        steps=steps,
        packs=None if parts.packs is None else tuple(parts.packs),
        officers=None if parts.officers is None else tuple(_officer(raw) for raw in parts.officers),
    )


def _step(n: int, raw: Json) -> Step:
    actor = raw.get("as")
    return Step(
        n=n,
        at=datetime.fromisoformat(raw["at"]).astimezone(SHANGHAI),
        do=raw.get("do"),
        actor=None if actor is None else Actor(**actor),
        data=raw.get("with") or {},
        command_id=str(raw.get("id", f"step-{n}")),
        refused=raw.get("refused"),
        expect=raw.get("expect") or {},
    )


def _officer(raw: Json) -> Officer:
    scope: dict[str, Any] = raw.get("scope") or {}
    return Officer(
        id=raw["id"],
        name=raw["name"],
        agency=raw["agency"],
        from_day=check.day(raw["from"]),
        to_day=check.day(raw["to"]),
        regions=tuple(scope.get("regions") or ()),
        matters=tuple(scope.get("matters") or ()),
    )


def _clue_no(steps: tuple[Step, ...]) -> str:
    """The report's own number, else the first of that day: a scenario holds one clue."""
    reports = [step for step in steps if step.do == "report"]
    told = next((step for step in reports if step.refused is None), next(iter(reports), None))
    if told is None or told.actor is None:
        return f"XS-{STATE}-00000000-0001"
    given = told.data.get("clue_no")
    if isinstance(given, str) and given:
        return given
    finder = told.data.get("from_agency") or told.actor.agency
    known = isinstance(finder, str) and is_well_formed(finder)
    region = region_of(finder) if known else None  # a group has none
    return f"XS-{region or STATE}-{told.at:%Y%m%d}-0001"
