"""The project's scenarios hold in the core, and a wrong expectation or a wrong file is told for what it is."""

from pathlib import Path

import pytest
import yaml

from rehearsal.player import Result, play_core
from rehearsal.scenario import Scenario, ScenarioError, load_scenario
from runtime.rules import Rules, load_rules

FOLDER = Path(__file__).parents[2] / "scenarios"
FILES = sorted(FOLDER.glob("*.yaml"))

REPORT = {
    "at": "2026-03-03T09:00+08:00",
    "do": "report",
    "as": {"agency": "310118.eco", "role": "officer", "name": "甲"},
    "with": {
        "source": "patrol",
        "title": "界河油污",
        "matter": "wastewater",
        "discovered_at": "2026-03-03T08:30+08:00",
        "place": {"region": "320509"},
    },
}
ACKNOWLEDGE = {
    "at": "2026-03-03T10:00+08:00",
    "do": "acknowledge",
    "as": {"agency": "320509.eco", "role": "liaison", "name": "乙"},
}


@pytest.fixture(scope="module")
def rules() -> Rules:
    return load_rules()


def written(folder: Path, *steps: object, **top: object) -> Path:
    path = folder / "case.yaml"
    content = {"title": "例", "packs": ["qwj-2020"], "steps": list(steps), **top}
    path.write_text(yaml.safe_dump(content, allow_unicode=True, sort_keys=False))
    return path


def played(folder: Path, rules: Rules, *steps: object, **top: object) -> Result:
    return play_core(load_scenario(written(folder, *steps, **top), rules), rules)


def problems(path: Path, rules: Rules) -> list[tuple[str, str]]:
    with pytest.raises(ScenarioError) as caught:
        load_scenario(path, rules)
    assert caught.value.exit_code == 2
    assert all(problem.file == str(path) for problem in caught.value.problems)
    return [(problem.field, problem.message) for problem in caught.value.problems]


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_scenario_holds(path: Path, rules: Rules) -> None:
    result = play_core(load_scenario(path, rules), rules)
    assert [(step.n, step.why) for step in result.steps if not step.passed] == []
    assert result.passed


def test_scenarios_are_there() -> None:
    assert len(FILES) >= 14


def test_final_answer_is_as_of_the_last_step(tmp_path: Path, rules: Rules) -> None:
    result = played(tmp_path, rules, REPORT, {"at": "2026-03-03T13:00+08:00"})
    assert result.final["level"] == 1
    assert result.final["clue_no"] == "XS-310118-20260303-0001"


def test_number_given_by_the_report_is_kept(tmp_path: Path, rules: Rules) -> None:
    given = {**REPORT, "with": {**REPORT["with"], "clue_no": "XS-1"}}  # type: ignore[dict-item]
    assert played(tmp_path, rules, given).final["clue_no"] == "XS-1"


def test_failed_expectations_are_all_named(tmp_path: Path, rules: Rules) -> None:
    expect = {
        "stage": "handling",
        "level": 0,
        "duties": {"ack": "late", "receipt": "open"},
        "due": {"ack": "2026-03-03T05:00:00+00:00", "first_contact": "2026-03-03T23:00+08:00"},
        "provisional": {"ack": True},
    }
    result = played(tmp_path, rules, {**REPORT, "expect": expect}, ACKNOWLEDGE)
    assert not result.passed
    assert [step.passed for step in result.steps] == [False, True]
    why = result.steps[0].why or ""
    for part in (
        "stage 应为 handling",
        "duties.ack",
        "duties.receipt",
        "due.first_contact",
        "provisional.ack",
    ):
        assert part in why
    # an instant is compared as an instant, whatever its offset; what holds is not named
    assert "due.ack" not in why
    assert "level" not in why


def test_refusal_that_nobody_expected_fails_the_step(tmp_path: Path, rules: Rules) -> None:
    wrong = {**ACKNOWLEDGE, "as": {"agency": "330421.eco", "role": "liaison", "name": "丙"}}
    result = played(tmp_path, rules, REPORT, wrong, {"at": "2026-03-03T11:00+08:00", "expect": {"level": 0}})
    assert [step.passed for step in result.steps] == [True, False, True]
    assert "not_a_party" in (result.steps[1].why or "")


