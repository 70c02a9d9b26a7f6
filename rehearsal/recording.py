"""A scenario written from a real clue: what people did and when, what became of it, and nothing about people."""

from __future__ import annotations

import tempfile
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, Final

import yaml

from domain import labels
from domain.agencies import region_of
from domain.evolve import evolve
from domain.lifecycle import ticked
from domain.model import ClueState, Event, Json, Officer, blank, iso, shanghai_day
from domain.packs import HOUSE
from domain.view import view
from rehearsal.acts import Act, addressed
from rehearsal.masks import Masks
from rehearsal.player import play_core
from rehearsal.scenario import load_scenario
from runtime.facts import facts_for
from runtime.rules import Rules

AT_A_CHANGE: Final = ("stage", "level", "holder", "to_agency")
AT_THE_END: Final = (
    "stage",
    "level",
    "peak_level",
    "holder",
    "from_agency",
    "to_agency",
    "packs",
    "age_days",
)
# A scenario holds one clue, and is played by one edition of the rules.
LEFT_OUT: Final = frozenset({"take_in", "change_rules"})
BY_DUTY: Final = {"duties": "status", "due": "due_at", "legal_due": "legal_due_at"}
# Of a duty, what a second telling must repeat.
SAME: Final = (
    "id",
    "obliged",
    "status",
    "opened_at",
    "due_at",
    "legal_due_at",
    "fulfilled_at",
    "provisional",
)


@dataclass(frozen=True)
class Recorded:
    """A scenario's text. `sure` of its `commands` are as they were sent, the others are read from their events.

    `differences`: where playing the text under today's rules tells another story than the clue; empty as a rule.
    `changes`: how often the clue was moved to other rules, which the text leaves out.
    """

    text: str
    commands: int
    sure: int
    differences: tuple[str, ...]
    changes: int = 0


def record(
    events: Sequence[Event], acts: Sequence[Act], rules: Rules, as_of: datetime, *, keep_text: bool = False
) -> Recorded:
    """The scenario of the clue with these events, `acts` being the commands behind them.

    `as_of`: the instant at which a clue that still runs is looked at last. `keep_text` leaves free text in, with
    the people known by name and numbers like theirs taken out.
    """
    changes = sum(act.command.name == "change_rules" for act in acts)
    undone = _mergings_undone(events)
    acts = [a for a in acts if a.command.name not in LEFT_OUT and a.command.id not in undone]
    states = _states(events)
    masks = Masks(keep_text)
    officers = _officers(acts, states, rules)
    for act in acts:
        masks.learn(act.command.data)
        masks.learn([act.command.actor.name, act.command.actor.officer_id], "name_of_actor", True)
    masks.learn([[o.id, o.name] for o in officers], "officers", True)
    final, end = _final(states[-1], as_of, rules)
    content: Json = {"title": _title(states[-1])}
    if states[-1].packs_fixed:
        content["packs"] = [pack for pack in states[-1].packs if pack != HOUSE]
    content["officers"] = [_officer(o, masks) for o in officers]
    content["steps"] = _steps(acts, states, rules, masks, end, final)
    text = _head(acts, keep_text, changes) + yaml.dump(
        content, Dumper=_Dumper, allow_unicode=True, sort_keys=False, default_flow_style=None, width=110
    )
    sure = sum(act.sure for act in acts)
    return Recorded(text, len(acts), sure, tuple(_differences(text, final, rules)), changes)


class _Dumper(yaml.SafeDumper):
    """Writes a thing that is said twice out twice."""

    def ignore_aliases(self, data: Any) -> bool:
        return True


def _mergings_undone(events: Sequence[Event]) -> frozenset[str]:
    """The commands whose merging was taken back: in a scenario, which leaves `take_in` out, they would end it."""
    last, undone = None, set[str]()
    for event in events:
        if event.type == "merged":
            last = event.command_id
        elif event.type == "merge_undone" and last is not None:
            undone.add(last)
    return frozenset(undone)


def _states(events: Sequence[Event]) -> list[ClueState]:
    """The clue after 0, 1, 2 … of its events."""
    states = [blank("-")]
    for event in events:
        states.append(evolve(states[-1], event))
    return states


def _final(last: ClueState, as_of: datetime, rules: Rules) -> tuple[Json, datetime]:
    """The clue's own last answer, and its instant: a clue that has ended is looked at where it stopped."""
    assert last.updated_at is not None
    end = last.updated_at if last.ended else max(as_of, last.updated_at)
    return view(ticked(last, end, rules.rulebook), end, rules.rulebook), end


def _steps(
    acts: Sequence[Act], states: Sequence[ClueState], rules: Rules, masks: Masks, end: datetime, final: Json
) -> list[Json]:
    steps: list[Json] = []
    before = "none"
    for act in acts:
        after = states[act.seen]
        step = _step(act, after, masks)
        if after.stage != before:
            seen = view(after, act.at, rules.rulebook)
            step["expect"] = {key: seen[key] for key in AT_A_CHANGE if seen[key] is not None}
        before = after.stage
        steps.append(step)
    if not steps or acts[-1].at != end:
        steps.append({"at": iso(end)})
    steps[-1]["expect"] = _expected(final)
    return steps


