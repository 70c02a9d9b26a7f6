"""Suspension of clocks in a whole region by one order (不可抗力等), its end, and its undoing.

House rules (agreed; no source gives a procedure):
- The order names a region; what stands is every duty owed by an agency that lies there and is below the agency
  that gave the order, now or opened while the order lasts.
- The end is a resumption like any other: whole days between don't count.
- Undoing takes the pause out: every date is what it was. What thereby ran out meanwhile is breached at the instant
  of the undoing; the days that stood still don't count on any ladder. What was done meanwhile stays done.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from domain import duties
from domain.agencies import Group, region_of, superiors
from domain.calendar import Due
from domain.errors import DomainError
from domain.model import Actor, Duty, Json, Pause, RegionSuspension, iso

if TYPE_CHECKING:
    from domain.draft import Draft


SUSPENDED, RESUMED, UNDONE = "region_suspended", "region_resumed", "region_suspension_undone"
NUMBER_MAX = 200  # characters of an order's number, for an order that is to stand in a region


@dataclass(frozen=True)
class Act:
    """A step of an order as one command, the same for every clue. `kind` is the event by which a clue tells of it."""

    kind: str
    actor: Actor
    data: Json

    @property
    def name(self) -> str:
        return "suspend_region" if self.kind == SUSPENDED else "resume_region"

    @property
    def order_no(self) -> str:
        return str(self.data["order_no"])

    def id(self, clue_no: str) -> str:
        """The same for the same order, step and clue, whoever sends it: sent twice it is one."""
        number = hashlib.sha256(self.order_no.encode()).hexdigest()[:16]
        return f"{self.kind}:{number}:{clue_no}"


def prefix(region: str) -> str:
    """The digits of a code that say where: 320500 as 3205, 320000 as 32, 000000 as nothing (everywhere)."""
    if region == "000000":
        return ""
    for tail in ("0000", "00"):
        if len(region) == 6 and region.endswith(tail):
            return region.removesuffix(tail)
    return region


def lies_in(agency: str, region: str) -> bool:
    """Whether the agency's region is that one or within it; a group lies nowhere."""
    code = region_of(agency)
    return code is not None and code.startswith(prefix(region))


def governs(agency: str, region: str) -> bool:
    """Whether the region is within the agency's own."""
    code = region_of(agency)
    return code is not None and prefix(region).startswith(prefix(code))


def covers(order: RegionSuspension, duty: Duty, groups: Mapping[str, Group]) -> bool:
    """Whether the order makes that duty stand while it lasts."""
    if order.ended_at is not None or (order.duties and duty.id not in order.duties):
        return False
    return lies_in(duty.obliged, order.region) and order.by in superiors(duty.obliged, groups)


def named(orders: Iterable[RegionSuspension], order_no: str) -> RegionSuspension | None:
    """The order of that number, if the clue has had one."""
    return next((order for order in orders if order.order_no == order_no), None)


def check_new(d: Draft) -> None:
    if named(d.state.suspensions, d.data["order_no"]) is not None:
        raise DomainError("wrong_stage", f"本线索已有文号为 {d.data['order_no']} 的区域中止决定")


def check_known(d: Draft) -> None:
    """`unknown_duty`: the order is not there, or is over; an order that is over can still be undone, once."""
    order = named(d.state.suspensions, d.data["order_no"])
    over = order is None or order.undone or (order.ended_at is not None and not d.data.get("undo"))
    if over:
        raise DomainError("unknown_duty", f"没有可恢复的区域中止决定 {d.data['order_no']}")


def suspend_region(d: Draft) -> None:
    order = RegionSuspension(
        d.data["order_no"], d.data["region"], d.agency, d.now, tuple(d.data.get("duties", ()))
    )
    hit = [x for x in d.state.duties if x.owed and covers(order, x, d.rules.group_map)]
    d.emit("region_suspended", d.data, by=d.agency, moves=[_move(x) for x in hit])
    for duty in hit:
        d.suspend(duty, order.cause)


def resume_region(d: Draft) -> None:
    order = named(d.state.suspensions, d.data["order_no"])
    assert order is not None  # the checks have seen to it
    said = {"order_no": order.order_no, "region": order.region, "reason": d.data["reason"]}
    paused = [x for x in d.state.duties if x.owed and any(_of(p, order) for p in x.pauses)]
    if d.data.get("undo"):
        d.emit("region_suspension_undone", said, moves=[_undone(d, x, order) for x in paused])
        for duty in paused:
            d.undo_pause(duty, order.cause)
        return
    paused = [x for x in paused if any(_of(p, order) and p.end is None for p in x.pauses)]
    d.emit("region_resumed", said, moves=[_resumed(d, x, order) for x in paused])
    for duty in paused:
        d.resume(duty, order.cause)


def _of(pause: Pause, order: RegionSuspension) -> bool:
    return pause.cause == order.cause


def _move(duty: Duty) -> Json:
    """The date that a duty has when it is stopped, for the list of what an order moved."""
    return {
        "n": duty.n,
        "id": duty.id,
        "obliged": duty.obliged,
        "due_at": iso(duty.due_at),
        "legal_due_at": iso(duty.legal_due_at),
    }


def _to(duty: Duty, due: Due) -> Json:
    return {**_move(duty), "new_due_at": iso(due.due_at), "new_legal_due_at": iso(due.legal_due_at)}


def _resumed(d: Draft, duty: Duty, order: RegionSuspension) -> Json:
    """From the date it had to the one that it gets; no new one yet where another cause still holds it."""
    if any(p.end is None and not _of(p, order) for p in duty.pauses):
        return _move(duty)
    return _to(duty, duties.dates(duty, d.rules, now=d.now))


def _undone(d: Draft, duty: Duty, order: RegionSuspension) -> Json:
    return _to(duty, duties.dates(without(duty, order.cause), d.rules))


def without(duty: Duty, cause: str) -> Duty:
    """The duty as if that cause had never stopped it."""
    return replace(duty, pauses=tuple(replace(p, undone=p.undone or p.cause == cause) for p in duty.pauses))
