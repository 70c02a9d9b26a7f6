"""What the first command says and does on machines that lack something."""

import importlib.util
import os
import shutil
import subprocess
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

ROOT = Path(__file__).resolve().parents[2]
SCRIPT = ROOT / "scripts" / "bootstrap.py"


@pytest.fixture
def bootstrap(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    """The script as a module, its .venv in a folder of this test."""
    spec = importlib.util.spec_from_file_location("bootstrap", SCRIPT)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    venv = tmp_path / ".venv"
    for name, path in {
        "VENV": venv,
        "PYTHON": venv / "bin" / "python",
        "UV": venv / "bin" / "uv",
        "STAMP": venv / "clueflow.stamp",
    }.items():
        monkeypatch.setattr(module, name, path)
    monkeypatch.setattr(sys, "argv", ["bootstrap.py"])
    return module


def refuse(*_: Any, **__: Any) -> Any:
    raise AssertionError("this must not be called")


def test_a_stamped_environment_is_left_alone(bootstrap: ModuleType, monkeypatch: pytest.MonkeyPatch) -> None:
    bootstrap.PYTHON.parent.mkdir(parents=True)
    bootstrap.PYTHON.touch()
    bootstrap.STAMP.write_text(bootstrap.stamp())
    monkeypatch.setattr(bootstrap, "make_venv", refuse)
    assert bootstrap.main() == 0


def test_a_changed_lock_file_installs_again(bootstrap: ModuleType, monkeypatch: pytest.MonkeyPatch) -> None:
    bootstrap.PYTHON.parent.mkdir(parents=True)
    bootstrap.PYTHON.touch()
    bootstrap.STAMP.write_text("of another lock file")
    done: list[str] = []
    monkeypatch.setattr(bootstrap, "make_venv", lambda: done.append("venv"))
    monkeypatch.setattr(bootstrap, "install", lambda: done.append("install"))
    assert bootstrap.main() == 0
    assert done == ["venv", "install"]
    assert bootstrap.STAMP.read_text() == bootstrap.stamp()


def test_a_failed_installation_leaves_no_stamp(
    bootstrap: ModuleType, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def fail() -> None:
        raise subprocess.CalledProcessError(1, "uv")

    monkeypatch.setattr(bootstrap, "make_venv", lambda: None)
    monkeypatch.setattr(bootstrap, "install", fail)
    assert bootstrap.main() == 1
    assert "PIP_INDEX_URL" in capsys.readouterr().err
    assert not bootstrap.STAMP.exists()


def test_no_python_new_enough_is_a_sentence(
    bootstrap: ModuleType, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(bootstrap, "probe", lambda _: False)
    assert bootstrap.main() == 1
    said = capsys.readouterr().err
    assert "需要 Python 3.11" in said
    assert "Python 3.11 or later is needed" in said


def test_a_python_without_venv_and_pip_is_a_sentence(
    bootstrap: ModuleType, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    for way in ("by_venv", "by_pip_target", "by_uv_on_path", "by_debian"):
        monkeypatch.setattr(bootstrap, way, lambda _: False)
    assert bootstrap.main() == 1
    assert "python3-venv" in capsys.readouterr().err


def test_too_little_disk_is_said_before_anything_is_made(
    bootstrap: ModuleType, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    usage = shutil.disk_usage(ROOT)
    monkeypatch.setattr(shutil, "disk_usage", lambda _: usage._replace(free=10 * 1024 * 1024))
    assert bootstrap.main() == 1
    assert "10 MB" in capsys.readouterr().err
    assert not bootstrap.VENV.exists()


def test_a_full_disk_on_the_way_is_a_sentence(
    bootstrap: ModuleType, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def fill() -> None:
        raise OSError(28, os.strerror(28))

    monkeypatch.setattr(bootstrap, "make_venv", fill)
    assert bootstrap.main() == 1
    assert "磁盘已满" in capsys.readouterr().err


def test_a_missing_browser_fails_and_is_never_passed_over(
    bootstrap: ModuleType, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys, "argv", ["bootstrap.py", "--browser"])
    monkeypatch.delenv("CLUEFLOW_CHROMIUM", raising=False)
    for name, answer in {"make_environment": None, "make_fonts": None}.items():
        monkeypatch.setattr(bootstrap, name, lambda answer=answer: answer)
    for name in ("has_chromium", "apt", "succeeds"):
        monkeypatch.setattr(bootstrap, name, lambda *_: False)
    assert bootstrap.main() == 1
    assert "CLUEFLOW_CHROMIUM" in capsys.readouterr().err


def test_a_missing_font_fails(
    bootstrap: ModuleType, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys, "argv", ["bootstrap.py", "--browser"])
    monkeypatch.setattr(bootstrap, "make_environment", lambda: None)
    monkeypatch.setattr(bootstrap, "has_chinese_font", lambda: False)
    monkeypatch.setattr(bootstrap, "apt", lambda *_: False)
    assert bootstrap.main() == 1
    assert "fonts-noto-cjk" in capsys.readouterr().err


def test_the_script_is_standard_library_only() -> None:
    done = subprocess.run(
        [sys.executable, "-I", "-S", SCRIPT, "--help"], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    assert "--browser" in done.stdout


def test_ci_runs_the_same_as_a_person() -> None:
    text = (ROOT / ".ci" / "run").read_text()
    assert os.access(ROOT / ".ci" / "run", os.X_OK)
    assert "set -euo pipefail" in text
    assert "make test" in text
