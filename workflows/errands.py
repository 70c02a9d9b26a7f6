"""The activities of a clue, each with its time-outs and retries."""

from __future__ import annotations

from activities import messages as ledger
from temporalio import workflow


async def flush_briefly(batch: ledger.FlushBatch) -> ledger.FlushDone:
    """One attempt inside the workflow's task. FailureError where the ledger does not answer in time."""
    done: ledger.FlushDone = await workflow.execute_local_activity(
        ledger.FLUSH_EVENTS_LOCAL,
        batch,
        result_type=ledger.FlushDone,
        schedule_to_close_timeout=ledger.FLUSH_LOCAL_TIMEOUT,
        retry_policy=ledger.FLUSH_LOCAL_RETRY,
    )
    return done


async def flush(batch: ledger.FlushBatch) -> ledger.FlushDone:
    """Again and again until the ledger has it. FailureError where it refuses the batch for good."""
    done: ledger.FlushDone = await workflow.execute_activity(
        ledger.FLUSH_EVENTS,
        batch,
        result_type=ledger.FlushDone,
        start_to_close_timeout=ledger.FLUSH_TIMEOUT,
        retry_policy=ledger.FLUSH_RETRY,
    )
    return done


async def settle(clue_no: str, seq: int, digest: str) -> ledger.FlushDone:
    """Has the ledger come for everything up to that event. FailureError where it refuses it for good."""
    said = ledger.Said(clue_no, workflow.info().run_id, seq, digest)
    done: ledger.FlushDone = await workflow.execute_activity(
        ledger.SETTLE,
        said,
        result_type=ledger.FlushDone,
        start_to_close_timeout=ledger.SETTLE_TIMEOUT,
        retry_policy=ledger.SETTLE_RETRY,
    )
    return done


async def keep_history(clue_no: str, run_id: str) -> None:
    """Keeps the history of another run of this clue before the server forgets it."""
    await workflow.execute_activity(
        ledger.EXPORT_HISTORY,
        ledger.RunRef(workflow.info().workflow_id, run_id, clue_no),
        start_to_close_timeout=ledger.EXPORT_TIMEOUT,
        retry_policy=ledger.EXPORT_RETRY,
    )
