"""A decision being made: events are emitted one by one, and each is folded at once, so that what follows
in the same decision sees it. The state that the decision began with is never touched.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any

from domain import duties, region_orders
from domain.calendar import Due
from domain.evolve import evolve
from domain.model import Actor, ClueState, Command, Duty, Event, iso
from domain.packs import Pack, Rulebook


@dataclass
class Draft:
    state: ClueState
    now: datetime
    rules: Rulebook
    command: Command | None = None
    data: dict[str, Any] = field(default_factory=dict)
    events: list[Event] = field(default_factory=list)
    new_rules: Rulebook | None = None  # what `change_rules` brings along

    @property
    def agency(self) -> str:
        assert self.command is not None
        return self.command.actor.agency

    @property
    def packs_in_use(self) -> tuple[Pack, ...]:
        return tuple(p for p in self.rules.packs if p.id in self.state.packs)

    def emit(
        self,
        kind: str,
        data: Mapping[str, Any] | None = None,
        /,
        *,
        moment: datetime | None = None,
        by_engine: bool = False,
        **more: Any,
    ) -> None:
        """Record one fact. A fact of the command itself is its actor's; a clock's is nobody's."""
        command = self.command
        actor: Actor | None = command.actor if command and not by_engine else None
        first = command is not None and not any(e.command_id == command.id for e in self.events)
        event = Event(
            type=kind,
            at=moment or self.now,
            actor=actor,
            data={**(data or {}), **more},
            command_id=command.id if command else None,
            digest=command.digest if command and first else None,
        )
        self.events.append(event)
        self.state = evolve(self.state, event)

    # --- duties --------------------------------------------------------------------------------

    def open(
        self,
        duty_id: str,
        obliged: str | None,
        *,
        trigger: datetime | None = None,
        order_no: str | None = None,
        days: int | None = None,
    ) -> None:
        """Open a duty where a pack in use gives it a term and it is not owed already."""
        if obliged is None:
            return
        duty = duties.planned(
            self.state,
            self.rules,
            duty_id,
            obliged,
            at=self.now,
            trigger=trigger or self.now,
            order_no=order_no,
            days=days,
        )
        if duty is not None:
            self.emit("duty_opened", by_engine=True, **duties.to_json(duty))
            self._stop_under_orders(duty)

    def fulfil(self, *duty_ids: str, order_no: str | None = None) -> None:
        """Fulfil what is owed of these ids; late where `legal_due_at` has come, or a breach stands."""
        for duty in self.state.duties:
            if not duty.owed or duty.id not in duty_ids:
                continue
            if order_no is not None and duty.order_no != order_no:
                continue
            moved: dict[str, Any] = {}
            due_at, legal = duty.due_at, duty.legal_due_at
            if duty.suspended:  # the clock stood still until now
                due = duties.dates(duty, self.rules, now=self.now)
                moved, due_at, legal = _dates_json(due), due.due_at, due.legal_due_at
            late = duty.breached_at is not None or self.now >= legal
            overdue = not late and self.now >= due_at
            self.emit(
                "duty_fulfilled", by_engine=True, n=duty.n, late=late, overdue_internal=overdue, **moved
            )

    def reopen(self, duty_ids: tuple[str, ...], fulfilled_by: str) -> None:
        """Open again what that very command had fulfilled, with the dates it had."""
        for duty in self.state.duties:
            if duty.id in duty_ids and duty.fulfilled_by == fulfilled_by and duty.fulfilled_at is not None:
                self.emit("duty_reopened", by_engine=True, n=duty.n)
                self._stop_under_orders(duty)

    def _stop_under_orders(self, duty: Duty) -> None:
        """What is opened while an order stops its region's clocks stands still from the start."""
        for order in self.state.suspensions:
            if region_orders.covers(order, duty, self.rules.group_map):
                self.suspend(duty, order.cause)

    def suspend(self, duty: Duty, cause: str) -> None:
        if not any(p.end is None and p.cause == cause for p in duty.pauses):
            self.emit("duty_suspended", by_engine=True, n=duty.n, cause=cause)

    def resume(self, duty: Duty, cause: str) -> None:
        """End one cause of suspension; the dates move once none is left."""
        if not any(p.end is None and p.cause == cause for p in duty.pauses):
            return
        if any(p.end is None and p.cause != cause for p in duty.pauses):
            self.emit("duty_resumed", by_engine=True, n=duty.n, cause=cause)
            return
        due = duties.dates(duty, self.rules, now=self.now)
        moved = due.due_at != duty.due_at
        self.emit(
            "duty_resumed",
            by_engine=True,
            n=duty.n,
            cause=cause,
            reminded=duty.reminded and not moved,
            **_dates_json(due),
        )

    def undo_pause(self, duty: Duty, cause: str) -> None:
        """Take that cause's pauses out, as if they had never been; the dates are what they were."""
        due = duties.dates(region_orders.without(duty, cause), self.rules)
        moved = due.due_at != duty.due_at
        self.emit(
            "duty_pause_undone",
            by_engine=True,
            n=duty.n,
            cause=cause,
            reminded=(duty.reminded and not moved) or due.due_at <= self.now,
            **_dates_json(due),
        )

    def extend(self, duty: Duty, days: int) -> None:
        """Add granted days; a breach whose new date is still to come is taken back.

        A suspended duty shows its date as if no day were skipped yet, but its clock stands: what counts is
        the date that it would have, were it resumed now.
        """
        extended = duty.extended + days
        due = duties.dates(duty, self.rules, extended=extended)
        really = duties.dates(duty, self.rules, extended=extended, now=self.now)
        breached = duty.breached_at is not None and really.legal_due_at <= self.now
        level = self._level_after(duty, due) if breached else 0
        self.emit(
            "duty_redated",
            by_engine=True,
            n=duty.n,
            extended=extended,
            level=level,
            reminded=duty.reminded and due.due_at <= self.now,
            breached=breached,
            **_dates_json(due),
        )

    def _level_after(self, duty: Duty, due: Due) -> int:
        """The ladder counted again from the new last day; what is not on a ladder keeps none."""
        if not duty.escalates:
            return 0
        late_from = duty.late_from if duty.late_from and due.legal_due_at <= duty.late_from else None
        moved = replace(duty, legal_due_at=due.legal_due_at, due_at=due.due_at, late_from=late_from)
        return max(1, duties.level_at(moved, self.now, self.rules))

    def cancel(self, duty: Duty, why: str) -> None:
        self.emit("duty_cancelled", by_engine=True, n=duty.n, why=why)

    def cancel_owed_by(self, agency: str | None, why: str) -> None:
        for duty in self.state.duties:
            if duty.owed and duty.obliged == agency:
                self.cancel(duty, why)

    def cancel_all(self, why: str) -> None:
        for duty in self.state.duties:
            if duty.owed:
                self.cancel(duty, why)


def _dates_json(due: Due) -> dict[str, Any]:
    return {"due_at": iso(due.due_at), "legal_due_at": iso(due.legal_due_at), "provisional": due.provisional}
