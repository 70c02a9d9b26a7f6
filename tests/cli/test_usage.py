"""What is typed wrong is answered with the nearest right word, in Chinese, and the contract's exit code."""

import json
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from cli.main import main
from domain.commands import COMMANDS

ROOT = Path(__file__).parents[2]
SCENARIOS = ROOT / "scenarios"
REST = "title: x\nmatter: other\ndiscovered_at: 2026-01-01T00:00+08:00\n"


def ran(capsys: pytest.CaptureFixture[str], *argv: str) -> tuple[int, str, str]:
    code = main(list(argv))
    out, err = capsys.readouterr()
    return code, out, err


@pytest.fixture(autouse=True)
def nowhere(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[None]:
    """No service is named, and no stack runs in the data folder."""
    from runtime.settings import get_settings

    monkeypatch.delenv("DATABASE_URL", raising=False)
    monkeypatch.delenv("TEMPORAL_ADDRESS", raising=False)
    monkeypatch.setenv("CLUEFLOW_DATA_DIR", str(tmp_path / "data"))
    get_settings.cache_clear()
    yield
    get_settings.cache_clear()


@pytest.mark.parametrize(
    ("argv", "said"),
    [
        (["pley"], "play"),
        (["play", "--jsn", "x"], "--json"),
        (["play"], "FILES"),
        (["rules", "chek"], "check"),
        (["rules", "explain", "--duty", "ack"], "--pack"),
        (["do", "XS-1", "close", "--as", "310118.eco:oficer:甲"], "officer"),
        (["do", "XS-1", "close", "--as", "310118.eco"], "机构:角色:姓名"),
        (["do", "XS-1", "close"], "--as"),
        (["do", "XS-1", "close", "--as", "310118.eco:officer:甲", "--data", "{"], "第 1 行"),
        (["do", "XS-1", "close", "--as", "310118.eco:officer:甲", "--data", "[]"], "对象"),
        (["do", "XS-1", "close", "--as", "310118.eco:officer:甲", "--set", "reason"], "字段=值"),
        (["query", "XS-1", "--as-of", "2024-04-03"], "时区"),
        (["query", "XS-1", "--as-of", "tomorrow"], "不是时间"),
        (["list", "--stage", "notifid"], "notified"),
        (["list", "--matter", "solid"], "solid_waste"),
        (["list", "--level", "9"], "--level"),
        (["list", "--holder", "310118.ecoo"], "310118.eco"),
        (["inbox", "x"], "不是机构代码"),
        (["commands", "acknowlege"], "acknowledge"),
        (["rules", "check", "/no/such/folder"], "没有目录"),
        (["import", "no.csv", "--mapping", "satelite"], "satellite"),
        (["import", "no.csv", "--mapping", "satellite"], "文件不存在"),
        (["import", "no.csv"], "--mapping"),
        (["whatif", "--set", "hause.ack=3day"], "house"),
        (["whatif", "--holiday", "2026-13-01"], "不是日期"),
        (["whatif", "--region", "江苏"], "行政区划代码"),
        (["whatif", "--agency", "310118.ecoo"], "310118.eco"),
        (["record"], "CLUE"),
    ],
)
def test_wrong_usage_is_2_and_names_what_to_write(
    capsys: pytest.CaptureFixture[str], argv: list[str], said: str
) -> None:
    code, out, err = ran(capsys, *argv)
    assert code == 2
    assert said in err
    assert out == ""


def test_error_under_json_is_one_object(capsys: pytest.CaptureFixture[str]) -> None:
    argv = ["rules", "explain", "--json", "--duty", "akc", "--pack", "house", "--from", "2026-03-03T00:00Z"]
    code, out, _ = ran(capsys, *argv)
    assert code == 2
    body = json.loads(out)
    assert body["error"] == "invalid_input"
    assert "ack" in body["message"]


def test_unknown_agency_is_refused_with_a_guess(capsys: pytest.CaptureFixture[str]) -> None:
    code, _, err = ran(capsys, "inbox", "320599.eco")
    assert code == 3
    assert "unknown_agency" in err
    assert "320509.eco" in err


@pytest.mark.parametrize(
    "argv",
    [
        ["query", "XS-1"],
        ["do", "XS-1", "close", "--as", "310118.eco:officer:甲"],
        ["list"],
        ["inbox", "310118.eco"],
        ["watch", "XS-1"],
        ["verify"],
        ["rebuild"],
        ["reconcile"],
        ["record", "XS-1"],
        ["whatif"],
    ],
)
def test_service_that_is_not_there_is_5_and_says_what_to_do(
    capsys: pytest.CaptureFixture[str], argv: list[str]
) -> None:
    code, _, err = ran(capsys, *argv)
    assert code == 5
    assert "make up" in err


def test_doctor_without_services_is_5_and_lists_every_check(capsys: pytest.CaptureFixture[str]) -> None:
    code, out, _ = ran(capsys, "doctor", "--json")
    assert code == 5
    body = json.loads(out)
    assert body["ok"] is False
    checks = {check["name"]: check for check in body["checks"]}
    assert {"程序", "磁盘", "规则", "工作日历", "Temporal", "PostgreSQL"} <= set(checks)
    assert not checks["Temporal"]["ok"]
    assert "make up" in checks["PostgreSQL"]["todo"]


def test_help_of_every_command_is_in_chinese(capsys: pytest.CaptureFixture[str]) -> None:
    from cli.app import COMMANDS as NAMES

    for name in NAMES:
        code, out, _ = ran(capsys, name, "--help")
        assert code == 0
        assert any("\u4e00" <= c <= "\u9fff" for c in out), name
        assert not re.search(r"<[a-z]|env var|default:", out), name


def test_every_command_of_the_clue_is_listed(capsys: pytest.CaptureFixture[str]) -> None:
    code, out, _ = ran(capsys, "commands", "--json")
    assert code == 0
    assert [row["name"] for row in json.loads(out)] == list(COMMANDS)


# --- files -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "text", "said"),
    [
        ("clue.json", '{"source": "hotline",\n "title": }', "clue.json:2"),
        ("clue.yaml", "source: hotline\ntitle: [\n", "clue.yaml:"),
        ("clue.yaml", f"source: hotlin\n{REST}place: {{region: '310118'}}\n", "clue.yaml:1 字段 source（线索来源）"),
        ("clue.yaml", f"source: hotline\n{REST}place:\n  region: 310118\n", "clue.yaml:6 字段 place.region"),
        ("clue.yaml", "source: hotline\ntitel: x\n", "clue.yaml:2 字段 titel：没有这个字段，是否想写 title"),
        ("clue.json", '{\n"source": "hotline",\n"titel": "x"}', "clue.json:3 字段 titel"),
        ("none.json", None, "文件不存在"),
    ],
)  # fmt: skip
def test_wrong_file_names_line_and_field(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, name: str, text: str | None, said: str
) -> None:
    path = tmp_path / name
    if text is not None:
        path.write_text(text)
    code, _, err = ran(capsys, "start", "--file", str(path), "--as", "310118.eco:officer:甲")
    assert code == 2
    assert said in err.replace("\n", "")


