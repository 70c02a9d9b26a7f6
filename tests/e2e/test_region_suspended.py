"""A region's clocks stopped, started and undone from the command line, on real Temporal and PostgreSQL."""

from __future__ import annotations

import contextlib
import json
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest

from domain.calendar import SHANGHAI
from tests.e2e.test_command_line import CLUE, ROOT, Up, environ

CLUES = 6
ORDER = ("--order-no", "苏环中止1号", "--reason", "台风", "--as", "320000.eco:approver:省厅")
END = ("--order-no", "苏环中止1号", "--reason", "过境", "--as", "320000.eco:approver:省厅")


@pytest.fixture(scope="module")
def house(module_folder: Path) -> Iterator[Up]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("CLUEFLOW_STANDING_SECONDS", "1")
        up = Up(module_folder)
    yield up
    if up.process.poll() is None:
        up.stop()


@pytest.fixture(scope="module")
def clues(house: Up) -> list[str]:
    """Six handed to Wujiang in Jiangsu, and one to Jiashan in Zhejiang."""
    made = []
    for n in range(CLUES + 1):
        path = house.folder / f"clue-{n}.json"
        region = "320509" if n < CLUES else "330421"
        path.write_text(json.dumps({**CLUE, "title": f"第{n}条", "place": {"region": region}}))
        code, answer = house.run("start", "--file", str(path), "--as", "310118.eco:officer:甲")
        assert code == 0, answer
        made.append(str(answer["clue_no"]))
    listed(house, made)
    return made


def listed(house: Up, clues: list[str]) -> None:
    """The ledger comes for what the workflows have, and may be a moment behind."""
    end = time.monotonic() + 60
    while {c["clue_no"] for c in house.run("list")[1]["clues"]} != set(clues):
        assert time.monotonic() < end, "the ledger has not caught up"


def dates(house: Up, clues: list[str]) -> list[list[tuple[str, str, str]]]:
    seen = [house.run("query", clue_no)[1] for clue_no in clues]
    return [[(d["id"], d["due_at"], d["legal_due_at"]) for d in s["duties"]] for s in seen]


def statuses(house: Up, clue_no: str) -> set[str]:
    return {d["status"] for d in house.run("query", clue_no)[1]["duties"]}


def suspended_events(house: Up, clues: list[str]) -> list[int]:
    timelines = [house.run("query", clue_no)[1]["timeline"] for clue_no in clues]
    return [sum(e["event"] == "region_suspended" for e in timeline) for timeline in timelines]


def test_the_whole_life_of_an_order(house: Up, clues: list[str]) -> None:
    inside, outside = clues[:CLUES], clues[CLUES]
    before = dates(house, clues)

    code, tried = house.run("suspend", "--region", "3205", *ORDER, "--dry-run")
    assert (code, tried["done"], len(tried["moves"])) == (0, CLUES, 2 * CLUES)
    assert suspended_events(house, clues) == [0] * (CLUES + 1)  # nothing was sent

    # Cut off at some point, and run again: each clue has it once.
    cut = subprocess.Popen(
        [sys.executable, "starter.py", "suspend", "--region", "3205", *ORDER, "--json"],
        cwd=ROOT,
        env=environ(house.folder),
        stdout=subprocess.DEVNULL,
    )
    with contextlib.suppress(subprocess.TimeoutExpired):
        cut.wait(2.5)
    cut.send_signal(signal.SIGKILL)
    cut.wait()
    code, done = house.run("suspend", "--region", "3205", *ORDER)
    assert (code, done["refused"]) == (0, [])
    assert done["done"] + done["already"] == CLUES
    assert len(done["moves"]) == 2 * CLUES
    assert suspended_events(house, clues) == [1] * CLUES + [0]
    assert all(statuses(house, c) == {"suspended"} for c in inside)
    assert "suspended" not in statuses(house, outside)
    assert dates(house, clues) == before  # a suspended duty shows the date it had

    code, again = house.run("suspend", "--region", "3205", *ORDER)
    assert (code, again["done"], again["already"]) == (0, 0, CLUES)

    code, undone = house.run("resume", *END, "--undo")
    assert (code, undone["done"]) == (0, CLUES)
    assert dates(house, clues) == before
    assert all("suspended" not in statuses(house, c) for c in inside)

    code, told = house.run("suspensions", "苏环中止1号")
    assert code == 0
    kinds: list[Any] = [m["kind"] for m in told["moves"]]
    assert (kinds.count("region_suspended"), kinds.count("region_suspension_undone")) == (
        2 * CLUES,
        2 * CLUES,
    )
    code, orders = house.run("suspensions")
    assert [(o["order_no"], o["suspended"], o["undone"]) for o in orders] == [("苏环中止1号", CLUES, CLUES)]
    assert house.run("verify") == (0, {"ok": True, "problems": []})


