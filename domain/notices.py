"""Who is told what when something happens: pure, from the event and the clue before and after it.

Every notice lands in its agency's inbox; channels out of the house take it from there.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass

from domain import labels, moves
from domain.agencies import superior, superiors
from domain.model import ClueState, Event
from domain.packs import Rulebook
from domain.permissions import arbiter
from domain.text import sentence

DRILL = "【演练】"


@dataclass(frozen=True)
class Notice:
    """One notice to one agency. `kind` sorts the inbox; `duty` is the duty it is about, if any."""

    to: str
    kind: str
    title: str
    text: str
    duty: str | None = None


KINDS = {
    "clue_notice": "线索通知",
    "evidence_at_risk": "证据告急",
    "inspection": "检查邀请",
    "transfer": "移送",
    "dispute": "管辖争议",
    "ruling": "管辖裁定",
    "feedback": "反馈",
    "reminder": "到期提醒",
    "escalation": "催办",
    "order": "督办",
    "summons": "通报约谈",
    "case": "问责",
    "idle": "无进展提醒",
    "extension": "延期",
    "rules": "规则变更",
    "suspension": "区域中止",
    "ended": "结束",
    "other": "其他",
}


def notices_for(before: ClueState, event: Event, after: ClueState, rules: Rulebook) -> tuple[Notice, ...]:
    """The notices that one event gives rise to, at most one per agency, none to who did it himself."""
    route = _ROUTES.get(event.type)
    if route is None:
        return ()
    kind, to = route(before, event, after, rules)
    mark = DRILL if after.drill else ""
    title = f"{mark}{KINDS[kind]}：{after.clue.get('title', after.clue_no)}"
    text = f"{mark}{sentence(before, event)}"
    duty = before.duties[event.data["n"]].id if event.type.startswith("duty_") and "n" in event.data else None
    actor = event.actor.agency if event.actor else None
    return tuple(Notice(a, kind, title, text, duty) for a in dict.fromkeys(to) if a and a != actor)


_Route = Callable[[ClueState, Event, ClueState, Rulebook], tuple[str, Iterable[str | None]]]


def _to_named(kind: str, key: str) -> _Route:
    """To the agency or agencies that the event names."""

    def route(b: ClueState, e: Event, a: ClueState, r: Rulebook) -> tuple[str, Iterable[str | None]]:
        named = e.data.get(key)
        return kind, named if isinstance(named, list) else [named]

    return route


def _to_finder(kind: str) -> _Route:
    return lambda b, e, a, r: (kind, [a.from_agency])


def _to_addressee(kind: str) -> _Route:
    return lambda b, e, a, r: (kind, [a.to_agency])


def _to_both(kind: str) -> _Route:
    return lambda b, e, a, r: (kind, [a.from_agency, a.to_agency, b.to_agency])


def _dispute(b: ClueState, e: Event, a: ClueState, r: Rulebook) -> tuple[str, Iterable[str | None]]:
    return "dispute", [arbiter(a, r), a.from_agency]


def _to_obliged(kind: str) -> _Route:
    return lambda b, e, a, r: (kind, [b.duties[e.data["n"]].obliged])


def _breached(b: ClueState, e: Event, a: ClueState, r: Rulebook) -> tuple[str, Iterable[str | None]]:
    """Level 1 reminds the obliged agency's head; what has no ladder tells nobody."""
    duty = b.duties[e.data["n"]]
    return "escalation", [duty.obliged] if duty.escalates else []


_LADDER_KIND = {2: "order", 3: "summons", 4: "case"}


def _escalated(b: ClueState, e: Event, a: ClueState, r: Rulebook) -> tuple[str, Iterable[str | None]]:
    """The obliged agency, and its superiors up to the level reached: level 2 the nearest, and so on."""
    obliged, level = b.duties[e.data["n"]].obliged, e.data["level"]
    return _LADDER_KIND[level], [obliged, *superiors(obliged, r.group_map)[: level - 1]]


def _asked(b: ClueState, e: Event, a: ClueState, r: Rulebook) -> tuple[str, Iterable[str | None]]:
    return "extension", [superior(b.duties[e.data["n"]].obliged, r.group_map)]


def _rules(b: ClueState, e: Event, a: ClueState, r: Rulebook) -> tuple[str, Iterable[str | None]]:
    """Whoever owes what has another date now, or is late by it, or late no longer."""
    found = [moves.from_json(b.duties[m["n"]], m) for m in e.data["moves"]]
    return "rules", [m.after.obliged for m in found if m.felt]


def _region(b: ClueState, e: Event, a: ClueState, r: Rulebook) -> tuple[str, Iterable[str | None]]:
    """Whoever's clock it stops or starts, and the two that wait for each other."""
    return "suspension", [*(move["obliged"] for move in e.data["moves"]), a.from_agency, a.to_agency]


_ROUTES: Mapping[str, _Route] = {
    "notified": _to_named("clue_notice", "to"),
    "acknowledged": _to_finder("other"),
    "evidence_at_risk_flagged": _to_addressee("evidence_at_risk"),
    "arrived": _to_finder("other"),
    "inspection_convened": lambda b, e, a, r: (
        "inspection",
        [*e.data["invited"], e.data["leader_agency"], a.from_agency, a.to_agency],
    ),
    "inspection_recorded": _to_both("inspection"),
    "transfer_sent": _to_addressee("transfer"),
    "supplement_sent": _to_addressee("transfer"),
    "transfer_received": _to_finder("transfer"),
    "transfer_returned": _to_finder("transfer"),
    "jurisdiction_disputed": _dispute,
    "jurisdiction_ruled": _to_both("ruling"),
    "rerouted": lambda b, e, a, r: ("other", [b.to_agency]),
    "case_filed": _to_finder("other"),
    "feedback_given": _to_finder("feedback"),
    "feedback_returned": _to_addressee("feedback"),
    "feedback_accepted": _to_addressee("feedback"),
    "extension_requested": _asked,
    "extension_decided": _to_obliged("extension"),
    "duty_suspend_ordered": _to_obliged("other"),
    "duty_resume_ordered": _to_obliged("other"),
    "region_suspended": _region,
    "region_resumed": _region,
    "region_suspension_undone": _region,
    "supervised": _to_named("order", "agency"),
    "supervision_replied": _to_both("order"),
    "accountability_opened": _to_named("case", "units"),
    "accountability_decided": _to_both("case"),
    "commended": _to_named("other", "units"),
    "damage_notified": _to_addressee("other"),
    "damage_investigation_started": _to_finder("other"),
    "rules_changed": _rules,
    "merged": _to_both("ended"),
    "taken_in": _to_both("other"),
    "merge_undone": _to_both("other"),
    "withdrawn": _to_both("ended"),
    "closed": _to_both("ended"),
    "duty_breached": _breached,
    "duty_escalated": _escalated,
    "duty_reminded": _to_obliged("reminder"),
    "holder_reminded": _to_named("idle", "holder"),
}
assert set(_ROUTES) <= set(labels.EVENTS)
