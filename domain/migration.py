"""Moving a running clue to changed rules, and back: which duties move, and what becomes of their breaches.

House rules (docs/adr/0011):
- Everything due by then under the old rules has happened before (`tick`); what is fulfilled, late or
  cancelled never changes, and which packs are in use stays.
- A duty still owed chooses its rule anew, as if it were opened now from its own trigger; its pauses and its
  extension are counted in. One that no pack in use gives a term any longer keeps what it had.
- Nobody is late for days on which the old rule stood: what the new date makes late is breached at once at
  level 1, and its ladder counts from that day; a ladder under way is never pushed on.
- Going back restores what the duty had when it was moved, unless it was paused or extended since: then the
  old rules count anew.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from domain import duties, moves
from domain.calendar import Due
from domain.draft import Draft
from domain.errors import DomainError
from domain.model import ClueState, Duty, Json, RuleChange
from domain.moves import Move
from domain.packs import HOUSE, Rulebook
from domain.shapes import refuse

_LAST_INSTANT = timedelta(microseconds=1)


@dataclass(frozen=True)
class Plan:
    """What a change does to a clue. `kept`: duties to which the new rules give no term."""

    moves: tuple[Move, ...] = ()
    kept: tuple[Duty, ...] = ()

    @property
    def felt(self) -> tuple[Move, ...]:
        """The moves that somebody must hear of."""
        return tuple(m for m in self.moves if m.felt)


def plan(state: ClueState, old: Rulebook, new: Rulebook, now: datetime, undoes: str | None = None) -> Plan:
    """The moves from `old` to `new` at `now`, of a state that is ticked to it.

    `undoes`: the change that is taken back; it must be the clue's last one (`undoable`).
    """
    change = undoable(state)
    had = {d.n: d for d in change.owed} if undoes and change and change.change_id == undoes else {}
    found: list[Move] = []
    kept: list[Duty] = []
    for duty in state.owed:
        after, says = _after(duty, had.get(duty.n), state, old, new, now)
        if not says:
            kept.append(duty)
        if after != duty:
            late = not duty.suspended and after.late_from is not None and after.breached_at is None
            found.append(Move(duty, after, late))
    return Plan(tuple(found), tuple(kept))


def undoable(state: ClueState) -> RuleChange | None:
    """The clue's last change that stands: the only one that can be taken back. What took one back is none."""
    return next((c for c in reversed(state.rule_changes) if not c.undone and c.undoes is None), None)


def _after(
    duty: Duty, had: Duty | None, state: ClueState, old: Rulebook, new: Rulebook, now: datetime
) -> tuple[Duty, bool]:
    """The duty under the new rules, and whether these give it a term at all."""
    if had is not None:
        if (duty.pauses, duty.extended) == (had.pauses, had.extended):
            return _as_it_was(duty, had, new, now), True
        return _settled(duty, _with_basis(duty, had), new, now), True
    basis = _basis(duty, state, old, new)
    if basis is None:
        return duty, False
    if _same_basis(basis, duty) and duties.dates(basis, new) == duties.dates(duty, old):
        return duty, True
    return _settled(duty, basis, new, now), True


def _basis(duty: Duty, state: ClueState, old: Rulebook, new: Rulebook) -> Duty | None:
    """The duty on the rule that gives it its term, chosen as when a duty is opened; None where none does."""
    pack = old.pack(duty.pack)
    rule = pack.duty(duty.id) if pack else None
    days = duty.term.n if duty.order_no is not None and (rule is None or rule.from_order) else None
    chosen = duties.chosen(new, state.packs, duty.id, duty.trigger_at, days)
    if chosen is None or (chosen.rule.from_order and days is None):
        return None
    return replace(
        duty,
        pack=chosen.pack.id,
        article=chosen.rule.article,
        term=chosen.term,
        unit_basis=chosen.rule.unit_basis,
        escalates=chosen.rule.escalates,
    )


def _with_basis(duty: Duty, had: Duty) -> Duty:
    return replace(
        duty,
        pack=had.pack,
        article=had.article,
        term=had.term,
        unit_basis=had.unit_basis,
        escalates=had.escalates,
    )


def _same_basis(a: Duty, b: Duty) -> bool:
    return _with_basis(b, a) == b


