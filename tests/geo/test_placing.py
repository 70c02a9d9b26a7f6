"""Whose is a place: shares, borders, the sea, other countries, other times."""

from datetime import date
from math import asin, atan2, cos, degrees, pi, radians, sin, sqrt
from typing import Any

import pytest
import shapely
from hypothesis import given
from hypothesis import strategies as st

from geo import wording
from geo.atlas import load
from geo.placed import Placing
from geo.placing import place
from geo.plane import Plane
from geo.shares import shares
from runtime.rules import load_rules
from tests.geo.test_crs import metres

ATLAS, RULES = load(), load_rules()
TODAY = date(2026, 11, 22)
RADII = st.sampled_from([0.0, 1.0, 300.0, 5_000.0, 20_000.0])


def placed(lon: float, lat: float, **given: Any) -> Placing:
    return place(ATLAS, RULES, lon, lat, **{"on": TODAY, "matter": "solid_waste"} | given)


@given(lon=st.floats(101, 116), lat=st.floats(26, 39), radius=RADII)
def test_shares_add_up_to_one_inland(lon: float, lat: float, radius: float) -> None:
    found = shares(ATLAS, lon, lat, radius)
    assert abs(sum(share for _, share in found.regions) - 1) < 1e-6
    assert (found.sea, found.abroad) == (0, 0)


@given(lon=st.floats(73, 136), lat=st.floats(3, 54), radius=RADII)
def test_everything_adds_up_to_one_anywhere_and_nothing_fails(lon: float, lat: float, radius: float) -> None:
    found = placed(lon, lat, radius_m=radius)
    assert abs(sum(c.share for c in found.candidates) + found.sea + found.abroad - 1) < 1e-6
    assert found.proposal
    assert (found.addressee is None) <= (not found.agencies)
    assert list(found.candidates) == sorted(found.candidates, key=lambda c: (-c.share, c.region))


@given(st.data())
def test_a_point_on_a_border_has_two_candidates_at_least(data: st.DataObject) -> None:
    code = data.draw(st.sampled_from([c for c in ATLAS.codes if ATLAS.neighbours(c)]))
    other = data.draw(st.sampled_from(ATLAS.neighbours(code)))
    common = shapely.intersection(ATLAS.shape(code).boundary, ATLAS.shape(other).boundary)
    along = data.draw(st.floats(0, 1))
    point = shapely.line_interpolate_point(_line(common), along, normalized=True)
    found = placed(point.x, point.y, radius_m=0)
    assert len(found.candidates) >= 2
    assert found.border
    assert {code, other} & {c.polygon for c in found.candidates}


def _line(common: Any) -> Any:
    """Some line of what two regions share; a corner where they share no more."""
    parts = [g for g in getattr(common, "geoms", [common]) if g.length > 0]
    if parts:
        return max(parts, key=lambda g: g.length)
    corner = common.representative_point()
    return shapely.LineString([corner, corner])


@given(lon=st.floats(74, 135), lat=st.floats(4, 53), away=st.floats(-1, 1))
def test_the_flat_map_keeps_distances_from_its_middle(lon: float, lat: float, away: float) -> None:
    flat = Plane(lon, lat).flat(shapely.Point(lon + away, lat))
    assert flat.distance(shapely.Point(0, 0)) == pytest.approx(
        metres((lon + away, lat), (lon, lat)), rel=0.006, abs=0.001
    )


def test_a_satellite_s_circle_is_20_km_and_its_source_is_cited() -> None:
    found = placed(120.90, 31.03, source="satellite")
    assert found.radius_m == 20_000
    assert "S1-47" in found.radius_basis
    assert {"310118", "320509", "330421", "320583"} <= {c.region for c in found.candidates}
    assert len(found.agencies) > 1
    assert "联合检查" in found.proposal
    assert placed(120.90, 31.03, source="satellite", radius_m=0).radius_m == 0
    assert placed(120.90, 31.03, source="patrol").radius_m == 0


def test_near_a_border_is_said_with_its_tolerance() -> None:
    found = placed(120.845, 31.115)
    assert (found.region, found.border, len(found.candidates)) == ("320583", True, 1)
    assert (found.tolerance_basis, round(found.border_m or 0)) == ("assumption", 242)
    assert "320509" in [n.region for n in found.adjacent if n.reach]
    assert not placed(120.71, 31.02).border


@pytest.mark.parametrize(
    ("lon", "lat", "kind"),
    [
        (122.6, 30.9, "sea"), (119.5, 38.6, "sea"), (111.5, 21.0, "sea"), (139.7, 35.7, "abroad"),
        (126.98, 37.57, "abroad"), (105.85, 21.03, "abroad"), (106.9, 47.9, "abroad"), (0.0, 0.0, "abroad"),
        (0.0, 90.0, "abroad"), (180.0, -90.0, "abroad"), (31.0, 121.0, "impossible"), (float("nan"), 1, "impossible"),
        (float("inf"), 1, "impossible"), (181.0, 0.0, "impossible"),
    ],
)  # fmt: skip
def test_what_is_nobody_s_land_is_answered_by_its_kind(lon: float, lat: float, kind: str) -> None:
    found = placed(lon, lat, radius_m=0)
    assert (found.kind, found.addressee, found.region) == (kind, None, None)
    assert found.proposal.endswith("。")


