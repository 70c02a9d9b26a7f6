"""The commands of the contract: the shape of each one's data, for checking, for help and for forms."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from domain import labels, shapes
from domain.errors import DomainError
from domain.model import Actor, Command, instant
from domain.shapes import Field, Shape, refuse

_text = Field(shapes.text, "说明")
_REASON = Field(shapes.words, "理由", required=True)
_AGENCY = Field(shapes.agency, "机构", required=True)
_DUTY = Field(shapes.words, "义务", required=True)  # an id that nobody owes is unknown_duty, whatever it is
_MANIFEST = Field(shapes.listing(shapes.digest), "证据清单（SHA-256）", required=True)
_SIGNATURE = Field(shapes.text, "签名")
_UNITS = Field(shapes.listing(shapes.agency), "单位", required=True)
_PERSONS = Field(shapes.listing(shapes.words), "个人", required=True)
_FACTS = Field(shapes.words, "事实", required=True)

PLACE = Shape(
    {
        "lon": Field(shapes.within(-180, 180), "经度"),
        "lat": Field(shapes.within(-90, 90), "纬度"),
        "crs": Field(shapes.enum(("wgs84", "gcj02", "bd09")), "坐标系"),
        "radius_m": Field(shapes.amount, "误差半径（米）"),
        "address": Field(shapes.text, "地址"),
        "region": Field(shapes.region, "行政区划代码"),
    }
)
SUSPECT = Shape(
    {
        "kind": Field(shapes.enum(("person", "company")), "类别"),
        "name": Field(shapes.text, "名称"),
        "id_no": Field(shapes.text, "证件号码"),
        "phone": Field(shapes.text, "电话"),
    }
)
TRACK = Shape(
    {
        "at": Field(shapes.moment, "时间", required=True),
        "lon": Field(shapes.within(-180, 180), "经度", required=True),
        "lat": Field(shapes.within(-90, 90), "纬度", required=True),
    }
)
VEHICLE = Shape(
    {
        "kind": Field(shapes.enum(("truck", "vessel")), "类别"),
        "name": Field(shapes.text, "车牌或船名"),
        "mmsi": Field(shapes.text, "MMSI"),
        "driver": Field(shapes.text, "驾驶员"),
        "driver_phone": Field(shapes.text, "驾驶员电话"),
        "track": Field(shapes.listing(TRACK), "行驶轨迹"),
    }
)
WASTE = Shape(
    {
        "type": Field(shapes.text, "固体废物类型"),
        "origin": Field(shapes.text, "产生源头"),
        "quantity_t": Field(shapes.amount, "转移量（吨）"),
        "destination": Field(shapes.text, "最终去向"),
    }
)
REPORTER = Shape(
    {
        "name": Field(shapes.text, "举报人"),
        "phone": Field(shapes.text, "电话"),
        "confidential": Field(shapes.boolean, "保密"),
    }
)


def _responsible(path: str, value: Any) -> Any:
    """A name, or an object of texts: the contract leaves the shape of a responsible person open."""
    if isinstance(value, dict):
        return {shapes.words(path, k): shapes.text(f"{path}.{k}", v) for k, v in value.items()}
    return shapes.words(path, value)


CLUE = Shape(
    {
        "clue_no": Field(shapes.clue_no, "线索编号"),
        "source": Field(shapes.enum(labels.SOURCES), "线索来源", required=True),
        "source_ref": Field(shapes.text, "来源编号"),
        "title": Field(shapes.words, "标题", required=True),
        "description": Field(shapes.text, "描述"),
        "matter": Field(shapes.enum(labels.MATTERS), "事项", required=True),
        "discovered_at": Field(shapes.moment, "发现时间", required=True),
        "emergency": Field(shapes.boolean, "突发"),
        "place": Field(PLACE, "地点", required=True),
        "from_agency": Field(shapes.agency, "发现方"),
        "to_agency": Field(shapes.agency, "承办方"),
        "seizure": Field(shapes.text, "查获情况"),
        "suspects": Field(shapes.listing(SUSPECT), "嫌疑人基本情况"),
        "waste": Field(WASTE, "固体废物"),
        "vehicles": Field(shapes.listing(VEHICLE), "车辆船舶"),
        "responsible_persons": Field(shapes.listing(_responsible), "负责人"),
        "reporter": Field(REPORTER, "举报人"),
        "drill": Field(shapes.boolean, "演练"),
    }
)
# What a clue is by, and what its clocks and its handling hang on, is not amended: reroute, a ruling or a
# new report change it in the open.
NOT_AMENDED = ("clue_no", "from_agency", "to_agency", "discovered_at", "drill")

ITEM = Shape(
    {
        "name": Field(shapes.words, "名称", required=True),
        "sha256": Field(shapes.digest, "SHA-256 摘要", required=True),
        "size": Field(shapes.whole(0, 1 << 50), "大小（字节）", required=True),
        "media_type": Field(shapes.words, "媒体类型", required=True),
        "kind": Field(shapes.words, "种类", required=True),
        "taken_at": Field(shapes.moment, "拍摄时间"),
        "taken_by": Field(shapes.text, "拍摄人"),
        "monitor_reviewed": Field(shapes.boolean, "监控已审核"),
    }
)


def _checks(path: str, value: Any) -> dict[str, bool]:
    if not isinstance(value, dict):
        refuse(path, "应为对象，如 {cross_province_approval: false}")
    return {shapes.words(path, k): shapes.boolean(f"{path}.{k}", v) for k, v in value.items()}


SHAPES: Mapping[str, Shape] = {
    "report": CLUE,
    "notify": Shape({"to_agency": Field(shapes.agency, "通知机构"), "message": _text}),
    "acknowledge": Shape({"message": _text, "eta": Field(shapes.moment, "预计到达")}),
    "flag_evidence_at_risk": Shape({"reason": _REASON}),
    "arrive": Shape(
        {
            "officers": Field(shapes.listing(shapes.words), "到场人员", required=True),
            "at": Field(shapes.moment, "到场时间"),
        }
    ),
    "convene_inspection": Shape(
        {
            "mode": Field(shapes.enum(labels.MODES), "检查方式", required=True),
            "at": Field(shapes.moment, "检查时间", required=True),
            "leader": Field(shapes.words, "组长", required=True),
            "members": Field(shapes.listing(shapes.words), "成员", required=True),
            "invited": Field(shapes.listing(shapes.agency), "邀请机构", required=True),
        }
    ),
    "respond_invitation": Shape(
        {
            "attending": Field(shapes.boolean, "是否参加", required=True),
            "officers": Field(shapes.listing(shapes.words), "参加人员"),
            "reason": Field(shapes.text, "理由"),
        }
    ),
    "record_inspection": Shape(
        {
            "finding": Field(shapes.enum(labels.FINDINGS), "检查结论", required=True),
            "started_at": Field(shapes.moment, "开始时间", required=True),
            "ended_at": Field(shapes.moment, "结束时间", required=True),
            "record": Field(shapes.words, "检查记录", required=True),
            "checks": Field(_checks, "核查项"),
            "damage_found": Field(shapes.boolean, "发现生态环境损害"),
        }
    ),
    "sign_record": Shape({"officer_id": Field(shapes.words, "执法人员编号", required=True)}),
    "amend_clue": Shape({"changes": Field(CLUE.partial, "补正内容", required=True)}),
    "add_evidence": Shape({"items": Field(shapes.listing(ITEM, least=1), "证据", required=True)}),
    "start_transfer": Shape({"note": _text}),
    "send_transfer": Shape(
        {"letter_no": Field(shapes.words, "移送函文号"), "manifest": _MANIFEST, "signature": _SIGNATURE}
    ),
    "send_supplement": Shape({"manifest": _MANIFEST, "note": _text}),
    "receive_transfer": Shape({"manifest": _MANIFEST, "signature": _SIGNATURE}),
    "return_transfer": Shape(
        {"reason": _REASON, "missing": Field(shapes.listing(shapes.words), "缺少的材料", required=True)}
    ),
    "dispute_jurisdiction": Shape(
        {"reason": _REASON, "suggested_region": Field(shapes.region, "建议管辖地")}
    ),
    "rule_jurisdiction": Shape({"agency": _AGENCY, "reason": _REASON}),
    "reroute": Shape({"to_agency": _AGENCY, "reason": _REASON}),
    "file_case": Shape(
        {
            "decision": Field(shapes.enum(labels.DECISIONS), "决定", required=True),
            "case_no": Field(shapes.text, "案号"),
            "reason": Field(shapes.text, "理由"),
        }
    ),
    "give_feedback": Shape(
        {
            "letter_no": Field(shapes.words, "反馈函文号", required=True),
            "outcome": Field(shapes.enum(labels.OUTCOMES), "处理结果", required=True),
            "details": Field(shapes.words, "详情", required=True),
            "amount": Field(shapes.amount, "罚款（元）"),
            "documents": Field(shapes.listing(shapes.text), "文书"),
        }
    ),
    "return_feedback": Shape({"reason": _REASON}),
    "accept_feedback": Shape(),
    "request_extension": Shape(
        {"duty": _DUTY, "days": Field(shapes.whole(1, 3650), "天数", required=True), "reason": _REASON}
    ),
    "decide_extension": Shape(
        {"duty": _DUTY, "approved": Field(shapes.boolean, "是否批准", required=True), "reason": _REASON}
    ),
    "suspend_duty": Shape({"duty": _DUTY, "reason": _REASON}),
    "resume_duty": Shape({"duty": _DUTY, "reason": _REASON}),
    "suspend_region": Shape(
        {
            "order_no": Field(shapes.words, "决定文号", required=True),
            "region": Field(shapes.region_part, "地区", required=True),
            "reason": _REASON,
            "duties": Field(shapes.listing(shapes.enum(labels.DUTIES)), "义务"),
        }
    ),
    "resume_region": Shape(
        {
            "order_no": Field(shapes.words, "决定文号", required=True),
            "reason": _REASON,
            "undo": Field(shapes.boolean, "撤销"),
        }
    ),
    "supervise": Shape(
        {
            "order_no": Field(shapes.words, "督办单号", required=True),
            "agency": _AGENCY,
            "demand": Field(shapes.words, "督办要求", required=True),
            "days": Field(shapes.whole(0, 3650), "答复期限（日）", required=True),
        }
    ),
    "reply_supervision": Shape(
        {
            "order_no": Field(shapes.words, "督办单号", required=True),
            "reply": Field(shapes.words, "答复", required=True),
        }
    ),
    "open_accountability": Shape({"units": _UNITS, "persons": _PERSONS, "facts": _FACTS}),
    "decide_accountability": Shape(
        {"outcome": Field(shapes.words, "处理决定", required=True), "reason": _REASON}
    ),
    "commend": Shape({"units": _UNITS, "persons": _PERSONS, "facts": _FACTS}),
    "notify_damage": Shape({"details": Field(shapes.words, "损害情况", required=True)}),
    "start_damage_investigation": Shape({"case_no": Field(shapes.text, "案号"), "details": _text}),
    "change_rules": Shape(
        {
            "change_id": Field(shapes.words, "变更编号", required=True),
            "reason": _REASON,
            "approver": Field(shapes.words, "批准人", required=True),
            "version": Field(shapes.words, "新规则版本", required=True),
            "undoes": Field(shapes.words, "所撤销的变更"),
        }
    ),
    "merge_into": Shape({"clue_no": Field(shapes.clue_no, "并入线索", required=True), "reason": _REASON}),
    "withdraw": Shape({"reason": _REASON}),
    "close": Shape(),
}


@dataclass(frozen=True)
class Spec:
    """One command as help and forms show it."""

    name: str
    label: str
    shape: Shape


COMMANDS: Mapping[str, Spec] = {n: Spec(n, labels.COMMANDS[n], s) for n, s in SHAPES.items()}


def check_actor(actor: Actor) -> None:
    shapes.agency("as.agency（机构）", actor.agency)
    shapes.enum(labels.ROLES)("as.role（角色）", actor.role)
    shapes.words("as.name（姓名）", actor.name)
    if actor.officer_id is not None:
        shapes.words("as.officer_id（执法人员编号）", actor.officer_id)


def check_id(command_id: object) -> None:
    """Before everything else, since a repeated id is looked up by it."""
    where = "command_id（命令编号）"
    if not 1 <= len(shapes.text(where, command_id)) <= 200:
        refuse(where, "应为 1 至 200 个字符")


def checked(command: Command, clue_no: str, now: datetime) -> dict[str, Any]:
    """The command's data, normalised, or DomainError("invalid_input")."""
    if not isinstance(command.name, str) or command.name not in SHAPES:
        name = shapes.shown(command.name)
        guess = shapes.nearest(name, SHAPES)
        raise DomainError("invalid_input", f"没有“{name}”这个命令" + (f"，是否想写 {guess}" if guess else ""))
    check_actor(command.actor)
    data = SHAPES[command.name]("", command.data)
    if command.name == "report":
        _check_report(data, clue_no, now)
    elif command.name == "amend_clue":
        _check_changes(data["changes"])
    elif command.name == "merge_into" and data["clue_no"] == clue_no:
        refuse("clue_no（并入线索）", "不能并入自己")
    elif command.name == "record_inspection" and instant(data["ended_at"]) < instant(data["started_at"]):
        refuse("ended_at（结束时间）", "早于开始时间，请改正")
    return data