def _as_it_was(duty: Duty, had: Duty, new: Rulebook, now: datetime) -> Duty:
    """Every date as it was; a breach that stood then stands as it stood, and its ladder goes on by its dates."""
    due = Due(had.due_at, had.legal_due_at, had.provisional)
    back = replace(_with_basis(duty, had), reminded=had.reminded)
    if had.breached_at is None and not duty.suspended:
        return _no_higher(_judged(duty, _dated(back, due), due, now, new), now, new)
    return replace(_dated(back, due), breached_at=had.breached_at, level=had.level, late_from=had.late_from)


def _settled(duty: Duty, basis: Duty, new: Rulebook, now: datetime) -> Duty:
    """The duty on its new basis with the dates that this gives it."""
    due = duties.dates(basis, new)
    # A suspended duty shows its date as if no more days were skipped, but its clock stands: what counts is
    # the date that it would have, were it resumed now.
    really = duties.dates(basis, new, now=now) if duty.suspended else due
    reminded = duty.reminded and (due.due_at == duty.due_at or due.due_at <= now)
    return _judged(duty, replace(_dated(basis, due), reminded=reminded), really, now, new)


def _dated(duty: Duty, due: Due) -> Duty:
    return replace(duty, due_at=due.due_at, legal_due_at=due.legal_due_at, provisional=due.provisional)


def _judged(duty: Duty, after: Duty, really: Due, now: datetime, new: Rulebook) -> Duty:
    """What becomes of the breach and of its ladder; `really` are the dates that count now."""
    if really.legal_due_at > now:
        return replace(after, breached_at=None, level=0, late_from=None)
    if duty.breached_at is None:
        return replace(after, late_from=now)
    if not after.escalates:
        return replace(after, level=0)
    if not duty.escalates:
        return replace(after, level=1, late_from=now)
    if after.legal_due_at < duty.legal_due_at:  # its ladder goes on from where it began
        return replace(after, late_from=duty.late_from or duty.legal_due_at - _LAST_INSTANT)
    late_from = duty.late_from if duty.late_from and after.legal_due_at <= duty.late_from else None
    after = replace(after, late_from=late_from)
    if after.legal_due_at == duty.legal_due_at:
        return after
    return _no_higher(after, now, new)


def _no_higher(duty: Duty, now: datetime, rules: Rulebook) -> Duty:
    """A breached duty no higher on its ladder than its dates say; higher it gets by the clock alone."""
    if duty.breached_at is None or not duty.escalates:
        return duty
    return replace(duty, level=min(duty.level, max(1, duties.level_at(duty, now, rules))))


# --- the command -----------------------------------------------------------------------------------


def check_packs(d: Draft) -> None:
    """The new rules come with the command, are those that it names, and hold every pack in use."""
    new = d.new_rules
    if new is None:
        refuse("version（新规则版本）", "规则内容没有随命令送来，请用 starter.py rules apply")
    if new.version != d.data["version"]:
        refuse("version（新规则版本）", f"送来的规则是 {new.version}，与命令所写不符")
    missing = [pack for pack in d.state.packs if new.pack(pack) is None]
    if missing or new.pack(HOUSE) is None:
        named = "、".join(missing or [HOUSE])
        raise DomainError("not_in_force", f"新规则里没有本线索正在适用的规则包 {named}，请补上或保留它")


def check_undo(d: Draft) -> None:
    """Only the clue's last change that stands can be taken back, and only to the rules from before it."""
    wanted = d.data.get("undoes")
    if any(c.change_id == d.data["change_id"] for c in d.state.rule_changes):
        raise DomainError("nothing_to_undo", f"变更编号 {d.data['change_id']} 已经用过，请换一个编号")
    if wanted is None:
        return
    last = undoable(d.state)
    if last is None or last.change_id != wanted:
        standing = f"现在有效的最近一次变更是 {last.change_id}" if last else "没有有效的规则变更"
        raise DomainError("nothing_to_undo", f"不能撤销变更 {wanted}：本线索{standing}")
    if last.from_version != d.data["version"]:
        raise DomainError("nothing_to_undo", f"变更 {wanted} 之前的规则是 {last.from_version}，与送来的不符")


def change_rules(d: Draft) -> None:
    new = d.new_rules
    assert new is not None
    undoes = d.data.get("undoes")
    planned = plan(d.state, d.rules, new, d.now, undoes)
    felt: Json = {"moves": [moves.to_json(m) for m in planned.moves], "kept": [x.n for x in planned.kept]}
    d.emit("rules_changed", d.data, from_version=d.rules.version, **felt)
    d.rules = new
