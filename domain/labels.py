"""Every English name of the contract with the Chinese word that people see, in one place."""

from __future__ import annotations

from domain.shapes import nearest

__all__ = ["nearest"]

STAGES = {
    "none": "未登记",
    "discovered": "已登记",
    "notified": "已通知属地",
    "inspecting": "联合检查",
    "transferring": "移送中",
    "handling": "属地办理",
    "feedback": "已书面反馈",
    "closed": "办结归档",
    "disputed": "管辖争议",
    "withdrawn": "撤回",
    "merged": "并案",
}
LEVELS = {0: "无", 1: "催办", 2: "督办", 3: "通报约谈", 4: "问责"}
DUTIES = {
    "first_contact": "当天联动",
    "ack": "接收确认",
    "on_scene": "到场",
    "start_transfer": "启动移送程序",
    "complete_transfer": "完成移送",
    "evidence_transfer": "证据材料移送",
    "receipt": "签收",
    "case_filing": "立案审查",
    "written_feedback": "书面反馈",
    "damage_notice": "生态环境损害通报",
    "damage_investigation": "损害赔偿案件调查启动",
    "dispute_ruling": "管辖裁定",
    "rectification_report": "整改进展报送",
    "supervision_reply": "督办答复",
    "police_approval": "移送公安审批",
    "police_transfer": "移送公安",
    "police_decision": "公安立案决定",
    "detention_transfer": "行政拘留移送",
}
STATUSES = {
    "open": "待履行",
    "fulfilled": "已履行",
    "late": "逾期履行",
    "breached": "逾期未履行",
    "suspended": "中止",
    "cancelled": "不再需要",
    "absent": "无此义务",
}
ROLES = {
    "officer": "执法人员",
    "registrar": "登记员",
    "approver": "审批负责人",
    "legal": "法制审核",
    "liaison": "联络员",
    "commander": "指挥中心",
    "supervisor": "督办专员",
    "auditor": "廉政监督",
    "admin": "系统管理员",
    "public": "公众",
}
RULES_LOST = "逐日说明依现行规则推算：读不到这条线索自己的规则，与所记期限可能不一致。"
CRS = {"wgs84": "WGS-84", "gcj02": "GCJ-02", "bd09": "BD-09"}
SOURCES = {
    "checkpoint": "卡口",
    "water_network": "水网睿控",
    "satellite": "卫星",
    "grid": "网格",
    "patrol": "巡查",
    "hotline": "热线",
    "complaint": "投诉",
    "inspection": "检查",
    "drone": "无人机",
    "sensor": "传感器",
    "other": "其他",
}
MATTERS = {
    "solid_waste": "固体废物",
    "hazardous_waste": "危险废物",
    "construction_waste": "建筑垃圾",
    "wastewater": "废水",
    "waste_gas": "废气",
    "ecological_damage": "生态损害",
    "other": "其他",
}
COMMANDS = {
    "report": "登记线索",
    "notify": "发出通知",
    "acknowledge": "确认接收",
    "flag_evidence_at_risk": "证据可能灭失",
    "arrive": "到场",
    "convene_inspection": "召集检查",
    "respond_invitation": "答复邀请",
    "record_inspection": "记录检查",
    "sign_record": "签署检查记录",
    "amend_clue": "补正线索",
    "add_evidence": "添加证据",
    "start_transfer": "启动移送",
    "send_transfer": "发出移送",
    "send_supplement": "补充移送",
    "receive_transfer": "签收移送",
    "return_transfer": "退回移送",
    "dispute_jurisdiction": "提出管辖异议",
    "rule_jurisdiction": "指定管辖",
    "reroute": "改派",
    "file_case": "立案审查决定",
    "give_feedback": "书面反馈",
    "return_feedback": "退回反馈",
    "accept_feedback": "认可反馈",
    "request_extension": "申请延期",
    "decide_extension": "决定延期",
    "suspend_duty": "中止计时",
    "resume_duty": "恢复计时",
    "suspend_region": "区域中止计时",
    "resume_region": "区域恢复计时",
    "supervise": "督办",
    "reply_supervision": "答复督办",
    "open_accountability": "启动问责",
    "decide_accountability": "问责决定",
    "commend": "表扬",
    "notify_damage": "通报损害",
    "start_damage_investigation": "启动损害调查",
    "change_rules": "换用规则",
    "merge_into": "并案",
    "take_in": "登记并入",
    "withdraw": "撤回",
    "close": "办结",
}
ERRORS = {
    "invalid_input": "输入有误",
    "unknown_clue": "没有这条线索",
    "unknown_agency": "没有这个机构",
    "not_a_party": "不是本线索的当事方",
    "not_permitted": "无此权限",
    "wrong_stage": "阶段不符",
    "incomplete_transfer": "移送材料不完整",
    "officer_not_authorised": "执法人员未获授权",
    "quorum_missing": "检查人数或属地人员不足",
    "leader_must_be_visiting": "组长须为异地人员",
    "manifest_mismatch": "清单不符",
    "retransfer_forbidden": "不得再自行移送",
    "feedback_missing": "尚无认可的书面反馈",
    "unknown_duty": "没有这项待履行的义务",
    "not_in_force": "当时未生效",
    "ruling_binds": "裁定有约束力",
    "too_late": "已经超过期限",
    "nothing_to_undo": "没有可撤销的变更",
}
FINDINGS = {"confirmed": "属实", "unfounded": "不属实", "inconclusive": "尚不能认定"}
MODES = {"joint": "联合检查", "spot_check": "抽查检查"}
DECISIONS = {
    "filed": "立案",
    "not_filed": "不予立案",
    "criminal": "涉嫌犯罪，移送公安",
    "detention": "移送行政拘留",
    "other_department": "移交其他部门",
}
OUTCOMES = {
    "penalty": "行政处罚",
    "no_case": "不予立案",
    "rectification": "责令整改",
    "criminal": "移送公安",
    "other_department": "移交其他部门",
}
UNITS = {"day": "日", "workday": "个工作日", "hour": "小时"}


