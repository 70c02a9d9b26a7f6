"""Who was told of a clue and by what, for its page. Pure.

A channel is named by its kind: its own name is the office's, and may be a person's.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from domain.model import iso
from domain.notices import KINDS
from ledger.delivery import Carried, Told
from notices.config import CHANNEL_KINDS
from notices.when import LANES
from runtime.rules import Rules
from web.words import clock

_STATES: Final = {"queued": "排队中", "accepted": "网关已收下", "failed": "没有送到"}


@dataclass(frozen=True)
class Way:
    """One channel of a notice. `tone`: queued, accepted or failed."""

    word: str
    tone: str


@dataclass(frozen=True)
class Notified:
    """One notice. `inbox` says when it came and what was done about it; `lost`: no channel of a lane took it."""

    agency: str
    kind: str
    inbox: str
    ways: tuple[Way, ...]
    lost: bool


def notified(told: Sequence[Told] | None, rules: Rules) -> tuple[Notified, ...] | None:
    """None where nobody could be asked."""
    if told is None:
        return None
    return tuple(
        Notified(
            rules.agency_name(one.to_agency),
            KINDS.get(one.kind, one.kind),
            _inbox(one),
            tuple(_way(carried) for carried in one.channels),
            any(carried.exhausted_at is not None for carried in one.channels),
        )
        for one in told
    )


def _inbox(one: Told) -> str:
    words = [f"{clock(iso(one.delivered_at))} 进入收件箱"]
    if one.read_at is not None:
        words.append(f"{clock(iso(one.read_at))} 已读")
    if one.acknowledged_at is not None:
        words.append(f"{clock(iso(one.acknowledged_at))} 已确认")
    return "，".join(words)


def _way(carried: Carried) -> Way:
    lane = "" if carried.lane == "usual" else f"（{LANES[carried.lane]}）"
    state = _STATES[carried.state]
    if carried.state == "queued" and carried.attempts:
        state = f"试了 {carried.attempts} 次，还会再试"
    return Way(f"{CHANNEL_KINDS[carried.kind]}{lane}：{state}", carried.state)
