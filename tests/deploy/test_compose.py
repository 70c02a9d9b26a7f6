"""The compose file is one that Compose takes, and agrees with the program."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

from runtime.embedded.temporal import DYNAMIC_CONFIG

ROOT = Path(__file__).resolve().parents[2]
COMPOSE = Path(sys.executable).parent / "docker-compose"
PASSWORDS = {"CLUEFLOW_DB_PASSWORD": "b", "TEMPORAL_DB_PASSWORD": "c"}


def config(*arguments: str, **environ: str) -> subprocess.CompletedProcess[str]:
    clean = {k: v for k, v in os.environ.items() if k not in PASSWORDS}
    return subprocess.run(
        [COMPOSE, "--env-file", os.devnull, "config", *arguments],
        cwd=ROOT, env={**clean, **environ}, capture_output=True, text=True, check=False,
    )  # fmt: skip


@pytest.fixture(scope="module")
def services() -> dict[str, Any]:
    done = config("--format", "json", **PASSWORDS)
    assert done.returncode == 0, done.stderr
    found: dict[str, Any] = json.loads(done.stdout)["services"]
    return found


@pytest.mark.parametrize("missing", PASSWORDS)
def test_no_password_is_made_up(missing: str) -> None:
    done = config("-q", **{name: value for name, value in PASSWORDS.items() if name != missing})
    assert done.returncode != 0
    assert missing in done.stderr


@pytest.mark.parametrize(
    "name", ["POSTGRES_IMAGE", "TEMPORAL_IMAGE", "TEMPORAL_TOOLS_IMAGE", "CLUEFLOW_IMAGE"]
)
def test_every_image_can_be_replaced(name: str) -> None:
    done = config("--images", **PASSWORDS, **{name: "here/it:1"})
    assert "here/it:1" in done.stdout.split()


def test_only_the_page_is_published_and_only_here(services: dict[str, Any]) -> None:
    published = {name: service["ports"] for name, service in services.items() if service.get("ports")}
    assert list(published) == ["web"]
    assert published["web"][0]["host_ip"] == "127.0.0.1"


def test_what_stays_up_has_a_health_check(services: dict[str, Any]) -> None:
    staying = {name for name, service in services.items() if service["restart"] == "unless-stopped"}
    assert staying == {"ledger-db", "temporal-db", "temporal", "worker", "web"}
    assert all(services[name].get("healthcheck") for name in staying)


def test_the_commands_exist(services: dict[str, Any]) -> None:
    for name in ("prepare", "worker", "web"):
        command = services[name]["command"]
        module = command[2].replace(".", "/") if command[1] == "-m" else command[1].removesuffix(".py")
        assert (ROOT / f"{module}.py").exists() or (ROOT / module / "__main__.py").exists(), command


def test_temporal_has_the_same_limits_in_containers_as_embedded(services: dict[str, Any]) -> None:
    file = services["temporal"]["environment"]["DYNAMIC_CONFIG_FILE_PATH"]
    (mount,) = (v for v in services["temporal"]["volumes"] if file.startswith(v["target"]))
    written = yaml.safe_load((Path(mount["source"]) / Path(file).name).read_text())
    assert {key: entries[0]["value"] for key, entries in written.items()} == DYNAMIC_CONFIG


def test_the_image_holds_every_package_that_the_program_imports() -> None:
    ignore = (ROOT / ".dockerignore").read_text().splitlines()
    packages = {path.parent.name for path in ROOT.glob("*/__init__.py")} - {"bench", "tests"}
    assert {f"!{package}" for package in packages} <= set(ignore)


def test_workers_reach_gateways_only_where_channels_are_asked_for(
    services: dict[str, Any], tmp_path: Path
) -> None:
    assert "outside" not in services["worker"]["networks"]
    files = {"CLUEFLOW_CHANNELS": tmp_path / "c.yaml", "CLUEFLOW_CHANNELS_ENV": tmp_path / "c.env"}
    for path in files.values():
        path.write_text("")
    override = ["-f", "docker-compose.yml", "-f", "deploy/channels.compose.yml"]
    done = subprocess.run(
        [COMPOSE, "--env-file", os.devnull, *override, "config", "--format", "json"],
        cwd=ROOT, env={**os.environ, **PASSWORDS, **{k: str(v) for k, v in files.items()}},
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    worker = json.loads(done.stdout)["services"]["worker"]
    assert set(worker["networks"]) == {"inside", "outside"}
    (mount,) = (v for v in worker["volumes"] if v["target"] == worker["environment"]["CLUEFLOW_CHANNELS"])
    assert mount["source"] == str(files["CLUEFLOW_CHANNELS"])
    assert worker["environment"]["DATABASE_URL"]
