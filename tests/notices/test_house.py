"""`starter.py up` with a file of channels: a clue that is reported is heard of outside, at once and once."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import subprocess
import sys
from pathlib import Path

from icalendar import Calendar

from tests.notices.ground import hook, until
from tests.notices.receivers import Answer, gateway, post_office

ROOT = Path(__file__).resolve().parents[2]
CLUE = {
    "source": "hotline",
    "title": "界河油污",
    "matter": "wastewater",
    "discovered_at": "2026-01-05T08:00:00+08:00",
    "place": {"region": "320509"},
    "reporter": {"name": "赵六儿", "phone": "13911112222", "confidential": True},
}


async def test_a_reported_clue_is_heard_of_outside(server_folder: Path) -> None:
    async with gateway(Answer(body={"errcode": 93000, "errmsg": "no"})) as bad, gateway() as good:
        with post_office() as office:
            content = {
                "channels": {
                    "bad": {"kind": "wecom", "key": "k", "base": bad.base},
                    "mail": {"kind": "mail", "host": "127.0.0.1", "port": office.port, "security": "none",
                             "from": "a@example.org", "to": ["b@example.org"]},
                    "sat": hook(good.base),
                },
                "routes": [{"agency": "320509.eco", "usual": ["bad", "mail"]}],
            }  # fmt: skip
            path = server_folder / "channels.yaml"
            path.write_text(json.dumps(content), encoding="utf-8")
            house = await _up(server_folder, path)
            try:
                await _reported(server_folder, path)
                await until(lambda: office.taken)
                shown = await _ran(server_folder, path, "inbox", "320509.eco", "--json")
                calendar = await _ran(server_folder, path, "calendar", "320509.eco")
            finally:
                house.send_signal(signal.SIGINT)
                await asyncio.to_thread(house.wait, 60)
    assert len(bad.heard) == len(office.taken) == 1
    assert good.heard == []
    ((_, letter),) = office.taken
    body = letter.get_body(("plain",))
    assert body is not None
    assert "https://clue.example.org/clues/XS-" in body.get_content()
    assert "赵六儿" not in letter.as_string() + body.get_content()
    ways = {w["channel"]: w for w in json.loads(shown)["notices"][0]["channels"]}
    assert (ways["bad"]["state"], ways["mail"]["state"]) == ("failed", "accepted")
    assert len(Calendar.from_ical(calendar).walk("VEVENT")) >= 1


def _environ(folder: Path, channels: Path) -> dict[str, str]:
    kept = {k: v for k, v in os.environ.items() if k not in ("DATABASE_URL", "TEMPORAL_ADDRESS")}
    return {
        **kept,
        "CLUEFLOW_DATA_DIR": str(folder / "data"),
        "CLUEFLOW_WEB_PORT": "0",
        "CLUEFLOW_CHANNELS": str(channels),
        "CLUEFLOW_PUBLIC_URL": "https://clue.example.org/",
    }


async def _up(folder: Path, channels: Path) -> subprocess.Popen[str]:
    house = subprocess.Popen(
        [sys.executable, "starter.py", "up"], cwd=ROOT, env=_environ(folder, channels), text=True,
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
    )  # fmt: skip
    assert house.stdout is not None
    lines = []
    while line := await asyncio.to_thread(house.stdout.readline):
        lines.append(line)
        if "数据目录" in line:
            return house
    raise AssertionError("".join(lines))


async def _reported(folder: Path, channels: Path) -> None:
    file = folder / "clue.json"
    file.write_text(json.dumps(CLUE), encoding="utf-8")
    await _ran(folder, channels, "start", "--file", str(file), "--as", "310118.eco:officer:甲", "--json")


async def _ran(folder: Path, channels: Path, *argv: str) -> str:
    done = await asyncio.to_thread(
        subprocess.run, [sys.executable, "starter.py", *argv], cwd=ROOT, env=_environ(folder, channels),
        capture_output=True, text=True, timeout=120, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return done.stdout
