"""Changed rules on running clues as a legal officer works with them: looked at, applied, killed, resumed, undone."""

from __future__ import annotations

import asyncio
import json
import shutil
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from domain.calendar import last_day_of
from domain.model import Actor, instant
from ledger import database
from ledger import rule_changes as record
from runtime.client import ClueClient
from runtime.embedded.stack import with_running
from runtime.rules import DEFAULT_FOLDER, load_rules
from runtime.settings import Settings
from runtime.temporal import connect
from tests.e2e.test_command_line import ROOT, Up, environ

FINDER, ADDRESSEE = "310118.eco", "320509.eco"
LEGAL = ["--approver-as", "000000.eco:legal:张法制"]
WHY = ["--reason", "约定时限修订"]
MANY = 30


@pytest.fixture(scope="module")
def house(module_folder: Path) -> Iterator[Up]:
    up = Up(module_folder)
    yield up
    if up.process.poll() is None:
        up.stop()


def edition(to: Path, **terms: int) -> Path:
    """A copy of the rules in which `house` gives these duties other terms."""
    shutil.copytree(DEFAULT_FOLDER, to)
    path = to / "packs" / "house.yaml"
    lines, current = path.read_text(encoding="utf-8").splitlines(), ""
    for i, line in enumerate(lines):
        if line.strip().startswith("- id:"):
            current = line.split()[2]
        if line.strip().startswith("term:") and current in terms:
            lines[i] = f"    term: {terms.pop(current)}"
    assert not terms
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return to


def settings_of(house: Up) -> Settings:
    return with_running(Settings(data_dir=house.folder))


async def reported(house: Up, title: str, count: int) -> list[str]:
    settings = settings_of(house)
    clues = ClueClient(await connect(settings), load_rules(), task_queue=settings.task_queue)
    actor = Actor(FINDER, "officer", "甲")

    async def one(n: int) -> str:
        clue = {
            "source": "hotline",
            "title": title,
            "matter": "wastewater",
            "discovered_at": (datetime.now(UTC) - timedelta(minutes=1)).isoformat(),
            "place": {"region": "320509"},
            "to_agency": ADDRESSEE,
        }
        return (await clues.report(actor, clue, f"{title}-{n}")).clue_no

    return list(await asyncio.gather(*(one(n) for n in range(count))))


@pytest.fixture(scope="module")
def clues(house: Up) -> list[str]:
    """One acknowledged and received, one only told, one that has ended."""
    nos = asyncio.run(reported(house, "变更", 3))
    first, _, third = nos
    for name, who, data in (
        ("acknowledge", f"{ADDRESSEE}:officer:乙", []),
        ("start_transfer", f"{FINDER}:approver:甲", []),
        ("add_evidence", f"{FINDER}:officer:甲", ["--data", json.dumps({"items": [EVIDENCE]})]),
        ("send_transfer", f"{FINDER}:officer:甲", ["--data", json.dumps({"manifest": ["a" * 64]})]),
        ("receive_transfer", f"{ADDRESSEE}:registrar:乙", ["--data", json.dumps({"manifest": ["a" * 64]})]),
    ):
        code, answer = house.run("do", first, name, "--as", who, *data)
        assert code == 0, answer
    code, _ = house.run("do", third, "withdraw", "--as", f"{FINDER}:officer:甲", "--set", "reason=误报")
    assert code == 0
    return nos


EVIDENCE = {"name": "笔录", "sha256": "a" * 64, "size": 1, "media_type": "application/pdf", "kind": "record"}


def dates(house: Up, clue_no: str) -> dict[str, tuple[str, str, str]]:
    code, seen = house.run("query", clue_no)
    assert code == 0
    return {d["id"]: (d["due_at"], d["legal_due_at"], d["status"]) for d in seen["duties"]}