def test_start_without_finder_asks_who(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    path = tmp_path / "clue.yaml"
    path.write_text(f"source: hotline\n{REST}place: {{region: '310118'}}\n")
    code, _, err = ran(capsys, "start", "--file", str(path))
    assert code == 2
    assert "from_agency" in err


# --- rules -----------------------------------------------------------------------------------------


def test_explain_is_the_contracts_example(capsys: pytest.CaptureFixture[str]) -> None:
    code, out, _ = ran(
        capsys, "rules", "explain", "--duty", "evidence_transfer", "--pack", "qwj-2020",
        "--from", "2024-04-03T16:00:00+08:00", "--json",
    )  # fmt: skip
    assert code == 0
    body = json.loads(out)
    assert body["due_at"] == body["legal_due_at"] == "2024-04-10T00:00:00+08:00"
    assert (body["term"], body["unit"], body["unit_basis"], body["provisional"]) == (
        3,
        "workday",
        "explicit",
        False,
    )
    rows = {day["date"]: (day["counted"], day["why"]) for day in body["days"]}
    assert rows["2024-04-03"] == (False, "触发日")
    assert rows["2024-04-04"] == (False, "清明节")
    assert rows["2024-04-07"] == (True, "调休上班")


def test_explain_takes_suspension_and_extension(capsys: pytest.CaptureFixture[str]) -> None:
    code, out, _ = ran(
        capsys, "rules", "explain", "--duty", "receipt", "--pack", "house", "--from", "2026-03-02T09:00+08:00",
        "--suspended", "2026-03-02..2026-03-04", "--extended", "1", "--json",
    )  # fmt: skip
    assert code == 0
    # 2 + 1 workdays from Monday the 2nd, suspended from that day to the 4th: 5, 6, then Monday the 9th
    assert json.loads(out)["due_at"] == "2026-03-10T00:00:00+08:00"


def test_explain_for_people_shows_every_day(capsys: pytest.CaptureFixture[str]) -> None:
    argv = ["rules", "explain", "--duty", "ack", "--pack", "house", "--from", "2026-03-02T09:00+08:00"]
    code, out, _ = ran(capsys, *argv)
    assert code == 0
    assert "4小时（约定）" in out
    assert "2026-03-02 13:00" in out


def test_check_of_the_shipped_rules_is_0(capsys: pytest.CaptureFixture[str]) -> None:
    code, out, _ = ran(capsys, "rules", "check", "--json")
    answer = json.loads(out)
    assert (code, answer["ok"], answer["problems"]) == (0, True, [])


def test_check_of_broken_rules_is_1_and_names_the_line(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    folder = tmp_path / "rules"
    shutil.copytree(ROOT / "rules", folder)
    pack = folder / "packs" / "house.yaml"
    pack.write_text(pack.read_text() + "\ntitel: x\n")
    code, out, _ = ran(capsys, "rules", "check", str(folder), "--json")
    assert code == 1
    problem = json.loads(out)["problems"][0]
    assert problem["file"].endswith("house.yaml")
    assert problem["line"] == len(pack.read_text().splitlines())


# --- play ------------------------------------------------------------------------------------------


def test_play_prints_one_object_a_line(capsys: pytest.CaptureFixture[str]) -> None:
    code, out, err = ran(capsys, "play", str(SCENARIOS), "--json")
    assert code == 0, err
    results = [json.loads(line) for line in out.splitlines()]
    assert len(results) == len(list(SCENARIOS.glob("*.yaml")))
    for result in results:
        assert list(result) == ["title", "passed", "steps", "final"]
        assert all(list(step) == ["n", "passed", "why"] for step in result["steps"])
        assert result["passed"] is True


def test_play_shows_what_failed(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    good = next(SCENARIOS.glob("01*"))
    path = tmp_path / "bad.yaml"
    path.write_text(good.read_text().replace("stage: closed", "stage: handling"))
    code, out, _ = ran(capsys, "play", str(good), str(path))
    assert code == 1
    assert "1 步不成立" in out
    assert "stage" in out
    code, out, _ = ran(capsys, "play", str(good), str(path), "--json")
    assert code == 1
    first, second = (json.loads(line) for line in out.splitlines())
    assert (first["passed"], second["passed"]) == (True, False)
    assert [step["n"] for step in second["steps"] if not step["passed"]] == [19]


def test_play_of_a_wrong_file_is_2_and_plays_nothing(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    path = tmp_path / "wrong.yaml"
    path.write_text("title: x\nsteps:\n- {at: 2026-03-03T09:00+08:00, do: reprot}\n")
    code, out, err = ran(capsys, "play", str(next(SCENARIOS.glob("01*"))), str(path))
    assert code == 2
    assert out == ""
    assert "第 1 步 do" in err
    assert "report" in err


def test_a_suspension_within_one_day_moves_nothing(capsys: pytest.CaptureFixture[str]) -> None:
    argv = ["rules", "explain", "--duty", "receipt", "--pack", "house", "--from", "2026-03-02T09:00+08:00"]
    code, out, _ = ran(capsys, *argv, "--suspended", "2026-03-03..2026-03-03", "--json")
    assert code == 0
    assert json.loads(out)["due_at"] == "2026-03-05T00:00:00+08:00"


def test_a_term_of_0_days_reads_as_that_day(capsys: pytest.CaptureFixture[str]) -> None:
    argv = [
        "rules",
        "explain",
        "--duty",
        "first_contact",
        "--pack",
        "house",
        "--from",
        "2026-03-02T09:00+08:00",
    ]
    code, out, _ = ran(capsys, *argv)
    assert code == 0
    assert "当日（约定）" in out


ENGLISH = ("Usage", "Options", "Arguments", "Commands", "Show this", "OPTIONS", "ARGS", "Missing", "Error")


@pytest.mark.parametrize(
    "argv", [["--help"], ["list", "--help"], ["rules", "--help"], ["rules", "explain", "--help"]]
)
def test_help_has_no_english_words_of_the_parser(capsys: pytest.CaptureFixture[str], argv: list[str]) -> None:
    code, out, _ = ran(capsys, *argv)
    assert code == 0
    assert "用法：" in out
    assert [word for word in ENGLISH if word in out] == []


@pytest.mark.parametrize(
    ("argv", "said"),
    [
        (["list", "--limit", "x"], "--limit 的值不对：应为整数"),
        (["list", "--limit", "0"], "--limit 的值不对：应不小于 1"),
        (["list", "--limit", "900"], "--limit 的值不对：应不大于 500"),
        (["list", "--limit"], "--limit 后面要有值"),
        (["list", "foo", "bar"], "多出了参数：foo bar"),
        (["list", "--drill=x"], "--drill 不带值"),
    ],
)
def test_the_parsers_complaints_are_chinese(
    capsys: pytest.CaptureFixture[str], argv: list[str], said: str
) -> None:
    code, _, err = ran(capsys, *argv)
    assert code == 2
    assert said in err
    assert re.search(r"(?i)\b(option|argument|should|value)\b", err) is None, err


@pytest.mark.parametrize("more", [[], ["--json"]])
def test_output_into_a_closed_pipe_ends_quietly(more: list[str]) -> None:
    """`starter.py play … | head -1`."""
    scenarios = sorted(str(p) for p in (ROOT / "scenarios").glob("*.yaml")) * 30
    process = subprocess.Popen(
        [sys.executable, "starter.py", "play", *scenarios, *more],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    assert process.stderr is not None
    assert process.stdout.readline()
    process.stdout.close()
    assert process.stderr.read() == ""
    assert process.wait(60) == 0


def test_rejects_never_go_over_the_file_that_is_read(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    sample = (ROOT / "intake" / "samples" / "hotline.csv").read_bytes()
    (tmp_path / "h.csv").write_bytes(sample)
    given = ("import", str(tmp_path / "h.csv"), "--mapping", "hotline", "--as", "310118.eco:registrar:甲")
    for rejects, said in (("h.csv", "会被覆盖"), ("none/r.csv", "写不了"), (".", "写不了")):
        code, _, err = ran(capsys, *given, "--rejects", str(tmp_path / rejects))
        assert code == 2
        assert said in err
    assert (tmp_path / "h.csv").read_bytes() == sample


def test_a_table_of_another_source_is_refused_whole(capsys: pytest.CaptureFixture[str]) -> None:
    sample = str(ROOT / "intake" / "samples" / "hotline.csv")
    code, _, err = ran(capsys, "import", sample, "--mapping", "satellite", "--as", "310118.eco:registrar:甲")
    assert code == 2
    assert "没有 任务编号" in err
