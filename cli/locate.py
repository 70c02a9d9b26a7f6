"""`starter.py locate`: whose is a place, before anybody registers anything."""

from __future__ import annotations

from datetime import date, datetime
from typing import Annotated

import typer
from rich.markup import escape
from rich.table import Table

from cli.given import word
from cli.output import console, emit_json
from cli.services import the_placer, the_rules
from domain.labels import CRS, MATTERS, SOURCES
from domain.model import shanghai_day
from geo import wording
from geo.atlas import Atlas
from geo.placed import Placing
from geo.placing import place
from runtime.rules import Rules

KINDS = {
    "sea": "海上",
    "abroad": "境外",
    "not_in_force": "当日无此区划",
    "vague": "范围太大",
    "impossible": "坐标有误",
}
EXITS = {"placed": 0, "impossible": 2, "vague": 2}  # the others: nobody found, 4
NOT_FOUND = 4


def locate(
    lon: Annotated[
        float | None, typer.Argument(metavar="LON", help="经度（西经、南纬为负数时前面加 --）")
    ] = None,
    lat: Annotated[float | None, typer.Argument(metavar="LAT", help="纬度")] = None,
    crs: Annotated[
        str, typer.Option("--crs", help="坐标系：wgs84、gcj02（高德、腾讯）、bd09（百度）")
    ] = "wgs84",
    radius: Annotated[float | None, typer.Option("--radius", min=0, help="误差半径（米）")] = None,
    source: Annotated[
        str | None, typer.Option("--source", help="线索来源；satellite 默认误差 20 公里")
    ] = None,
    matter: Annotated[str, typer.Option("--matter", help="事项，决定主管部门")] = "solid_waste",
    on: Annotated[
        str | None, typer.Option("--on", help="哪一天的区划与法律，如 2026-08-15；不给则为今天")
    ] = None,
    missing: Annotated[bool, typer.Option("--missing", help="列出区划表有、界线图没有的区县")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="输出 JSON")] = False,
) -> None:
    """判定一处地点归谁：候选区县与所占份额、交界、相邻区县、建议与依据。没有属地的 4，坐标有误的 2。"""
    rules, atlas = the_rules(), the_placer().atlas
    day = _day(on)
    if missing:
        _missing(rules, atlas, day, as_json)
        return
    if lon is None or lat is None:
        raise typer.BadParameter("请写经度和纬度，如 locate 120.845 31.115")
    crs, matter = word("--crs", crs, CRS), word("--matter", matter, MATTERS)
    source = None if source is None else word("--source", source, SOURCES)
    found = place(atlas, rules, lon, lat, on=day, crs=crs, radius_m=radius, source=source, matter=matter)
    if as_json:
        said = found.to_json() | {"on": day.isoformat(), "counties": atlas.source}
        emit_json(said | {"basis_text": wording.basis(found, rules)})
    else:
        show(found, rules)
    raise typer.Exit(EXITS.get(found.kind, NOT_FOUND))


def _day(text: str | None) -> date:
    if text is None:
        return shanghai_day(datetime.now().astimezone())
    try:
        return date.fromisoformat(text)
    except ValueError:
        raise typer.BadParameter(f"--on：“{text}”不是日期，应写成 2026-08-15") from None


def show(found: Placing, rules: Rules) -> None:
    """The placing as people read it."""
    out = console()
    if found.kind in KINDS:
        out.print(f"[bold yellow]{KINDS[found.kind]}[/]", soft_wrap=True)
    else:
        radius = f"误差半径 {wording.distance(found.radius_m)}（{found.radius_basis}）"
        out.print(f"WGS-84：东经 {found.lon:.6f}，北纬 {found.lat:.6f}；{escape(radius)}", soft_wrap=True)
        out.print(_table(found))
        out.print(f"交界：{_border(found)}", soft_wrap=True)
        beside = "、".join(n.name + ("（在范围内）" if n.reach else "") for n in found.adjacent)
        out.print(f"相邻：{beside or '无'}", soft_wrap=True)
    out.print(f"[bold]{escape(found.proposal)}[/]", soft_wrap=True)
    if why := wording.basis(found, rules):
        out.print(f"依据：{escape(why)}", soft_wrap=True)


def _table(found: Placing) -> Table:
    table = Table("区划代码", "区县", "份额")
    for candidate in found.candidates:
        mark = "" if candidate.in_force else "（当日无此区划）"
        table.add_row(candidate.region, candidate.name + mark, wording.percent(candidate.share))
    for name, share in (("海上", found.sea), ("境外", found.abroad)):
        if share > 0:
            table.add_row("", name, wording.percent(share))
    return table


def _border(found: Placing) -> str:
    tolerance = f"容差 {wording.distance(found.tolerance_m)}，{wording.UNITS[found.tolerance_basis]}"
    away = "" if found.border_m is None else f"，距最近的另一区县约 {wording.distance(found.border_m)}"
    return f"{'是' if found.border else '否'}{away}（{tolerance}）"


def missing_regions(rules: Rules, atlas: Atlas, on: date) -> list[tuple[str, str]]:
    """The counties in force that day that have no polygon of their own."""
    return [
        (code, row.name)
        for code in sorted(rules.regions)
        if (row := rules.region(code, on)) is not None and row.level == "county" and code not in atlas
    ]


def _missing(rules: Rules, atlas: Atlas, on: date, as_json: bool) -> None:
    without = missing_regions(rules, atlas, on)
    if as_json:
        emit_json(
            {"counties": atlas.source, "polygons": len(atlas.codes), "missing": [c for c, _ in without]}
        )
        return
    out = console()
    for code, name in without:
        out.print(f"{code} {name}")
    out.print(
        f"界线图有 {len(atlas.codes)} 个区县；{on.isoformat()} 区划表中的区县有 {len(without)} 个没有界线"
    )
