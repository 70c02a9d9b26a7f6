"""Tables of every kind and encoding become the same reports; a bad row is named by line and column."""

from __future__ import annotations

import json
from datetime import datetime
from pathlib import Path

import pytest
from openpyxl import Workbook

from intake.mapping import Mapping, load_mapping
from intake.rows import BadRow, Ready, missing_columns, ready
from intake.tables import UnreadableTable, open_table

SAMPLES = Path(__file__).parents[2] / "intake" / "samples"
HEAD = ["任务编号", "经度", "纬度", "行政区划代码", "影像时间", "疑似类型"]
ROW = ["WX-1", "120.9", "31.1", "320583", "2026-11-02 10:32:00", "建筑垃圾"]


@pytest.fixture(scope="module")
def satellite() -> Mapping:
    return load_mapping("satellite")


def csv_file(folder: Path, rows: list[list[str]], encoding: str = "utf-8", sign: str = ",") -> Path:
    path = folder / "t.csv"
    path.write_bytes("\r\n".join(sign.join(r) for r in rows).encode(encoding))
    return path


def first(path: Path, mapping: Mapping) -> Ready:
    return ready(next(iter(open_table(path).rows)), mapping)


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "gb18030", "utf-16"])
@pytest.mark.parametrize("sign", [",", ";", "\t"])
def test_csv_in_every_encoding_gives_the_same_report(
    tmp_path: Path, satellite: Mapping, encoding: str, sign: str
) -> None:
    item = first(csv_file(tmp_path, [HEAD, ROW], encoding, sign), satellite)
    assert item.data["matter"] == "construction_waste"
    assert item.data["discovered_at"] == "2026-11-02T10:32:00+08:00"
    assert item.data["place"] == {
        "lon": 120.9,
        "lat": 31.1,
        "crs": "wgs84",
        "radius_m": 20000,
        "region": "320583",
    }
    assert item.data["title"] == "卫星疑似点位 WX-1：建筑垃圾"


def test_csv_xlsx_and_geojson_give_one_id_and_one_content(tmp_path: Path, satellite: Mapping) -> None:
    book = Workbook()
    assert book.active is not None
    book.active.append(HEAD)
    book.active.append(["WX-1", 120.9, 31.1, 320583, datetime(2026, 11, 2, 10, 32), "建筑垃圾"])  # noqa: DTZ001
    book.save(tmp_path / "t.xlsx")
    properties = dict(zip(HEAD, ROW, strict=True)) | {"经度": None, "纬度": None}
    point = {"type": "Point", "coordinates": [120.9, 31.1]}
    features = [{"type": "Feature", "properties": properties, "geometry": point}]
    geo = tmp_path / "t.geojson"
    geo.write_text(json.dumps({"type": "FeatureCollection", "features": features}))
    of_csv = first(csv_file(tmp_path, [HEAD, ROW]), satellite)
    of_xlsx = first(tmp_path / "t.xlsx", satellite)
    assert (of_csv.command_id, of_csv.clue_no, of_csv.data) == (
        of_xlsx.command_id,
        of_xlsx.clue_no,
        of_xlsx.data,
    )
    assert first(geo, satellite).command_id == of_csv.command_id


def test_the_key_alone_makes_the_ids_whatever_its_spelling(tmp_path: Path, satellite: Mapping) -> None:
    one = first(csv_file(tmp_path, [HEAD, ROW]), satellite)
    same = first(csv_file(tmp_path, [HEAD, [" ｗｘ－1 ", *ROW[1:5], "固体废物"]]), satellite)
    other = first(csv_file(tmp_path, [HEAD, ["WX-2", *ROW[1:]]]), satellite)
    assert (one.command_id, one.clue_no) == (same.command_id, same.clue_no)
    assert one.data != same.data
    assert one.clue_no != other.clue_no


def test_a_drill_is_another_clue(tmp_path: Path, satellite: Mapping) -> None:
    row = next(iter(open_table(csv_file(tmp_path, [HEAD, ROW])).rows))
    drill = ready(row, satellite, drill=True)
    assert drill.data["drill"] is True
    assert drill.clue_no != ready(row, satellite).clue_no


