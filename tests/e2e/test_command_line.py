"""The house as its users start it: `up` in the foreground, commands beside it, a restart that forgets nothing."""

import asyncio
import contextlib
import io
import json
import os
import signal
import subprocess
import sys
import threading
import time
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest

from cli.main import main
from ledger import database, events
from runtime.embedded.stack import with_running
from runtime.settings import Settings, get_settings

ROOT = Path(__file__).parents[2]
READY = "线索通已启动"
START_SECONDS = 120
STOP_SECONDS = 60

CLUE = {
    "source": "hotline",
    "title": "界河油污",
    "matter": "wastewater",
    "discovered_at": "2026-01-05T08:00:00+08:00",
    "place": {"region": "320509"},
}


def environ(folder: Path) -> dict[str, str]:
    kept = {k: v for k, v in os.environ.items() if k not in ("DATABASE_URL", "TEMPORAL_ADDRESS")}
    return {**kept, "CLUEFLOW_DATA_DIR": str(folder), "CLUEFLOW_WEB_PORT": "0"}


class Up:
    """`starter.py up` in a data folder, from its greeting to its end."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.lines: list[str] = []
        self._ready = threading.Event()
        self.process = subprocess.Popen(
            [sys.executable, "starter.py", "up"],
            cwd=ROOT,
            env=environ(folder),
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        threading.Thread(target=self._read, daemon=True).start()
        assert self._ready.wait(START_SECONDS), self.lines
        assert self.process.poll() is None, self.lines
        self.children = psutil.Process(self.process.pid).children(recursive=True)
        assert self.children

    def _read(self) -> None:
        assert self.process.stdout is not None
        greeted = False
        for line in self.process.stdout:
            self.lines.append(line)
            greeted = greeted or READY in line
            if greeted and "数据目录" in line:
                self._ready.set()
        self._ready.set()

    @property
    def page(self) -> str:
        return next(line.split()[-1] for line in self.lines if "http://" in line)

    def stop(self) -> int:
        """Ctrl-C; nothing that it started may be left."""
        self.process.send_signal(signal.SIGINT)
        code = self.process.wait(STOP_SECONDS)
        assert [child for child in self.children if child.is_running()] == []
        return code

    def run(self, *argv: str) -> tuple[int, Any]:
        """A command beside it, in this process: its exit code, and what it prints under --json."""
        out = io.StringIO()
        with pytest.MonkeyPatch.context() as patch, contextlib.redirect_stdout(out):
            patch.delenv("DATABASE_URL", raising=False)
            patch.delenv("TEMPORAL_ADDRESS", raising=False)
            patch.setenv("CLUEFLOW_DATA_DIR", str(self.folder))
            get_settings.cache_clear()
            code = main([*argv, "--json"])
        get_settings.cache_clear()
        answer = json.loads(out.getvalue() or "null")
        if code == 0 and argv[0] in ("start", "do"):
            asyncio.run(self._recorded(answer["clue_no"], answer["seq"]))
        return code, answer

    async def _recorded(self, clue_no: str, seq: int) -> None:
        """Waits until the ledger has it: lists and inboxes are a moment behind an answer."""
        settings = with_running(Settings(data_dir=self.folder, database_url=None, temporal_address=None))
        assert settings.database_url
        engine = database.create(settings.database_url)
        try:
            async with asyncio.timeout(30):
                while (await events.tip(engine, clue_no)).seq < seq:  # noqa: ASYNC110
                    await asyncio.sleep(0.02)
        finally:
            await engine.dispose()

    def run_apart(self, *argv: str) -> subprocess.CompletedProcess[str]:
        """The same as a process of its own, as people run it."""
        return subprocess.run(
            [sys.executable, "starter.py", *argv],
            cwd=ROOT,
            env=environ(self.folder),
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )


@pytest.fixture(scope="module")
def folder(module_folder: Path) -> Path:
    return module_folder


@pytest.fixture(scope="module")
def house(folder: Path) -> Iterator[Up]:
    up = Up(folder)
    yield up
    if up.process.poll() is None:
        up.stop()


@pytest.fixture(scope="module")
def clue_no(house: Up) -> str:
    path = house.folder / "clue.json"
    path.write_text(json.dumps(CLUE))
    code, answer = house.run("start", "--file", str(path), "--as", "310118.eco:officer:甲", "--id", "r-1")
    assert code == 0, answer
    assert answer["stage"] == "notified"
    assert answer["clue_no"].startswith("XS-310118-")
    return str(answer["clue_no"])


def test_report_sent_again_is_the_same_clue(house: Up, clue_no: str) -> None:
    code, answer = house.run(
        "start", "--file", str(house.folder / "clue.json"), "--as", "310118.eco:officer:甲", "--id", "r-1"
    )
    assert (code, answer["clue_no"], answer["seq"]) == (0, clue_no, 4)


def test_a_clue_is_recorded_from_its_history_and_plays_again(house: Up) -> None:
    path, private = house.folder / "private.json", {"name": "王建国", "phone": "13912345678"}
    path.write_text(json.dumps({**CLUE, "description": "王建国举报", "reporter": private}))
    finder = ["--as", "320583.eco:officer:赵小兰"]
    _, answer = house.run("start", "--file", str(path), *finder)
    number = answer["clue_no"]
    message = json.dumps({"message": "已联系王建国"})
    code, _ = house.run("do", number, "acknowledge", "--as", "320509.eco:liaison:钱大海", "--data", message)
    assert code == 0
    code, _ = house.run(
        "do", number, "flag_evidence_at_risk", *finder, "--data", json.dumps({"reason": "误报"})
    )
    assert code == 0
    written = house.folder / "recorded.yaml"
    code, said = house.run("record", number, "--out", str(written))
    assert (code, said["commands"], said["from_history"], said["differences"]) == (0, 3, 3, [])
    text = written.read_text()
    assert [word for word in (*private.values(), "赵小兰", "钱大海", "误报", number) if word in text] == []
    code, played = house.run("play", str(written))
    assert (code, played["passed"], played["final"]["stage"]) == (0, True, "notified")
    code, _ = house.run("record", "XS-320583-20200101-0001")
    assert code == 4


def test_the_past_is_judged_by_other_terms(house: Up, clue_no: str) -> None:
    shorter = ["--set", "house.ack=0hour", "--set", "house.first_contact=none"]
    code, told = house.run("whatif", *shorter, "--check", "50", "--region", "3205")
    assert (code, told["differing"], told["failed"]) == (0, [], 0)
    assert told["clues"] >= 1
    rows = {row["duty"]: row for row in told["rows"] if row["agency"] == "320509.eco"}
    assert rows["ack"]["late_now"] == rows["ack"]["owed_now"] >= 1
    assert rows["first_contact"]["owed_now"] == 0 < rows["first_contact"]["owed_then"]
    code, exact = house.run("whatif", *shorter, "--region", "3205", "--exact")
    assert (code, exact["played"], exact["rows"]) == (0, told["clues"], told["rows"])


def test_answer_of_a_query_has_the_contracts_fields(house: Up, clue_no: str) -> None:
    code, seen = house.run("query", clue_no, "--why")
    assert code == 0
    wanted = {"clue_no", "stage", "level", "holder", "from_agency", "to_agency", "peak_level", "packs"}
    wanted |= {"discovered_at", "age_days", "drill", "closed_at", "duties", "evidence", "timeline"}
    assert wanted <= set(seen)
    assert all(duty["days"] for duty in seen["duties"])
    assert (seen["holder"], seen["to_agency"]) == ("320509.eco", "320509.eco")


@pytest.mark.parametrize(
    ("argv", "code", "error"),
    [
        (["acknowledge", "--as", "330421.eco:liaison:丙"], 3, "not_a_party"),
        (["close", "--as", "310118.eco:officer:甲"], 3, "feedback_missing"),
        (["withdraw", "--as", "320509.eco:officer:乙", "--set", "reason=x"], 3, "not_permitted"),
        (["acknowlege", "--as", "320509.eco:officer:乙"], 2, "invalid_input"),
        (["withdraw", "--as", "310118.eco:officer:甲"], 2, "invalid_input"),
        (["withdraw", "--as", "999999.eco:officer:甲", "--set", "reason=x"], 3, "unknown_agency"),
    ],
)
def test_refusal_prints_its_code(house: Up, clue_no: str, argv: list[str], code: int, error: str) -> None:
    got, body = house.run("do", clue_no, *argv)
    assert (got, body["error"]) == (code, error)


def test_unknown_clue_is_4_and_says_the_nearest(house: Up, clue_no: str) -> None:
    code, body = house.run("query", clue_no[:-1] + "9")
    assert (code, body["error"]) == (4, "unknown_clue")
    assert clue_no in body["message"]


def test_past_is_shown_as_it_was(house: Up, clue_no: str) -> None:
    code, seen = house.run("query", clue_no)
    assert code == 0
    reported = seen["timeline"][0]["at"]
    code, _ = house.run("do", clue_no, "notify", "--as", "310118.eco:officer:甲", "--set", "message=再次通知")
    assert code == 0
    code, past = house.run("query", clue_no, "--as-of", reported)
    assert code == 0
    assert len(past["timeline"]) == len(seen["timeline"])


def test_list_pages_and_filters(house: Up, clue_no: str) -> None:
    path = house.folder / "other.json"
    path.write_text(json.dumps({**CLUE, "title": "另一条"}))
    code, other = house.run("start", "--file", str(path), "--as", "310118.eco:officer:甲")
    assert code == 0
    _until(
        lambda: len(house.run("list", "--finder", "310118.eco")[1]["clues"]) == 2
    )  # the ledger comes after
    code, first = house.run("list", "--limit", "1", "--finder", "310118.eco")
    assert (code, len(first["clues"])) == (0, 1)
    code, second = house.run("list", "--limit", "1", "--finder", "310118.eco", "--after", first["next"])
    assert code == 0
    assert {first["clues"][0]["clue_no"], second["clues"][0]["clue_no"]} == {clue_no, other["clue_no"]}
    assert second["next"] is None
    _, none = house.run("list", "--finder", "330421.eco")
    assert (none["clues"], none["next"]) == ([], None)
    assert house.run("list", "--after", "rubbish")[0] == 2


def test_inbox_is_read_and_acknowledged(house: Up, clue_no: str) -> None:
    code, box = house.run("inbox", "320509.eco", "--unread")
    assert code == 0
    notice = next(n for n in box["notices"] if n["clue_no"] == clue_no)
    code, read = house.run("inbox", "320509.eco", "--ack", notice["id"], "--name", "乙")
    assert code == 0
    mine = next(n for n in read["notices"] if n["id"] == notice["id"])
    assert mine["read_at"]
    assert mine["acknowledged_at"]
    assert house.run("inbox", "310118.eco", "--read", notice["id"])[0] == 4  # another agency's


def test_record_is_whole_and_agrees(house: Up, clue_no: str) -> None:
    assert house.run("verify") == (0, {"ok": True, "problems": []})
    assert house.run("reconcile") == (0, {"ok": True, "differences": []})
    code, done = house.run("rebuild")
    assert (code, done["ok"]) == (0, True)
    assert done["clues"] >= 1
    assert house.run("verify", "XS-310118-20200101-0001")[0] == 4


def test_doctor_finds_everything_well(house: Up) -> None:
    code, report = house.run("doctor")
    assert [check for check in report["checks"] if not check["ok"]] == []
    assert code == 0


def test_a_second_report_of_one_matter_is_shown_before_it_is_made(house: Up) -> None:
    path = house.folder / "twice.json"
    lorry = {"vehicles": [{"kind": "truck", "name": "苏E·T0001"}]}
    path.write_text(json.dumps({**CLUE, "title": "倾倒", **lorry}))
    who = ("--file", str(path), "--as", "310118.eco:officer:甲")
    code, first = house.run("start", *who, "--id", "twice-1")
    assert code == 0
    assert house.run("start", *who, "--id", "twice-1") == (0, first)  # sent again, not a second one
    code, held = house.run("start", *who)
    assert (code, held["error"]) == (3, "suspected_duplicate")
    assert [s["clue_no"] for s in held["suspects"]] == [first["clue_no"]]
    assert "--anyway" in held["message"]
    code, second = house.run("start", *who, "--anyway")
    assert code == 0
    merging = (
        "--as",
        "310118.eco:officer:甲",
        "--set",
        f"clue_no={first['clue_no']}",
        "--set",
        "reason=同一车",
    )
    assert house.run("do", second["clue_no"], "merge_into", *merging)[0] == 0
    assert house.run("query", first["clue_no"])[1]["merged_from"] == [second["clue_no"]]
    assert house.run("query", second["clue_no"])[1]["merged_into"] == first["clue_no"]


def _until(holds: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 30
    while not holds():
        assert time.monotonic() < deadline
        time.sleep(0.1)


def test_a_table_is_brought_in_and_its_bad_rows_mended(house: Up) -> None:
    sample, rejects = str(ROOT / "intake" / "samples" / "hotline.csv"), house.folder / "rejects.csv"
    given = ("--mapping", "hotline", "--as", "310118.eco:registrar:甲")
    code, foreseen = house.run("import", sample, *given, "--dry-run")
    assert (code, foreseen["counts"]["new"], foreseen["rows"][0]["to_agency"]) == (1, 2, "310118.urban")
    code, done = house.run("import", sample, *given, "--rejects", str(rejects))
    assert (code, done["counts"]) == (
        1,
        {"rows": 4, "new": 2, "there": 0, "changed": 0, "suspected": 1, "bad": 1},
    )
    assert [(r["line"], r["result"], r["field"]) for r in done["rows"]] == [
        (5, "suspected", None),
        (6, "bad", "受理时间"),
    ]
    rejects.write_text(rejects.read_text(encoding="utf-8-sig").replace("2026-13-06", "2026-11-06"))
    code, mended = house.run("import", str(rejects), *given, "--anyway")
    assert (code, mended["counts"]["new"]) == (0, 2)


def test_every_sample_fits_its_mapping(house: Up) -> None:
    for name, mapping, whole in (
        ("satellite.csv", "satellite", 3),
        ("satellite.geojson", "satellite", 2),
        ("checkpoint.xlsx", "checkpoint", 2),
    ):
        sample = str(ROOT / "intake" / "samples" / name)
        who = ("--as", "320583.eco:officer:甲", "--dry-run")
        _, seen = house.run("import", sample, "--mapping", mapping, *who)
        assert (seen["counts"]["new"], seen["counts"]["bad"]) == (whole, 1), name
        made = [row for row in seen["rows"] if row["result"] == "new"]
        assert all(row["to_agency"] for row in made), name  # also where there are only coordinates


def test_an_interrupted_import_says_how_far_it_came_and_goes_on(house: Up) -> None:
    path = house.folder / "many.csv"
    head = "工单编号,诉求标题,受理时间,行政区划代码"
    path.write_text("\n".join([head, *(f"M{n},标题{n},2026/11/05 08:12:00,310118" for n in range(3000))]))
    argv = [
        sys.executable, "starter.py", "import", str(path), "--mapping", "hotline",
        "--as", "310118.eco:registrar:甲",
    ]  # fmt: skip
    going = subprocess.Popen(
        argv, cwd=ROOT, env=environ(house.folder), stderr=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    _until(
        lambda: any(n["title"].startswith("标题") for n in house.run("list", "--text", "标题")[1]["clues"])
    )
    going.send_signal(signal.SIGINT)
    out, err = going.communicate(timeout=60)
    assert going.returncode == 130, out + err
    assert "已中断" in err
    assert "再运行" in err


def test_pages_answer(house: Up) -> None:
    with urllib.request.urlopen(house.page + "/healthz", timeout=10) as answer:
        assert json.load(answer)["status"] == "ok"


def test_watch_ends_with_the_clue(house: Up) -> None:
    path = house.folder / "watched.json"
    path.write_text(json.dumps({**CLUE, "title": "跟看"}))
    _, answer = house.run("start", "--file", str(path), "--as", "310118.eco:officer:甲")
    watcher = subprocess.Popen(
        [sys.executable, "starter.py", "watch", answer["clue_no"], "--json"],
        cwd=ROOT,
        env=environ(house.folder),
        stdout=subprocess.PIPE,
        text=True,
    )
    assert watcher.stdout is not None
    assert json.loads(watcher.stdout.readline())["event"] == "reported"
    house.run("do", answer["clue_no"], "withdraw", "--as", "310118.eco:officer:甲", "--set", "reason=误报")
    rest = watcher.communicate(timeout=60)[0]
    assert watcher.returncode == 0
    events = [json.loads(line)["event"] for line in rest.splitlines()]
    assert "withdrawn" in events


def test_exit_code_is_the_process_own(house: Up, clue_no: str) -> None:
    refused = house.run_apart("do", clue_no, "close", "--as", "310118.eco:officer:甲")
    assert refused.returncode == 3
    assert refused.stderr.startswith("feedback_missing（")
    unknown = house.run_apart("query", "XS-310118-20200101-0001", "--json")
    assert (unknown.returncode, json.loads(unknown.stdout)["error"]) == (4, "unknown_clue")
    seen = house.run_apart("query", clue_no)
    assert seen.returncode == 0
    assert "苏州市吴江生态环境局" in seen.stdout  # agencies by name
    assert "320509.eco" not in seen.stdout


def test_second_up_says_that_one_is_running(house: Up) -> None:
    done = house.run_apart("up")
    assert done.returncode == 5
    assert "已在运行" in done.stderr


def test_demo_beside_it_uses_what_is_running(house: Up) -> None:
    done = house.run_apart("demo")
    assert done.returncode == 0, done.stdout + done.stderr
    assert house.process.poll() is None


def test_restart_forgets_nothing(house: Up, folder: Path, clue_no: str) -> None:
    _, before = house.run("query", clue_no)
    assert house.stop() == 0
    again = Up(folder)
    try:
        code, after = again.run("query", clue_no)
        assert code == 0
        assert after["timeline"] == before["timeline"]
        code, answer = again.run("do", clue_no, "acknowledge", "--as", "320509.eco:liaison:乙")
        assert (code, answer["stage"]) == (0, "notified")
        assert again.run("verify")[0] == 0
        assert again.run("reconcile")[0] == 0
    finally:
        assert again.stop() == 0
