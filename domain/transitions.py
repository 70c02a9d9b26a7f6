"""The table of stages: which command is allowed where, and where it leads. Diagrams are drawn from it."""

from __future__ import annotations

from collections.abc import Mapping

_UNDER_WAY = ("notified", "inspecting", "transferring")
_WITH_ADDRESSEE = (*_UNDER_WAY, "handling")

# A command that is not here is allowed in any stage that is not ended.
ALLOWED_IN: Mapping[str, tuple[str, ...]] = {
    "acknowledge": _UNDER_WAY,
    "flag_evidence_at_risk": _UNDER_WAY,
    "arrive": _UNDER_WAY,
    "convene_inspection": _UNDER_WAY,
    "reroute": _UNDER_WAY,
    "record_inspection": ("inspecting",),
    "start_transfer": ("notified", "inspecting"),
    "send_transfer": ("transferring",),
    "receive_transfer": ("transferring",),
    "return_transfer": ("transferring",),
    "dispute_jurisdiction": _WITH_ADDRESSEE,
    "rule_jurisdiction": (*_WITH_ADDRESSEE, "disputed"),
    "file_case": ("handling",),
    "give_feedback": ("handling",),
    "return_feedback": ("feedback",),
    "accept_feedback": ("feedback",),
}
# Whether a formal transfer must be on its way (True) or must not (False).
SENT_MATTERS: Mapping[str, bool] = {
    "send_transfer": False,
    "receive_transfer": True,
    "return_transfer": True,
}
# Side tracks outlive the clue.
AFTER_END = frozenset({"open_accountability", "decide_accountability", "commend", "take_in"})

_OPEN = ("discovered", *_WITH_ADDRESSEE, "feedback", "disputed")

# (command, from, to): the commands that move a clue; "…" is the stage before the dispute.
TRANSITIONS: tuple[tuple[str, tuple[str, ...], str], ...] = (
    ("report", ("none",), "notified"),
    ("report", ("none",), "discovered"),
    ("notify", ("discovered",), "notified"),
    ("convene_inspection", ALLOWED_IN["convene_inspection"], "inspecting"),
    ("start_transfer", ALLOWED_IN["start_transfer"], "transferring"),
    ("receive_transfer", ("transferring",), "handling"),
    ("give_feedback", ("handling",), "feedback"),
    ("return_feedback", ("feedback",), "handling"),
    ("close", ("feedback",), "closed"),
    ("reroute", ALLOWED_IN["reroute"], "notified"),
    ("dispute_jurisdiction", ALLOWED_IN["dispute_jurisdiction"], "disputed"),
    ("rule_jurisdiction", ("disputed",), "…"),
    ("rule_jurisdiction", ALLOWED_IN["rule_jurisdiction"], "notified"),
    ("withdraw", _OPEN, "withdrawn"),
    ("merge_into", _OPEN, "merged"),
)
