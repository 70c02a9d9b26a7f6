"""What a sender looks up for one command before it goes to the clue: the world's tables stay out of workflows."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date
from typing import Any

from domain import agencies
from domain.commands import agencies_named, officers_named
from domain.model import Actor, Facts, Officer
from runtime.rules import Rules, UnknownRule


def facts_for(
    rules: Rules,
    name: str,
    data: Mapping[str, Any],
    actor: Actor,
    on: date,
    officers: Sequence[Officer] | None = None,
) -> Facts:
    """The facts of command `name` on the day `on`.

    `officers` replaces both lists (a scenario's own). Never fails: what has no shape is left for the core to
    refuse.
    """
    named = [a for a in agencies_named(name, data, actor) if agencies.is_well_formed(a)]
    addressee = _default_addressee(rules, name, data, on)
    if addressee is not None:
        named.append(addressee)
    status = {a: rules.agency_status(a, on) for a in named}
    ids = set(officers_named(data))
    lists = _listed(rules) if officers is None else officers
    return Facts(
        unknown=tuple(a for a, s in status.items() if s == "unknown"),
        not_in_force=tuple(a for a, s in status.items() if s == "not_in_force"),
        officers=tuple(o for o in lists if o.id in ids),
        addressee=addressee,
    )


def _default_addressee(rules: Rules, name: str, data: Mapping[str, Any], on: date) -> str | None:
    """`<place.region>.<department for the matter>`, for a report that names nobody."""
    if name != "report" or data.get("to_agency") is not None:
        return None
    place, matter = data.get("place"), data.get("matter")
    region = place.get("region") if isinstance(place, Mapping) else None
    if not isinstance(region, str) or not isinstance(matter, str):
        return None
    try:
        addressee = f"{region}.{rules.department_for(matter, on)}"
    except UnknownRule:  # a matter that there is not: the core refuses it by name
        return None
    return addressee if agencies.is_well_formed(addressee) else None


def _listed(rules: Rules) -> tuple[Officer, ...]:
    """Both lists as the core reads them: one line per officer and scope."""
    return tuple(
        Officer(o.id, o.name, o.agency, o.from_, o.to, o.scope_regions, o.scope_matters)
        for o in rules.officers
    )
