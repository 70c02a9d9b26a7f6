"""Suspension of clocks in a whole region by one order (不可抗力等), its end, and its undoing.

House rules (agreed; no source gives a procedure):
- The order names a region; what stands is every duty owed by an agency that lies there and is below the agency
  that gave the order, now or opened while the order lasts.
- The end is a resumption like any other: whole days between don't count.
- Undoing takes the pause out: every date is what it was. What thereby ran out meanwhile is breached at the instant
  of the undoing; the days that stood still don't count on any ladder. What was done meanwhile stays done.
"""

from __future__ import annotations

from domain import duties
from domain.calendar import Due
from domain.draft import Draft
from domain.errors import DomainError
from domain.model import Duty, Json, Pause, RegionSuspension, iso
from domain.region_orders import covers, named, without


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