@pytest.mark.parametrize(
    ("at", "value", "column", "said"),
    [
        (0, "", "任务编号", "同一条"),
        (1, "abc", "经度", "不是数字"),
        (1, "nan", "经度", "不是数字"),
        (1, "200", "经度", "180"),
        (3, "3205", "行政区划代码", "六位"),
        (6, "-5", "半径米", "不能为负数"),
        (4, "昨天", "影像时间", "不是时间"),
        (5, "建筑拉圾", "疑似类型", "是否想写 建筑垃圾"),
        (5, "", "疑似类型", "不能为空"),
    ],
)
def test_a_bad_cell_is_named_by_its_column(
    tmp_path: Path, satellite: Mapping, at: int, value: str, column: str, said: str
) -> None:
    row = [*ROW[:at], value, *ROW[at + 1 :]]
    with pytest.raises(BadRow) as bad:
        first(csv_file(tmp_path, [[*HEAD, "半径米"], row]), satellite)
    assert bad.value.column == column
    assert said in bad.value.reason
    assert not bad.value.reason.startswith("）")


def test_a_time_without_offset_is_bad_where_the_mapping_has_none(tmp_path: Path) -> None:
    text = (Path(__file__).parents[2] / "rules/intake/satellite.yaml").read_text()
    path = tmp_path / "m.yaml"
    path.write_text(text.replace("  offset: Asia/Shanghai\n", ""))
    with pytest.raises(BadRow, match="没有时区"):
        first(csv_file(tmp_path, [HEAD, ROW]), load_mapping(str(path)))


def test_lines_are_those_of_an_editor(tmp_path: Path) -> None:
    rows = [HEAD, ROW, [""], ['"a\nb"', *ROW[1:]], [*ROW, "extra", "more"], ROW]
    found = list(open_table(csv_file(tmp_path, rows)).rows)
    assert [r.line for r in found] == [2, 4, 6, 7]
    assert "8 列" in found[2].problem


def test_a_quote_that_nobody_closes_costs_its_own_row_alone(tmp_path: Path, satellite: Mapping) -> None:
    open_, later = ["WX-2", *ROW[1:5], '"建筑垃圾'], ["WX-3", *ROW[1:]]
    quoted = ["WX-4", *ROW[1:5], '"建筑垃圾"']
    for rows in ([open_, later], [open_, later, quoted], [open_, quoted, open_, later]):
        found = list(open_table(csv_file(tmp_path, [HEAD, *rows])).rows)
        assert [r.line for r in found] == list(range(2, len(rows) + 2))
        assert [bool(r.problem) for r in found] == [row is open_ for row in rows]
        assert [ready(r, satellite).data["source_ref"] for r in found if not r.problem] == [
            row[0] for row in rows if row is not open_
        ]


def test_a_row_that_ends_early_lacks_its_cells_and_not_the_columns(
    tmp_path: Path, satellite: Mapping
) -> None:
    with pytest.raises(BadRow, match="不能为空"):
        first(csv_file(tmp_path, [HEAD, ROW[:3]]), satellite)


@pytest.mark.parametrize("name", ["satellite.csv", "satellite.geojson"])
def test_a_table_of_another_source_is_told_by_its_columns(name: str, satellite: Mapping) -> None:
    columns = open_table(SAMPLES / name).columns
    assert missing_columns(columns, satellite) == ()
    assert missing_columns(columns, load_mapping("hotline"))[:2] == ("工单编号", "诉求标题")


def test_a_long_number_that_a_spreadsheet_has_spoilt_is_bad(tmp_path: Path) -> None:
    book = Workbook()
    assert book.active is not None
    book.active.append(HEAD)
    book.active.append([123456789012345678, *ROW[1:]])
    book.save(tmp_path / "t.xlsx")
    with pytest.raises(BadRow, match="15 位"):
        first(tmp_path / "t.xlsx", load_mapping("satellite"))


def test_an_area_becomes_a_point_in_it_and_the_circle_around_it(satellite: Mapping) -> None:
    rows = list(open_table(SAMPLES / "satellite.geojson").rows)
    place = ready(rows[1], satellite).data["place"]
    assert 120.60 < place["lon"] < 120.61
    assert 31.00 < place["lat"] < 31.01
    assert 700 < place["radius_m"] < 1500
    assert rows[2].problem


@pytest.mark.parametrize(
    ("name", "content", "said"),
    [
        ("none.csv", None, "不存在"),
        ("t.doc", b"x", "后缀"),
        ("t.csv", b"\xff\xff\xff", "GB18030"),
        ("t.csv", b"", "表头"),
        ("t.csv", "号,号\n1,2".encode(), "两次"),
        ("t.csv", b"PK\x03\x04", "xlsx"),
        ("t.xlsx", b"not a book", "Excel"),
        ("t.geojson", b"{", ":1"),
        ("t.geojson", b'{"type": "Feature"}', "FeatureCollection"),
    ],
)
def test_a_file_that_cannot_be_read_says_why(
    tmp_path: Path, name: str, content: bytes | None, said: str
) -> None:
    path = tmp_path / name
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(UnreadableTable, match=said):
        open_table(path)
