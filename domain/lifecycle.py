"""The life of a clue: `tick`, then `decide`, then `evolve`.

Rules of this house:
- Before a command is judged, everything due up to and including its instant happens, dated at its due
  instant (`tick`). Ticking in one step or in many gives the same.
- A command is judged by the checks of `CHECKS` in their order; the first that fails answers, with a
  DomainError, and nothing has changed. No input raises anything else.
- An accepted command gives events (`domain.effects`); events are folded by `domain.evolve`.
- A clue that has not ended always has a holder and a next wake-up.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime

from domain import commands, duties, effects, labels, migration, regional
from domain.agencies import superiors
from domain.calendar import SHANGHAI
from domain.draft import Draft
from domain.errors import DomainError
from domain.model import Answer, ClueState, Command, Event
from domain.packs import Rulebook
from domain.permissions import Scene, holder, parties, permitted, who_may
from domain.transitions import AFTER_END, ALLOWED_IN, SENT_MATTERS, TRANSITIONS

__all__ = ["TRANSITIONS", "Outcome", "handle", "next_wakeup", "tick"]


@dataclass(frozen=True)
class Outcome:
    """What came of an accepted command; a repeated one brings its first answer and no events.

    `rules`: those that the clue goes on with, where the command has changed them.
    """

    state: ClueState
    events: tuple[Event, ...]
    answer: Answer
    rules: Rulebook | None = None


def handle(
    state: ClueState,
    command: Command,
    now: datetime,
    rules: Rulebook,
    new_rules: Rulebook | None = None,
) -> Outcome:
    """Judge one command at `now`. DomainError when it is refused.

    `new_rules`: what `change_rules` moves the clue to; every other command leaves it alone.
    """
    commands.check_id(command.id)
    repeated = state.answers.get(command.id)
    if repeated is not None:
        if repeated.digest != command.digest:
            raise DomainError("invalid_input", f"命令编号 {command.id} 已用于另一条命令，请换一个编号")
        return Outcome(state, (), repeated)
    now = now.astimezone(SHANGHAI)
    data = commands.checked(command, state.clue_no, now)
    ticked, events = _ticked(state, now, rules)
    draft = Draft(ticked, now, rules, command, data, new_rules=new_rules)
    for check in CHECKS:
        check(draft)
    effects.EFFECTS[command.name](draft)
    _tick_into(draft)  # a duty opened or resumed too late is breached at once
    changed = draft.rules if draft.rules is not rules else None
    return Outcome(draft.state, (*events, *draft.events), draft.state.answers[command.id], changed)


def tick(state: ClueState, now: datetime, rules: Rulebook) -> tuple[Event, ...]:
    """Everything that the clocks do up to and including `now`."""
    return _ticked(state, now, rules)[1]


def ticked(state: ClueState, now: datetime, rules: Rulebook) -> ClueState:
    """A copy of the state as of `now`, for looking."""
    return _ticked(state, now, rules)[0]


def next_wakeup(state: ClueState, rules: Rulebook) -> datetime | None:
    """When a clock of the clue next does something; None before the report and after the end."""
    step = duties.next_tick(state, rules)
    return None if step is None or state.updated_at is None else max(step.at, state.updated_at)


def _ticked(state: ClueState, now: datetime, rules: Rulebook) -> tuple[ClueState, tuple[Event, ...]]:
    draft = Draft(state, now, rules)
    _tick_into(draft)
    return draft.state, tuple(draft.events)


def _tick_into(draft: Draft) -> None:
    while True:
        step = duties.next_tick(draft.state, draft.rules)
        if step is None or step.at > draft.now:
            return
        assert draft.state.updated_at is not None
        _TICKS[step.kind](draft, step, max(step.at, draft.state.updated_at))


def _remind(draft: Draft, step: duties.Tick, at: datetime) -> None:
    assert step.duty is not None
    due_at = step.duty.due_at.isoformat()
    draft.emit("duty_reminded", moment=at, by_engine=True, n=step.duty.n, due_at=due_at)


def _breach(draft: Draft, step: duties.Tick, at: datetime) -> None:
    assert step.duty is not None
    level = 1 if step.duty.escalates else 0
    draft.emit("duty_breached", moment=at, by_engine=True, n=step.duty.n, level=level)


def _escalate(draft: Draft, step: duties.Tick, at: datetime) -> None:
    assert step.duty is not None
    draft.emit("duty_escalated", moment=at, by_engine=True, n=step.duty.n, level=step.level)
    if step.level == duties.TOP_LEVEL and not draft.state.drill:
        effects.open_case_for(draft, step.duty, at)


def _idle(draft: Draft, step: duties.Tick, at: datetime) -> None:
    draft.emit("holder_reminded", moment=at, by_engine=True, holder=holder(draft.state, draft.rules))


_TICKS: Mapping[str, Callable[[Draft, duties.Tick, datetime], None]] = {
    "remind": _remind,
    "breach": _breach,
    "escalate": _escalate,
    "idle": _idle,
}


# --- the checks, in the contract's order -----------------------------------------------------------


def _clue_exists(d: Draft) -> None:
    assert d.command is not None
    if d.command.name != "report" and not d.state.exists:
        raise DomainError("unknown_clue", f"没有线索 {d.state.clue_no}，请核对编号或先登记")


def _agencies_exist(d: Draft) -> None:
    assert d.command is not None
    facts = d.command.facts
    if facts.unknown:
        raise DomainError("unknown_agency", f"没有机构 {'、'.join(facts.unknown)}，请核对机构代码")
    if facts.not_in_force:
        names = "、".join(facts.not_in_force)
        raise DomainError("not_in_force", f"机构 {names} 在当日尚未设立或已经撤销，请改用现行代码")


def _rules_fit(d: Draft) -> None:
    assert d.command is not None
    if d.command.name == "change_rules":
        migration.check_packs(d)


def _has_a_part(d: Draft) -> None:
    assert d.command is not None
    if d.command.name != "report" and d.agency not in parties(d.state, d.rules):
        raise DomainError("not_a_party", f"{d.agency} 不是本线索的当事方")


def _no_second_reroute(d: Draft) -> None:
    assert d.command is not None
    if d.command.name != "reroute":
        return
    if d.agency == d.state.to_agency:
        raise DomainError("retransfer_forbidden", "承办方不得自行再移送；有异议请提出管辖异议")
    if d.state.reroutes:
        raise DomainError("retransfer_forbidden", "已经改派过一次；再有异议请由上级指定管辖")


def _may(d: Draft) -> None:
    assert d.command is not None
    name = d.command.name
    finder = d.data.get("from_agency", d.agency)
    if name == "report" and d.agency not in (finder, *superiors(finder, d.rules.group_map)):
        raise DomainError("not_permitted", f"{d.agency} 不能代 {finder} 登记线索；只有本机构及其上级可以")
    if not permitted(Scene(d.state, d.command, d.rules)):
        role = labels.ROLES[d.command.actor.role]
        raise DomainError(
            "not_permitted", f"{d.agency} 的{role}不能“{labels.COMMANDS[name]}”；有权的是：{who_may(name)}"
        )


def _not_ended(d: Draft) -> None:
    assert d.command is not None
    if d.state.ended and d.command.name not in AFTER_END:
        raise DomainError(
            "wrong_stage", f"线索已{labels.STAGES[d.state.stage]}，不能再“{labels.COMMANDS[d.command.name]}”"
        )


def _ruling_free(d: Draft) -> None:
    assert d.command is not None
    if d.state.ruled and d.command.name in ("dispute_jurisdiction", "reroute"):
        raise DomainError("ruling_binds", "管辖已经裁定，对各方有约束力，不能再提异议或改派")


def _feedback_accepted(d: Draft) -> None:
    assert d.command is not None
    if d.command.name == "close" and not (d.state.feedback and d.state.feedback.accepted):
        raise DomainError("feedback_missing", "尚无认可的书面反馈，不能办结")


def _duty_owed(d: Draft) -> None:
    """`unknown_duty`: nobody owes it; for an extension's decision also: nobody asked for one."""
    assert d.command is not None
    name, data = d.command.name, d.data
    if name == "reply_supervision":
        if not any(x.owed and x.order_no == data["order_no"] for x in d.state.duties):
            raise DomainError("unknown_duty", f"没有待答复的督办单 {data['order_no']}")
        return
    if name == "resume_region":
        regional.check_known(d)
    if name not in ("request_extension", "decide_extension", "suspend_duty", "resume_duty"):
        return
    duty = effects.owed(d, data["duty"])
    label = labels.DUTIES.get(data["duty"], data["duty"])
    if duty is None:
        owed = "、".join(dict.fromkeys(x.id for x in d.state.owed)) or "无"
        raise DomainError("unknown_duty", f"没有待履行的“{label}”；现有：{owed}")
    if name == "decide_extension" and not any(r.duty_n == duty.n for r in d.state.requests):
        raise DomainError("unknown_duty", f"“{label}”没有待决定的延期申请")


