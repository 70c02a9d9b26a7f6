"""Random cases, written as scenario files with what the core answered, hold through real workflows too.

    CLUEFLOW_RANDOM_SCENARIOS=50 .venv/bin/python -m pytest tests/rehearsal/test_random.py

plays more; CLUEFLOW_RANDOM_SEED moves where they begin.
"""

import os
from pathlib import Path
from typing import Any

import orjson
import pytest
import yaml

from rehearsal.durable import play_durable
from rehearsal.player import play_core
from rehearsal.scenario import load_scenario
from runtime.embedded.postgres import EmbeddedPostgres
from runtime.rules import Rules, load_rules
from tests.oracle.cases import OFFICERS, Setup, Step, fresh
from tests.oracle.compare import Pair

COUNT = int(os.environ.get("CLUEFLOW_RANDOM_SCENARIOS", "6"))
FIRST = int(os.environ.get("CLUEFLOW_RANDOM_SEED", "0"))
STEPS = 30


def written(folder: Path, seed: int) -> Path:
    """The random case as a file. A step expects what the second reading of the contract says."""
    maker = fresh(seed)
    pair = Pair.of(maker.setup)
    steps = []
    for n in range(STEPS):
        step = maker.report() if n == 0 else maker.draw(pair.core)
        steps.append(_told(step, pair))
        maker.later(pair.core)
    content = {"title": f"seed {seed}", **_setup(maker.setup), "steps": steps}
    path = folder / f"random-{seed}.yaml"
    path.write_text(yaml.safe_dump(content, allow_unicode=True, sort_keys=False))
    return path


def _setup(setup: Setup) -> dict[str, Any]:
    officers = [
        {
            "id": o.id,
            "name": o.name,
            "agency": o.agency,
            "from": o.from_day,
            "to": o.to_day,
            "scope": {"regions": list(o.regions), "matters": list(o.matters)},
        }
        for o in OFFICERS
    ]
    packs = {"packs": list(setup.packs)} if setup.packs else {}
    return {**packs, "officers": officers}


def _told(step: Step, pair: Pair) -> dict[str, Any]:
    told: dict[str, Any] = {"at": step.at.isoformat(), "do": step.name, "id": step.id, "as": dict(step.actor)}
    told["with"] = step.data
    refused = pair.second.do(step.at, step.id, step.name, step.actor, step.data)
    pair.do(step)
    if refused:
        told["refused"] = refused
    if pair.core.exists:
        seen = pair.second.look(step.at)
        told["expect"] = {key: seen[key] for key in ("stage", "level", "peak_level", "holder")}
    return told


@pytest.fixture(scope="module")
def rules() -> Rules:
    return load_rules()


@pytest.mark.parametrize("seed", range(FIRST, FIRST + COUNT))
async def test_random_case_is_the_same_in_file_core_and_workflow(
    tmp_path: Path, rules: Rules, postgres: EmbeddedPostgres, seed: int
) -> None:
    scenario = load_scenario(written(tmp_path, seed), rules)
    core = play_core(scenario, rules)
    assert [(s.n, s.why) for s in core.steps if not s.passed] == []
    durable = await play_durable(scenario, rules, postgres)
    assert [(s.n, s.why) for s in durable.steps if not s.passed] == []
    assert orjson.dumps(durable.to_json()) == orjson.dumps(core.to_json())
