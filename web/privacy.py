"""What anybody may see of a clue. Nobody signs in here, so what names a person stays out of pages and API.

Fields are let through by name, so that a new one is hidden until somebody decides otherwise; phone and
identity numbers that people wrote into free text are masked.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from domain.masking import MASK, masked
from domain.model import Json

__all__ = ["MASK", "PUBLIC", "masked", "public_clue", "public_view"]

_SHOWN = (
    "clue_no",
    "from_agency",
    "to_agency",
    "source",
    "source_ref",
    "title",
    "description",
    "matter",
    "discovered_at",
    "emergency",
    "seizure",
    "drill",
)
_PLACE = ("lon", "lat", "crs", "radius_m", "address", "region")
_WASTE = ("type", "origin", "quantity_t", "destination")
PUBLIC = "公众"


def public_view(view: Json) -> Json:
    """What a query answers, fit for everybody: the contract's fields, and of the clue what names nobody."""
    return {
        **view,
        "title": masked(view["title"]),
        "clue": public_clue(view["clue"]),
        "evidence": [{**x, "name": masked(x["name"])} for x in view["evidence"]],
        "timeline": [_entry(x) for x in view["timeline"]],
    }


def public_clue(clue: Mapping[str, Any]) -> Json:
    """Of a clue's own fields those that name no natural person."""
    out = {key: _text(clue[key]) for key in _SHOWN if clue.get(key) is not None}
    for key, fields in (("place", _PLACE), ("waste", _WASTE)):
        part = clue.get(key) or {}
        if kept := {name: _text(part[name]) for name in fields if part.get(name) is not None}:
            out[key] = kept
    if suspects := clue.get("suspects"):
        out["suspects"] = [_suspect(s) for s in suspects]
    if vehicles := clue.get("vehicles"):
        out["vehicles"] = [{k: _text(v[k]) for k in ("kind", "name") if v.get(k)} for v in vehicles]
    return out


def _suspect(suspect: Mapping[str, Any]) -> Json:
    """A company by its name; anybody else, also where nobody said what it is, without."""
    if suspect.get("kind") == "company":
        return {"kind": "company", "name": _text(suspect.get("name", ""))}
    return {"kind": "person"}


def _entry(entry: Json) -> Json:
    actor = entry["actor"]
    if actor is not None and actor["role"] == "public":
        actor = {**actor, "name": PUBLIC}
    return {**entry, "actor": actor, "text": masked(entry["text"])}


def _text(value: Any) -> Any:
    return masked(value) if isinstance(value, str) else value