def _can_be_undone(d: Draft) -> None:
    assert d.command is not None
    if d.command.name == "change_rules":
        migration.check_undo(d)


def _in_time(d: Draft) -> None:
    assert d.command is not None
    if d.command.name != "request_extension":
        return
    duty = effects.owed(d, d.data["duty"])
    assert duty is not None
    legal = duties.dates(duty, d.rules, now=d.now).legal_due_at if duty.suspended else duty.legal_due_at
    if d.now >= legal:
        raise DomainError("too_late", f"“{labels.DUTIES[duty.id]}”的期限已过，不能再申请延期")


def _right_stage(d: Draft) -> None:
    assert d.command is not None
    name, stage = d.command.name, d.state.stage
    allowed = ALLOWED_IN.get(name)
    if name == "report" and d.state.exists:
        raise DomainError("wrong_stage", f"线索 {d.state.clue_no} 已经登记")
    if allowed is not None and stage not in allowed:
        stages = "、".join(labels.STAGES[s] for s in allowed)
        raise DomainError(
            "wrong_stage", f"现为“{labels.STAGES[stage]}”，“{labels.COMMANDS[name]}”只能在：{stages}"
        )
    must_be_sent = SENT_MATTERS.get(name)
    if must_be_sent is not None and (d.state.sent is not None) != must_be_sent:
        raise DomainError("wrong_stage", "尚未发出移送" if must_be_sent else "移送已经发出，等待对方签收")
    if name == "decide_accountability" and all(c.decided for c in d.state.cases):
        raise DomainError("wrong_stage", "没有待决定的问责案件")


def _contents(d: Draft) -> None:
    assert d.command is not None
    check = effects.CONTENT_CHECKS.get(d.command.name)
    if check is not None:
        check(d)


CHECKS: tuple[Callable[[Draft], None], ...] = (
    _clue_exists,
    _agencies_exist,
    _rules_fit,
    _has_a_part,
    _no_second_reroute,
    _may,
    _not_ended,
    _ruling_free,
    _feedback_accepted,
    _duty_owed,
    _can_be_undone,
    _in_time,
    _right_stage,
    _contents,
)
# What an act that was done still needs (`domain.again`): without it there is nothing to act upon.
NEEDED: tuple[Callable[[Draft], None], ...] = (_duty_owed, _in_time, _right_stage)
