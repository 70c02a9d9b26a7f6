"""A small map for a page: regions around a place as paths of an SVG, drawn from the polygons and nothing else."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from math import floor, log10
from typing import Final

import shapely
from shapely.geometry.base import BaseGeometry

from geo.atlas import Atlas
from geo.plane import Plane
from geo.wording import distance

WIDTH: Final = 600
HEIGHT: Final = 420
_DETAIL: Final = 0.6  # units of the drawing: nearer points than that can't be told apart
_LEAST_M: Final = 4_000.0  # half the height of a drawing of a bare point
_MOST_M: Final = 260_000.0
_ROOM: Final = 1.25
_NAMED_SHARE: Final = 0.025  # of the frame: smaller pieces have no room for a name
_STEPS: Final = ((0.5, 5), (0.25, 4), (0.1, 3), (0.02, 2))


@dataclass(frozen=True)
class Piece:
    """One region: `path` is an SVG path; `tint` 0 for no candidate, up to 5 for the most likely."""

    code: str
    name: str
    path: str
    tint: int
    main: bool
    label: tuple[float, float] | None


@dataclass(frozen=True)
class Drawing:
    """Everything in units of the drawing, WIDTH by HEIGHT, north up. `scale` is its bar: length and words."""

    pieces: tuple[Piece, ...]
    point: tuple[float, float] | None
    circle: float | None
    scale: tuple[float, str]
    width: int = WIDTH
    height: int = HEIGHT


def around_point(
    atlas: Atlas, lon: float, lat: float, radius_m: float, shares: Mapping[str, float], main: str | None
) -> Drawing:
    """The map around a WGS-84 point with its circle; `shares` by the drawn region's code."""
    half = min(_MOST_M, max(radius_m * _ROOM, _LEAST_M))
    unit = 2 * half / HEIGHT
    pieces = _pieces(atlas, Plane(lon, lat), unit, shares, main)
    circle = radius_m / unit if radius_m else None
    return Drawing(pieces, (WIDTH / 2, HEIGHT / 2), circle, _scale(unit))


def of_region(atlas: Atlas, code: str) -> Drawing | None:
    """The region with what lies around it; None where it has no polygon."""
    if code not in atlas:
        return None
    west, south, east, north = atlas.shape(code).bounds
    plane = Plane((west + east) / 2, (south + north) / 2)
    left, low, right, high = plane.flat(atlas.shape(code)).bounds
    # from the origin, which need not be the middle of the flat shape
    half = max(max(-low, high), max(-left, right) * HEIGHT / WIDTH)
    unit = 2 * half * _ROOM / HEIGHT
    return Drawing(_pieces(atlas, plane, unit, {code: 1.0}, code), None, None, _scale(unit))


def _pieces(
    atlas: Atlas, plane: Plane, unit: float, shares: Mapping[str, float], main: str | None
) -> tuple[Piece, ...]:
    half_width, half_height = WIDTH / 2 * unit, HEIGHT / 2 * unit
    frame = plane.frame((half_width**2 + half_height**2) ** 0.5)
    found = []
    for code in atlas.near(shapely.box(*frame)):
        flat = plane.flat(shapely.clip_by_rect(atlas.shape(code), *frame))
        seen = shapely.clip_by_rect(flat, -half_width, -half_height, half_width, half_height)
        drawn = shapely.transform(seen, lambda p: p * [1 / unit, -1 / unit] + [WIDTH / 2, HEIGHT / 2])
        if path := _path(drawn.simplify(_DETAIL)):
            name = atlas.names[code]
            found.append(Piece(code, name, path, _tint(shares.get(code, 0.0)), code == main, _label(drawn)))
    return tuple(sorted(found, key=lambda p: (p.tint, p.main)))  # what matters lies on top


def _path(shape: BaseGeometry) -> str:
    said = []
    for polygon in getattr(shape, "geoms", [shape]):
        if isinstance(polygon, shapely.Polygon) and not polygon.is_empty:
            for ring in (polygon.exterior, *polygon.interiors):
                points = " ".join(f"{x:.1f},{y:.1f}" for x, y in list(ring.coords)[:-1])
                said.append(f"M{points}Z")
    return "".join(said)


def _label(shape: BaseGeometry) -> tuple[float, float] | None:
    """Well inside the largest part, and inside the frame with the name's length to spare."""
    parts = [p for p in getattr(shape, "geoms", [shape]) if isinstance(p, shapely.Polygon) and not p.is_empty]
    largest = max(parts, key=lambda p: p.area, default=None)
    if largest is None or largest.area < _NAMED_SHARE * WIDTH * HEIGHT:
        return None
    inside = shapely.maximum_inscribed_circle(largest, tolerance=4).coords[0]
    return round(min(max(inside[0], 60), WIDTH - 60), 1), round(min(max(inside[1], 24), HEIGHT - 40), 1)


def _tint(share: float) -> int:
    if share <= 0:
        return 0
    return next((tint for least, tint in _STEPS if share >= least), 1)


def _scale(unit: float) -> tuple[float, str]:
    """A bar of 1, 2 or 5 times a power of ten, a quarter of the width at most."""
    most = WIDTH / 4 * unit
    power = 10.0 ** floor(log10(most))
    metres = next(n * power for n in (5, 2, 1) if n * power <= most)
    return round(metres / unit, 1), distance(metres)
