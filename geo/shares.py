"""How an uncertainty circle lies over the regions: shares of its area, and how near the next border is. Geometry alone."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import shapely
from shapely.geometry.base import BaseGeometry

from geo.atlas import Atlas
from geo.frontier import outside
from geo.plane import Plane

POINT_M: Final = (
    5.0  # a bare point is taken as a circle of this radius, so that one on a border lies on both sides
)
BORDER_M: Final = (
    1000.0  # assumption: the polygons are drawn with a point every 1.6 km or so, see docs/geo.md
)
_NOTHING: Final = 1e-9  # a share below this is arithmetic, not land
_SLIVER: Final = 1e-6  # what is missing inland below this is a gap between polygons
_HOLE_M2: Final = 10e6  # a gap that regions enclose, up to this size, is the drawing's and nobody's lake


@dataclass(frozen=True)
class Shares:
    """`regions`: code and share, the largest first; with `sea` and `abroad` they add up to 1.

    `border_m`: metres to the nearest other region, None where that is beyond circle and tolerance.
    `near`: the other regions within the circle or the tolerance.
    """

    regions: tuple[tuple[str, float], ...]
    sea: float
    abroad: float
    border_m: float | None
    near: tuple[str, ...]


def shares(atlas: Atlas, lon: float, lat: float, radius_m: float) -> Shares:
    """The shares of the circle around a WGS-84 point. `radius_m` from 0 up to 200 km."""
    plane = Plane(lon, lat)
    radius = max(radius_m, POINT_M)
    pieces = _pieces(atlas, plane, radius + BORDER_M)
    circle = plane.circle(radius)
    areas = {code: piece.intersection(circle).area for code, piece in pieces.items()}
    areas = {code: area for code, area in areas.items() if area > _NOTHING * circle.area}
    land = sum(areas.values())
    lost = {"sea": 0.0, "abroad": 0.0}
    if land < (1 - _SLIVER) * circle.area:
        for gap in _gaps(circle, pieces, areas):
            lost[_beyond(atlas, plane, gap, pieces)] += gap.area / circle.area
    if not areas and sum(lost.values()) < _SLIVER:  # in a gap between polygons: whoever is nearest
        nearest = min(pieces, key=lambda code: pieces[code].distance(shapely.Point(0, 0)))
        areas, land = {nearest: 1.0}, 1.0
    whole = 1 - sum(lost.values())
    ranked = sorted(((c, a / land * whole) for c, a in areas.items()), key=lambda r: (-r[1], r[0]))
    apart = _apart(pieces, [code for code, _ in ranked])
    return Shares(
        tuple(ranked),
        lost["sea"],
        lost["abroad"],
        min(apart.values(), default=None),
        tuple(sorted(code for code, metres in apart.items() if metres <= max(radius, BORDER_M))),
    )


def _pieces(atlas: Atlas, plane: Plane, reach: float) -> dict[str, BaseGeometry]:
    """What of each region lies around the point, in metres."""
    frame = plane.frame(reach)
    found = {}
    for code in atlas.near(shapely.box(*frame)):
        piece = shapely.clip_by_rect(atlas.shape(code), *frame)
        if piece.is_empty:
            continue
        flat = plane.flat(piece)
        found[code] = flat if flat.is_valid else shapely.make_valid(flat)
    return found


def _gaps(
    circle: BaseGeometry, pieces: dict[str, BaseGeometry], areas: dict[str, float]
) -> list[BaseGeometry]:
    """The parts of the circle that are no region's, without the holes that the drawing left between regions."""
    union = shapely.union_all(list(pieces.values()))
    holes = [
        hole
        for polygon in getattr(union, "geoms", [union])
        if isinstance(polygon, shapely.Polygon)
        for ring in polygon.interiors
        if (hole := shapely.Polygon(ring)).area < _HOLE_M2
    ]
    rest = circle.difference(shapely.union_all([union, *holes]))
    return [part for part in getattr(rest, "geoms", [rest]) if part.area > _NOTHING * circle.area]


def _beyond(atlas: Atlas, plane: Plane, gap: BaseGeometry, pieces: dict[str, BaseGeometry]) -> str:
    """Sea or abroad, by the region nearest to that part of the circle."""
    inside = gap.representative_point()
    if pieces:
        code = min(pieces, key=lambda c: pieces[c].distance(inside))
        return outside(code, pieces[code].distance(inside))
    middle = shapely.Point(plane.lon, plane.lat)
    code = atlas.nearest(middle)
    return outside(code, plane.flat(shapely.shortest_line(middle, atlas.shape(code))).length)


def _apart(pieces: dict[str, BaseGeometry], ranked: list[str]) -> dict[str, float]:
    """Metres from the point to each region but the one that it lies in (not always that of the largest share)."""
    origin = shapely.Point(0, 0)
    metres = {code: piece.distance(origin) for code, piece in pieces.items()}
    home = min(ranked, key=lambda code: metres[code], default=None)
    return {code: away for code, away in metres.items() if code != home}
