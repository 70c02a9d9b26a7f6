"""`starter.py demo` as a newcomer runs it: twice, and stopped in the middle."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import psutil
import pytest

ROOT = Path(__file__).parents[2]


def environ(folder: Path) -> dict[str, str]:
    kept = {k: v for k, v in os.environ.items() if k not in ("DATABASE_URL", "TEMPORAL_ADDRESS")}
    return {**kept, "CLUEFLOW_DATA_DIR": str(folder)}


def left_behind(folder: Path) -> list[str]:
    """The processes that still name the data folder."""
    lines = [" ".join(p.info["cmdline"] or []) for p in psutil.process_iter(["cmdline"])]
    return [line for line in lines if str(folder) in line]


@pytest.fixture(scope="module")
def folder(module_folder: Path) -> Path:
    return module_folder


@pytest.mark.parametrize(("number", "arguments"), [("0001", []), ("0002", ["--exit"])])
def test_demo_plays_the_case_each_time_afresh(folder: Path, number: str, arguments: list[str]) -> None:
    done = subprocess.run(
        [sys.executable, "starter.py", "demo", *arguments],
        cwd=ROOT,
        env=environ(folder),
        capture_output=True,
        text=True,
        timeout=200,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    shown = done.stdout
    assert f"线索编号 XS-320583-20240403-{number}" in shown
    for code in ("leader_must_be_visiting", "wrong_stage", "incomplete_transfer", "feedback_missing"):
        assert f"被拒绝 {code}" in shown
    # each clock with its reason: the holiday skipped, the make-up day counted
    assert "04-06 清明节 · 04-07 调休上班（第 1 日）" in shown
    assert "2024-04-09 24:00 前" in shown
    assert "时间线" in shown
    assert "办结归档" in shown
    assert "哈希链完整，与工作流一致" in shown
    assert left_behind(folder) == []


def test_ctrl_c_stops_it_clean(server_folder: Path) -> None:
    demo = subprocess.Popen(
        [sys.executable, "starter.py", "demo"],
        cwd=ROOT,
        env=environ(server_folder),
        stdout=subprocess.PIPE,
        text=True,
    )
    assert demo.stdout is not None
    for line in demo.stdout:
        if "登记线索" in line:
            break
    demo.send_signal(signal.SIGINT)
    rest = demo.communicate(timeout=60)[0]
    assert demo.returncode == 130
    assert "演示结束" not in rest
    assert left_behind(server_folder) == []