@pytest.mark.parametrize("code", ["wrong_stage", "not_permitted"])
def test_expected_refusal_that_does_not_come_fails(tmp_path: Path, rules: Rules, code: str) -> None:
    accepted = {**ACKNOWLEDGE, "refused": code}
    result = played(tmp_path, rules, REPORT, accepted)
    assert code in (result.steps[1].why or "")
    other = {**accepted, "as": {"agency": "330421.eco", "role": "liaison", "name": "丙"}}
    result = played(tmp_path, rules, REPORT, other)
    assert code in (result.steps[1].why or "")
    assert "not_a_party" in (result.steps[1].why or "")


def test_refused_command_keeps_what_the_clock_did(tmp_path: Path, rules: Rules) -> None:
    late = {**ACKNOWLEDGE, "at": "2026-03-03T14:00+08:00", "do": "close", "refused": "not_permitted"}
    result = played(tmp_path, rules, REPORT, {**late, "expect": {"duties": {"ack": "breached"}}})
    assert result.passed, result.steps


def test_command_before_the_report_is_unknown_clue(tmp_path: Path, rules: Rules) -> None:
    early = {**ACKNOWLEDGE, "at": "2026-03-03T08:59+08:00", "refused": "unknown_clue"}
    assert played(tmp_path, rules, early, REPORT).passed


def test_officers_of_the_file_replace_the_lists(tmp_path: Path, rules: Rules) -> None:
    inspect = {
        "at": "2026-03-03T11:00+08:00",
        "do": "convene_inspection",
        "as": REPORT["as"],
        "with": {
            "mode": "joint",
            "at": "2026-03-03T12:00+08:00",
            "leader": "X-1",
            "members": ["X-1", "X-2"],
            "invited": [],
        },
    }

    def officer(number: str, agency: str) -> dict[str, object]:
        scope = {"regions": ["320509"], "matters": ["wastewater"]}
        days = {"from": "2026-01-01", "to": "2026-12-31"}
        return {"id": number, "name": number, "agency": agency, **days, "scope": scope}

    listed = [officer("X-1", "310118.eco"), officer("X-2", "320509.eco")]
    assert played(tmp_path, rules, REPORT, inspect, officers=listed).passed
    refused = {**inspect, "refused": "officer_not_authorised"}
    assert played(tmp_path, rules, REPORT, refused, officers=[]).passed
    assert played(tmp_path, rules, REPORT, refused).passed


def test_yaml_dates_are_read_as_text(tmp_path: Path, rules: Rules) -> None:
    path = tmp_path / "dates.yaml"
    path.write_text("""
title: 带秒的时间
packs: [qwj-2020]
officers: [{id: A, name: 甲, agency: 310118.eco, from: 2026-01-01, to: "2026-12-31"}]
steps:
- at: 2026-03-03T09:00:00+08:00
  do: report
  as: {agency: 310118.eco, role: officer, name: 甲}
  with: {source: other, title: 例, matter: other, discovered_at: 2026-03-03T00:30:00Z, place: {region: "320509"}}
  expect: {discovered_at: 2026-03-03T08:30:00+08:00, due: {ack: 2026-03-03T13:00:00+08:00}}
""")
    scenario: Scenario = load_scenario(path, rules)
    assert play_core(scenario, rules).passed


