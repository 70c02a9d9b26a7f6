"""Runs one command and turns whatever went wrong into a Chinese sentence and the contract's exit code."""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from typer.exceptions import TyperException
from typer.main import get_command

from cli.app import app_for
from cli.output import complain, emit_json
from cli.words import in_chinese, translate
from domain.errors import DomainError
from domain.labels import ERRORS
from domain.shapes import nearest
from runtime.errors import GroundError, UnknownRule

if TYPE_CHECKING:
    from runtime.rules import Rules

USAGE, REFUSED, NOT_FOUND, INTERRUPTED = 2, 3, 4, 130
_AGENCY = re.compile(r"(?<![\w.])(?:\d{6}|group)\.[a-z]+(?![\w.])")
_DOMAIN_CODES = {"invalid_input": USAGE, "unknown_clue": NOT_FOUND}


def main(argv: Sequence[str]) -> int:
    """The exit code of the command `argv`; nothing but a fault of the program itself is raised."""
    as_json = "--json" in argv
    wanted = next((word for word in argv if not word.startswith("-")), None)
    try:
        command = translate(get_command(app_for(wanted)))
        answer = command.main(args=list(argv), prog_name="starter.py", standalone_mode=False)
    except DomainError as err:
        _say(as_json, err.code, err.message)
        return _DOMAIN_CODES.get(err.code, REFUSED)
    except GroundError as err:
        _say(as_json, _snake(type(err).__name__), str(err))
        return err.exit_code
    except UnknownRule as err:
        _say(as_json, "invalid_input", str(err))
        return USAGE
    except TyperException as err:
        if type(err).__name__ == "NoArgsIsHelpError":  # the help is on the screen already
            return USAGE
        _say(as_json, "usage", _usage(err))
        return USAGE
    except (KeyboardInterrupt, EOFError):
        return INTERRUPTED
    except BrokenPipeError:
        # Whoever read our output has gone; what is left in the buffer must not complain again.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except Exception as err:  # a typed Abort has no public base
        if type(err).__name__ != "Abort":
            raise
        return INTERRUPTED
    return answer if isinstance(answer, int) else 0


def _say(as_json: bool, code: str, message: str) -> None:
    if as_json:
        emit_json({"error": code, "message": message})
    complain(code if code in ERRORS else "", _named(message))


def _named(message: str) -> str:
    """With the agencies' names beside their ids, where the rules can be read."""
    if not _AGENCY.search(message):
        return message  # the rules take a second to load
    from runtime.rules import load_rules
    from runtime.settings import get_settings

    try:
        rules = load_rules(get_settings().rules_dir)
    except GroundError:
        return message
    return _AGENCY.sub(lambda found: _both(found[0], rules), message)


def _both(agency: str, rules: Rules) -> str:
    known = rules.agency_status(agency, datetime.now(UTC).date()) != "unknown"
    return f"{rules.agency_name(agency)}（{agency}）" if known else agency


def _snake(name: str) -> str:
    """ServiceUnreachable as service_unreachable, the word that --json gives for it."""
    return "".join(f"_{c.lower()}" if c.isupper() else c for c in name).lstrip("_")


def _usage(err: Any) -> str:
    """The parser's complaint in Chinese, with the nearest right word for a mistyped one."""
    kind = type(err).__name__
    context = getattr(err, "ctx", None)
    if kind == "NoSuchOption":
        return f"没有 {err.option_name} 这个选项" + _guess(err.option_name, _options(context))
    if kind == "MissingParameter" and err.param is not None:
        named = err.param.param_type_name == "option"
        name = err.param.opts[0] if named else f"参数 {str(err.param.name).upper()}"
        return f"缺少 {name}，用 {_path(context)} --help 看用法"
    if kind == "BadParameter" and err.param is not None:
        return f"{err.param.opts[0]} 的值不对：{in_chinese(str(err.message))}"
    if kind == "BadParameter":
        return in_chinese(str(err.message))
    commands = getattr(context.command, "commands", None) if context is not None else None
    if commands is not None:
        typed = err.message.split("'")[1] if err.message.count("'") >= 2 else ""
        if typed:
            return f"没有“{typed}”这个命令" + _guess(typed, commands) + "（--help 列出全部）"
        return "缺少命令，用 --help 列出全部"
    return f"{in_chinese(str(err.message))}（用 {_path(context)} --help 看用法）"


def _options(context: Any) -> list[str]:
    return [] if context is None else [o for p in context.command.params for o in p.opts if o[:1] == "-"]


def _path(context: Any) -> str:
    return "starter.py" if context is None else str(context.command_path)


def _guess(word: str, words: Any) -> str:
    found = nearest(word, words)
    return f"，是否想写 {found}" if found else ""
