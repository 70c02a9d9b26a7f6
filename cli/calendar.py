"""`starter.py calendar`: an agency's terms as an iCalendar file."""

from __future__ import annotations

import asyncio
import os
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import typer

from cli.lists import known_agency
from cli.output import console
from cli.services import prepare, the_ledger, the_rules
from ledger.terms import terms
from notices.ical import DONE_KEPT, TermsFeed, feed


def calendar(
    agency: Annotated[str, typer.Argument(metavar="AGENCY", help="机构，如 310118.eco")],
    out: Annotated[Path | None, typer.Option("--out", help="写到这个文件；不给则写到标准输出")] = None,
) -> None:
    """一个机构的办理期限，iCalendar 格式，可导入手机与邮件程序的日历。"""
    known_agency("AGENCY", agency)
    if out is not None and not out.parent.is_dir():
        raise typer.BadParameter(f"--out：没有目录 {out.parent}")
    found = asyncio.run(_feed(agency))
    if out is None:
        sys.stdout.buffer.write(found.body)
        return
    beside = out.with_name(f".{out.name}.{os.getpid()}")
    beside.write_bytes(found.body)
    beside.replace(out)
    console().print(f"已写到 {out}", soft_wrap=True)


async def _feed(agency: str) -> TermsFeed:
    settings, now = prepare(), datetime.now(UTC)
    async with the_ledger(settings) as engine:
        found = await terms(engine, agency, now - DONE_KEPT)
    return feed(agency, found, now, the_rules(), settings.public_url)
