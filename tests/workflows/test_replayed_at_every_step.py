"""A worker that remembers no run replays its whole history for every task: what is not repeatable shows at once."""

import asyncio

from temporalio.client import Client

from runtime.client import Rehearsal
from tests.workflows.shell import Desk, FakeLedger, shell
from tests.workflows.test_ledger_away import check_whole


async def test_bursts_pauses_and_an_absent_ledger_are_repeated_exactly(
    temporal_client: Client, ledger: FakeLedger
) -> None:
    async with shell(temporal_client, ledger, rehearsal=Rehearsal(max_events=120), cached_runs=0) as clues:
        desk = Desk(clues)
        await desk.report()
        for turn in range(3):
            await asyncio.gather(*(desk.do("acknowledge", id=f"{turn}-{n}") for n in range(20)))
            ledger.mode = "failing" if turn % 2 == 0 else "well"
            for n in range(5):
                await desk.do("acknowledge", id=f"alone-{turn}-{n}")
                await asyncio.sleep(0.06 * n)  # about and beyond what counts as a burst
        ledger.mode = "well"
        await desk.flushed(ledger)
        check_whole(desk, ledger)
        assert not {e for e in await desk.events() if "TASK_FAILED" in e}
        await desk.to_the_end()
        await desk.finished()
        assert ledger.state(desk.clue_no).stage == "closed"
