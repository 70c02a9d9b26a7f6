"""A worker's health endpoint and its metrics."""

import asyncio

import pytest
from prometheus_client import REGISTRY
from temporalio import activity
from temporalio.testing import ActivityEnvironment
from temporalio.worker import ActivityInboundInterceptor, ExecuteActivityInput

from runtime.health import health_server
from runtime.metrics import Measured


async def asked(port: int, line: str) -> str:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(f"{line}\r\n\r\n".encode())
    answer = await reader.read()
    writer.close()
    return answer.split(b"\r\n")[0].decode()


@pytest.mark.parametrize(("ready", "status"), [(True, "200 OK"), (False, "503 Service Unavailable")])
async def test_ready_is_what_the_check_says(ready: bool, status: str) -> None:
    async def check() -> bool:
        return ready

    async with health_server(0, check) as port:
        assert await asked(port, "GET /readyz HTTP/1.1") == f"HTTP/1.1 {status}"
        assert await asked(port, "GET /healthz HTTP/1.1") == "HTTP/1.1 200 OK"
        assert await asked(port, "GET /else HTTP/1.1") == "HTTP/1.1 404 Not Found"
        assert await asked(port, "nonsense") == "HTTP/1.1 404 Not Found"


async def test_a_failing_check_is_not_ready() -> None:
    async def check() -> bool:
        raise OSError

    async with health_server(0, check) as port:
        assert await asked(port, "GET /readyz HTTP/1.1") == "HTTP/1.1 503 Service Unavailable"


async def test_activities_are_timed_and_their_failures_counted() -> None:
    class Next(ActivityInboundInterceptor):
        def __init__(self) -> None:
            pass

        async def execute_activity(self, input: ExecuteActivityInput) -> object:
            raise ZeroDivisionError

    @activity.defn
    async def run() -> None:
        given = ExecuteActivityInput(fn=run, args=[], executor=None, headers={})
        await Measured().intercept_activity(Next()).execute_activity(given)

    labels = {"activity": ActivityEnvironment.default_info().activity_type, "kind": "ZeroDivisionError"}
    before = REGISTRY.get_sample_value("clueflow_activity_failed_total", labels) or 0
    with pytest.raises(ZeroDivisionError):
        await ActivityEnvironment().run(run)
    assert REGISTRY.get_sample_value("clueflow_activity_failed_total", labels) == before + 1
