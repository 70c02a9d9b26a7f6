"""What the command line prints: Chinese for people on a console, or one JSON value a line."""

from __future__ import annotations

import re
import sys
from datetime import datetime
from typing import Any

import orjson
from rich.console import Console
from rich.markup import escape
from rich.text import Text

from domain import text
from domain.labels import ERRORS
from runtime.rules import Rules

_AGENCY = re.compile(r"(?<![\w.])(?:\d{6}|group)\.[a-z]+(?![\w.])", re.ASCII)
PIPED_WIDTH = 120  # columns where nobody says how wide the page is


class _Console(Console):
    """Whoever read our output may have gone (`| head`): that is for `main` to end quietly, not for rich with 1."""

    def on_broken_pipe(self) -> None:
        raise BrokenPipeError


def console(*, stderr: bool = False) -> Console:
    """A console on what is now stdout or stderr."""
    stream = sys.stderr if stderr else sys.stdout
    width = None if stream.isatty() else PIPED_WIDTH
    return _Console(file=stream, width=width, highlight=False, soft_wrap=False)


def emit_json(value: Any) -> None:
    """One JSON value on one line of stdout."""
    try:
        sys.stdout.write(orjson.dumps(value).decode() + "\n")
        sys.stdout.flush()
    except BrokenPipeError:
        raise BrokenPipeError from None  # without its number, by which the parser would exit with 1


def complain(code: str, message: str) -> None:
    """What went wrong, on stderr; `code` is a refusal's, or empty."""
    head = f"{escape(code)}（{ERRORS[code]}）：" if code else "✗ "
    console(stderr=True).print(f"[bold red]{head}[/]{escape(message)}", soft_wrap=True)


def named(said: str, rules: Rules) -> str:
    """The text with every agency's id replaced by its name."""
    return _AGENCY.sub(lambda found: rules.agency_name(found[0]), said)


def verdict(passed: bool) -> Text:
    return Text("✓", style="green") if passed else Text("✗", style="bold red")


def when(instant: str | None) -> str:
    """An instant of an answer as people say it; a midnight is 24:00 of the day that ends."""
    return "" if instant is None else text.when(datetime.fromisoformat(instant))
