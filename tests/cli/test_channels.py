"""`channels check`, `channels test`, `calendar`: what they say, and their exit codes."""

from __future__ import annotations

import http.server
import json
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from cli.main import main
from runtime.settings import get_settings

GOOD, BAD = {"errcode": 0, "errmsg": "ok"}, {"errcode": 93000, "errmsg": "invalid webhook url, key bad-1"}


class _Robots(http.server.BaseHTTPRequestHandler):
    def do_POST(self) -> None:
        self.rfile.read(int(self.headers["Content-Length"]))
        body = json.dumps(BAD if "bad" in self.path else GOOD).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture(scope="module")
def base() -> Iterator[str]:
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), _Robots)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_address[1]}"
    server.shutdown()


@pytest.fixture(autouse=True)
def file(base: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    path = tmp_path / "channels.yaml"
    path.write_text(
        f"""channels:
  good: {{kind: wecom, key: good-1, base: "{base}"}}
  bad: {{kind: wecom, key: bad-1, base: "{base}"}}
  drill: {{kind: wecom, key: good-2, base: "{base}"}}
routes:
  - {{agency: 310118.eco, usual: [good], drill: [drill]}}
  - {{agency: 320583.eco, usual: [good, bad]}}
""",
        encoding="utf-8",
    )
    for name in ("DATABASE_URL", "TEMPORAL_ADDRESS", "CLUEFLOW_TEMPLATES_DIR"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("CLUEFLOW_DATA_DIR", str(tmp_path / "data"))
    monkeypatch.setenv("CLUEFLOW_CHANNELS", str(path))
    get_settings.cache_clear()
    yield path
    get_settings.cache_clear()


def ran(capsys: pytest.CaptureFixture[str], *argv: str) -> tuple[int, str, str]:
    code = main(list(argv))
    out, err = capsys.readouterr()
    return code, out, err


def test_a_sound_file_is_sound(capsys: pytest.CaptureFixture[str]) -> None:
    assert ran(capsys, "channels", "check") == (0, "✓ 渠道与模板无误\n共 3 个渠道\n", "")


def test_mistakes_in_file_and_templates_are_shown(
    capsys: pytest.CaptureFixture[str], file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file.write_text(
        file.read_text(encoding="utf-8").replace("usual: [good]", "usual: [godo]"), encoding="utf-8"
    )
    (tmp_path / "words").mkdir()
    (tmp_path / "words" / "chat.md.j2").write_text("{{ nobody }}", encoding="utf-8")
    monkeypatch.setenv("CLUEFLOW_TEMPLATES_DIR", str(tmp_path / "words"))
    get_settings.cache_clear()
    code, out, _ = ran(capsys, "channels", "check", "--json")
    found = json.loads(out)
    assert (code, found["ok"]) == (1, False)
    assert [p["file"] for p in found["problems"]] == ["channels.yaml", "chat.md.j2"]
    assert "是不是“good”" in found["problems"][0]["message"]


def test_without_a_file_somebody_is_told_which_setting(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("CLUEFLOW_CHANNELS")
    get_settings.cache_clear()
    code, _, err = ran(capsys, "channels", "check")
    assert code == 2
    assert "CLUEFLOW_CHANNELS" in err


def test_a_test_goes_to_every_channel_and_reads_the_answer(capsys: pytest.CaptureFixture[str]) -> None:
    code, out, _ = ran(capsys, "channels", "test", "320583.eco", "--json")
    found = {c["name"]: c for c in json.loads(out)["channels"]}
    assert code == 1
    assert (found["good"]["outcome"], found["bad"]["outcome"]) == ("accepted", "refused")
    assert (found["bad"]["http_status"], found["bad"]["code"]) == (200, "93000")
    assert "bad-1" not in out
    assert ran(capsys, "channels", "test", "320583.eco", "--channel", "good")[0] == 0
    assert ran(capsys, "channels", "test", "310118.eco", "--drill")[0] == 0


@pytest.mark.parametrize(
    ("argv", "code", "said"),
    [
        (["channels", "test", "310000.eco"], 2, "没有渠道"),
        (["channels", "test", "320583.eco", "--drill"], 2, "没有演练渠道"),
        (["channels", "test", "320583.ec"], 2, "320583.eco"),
        (["channels", "chek"], 2, "check"),
        (["calendar", "310118.ecoo"], 2, "310118.eco"),
        (["calendar", "310118.eco", "--out", "/no/such/folder/a.ics"], 2, "没有目录"),
        (["calendar", "310118.eco"], 5, "PostgreSQL"),
    ],
)
def test_wrong_usage_is_answered(
    capsys: pytest.CaptureFixture[str], argv: list[str], code: int, said: str
) -> None:
    found, _, err = ran(capsys, *argv)
    assert found == code
    assert said in err


def test_a_file_without_channels_passes_and_says_so(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    empty = tmp_path / "channels.yaml"
    empty.write_text("")
    code, out, _ = ran(capsys, "channels", "check", str(empty))
    assert code == 0
    assert "一个渠道也没有：通知只进收件箱" in out
