"""An order over the clocks of a region: whom it binds, which duties it stops, and what they would be without it."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace

from domain.agencies import Group, region_of, superiors
from domain.model import Actor, Duty, Json, RegionSuspension

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


def without(duty: Duty, cause: str) -> Duty:
    """The duty as if that cause had never stopped it."""
    return replace(duty, pauses=tuple(replace(p, undone=p.undone or p.cause == cause) for p in duty.pauses))