def test_a_hint_where_longitude_and_latitude_are_swapped() -> None:
    assert "写反" in placed(31.1, 120.8).proposal


def test_too_wide_a_circle_names_nobody() -> None:
    found = placed(112, 30, radius_m=1e9)
    assert (found.kind, found.candidates, found.addressee) == ("vague", (), None)


def test_at_a_coast_the_rest_is_sea_and_at_a_frontier_abroad() -> None:
    coast, frontier = placed(121.9, 30.9, radius_m=20_000), placed(124.39, 40.12, radius_m=10_000)
    assert coast.sea > 0.3
    assert coast.abroad == 0
    assert "海上" in coast.proposal
    assert frontier.abroad > 0.2
    assert frontier.sea == 0


def test_a_given_region_wins_and_a_contradiction_is_said() -> None:
    agreed, other = placed(120.845, 31.115, region="320583"), placed(120.845, 31.115, region="330421")
    assert (agreed.disagrees, agreed.addressee) == (False, "320583.eco")
    assert (other.disagrees, other.addressee) == (True, "330421.eco")
    assert "320583.eco" in other.notify
    assert "不符" in other.proposal


def test_a_day_before_a_renaming_finds_the_region_of_that_day() -> None:
    found = placed(116.85, 40.37, on=date(2010, 1, 1))
    assert (found.region, found.addressee) == ("110228", "110228.eco")
    assert "密云区（110118）" in found.proposal
    assert placed(116.85, 40.37).region == "110118"


def test_a_region_that_held_under_no_known_name_is_flagged() -> None:
    shape = ATLAS.shape("130606").representative_point()  # 莲池区, since 2015 out of two districts
    found = placed(shape.x, shape.y, on=date(2010, 1, 1))
    assert (found.kind, found.addressee) == ("not_in_force", None)
    assert "130606" in found.proposal


def test_hong_kong_is_placed_but_no_addressee() -> None:
    found = placed(114.17, 22.32)
    assert found.region is not None
    assert found.region.startswith("81")
    assert found.addressee is None


def test_the_department_follows_matter_and_the_law_of_the_day() -> None:
    before = placed(120.71, 31.02, matter="construction_waste", on=date(2026, 8, 14))
    after = placed(120.71, 31.02, matter="construction_waste", on=date(2026, 8, 15))
    assert before.addressee == after.addressee == "320509.urban"
    assert before.basis is not None
    assert after.basis is not None
    assert "第一百一十一条" in before.basis.text
    assert "固体废物污染环境防治法" in (before.basis.statute or "")
    assert "第五百一十八条" in after.basis.text
    assert "生态环境法典" in (after.basis.statute or "")
    assert placed(120.71, 31.02).addressee == "320509.eco"


def test_a_law_that_was_not_in_force_that_day_is_said_to_be_none() -> None:
    long_ago = placed(120.71, 31.02, matter="construction_waste", on=date(1985, 1, 1))
    assert "只供参考" in wording.basis(long_ago, RULES)
    today = placed(120.71, 31.02, matter="construction_waste", on=date(2026, 8, 15))
    assert "只供参考" not in wording.basis(today, RULES)


def test_the_json_is_the_same_text_each_time() -> None:
    assert placed(120.9, 31.03, radius_m=20_000).to_json() == placed(120.9, 31.03, radius_m=20_000).to_json()


@pytest.mark.parametrize(
    ("lon", "lat", "radius"), [(120.90, 31.03, 20_000.0), (121.9, 30.9, 20_000.0), (102, 36, 150_000.0)]
)
def test_shares_agree_with_counting_points_thrown_at_the_circle(
    lon: float, lat: float, radius: float
) -> None:
    """Another way to the same figure: points spread evenly over the circle on a sphere, each looked up by itself."""
    n, hits = 4000, dict[str, int]()
    for i in range(n):
        away, turn = radius * sqrt((i + 0.5) / n) / 6_371_000, i * pi * (3 - sqrt(5))
        y = asin(sin(radians(lat)) * cos(away) + cos(radians(lat)) * sin(away) * cos(turn))
        x = atan2(sin(turn) * sin(away) * cos(radians(lat)), cos(away) - sin(radians(lat)) * sin(y))
        for code in ATLAS.near(shapely.Point(lon + degrees(x), degrees(y)))[:1]:
            hits[code] = hits.get(code, 0) + 1
    found = dict(shares(ATLAS, lon, lat, radius).regions)
    for code in {*found, *hits}:
        assert found.get(code, 0) == pytest.approx(hits.get(code, 0) / n, abs=0.008), code