def all_dates(house: Up, nos: list[str]) -> dict[str, tuple[datetime, int]]:
    """When each clue's `ack` is due, and how often its rules were changed."""

    async def ask() -> dict[str, tuple[datetime, int]]:
        settings = settings_of(house)
        clues = ClueClient(await connect(settings), load_rules(), task_queue=settings.task_queue)
        states = await asyncio.gather(*(clues.state(no) for no in nos))
        return {
            s.clue_no: (
                next(d.due_at for d in s.duties if d.id == "ack"),
                [entry.event for entry in s.timeline].count("rules_changed"),
            )
            for s in states
        }

    return asyncio.run(ask())


def delivered(house: Up, clue_no: str) -> list[str]:
    code, seen = house.run("query", clue_no)
    assert code == 0
    return [entry["event"] for entry in seen["timeline"]]


def test_looked_at_applied_and_undone(house: Up, clues: list[str], tmp_path: Path) -> None:
    first, second, _ended = clues
    folder = edition(tmp_path / "new", written_feedback=40, ack=9)
    before = {no: dates(house, no) for no in clues}

    code, seen = house.run("rules", "simulate", "--rules", str(folder))
    assert (code, seen["clues"], seen["concerned"]) == (0, 2, 2)
    said = {row["clue_no"]: {m["id"]: m for m in row["moves"]} for row in seen["changes"]}
    assert set(said) == {first, second}
    assert set(said[first]) == {"written_feedback"}  # its ack is done
    assert said[second]["ack"]["hours"] == 5
    shift = said[first]["written_feedback"]
    gone = last_day_of(instant(shift["due_at"])) - last_day_of(instant(shift["old_due_at"]))
    assert shift["days"] == gone.days
    assert {no: dates(house, no) for no in clues} == before  # nothing is written
    assert house.run("rules", "changes")[1] == []

    code, refused = house.run(
        "rules", "apply", "--rules", str(folder), *WHY, *LEGAL, "--yes", "--expect", "x"
    )
    assert (code, refused["error"]) == (3, "rules_changed")
    apply = ["rules", "apply", "--rules", str(folder), *WHY, *LEGAL, "--yes", "--id", "BG-1"]
    code, done = house.run(*apply, "--expect", seen["digest"])
    assert (code, done["outcomes"]) == (0, {"done": 2})
    assert done["moved"]["moves"] == seen["moves"]
    for no in (first, second):
        for duty, (due_at, legal, status) in dates(house, no).items():
            move = said[no].get(duty)
            want = (move["due_at"], move["legal_due_at"], "open") if move else before[no][duty]
            assert (due_at, legal, status) == want
    _, shown = house.run("query", first)
    text = shown["timeline"][-1]
    assert (text["event"], text["actor"]["name"]) == ("rules_changed", "张法制")
    assert "约定时限修订" in text["text"]

    code, again = house.run(*apply)  # the same change again does nothing twice
    assert (code, again["outcomes"]) == (0, {"done": 2})
    assert delivered(house, first).count("rules_changed") == 1
    code, inbox = house.run("inbox", ADDRESSEE)
    assert any(notice["kind"] == "rules" for notice in inbox["notices"])

    code, listed = house.run("rules", "changes")
    assert [(c["change_id"], c["outcomes"], c["undone_by"]) for c in listed] == [("BG-1", {"done": 2}, None)]
    code, undone = house.run("rules", "undo", "BG-1", *WHY, *LEGAL, "--yes", "--id", "BG-1-U")
    assert (code, undone["outcomes"]) == (0, {"done": 2})
    assert {no: dates(house, no) for no in clues} == before
    code, answer = house.run("rules", "undo", "BG-1-U", *WHY, *LEGAL, "--yes")
    assert (code, answer["error"]) == (3, "rules_changed")
    assert "不能再撤销" in answer["message"]
    code, answer = house.run("rules", "undo", "BG-1", *WHY, *LEGAL, "--yes")
    assert "已经由 BG-1-U 撤销" in answer["message"]
    assert house.run("verify")[0] == 0
    assert house.run("reconcile")[0] == 0
    assert house.run("list")[0] == 0


