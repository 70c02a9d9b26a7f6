"""What clients and workflows say to each other: names and payloads. Imports nothing but the core."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from domain.chain import GENESIS, Sealed
from domain.model import ClueState, Command
from domain.packs import Rulebook

CLUE_WORKFLOW: Final = "ClueWorkflow"
NUMBERING_WORKFLOW: Final = "NumberingWorkflow"
COMMAND: Final = "command"  # Update: CommandMessage -> Answer
CLUE: Final = "clue"  # Query: QueryArgs -> the contract's JSON
TIP: Final = "tip"  # Query: -> Tip
STATE: Final = "state"  # Query: -> ClueState
CARRIED: Final = "carried"  # Query: -> Carried
RULES: Final = "rules"  # Query: -> RulesRef
RULEBOOK: Final = "rulebook"  # Query: -> Rulebook
OUTBOX: Final = "outbox"  # Query: number -> Outbox
ASSIGN: Final = "assign"  # Update: AssignNumber -> clue number

# Beside the contract's codes: the run was started from a state that is not the clue's newest.
STALE_STATE: Final = "stale_state"
# How a run ends in which nothing was ever reported, so that its number may be used again.
NOTHING_REPORTED: Final = "nothing_reported"

# A dead worker's task goes to another one after this long; see also the worker's sticky time-out.
WORKFLOW_TASK_TIMEOUT: Final = timedelta(seconds=2)


def clue_workflow_id(clue_no: str) -> str:
    return f"clue/{clue_no}"


def clue_no_of(workflow_id: str) -> str:
    return workflow_id.removeprefix("clue/")


def numbers_workflow_id(region: str) -> str:
    return f"numbers/{region}"


@dataclass(frozen=True)
class ClueStart:
    """What a run begins with; everything from `state` on is carried over from the run before.

    `packs`: a scenario's own choice. `clock_offset` is added to the workflow's clock, and only in a
    `rehearsal` may a command name its own instant. `resumed`: the state was read from the record after the
    clue's last run had ended; `outbox` then holds the last event, whose flush tells whether that was the
    newest. `max_events`: history events after which the run continues as new, where not the usual number.
    `pulled`: the ledger comes for the events; runs without it are older and bring them (`workflows.pushed`).
    """

    clue_no: str
    rules: Rulebook
    packs: tuple[str, ...] | None = None
    clock_offset: timedelta = timedelta(0)
    rehearsal: bool = False
    max_events: int | None = None
    state: ClueState | None = None
    seq: int = 0
    hash: str = GENESIS
    last: Sealed | None = None
    outbox: tuple[Sealed, ...] = ()
    resumed: bool = False
    previous_run_id: str = ""
    pulled: bool = False


@dataclass(frozen=True)
class CommandMessage:
    """One command; `at` is its instant in a rehearsal, ignored elsewhere. `rules` come with `change_rules`."""

    command: Command
    at: datetime | None = None
    rules: Rulebook | None = None


@dataclass(frozen=True)
class QueryArgs:
    """`as_of`: the instant to show, the asker's now. `days`: with the reasons day by day."""

    as_of: datetime
    days: bool = False


@dataclass(frozen=True)
class Tip:
    """How far the clue has come; `trouble` says why the ledger refused its events for good, where it did."""

    seq: int
    hash: str
    stage: str
    ended: bool
    trouble: str = ""


@dataclass(frozen=True)
class Carried:
    """What a new run needs of one that has ended; `last` is None before the report."""

    state: ClueState
    last: Sealed | None


@dataclass(frozen=True)
class RulesRef:
    """Which rules the clue goes by; `key` names the very excerpt that it keeps. `seq`: its last event."""

    version: str
    key: str
    seq: int


@dataclass(frozen=True)
class Outbox:
    """The first events behind the number that was asked for, at most a batch; `seq` is the clue's last number."""

    seq: int
    sealed: tuple[Sealed, ...]


@dataclass(frozen=True)
class AssignNumber:
    """Asks for a clue number of one day (`yyyymmdd`, Shanghai); the same key gets the same number again."""

    key: str
    day: str


@dataclass(frozen=True)
class NumbersStart:
    """The counters of one finder region by day, and the numbers given of late by key."""

    region: str
    counters: dict[str, int]
    given: dict[str, str]
    max_events: int | None = None
