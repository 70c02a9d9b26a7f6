"""The commands of `starter.py`, gathered; each stands in a module of its own.

Only the module of the command that is asked for is loaded: the servers and the pages take seconds that
`play` need not wait for.
"""

from __future__ import annotations

from importlib import import_module

import typer

# name: (module, function, what the list of commands says)
COMMANDS = {
    "up": ("cli.up", "up", "启动整套服务：Temporal、PostgreSQL、工作进程、网页"),
    "demo": ("cli.demo", "demo", "用真实的 Temporal 与 PostgreSQL 演一遍周庄两船案"),
    "play": ("cli.play", "play", "演练场景，核对每一步"),
    "record": ("cli.recording", "record", "把一条真实线索写成场景，去掉个人信息"),
    "whatif": ("cli.whatif", "whatif", "换一套规则、期限或日历，过去的线索会有谁逾期"),
    "start": ("cli.clue", "start", "登记一条线索，通知属地"),
    "import": ("cli.importing", "import_", "按映射导入表格（CSV、XLSX、GeoJSON），每行一条线索"),
    "do": ("cli.clue", "do", "对一条线索执行一条命令"),
    "query": ("cli.clue", "query", "看一条线索：阶段、义务与期限、时间线"),
    "watch": ("cli.clue", "watch", "跟看一条线索的时间线"),
    "commands": ("cli.commands", "commands", "列出全部命令及其内容"),
    "locate": ("cli.locate", "locate", "判定一处地点归谁：候选区县、份额、交界、建议"),
    "list": ("cli.lists", "list_", "列出线索，最先到期的在前"),
    "inbox": ("cli.lists", "inbox", "看一个机构的收件箱"),
    "channels": ("cli.channels", "app", "通知渠道：检查配置，试发一条"),
    "calendar": ("cli.calendar", "calendar", "一个机构的办理期限，iCalendar 格式"),
    "rules": ("cli.rules", "app", "规则：检查规则包，解释期限，变更在办线索的规则"),
    "suspend": ("cli.regional", "suspend", "中止一个地区的计时（如不可抗力）"),
    "resume": ("cli.regional", "resume", "结束或撤销一个区域中止决定"),
    "suspensions": ("cli.regional", "suspensions", "列出区域中止决定与它动过的日期"),
    "verify": ("cli.record", "verify", "核对台账的哈希链"),
    "rebuild": ("cli.record", "rebuild", "由事件重建查询用的表"),
    "reconcile": ("cli.record", "reconcile", "核对台账与工作流"),
    "doctor": ("cli.doctor", "doctor", "检查全部服务与环境，说明怎么办"),
}


def app_for(wanted: str | None) -> typer.Typer:
    """The application with the command `wanted` loaded, the others by name only."""
    app = typer.Typer(
        add_completion=False,
        pretty_exceptions_enable=False,
        context_settings={"help_option_names": ["-h", "--help"]},
        no_args_is_help=True,
    )
    app.callback()(_root)
    for name, (module, function, says) in COMMANDS.items():
        if name != wanted:
            app.command(name, help=says)(_not_loaded)
            continue
        found = getattr(import_module(module), function)
        if isinstance(found, typer.Typer):
            app.add_typer(found, name=name)
        else:
            app.command(name)(found)
    return app


def _root() -> None:
    """线索通 ClueFlow：跨界环境线索，从发现到书面反馈与问责。"""


def _not_loaded() -> None:
    raise AssertionError("the command asked for is always loaded")
