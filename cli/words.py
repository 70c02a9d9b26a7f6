"""The parser's own English words in Chinese: the help's headings, and what it says of a mistyped line."""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import partial
from typing import Any, Final

HELP: Final = "显示这份说明"
_USAGE: Final = (("Usage: ", "用法："), ("[OPTIONS]", "[选项]"), ("COMMAND [ARGS]...", "命令 [参数]…"))
# What kind of value follows; a flag has none.
_KINDS: Final = {
    "<str>": "<文字>",
    "<int>": "<整数>",
    "<float>": "<数>",
    "<int range>": "<整数>",
    "<float range>": "<数>",
    "<list[str]>": "<文字>",
    "<path>": "<文件>",
    "<list[Path]>": "<文件>",
    "<bool>": "",
}
# What the parser or pydantic says, and what people read.
_SAID: Final = tuple(
    (re.compile(pattern), words)
    for pattern, words in (
        (r"Got unexpected extra argument(?:s|\(s\))? \((.*)\)", r"多出了参数：\1"),
        (r"Option '(.+)' requires an argument\.?", r"\1 后面要有值"),
        (r"Option '(.+)' requires (\d+) arguments\.?", r"\1 后面要有 \2 个值"),
        (r"Option '(.+)' does not take a value\.?", r"\1 不带值"),
        (r"Input should be a valid integer.*", "应为整数"),
        (r"Input should be a valid number.*", "应为数"),
        (r"Input should be greater than or equal to (.+)", r"应不小于 \1"),
        (r"Input should be less than or equal to (.+)", r"应不大于 \1"),
        (r"Input should be greater than (.+)", r"应大于 \1"),
        (r"Input should be less than (.+)", r"应小于 \1"),
        (r"(?:Value )?'?(.+?)'? is not a valid (.+?)\.?", r"“\1”不合要求"),
        (r"'?(.+?)'? is not one of (.+?)\.?", r"“\1”不在其中：\2"),
        (r"Missing command\.?", "缺少命令"),
    )
)


def in_chinese(message: str) -> str:
    """The parser's complaint in Chinese; as it is where it is Chinese already, or not known."""
    for pattern, words in _SAID:
        if found := pattern.fullmatch(message):
            return found.expand(words)
    return message


def _panels() -> None:
    """The frames of the help; here, since drawing them takes half a second to load, and few ask for help."""
    from typer import rich_utils

    rich_utils.ARGUMENTS_PANEL_TITLE = "参数"
    rich_utils.OPTIONS_PANEL_TITLE = "选项"
    rich_utils.COMMANDS_PANEL_TITLE = "命令"
    rich_utils.ERRORS_PANEL_TITLE = "用法有误"
    rich_utils.REQUIRED_LONG_STRING = "[必填]"
    rich_utils.DEFAULT_STRING = "[默认：{}]"
    rich_utils.ENVVAR_STRING = "[环境变量：{}]"


def _kind(english: Callable[[Any], str], ctx: Any) -> str:
    said = english(ctx)
    return _KINDS.get(said, said)


def translate(command: Any) -> Any:
    """The help of a command and of all below it in Chinese. The parser has no door for that: it is put over it."""
    usage, option = command.get_usage, command.get_help_option

    def get_usage(context: Any) -> str:
        _panels()
        text: str = usage(context)
        for english, chinese in _USAGE:
            text = text.replace(english, chinese, 1)
        return text

    def get_help_option(context: Any) -> Any:
        found = option(context)
        if found is not None:
            found.help = HELP
            found.display_type = lambda _context: ""
        return found

    command.get_usage, command.get_help_option = get_usage, get_help_option
    for parameter in command.params:
        parameter.display_type = partial(_kind, parameter.display_type)
    for below in getattr(command, "commands", {}).values():
        translate(below)
    return command
