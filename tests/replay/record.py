"""Saves histories of real runs for the replay test: `python -m tests.replay.record [PREFIX]`.

To be run when a change of the workflows' commands is released, beside the histories that are there already:
those stay, since runs like them are still under way somewhere.
"""

from __future__ import annotations

import asyncio
import gzip
import os
import sys
import tempfile
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from datetime import datetime, timedelta
from pathlib import Path

from temporalio.client import Client, WorkflowHandle

from domain.calendar import SHANGHAI
from domain.errors import DomainError
from domain.model import Actor
from runtime.client import Rehearsal, excerpt
from runtime.embedded.temporal import EmbeddedTemporal, find_cli
from runtime.embedded.testing import time_skipping_env
from runtime.namespace import prepare_namespace
from runtime.rules import load_rules
from runtime.settings import Settings
from runtime.temporal import connect
from tests.domain.changes import with_terms
from tests.workflows.shell import FINDER, Desk, FakeLedger, shell
from workflows import messages as m

HISTORIES = Path(__file__).parent / "histories"
SUPERIOR = "320500.eco"
MORNING = datetime(2026, 3, 2, 9, 0, tzinfo=SHANGHAI)


async def save(name: str, handle: WorkflowHandle) -> None:  # type: ignore[type-arg]
    history = await handle.fetch_history()
    HISTORIES.mkdir(exist_ok=True)
    path = HISTORIES / f"{'-'.join([*sys.argv[1:2], name])}.json.gz"
    path.write_bytes(gzip.compress(history.to_json().encode(), mtime=0))
    print(f"{path.name}: {len(history.events)} events")


def handle_of(desk: Desk, run_id: str | None = None) -> WorkflowHandle:  # type: ignore[type-arg]
    return desk.client.temporal.get_workflow_handle(f"clue/{desk.clue_no}", run_id=run_id)


async def whole_life(client: Client) -> None:
    ledger = FakeLedger()
    async with shell(client, ledger) as clues:
        desk = Desk(clues)
        await desk.report()
        with suppress(DomainError):
            await desk.do("close")
        await desk.to_the_end()
        await desk.finished()
        await save("whole-life", handle_of(desk))
        praise = {"units": [FINDER], "persons": [], "facts": "及时"}
        await desk.do("commend", SUPERIOR, "approver", **praise)
        await desk.finished()
        await save("resumed-after-the-end", handle_of(desk))


async def ledger_away(client: Client) -> None:
    ledger = FakeLedger(mode="failing")
    async with shell(client, ledger) as clues:
        desk = Desk(clues)
        await desk.report()
        await desk.do("acknowledge")
        await desk.do("start_transfer", FINDER, "approver")
        ledger.mode = "well"
        await desk.flushed(ledger)
        await desk.do("send_transfer", FINDER, manifest=[])
        await save("ledger-away", handle_of(desk))


async def several_runs(client: Client) -> None:
    ledger = FakeLedger()
    async with shell(client, ledger, rehearsal=Rehearsal(max_events=40)) as clues:
        desk = Desk(clues)
        await desk.report()
        first = (await handle_of(desk).describe()).run_id
        for n in range(15):
            await desk.do("acknowledge", message=str(n))
        await asyncio.gather(*(desk.do("acknowledge", message=f"again {n}") for n in range(20)))
        await desk.flushed(ledger)
        await desk.do("acknowledge")
        await save("continued", handle_of(desk, first))
        await save("continuing", handle_of(desk))
        assert (await handle_of(desk).describe()).run_id != first


async def changed_rules(client: Client) -> None:
    """Moved to other rules, which make something late at once, and back; then over a new run."""
    shorter = with_terms(load_rules().rulebook, "shorter", lambda rule: -20 if rule.id == "ack" else 1)
    async with shell(client, FakeLedger(), rehearsal=Rehearsal(max_events=60)) as clues:
        desk = Desk(clues)
        await desk.report()
        first = (await handle_of(desk).describe()).run_id
        own = await clues.rulebook_of(desk.clue_no)
        assert own is not None
        lawyer = Actor("000000.gov", "legal", "法制")
        data = {"change_id": "A", "reason": "修订", "approver": "甲"}
        new = excerpt(shorter, datetime.now(SHANGHAI))
        await clues.do(desk.clue_no, "change_rules", lawyer, data | {"version": new.version}, "A", rules=new)
        back = data | {"change_id": "U", "version": own.version, "undoes": "A"}
        await clues.do(desk.clue_no, "change_rules", lawyer, back, "U", rules=own)
        again = data | {"change_id": "B", "version": new.version}
        await clues.do(desk.clue_no, "change_rules", lawyer, again, "B", rules=new)
        for n in range(20):
            await desk.do("acknowledge", message=str(n))
        await save("rules-changed", handle_of(desk, first))
        await save("rules-carried", handle_of(desk))
        assert (await handle_of(desk).describe()).run_id != first


async def numbers(client: Client) -> None:
    async with shell(client, FakeLedger()) as clues:
        desk = Desk(clues)
        for n in range(5):
            await clues.report(Actor("330400.eco", "officer", "甲"), desk.clue(), f"{desk.clue_no}-{n}")
        await save("numbers", client.get_workflow_handle(m.numbers_workflow_id("330400")))


async def clocks() -> None:
    async with time_skipping_env() as env:
        offset = MORNING - await env.get_current_time()
        async with shell(env.client, FakeLedger(), rehearsal=Rehearsal(clock_offset=offset)) as clues:
            desk = Desk(clues, at=MORNING)
            await desk.report()
            await env.sleep(timedelta(days=12))
            desk.at = MORNING + timedelta(days=12)
            await desk.do("acknowledge")
            await desk.do("flag_evidence_at_risk", FINDER, reason="船要走")
            await env.sleep(timedelta(days=2))
            await save("clocks", handle_of(desk))
            lost = await env.client.start_workflow(
                m.CLUE_WORKFLOW,
                m.ClueStart("NEVER-1", load_rules().rulebook),
                id="clue/NEVER-1",
                task_queue=clues.task_queue,
            )
            await env.sleep(timedelta(minutes=2))
            await save("never-reported", lost)


@asynccontextmanager
async def server() -> AsyncIterator[Client]:
    with tempfile.TemporaryDirectory() as folder:
        cli = find_cli(Settings())
        assert cli is not None
        temporal = EmbeddedTemporal(cli, Path(folder) / "temporal.log")
        temporal.start()
        try:
            settings = Settings(temporal_address=temporal.address, data_dir=Path(folder))
            client = await connect(settings)
            await prepare_namespace(client, settings)
            yield client
        finally:
            temporal.stop()


CASES: tuple[Callable[[Client], Awaitable[None]], ...] = (
    whole_life,
    ledger_away,
    several_runs,
    changed_rules,
    numbers,
)


async def main() -> None:
    async with server() as client:
        for case in CASES:
            await case(client)
    await clocks()


if __name__ == "__main__":
    asyncio.run(main())
    sys.stdout.flush()
    os._exit(0)
