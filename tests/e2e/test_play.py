"""`starter.py play --durable` as a program: its stdout is what `play` prints, and nothing else."""

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
FILES = [f"scenarios/{name}.yaml" for name in ("02_nobody_answers", "13_same_command_again")]


def played(*argv: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "starter.py", "play", *argv],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=200,
        check=False,
    )


def test_durable_prints_the_same_lines() -> None:
    core, durable = played("--json", *FILES), played("--json", "--durable", *FILES)
    assert (core.returncode, durable.returncode) == (0, 0), durable.stderr
    assert durable.stdout == core.stdout
    assert len(core.stdout.splitlines()) == len(FILES)


@pytest.mark.parametrize("way", [[], ["--durable"]])
def test_expectation_that_fails_is_1_either_way(tmp_path: Path, way: list[str]) -> None:
    path = tmp_path / "case.yaml"
    path.write_text((ROOT / FILES[0]).read_text().replace("level: 4", "level: 3"))
    done = played(*way, "--json", str(path))
    assert done.returncode == 1
    assert '"passed":false' in done.stdout
