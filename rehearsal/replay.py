"""A clue's life once more under other rules: people do what they did when they did it, the clocks run anew."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime
from typing import Any, Final

from domain.again import enact, ticked
from domain.commands import SHAPES
from domain.errors import DomainError
from domain.model import ClueState, Command, Event, Facts, Json, blank, instant, shanghai_day
from domain.packs import HOUSE, Rulebook
from rehearsal.acts import Act, acts_of

# What stands in a required field that the acts come without, where "—" won't do; no rule asks what it says.
_BLANKS: Final[Mapping[str, Any]] = {
    **dict.fromkeys(
        ("members", "officers", "missing", "persons", "units", "invited", "manifest", "items"), ()
    ),
    "changes": {},
    "place": {},
}
_OUTCOME: Final = "penalty"  # of a feedback: a word of the core's own, and none that a clock asks for
# A change of rules has no place in a world that has had other rules from the start, and of the clue that was merged
# into this one nothing is seen here; it moves no clock.
SKIPPED: Final = frozenset({"change_rules", "take_in"})


@dataclass(frozen=True)
class Replayed:
    """The clue at the end, and the commands that had nothing to act upon under these rules."""

    state: ClueState
    refused: tuple[str, ...]


def replayed(
    acts: Sequence[Act],
    rules: Rulebook,
    as_of: datetime,
    packs: Sequence[str] | None = None,
    addressee: Callable[[str, str, date], str | None] | None = None,
) -> Replayed:
    """The acts of one clue under `rules`, then its clocks up to `as_of`.

    `packs`: those that the clue was given from outside, which no rule chooses. `addressee(region, matter, day)`
    says whom a report that named nobody was meant for; it decides on the packs.
    """
    state = blank("-", packs)
    refused = []
    for act in acts:
        command = act.command
        if command.name in SKIPPED:
            continue
        if command.name == "report" and addressee is not None:
            command = _meant(command, addressee)
        try:
            state = enact(state, command, act.at, rules)
        except DomainError:
            refused.append(command.name)
    return Replayed(ticked(state, as_of, rules), tuple(refused))


def acts_again(events: Iterable[Event]) -> tuple[tuple[Act, ...], tuple[str, ...] | None]:
    """The acts behind events without texts, fit to be enacted, and the packs that were given from outside."""
    events = tuple(events)
    acts = tuple(replace(act, command=_filled(act.command)) for act in acts_of(events))
    first = next((e for e in events if e.type == "reported"), None)
    given = first is not None and first.data.get("packs_fixed")
    return acts, tuple(p for p in first.data["packs"] if p != HOUSE) if first and given else None


def _filled(command: Command) -> Command:
    """With something in each field that must be there."""
    wanted = [key for key, field in SHAPES[command.name].fields.items() if field.required]
    blanks = {key: _BLANKS.get(key, "—") for key in wanted if key not in command.data}
    if command.name == "give_feedback" and "outcome" in blanks:
        blanks["outcome"] = _OUTCOME
    return replace(command, data={**blanks, **command.data})


def _meant(command: Command, addressee: Callable[[str, str, date], str | None]) -> Command:
    data: Json = command.data
    region = data.get("place", {}).get("region")
    if data.get("to_agency") or region is None:
        return command
    found = addressee(region, data["matter"], shanghai_day(instant(data["discovered_at"])))
    return replace(command, facts=Facts(addressee=found))
