"""What hypothesis draws for the core: junk of every kind, and right data with one thing put wrong."""

from __future__ import annotations

import copy
from typing import Any

from hypothesis import strategies as st

from tests.domain.story import BOOK, DIGEST, EVIDENCE

T = "2026-05-11T09:00:00+08:00"
REPORT: dict[str, Any] = {
    "clue_no": "XS-1",
    "source": "checkpoint",
    "source_ref": "周庄",
    "title": "两船",
    "description": "装载建筑垃圾",
    "matter": "construction_waste",
    "discovered_at": T,
    "emergency": False,
    "place": {"lon": 120.8, "lat": 31.1, "crs": "wgs84", "radius_m": 0, "address": "周庄", "region": "310118"},
    "from_agency": "320509.eco",
    "to_agency": "310118.eco",
    "seizure": "查获两船",
    "suspects": [{"kind": "person", "name": "张三", "id_no": "310118199001011234", "phone": "13800000000"}],
    "waste": {"type": "渣土", "origin": "青浦", "quantity_t": 1000, "destination": "泰兴"},
    "vehicles": [
        {"kind": "vessel", "name": "甲船", "mmsi": "413", "driver": "李四", "driver_phone": "13900000000",
         "track": [{"at": T, "lon": 0, "lat": 0}]}
    ],
    "responsible_persons": ["王五"],
    "reporter": {"name": "赵六", "phone": "13700000000", "confidential": True},
    "drill": False,
}  # fmt: skip
REASON = {"reason": "理由"}
# One right example of every command's data.
EXAMPLES: dict[str, dict[str, Any]] = {
    "report": REPORT,
    "notify": {"to_agency": "310118.eco", "message": "请核实"},
    "acknowledge": {"message": "收到", "eta": T},
    "flag_evidence_at_risk": REASON,
    "arrive": {"officers": ["QP-01"], "at": T},
    "convene_inspection": {
        "mode": "spot_check", "at": T, "leader": "WJ-01", "members": ["WJ-01", "WJ-02"], "invited": [],
    },
    "respond_invitation": {"attending": True, "officers": ["QP-01"], "reason": "参加"},
    "record_inspection": {
        "finding": "confirmed", "started_at": T, "ended_at": T, "record": "暗管一处",
        "checks": {"permit": False}, "damage_found": True,
    },
    "sign_record": {"officer_id": "WJ-01"},
    "amend_clue": {"changes": {"waste": {"type": "污泥"}, "suspects": [{"name": "张三"}]}},
    "add_evidence": {"items": [{**EVIDENCE, "taken_at": T, "taken_by": "WJ-01", "monitor_reviewed": True}]},
    "start_transfer": {"note": "启动"},
    "send_transfer": {"letter_no": "移1号", "manifest": [DIGEST], "signature": "签"},
    "send_supplement": {"manifest": [DIGEST], "note": "补充"},
    "receive_transfer": {"manifest": [DIGEST], "signature": "签"},
    "return_transfer": {"reason": "不全", "missing": ["笔录"]},
    "dispute_jurisdiction": {"reason": "不在辖区", "suggested_region": "330421"},
    "rule_jurisdiction": {"agency": "330421.eco", "reason": "行为地"},
    "reroute": {"to_agency": "330421.eco", "reason": "派错"},
    "file_case": {"decision": "filed", "case_no": "1号", "reason": "属实"},
    "give_feedback": {
        "letter_no": "馈1号", "outcome": "penalty", "details": "罚款", "amount": 100.5, "documents": ["决定书"],
    },
    "return_feedback": REASON,
    "accept_feedback": {},
    "request_extension": {"duty": "ack", "days": 3, "reason": "检测"},
    "decide_extension": {"duty": "ack", "approved": True, "reason": "同意"},
    "suspend_duty": {"duty": "ack", "reason": "鉴定"},
    "resume_duty": {"duty": "ack", "reason": "毕"},
    "suspend_region": {"order_no": "环中1", "region": "31", "reason": "台风", "duties": ["ack"]},
    "resume_region": {"order_no": "环中1", "reason": "台风过境", "undo": True},
    "supervise": {"order_no": "督1", "agency": "310118.eco", "demand": "办理", "days": 3},
    "reply_supervision": {"order_no": "督1", "reply": "已办"},
    "open_accountability": {"units": ["310118.eco"], "persons": ["某人"], "facts": "推诿"},
    "decide_accountability": {"outcome": "通报批评", "reason": "属实"},
    "commend": {"units": ["320509.eco"], "persons": ["某人"], "facts": "迅速"},
    "notify_damage": {"details": "河岸受损"},
    "start_damage_investigation": {"case_no": "损1号", "details": "启动"},
    "change_rules": {
        "change_id": "变更-1", "reason": "办法修订", "approver": "某人", "version": BOOK.version, "undoes": "变更-0",
    },
    "merge_into": {"clue_no": "XS-2", "reason": "同案"},
    "withdraw": {"reason": "误报"},
    "close": {},
}  # fmt: skip

junk_scalars = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.sampled_from([10**400, -(10**400), 10**4000, float("nan"), float("inf"), -0.0, 1e308]),
    st.floats(),
    st.text(max_size=8),
    st.sampled_from(["", " ", "\x00", "\ud800", "a" * 6000, "999999.eco", "310118.eco", "group.", "group.none"]),
    st.sampled_from([T, "2026-05-11", "2026-05-11T09:00", "2026-13-40T99:99+08:00", "9999-12-31T23:59:59-12:00",
                     "0001-01-01T00:00:00+14:00"]),
)  # fmt: skip
junk: st.SearchStrategy[Any] = st.recursive(
    junk_scalars,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=6), inner, max_size=3),
    max_leaves=8,
)


def _paths(value: Any, at: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    found = [at] if at else []
    keys: Any = value if isinstance(value, dict) else range(len(value)) if isinstance(value, list) else ()
    for key in keys:
        found += _paths(value[key], (*at, key))
    return found


@st.composite
def spoiled(draw: st.DrawFn, name: str) -> Any:
    """Right data of that command with one value, at any depth, replaced, left out or added."""
    data = copy.deepcopy(EXAMPLES[name])
    paths = _paths(data)
    if not paths or draw(st.integers(0, 9)) == 0:
        return draw(junk)
    *way, last = draw(st.sampled_from(paths))
    place: Any = data
    for key in way:
        place = place[key]
    how = draw(st.sampled_from(["replace", "replace", "replace", "leave out", "add"]))
    if how == "leave out":
        del place[last]
    elif how == "add" and isinstance(place, dict):
        place[draw(st.text(max_size=6))] = draw(junk)
    else:
        place[last] = draw(junk)
    return data
