"""The yearly holiday notice: read in its own words, checked, and put into the calendar whole or not at all.

The texts in notices/ are the real ones of those years as public copies give them, some without their first and last
paragraphs. For 2027 no official notice is known: the one below is FICTITIOUS, made for these tests alone.
"""

from __future__ import annotations

import json
import os
import shutil
from contextlib import suppress
from datetime import date
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cli.main import main
from runtime import holiday_write
from runtime.holiday_check import check_notice, doubts
from runtime.holiday_files import read_notice
from runtime.holiday_notice import Notice, NoticeError, read_text
from runtime.rules import DEFAULT_FOLDER, check_rules
from runtime.rules_build import build_calendar

NOTICES = Path(__file__).parent / "notices"
YEARS = [2022, 2023, 2024, 2025, 2026]

FICTITIOUS_2027 = """（虚构，仅供测试）国务院办公厅关于2027年部分节假日安排的通知
国办发明电〔2099〕99号
一、元旦：1月1日（周五）至3日（周日）放假，共3天。
二、春节：2月5日（农历除夕、周五）至11日（农历正月初六、周四）放假调休，共7天。2月20日（周六）上班。
三、清明节：4月3日（周六）至5日（周一）放假，共3天。
四、劳动节：5月1日（周六）至5日（周三）放假调休，共5天。5月8日（周六）上班。
五、端午节：6月9日（周三）放假1天，不调休。
六、中秋节：9月15日（周三）放假1天，不调休。
七、国庆节：10月1日（周五）至7日（周四）放假调休，共7天。9月26日（周日）、10月9日（周六）上班。
节假日期间，各地区、各部门要妥善安排好值班工作。
国务院办公厅
2026年11月30日
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    shutil.copytree(DEFAULT_FOLDER, tmp_path / "rules")
    return tmp_path / "rules"


@pytest.fixture
def notice(tmp_path: Path) -> Path:
    path = tmp_path / "fictitious-2027.txt"
    path.write_text(FICTITIOUS_2027, encoding="utf-8")
    return path


def read(year: int) -> Notice:
    return read_notice(NOTICES / f"{year}.txt")


def wrong(text: str, guessed: bool = True) -> str:
    """Everything that is said against a text, read or checked."""
    standing = next(y for y in holiday_write.calendar_file(DEFAULT_FOLDER).years if y.year == 2027)
    try:
        found = check_notice(read_text(text, "n.txt"), "n.txt", standing if guessed else None)
    except NoticeError as err:
        found = err.problems
    return "\n".join(str(p) for p in found)


@pytest.mark.parametrize("year", YEARS)
def test_a_real_notice_says_what_the_calendar_has(year: int) -> None:
    notice = read(year)
    assert check_notice(notice, "n.txt") == []
    assert doubts(notice) == []
    edit = holiday_write.planned(DEFAULT_FOLDER, notice)
    assert edit.changes == ()
    assert edit.old is not None
    assert edit.old.status == "official"


def test_number_and_day_are_taken_from_the_text() -> None:
    assert (read(2025).number, read(2023).number) == ("国办发明电〔2024〕12号", "国办发明电〔2022〕16号")
    assert (read(2026).number, read(2026).dated) == (None, date(2025, 11, 4))


def test_the_encouragement_to_rest_is_no_holiday() -> None:
    assert date(2024, 2, 9) not in [d for f in read(2024).festivals for d in f.days]


def test_the_fictitious_notice_is_consistent() -> None:
    assert wrong(FICTITIOUS_2027) == ""
    assert doubts(read_text(FICTITIOUS_2027, "n.txt")) == []


# what is replaced, by what, and a word of what is then said
MISTAKES = [
    ("1月1日（周五）", "1月1日（周四）", "2027-01-01 是周五，通知里写的是周四"),
    ("共7天。2月20日", "共8天。2月20日", "写明共8天，按起止日期是 7 天"),
    ("2月20日（周六）上班", "2月19日（周五）上班", "不是周末，不会是调休上班"),
    ("六、中秋节：9月15日（周三）放假1天，不调休。\n", "", "缺少中秋节"),
    ("5月8日（周六）上班", "5月2日（周日）上班", "既放假（劳动节），又上班"),
    ("4月3日（周六）至5日（周一）", "5月1日（周六）至3日（周一）", "既属清明节，又属劳动节"),
    ("10月1日（周五）至7日（周四）", "10月2日（周六）至8日（周五）", "没有法定的10月1日"),
    ("9月15日（周三）放假1天", "9月15日（周三）歇1天", "没有读懂"),
    ("9月15日（周三）放假1天", "9月31日放假1天", "没有“9月31日”这一天"),
    ("9月15日（周三）放假1天", "9月16日（周四）放假1天", "没有一天相同"),
    ("节假日期间，", "另外9月3日放假1天。节假日期间，", "没有读懂"),
    ("2月5日（农历除夕、周五）至11日", "2月5日（农历除夕、周五）至4日", "早于首日"),
    ("六、中秋节", "六、端午节", "端午节写了两次"),
]


@pytest.mark.parametrize(("old", "new", "said"), MISTAKES, ids=[m[2] for m in MISTAKES])
def test_what_disagrees_is_named(old: str, new: str, said: str) -> None:
    assert FICTITIOUS_2027.count(old) == 1
    assert said in wrong(FICTITIOUS_2027.replace(old, new))


def test_a_problem_names_its_line() -> None:
    assert "n.txt:7" in wrong(FICTITIOUS_2027.replace("6月9日（周三）", "6月9日（周四）"))


def test_last_years_notice_under_this_years_title_is_refused() -> None:
    text = (NOTICES / "2026.txt").read_text(encoding="utf-8").replace("2026年", "2027年")
    assert "是周五，通知里写的是周四" in wrong(text)


def test_a_table_moved_by_a_year_is_refused() -> None:
    moved = read(2025)
    rest = {f.name: [str(f.days[0]), str(f.days[-1])] for f in moved.festivals}
    assert "春节" in rest
    text = FICTITIOUS_2027.replace(
        "2月5日（农历除夕、周五）至11日（农历正月初六、周四）", "2月14日至20日"
    ).replace("2月20日（周六）上班", "2月28日上班")
    assert "春节与推算的 2027-02-05 至 2027-02-10 没有一天相同" in wrong(text)


def test_a_missed_working_day_is_doubted() -> None:
    text = FICTITIOUS_2027.replace("2月20日（周六）上班。", "")
    assert wrong(text) == ""
    assert "漏了" in doubts(read_text(text, "n.txt"))[0]


@given(
    st.text(
        alphabet="一二三四五六七八九十、：。，（）至月日共天放假调休上班元旦春节0123456789 \n", max_size=200
    )
)
def test_any_text_is_read_or_refused_with_a_sentence(text: str) -> None:
    with suppress(NoticeError):
        assert read_text("一、元旦：" + text, "n.txt", 2027).festivals


@pytest.mark.parametrize("suffix", ["json", "csv", "yaml"])
def test_the_same_days_in_another_format_are_the_same_calendar(
    suffix: str, tmp_path: Path, folder: Path
) -> None:
    told = read_text(FICTITIOUS_2027, "n.txt")
    path = tmp_path / f"days.{suffix}"
    rows = [(f.name, d, True) for f in told.festivals for d in f.days]
    rows += [(f.name, w.day, False) for f in told.festivals for w in f.work]
    if suffix == "json":
        days = [{"name": n, "date": str(d), "isOffDay": off} for n, d, off in rows]
        path.write_text(json.dumps({"year": 2027, "papers": ["https://example.org/n"], "days": days}))
    elif suffix == "csv":
        path.write_text(
            "name,date,off\n" + "".join(f"{n},{d},{'休' if off else '班'}\n" for n, d, off in rows)
        )
    else:
        rest = "".join(f"  {f.name}: [{f.days[0]}, {f.days[-1]}]\n" for f in told.festivals)
        work = ", ".join(str(w.day) for w in told.work)
        path.write_text(f"year: 2027\nrest:\n{rest}work: [{work}]\n")
    given_ = read_notice(path)
    assert check_notice(given_, path.name) == []
    a, b = holiday_write.planned(folder, told), holiday_write.planned(folder, given_)
    assert a.changes == b.changes
    assert a.changes


def test_a_year_without_days_is_no_notice(tmp_path: Path) -> None:
    path = tmp_path / "2027.json"
    path.write_text('{"year": 2027, "papers": [], "days": []}')
    with pytest.raises(NoticeError, match="还没有公布"):
        read_notice(path)


def test_importing_makes_the_year_official_and_touches_nothing_else(
    folder: Path, notice: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    before = (folder / "calendars/cn.yaml").read_text(encoding="utf-8")
    arguments = ["rules", "holidays", "import", str(notice), "--rules", str(folder)]
    assert main([*arguments, "--dry-run"]) == 0
    assert (folder / "calendars/cn.yaml").read_text(encoding="utf-8") == before
    assert main([*arguments, "--source", "虚构", "--json"]) == 0
    after = (folder / "calendars/cn.yaml").read_text(encoding="utf-8")
    upto = before.index("  - year: 2027")
    assert after[:upto] == before[:upto]  # comments and the other years stand
    assert check_rules(folder) == []
    assert build_calendar(holiday_write.calendar_file(folder)).announced_to == 2027
    answer = json.loads(capsys.readouterr().out.splitlines()[-1])
    assert answer["written"]
    assert answer["number"] == "国办发明电〔2099〕99号"
    assert {"date": "2027-02-20", "before": "周末", "after": "调休上班", "moves": True} in answer["changes"]
    assert any("rules apply" in command for command in answer["next"])
    year = holiday_write.calendar_file(folder).years[-1]
    assert (year.number, year.dated, year.source) == ("国办发明电〔2099〕99号", date(2026, 11, 30), "虚构")
    assert main([*arguments, "--source", "虚构"]) == 0  # the same again
    assert (folder / "calendars/cn.yaml").read_text(encoding="utf-8") == after


def test_a_doubtful_notice_is_held_back_until_told_so(folder: Path, notice: Path) -> None:
    notice.write_text(FICTITIOUS_2027.replace("2月20日（周六）上班。", ""), encoding="utf-8")
    before = (folder / "calendars/cn.yaml").read_bytes()
    arguments = ["rules", "holidays", "import", str(notice), "--rules", str(folder)]
    assert main(arguments) == 1
    assert (folder / "calendars/cn.yaml").read_bytes() == before
    assert main([*arguments, "--anyway"]) == 0
    assert (folder / "calendars/cn.yaml").read_bytes() != before


def test_a_faulty_notice_changes_nothing(folder: Path, notice: Path) -> None:
    notice.write_text(FICTITIOUS_2027.replace("周五", "周四"), encoding="utf-8")
    before = (folder / "calendars/cn.yaml").read_bytes()
    assert main(["rules", "holidays", "import", str(notice), "--rules", str(folder), "--anyway"]) == 1
    assert (folder / "calendars/cn.yaml").read_bytes() == before


def test_a_crash_while_writing_leaves_the_old_file(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    edit = holiday_write.planned(folder, read_text(FICTITIOUS_2027, "n.txt"))

    def gone(*_: object) -> None:
        raise OSError("power")

    monkeypatch.setattr(os, "replace", gone)
    with pytest.raises(OSError, match="power"):
        holiday_write.write(folder, edit)
    assert (folder / "calendars/cn.yaml").read_text(encoding="utf-8") == edit.before
    assert [p.name for p in (folder / "calendars").iterdir()] == ["cn.yaml"]


def test_a_file_changed_meanwhile_is_not_overwritten(folder: Path) -> None:
    edit = holiday_write.planned(folder, read_text(FICTITIOUS_2027, "n.txt"))
    path = folder / "calendars/cn.yaml"
    path.write_text(edit.before + "# somebody's word\n", encoding="utf-8")
    with pytest.raises(NoticeError, match="别人改过"):
        holiday_write.write(folder, edit)


def test_the_shipped_calendar_has_no_official_2027() -> None:
    year = next(y for y in holiday_write.calendar_file(DEFAULT_FOLDER).years if y.year == 2027)
    assert year.status == "provisional"
