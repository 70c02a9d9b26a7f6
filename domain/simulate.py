"""What a change of rules would do to a clue, without doing it: the same plan, and the clocks after it."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime

from domain import moves
from domain.lifecycle import ticked
from domain.migration import Plan, plan
from domain.model import ClueState, Duty
from domain.packs import Rulebook


@dataclass(frozen=True)
class Simulation:
    """`before` is the clue at that instant under its own rules, `after` under the new ones, clocks run.

    `missing`: packs in use that the new rules don't have; then the change would be refused, and `after` is
    `before`.
    """

    before: ClueState
    after: ClueState
    plan: Plan
    missing: tuple[str, ...] = ()

    @property
    def late(self) -> tuple[Duty, ...]:
        """What would be late at once, as it would stand."""
        return tuple(self.after.duties[m.n] for m in self.plan.moves if m.late)

    @property
    def taken_back(self) -> tuple[Duty, ...]:
        """Whose breach would be taken back, as it would stand."""
        return tuple(self.after.duties[m.n] for m in self.plan.moves if m.taken_back)


def simulate(
    state: ClueState, old: Rulebook, new: Rulebook, now: datetime, undoes: str | None = None
) -> Simulation:
    """`state` may be from any instant up to `now`. Of a clue that has ended nothing moves."""
    before = ticked(state, now, old) if state.exists else state
    missing = tuple(pack for pack in before.packs if new.pack(pack) is None)
    if missing or before.ended or not before.exists:
        return Simulation(before, before, Plan(), missing)
    planned = plan(before, old, new, now, undoes)
    by_n = {m.n: moves.moved(m.before, moves.to_json(m)) for m in planned.moves}
    after = replace(before, duties=tuple(by_n.get(d.n, d) for d in before.duties), updated_at=now)
    return Simulation(before, ticked(after, now, new), planned)
