"""The workflow that counts clue numbers, over several runs."""

from temporalio.client import Client

from tests.workflows.shell import FakeLedger, fresh_no, shell
from workflows import messages as m
from workflows.numbering import recent


async def test_numbers_and_who_has_them_go_along_to_the_next_run(
    temporal_client: Client, ledger: FakeLedger
) -> None:
    async with shell(temporal_client, ledger) as clues:
        region = fresh_no("R").replace("-", "")
        run = await temporal_client.start_workflow(
            m.NUMBERING_WORKFLOW,
            m.NumbersStart(region, {}, {}, max_events=40),
            id=m.numbers_workflow_id(region),
            task_queue=clues.task_queue,
        )
        first_run = (await run.describe()).run_id

        async def assigned(key: str, day: str) -> str:
            handle = temporal_client.get_workflow_handle(m.numbers_workflow_id(region))
            number: str = await handle.execute_update(m.ASSIGN, m.AssignNumber(key, day), result_type=str)
            return number

        numbers = [await assigned(f"k{n}", "20260302") for n in range(20)]
        assert numbers == [f"XS-{region}-20260302-{n:04d}" for n in range(1, 21)]
        assert (await temporal_client.get_workflow_handle(run.id).describe()).run_id != first_run
        assert await assigned("k0", "20260303") == numbers[0]  # the same report again, after midnight
        assert await assigned("new", "20260303") == f"XS-{region}-20260303-0001"


def test_what_was_given_long_ago_is_forgotten_and_its_count_is_not() -> None:
    counters = {"20260101": 3, "20260302": 1}
    given = {"old": "XS-320583-20260101-0003", "new": "XS-320583-20260302-0001"}
    assert recent(counters, given) == {"new": "XS-320583-20260302-0001"}
