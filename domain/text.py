"""The sentence that people read on the timeline for each event. No personal data goes in here."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from typing import Any

from domain import labels, moves
from domain.calendar import SHANGHAI
from domain.model import ClueState, Event, instant

_SHORT = 120


def short(value: Any) -> str:
    """Free text, cut to a length that a line bears; the whole is in the event."""
    said = str(value).strip().replace("\n", " ")
    return said if len(said) <= _SHORT else said[: _SHORT - 1] + "…"


def when(at: datetime) -> str:
    """An instant as people say a deadline: a midnight is 24:00 of the day that ends."""
    at = at.astimezone(SHANGHAI)
    if (at.hour, at.minute, at.second) == (0, 0, 0):
        return f"{at - timedelta(days=1):%Y-%m-%d} 24:00"
    return f"{at:%Y-%m-%d %H:%M}"


def sentence(state: ClueState, event: Event) -> str:
    """`state` is the state before the event."""
    return _SENTENCES[event.type](state, event.data)


def _duty(s: ClueState, d: dict[str, Any]) -> str:
    duty = s.duties[d["n"]]
    return f"{duty.obliged} 的“{labels.DUTIES[duty.id]}”"


def _with(lead: str, value: Any) -> str:
    return f"{lead}：{short(value)}" if value else lead


def _reported(s: ClueState, d: dict[str, Any]) -> str:
    clue = d["clue"]
    lead = f"登记线索“{short(clue['title'])}”，来源：{labels.SOURCES[clue['source']]}，事项：{labels.MATTERS[clue['matter']]}"
    return lead + _placed(d)


def _placed(d: dict[str, Any]) -> str:
    """What the coordinates say, where that is more than one region's name: a border, or nobody's land."""
    placing = d.get("placing")
    if placing is None:
        return ""
    if placing.get("outdated"):
        return "；位置已改，属地判定有待重做"
    plain = placing["kind"] == "placed" and not placing["border"] and not placing["disagrees"]
    return "" if plain and placing["addressee"] else f"。属地判定：{placing['proposal']}"


def _notified(s: ClueState, d: dict[str, Any]) -> str:
    return _with(f"通知 {'、'.join(d['to'])}" if d["to"] else "发出通知", d.get("message"))


def _convened(s: ClueState, d: dict[str, Any]) -> str:
    invited = f"，邀请 {'、'.join(d['invited'])}" if d["invited"] else ""
    at = when(instant(d["at"]))
    return f"召集{labels.MODES[d['mode']]}，{at}，组长 {d['leader']}，成员 {'、'.join(d['members'])}{invited}"


def _recorded(s: ClueState, d: dict[str, Any]) -> str:
    damage = "；发现生态环境损害" if d.get("damage_found") else ""
    return f"检查结论：{labels.FINDINGS[d['finding']]}。{short(d['record'])}{damage}"


def _amended(s: ClueState, d: dict[str, Any]) -> str:
    """Which fields, and what stood there; where that may name people it is in the event alone."""
    old = d.get("old", {})
    parts = []
    for field in d["fields"]:
        told = field in old and field.partition(".")[0] not in _NAMES_PEOPLE
        was = f"（原为：{short(old[field])}）" if told else ""
        parts.append(labels.FIELDS.get(field, field) + was)
    return "补正：" + "、".join(parts) + _placed(d)


_NAMES_PEOPLE = frozenset(
    {"suspects", "vehicles", "responsible_persons", "reporter", "seizure", "description"}
)


def _items(s: ClueState, d: dict[str, Any]) -> str:
    return f"添加证据 {len(d['items'])} 件：" + short("、".join(i["name"] for i in d["items"]))


def _opened(s: ClueState, d: dict[str, Any]) -> str:
    t = d["term"]
    basis = "" if d["unit_basis"] == "explicit" else f"（{labels.UNIT_BASES[d['unit_basis']]}）"
    legal = f"，最迟 {when(instant(d['legal_due_at']))}" if d["legal_due_at"] != d["due_at"] else ""
    provisional = "，暂定" if d["provisional"] else ""
    name = labels.DUTIES[d["id"]]
    return (
        f"{d['obliged']} 应完成“{name}”，期限 {labels.term(t['n'], t['unit'])}{basis}，"
        f"{when(instant(d['due_at']))} 前{legal}{provisional}"
    )


def _fulfilled(s: ClueState, d: dict[str, Any]) -> str:
    how = "逾期履行" if d["late"] else "已履行"
    return f"{_duty(s, d)}{how}" + ("（超过内部期限）" if d.get("overdue_internal") else "")


def _redated(s: ClueState, d: dict[str, Any]) -> str:
    back = "，逾期撤销" if not d["breached"] and s.duties[d["n"]].breached_at is not None else ""
    return f"{_duty(s, d)}期限改为 {when(instant(d['due_at']))} 前{back}"


def _resumed(s: ClueState, d: dict[str, Any]) -> str:
    due = f"，期限 {when(instant(d['due_at']))} 前" if "due_at" in d else ""
    return f"{_duty(s, d)}恢复计时{due}"


def _region_suspended(s: ClueState, d: dict[str, Any]) -> str:
    return _with(
        f"区域中止决定 {short(d['order_no'])}（{d['region']}），中止 {len(d['moves'])} 项义务计时",
        d["reason"],
    )


def _pause_undone(s: ClueState, d: dict[str, Any]) -> str:
    due = when(instant(d["due_at"]))
    return f"{_duty(s, d)}的中止撤销（{short(labels.pause_cause(d['cause']))}），期限复原为 {due} 前"


def _breached(s: ClueState, d: dict[str, Any]) -> str:
    level = f"，升级至 1 级（{labels.LEVELS[1]}）" if d["level"] else ""
    return f"{_duty(s, d)}逾期未履行{level}"


def _escalated(s: ClueState, d: dict[str, Any]) -> str:
    return f"{_duty(s, d)}仍未履行，升级至 {d['level']} 级（{labels.LEVELS[d['level']]}）"


def _ruled(s: ClueState, d: dict[str, Any]) -> str:
    return _with(f"裁定由 {d['agency']} 管辖", d["reason"])


def _extension(s: ClueState, d: dict[str, Any]) -> str:
    verdict = f"批准延期 {d['days']} 日" if d["approved"] else "不批准延期"
    return _with(f"{_duty(s, d)}{verdict}", d["reason"])


def _feedback(s: ClueState, d: dict[str, Any]) -> str:
    return _with(f"书面反馈 {d['letter_no']}，结果：{labels.OUTCOMES[d['outcome']]}", d["details"])


def _filed(s: ClueState, d: dict[str, Any]) -> str:
    number = f"，案号 {d['case_no']}" if d.get("case_no") else ""
    return _with(f"立案审查：{labels.DECISIONS[d['decision']]}{number}", d.get("reason"))


def _case(s: ClueState, d: dict[str, Any]) -> str:
    return _with(f"启动问责 {d['case_no']}，单位 {'、'.join(d['units']) or '无'}", d["facts"])


def _taken_in(s: ClueState, d: dict[str, Any]) -> str:
    items = f"；那里有证据 {d['evidence']} 件，要用的请添加到本线索" if d["evidence"] else ""
    return f"{d['clue_no']} 并入本线索：{short(d['title'])}{items}"


_MOST_MOVES = 8


def _rules(s: ClueState, d: dict[str, Any]) -> str:
    """Which rules, by whom, why, and every date that moves."""
    said = [said for move in d["moves"] if (said := _move(s, move))]
    said += [f"{_duty(s, {'n': n})}新规则没有规定，仍按原期限" for n in d["kept"]]
    more = f"；等 {len(said)} 项" if len(said) > _MOST_MOVES else ""
    told = "；".join(said[:_MOST_MOVES]) + more or "各项期限不变"
    lead = f"撤销规则变更 {d['undoes']}" if d.get("undoes") else f"换用规则（变更 {d['change_id']}）"
    versions = f"{d['from_version'][:8]} → {d['version'][:8]}"
    return f"{lead}，{versions}，批准人 {short(d['approver'])}：{short(d['reason'])}。{told}"


def _move(s: ClueState, data: dict[str, Any]) -> str:
    """One duty's move, empty where nobody need hear of it."""
    move = moves.from_json(s.duties[data["n"]], data)
    b, a = move.before, move.after
    if not move.felt:
        return ""
    if b.due_at != a.due_at:
        said = f"由 {when(b.due_at)} 改为 {when(a.due_at)}"
    elif move.redated:
        said = f"最迟期限由 {when(b.legal_due_at)} 改为 {when(a.legal_due_at)}"
    else:
        said = "期限不变"
    marks = (("即告逾期", move.late), ("逾期撤销", move.taken_back), ("恢复逾期", move.restored))
    told = [said, *(word for word, holds in marks if holds), *(["暂定"] if a.provisional else [])]
    return _duty(s, data) + "，".join(told)


