"""One clue as its page shows it, made of what a query answers. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from itertools import groupby
from typing import Any, Final

from domain.agencies import superiors
from domain.labels import EVENTS, LEVELS, MATTERS, ROLES, RULES_LOST, SOURCES, STAGES
from domain.model import ENDED, Json, instant
from runtime.rules import Rules
from web.clocks import DutyCard, card, must, pack_title
from web.words import clock, moment, named, size

# What the holder does next where no duty of its own says so.
NEXT_STEP: Final = {
    "discovered": "确定承办机构并发出通知",
    "notified": "确认接收，或召集检查、启动移送",
    "inspecting": "完成检查并记录结论，属实的启动移送",
    "transferring": "发出或签收移送材料",
    "handling": "依法办理并书面反馈",
    "feedback": "审核书面反馈，认可后办结，否则退回",
    "disputed": "裁定由谁管辖",
}
RAIL: Final = ("discovered", "notified", "inspecting", "transferring", "handling", "feedback", "closed")
# The event by which a clue comes to a stage.
_REACHED: Final = {
    "reported": "discovered",
    "notified": "notified",
    "inspection_convened": "inspecting",
    "transfer_started": "transferring",
    "transfer_received": "handling",
    "feedback_given": "feedback",
    "closed": "closed",
}
_BACK: Final = {"rerouted": "notified", "feedback_returned": "handling"}
_ALARMS: Final = frozenset({"duty_breached", "duty_escalated", "accountability_opened"})
# What the clocks do by themselves, beside what people do.
_QUIET: Final = frozenset(
    {"holder_reminded"}
    | {
        f"duty_{done}"
        for done in [
            "opened",
            "fulfilled",
            "reopened",
            "suspended",
            "resumed",
            "redated",
            "cancelled",
            "reminded",
        ]
    }
)


@dataclass(frozen=True)
class Step:
    """One stage on the rail: `state` is done, current, skipped or ahead; `at` when it was first reached."""

    name: str
    word: str
    state: str
    at: str


@dataclass(frozen=True)
class Turn:
    """Whose turn it is and why. `others`: what is owed by somebody else meanwhile."""

    holder: str | None
    sentence: str
    others: tuple[str, ...]


@dataclass(frozen=True)
class Entry:
    """One event. `event` leads its line: its name, or how the text begins where that says it already.

    `alarm` and `quiet` set the tone.
    """

    seq: int
    event: str
    agency: str | None
    role: str
    text: str
    alarm: bool
    quiet: bool


@dataclass(frozen=True)
class Moment:
    """What happened at one instant."""

    at: str
    iso: str
    entries: tuple[Entry, ...]


@dataclass(frozen=True)
class Dossier:
    """Everything that the page of one clue shows."""

    clue_no: str
    title: str
    stage_word: str
    aside: str | None
    level: int
    level_word: str
    peak_word: str | None
    drill: bool
    ended: bool
    age: int
    turn: Turn
    rail: tuple[Step, ...]
    owed: tuple[DutyCard, ...]
    settled: tuple[DutyCard, ...]
    facts: tuple[tuple[str, str], ...]
    parties: tuple[tuple[str, str], ...]
    packs: tuple[tuple[str, str], ...]
    evidence: tuple[Json, ...]
    cases: tuple[Json, ...]
    timeline: tuple[Moment, ...]
    last_seq: int
    rules_lost: str


def dossier(view: Json, now: datetime, rules: Rules) -> Dossier:
    """The page of a clue; `view` is fit for everybody already, and its duties carry their days."""
    cards = [card(i, duty, now, rules) for i, duty in enumerate(view["duties"])]
    due = {c.key: duty["due_at"] for c, duty in zip(cards, view["duties"], strict=True)}
    stage, level, peak = view["stage"], view["level"], view["peak_level"]
    return Dossier(
        clue_no=view["clue_no"],
        title=view["title"],
        stage_word=STAGES[stage],
        aside=STAGES[stage] if stage not in RAIL else None,
        level=level,
        level_word=LEVELS[level],
        peak_word=LEVELS[peak] if peak > level else None,
        drill=view["drill"],
        ended=stage in ENDED,
        age=view["age_days"],
        turn=_turn(view, now, rules),
        rail=_rail(view),
        owed=tuple(sorted((c for c in cards if c.owed), key=lambda c: instant(due[c.key]))),
        settled=tuple(c for c in cards if not c.owed),
        facts=tuple(_facts(view, rules)),
        parties=_parties(view, rules),
        packs=tuple((p, pack_title(p, rules)) for p in view["packs"]),
        evidence=tuple(
            {**x, "size": size(x["size"]), "custodian": rules.agency_name(x["custodian"])}
            for x in view["evidence"]
        ),
        cases=tuple({**c, "units": [rules.agency_name(u) for u in c["units"]]} for c in view["cases"]),
        timeline=_timeline(view["timeline"], rules),
        last_seq=view["timeline"][-1]["seq"] if view["timeline"] else 0,
        rules_lost=RULES_LOST if view.get("own_rules") is False else "",
    )


# --- whose turn ------------------------------------------------------------------------------------


def _turn(view: Json, now: datetime, rules: Rules) -> Turn:
    if view["holder"] is None:
        return Turn(None, _ending(view), ())
    owed = sorted(
        (d for d in view["duties"] if d["status"] in ("open", "breached")), key=lambda d: d["due_at"]
    )
    mine = [d for d in owed if d["obliged"] == view["holder"]]
    others = [d for d in owed if d["obliged"] != view["holder"]]
    sentence = must(mine[0], now) if mine else f"请{NEXT_STEP[view['stage']]}。"
    if len(mine) > 1:
        sentence += f"另有 {len(mine) - 1} 项义务在计时。"
    return Turn(
        rules.agency_name(view["holder"]),
        sentence,
        tuple(f"{rules.agency_name(d['obliged'])}{must(d, now)}" for d in others),
    )


def _ending(view: Json) -> str:
    at = clock(view["closed_at"]) if view["closed_at"] else ""
    if view["stage"] == "merged":
        return f"线索已于 {at} 并入 {view['merged_into']}，不再需要单独行动。"
    if view["stage"] == "withdrawn":
        return f"线索已于 {at} 撤回，不再需要行动。"
    return f"线索已于 {at} 办结归档，历时 {view['age_days']} 天。"


# --- the rail --------------------------------------------------------------------------------------


def _rail(view: Json) -> tuple[Step, ...]:
    reached, last = _reached(view["timeline"])
    stage = view["stage"] if view["stage"] in RAIL else last
    place = RAIL.index(stage)
    ended = view["stage"] in ENDED

    def state(i: int, name: str) -> str:
        if i == place:
            return "done" if ended or view["stage"] not in RAIL else "current"
        if i > place:
            return "ahead"
        return "done" if name in reached else "skipped"

    return tuple(
        Step(
            name, STAGES[name], state(i, name), clock(reached[name]) if i <= place and name in reached else ""
        )
        for i, name in enumerate(RAIL)
    )


def _reached(timeline: Iterable[Json]) -> tuple[dict[str, str], str]:
    """When each stage was first reached, and the stage on the rail where the clue stood last."""
    reached: dict[str, str] = {}
    last = RAIL[0]
    for entry in timeline:
        stage = _REACHED.get(entry["event"])
        if stage is not None:
            reached.setdefault(stage, entry["at"])
            if RAIL.index(stage) > RAIL.index(last):
                last = stage
        last = _BACK.get(entry["event"], last)
    return reached, last


# --- the rest --------------------------------------------------------------------------------------


def _facts(view: Json, rules: Rules) -> Iterable[tuple[str, str]]:
    clue: dict[str, Any] = view["clue"]
    place, waste = clue.get("place", {}), clue.get("waste", {})
    source = SOURCES.get(clue.get("source", ""), "")
    ref = f"（{clue['source_ref']}）" if clue.get("source_ref") else ""
    quantity = f"{waste['quantity_t']} 吨" if waste.get("quantity_t") is not None else ""
    facts = {
        "来源": source + ref,
        "事项": MATTERS.get(view["matter"] or "", ""),
        "发现时间": moment(view["discovered_at"]),
        "突发": "是" if clue.get("emergency") else "",
        "地点": _place(place, rules),
        "情况": clue.get("description", ""),
        "查获情况": clue.get("seizure", ""),
        "固体废物": "，".join(filter(None, (waste.get("type"), quantity))),
        "产生源头": waste.get("origin", ""),
        "最终去向": waste.get("destination", ""),
        "嫌疑单位": _suspects(clue.get("suspects", ())),
        "车辆船舶": "、".join(v["name"] for v in clue.get("vehicles", ()) if v.get("name")),
    }
    return ((label, str(said)) for label, said in facts.items() if said)


def _place(place: Json, rules: Rules) -> str:
    region = rules.region_name(place["region"]) if place.get("region") else ""
    parts = [region, place.get("address", "")]
    if place.get("lon") is not None and place.get("lat") is not None:
        radius = f"，误差 {place['radius_m']} 米" if place.get("radius_m") else ""
        parts.append(f"东经 {place['lon']}，北纬 {place['lat']}{radius}")
    return " · ".join(filter(None, parts))


def _suspects(suspects: Iterable[Json]) -> str:
    companies = [s["name"] for s in suspects if s["kind"] == "company" and s.get("name")]
    persons = sum(s["kind"] == "person" for s in suspects)
    return "、".join(companies + ([f"个人 {persons} 名（姓名不公开）"] if persons else []))


def _parties(view: Json, rules: Rules) -> tuple[tuple[str, str], ...]:
    """Each party's name with its part; finder and addressee first."""
    groups = rules.rulebook.group_map
    finder, addressee = view["from_agency"], view["to_agency"]
    above = dict.fromkeys(superiors(finder, groups), "发现方的上级")
    for agency in superiors(addressee, groups) if addressee else ():
        above[agency] = "双方的上级" if agency in above else "承办方的上级"
    parts = {**above, **({addressee: "承办方"} if addressee else {}), finder: "发现方"}
    order = ["发现方", "承办方", "当事方", "双方的上级", "发现方的上级", "承办方的上级"]
    found = [(a, parts.get(a, "当事方")) for a in view["parties"]]
    found.sort(key=lambda pair: (order.index(pair[1]), pair[0]))
    return tuple((rules.agency_name(a), part) for a, part in found)


def _timeline(timeline: Iterable[Json], rules: Rules) -> tuple[Moment, ...]:
    return tuple(
        Moment(clock(at), at, tuple(_entry(e, rules) for e in entries))
        for at, entries in groupby(timeline, key=lambda e: str(e["at"]))
    )


def _entry(entry: Json, rules: Rules) -> Entry:
    actor, event = entry["actor"], str(entry["event"])
    lead, text = _led(EVENTS.get(event, event), named(entry["text"], rules))
    return Entry(
        seq=entry["seq"],
        event=lead,
        agency=rules.agency_name(actor["agency"]) if actor else None,
        role=ROLES.get(actor["role"], actor["role"]) if actor else "系统",
        text=text,
        alarm=event in _ALARMS,
        quiet=event in _QUIET,
    )


def _led(word: str, text: str) -> tuple[str, str]:
    """The head of the line and the rest: 确认接收 is not said twice in 确认接收：收到."""
    if not text.startswith(word):
        return word, text
    head, colon, rest = text.partition("：")
    return head + colon, rest
