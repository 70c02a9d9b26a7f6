"""Prometheus metrics of a worker: its activities, its way to the ledger, and the notices that it carries out.

The SDK has its own, `runtime.temporal.sdk_runtime`.
"""

from __future__ import annotations

import time
from typing import Any, Final

from prometheus_client import Counter, Gauge, Histogram
from temporalio import activity
from temporalio.worker import ActivityInboundInterceptor, ExecuteActivityInput, Interceptor

SECONDS: Final = Histogram(
    "clueflow_activity_seconds",
    "How long an activity took, in seconds",
    ["activity"],
    buckets=(0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.3, 1, 3, 10),
)
FAILED: Final = Counter(
    "clueflow_activity_failed_total", "Activities that failed, by kind", ["activity", "kind"]
)
CALENDAR_DAYS: Final = Gauge(
    "clueflow_calendar_days_left", "Days for which the official holiday notice is known, today included"
)
BEHIND: Final = Gauge("clueflow_ledger_behind_clues", "Clues with events that are on their way to the ledger")
CONFLICTS: Final = Counter(
    "clueflow_ledger_conflicts_total", "Times that the ledger refused events for good: a person must look"
)


class Measured(Interceptor):
    """Times every activity of a worker and counts its failures."""

    def intercept_activity(self, next: ActivityInboundInterceptor) -> ActivityInboundInterceptor:
        return _Inbound(super().intercept_activity(next))


class _Inbound(ActivityInboundInterceptor):
    async def execute_activity(self, input: ExecuteActivityInput) -> Any:
        name, began = activity.info().activity_type, time.perf_counter()
        try:
            return await super().execute_activity(input)
        except BaseException as err:
            FAILED.labels(name, getattr(err, "type", None) or type(err).__name__).inc()
            raise
        finally:
            SECONDS.labels(name).observe(time.perf_counter() - began)


NOTICE_SECONDS: Final = Histogram(
    "clueflow_notice_seconds",
    "How long a gateway took to answer, in seconds, by the channel's kind",
    ["kind"],
    buckets=(0.01, 0.03, 0.1, 0.3, 1, 3, 10, 20),
)
NOTICE_SENT: Final = Counter(
    "clueflow_notice_attempts_total",
    "Attempts to carry notices out, by kind and outcome",
    ["kind", "outcome"],
)
NOTICE_EXHAUSTED: Final = Counter(
    "clueflow_notice_exhausted_total", "Notices that no channel of a lane took; they stand in the inbox alone"
)
NOTICE_FLYING: Final = Gauge("clueflow_notices_in_flight", "Messages being sent now")