def test_what_can_not_be_is_said(house: Up, clues: list[str]) -> None:
    code, body = house.run("suspend", "--region", "3299", *ORDER)
    assert (code, body["error"]) == (2, "invalid_input")
    code, body = house.run(
        "resume", "--order-no", "没有", "--reason", "x", "--as", "320000.eco:approver:省厅"
    )
    assert (code, body["error"]) == (3, "unknown_duty")
    county = ("--order-no", "2号", "--reason", "x", "--as", "320500.eco:approver:市局")
    code, body = house.run("suspend", "--region", "32", *county)
    assert (code, {r["error"] for r in body["refused"]}) == (3, {"not_permitted"})


def test_a_dry_run_counts_by_the_rules_that_each_clue_goes_by(house: Up, clues: list[str]) -> None:
    """Which are not those of the house, once the clue was moved to others."""
    order = ("--order-no", "苏环中止3号", "--reason", "台风", "--as", "320000.eco:approver:省厅")
    assert house.run("suspend", "--region", "3205", *order)[0] == 0
    folder = house.folder / "changed"
    shutil.copytree(ROOT / "rules", folder)
    pack = folder / "packs" / "house.yaml"
    hours, days = (
        "  - id: ack\n    term: 4\n    unit: hour\n",
        "  - id: ack\n    term: 9\n    unit: workday\n",
    )
    assert hours in pack.read_text()
    pack.write_text(pack.read_text().replace(hours, days))
    year = datetime.now(SHANGHAI).year  # no working day in it, nor in the next
    free = [
        f"  - {{year: {y}, status: official, notice: 试, rest: {{长假: [{y}-01-01, {y}-12-31]}}, work: []}}"
        for y in (year, year + 1)
    ]
    head = "announced_from: 2001\nhorizon: 2036\nyears:\n"
    (folder / "calendars" / "cn.yaml").write_text(head + "\n".join(free) + "\n")
    lawyer = ("--reason", "修订", "--approver-as", "000000.eco:legal:法规")
    code, answer = house.run("rules", "apply", "--rules", str(folder), *lawyer, "--yes")
    assert code == 0, answer
    code, tried = house.run("resume", *order, "--undo", "--dry-run")
    assert (code, tried["done"]) == (0, CLUES)
    code, done = house.run("resume", *order, "--undo")
    assert (code, done["done"]) == (0, CLUES)

    def told(answer: dict[str, Any]) -> set[tuple[Any, ...]]:
        return {(m["clue_no"], m["duty"], m["legal_due_at"], m["new_legal_due_at"]) for m in answer["moves"]}

    assert told(tried) == told(done)
    for clue_no in clues[:CLUES]:
        kept = {d["id"]: d["legal_due_at"] for d in house.run("query", clue_no)[1]["duties"]}
        assert {(clue_no, "ack", kept["ack"], kept["ack"])} <= told(done)
    assert house.run("reconcile")[0] == 0


def test_an_order_stands_for_what_comes_later(house: Up) -> None:
    """Over a region without a clue: nobody runs it again, and its end finds what it has stopped."""
    order = ("--order-no", "浙环中止1号", "--reason", "台风", "--as", "330000.eco:approver:省厅")
    code, done = house.run("suspend", "--region", "330483", *order)
    assert (code, done["done"], done["moves"]) == (0, 0, [])
    listed_ = [o for o in house.run("suspensions")[1] if o["order_no"] == "浙环中止1号"]
    assert [(o["region"], o["state"], o["suspended"]) for o in listed_] == [("330483", "in_force", 0)]
    path = house.folder / "later.json"
    path.write_text(json.dumps({**CLUE, "title": "后来的", "place": {"region": "330483"}}))
    clue_no = str(house.run("start", "--file", str(path), "--as", "310118.eco:officer:甲")[1]["clue_no"])
    end = time.monotonic() + 30
    while statuses(house, clue_no) != {"suspended"}:
        assert time.monotonic() < end, "no worker has carried the order there"
    while "region_suspended" not in [m["kind"] for m in house.run("suspensions", "浙环中止1号")[1]["moves"]]:
        assert time.monotonic() < end, "the ledger has not caught up"
    said = house.run_apart("suspend", "--region", "330483", *order)
    assert said.returncode == 0
    assert "不用再运行" in said.stdout
    code, undone = house.run("resume", *order, "--undo")
    assert (code, undone["done"]) == (0, 1)
    assert "suspended" not in statuses(house, clue_no)
    code, body = house.run("resume", *order)
    assert (code, body["error"]) == (3, "unknown_duty")
    code, body = house.run("suspend", "--region", "330483", *order)
    assert (code, body["error"]) == (3, "wrong_stage")
    assert house.run("verify")[0] == 0
    assert house.run("reconcile")[0] == 0
