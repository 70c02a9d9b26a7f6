"""What people did to a clue, read back from its events: the commands, their instants, their actors, their data.

The log keeps events, not commands. The first event of an accepted command names its actor and repeats its data,
the report's and a notice's in other words; what the sender looked up for it (the officers' lists) is kept only in
the workflow's history, see `rehearsal.histories`.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Final

from domain.commands import SHAPES
from domain.model import Actor, Command, Event, Json

# The event that each command begins with. A command that is missing here is told by its digest, where it can be.
HEADS: Final[Mapping[str, str]] = {
    "reported": "report",
    "notified": "notify",
    "acknowledged": "acknowledge",
    "evidence_at_risk_flagged": "flag_evidence_at_risk",
    "arrived": "arrive",
    "inspection_convened": "convene_inspection",
    "invitation_answered": "respond_invitation",
    "inspection_recorded": "record_inspection",
    "record_signed": "sign_record",
    "clue_amended": "amend_clue",
    "evidence_added": "add_evidence",
    "transfer_started": "start_transfer",
    "transfer_sent": "send_transfer",
    "supplement_sent": "send_supplement",
    "transfer_received": "receive_transfer",
    "transfer_returned": "return_transfer",
    "jurisdiction_disputed": "dispute_jurisdiction",
    "jurisdiction_ruled": "rule_jurisdiction",
    "rerouted": "reroute",
    "case_filed": "file_case",
    "feedback_given": "give_feedback",
    "feedback_returned": "return_feedback",
    "feedback_accepted": "accept_feedback",
    "extension_requested": "request_extension",
    "extension_decided": "decide_extension",
    "duty_suspend_ordered": "suspend_duty",
    "duty_resume_ordered": "resume_duty",
    "supervised": "supervise",
    "supervision_replied": "reply_supervision",
    "accountability_opened": "open_accountability",
    "accountability_decided": "decide_accountability",
    "commended": "commend",
    "damage_notified": "notify_damage",
    "damage_investigation_started": "start_damage_investigation",
    "rules_changed": "change_rules",
    "region_suspended": "suspend_region",
    "region_resumed": "resume_region",
    "region_suspension_undone": "resume_region",
    "merged": "merge_into",
    "taken_in": "take_in",
    "withdrawn": "withdraw",
    "closed": "close",
}


class UnknownAct(LookupError):
    """An event of a command that can't be told; the message names the event's type."""


@dataclass(frozen=True)
class Act:
    """One accepted command at its instant. `seen` is the number of its last event in the clue's log.

    `sure`: the command is the very one that was sent, its facts included; else it is read from its events.
    """

    at: datetime
    command: Command
    seen: int
    sure: bool = False


def acts_of(events: Iterable[Event]) -> tuple[Act, ...]:
    """The accepted commands behind the events of one clue, in order. UnknownAct where one can't be told."""
    groups: dict[str, list[tuple[int, Event]]] = {}
    for seq, event in enumerate(events, start=1):
        if event.command_id is not None:
            groups.setdefault(event.command_id, []).append((seq, event))
    return tuple(
        Act(group[0][1].at, command_of([event for _, event in group]), group[-1][0])
        for group in groups.values()
    )


def command_of(group: Sequence[Event]) -> Command:
    """The command behind its own events. Its data says the same as what was sent, instants in Shanghai's time."""
    head = group[0]
    assert head.actor is not None
    assert head.command_id is not None
    name = HEADS.get(head.type) or _named_by_digest(head, head.actor)
    return Command(head.command_id, name, head.actor, _data(name, group))


def surer(act: Act, sent: Mapping[str, Command], events: Sequence[Event]) -> Act:
    """The act with the command as it was sent, where `sent` has the same one: same id, and digest of its event.

    What the log says and the sent command does not (the addressee that was looked up) stays in the data.
    """
    found = sent.get(act.command.id)
    digest = next((e.digest for e in events if e.command_id == act.command.id and e.digest), None)
    if found is None or found.digest != digest:
        return act
    return replace(act, command=found, sure=True)


def addressed(act: Act) -> Json:
    """A report's data with the addressee written out: named, or found by its place on that day."""
    command = act.command
    named = command.data.get("to_agency") or command.facts.addressee
    return {**command.data, "to_agency": named} if named else dict(command.data)


def _data(name: str, group: Sequence[Event]) -> Json:
    head = group[0]
    told: Json = {**head.data}
    if name == "report":
        addressee = next((e.data["addressee"] for e in group if e.data.get("addressee")), None)
        told = {**head.data["clue"], "to_agency": addressee}
    elif head.type == "region_suspension_undone":
        told["undo"] = True  # its event says so by its name
    elif name == "notify":
        told["to_agency"] = next(iter(head.data["to"]), None)
    return {key: told[key] for key in SHAPES[name].fields if told.get(key) is not None}


def _named_by_digest(head: Event, actor: Actor) -> str:
    """A command's digest names it, as long as its data went into the event as it came."""
    for name, shape in SHAPES.items():
        data = {key: value for key, value in head.data.items() if key in shape.fields}
        if head.digest and Command("", name, actor, data).digest == head.digest:
            return name
    raise UnknownAct(head.type)
