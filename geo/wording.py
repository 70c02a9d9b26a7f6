"""What a placing says to people, in one or two Chinese sentences."""

from __future__ import annotations

from typing import Final

from geo.placed import Placing
from runtime.rules import Rules

NAMED: Final = 3  # candidates named in a sentence; the table beside it has them all
TRUST: Final = {"V": "已核对原文", "V2": "据转引", "LOW": "所据文本存疑", "MEM": "未核对原文"}
UNITS: Final = {"agreed": "约定", "assumption": "推定"}


def percent(share: float) -> str:
    """62%, 0.4%, 不足0.1%: never 0 % of what is there, nor 100 % of what is not whole."""
    value = share * 100
    if 0 < value < 0.1:
        return "不足0.1%"
    if value < 1 or 99 < value < 99.95:
        return f"{value:.1f}%"
    return f"{value:.0f}%" if value < 99.95 or share > 1 - 1e-6 else "99.9%以上"


def distance(metres: float) -> str:
    """850 米, 20 公里."""
    return f"{metres:.0f} 米" if metres < 1000 else f"{metres / 1000:.4g} 公里"


def vague(radius_m: float, most_m: float) -> str:
    return f"误差半径 {distance(radius_m)}，太大（至多 {distance(most_m)}），不能据以确定属地，请缩小范围或写明行政区划代码。"


def proposal(p: Placing, rules: Rules) -> str:
    """Who should get the clue, or which agencies should look together, and why; else why nobody follows."""
    if p.kind == "sea":
        return f"该处在海上，不在任何区县的陆域之内，没有属地部门可作收件机构；请由人工确定（如海事或海警）。{_beside_sea(p)}"
    if p.kind == "abroad":
        return "该处在境外或远海，不在国内任何区县之内，没有收件机构；请核对坐标与坐标系，经纬度可能写反了。"
    if p.kind == "not_in_force":
        return "".join(p.notes) + "没有收件机构，请人工确定。"
    return "".join([_whose(p), _who(p, rules), _rest(p), *p.notes])


def _beside_sea(p: Placing) -> str:
    names = "、".join(n.name for n in p.adjacent if n.reach)
    return f"近岸的有：{names}。" if names else ""


def _whose(p: Placing) -> str:
    shown = "、".join(f"{c.name}（{percent(c.share)}）" for c in p.candidates[:NAMED])
    more = f"等 {len(p.candidates)} 个区县" if len(p.candidates) > NAMED else ""
    if p.given:
        if not p.disagrees:
            return f"所填属地为{p.region_name}，与坐标相符。"
        lies = f"坐标落在{shown}{more}" if shown else "坐标不在任何区县之内"
        return f"所填属地{p.region_name}与坐标不符：{lies}；以所填为准，请核对。"
    if len(p.candidates) > 1:
        where = f"误差范围（半径 {distance(p.radius_m)}）" if p.radius_m else "该点"
        return f"{where}跨{shown}{more}。"
    if p.border and p.border_m is not None:
        return (
            f"位于{p.region_name}，距最近的界线约 {distance(p.border_m)}，"
            f"小于界线图的容差 {distance(p.tolerance_m)}（{UNITS[p.tolerance_basis]}）。"
        )
    return f"位于{p.region_name}。"


def _who(p: Placing, rules: Rules) -> str:
    if p.basis is None:
        return ""
    if p.addressee is None and p.region is not None and p.region.startswith(("71", "81", "82")):
        return "港澳台地区不适用本规程，没有收件机构，请人工确定联系渠道。"
    if p.addressee is None:
        return f"{p.region_name}在当日没有可作收件机构的主管部门，请人工确定。"
    main = rules.agency_name(p.addressee)
    if not p.agencies:
        return f"建议由{main}承办。"
    others = "、".join(rules.agency_name(a) for a in p.agencies if a != p.addressee)
    why = "所填属地如此" if p.given else "所占最大" if len(p.candidates) > 1 else "该点在其境内"
    return f"属交界地带，建议由{main}（{why}）与{others}联合检查，查明属地后再定承办。"


def _rest(p: Placing) -> str:
    said = ""
    if p.sea > 1e-6:
        said += f"另有 {percent(p.sea)} 在海上。"
    if p.abroad > 1e-6:
        said += f"另有 {percent(p.abroad)} 在境外。"
    return said


def basis(p: Placing, rules: Rules) -> str:
    """Which department and by which law; empty where no matter was given."""
    if p.basis is None:
        return ""
    name = rules.departments[p.basis.department].county
    law = f"；当日施行的是{p.basis.statute}" if p.basis.statute else ""
    law = "；登记的法律里没有它当日施行的文本，只供参考" if p.basis.not_in_force else law
    trust = f"（{TRUST[p.basis.trust]}）" if p.basis.trust in TRUST else ""
    return f"{name}：{p.basis.text}{law}{trust}"
