"""The three coordinate systems that Chinese sources use, turned into each other.

WGS-84 is what GPS gives. GCJ-02 (高德、腾讯 and most phones' maps) shifts it by up to some 700 m by a published
reading of an unpublished formula; BD-09 (百度) shifts that again. The forward formulas are those in common use,
which agree with the map services to within about 1 m; the inverse is their fixed point, good to a millimetre of
the forward formula. Outside the rectangle around China nothing is shifted.
"""

from __future__ import annotations

from math import atan2, cos, pi, sin, sqrt
from typing import Final

Point = tuple[float, float]  # longitude, latitude in degrees

CRS: Final = ("wgs84", "gcj02", "bd09")
_A: Final = 6378245.0  # Krassowsky 1940, as the formula has it
_EE: Final = 0.00669342162296594323
_X_PI: Final = pi * 3000.0 / 180.0
_CLOSE: Final = 1e-11  # degrees: a micrometre
_ROUNDS: Final = 30


def to_wgs84(lon: float, lat: float, crs: str) -> Point:
    """The point of `crs` in WGS-84. ValueError for a system that there is not."""
    return convert(lon, lat, crs, "wgs84")


def convert(lon: float, lat: float, source: str, target: str) -> Point:
    """The point of `source` in `target`, through GCJ-02. ValueError for a system that there is not."""
    for crs in (source, target):
        if crs not in CRS:
            raise ValueError(f"没有坐标系“{crs}”，有：{'、'.join(CRS)}")
    if source == target:
        return lon, lat
    if source == "bd09":
        lon, lat = _bd09_to_gcj02(lon, lat)
    elif source == "wgs84":
        lon, lat = _wgs84_to_gcj02(lon, lat)
    if target == "bd09":
        return _gcj02_to_bd09(lon, lat)
    return _gcj02_to_wgs84(lon, lat) if target == "wgs84" else (lon, lat)


def _in_rectangle(lon: float, lat: float) -> bool:
    return 72.004 <= lon <= 137.8347 and 0.8293 <= lat <= 55.8271


def _shift(lon: float, lat: float) -> Point:
    """By how many degrees GCJ-02 lies beside WGS-84 at that point."""
    x, y = lon - 105.0, lat - 35.0
    waves = (20.0 * sin(6.0 * x * pi) + 20.0 * sin(2.0 * x * pi)) * 2.0 / 3.0
    dlat = -100.0 + 2.0 * x + 3.0 * y + 0.2 * y * y + 0.1 * x * y + 0.2 * sqrt(abs(x)) + waves
    dlat += (20.0 * sin(y * pi) + 40.0 * sin(y / 3.0 * pi)) * 2.0 / 3.0
    dlat += (160.0 * sin(y / 12.0 * pi) + 320.0 * sin(y * pi / 30.0)) * 2.0 / 3.0
    dlon = 300.0 + x + 2.0 * y + 0.1 * x * x + 0.1 * x * y + 0.1 * sqrt(abs(x)) + waves
    dlon += (20.0 * sin(x * pi) + 40.0 * sin(x / 3.0 * pi)) * 2.0 / 3.0
    dlon += (150.0 * sin(x / 12.0 * pi) + 300.0 * sin(x / 30.0 * pi)) * 2.0 / 3.0
    magic = 1 - _EE * sin(lat / 180.0 * pi) ** 2
    dlat = dlat * 180.0 / (_A * (1 - _EE) / (magic * sqrt(magic)) * pi)
    dlon = dlon * 180.0 / (_A / sqrt(magic) * cos(lat / 180.0 * pi) * pi)
    return dlon, dlat


def _wgs84_to_gcj02(lon: float, lat: float) -> Point:
    if not _in_rectangle(lon, lat):
        return lon, lat
    dlon, dlat = _shift(lon, lat)
    return lon + dlon, lat + dlat


def _gcj02_to_wgs84(lon: float, lat: float) -> Point:
    if not _in_rectangle(lon, lat):
        return lon, lat
    x, y = lon, lat
    for _ in range(_ROUNDS):  # the shift changes slowly: each round gains three digits
        there = _wgs84_to_gcj02(x, y)
        dx, dy = lon - there[0], lat - there[1]
        x, y = x + dx, y + dy
        if abs(dx) < _CLOSE and abs(dy) < _CLOSE:
            break
    return x, y


def _gcj02_to_bd09(lon: float, lat: float) -> Point:
    z = sqrt(lon * lon + lat * lat) + 0.00002 * sin(lat * _X_PI)
    theta = atan2(lat, lon) + 0.000003 * cos(lon * _X_PI)
    return z * cos(theta) + 0.0065, z * sin(theta) + 0.006


def _bd09_to_gcj02(lon: float, lat: float) -> Point:
    x, y = lon - 0.0065, lat - 0.006
    for _ in range(_ROUNDS):
        there = _gcj02_to_bd09(x, y)
        dx, dy = lon - there[0], lat - there[1]
        x, y = x + dx, y + dy
        if abs(dx) < _CLOSE and abs(dy) < _CLOSE:
            break
    return x, y
