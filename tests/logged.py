"""What a module logs, whatever the process has done about its logs before."""

from __future__ import annotations

from collections.abc import MutableMapping
from typing import Any

import pytest
import structlog


def logged(monkeypatch: pytest.MonkeyPatch, module: str) -> list[MutableMapping[str, Any]]:
    """The lines that its `log` writes from now on. A logger that was used after `configure_logs` is kept as it was
    then, so that structlog's own `capture_logs` sees nothing of it.
    """
    capture = structlog.testing.LogCapture()
    monkeypatch.setattr(f"{module}.log", structlog.wrap_logger(structlog.PrintLogger(), processors=[capture]))
    return capture.entries
