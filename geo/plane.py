"""A flat map around one point, in metres: azimuthal equidistant, on the ellipsoid's radius there.

Distances from the point are true to 0.4 % and areas to 0.3 % within 200 km, which is the most that is placed;
shares are ratios of areas, so that most of that cancels out.
"""

from __future__ import annotations

from math import cos, radians, sin, sqrt
from typing import Any, Final

import numpy as np
import shapely
from shapely.geometry.base import BaseGeometry

_A: Final = 6378137.0  # WGS-84
_E2: Final = 0.00669437999014
_SIDES: Final = 64  # segments of a quarter of a circle: its area is short of the true one by 0.01 %


class Plane:
    """The map whose origin is (lon, lat)."""

    def __init__(self, lon: float, lat: float) -> None:
        self.lon, self.lat = lon, lat
        curve = 1 - _E2 * sin(radians(lat)) ** 2
        meridian, prime = _A * (1 - _E2) / curve**1.5, _A / sqrt(curve)
        self._radius = sqrt(meridian * prime)

    def flat(self, geometry: BaseGeometry) -> BaseGeometry:
        """A geometry of degrees in metres east and north of the origin."""
        return shapely.transform(geometry, self._project)

    def circle(self, radius_m: float) -> BaseGeometry:
        """The circle around the origin, in metres."""
        return shapely.Point(0, 0).buffer(radius_m, quad_segs=_SIDES)

    def frame(self, reach_m: float) -> tuple[float, float, float, float]:
        """West, south, east and north, in degrees, of a box that holds the circle of `reach_m` with room."""
        dlat = reach_m / self._radius * 57.2958 * 1.02
        widest = min(89.0, abs(self.lat) + dlat)
        dlon = min(180.0, dlat / cos(radians(widest)))
        return self.lon - dlon, self.lat - dlat, self.lon + dlon, self.lat + dlat

    def _project(self, points: Any) -> Any:
        lon, lat = np.radians(points[:, 0]), np.radians(points[:, 1])
        lon0, lat0 = radians(self.lon), radians(self.lat)
        # haversine, not the arc cosine: the latter loses all digits within a few metres
        half = np.sin((lat - lat0) / 2) ** 2 + cos(lat0) * np.cos(lat) * np.sin((lon - lon0) / 2) ** 2
        arc = 2 * np.arcsin(np.sqrt(np.clip(half, 0, 1)))
        sine = np.sin(arc)
        k = self._radius * np.divide(arc, sine, out=np.ones_like(arc), where=sine > 1e-15)
        # north of the tangent plane, written so that nothing cancels near the origin
        north = np.sin(lat - lat0) + 2 * np.cos(lat) * sin(lat0) * np.sin((lon - lon0) / 2) ** 2
        return np.column_stack([k * np.cos(lat) * np.sin(lon - lon0), k * north])
