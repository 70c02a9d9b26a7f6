"""Playing a scenario through real workflows: the time-skipping server, a real worker, a real ledger.

The workflow's clock lags behind the scenario's by `LAG`, so that a timer never runs ahead of a command; each
command carries its instant and everything due by then happens first, whether or not the timer has woken.
"""

from __future__ import annotations

import asyncio
import tempfile
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from datetime import timedelta
from pathlib import Path
from typing import Final

from sqlalchemy.ext.asyncio import AsyncEngine
from temporalio.client import Client

from domain.errors import DomainError
from domain.model import Json, blank
from domain.view import view
from ledger import database, events, migrate
from ledger.clues import get_state
from ledger.reader import Records
from ledger.verify import verify
from rehearsal.player import Result, StepResult, judged, placer_for, result_of
from rehearsal.scenario import Scenario, Step
from runtime.client import ClueClient, Rehearsal
from runtime.embedded.postgres import EmbeddedPostgres
from runtime.embedded.testing import time_skipping_env
from runtime.rules import Rules
from runtime.settings import Settings, get_settings
from worker import run_worker
from workflows.messages import CommandMessage

LAG: Final = timedelta(minutes=10)  # more than the spread of wake-ups and a slow run together
TASK_QUEUE: Final = "rehearsal"
DATABASE: Final = "rehearsal"
DELIVERY_SECONDS: Final = 20


class _OneClue(ClueClient):
    """A scenario holds one clue: another that a command names is taken to be there, and told nothing, as in the core."""

    async def _with_survivor(self, message: CommandMessage, into: str) -> CommandMessage:
        return message

    async def _tell_of_merging(self, clue_no: str, message: CommandMessage, into: str) -> None:
        pass


@contextmanager
def rehearsal_postgres() -> Iterator[EmbeddedPostgres]:
    """A PostgreSQL for rehearsals alone: what is only played never reaches the real record."""
    with tempfile.TemporaryDirectory(prefix="clueflow-rehearsal-", ignore_cleanup_errors=True) as folder:
        server = EmbeddedPostgres(Path(folder) / "pg", durable=False)
        server.start()
        try:
            yield server
        finally:
            server.stop()


@asynccontextmanager
async def fresh_ledger(server: EmbeddedPostgres) -> AsyncIterator[AsyncEngine]:
    """An empty migrated database of its own: clue numbers of two scenarios may be the same."""
    server.sql(f"DROP DATABASE IF EXISTS {DATABASE} WITH (FORCE)")
    server.sql(f"CREATE DATABASE {DATABASE}")
    await migrate.upgrade(server.url(DATABASE))
    engine = database.create(server.url(DATABASE), ping=False)
    try:
        yield engine
    finally:
        await engine.dispose()


async def play_durable(
    scenario: Scenario, rules: Rules, server: EmbeddedPostgres, settings: Settings | None = None
) -> Result:
    """Plays through a workflow on a Temporal of its own, with a fresh ledger on `server`, checked at the end."""
    settings = settings or get_settings()
    async with (
        fresh_ledger(server) as engine,
        time_skipping_env(settings) as env,
        run_worker(env.client, engine, rules, settings, task_queue=TASK_QUEUE, archivist=False),
    ):
        offset = scenario.steps[0].at - LAG - await env.get_current_time()
        stage = _Stage(scenario, rules, engine, env.client, offset)
        results = []
        for step in scenario.steps:
            ahead = step.at - LAG - (await env.get_current_time() + offset)
            if ahead > timedelta(0):
                await env.sleep(ahead)
            results.append(await stage.step(step))
        final = await stage.seen(scenario.steps[-1])
        results[-1] = await stage.audited(results[-1], final)
    return result_of(scenario, results, final)


class _Stage:
    """Where one scenario is played: its client, its ledger, its clue."""

    def __init__(
        self, scenario: Scenario, rules: Rules, engine: AsyncEngine, client: Client, offset: timedelta
    ) -> None:
        rehearsal = Rehearsal(packs=scenario.packs, clock_offset=offset, officers=scenario.officers)
        self._scenario, self._rules, self._engine = scenario, rules, engine
        self._client = _OneClue(
            client,
            rules,
            task_queue=TASK_QUEUE,
            ledger=Records(engine),
            rehearsal=rehearsal,
            placer=placer_for(rules),
        )

    async def step(self, step: Step) -> StepResult:
        refusal = await self._acted(step)
        return judged(step, refusal, await self.seen(step))

    async def _acted(self, step: Step) -> DomainError | None:
        if step.do is None:
            return None
        assert step.actor is not None
        try:
            await self._client.do(
                self._scenario.clue_no, step.do, step.actor, step.data, step.command_id, at=step.at
            )
        except DomainError as err:
            return err
        return None

    async def seen(self, step: Step) -> Json:
        """What a query answers at the step's time; before the report, the blank of the core."""
        clue_no = self._scenario.clue_no
        try:
            return await self._client.query(clue_no, step.at)
        except DomainError as err:
            if err.code != "unknown_clue":
                raise
            return view(blank(clue_no, self._scenario.packs), step.at, self._rules.rulebook)

    async def audited(self, last: StepResult, final: Json) -> StepResult:
        """The last step's result, failed where the ledger is not whole, or tells another story."""
        why = await self._ledgers_faults(final)
        return (
            StepResult(last.n, False, "；".join([*([last.why] if last.why else []), *why])) if why else last
        )

    async def _ledgers_faults(self, final: Json) -> list[str]:
        clue_no = self._scenario.clue_no
        if final["stage"] == "none":
            return []
        faults = await self._delivered(clue_no)
        faults += [problem.text for problem in await verify(self._engine, clue_no)]
        state = await get_state(self._engine, clue_no)
        if view(state, self._scenario.steps[-1].at, self._rules.rulebook) != final:
            faults.append("台账所记与工作流的答复不一致")
        return faults

    async def _delivered(self, clue_no: str) -> list[str]:
        """Waits until the workflow has nothing left to tell the ledger."""
        try:
            async with asyncio.timeout(DELIVERY_SECONDS):
                # A worker's courier does it: there is no event of ours to wait for.
                while not await self._brought(clue_no):  # noqa: ASYNC110
                    await asyncio.sleep(0.05)
        except TimeoutError:
            return [f"{DELIVERY_SECONDS} 秒后仍有事件没有写入台账"]
        return []

    async def _brought(self, clue_no: str) -> bool:
        tip = await self._client.tip(clue_no)
        return tip is None or (await events.tip(self._engine, clue_no)).seq >= tip.seq