def term(n: int, unit: str) -> str:
    """A term in words: 3个工作日, 4小时, 当日 for 0 days."""
    return "当日" if n == 0 else f"{n}{UNITS[unit]}"


UNIT_BASES = {"explicit": "原文写明", "assumption": "推定", "agreed": "约定"}
FIELDS = {
    "source": "线索来源",
    "seizure": "查获情况",
    "suspects": "嫌疑人基本情况",
    "waste.type": "固体废物类型",
    "waste.origin": "产生源头",
    "waste.quantity_t": "转移量（吨）",
    "waste.destination": "最终去向",
}
PAUSE_CAUSES = {"dispute": "管辖争议", "order": "上级决定", "region": "区域中止决定"}


def pause_cause(cause: str) -> str:
    """A pause's cause in words: 区域中止决定 苏环中止1号 for region:苏环中止1号."""
    kind, _, order_no = cause.partition(":")
    return PAUSE_CAUSES[kind] + (f" {order_no}" if order_no else "")


EVENTS = {
    "reported": "线索登记",
    "notified": "通知",
    "acknowledged": "确认接收",
    "evidence_at_risk_flagged": "证据可能灭失",
    "arrived": "到场",
    "inspection_convened": "召集检查",
    "invitation_answered": "答复邀请",
    "inspection_recorded": "检查记录",
    "record_signed": "签署记录",
    "clue_amended": "补正线索",
    "evidence_added": "添加证据",
    "transfer_started": "启动移送",
    "transfer_sent": "发出移送",
    "supplement_sent": "补充移送",
    "transfer_received": "签收移送",
    "transfer_returned": "退回移送",
    "jurisdiction_disputed": "管辖异议",
    "jurisdiction_ruled": "指定管辖",
    "rerouted": "改派",
    "case_filed": "立案审查决定",
    "feedback_given": "书面反馈",
    "feedback_returned": "退回反馈",
    "feedback_accepted": "认可反馈",
    "extension_requested": "申请延期",
    "extension_decided": "决定延期",
    "duty_suspend_ordered": "决定中止计时",
    "duty_resume_ordered": "决定恢复计时",
    "region_suspended": "区域中止计时",
    "region_resumed": "区域恢复计时",
    "region_suspension_undone": "撤销区域中止",
    "supervised": "督办",
    "supervision_replied": "答复督办",
    "accountability_opened": "启动问责",
    "accountability_decided": "问责决定",
    "commended": "表扬",
    "damage_notified": "通报损害",
    "damage_investigation_started": "启动损害调查",
    "rules_changed": "规则变更",
    "merged": "并案",
    "taken_in": "登记并入",
    "merge_undone": "撤销并案",
    "withdrawn": "撤回",
    "closed": "办结",
    "duty_opened": "义务产生",
    "duty_fulfilled": "义务履行",
    "duty_reopened": "义务恢复",
    "duty_suspended": "计时中止",
    "duty_resumed": "计时恢复",
    "duty_pause_undone": "中止撤销",
    "duty_redated": "期限变更",
    "duty_cancelled": "义务免除",
    "duty_breached": "逾期",
    "duty_escalated": "升级",
    "duty_reminded": "到期提醒",
    "holder_reminded": "无进展提醒",
}