def _check_report(data: dict[str, Any], clue_no: str, now: datetime) -> None:
    place = data["place"]
    if "region" not in place and not ("lon" in place and "lat" in place):
        refuse("place（地点）", "须填写行政区划代码 region，或经纬度 lon 和 lat")
    if instant(data["discovered_at"]) > now:
        refuse("discovered_at（发现时间）", "晚于现在，请核对")
    if data.get("clue_no", clue_no) != clue_no:
        refuse("clue_no（线索编号）", f"与所登记的 {clue_no} 不一致")


def _check_changes(changes: dict[str, Any]) -> None:
    if not changes:
        refuse("changes（补正内容）", "没有任何改动，请填写要补正的字段")
    for key in NOT_AMENDED:
        if key in changes:
            refuse(
                f"changes.{key}", "不能补正；改派用 reroute，管辖用 rule_jurisdiction，错报请撤回后重新登记"
            )


def agencies_named(name: str, data: Mapping[str, Any], actor: Actor) -> tuple[str, ...]:
    """Every agency id that a command mentions, the actor's first; for looking them up."""
    named = [actor.agency] if isinstance(actor.agency, str) else []
    for key in ("from_agency", "to_agency", "agency"):
        if isinstance(data.get(key), str):
            named.append(data[key])
    for key in ("invited", "units"):
        value = data.get(key)
        if isinstance(value, list | tuple):
            named.extend(v for v in value if isinstance(v, str))
    if name == "dispute_jurisdiction" and isinstance(data.get("suggested_region"), str):
        named.append(f"{data['suggested_region']}.eco")
    return tuple(dict.fromkeys(named))


def officers_named(data: Mapping[str, Any]) -> tuple[str, ...]:
    """Every officer id that a command mentions."""
    ids: list[str] = []
    if isinstance(data.get("leader"), str):
        ids.append(data["leader"])
    for key in ("members", "officers"):
        value = data.get(key)
        if isinstance(value, list | tuple):
            ids.extend(v for v in value if isinstance(v, str))
    return tuple(dict.fromkeys(ids))
