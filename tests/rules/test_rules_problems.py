"""A mistake in a file is shown where it stands, with what to do about it."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from runtime.rules import DEFAULT_FOLDER, Problem, RulesError, check_rules, load_rules

Edit = Callable[[str, str, str], int]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    shutil.copytree(DEFAULT_FOLDER, tmp_path / "rules")
    return tmp_path / "rules"


@pytest.fixture
def edit(folder: Path) -> Edit:
    """Replaces the first occurrence of a text and gives the line on which it stood."""

    def change(file: str, old: str, new: str) -> int:
        path = folder / file
        text = path.read_text(encoding="utf-8")
        assert old in text, old
        path.write_text(text.replace(old, new, 1), encoding="utf-8")
        return text[: text.index(old)].count("\n") + 1

    return change


def only(problems: list[Problem]) -> Problem:
    assert len(problems) == 1, "\n".join(map(str, problems))
    return problems[0]


QWJ, HOUSE, TRIAL = "packs/qwj-2020.yaml", "packs/house.yaml", "packs/yrd-solid-waste-trial.yaml"

# file, what is replaced, by what, the field that is named, a word of the message
BROKEN = [
    (QWJ, "    unit: workday", "    unit: workdays", "duties[0].unit", "是不是“workday”"),
    (QWJ, "    unit_basis: explicit", "    unit_base: explicit", "duties[0].unit_base", "是不是“unit_basis”"),
    (QWJ, "    term: 3", "    term: 三", "duties[0].term", "整数"),
    (QWJ, "    term: 3", "    term: 3.5", "duties[0].term", "整数"),
    (QWJ, "    term: 3", "    term: -3", "duties[0].term", "不小于"),
    (QWJ, "  - id: evidence_transfer", "  - id: evidence_transfr", "duties[0].id", "是不是“evidence_transfer”"),
    (QWJ, "  - id: written_feedback", "  - id: evidence_transfer", "duties[1].id", "两次"),
    (QWJ, "  from: 2020-05-20", "  from: 2020-13-20", "in_force.from", "不是日期"),
    (QWJ, "  basis: explicit\n", "  basis: explicit\n  to: 2019-01-01\n", "in_force.to", "止日早于起日"),
    (QWJ, '"310118", ', "310118, ", "binds.regions[0]", "加引号"),
    (QWJ, '"310118", ', '"310199", ', "binds.regions[0]", "不存在"),
    (QWJ, "status: formal", "status: forma", "status", "是不是“formal”"),
    (QWJ, "id: qwj-2020\n", "id: qwj-2021\n", "id", "文件名"),
    (QWJ, "group: group.qwj", "group: group.qwx", "arbiter.group", "是不是“group.qwj”"),
    (QWJ, "  evidence_required: true", "  evidence_required: 是", "transfer.evidence_required", "true 或 false"),
    (QWJ, "title: 《两区一县", "titel: 《两区一县", "titel", "是不是“title”"),
    (TRIAL, "    - waste.origin", "    - waste.orign", "transfer.mandatory_fields[4]", "是不是“waste.origin”"),
    (TRIAL, "hazardous_waste, ", "hazard_waste, ", "binds.matters[1]", "是不是“hazardous_waste”"),
    (HOUSE, "steps: [0, 1, 3, 5]", "steps: [0, 3, 1, 5]", "ladder.steps", "不减"),
    (HOUSE, "steps: [0, 1, 3, 5]", "steps: [0, 1, 3]", "ladder.steps", "至少 4"),
    (HOUSE, "term_from: order", "term: 5\n    term_from: order", "duties[9].term_from", "只能有一个"),
    ("groups.yaml", "pack: qwj-2020", "pack: qwj-2002", "groups[0].pack", "是不是“qwj-2020”"),
    ("groups.yaml", "310118.eco", "310118.ecology", "groups[0].members[0]", "单位代码"),
    ("groups.yaml", "330421.eco", "339999.eco", "groups[0].members[2]", "不存在"),
    ("calendars/cn.yaml", "2024-04-07", "2024-04-08", "years[4].work[2]", "不是周末"),
    ("calendars/cn.yaml", "year: 2021", "year: 2020", "years[1].year", "两次"),
    ("calendars/cn.yaml", "[2024-04-04, 2024-04-06]", "[2024-04-06, 2024-04-04]", "years[4].rest.清明节", "对调"),
    ("lists/officers.yaml", "qingpu-kunshan]", "qingpu-kunsan]", "officers[0].scopes[1]", "qingpu-kunshan"),
    ("lists/officers.yaml", "{id: QP-02", "{id: QP-01", "officers[1]", "重叠"),
    ("lists/officers.yaml", "to: 2027-12-31", "to: 2023-12-31", "officers[0].to", "止日早于起日"),
    ("lists/scopes.yaml", "wastewater, waste_gas", "wastewatr, waste_gas", "scopes[0].matters[3]", "是不是“wastewater”"),
    ("agencies.yaml", "department: urban, to: 2026-08-14", "department: urban, to: 2026-08-15", "matters[5]", "重叠"),
    ("agencies.yaml", "  sat: {", "  sats: {", "departments.sats", "是不是“sat”"),
    ("statutes.yaml", "replaced_by: eco-code", "replaced_by: ecocode", "statutes[1].replaced_by", "是不是“eco-code”"),
]  # fmt: skip


@pytest.mark.parametrize(
    ("file", "old", "new", "field", "said"),
    BROKEN,
    ids=[f"{b[0].split('/')[-1]}:{b[3]}:{b[4]}" for b in BROKEN],
)
def test_a_mistake_is_named_at_its_line(
    folder: Path, edit: Edit, file: str, old: str, new: str, field: str, said: str
) -> None:
    line = edit(file, old, new) + new[: len(new) - len(new.lstrip("\n"))].count("\n")
    problems = [problem for problem in check_rules(folder) if problem.field == field]
    problem = only(problems)
    assert problem.file == file
    assert said in problem.message
    shift = {"in_force.to": 1, "duties[9].term_from": 1, "matters[5]": 1}.get(field, 0)
    assert problem.line == line + shift
    with pytest.raises(RulesError, match=problem.file):
        load_rules(folder)


@pytest.mark.parametrize("key", ["source", "quote", "trust"])
def test_a_number_without_a_source_is_refused(folder: Path, edit: Edit, key: str) -> None:
    path = folder / TRIAL
    lines = path.read_text(encoding="utf-8").splitlines(keepends=True)
    first = next(i for i, text in enumerate(lines) if "id: start_transfer" in text)
    drop = next(i for i in range(first, len(lines)) if lines[i].startswith(f"    {key}:"))
    path.write_text("".join(lines[:drop] + lines[drop + 1 :]), encoding="utf-8")
    problem = only(check_rules(folder))
    assert (problem.field, problem.line) == (f"duties[0].{key}", first + 1)
    assert "出处" in problem.message


def test_a_number_without_a_unit_is_refused(folder: Path, edit: Edit) -> None:
    edit(TRIAL, "    unit: day\n", "")
    assert only(check_rules(folder)).field == "duties[0].unit"


@pytest.mark.parametrize(
    ("broken", "said"),
    [
        ("id: [", "YAML"),
        ("id: x\nid: y\n", "两次"),
        ("\tid: x\n", "YAML"),
        ("- a\n- b\n", "键: 值"),
        ("", "缺少"),
        ("id: 2024-01-01\n", "应为文字"),
        ("a: " + "[" * 2000, "层次"),
        ("a: &a [*a]\n", "锚点"),
    ],
)
def test_a_file_that_is_no_pack_is_refused_without_falling_over(folder: Path, broken: str, said: str) -> None:
    (folder / QWJ).write_text(broken, encoding="utf-8")
    problems = [p for p in check_rules(folder) if p.file == QWJ]
    assert any(said in p.message for p in problems)


def test_a_syntax_error_is_shown_at_its_line(folder: Path, edit: Edit) -> None:
    line = edit(HOUSE, "  steps: [0, 1, 3, 5]", "  steps: [0, 1, 3, 5")
    problem = next(p for p in check_rules(folder) if p.file == HOUSE)
    assert abs(problem.line - line) <= 1


def test_bytes_that_are_no_utf8_are_refused(folder: Path) -> None:
    (folder / QWJ).write_bytes("标题".encode("gbk"))
    assert any("UTF-8" in p.message for p in check_rules(folder) if p.file == QWJ)


@pytest.mark.parametrize(
    "name", ["packs/house.yaml", "groups.yaml", "agencies.yaml", "calendars/cn.yaml", "regions.csv",
             "lists/officers.yaml", "lists/scopes.yaml", "statutes.yaml"],
)  # fmt: skip
def test_a_missing_file_is_named(folder: Path, name: str) -> None:
    (folder / name).unlink()
    problems = check_rules(folder)
    assert name in {p.file for p in problems}
    with pytest.raises(RulesError):
        load_rules(folder)


def test_an_empty_folder_is_refused(tmp_path: Path) -> None:
    assert check_rules(tmp_path)
    with pytest.raises(RulesError):
        load_rules(tmp_path / "nowhere")


@pytest.mark.parametrize(
    ("row", "said"),
    [
        ("12345,某地,county,,,", "六位"),
        ("123456,,county,,,", "名称"),
        ("123456,某地,county,2020-02-30,,", "不是日期"),
        ("123456,某地,county,2020-02-02,2019-01-01,", "止日早于起日"),
        ("123456,某地,county", "列"),
    ],
)
def test_a_broken_region_is_shown_at_its_line(folder: Path, row: str, said: str) -> None:
    path = folder / "regions.csv"
    lines = path.read_text(encoding="utf-8").splitlines()
    path.write_text("\n".join([*lines[:9], row, *lines[9:]]) + "\n", encoding="utf-8")
    problem = only(check_rules(folder))
    assert (problem.file, problem.line) == ("regions.csv", 10)
    assert said in problem.message


def test_a_new_pack_needs_no_change_of_code(folder: Path) -> None:
    text = (folder / TRIAL).read_text(encoding="utf-8")
    text = text.replace("id: yrd-solid-waste-trial", "id: yrd-2027").replace("term: 10", "term: 7")
    (folder / "packs" / "yrd-2027.yaml").write_text(text, encoding="utf-8")
    assert check_rules(folder) == []
    new = load_rules(folder).rulebook.pack("yrd-2027")
    assert new is not None
    assert [rule.term.n for rule in new.duties if rule.term] == [7, 15]


def test_a_changed_number_changes_the_version_and_the_same_number_keeps_it(
    folder: Path, tmp_path: Path
) -> None:
    before = load_rules().rulebook.version
    assert load_rules(folder).rulebook.version == before
    other = tmp_path / "other"
    shutil.copytree(folder, other)
    house = other / HOUSE
    house.write_text(house.read_text(encoding="utf-8").replace("term: 30", "term: 20"), encoding="utf-8")
    assert load_rules(other).rulebook.version != before


def test_a_notice_for_2027_moves_the_announced_years(folder: Path, edit: Edit) -> None:
    edit("calendars/cn.yaml", "status: provisional", "status: official")
    assert load_rules(folder).rulebook.calendar.announced_to == 2027
