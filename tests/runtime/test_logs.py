"""Logs carry ids and never people."""

import io
import json
import logging
from collections.abc import Iterator
from typing import Any

import pytest
import structlog
from hypothesis import given
from hypothesis import strategies as st

from runtime.logs import MASK, PERSONAL_KEYS, configure_logs, get_logger, log_context, mask
from runtime.settings import Settings


@pytest.fixture
def stream() -> Iterator[io.StringIO]:
    """Where this test's log lines go; the process's logging is put back afterwards."""
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    out = io.StringIO()
    configure_logs(Settings(), stream=out)
    yield out
    root.handlers[:] = handlers
    root.setLevel(level)
    structlog.reset_defaults()


def lines(stream: io.StringIO) -> list[dict[str, Any]]:
    return [json.loads(line) for line in stream.getvalue().splitlines()]


def test_a_line_is_json_with_the_ids_of_its_context(stream: io.StringIO) -> None:
    with log_context(clue_no="XS-1", command_id="c-1"):
        get_logger("test").info("command accepted", stage="notified")
    get_logger("test").info("later")
    first, later = lines(stream)
    assert first["event"] == "command accepted"
    assert (first["clue_no"], first["command_id"], first["stage"]) == ("XS-1", "c-1", "notified")
    assert first["level"] == "info"
    assert first["timestamp"].endswith("Z")
    assert "clue_no" not in later


def test_the_standard_library_speaks_the_same_way(stream: io.StringIO) -> None:
    with log_context(clue_no="XS-2"):
        logging.getLogger("temporalio.workflow").warning("slept %d", 3, extra={"phone": "13800000000"})
    (line,) = lines(stream)
    assert (line["event"], line["logger"], line["clue_no"]) == ("slept 3", "temporalio.workflow", "XS-2")
    assert line["phone"] == MASK


def test_an_exception_is_one_line(stream: io.StringIO) -> None:
    try:
        raise ValueError("坏")
    except ValueError:
        get_logger("test").exception("failed")
    (line,) = lines(stream)
    assert "ValueError: 坏" in line["exception"]


@pytest.mark.parametrize("key", sorted(PERSONAL_KEYS))
def test_personal_data_are_masked_at_any_depth(stream: io.StringIO, key: str) -> None:
    secret = "张三13800000000"
    get_logger("test").info("seen", **{key: secret}, clue={"vehicles": [{key: secret, "mmsi": "1"}]})
    assert secret not in stream.getvalue()
    assert lines(stream)[0]["clue"]["vehicles"] == [{key: MASK, "mmsi": "1"}]


PERSONAL = st.sampled_from(sorted(PERSONAL_KEYS))
PLAIN = st.text().filter(lambda key: key not in PERSONAL_KEYS)
SECRET = "不得外泄"
NESTED = st.recursive(
    st.integers() | st.text(),
    lambda inner: (
        st.lists(inner) | st.dictionaries(PLAIN, inner) | st.dictionaries(PERSONAL, st.just(SECRET))
    ),
)


@given(NESTED)
def test_no_shape_lets_a_personal_value_through(value: Any) -> None:
    assert SECRET not in str(mask(value))


def test_a_terminal_gets_text(monkeypatch: pytest.MonkeyPatch) -> None:
    class Terminal(io.StringIO):
        def isatty(self) -> bool:
            return True

    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    out = Terminal()
    try:
        configure_logs(Settings(), stream=out)
        get_logger("test").info("hello", phone="138")
    finally:
        root.handlers[:] = handlers
        root.setLevel(level)
        structlog.reset_defaults()
    assert "hello" in out.getvalue()
    assert "138" not in out.getvalue()
    with pytest.raises(json.JSONDecodeError):
        json.loads(out.getvalue())
