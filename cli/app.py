"""The commands of `starter.py`, gathered; each stands in a module of its own."""

from __future__ import annotations

import typer
from typer import rich_utils

rich_utils.ARGUMENTS_PANEL_TITLE = "参数"
rich_utils.OPTIONS_PANEL_TITLE = "选项"
rich_utils.COMMANDS_PANEL_TITLE = "命令"
rich_utils.ERRORS_PANEL_TITLE = "用法有误"
rich_utils.REQUIRED_LONG_STRING = "[必填]"
rich_utils.DEFAULT_STRING = "[默认：{}]"

app = typer.Typer(
    help="线索通 ClueFlow：跨界环境线索，从发现到书面反馈与问责。",
    add_completion=False,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
    no_args_is_help=True,
)


@app.callback()
def _root() -> None:
    """线索通 ClueFlow：跨界环境线索，从发现到书面反馈与问责。"""


from cli import play as _play  # noqa: E402
from cli import rules as _rules  # noqa: E402

app.command("play")(_play.play)
app.add_typer(_rules.app, name="rules")


@app.command("up")
def _up() -> None:
    """启动整套服务：Temporal、PostgreSQL、工作进程、网页；Ctrl-C 结束。"""
    from cli.up import up  # the web and the workers: loaded only where they run

    up()
