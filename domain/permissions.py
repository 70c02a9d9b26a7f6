"""Who may do what, as one table; whose turn it is; and who has a part in a clue at all.

A grant is a relation between the actor and the clue, in certain roles. `PERMISSIONS` is the "who" column of
the contract's table of commands, and documents are printed from it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from domain import region_orders
from domain.agencies import nearest_common_superior, superior, superiors
from domain.model import Actor, ClueState, Command, Duty
from domain.packs import Rulebook, candidates

USUAL = frozenset({"officer", "registrar", "approver", "legal", "liaison", "commander"})
SUPERIOR_ROLES = frozenset({"approver", "supervisor", "commander"})
TOP = "000000.gov"  # nobody stands above it


@dataclass(frozen=True)
class Scene:
    """One command before its judge: the clue, the rules, and the duty that the command is about, if any."""

    state: ClueState
    command: Command
    rules: Rulebook

    @property
    def agency(self) -> str:
        return self.command.actor.agency

    @property
    def duty(self) -> Duty | None:
        """The newest duty still owed of the id that the command names."""
        wanted = self.command.data.get("duty")
        return next((d for d in reversed(self.state.duties) if d.id == wanted and d.owed), None)


def above_parties(state: ClueState, rules: Rulebook) -> frozenset[str]:
    """Every agency above the finder or the addressee, at any level."""
    groups = rules.group_map
    out = set(superiors(state.from_agency, groups))
    if state.to_agency:
        out.update(superiors(state.to_agency, groups))
    return frozenset(out)


def arbiter(state: ClueState, rules: Rulebook) -> str:
    """Who rules on jurisdiction: the pack's group that both have signed up to, else the nearest common superior."""
    addressee = state.to_agency or state.from_agency
    for pack_id in state.packs:
        pack = rules.pack(pack_id)
        group = rules.group_map.get(pack.arbiter) if pack and pack.arbiter else None
        if group and {state.from_agency, addressee} <= set(group.members):
            return group.id
    return nearest_common_superior(state.from_agency, addressee, rules.group_map) or TOP


def parties(state: ClueState, rules: Rulebook) -> frozenset[str]:
    """The agencies with a part in the clue: the contract's list ("Parties"), and nobody else.

    A former addressee is none, nor is an agency that was only notified.
    """
    out = {state.from_agency, arbiter(state, rules), *state.invited, *above_parties(state, rules)}
    if state.to_agency:
        out.add(state.to_agency)
    return frozenset(out)


def holder(state: ClueState, rules: Rulebook) -> str | None:
    """The agency that must act now; None once the clue has ended (and before it is reported)."""
    finder, addressee = state.from_agency, state.to_agency
    match state.stage:
        case "discovered" | "feedback":
            return finder
        case "notified" | "handling":
            return addressee
        case "inspecting":
            inspection = state.inspection
            return inspection.leader_agency if inspection and not inspection.recorded else finder
        case "transferring":
            return addressee if state.sent else finder
        case "disputed":
            return arbiter(state, rules)
    return None


def _finder(s: Scene) -> bool:
    return s.agency == s.state.from_agency


def _addressee(s: Scene) -> bool:
    return s.agency == s.state.to_agency


def _commander(s: Scene) -> bool:
    return _finder(s) or s.agency in above_parties(s.state, s.rules)


def _superior(s: Scene) -> bool:
    if s.duty is None:
        return s.agency in above_parties(s.state, s.rules)
    return s.agency in superiors(s.duty.obliged, s.rules.group_map)


def _above(s: Scene) -> bool:
    return s.agency in above_parties(s.state, s.rules)


def _direct_superior(s: Scene) -> bool:
    """For an extension: the superior that the pack names, else the obliged agency's direct superior."""
    duty = s.duty
    if duty is None:
        return s.agency in above_parties(s.state, s.rules)
    for pack, rule in candidates(s.rules, s.state.packs, duty.id):
        if pack.id == duty.pack and rule.extension_by:
            return s.agency == rule.extension_by
    return s.agency == superior(duty.obliged, s.rules.group_map)


def _rules_here(s: Scene) -> bool:
    """The arbiter, or the nearest common superior, which keeps its power beside a group's."""
    addressee = s.state.to_agency or s.state.from_agency
    common = nearest_common_superior(s.state.from_agency, addressee, s.rules.group_map)
    return s.agency in (arbiter(s.state, s.rules), common)


def may_give(actor: Actor, region: str) -> bool:
    """Whether that actor may give an order over the region at all; in each clue it is judged again."""
    return actor.role in SUPERIOR_ROLES and region_orders.governs(actor.agency, region)


def may_end(actor: Actor, by: str, rules: Rulebook) -> bool:
    """Whether that actor may end or undo an order that agency `by` gave; in each clue it is judged again."""
    return actor.role in SUPERIOR_ROLES and actor.agency in (by, *superiors(by, rules.group_map))


def _over_region(s: Scene) -> bool:
    """Above finder or addressee, with the order's region within its own; an end or an undoing also needs the
    agency that gave the order, or one above it. An order that does not exist is unknown_duty."""
    if s.agency not in above_parties(s.state, s.rules):
        return False
    if s.command.name == "suspend_region":
        return region_orders.governs(s.agency, str(s.command.data.get("region")))
    order = region_orders.named(s.state.suspensions, str(s.command.data.get("order_no")))
    return order is None or s.agency in (order.by, *superiors(order.by, s.rules.group_map))


def _group_body(s: Scene) -> bool:
    return s.agency.startswith("group.")


def _anybody(s: Scene) -> bool:
    return True


