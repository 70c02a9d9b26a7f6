"""What workflows and activities say to each other: names, payloads, time-outs and retries.

Workflows import this file and nothing else from here; it imports nothing but the core.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import Final

from temporalio.common import RetryPolicy

from domain.chain import Sealed

SETTLE: Final = "settle_ledger"
RING: Final = "clueflow_ring"  # the extern function by which a workflow tells its worker of new events
FLUSH_EVENTS: Final = "flush_events"
FLUSH_EVENTS_LOCAL: Final = "flush_events_local"
EXPORT_HISTORY: Final = "export_history"

# Error types as a workflow sees them (ApplicationError.type).
LEDGER_UNAVAILABLE: Final = "ledger_unavailable"
LEDGER_GAP: Final = "LedgerGap"
LEDGER_CONFLICT: Final = "LedgerConflict"

# Runs from before the ledger came for the events (`workflows.pushed`).
FLUSH_LOCAL_TIMEOUT: Final = timedelta(milliseconds=300)
FLUSH_LOCAL_RETRY: Final = RetryPolicy(maximum_attempts=1)

FLUSH_TIMEOUT: Final = timedelta(seconds=10)
FLUSH_RETRY: Final = RetryPolicy(
    initial_interval=timedelta(milliseconds=250),
    backoff_coefficient=2.0,
    maximum_interval=timedelta(seconds=5),
    maximum_attempts=0,
    non_retryable_error_types=[LEDGER_CONFLICT],
)

# Before a run leaves: again and again until the ledger has what it said.
SETTLE_TIMEOUT: Final = timedelta(seconds=30)
SETTLE_RETRY: Final = FLUSH_RETRY

EXPORT_TIMEOUT: Final = timedelta(seconds=60)
EXPORT_RETRY: Final = RetryPolicy(
    initial_interval=timedelta(seconds=1), maximum_interval=timedelta(seconds=30), maximum_attempts=0
)


@dataclass(frozen=True)
class Ring:
    """A clue has events up to `seq`; those up to `after` were rung for before, None where that is unknown.

    `sealed`: the very events, which count for nothing before something proves that Temporal has them.
    """

    clue_no: str
    seq: int
    after: int | None
    sealed: tuple[Sealed, ...] = ()


@dataclass(frozen=True)
class Said:
    """How far a run has come: its last event's number and hash."""

    clue_no: str
    run_id: str
    seq: int
    hash: str


@dataclass(frozen=True)
class FlushBatch:
    """Events of one clue, in order, chained; the next behind what was flushed before."""

    clue_no: str
    sealed: tuple[Sealed, ...]


@dataclass(frozen=True)
class FlushDone:
    """The ledger's tip now; `written` counts the events that it did not have."""

    clue_no: str
    seq: int
    hash: str
    written: int = 0


@dataclass(frozen=True)
class RunRef:
    """One run of a clue's workflow, whose history is to be kept. An empty `run_id` is the newest run."""

    workflow_id: str
    run_id: str
    clue_no: str
