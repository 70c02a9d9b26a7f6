"""The coordinate systems: known points, and there and back."""

from math import cos, hypot, radians

import pytest
from hypothesis import given
from hypothesis import strategies as st

from geo.crs import CRS, convert

LON, LAT = st.floats(73.5, 135), st.floats(3.5, 53.5)


def metres(a: tuple[float, float], b: tuple[float, float]) -> float:
    return hypot((a[0] - b[0]) * 111_320 * cos(radians(a[1])), (a[1] - b[1]) * 110_574)


def test_a_point_of_beijing_is_where_the_published_formula_puts_it() -> None:
    # the vector of the widely used eviltransform: WGS-84 (116.3975, 39.9087) and its neighbours' offsets
    gcj = convert(116.404, 39.915, "wgs84", "gcj02")
    assert metres(gcj, (116.41024449916938, 39.91640428150164)) < 0.01
    assert metres(convert(116.404, 39.915, "gcj02", "bd09"), (116.41036949371029, 39.92133699351021)) < 0.01


@pytest.mark.parametrize("source", CRS)
@pytest.mark.parametrize("target", CRS)
@given(lon=LON, lat=LAT)
def test_there_and_back_is_less_than_a_metre(source: str, target: str, lon: float, lat: float) -> None:
    there = convert(lon, lat, source, target)
    assert metres(convert(*there, target, source), (lon, lat)) < 1


@given(lon=LON, lat=LAT)
def test_the_shift_is_seen_in_china_and_bounded(lon: float, lat: float) -> None:
    assert 10 < metres(convert(lon, lat, "wgs84", "gcj02"), (lon, lat)) < 1500


def test_nothing_is_shifted_abroad() -> None:
    assert convert(139.7, 35.7, "gcj02", "wgs84") == (139.7, 35.7)


def test_an_unknown_system_is_named() -> None:
    with pytest.raises(ValueError, match="utm"):
        convert(120, 31, "utm", "wgs84")
