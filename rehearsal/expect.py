"""Comparing what a scenario expects with what a query answers."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from domain import labels
from domain.model import Json, instant, iso
from rehearsal.check import ABSENT

# The expectations that go by the duty's id, and the field of a duty that each one is about.
FIELDS = {"duties": "status", "due": "due_at", "legal_due": "legal_due_at", "provisional": "provisional"}


def differences(expect: Json, seen: Json) -> list[str]:
    """One Chinese sentence for each expectation that does not hold; none where all do."""
    out: list[str] = []
    for key, wanted in expect.items():
        if key in FIELDS and isinstance(wanted, dict):
            out.extend(_by_duty(key, wanted, seen))
        elif not same(wanted, seen.get(key)):
            out.append(f"{key} 应为 {shown(wanted)}，实为 {shown(seen.get(key))}")
    return out


def _by_duty(key: str, wanted: Json, seen: Json) -> list[str]:
    newest = {duty["id"]: duty for duty in seen["duties"]}  # later ones of an id replace the earlier
    out = []
    for duty_id, value in wanted.items():
        duty = newest.get(duty_id)
        got = ABSENT if duty is None else duty[FIELDS[key]]
        if not same(value, got):
            name = labels.DUTIES.get(duty_id, duty_id)
            out.append(f"{key}.{duty_id}（{name}）应为 {shown(value)}，实为 {shown(got)}")
    return out


def same(wanted: Any, got: Any) -> bool:
    """Equal, instants by the instant they name, and an object by the keys that are given."""
    if isinstance(wanted, dict) and isinstance(got, dict):
        return all(key in got and same(value, got[key]) for key, value in wanted.items())
    if isinstance(wanted, list) and isinstance(got, list):
        return len(wanted) == len(got) and all(map(same, wanted, got))
    if isinstance(wanted, bool) != isinstance(got, bool):
        return False
    if wanted == got:
        return True
    if isinstance(wanted, str) and isinstance(got, str):
        first, second = _instant(wanted), _instant(got)
        return first is not None and first == second
    return False


def _instant(text: str) -> datetime | None:
    try:
        return instant(text)
    except ValueError:
        return None


def shown(value: Any) -> str:
    """A value as a sentence shows it: statuses and stages with their Chinese name, instants in Shanghai's time."""
    if value is None:
        return "空"
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, str):
        at = _instant(value)
        label = labels.STATUSES.get(value) or labels.STAGES.get(value)
        return iso(at) if at is not None else f"{value}（{label}）" if label else value
    return str(value)
