"""Trying again until there is a definite answer, and small parts of the shell."""

import asyncio

import pytest
from temporalio.client import WorkflowUpdateRPCTimeoutOrCancelledError
from temporalio.common import SearchAttributePair, TypedSearchAttributes
from temporalio.service import RPCError, RPCStatusCode

from domain.chain import GENESIS, Sealed
from domain.model import blank
from runtime.errors import ServiceUnreachable
from runtime.rules import load_rules
from runtime.sending import AT_ONCE, Gates, TryAgain, until_answered
from workflows import search
from workflows.batches import MOST_BYTES, MOST_EVENTS, next_batch


def failing(*errors: BaseException):
    left = list(errors)

    async def attempt() -> str:
        if left:
            raise left.pop(0)
        return "answer"

    return attempt


def rpc(status: RPCStatusCode) -> RPCError:
    return RPCError(status.name, status, b"")


async def test_what_passes_is_tried_again() -> None:
    errors = (
        rpc(RPCStatusCode.RESOURCE_EXHAUSTED), rpc(RPCStatusCode.UNAVAILABLE), TryAgain("x"),
        WorkflowUpdateRPCTimeoutOrCancelledError(),
    )  # fmt: skip
    assert await until_answered(failing(*errors), 10) == "answer"


async def test_what_is_said_is_not() -> None:
    with pytest.raises(RPCError):
        await until_answered(failing(rpc(RPCStatusCode.INVALID_ARGUMENT)), 10)


async def test_it_ends_also_where_the_sdk_hides_the_cancellation() -> None:
    async def hangs() -> str:
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError as err:
            raise WorkflowUpdateRPCTimeoutOrCancelledError from err
        return ""

    with pytest.raises(ServiceUnreachable):
        await until_answered(hangs, 0.05)


async def test_who_gives_up_is_let_go() -> None:
    task = asyncio.create_task(until_answered(failing(*[TryAgain("x")] * 1000), 60))
    await asyncio.sleep(0)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task


async def test_no_more_than_a_few_stand_at_one_clue_at_a_time() -> None:
    gates, inside, most = Gates(), 0, 0

    async def one(clue_no: str) -> None:
        nonlocal inside, most
        async with gates.at(clue_no):
            inside += 1
            most = max(most, inside)
            await asyncio.sleep(0)
            inside -= 1

    await asyncio.gather(*(one("A") for _ in range(50)))
    assert most == AT_ONCE


def sealed(n: int, size: int) -> Sealed:
    return Sealed("A", n, "x" * size, GENESIS, GENESIS)


def test_a_batch_keeps_both_limits_and_is_never_empty() -> None:
    assert len(next_batch([sealed(n, 10) for n in range(1, 500)])) == MOST_EVENTS
    assert len(next_batch([sealed(n, MOST_BYTES // 4) for n in range(1, 9)])) == 4
    assert len(next_batch([sealed(1, MOST_BYTES * 2), sealed(2, 1)])) == 1


def test_an_upsert_is_made_only_for_news() -> None:
    assert not search.worth_showing(
        TypedSearchAttributes([]), search.attributes(blank("A"), load_rules().rulebook)
    )
    shown = TypedSearchAttributes(
        [SearchAttributePair(search.STAGE, "notified"), SearchAttributePair(search.LEVEL, 0)]
    )
    risen = TypedSearchAttributes(
        [SearchAttributePair(search.STAGE, "notified"), SearchAttributePair(search.LEVEL, 1)]
    )
    assert not search.worth_showing(shown, shown)
    assert search.worth_showing(shown, risen)
    assert search.updates(shown, risen) == [search.LEVEL.value_set(1)]
