"""The converter, the sandbox and the errors of the one Temporal client."""

import asyncio
import socket
from dataclasses import dataclass
from datetime import UTC, datetime

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st
from temporalio.api.common.v1 import Payload
from temporalio.api.workflowservice.v1 import DescribeNamespaceRequest
from temporalio.client import Client

from runtime.embedded.temporal import EmbeddedTemporal, free_port
from runtime.errors import PortBusy, ServiceUnreachable
from runtime.namespace import prepare_namespace
from runtime.settings import Settings
from runtime.temporal import COMPRESS_ABOVE, ENCODING, ZlibCodec, connect, data_converter, sandbox_runner


@dataclass(frozen=True)
class Note:
    at: datetime
    text: str


@given(st.binary(max_size=5000), st.dictionaries(st.text(max_size=20), st.binary(max_size=20), max_size=3))
def test_the_codec_gives_back_what_it_took(data: bytes, metadata: dict[str, bytes]) -> None:
    payload = Payload(metadata={**metadata, "encoding": b"json/plain"}, data=data)
    codec = ZlibCodec()
    (encoded,) = asyncio.run(codec.encode([payload]))
    assert asyncio.run(codec.decode([encoded])) == [payload]
    assert (encoded.metadata["encoding"] == ENCODING) == (len(data) > COMPRESS_ABOVE)


def test_a_payload_of_another_codec_passes_through() -> None:
    other = Payload(metadata={"encoding": b"binary/encrypted"}, data=b"x" * 2000)
    assert asyncio.run(ZlibCodec().decode([other])) == [other]


async def test_dataclasses_come_back_as_they_were_and_smaller() -> None:
    note = Note(datetime(2024, 4, 3, 1, tzinfo=UTC), "周庄" * 1000)
    (payload,) = await data_converter().encode([note])
    assert len(payload.data) < 500
    assert await data_converter().decode([payload], [Note]) == [note]


def test_domain_passes_through_the_sandbox() -> None:
    assert "domain" in sandbox_runner().restrictions.passthrough_modules


async def test_no_server_is_a_sentence_and_exit_code_5() -> None:
    with pytest.raises(ServiceUnreachable, match="连不上 Temporal") as caught:
        await connect(Settings(temporal_address=f"127.0.0.1:{free_port()}"))
    assert caught.value.exit_code == 5


async def test_no_address_says_how_to_get_one() -> None:
    with pytest.raises(ServiceUnreachable, match="make up"):
        await connect(Settings(temporal_address=None))


async def test_preparing_a_namespace_again_changes_nothing(
    temporal_client: Client, temporal_settings: Settings
) -> None:
    fresh = temporal_settings.model_copy(update={"temporal_namespace": "another", "retention_days": 3})
    client = await connect(fresh)
    await prepare_namespace(client, fresh)
    assert await retention_days(client) == 3
    await prepare_namespace(client, fresh.model_copy(update={"retention_days": 9}))
    await prepare_namespace(client, fresh.model_copy(update={"retention_days": 1}))
    assert await retention_days(client) == 9, "a longer retention is left alone"


async def retention_days(client: Client) -> int:
    found = await client.workflow_service.describe_namespace(
        DescribeNamespaceRequest(namespace=client.namespace)
    )
    days: int = found.config.workflow_execution_retention_ttl.ToTimedelta().days
    return days


async def test_the_sdk_shows_its_metrics_and_a_taken_port_is_named(dev_server: EmbeddedTemporal) -> None:
    port = free_port()
    settings = Settings(temporal_address=dev_server.address, sdk_metrics_port=port)
    await connect(settings)
    async with httpx.AsyncClient() as browser:
        shown = await browser.get(f"http://127.0.0.1:{port}/metrics")
    assert "temporal_request" in shown.text
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        busy = taken.getsockname()[1]
        with pytest.raises(PortBusy, match=str(busy)):
            await connect(settings.model_copy(update={"sdk_metrics_port": busy}))
