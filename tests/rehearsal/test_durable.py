"""A scenario gives the same answer through real workflows as through the core, to the last byte."""

from pathlib import Path

import orjson
import pytest

from rehearsal.durable import play_durable
from rehearsal.player import play_core
from rehearsal.scenario import load_scenario
from runtime.embedded.postgres import EmbeddedPostgres
from runtime.rules import load_rules

FILES = sorted((Path(__file__).parents[2] / "scenarios").glob("*.yaml"))


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
async def test_durable_is_the_core(path: Path, postgres: EmbeddedPostgres) -> None:
    rules = load_rules()
    scenario = load_scenario(path, rules)
    core, durable = play_core(scenario, rules), await play_durable(scenario, rules, postgres)
    assert [(step.n, step.why) for step in durable.steps if not step.passed] == []
    assert orjson.dumps(durable.to_json()) == orjson.dumps(core.to_json())
