"""What the program needs of a Temporal namespace, made idempotently on any server, embedded or not."""

import asyncio
from datetime import timedelta

from google.protobuf.duration_pb2 import Duration
from temporalio.api.enums.v1 import IndexedValueType
from temporalio.api.namespace.v1 import NamespaceConfig
from temporalio.api.operatorservice.v1 import AddSearchAttributesRequest, ListSearchAttributesRequest
from temporalio.api.workflowservice.v1 import (
    DescribeNamespaceRequest,
    RegisterNamespaceRequest,
    UpdateNamespaceRequest,
)
from temporalio.client import Client
from temporalio.service import RPCError, RPCStatusCode

from runtime.errors import ServiceUnreachable
from runtime.logs import get_logger
from runtime.settings import Settings

# Search attributes hold no personal data: agencies, stages and dates only.
SEARCH_ATTRIBUTES = {
    "ClueStage": "Keyword",
    "ClueParties": "KeywordList",
    "ClueMatter": "Keyword",
    "ClueNextDue": "Datetime",
    "ClueLevel": "Int",
    "ClueDrill": "Bool",
}
_TYPES = {
    "Keyword": IndexedValueType.INDEXED_VALUE_TYPE_KEYWORD,
    "KeywordList": IndexedValueType.INDEXED_VALUE_TYPE_KEYWORD_LIST,
    "Datetime": IndexedValueType.INDEXED_VALUE_TYPE_DATETIME,
    "Int": IndexedValueType.INDEXED_VALUE_TYPE_INT,
    "Bool": IndexedValueType.INDEXED_VALUE_TYPE_BOOL,
}
READY_TRIES = 150
READY_PAUSE = 0.1  # seconds; a server that has just started may not know its namespace yet
_NOT_YET = {RPCStatusCode.UNAVAILABLE, RPCStatusCode.DEADLINE_EXCEEDED, RPCStatusCode.NOT_FOUND}

log = get_logger(__name__)


async def prepare_namespace(client: Client, settings: Settings) -> None:
    """Makes the namespace if it is missing, registers the search attributes, and sets the retention.

    Where the server does not let us (another operator's), what is there stays and the log says so. A longer
    retention than ours is left alone. Raises ServiceUnreachable when the server does not answer.
    """
    for attempt in range(READY_TRIES):
        try:
            await _ensure_namespace(client, timedelta(days=settings.retention_days))
            await register_search_attributes(client)
            return
        except RPCError as err:
            if err.status not in _NOT_YET or attempt == READY_TRIES - 1:
                raise ServiceUnreachable(
                    f"Temporal 命名空间 {client.namespace} 准备不好（{err.status.name}：{err.message}）"
                ) from err
        await asyncio.sleep(READY_PAUSE)


async def _ensure_namespace(client: Client, retention: timedelta) -> None:
    """Raises RPCError NOT_FOUND also when it has just made it: servers learn of it with a delay."""
    service = client.workflow_service
    try:
        found = await service.describe_namespace(DescribeNamespaceRequest(namespace=client.namespace))
    except RPCError as err:
        if err.status is RPCStatusCode.NOT_FOUND:
            await _register(client, retention)
        raise
    if found.config.workflow_execution_retention_ttl.ToTimedelta() >= retention:
        return
    config = NamespaceConfig(workflow_execution_retention_ttl=_duration(retention))
    try:
        await service.update_namespace(UpdateNamespaceRequest(namespace=client.namespace, config=config))
    except RPCError as err:
        if err.status in _NOT_YET:
            raise
        log.warning("the server keeps its own retention", status=err.status.name)


async def _register(client: Client, retention: timedelta) -> None:
    request = RegisterNamespaceRequest(
        namespace=client.namespace, workflow_execution_retention_period=_duration(retention)
    )
    try:
        await client.workflow_service.register_namespace(request)
    except RPCError as err:
        if err.status is not RPCStatusCode.ALREADY_EXISTS:
            raise


async def register_search_attributes(client: Client) -> None:
    """Adds the search attributes that the namespace does not have yet. Raises RPCError."""
    known = await _known_attributes(client)
    missing = {name: _TYPES[kind] for name, kind in SEARCH_ATTRIBUTES.items() if name not in known}
    if not missing:
        return
    try:
        await client.operator_service.add_search_attributes(
            AddSearchAttributesRequest(namespace=client.namespace, search_attributes=missing)
        )
    except RPCError as err:
        if err.status is not RPCStatusCode.ALREADY_EXISTS:  # another process did the same
            raise


async def _known_attributes(client: Client) -> set[str]:
    request = ListSearchAttributesRequest(namespace=client.namespace)
    try:
        listed = await client.operator_service.list_search_attributes(request)
    except RPCError as err:
        if err.status is RPCStatusCode.UNIMPLEMENTED:  # the time-skipping server can add, not list
            return set()
        raise
    return set(listed.custom_attributes)


def _duration(value: timedelta) -> Duration:
    duration = Duration()
    duration.FromTimedelta(value)
    return duration
