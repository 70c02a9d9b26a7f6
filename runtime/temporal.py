"""One way to speak with Temporal, shared by client, worker, replayer and tests.

What is here must be the same everywhere: a payload written by one process is read by another, and a sandbox
that passes a module through here and not there breaks class identity (`isinstance`, dataclass `==`).
"""

import asyncio
import logging
import zlib
from collections.abc import Sequence
from datetime import timedelta
from functools import cache
from typing import Final

from temporalio.api.common.v1 import Payload
from temporalio.client import Client
from temporalio.contrib.pydantic import PydanticJSONPlainPayloadConverter
from temporalio.converter import (
    CompositePayloadConverter,
    DataConverter,
    DefaultPayloadConverter,
    JSONPlainPayloadConverter,
    PayloadCodec,
)
from temporalio.runtime import (
    LogForwardingConfig,
    LoggingConfig,
    PrometheusConfig,
    Runtime,
    TelemetryConfig,
    TelemetryFilter,
)
from temporalio.service import RPCError
from temporalio.worker import UnsandboxedWorkflowRunner
from temporalio.worker.workflow_sandbox import SandboxedWorkflowRunner, SandboxRestrictions

from runtime.errors import PortBusy, ServiceUnreachable
from runtime.settings import Settings

# A server that has just started takes connections before it takes calls.
NOT_YET = ("not healthy yet", "call error after connection")
READY_TRIES = 100
READY_PAUSE = 0.1  # seconds

COMPRESS_ABOVE = 1024  # bytes; below this the frame costs more than it saves
ENCODING = b"binary/zlib"

# `domain` is pure and pinned by lint to have no clock or randomness; messages and the workflows' small helpers hold
# only definitions; the others have no state that a workflow could see. A message class made anew for each run would
# also need a validator of its own (milliseconds each). The workflows themselves are reloaded per run, as the sandbox
# wants it.
PASSTHROUGH = (
    "domain",
    "activities",
    "workflows.messages",
    "workflows.search",
    "workflows.batches",
    "workflows.errands",
    "workflows.judged",
    "workflows.outbox",
    "workflows.pulled",
    "workflows.pushed",
    "workflows.spread",
    "pydantic",
    "pydantic_core",
    "annotated_types",
    "typing_extensions",
    "typing_inspection",
)


class ZlibCodec(PayloadCodec):
    """Compresses payloads over COMPRESS_ABOVE bytes; payloads of other encodings pass through untouched."""

    async def encode(self, payloads: Sequence[Payload]) -> list[Payload]:
        return [_compress(payload) for payload in payloads]

    async def decode(self, payloads: Sequence[Payload]) -> list[Payload]:
        return [_expand(payload) for payload in payloads]


def _compress(payload: Payload) -> Payload:
    if len(payload.data) <= COMPRESS_ABOVE:
        return payload
    packed = zlib.compress(payload.SerializeToString(deterministic=True), level=6)
    return Payload(metadata={"encoding": ENCODING}, data=packed)


def _expand(payload: Payload) -> Payload:
    if payload.metadata.get("encoding") != ENCODING:
        return payload
    return Payload.FromString(zlib.decompress(payload.data))


# Building the validator of a message takes milliseconds (20 for a clue's start), and the SDK makes a converter
# for every run: so all of them share this one, and its validators.
_JSON: Final = PydanticJSONPlainPayloadConverter()


class SharedPydanticConverter(CompositePayloadConverter):
    """The SDK's Pydantic converter, with validators that are built once per process."""

    def __init__(self) -> None:
        usual = DefaultPayloadConverter.default_encoding_payload_converters
        super().__init__(*(_JSON if isinstance(c, JSONPlainPayloadConverter) else c for c in usual))


@cache
def data_converter() -> DataConverter:
    """Pydantic's JSON for dataclasses, compressed when large."""
    return DataConverter(payload_converter_class=SharedPydanticConverter, payload_codec=ZlibCodec())


def workflow_runner() -> UnsandboxedWorkflowRunner:
    """What workers run workflows with: as they are. Lint keeps clocks and randomness out of `workflows` and `domain`,
    and the tests replay and run them under `sandbox_runner` (docs/adr/0014).
    """
    return UnsandboxedWorkflowRunner()


def sandbox_runner() -> SandboxedWorkflowRunner:
    """The SDK's sandbox with the shared passthrough list: for tests, which it tells what lint did not see."""
    restrictions = SandboxRestrictions.default.with_passthrough_modules(*PASSTHROUGH)
    return SandboxedWorkflowRunner(restrictions=restrictions)


@cache
def sdk_runtime(metrics_address: str) -> Runtime:
    """The SDK's engine with its Prometheus endpoint on `metrics_address` (host:port), once per process.

    Raises PortBusy.
    """
    metrics = PrometheusConfig(bind_address=metrics_address)
    try:
        return Runtime(telemetry=TelemetryConfig(logging=_core_logs(), metrics=metrics))
    except (RuntimeError, ValueError) as err:
        raise PortBusy(f"指标端口 {metrics_address} 不能用：请改 CLUEFLOW_SDK_METRICS_PORT") from err


@cache
def core_logs_to_python() -> None:
    """Sends what the SDK's engine logs through Python's logging: by itself it prints on stdout.

    To be called before the first client; stdout belongs to what a command answers.
    """
    Runtime.set_default(Runtime(telemetry=TelemetryConfig(logging=_core_logs())), error_if_already_set=False)


def _core_logs() -> LoggingConfig:
    forwarding = LogForwardingConfig(logger=logging.getLogger("temporalio.core"))
    return LoggingConfig(
        filter=TelemetryFilter(core_level="WARN", other_level="ERROR"), forwarding=forwarding
    )


async def connect(settings: Settings, *, lazy: bool = False) -> Client:
    """Connects to `settings.temporal_address`.

    `lazy` puts the first contact off to the first call. Raises ServiceUnreachable (exit code 5).
    """
    address = settings.temporal_address
    if not address:
        raise ServiceUnreachable("没有可用的 Temporal：请先运行 make up，或设置 TEMPORAL_ADDRESS")
    port = settings.sdk_metrics_port
    runtime = sdk_runtime(f"{settings.monitor_host}:{port}") if port is not None else None
    for attempt in range(READY_TRIES):
        try:
            return await Client.connect(
                address,
                namespace=settings.temporal_namespace,
                data_converter=data_converter(),
                runtime=runtime,
                lazy=lazy,
            )
        except (RPCError, RuntimeError, ValueError) as err:
            early = any(words in str(err) for words in NOT_YET)
            if not early or attempt == READY_TRIES - 1:
                raise ServiceUnreachable(f"连不上 Temporal（{address}）：请确认它已启动、地址无误") from err
        await asyncio.sleep(READY_PAUSE)
    raise AssertionError("not reached")


def sticky_timeout(settings: Settings) -> timedelta:
    """How long a clue waits for a worker that died before another one takes it over."""
    return timedelta(milliseconds=settings.sticky_timeout_ms)