OFFICER = {"id": "A", "name": "甲", "agency": "310118.eco", "from": "2026-01-01", "to": "2026-12-31"}
WRONG = [
    ({"title": "例", "step": []}, "step", "steps"),
    ({"packs": ["qwj2020"], "steps": [REPORT]}, "packs[0]", "qwj-2020"),
    ({"steps": []}, "steps", "至少一步"),
    ({"steps": [{**REPORT, "at": "2026-03-03T09:00"}]}, "第 1 步 at", "时区"),
    ({"steps": [REPORT, {**ACKNOWLEDGE, "at": "2026-03-03T08:00+08:00"}]}, "第 2 步 at", "早于上一步"),
    ({"steps": [REPORT, {**ACKNOWLEDGE, "do": "acknowlege"}]}, "第 2 步 do", "acknowledge"),
    ({"steps": [REPORT, {**ACKNOWLEDGE, "refused": "wrong_stag"}]}, "第 2 步 refused", "wrong_stage"),
    ({"steps": [{**REPORT, "expects": {}}]}, "第 1 步 expects", "expect"),
    ({"steps": [{**REPORT, "expect": {"stag": "notified"}}]}, "第 1 步 expect.stag", "stage"),
    ({"steps": [{**REPORT, "expect": {"duties": {"akc": "open"}}}]}, "第 1 步 expect.duties.akc", "ack"),
    ({"steps": [{**REPORT, "expect": {"duties": {"ack": "opened"}}}]}, "第 1 步 expect.duties.ack", "open"),
    ({"steps": [{**REPORT, "expect": {"due": {"ack": "2026-03-03"}}}]}, "第 1 步 expect.due.ack", "时区"),
    ({"steps": [{**REPORT, "as": {"agency": "310118.eco", "role": "oficer", "name": "甲"}}]}, "第 1 步 as.role", "officer"),
    ({"steps": [{**REPORT, "as": {"agency": "310118.eco", "role": "officer"}}]}, "第 1 步 as.name", "缺"),
    ({"steps": [{"at": REPORT["at"], "refused": "wrong_stage"}]}, "第 1 步 refused", "没有 do"),
    ({"steps": [{**REPORT, "with": {**REPORT["with"], "place": {"region": 320583}}}]}, "第 1 步 with", "引号"),  # type: ignore[dict-item]
    ({"steps": [{**REPORT, "with": {**REPORT["with"], "mater": "x"}}]}, "第 1 步 with", "matter"),  # type: ignore[dict-item]
    ({"officers": [{**OFFICER, "from": "2026-13-01"}], "steps": [REPORT]}, "officers[0].from", "日期"),
    ({"officers": [{**OFFICER, "to": "2025-12-31"}], "steps": [REPORT]}, "officers[0].to", "早于"),
]  # fmt: skip


@pytest.mark.parametrize(("content", "field", "hint"), WRONG, ids=[w[1] + w[2] for w in WRONG])
def test_mistake_in_a_file_names_step_and_field(
    tmp_path: Path, rules: Rules, content: dict[str, object], field: str, hint: str
) -> None:
    path = tmp_path / "wrong.yaml"
    path.write_text(yaml.safe_dump(content, allow_unicode=True, sort_keys=False))
    found = problems(path, rules)
    assert any(where == field and hint in message for where, message in found), found


def test_broken_yaml_names_the_line(tmp_path: Path, rules: Rules) -> None:
    path = tmp_path / "broken.yaml"
    path.write_text("title: 例\nsteps:\n- at: [\n")
    with pytest.raises(ScenarioError) as caught:
        load_scenario(path, rules)
    assert caught.value.problems[0].line >= 3


def test_missing_file_is_a_wrong_file(tmp_path: Path, rules: Rules) -> None:
    assert "文件不存在" in problems(tmp_path / "none.yaml", rules)[0][1]


@pytest.mark.parametrize("text", ["", "- 1\n", "just words\n", "title: x\nsteps: 3\n", "steps: [1, null]\n"])
def test_file_that_is_no_scenario_is_refused(tmp_path: Path, rules: Rules, text: str) -> None:
    path = tmp_path / "odd.yaml"
    path.write_text(text)
    assert problems(path, rules)


def test_parts_may_be_repeated_by_aliases_but_not_endlessly(tmp_path: Path, rules: Rules) -> None:
    last = {"at": "2026-03-03T11:00+08:00", "do": "withdraw", "as": REPORT["as"], "with": {"reason": "误报"}}
    path = written(tmp_path, REPORT, last)
    assert "*id" in path.read_text()
    assert play_core(load_scenario(path, rules), rules).passed
    path.write_text("title: x\nsteps: &s\n- *s\n")
    assert "绕回" in problems(path, rules)[0][1]
