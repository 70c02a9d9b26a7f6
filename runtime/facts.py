"""What a sender looks up for one command before it goes to the clue: the world's tables stay out of workflows."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date
from typing import Any, Protocol

from domain import agencies
from domain.commands import agencies_named, officers_named
from domain.model import Actor, Facts, Officer
from runtime.rules import Rules, UnknownRule


class Placer(Protocol):
    """Says whose a place is; `geo` has one. Handed in, since nothing here knows polygons."""

    def __call__(
        self, given: Mapping[str, Any], *, on: date, matter: str | None, source: str | None
    ) -> dict[str, Any] | None:
        """The placing as JSON, with `addressee` and `notify`; None where `given` has no coordinates."""
        ...


def facts_for(
    rules: Rules,
    name: str,
    data: Mapping[str, Any],
    actor: Actor,
    on: date,
    officers: Sequence[Officer] | None = None,
    placer: Placer | None = None,
) -> Facts:
    """The facts of command `name` on the day `on`.

    `officers` replaces both lists (a scenario's own). `placer` places what has coordinates; a region that is
    named wins. What has no shape is left for the core to refuse; only a placer without polygons fails
    (GroundError).
    """
    named = [a for a in agencies_named(name, data, actor) if agencies.is_well_formed(a)]
    placing = _placing(placer, name, data, on)
    addressee = _default_addressee(rules, name, data, on, placing)
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
        also_notify=_also_notify(name, placing),
        placing=placing,
    )


def _placing(placer: Placer | None, name: str, data: Mapping[str, Any], on: date) -> dict[str, Any] | None:
    """Of a report's place, or of the place that an amendment gives anew with both coordinates."""
    told = data if name == "report" else data.get("changes") if name == "amend_clue" else None
    place = told.get("place") if isinstance(told, Mapping) else None
    if placer is None or not isinstance(told, Mapping) or not isinstance(place, Mapping):
        return None
    return placer(place, on=on, matter=told.get("matter"), source=told.get("source"))


def _also_notify(name: str, placing: Mapping[str, Any] | None) -> tuple[str, ...]:
    """Every agency of the circle: the core leaves out the addressee's own region and the finder's."""
    if name != "report" or placing is None:
        return ()
    return tuple(a for a in (placing["addressee"], *placing["notify"]) if a is not None)


def _default_addressee(
    rules: Rules, name: str, data: Mapping[str, Any], on: date, placing: Mapping[str, Any] | None
) -> str | None:
    """`<place.region>.<department for the matter>`, for a report that names nobody; without a region the placing's."""
    if name != "report" or data.get("to_agency") is not None:
        return None
    place, matter = data.get("place"), data.get("matter")
    region = place.get("region") if isinstance(place, Mapping) else None
    if region is None and placing is not None:
        found = placing["addressee"]
        return found if isinstance(found, str) else None
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