_SENTENCES: Mapping[str, Callable[[ClueState, dict[str, Any]], str]] = {
    "reported": _reported,
    "notified": _notified,
    "acknowledged": lambda s, d: _with("确认接收", d.get("message")),
    "evidence_at_risk_flagged": lambda s, d: _with("证据可能灭失，请立即到场", d["reason"]),
    "arrived": lambda s, d: "到场：" + "、".join(d["officers"]),
    "inspection_convened": _convened,
    "invitation_answered": lambda s, d: _with(
        "参加检查" if d["attending"] else "不参加检查", d.get("reason")
    ),
    "inspection_recorded": _recorded,
    "record_signed": lambda s, d: f"{d['officer_id']} 签署检查记录",
    "clue_amended": _amended,
    "evidence_added": _items,
    "transfer_started": lambda s, d: _with("启动移送程序", d.get("note")),
    "transfer_sent": lambda s, d: f"发出移送函 {d['letter_no']}，证据 {len(d['manifest'])} 件",
    "supplement_sent": lambda s, d: _with(f"补充证据 {len(d['manifest'])} 件", d.get("note")),
    "transfer_received": lambda s, d: f"签收移送，证据 {len(d['manifest'])} 件相符",
    "transfer_returned": lambda s, d: _with("退回移送", d["reason"]) + _missing(d),
    "jurisdiction_disputed": lambda s, d: _with("提出管辖异议", d["reason"]),
    "jurisdiction_ruled": _ruled,
    "rerouted": lambda s, d: _with(f"改派 {d['to_agency']}", d["reason"]),
    "case_filed": _filed,
    "feedback_given": _feedback,
    "feedback_returned": lambda s, d: _with("退回反馈", d["reason"]),
    "feedback_accepted": lambda s, d: "认可反馈",
    "extension_requested": lambda s, d: _with(f"{_duty(s, d)}申请延期 {d['days']} 日", d["reason"]),
    "extension_decided": _extension,
    "duty_suspend_ordered": lambda s, d: _with(f"决定中止{_duty(s, d)}计时", d["reason"]),
    "duty_resume_ordered": lambda s, d: _with(f"决定恢复{_duty(s, d)}计时", d["reason"]),
    "region_suspended": _region_suspended,
    "region_resumed": lambda s, d: _with(
        f"区域中止决定 {short(d['order_no'])} 结束，恢复 {len(d['moves'])} 项义务计时", d["reason"]
    ),
    "region_suspension_undone": lambda s, d: _with(
        f"撤销区域中止决定 {short(d['order_no'])}，{len(d['moves'])} 项义务的期限复原", d["reason"]
    ),
    "supervised": lambda s, d: _with(f"督办单 {d['order_no']}，责成 {d['agency']}", d["demand"]),
    "supervision_replied": lambda s, d: _with(f"答复督办单 {d['order_no']}", d["reply"]),
    "accountability_opened": _case,
    "accountability_decided": lambda s, d: _with(f"问责决定：{short(d['outcome'])}", d["reason"]),
    "commended": lambda s, d: _with(f"表扬 {'、'.join(d['units']) or '个人'}", d["facts"]),
    "damage_notified": lambda s, d: _with("通报生态环境损害", d["details"]),
    "damage_investigation_started": lambda s, d: _with("启动损害赔偿案件调查", d.get("case_no")),
    "rules_changed": _rules,
    "merged": lambda s, d: _with(f"并入 {d['clue_no']}", d["reason"]),
    "taken_in": _taken_in,
    "merge_undone": lambda s, d: f"与 {d['clue_no']} 互相并入，保留编号在前的本线索：撤销并案，恢复办理",
    "withdrawn": lambda s, d: _with("撤回线索", d["reason"]),
    "closed": lambda s, d: "办结归档",
    "duty_opened": _opened,
    "duty_fulfilled": _fulfilled,
    "duty_reopened": lambda s, d: f"{_duty(s, d)}恢复为待履行，期限不变",
    "duty_suspended": lambda s, d: f"{_duty(s, d)}中止计时（{short(labels.pause_cause(d['cause']))}）",
    "duty_resumed": _resumed,
    "duty_pause_undone": _pause_undone,
    "duty_redated": _redated,
    "duty_cancelled": lambda s, d: f"{_duty(s, d)}不再需要：{d['why']}",
    "duty_breached": _breached,
    "duty_escalated": _escalated,
    "duty_reminded": lambda s, d: f"{_duty(s, d)}将于 {when(instant(d['due_at']))} 到期，请尽快完成",
    "holder_reminded": lambda s, d: f"{d['holder']} 请推进：一段时间没有进展",
}


def _missing(d: dict[str, Any]) -> str:
    return f"；缺：{short('、'.join(d['missing']))}" if d["missing"] else ""