def _step(act: Act, after: ClueState, masks: Masks) -> Json:
    command = act.command
    data = addressed(act) if command.name == "report" else dict(command.data)
    if command.name == "report":
        data.pop("clue_no", None)  # a scenario's clue gets a number of its own
        if after.place_region is not None:  # also where only coordinates told it: they are left out
            data["place"] = {**data["place"], "region": after.place_region}
    actor = {"agency": command.actor.agency, "role": command.actor.role}
    actor["name"] = masks.token(command.actor.name, "name_of_actor")
    if command.actor.officer_id is not None:
        actor["officer_id"] = masks.token(command.actor.officer_id, "officer_id")
    step: Json = {"at": iso(act.at), "do": command.name, "as": actor}
    if data:
        step["with"] = masks.cleared(data)
    return step


def _expected(seen: Json) -> Json:
    expect: Json = {key: seen[key] for key in AT_THE_END}
    newest = {duty["id"]: duty for duty in seen["duties"]}
    for name, key in BY_DUTY.items():
        expect[name] = {duty_id: duty[key] for duty_id, duty in newest.items()}
    provisional = {duty_id: True for duty_id, duty in newest.items() if duty["provisional"]}
    return {**expect, **({"provisional": provisional} if provisional else {})}


def _officers(acts: Sequence[Act], states: Sequence[ClueState], rules: Rules) -> list[Officer]:
    """The lines of the lists that the commands were judged by; where only events are left, today's lists, and
    for whom they lack a line for that day: an inspection that was convened had officers who were authorised."""
    found: dict[Officer, None] = {}
    for act in acts:
        c = act.command
        facts = c.facts if act.sure else facts_for(rules, c.name, c.data, c.actor, shanghai_day(act.at))
        found |= dict.fromkeys(facts.officers)
        if not act.sure and c.name == "convene_inspection":
            found |= dict.fromkeys(_assumed(act, states[act.seen], acts, {o.id for o in facts.officers}))
    return list(found)


def _assumed(act: Act, state: ClueState, acts: Sequence[Act], listed: Collection[str]) -> list[Officer]:
    """A line for each officer of an inspection who is on no list, of the agency that they are seen to act for; the
    leader's is in the log, and who never acted is taken to be local."""
    seen = {a.command.actor.officer_id: a.command.actor.agency for a in acts}
    inspection, local = state.inspection, state.to_agency or state.from_agency
    assert inspection is not None
    seen = {**seen, inspection.leader: inspection.leader_agency}
    day = shanghai_day(inspection.at)
    region = state.place_region or region_of(local) or ""
    return [
        Officer(one, one, seen.get(one, local), day, day, (region,), (state.clue["matter"],))
        for one in dict.fromkeys((inspection.leader, *inspection.members))
        if one not in listed
    ]


def _officer(officer: Officer, masks: Masks) -> Json:
    return {
        "id": masks.token(officer.id, "officer_id"),
        "name": masks.token(officer.name, "name_of_actor"),
        "agency": officer.agency,
        "from": officer.from_day.isoformat(),
        "to": officer.to_day.isoformat(),
        "scope": {"regions": list(officer.regions), "matters": list(officer.matters)},
    }


def _title(state: ClueState) -> str:
    matter = labels.MATTERS.get(state.clue.get("matter", ""), "")
    return f"{matter}：{state.from_agency} → {state.to_agency or '未定'}"


def _head(acts: Sequence[Act], keep_text: bool, changes: int) -> str:
    sure = sum(act.sure for act in acts)
    text = (
        "说明文字保留，其中已知的姓名和像证件、电话的号码已替换；请通读后再转交"
        if keep_text
        else "说明文字一律替换"
    )
    moved = f"# 线索换用过 {changes} 次规则，场景里没有：演练全程按一套规则计。\n" if changes else ""
    return (
        f"# 由 starter.py record 按真实线索写成：{len(acts)} 条命令，{sure} 条取自工作流历史，其余由事件还原。\n"
        f"# 人名、证件、电话、车船、文号和摘要均为代称；坐标只留到行政区划，没有的写作 0；{text}。\n"
        f"{moved}"
    )


def _differences(text: str, final: Json, rules: Rules) -> list[str]:
    """Where the written scenario, played under today's rules, does not end as the clue did."""
    with tempfile.TemporaryDirectory(prefix="clueflow-record-") as folder:
        path = Path(folder) / "recorded.yaml"
        path.write_text(text, encoding="utf-8")
        result = play_core(load_scenario(path, rules), rules)
    why = [f"第 {step.n} 步：{step.why}" for step in result.steps if not step.passed]
    ours = [{key: duty[key] for key in SAME} for duty in final["duties"]]
    theirs = [{key: duty[key] for key in SAME} for duty in result.final["duties"]]
    if not why and ours != theirs:
        why.append("各项义务与线索所记不同")
    return why
