"""The inspection: who may take part, who may lead it, and what is recorded (《方案》 两张清单、联合检查)."""

from __future__ import annotations

from domain.agencies import region_of
from domain.draft import Draft
from domain.errors import DomainError
from domain.model import Officer, instant, shanghai_day


def _inspecting_officers(d: Draft) -> list[str]:
    return list(dict.fromkeys([d.data["leader"], *d.data["members"]]))


def _listed(d: Draft, officer_id: str) -> list[Officer]:
    assert d.command is not None
    return [o for o in d.command.facts.officers if o.id == officer_id]


def _place(d: Draft) -> str | None:
    """Where the clue lies; until it is placed, where its addressee sits."""
    return d.state.place_region or region_of(d.state.to_agency or d.state.from_agency)


def _authorised(d: Draft, officer_id: str) -> bool:
    """On both lists for that day, that place and that matter (《方案》两张清单)."""
    day, place, matter = shanghai_day(instant(d.data["at"])), _place(d), d.state.clue["matter"]
    return any(
        o.from_day <= day <= o.to_day and (place or "").startswith(o.regions) and matter in o.matters
        for o in _listed(d, officer_id)
    )


def _agency_of(d: Draft, officer_id: str) -> str | None:
    """Whose officer that is: by the lists, else as seen acting in this clue."""
    assert d.command is not None
    listed = _listed(d, officer_id)
    if listed:
        return listed[0].agency
    if d.command.actor.officer_id == officer_id:
        return d.command.actor.agency
    return d.state.seen_officers.get(officer_id)


def _is_local(d: Draft, officer_id: str) -> bool:
    agency = _agency_of(d, officer_id)
    return agency is not None and region_of(agency) == _place(d)


def check_inspection(d: Draft) -> None:
    """Lists, quorum and leader, each only where a pack in use asks for it, in this order."""
    packs, officers, joint = list(d.packs_in_use), _inspecting_officers(d), d.data["mode"] == "joint"
    if any(p.lists_required for p in packs):
        missing = [o for o in officers if not _authorised(d, o)]
        if missing:
            raise DomainError(
                "officer_not_authorised",
                f"执法人员 {'、'.join(missing)} 当日不在执法人员清单或执法范围清单内（地点 {_place(d)}）",
            )
    quorum = max((p.quorum for p in packs), default=0)
    if len(officers) < quorum:
        raise DomainError("quorum_missing", f"检查人员不得少于 {quorum} 人，现为 {len(officers)} 人")
    if joint and any(p.local_present for p in packs) and not any(_is_local(d, o) for o in officers):
        raise DomainError("quorum_missing", "联合检查须有属地执法人员在场，请增加属地人员")
    if joint and any(p.leader_visiting for p in packs) and _is_local(d, d.data["leader"]):
        raise DomainError("leader_must_be_visiting", "联合检查由异地执法人员担任组长，请改派组长")


def convene_inspection(d: Draft) -> None:
    leader_agency = _agency_of(d, d.data["leader"]) or d.agency
    d.emit("inspection_convened", {**d.data, "leader_agency": leader_agency})


def respond_invitation(d: Draft) -> None:
    d.emit("invitation_answered", d.data)


def record_inspection(d: Draft) -> None:
    d.emit("inspection_recorded", d.data)
    if d.data["finding"] == "confirmed":
        d.open("evidence_transfer", d.state.from_agency)
    if d.data.get("damage_found"):
        d.open("damage_notice", d.state.from_agency)


def sign_record(d: Draft) -> None:
    d.emit("record_signed", d.data)
