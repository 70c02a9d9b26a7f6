"""The house's rules of direction and purity hold, and the checks that hold them can fail."""

import ast
import subprocess
import sys
import tomllib
from importlib.metadata import packages_distributions, requires
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).resolve().parent.parent
BIN = Path(sys.executable).parent
PURE = ("domain", "workflows")


def run(*command: str | Path, given: str | None = None) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        command, cwd=ROOT, input=given, capture_output=True, text=True, check=False, timeout=120
    )


def test_imports_point_one_way() -> None:
    done = run(BIN / "lint-imports", "--no-cache")
    assert done.returncode == 0, done.stdout + done.stderr


def test_every_package_is_under_the_import_contracts() -> None:
    contracts = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["importlinter"]
    packages = {path.parent.name for path in ROOT.glob("*/__init__.py")} - {"tests", "bench", "build"}
    assert packages <= set(contracts["root_packages"])


def test_a_wrong_import_is_noticed(tmp_path: Path) -> None:
    for package, text in {"domain": "import ledger\n", "ledger": ""}.items():
        (tmp_path / package).mkdir()
        (tmp_path / package / "__init__.py").write_text(text)
    contracts = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["importlinter"]["contracts"]
    rule = next(rule for rule in contracts if rule["source_modules"] == ["domain"])
    (tmp_path / ".importlinter").write_text(
        "[importlinter]\nroot_packages =\n  domain\n  ledger\n[importlinter:contract:one]\n"
        f"name = {rule['name']}\ntype = forbidden\nsource_modules = domain\nforbidden_modules = ledger\n"
    )
    assert "ledger" in rule["forbidden_modules"]
    done = subprocess.run(
        [BIN / "lint-imports", "--no-cache"], cwd=tmp_path, capture_output=True, text=True, check=False
    )
    assert done.returncode == 1, done.stdout + done.stderr
    assert "domain -> ledger" in done.stdout


def test_the_domain_needs_the_standard_library_alone() -> None:
    foreign = {
        f"{path.relative_to(ROOT)}: {name}"
        for path in (ROOT / "domain").rglob("*.py")
        for name in imported(path)
        if name not in sys.stdlib_module_names and name != "domain"
    }
    assert foreign == set()


def imported(path: Path) -> set[str]:
    """The top-level names that a file imports; a relative import is one of its own package."""
    names: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            names |= {alias.name.split(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.level == 0:
            names.add((node.module or "").split(".")[0])
    return names


@pytest.mark.parametrize("folder", PURE)
@pytest.mark.parametrize(
    "line",
    [
        "from datetime import datetime\nnow = datetime.now()",
        "from datetime import datetime, UTC\nnow = datetime.now(UTC)",
        "import datetime as dt\nnow = dt.datetime.utcnow()",
        "from datetime import date\ntoday = date.today()",
        "import time\nnow = time.time()",
        "import random\nn = random.random()",
        "import uuid\nn = uuid.uuid4()",
        "from uuid import uuid4\nn = uuid4()",
        "import secrets\nn = secrets.token_hex()",
        "import os\nn = os.environ",
    ],
)
def test_clocks_and_randomness_are_refused_where_results_must_not_vary(folder: str, line: str) -> None:
    done = run(
        BIN / "ruff", "check", "--no-cache", "--stdin-filename", f"{folder}/probe.py", "-", given=line + "\n"
    )
    assert done.returncode == 1
    assert "TID251" in done.stdout


@pytest.mark.parametrize("folder", PURE)
def test_plain_code_passes_there(folder: str) -> None:
    line = "from datetime import datetime\n\n\ndef later(now: datetime) -> datetime:\n    return now\n"
    done = run(BIN / "ruff", "check", "--no-cache", "--stdin-filename", f"{folder}/probe.py", "-", given=line)
    assert done.returncode == 0, done.stdout


def test_what_the_program_imports_is_installed_without_the_tools_of_the_tests() -> None:
    declared = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["dependencies"]
    installed = closure({Requirement(line) for line in declared})
    owners = packages_distributions()
    ours = {path.parent.name for path in ROOT.glob("*/__init__.py")} - {"tests", "bench"}
    files = [
        ROOT / "worker.py",
        ROOT / "starter.py",
        *(p for name in ours for p in (ROOT / name).rglob("*.py")),
    ]
    foreign = {
        f"{path.relative_to(ROOT)}: {name}"
        for path in files
        for name in imported(path) - ours - {"worker", "starter", "__future__"}
        if name not in sys.stdlib_module_names
        and not installed & {canonicalize_name(owner) for owner in owners.get(name, [])}
    }
    assert foreign == set()


def closure(wanted: set[Requirement]) -> set[str]:
    """The names of everything that installing `wanted` brings, extras included."""
    seen: set[tuple[str, frozenset[str]]] = set()
    while wanted:
        requirement = wanted.pop()
        key = (canonicalize_name(requirement.name), frozenset(requirement.extras))
        if key in seen:
            continue
        seen.add(key)
        needed = (Requirement(line) for line in requires(requirement.name) or [])
        wanted |= {one for one in needed if applies(one, {"", *requirement.extras})}
    return {name for name, _ in seen}


def applies(requirement: Requirement, extras: set[str]) -> bool:
    """Whether it is installed here when the one that needs it is asked for with `extras`."""
    marker = requirement.marker
    return marker is None or any(marker.evaluate({"extra": extra}) for extra in extras)