def _invited(s: Scene) -> bool:
    return s.agency in s.state.invited


def _inspector(s: Scene) -> bool:
    return s.command.actor.officer_id is not None and s.command.actor.officer_id in s.state.inspectors


def _leader(s: Scene) -> bool:
    inspection = s.state.inspection
    return inspection is not None and s.command.actor.officer_id == inspection.leader


def _member(s: Scene) -> bool:
    """A member signs for himself: nobody signs for another."""
    inspection, actor = s.state.inspection, s.command.actor
    if inspection is None or actor.officer_id not in (*inspection.members, inspection.leader):
        return False
    return actor.officer_id == s.command.data.get("officer_id")


def _obliged(s: Scene) -> bool:
    """The agency that owes the duty named; where nobody owes it, that is the answer, not a missing power."""
    return s.duty is None or s.agency == s.duty.obliged


def _ordered(s: Scene) -> bool:
    """The agency that the supervision order names; an order that does not exist is unknown_duty."""
    order = next((o for o in reversed(s.state.orders) if o.order_no == s.command.data.get("order_no")), None)
    return order is None or order.agency == s.agency


@dataclass(frozen=True)
class Grant:
    """One way to hold a power: the relation, its Chinese name, and the roles in which it counts."""

    holds: Callable[[Scene], bool]
    label: str
    roles: frozenset[str] = USUAL


FINDER = Grant(_finder, "发现方")
FINDER_APPROVER = Grant(_finder, "发现方审批负责人", frozenset({"approver"}))
ADDRESSEE = Grant(_addressee, "承办方")
COMMANDER = Grant(_commander, "发现方或上级指挥中心", frozenset({"commander"}))
SUPERIOR = Grant(_superior, "上级", SUPERIOR_ROLES)
DIRECT_SUPERIOR = Grant(_direct_superior, "义务机构的直接上级", SUPERIOR_ROLES)
ARBITER = Grant(_rules_here, "裁定机构或最近的共同上级", SUPERIOR_ROLES)
REGION_SUPERIOR = Grant(_over_region, "辖区涵盖该地区的上级", SUPERIOR_ROLES)
SUPERVISOR = Grant(_anybody, "督办专员", frozenset({"supervisor"}))
GROUP_BODY = Grant(_group_body, "协调联络组", USUAL | SUPERIOR_ROLES)
INVITED = Grant(_invited, "受邀机构")
INSPECTOR = Grant(_inspector, "检查人员")
LEADER = Grant(_leader, "检查组长")
MEMBER = Grant(_member, "检查组成员本人")
OBLIGED = Grant(_obliged, "义务机构")
ORDERED = Grant(_ordered, "被督办机构")
MERGER = Grant(_anybody, "并案的一方（并案时自动登记）")
# Whoever changes rules answers for their law: the lawyers are among them, a command centre is not.
RULES = Grant(
    _above,
    "发现方或承办方的上级（法制审核、审批负责人、督办专员）",
    frozenset({"legal", "approver", "supervisor"}),
)
REPORTER = Grant(_anybody, "任何机构", frozenset({"officer", "registrar", "liaison", "commander", "public"}))

PERMISSIONS: Mapping[str, tuple[Grant, ...]] = {
    "report": (REPORTER,),
    "notify": (FINDER, COMMANDER),
    "acknowledge": (ADDRESSEE,),
    "flag_evidence_at_risk": (FINDER, INSPECTOR),
    "arrive": (ADDRESSEE,),
    "convene_inspection": (FINDER, ADDRESSEE, COMMANDER),
    "respond_invitation": (INVITED,),
    "record_inspection": (LEADER,),
    "sign_record": (MEMBER,),
    "amend_clue": (FINDER,),
    "add_evidence": (FINDER, ADDRESSEE, INSPECTOR),
    "start_transfer": (FINDER_APPROVER,),
    "send_transfer": (FINDER,),
    "send_supplement": (FINDER,),
    "receive_transfer": (ADDRESSEE,),
    "return_transfer": (ADDRESSEE,),
    "dispute_jurisdiction": (ADDRESSEE,),
    "rule_jurisdiction": (ARBITER,),
    "reroute": (FINDER, COMMANDER),
    "file_case": (ADDRESSEE,),
    "give_feedback": (ADDRESSEE,),
    "return_feedback": (FINDER,),
    "accept_feedback": (FINDER,),
    "request_extension": (OBLIGED,),
    "decide_extension": (DIRECT_SUPERIOR,),
    "suspend_duty": (SUPERIOR,),
    "resume_duty": (SUPERIOR,),
    "suspend_region": (REGION_SUPERIOR,),
    "resume_region": (REGION_SUPERIOR,),
    "supervise": (SUPERIOR, SUPERVISOR, GROUP_BODY),
    "reply_supervision": (ORDERED,),
    "open_accountability": (SUPERIOR,),
    "decide_accountability": (SUPERIOR,),
    "commend": (SUPERIOR, GROUP_BODY),
    "notify_damage": (FINDER, LEADER),
    "start_damage_investigation": (ADDRESSEE,),
    "change_rules": (RULES,),
    "merge_into": (FINDER, COMMANDER),
    "take_in": (MERGER,),
    "withdraw": (FINDER,),
    "close": (FINDER, COMMANDER),
}


def permitted(scene: Scene) -> bool:
    role = scene.command.actor.role
    return any(role in grant.roles and grant.holds(scene) for grant in PERMISSIONS[scene.command.name])


def who_may(name: str) -> str:
    """In Chinese, for a refusal and for the documents."""
    return "、".join(grant.label for grant in PERMISSIONS[name])
