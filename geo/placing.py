"""Whose is a place: the candidates with their shares, the border, the neighbours, and what follows from that."""

from __future__ import annotations

from dataclasses import replace
from datetime import date
from math import isfinite
from typing import Final

from domain.crs import to_wgs84
from domain.labels import SOURCES
from geo import wording
from geo.atlas import Atlas
from geo.department import basis_for
from geo.placed import Candidate, Kind, Neighbour, Placing
from geo.shares import BORDER_M, Shares, shares
from geo.then import Then, then
from runtime.rules import Rules

SATELLITE_M: Final = 20_000.0
SATELLITE_SOURCE: Final = "“卫星研判的精度大概有20公里”（S1-47）"
MAX_RADIUS_M: Final = 200_000.0  # assumption: beyond that a circle names nobody
# 港澳台: the statutes and agreements behind the packs don't reach there.
OTHER_LAW: Final = ("71", "81", "82")
JOINT_SHARE: Final = 0.1  # agreed: who has less of the circle is told, not called to the joint check


def place(
    atlas: Atlas,
    rules: Rules,
    lon: float,
    lat: float,
    *,
    on: date,
    crs: str = "wgs84",
    radius_m: float | None = None,
    source: str | None = None,
    matter: str | None = None,
    region: str | None = None,
) -> Placing:
    """Places a point given in `crs`. `on` picks regions, department and law; never fails on a place.

    `radius_m` None: 20 km where `source` is a satellite, else 0. `region`: one that somebody named; it wins.
    """
    radius, why = _radius(radius_m, source)
    seen = Placing("impossible", lon, lat, crs, radius, why)
    if wrong := _impossible(lon, lat, radius):
        return replace(seen, lon=0.0, lat=0.0, radius_m=0.0, proposal=wrong)
    wgs = to_wgs84(lon, lat, crs)
    seen = replace(seen, lon=wgs[0], lat=wgs[1], basis=basis_for(rules, matter, on) if matter else None)
    if radius > MAX_RADIUS_M:
        return replace(seen, kind="vague", proposal=wording.vague(radius, MAX_RADIUS_M))
    found = shares(atlas, *wgs, radius)
    seen = _with_regions(seen, found, atlas, rules, on, region)
    seen = _with_agencies(seen, rules, on)
    return replace(seen, proposal=wording.proposal(seen, rules))


def _radius(given: float | None, source: str | None) -> tuple[float, str]:
    if given is not None:
        return given, "所给"
    if source == "satellite":
        return SATELLITE_M, f"{SOURCES['satellite']}默认 20 公里：{SATELLITE_SOURCE}"
    return 0.0, "未给，按点计"


def _impossible(lon: float, lat: float, radius: float) -> str:
    """What is wrong with the numbers themselves; empty where nothing is."""
    if not (isfinite(lon) and isfinite(lat) and isfinite(radius)) or radius < 0:
        return "经纬度与误差半径须是数，半径不能为负，请核对。"
    if abs(lon) > 180 or abs(lat) > 90:
        hint = "，经度和纬度可能写反了" if 73 <= lat <= 136 and 3 <= lon <= 54 else ""
        return f"没有这样的坐标：经度须在 ±180 之内，纬度须在 ±90 之内{hint}，请核对。"
    return ""


def _with_regions(
    seen: Placing, found: Shares, atlas: Atlas, rules: Rules, on: date, given: str | None
) -> Placing:
    candidates, notes = _candidates(found, atlas, rules, on)
    named = given is not None
    valid = [c for c in candidates if c.in_force]
    region = given or (valid[0].region if valid else None)
    kind: Kind = "placed" if region else "not_in_force" if candidates else _outside(found)
    around = dict.fromkeys([*found.near, *_beside(atlas, found, given)])
    inside = {*found.near, *(code for code, _ in found.regions)}
    adjacent: dict[str, Neighbour] = {}
    for code in around:
        held = then(rules, atlas.names, code, on)
        if held.region != region:
            adjacent.setdefault(held.region, Neighbour(held.region, held.name, code in inside))
    return replace(
        seen,
        kind=kind,
        region=region,
        region_name=rules.region_name(region) if region else None,
        given=named,
        disagrees=named and all(c.region != given for c in candidates),
        candidates=candidates,
        sea=found.sea,
        abroad=found.abroad,
        border=len(candidates) > 1 or (found.border_m is not None and found.border_m <= BORDER_M),
        border_m=found.border_m if found.regions else None,
        adjacent=tuple(adjacent[code] for code in sorted(adjacent)),
        notes=notes,
    )


def _beside(atlas: Atlas, found: Shares, given: str | None) -> tuple[str, ...]:
    """The polygons beside the main region, and the circle's own where somebody named another."""
    own = found.regions[0][0] if found.regions else ""
    if given is None or given == own:
        return atlas.neighbours(own)
    return (*(code for code, _ in found.regions), *atlas.neighbours(given))


def _candidates(
    found: Shares, atlas: Atlas, rules: Rules, on: date
) -> tuple[tuple[Candidate, ...], tuple[str, ...]]:
    """Each polygon's region as it stood that day; two polygons of what was one region then are one."""
    merged: dict[str, Candidate] = {}
    notes = []
    for code, share in found.regions:
        held: Then = then(rules, atlas.names, code, on)
        old = merged.get(held.region)
        merged[held.region] = (
            replace(old, share=old.share + share)
            if old
            else Candidate(held.region, held.name, share, code, held.in_force)
        )
        if held.note:
            notes.append(held.note)
    ranked = sorted(merged.values(), key=lambda c: (-c.share, c.region))
    return tuple(ranked), tuple(notes)


def _outside(found: Shares) -> Kind:
    return "sea" if found.sea >= found.abroad else "abroad"


def _with_agencies(seen: Placing, rules: Rules, on: date) -> Placing:
    """Addressee, joint check and who else is told, each only where the agency existed that day."""
    if seen.basis is None or seen.region is None:
        return seen

    def agency(region: str) -> str | None:
        assert seen.basis is not None
        if region.startswith(OTHER_LAW) and not (seen.given and region == seen.region):
            return None
        found = f"{region}.{seen.basis.department}"
        return found if rules.agency_status(found, on) == "ok" else None

    main = agency(seen.region)
    others = [c for c in seen.candidates if c.region != seen.region and c.in_force]
    called = [c.region for c in others if c.share >= JOINT_SHARE]
    if seen.border and not called:  # just at the border: the nearest neighbour, whatever its share
        called = [c.region for c in others[:1]] or [n.region for n in seen.adjacent if n.reach][:1]
    joint = [a for region in (seen.region, *called) if (a := agency(region))] if seen.border else []
    told = [a for c in others if (a := agency(c.region)) and a != main]
    return replace(seen, addressee=main, agencies=tuple(joint) if len(joint) > 1 else (), notify=tuple(told))