def test_who_may_not_is_told_before_anything_begins(house: Up, clues: list[str], tmp_path: Path) -> None:
    folder = edition(tmp_path / "new", written_feedback=41)
    apply = ["rules", "apply", "--rules", str(folder), *WHY, "--yes"]
    code, answer = house.run(*apply, "--as", "000000.eco:officer:某")
    assert (code, answer["error"]) == (3, "not_permitted")
    code, answer = house.run(*apply, "--as", "110000.eco:legal:某", "--id", "BG-outsider")
    assert (code, answer["outcomes"]) == (1, {"refused": 2})
    assert {row["why"].split("：")[0] for row in answer["trouble"]} == {"不是本线索的当事方"}
    code, answer = house.run("rules", "undo", "BG-outsider", *WHY, *LEGAL, "--yes")  # nothing was moved by it
    assert (code, answer["outcomes"]) == (0, {})


def counted(house: Up, change_id: str) -> Counter[str]:
    async def ask() -> Counter[str]:
        settings = settings_of(house)
        assert settings.database_url is not None
        engine = database.create(settings.database_url)
        try:
            return Counter(await record.counted(engine, change_id))
        finally:
            await engine.dispose()

    return asyncio.run(ask())


def test_killed_in_the_middle_and_begun_again_it_loses_nothing_and_doubles_nothing(
    house: Up, clues: list[str], tmp_path: Path
) -> None:
    stop_after = 9
    nos = asyncio.run(reported(house, f"中断{stop_after}", MANY))
    before = all_dates(house, nos)
    folder, ident = edition(tmp_path / "new", ack=20 + stop_after), f"BG-kill-{stop_after}"
    apply = ["rules", "apply", "--rules", str(folder), *WHY, *LEGAL, "--yes", "--id", ident]
    killed = subprocess.Popen(
        [sys.executable, "starter.py", *apply, "--json"], cwd=ROOT, env=environ(house.folder),
        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
    )  # fmt: skip
    deadline = time.monotonic() + 60
    while counted(house, ident)["done"] < stop_after and time.monotonic() < deadline:
        assert killed.poll() is None, "it was done before it could be killed"
    killed.send_signal(signal.SIGKILL)
    killed.wait(30)
    left = counted(house, ident)
    assert left["pending"] > 0
    assert left["done"] >= stop_after

    other = ["rules", "apply", "--rules", str(edition(tmp_path / "other", ack=3)), *WHY, *LEGAL, "--yes"]
    code, answer = house.run(*other)
    assert (code, answer["error"]) == (3, "rules_changed")  # one change after the other
    assert f"变更 {ident} 还没有做完" in answer["message"]

    code, done = house.run(*apply)
    assert code == 0, done
    assert set(done["outcomes"]) <= {"done"}
    longer = timedelta(hours=20 + stop_after - 4)
    assert all_dates(house, nos) == {no: (due_at + longer, 1) for no, (due_at, _) in before.items()}
    code, undone = house.run("rules", "undo", ident, *WHY, *LEGAL, "--yes")
    assert (code, undone["outcomes"]) == (0, done["outcomes"])
    assert all_dates(house, nos) == {no: (due_at, 2) for no, (due_at, _) in before.items()}
    assert house.run("verify")[0] == 0


def test_people_are_shown_tables(house: Up, clues: list[str], tmp_path: Path) -> None:
    folder = edition(tmp_path / "new", written_feedback=1)
    seen = house.run_apart("rules", "simulate", "--rules", str(folder))
    assert seen.returncode == 0, seen.stderr
    assert "书面反馈" in seen.stdout
    assert "苏州市吴江生态环境局" in seen.stdout
    assert "rules apply --expect" in seen.stdout
    done = house.run_apart(
        "rules", "apply", "--rules", str(folder), *WHY, *LEGAL, "--yes", "--id", "BG-shown"
    )
    assert done.returncode == 0, done.stderr
    assert "CLUEFLOW_RULES_DIR" in done.stdout
    listed: Any = house.run_apart("rules", "changes").stdout
    assert "BG-shown" in listed
    assert "有效" in listed
    assert "书面反馈" in house.run_apart("rules", "changes", "BG-shown").stdout
    back = house.run_apart("rules", "undo", "BG-shown", *WHY, *LEGAL)
    assert back.returncode == 2  # nobody was there to say yes
    assert "--yes" in back.stderr
