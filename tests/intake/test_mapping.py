"""A mapping's mistakes are named with line and nearest right word; the shipped ones have none."""

from __future__ import annotations

from pathlib import Path

import pytest

from intake.mapping import BadMapping, load_mapping, load_measures, shipped

GOOD = """id: x
title: 试
key: [号]
columns:
  号: source_ref
  时: discovered_at
  区: place.region
templates: {title: "点位 {号}"}
constants: {source: satellite, matter: other}
dates: {offset: Asia/Shanghai}
"""


def problems(tmp_path: Path, text: str) -> str:
    path = tmp_path / "m.yaml"
    path.write_text(text)
    with pytest.raises(BadMapping) as bad:
        load_mapping(str(path))
    return "\n".join(str(p) for p in bad.value.problems)


@pytest.mark.parametrize("name", shipped())
def test_the_shipped_mappings_are_right(name: str) -> None:
    assert load_mapping(name).id == name


def test_three_are_shipped() -> None:
    assert shipped() == ["checkpoint", "hotline", "satellite"]


@pytest.mark.parametrize(
    ("old", "new", "line", "said"),
    [
        ("columns:", "colums:", 4, "columns"),
        ("区: place.region", "区: place.regon", 7, "region"),
        ("区: place.region", "区: place", 7, "下级"),
        ("号: source_ref", "号: vehicles[1].nmae", 5, "name"),
        ("号: source_ref", "号: clue_no", 5, "不由文件给出"),
        ("[号]", "[号码]", 3, "是不是“号”"),
        ("{号}", "{号码}", 8, "是不是“号”"),
        ("source: satellite", "source: satelite", 9, "satellite"),
        ("source: satellite, ", "", 1, "线索来源"),
        ("Asia/Shanghai", "Asia/Shangai", 10, "不是时区"),
        ("时: discovered_at", "时: source_ref", 6, "已由“号”填写"),
        ("id: x", "id: X Y", 1, "格式不对"),
        ("key: [号]", "key: [号", 4, "YAML"),
    ],
)
def test_a_mistake_is_named_with_its_line(tmp_path: Path, old: str, new: str, line: int, said: str) -> None:
    assert old in GOOD
    found = problems(tmp_path, GOOD.replace(old, new, 1))
    assert f"m.yaml:{line}" in found
    assert said in found


def test_coordinates_name_their_system(tmp_path: Path) -> None:
    text = GOOD.replace("区: place.region", "东: place.lon\n  北: place.lat")
    assert "crs" in problems(tmp_path, text)


def test_an_unknown_name_is_answered_with_the_nearest() -> None:
    with pytest.raises(BadMapping, match="satellite"):
        load_mapping("satelite")


def test_measures_are_editable_and_checked(tmp_path: Path) -> None:
    path = tmp_path / "duplicates.yaml"
    path.write_text("days: 3\nplace_days: 1\nleast_m: 500\nunit_basis: agreed\nstrengths: {plate: strong}\n")
    assert load_measures(tmp_path).days == 3
    path.write_text(path.read_text().replace("plate", "plat"))
    with pytest.raises(BadMapping, match="plate"):
        load_measures(tmp_path)
