"""Playing a scenario through the pure core, and judging what came of it."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import asdict, dataclass
from typing import Any

from domain import labels, lifecycle
from domain.errors import DomainError
from domain.model import ClueState, Command, Json, blank, shanghai_day
from domain.packs import Rulebook
from domain.view import view
from geo.placer import AtlasPlacer
from rehearsal.expect import differences
from rehearsal.scenario import Scenario, Step
from runtime.facts import Placer, facts_for
from runtime.rules import Rules
from runtime.settings import get_settings


@dataclass(frozen=True)
class StepResult:
    """How one step went; `why` is a Chinese sentence where it did not pass."""

    n: int
    passed: bool
    why: str | None = None


@dataclass(frozen=True)
class Result:
    """How a scenario went; `final` is what a query answers at the last step's time."""

    title: str
    passed: bool
    steps: tuple[StepResult, ...]
    final: Json

    def to_json(self) -> Json:
        return {
            "title": self.title,
            "passed": self.passed,
            "steps": [asdict(step) for step in self.steps],
            "final": _sorted(self.final),
        }


def _sorted(value: Any) -> Any:
    """With the keys in order, so that the same answer is the same text whichever way it came."""
    if isinstance(value, dict):
        return {key: _sorted(value[key]) for key in sorted(value)}
    return [_sorted(item) for item in value] if isinstance(value, list) else value


def result_of(scenario: Scenario, steps: Iterable[StepResult], final: Json) -> Result:
    judged = tuple(steps)
    return Result(scenario.title, all(step.passed for step in judged), judged, final)


def placer_for(rules: Rules) -> Placer:
    """What both ways of playing place with, so that they answer the same."""
    return AtlasPlacer(rules, get_settings())


def command_of(scenario: Scenario, step: Step, rules: Rules) -> Command:
    """The step's command with the facts of its day. The step must have one."""
    assert step.do is not None
    assert step.actor is not None
    on = shanghai_day(step.at)
    placer = placer_for(rules)
    facts = facts_for(rules, step.do, step.data, step.actor, on, scenario.officers, placer)
    return Command(step.command_id, step.do, step.actor, step.data, facts)


def judged(step: Step, refusal: DomainError | None, seen: Json) -> StepResult:
    """The step's verdict: the refusal it names, or none, and everything that it expects of the query's answer."""
    why = [*_refusal(step, refusal), *differences(step.expect, seen)]
    return StepResult(step.n, not why, "；".join(why) or None)


def _refusal(step: Step, refusal: DomainError | None) -> list[str]:
    what = f"“{labels.COMMANDS.get(step.do or '', step.do)}”"
    if refusal is None:
        return [] if step.refused is None else [f"{what}应被拒绝（{step.refused}），却被接受了"]
    if step.refused is None:
        return [f"{what}被拒绝：{refusal.code}，{refusal.message}"]
    if step.refused != refusal.code:
        return [f"{what}应以 {step.refused} 被拒绝，却是 {refusal.code}：{refusal.message}"]
    return []


def play_core(scenario: Scenario, rules: Rules) -> Result:
    """Plays through the core at the times written; time moves to each step's `at` and all due on the way happens."""
    state = blank(scenario.clue_no, scenario.packs)
    book = rules.rulebook
    results = []
    for step in scenario.steps:
        state = lifecycle.ticked(state, step.at, book)
        state, refusal = _act(state, scenario, step, rules, book)
        results.append(judged(step, refusal, view(state, step.at, book)))
    return result_of(scenario, results, view(state, scenario.steps[-1].at, book))


def _act(
    state: ClueState, scenario: Scenario, step: Step, rules: Rules, book: Rulebook
) -> tuple[ClueState, DomainError | None]:
    """The state after the step's command, or the state unchanged and why it was refused."""
    if step.do is None:
        return state, None
    try:
        return lifecycle.handle(state, command_of(scenario, step, rules), step.at, book).state, None
    except DomainError as err:
        return state, err
