"""What went wrong, as an HTTP status and a sentence: one table, for API and pages alike."""

from __future__ import annotations

from collections.abc import Mapping
from http import HTTPStatus
from typing import Final

# Each error code of the contract has one status.
STATUS: Final[Mapping[str, int]] = {
    "invalid_input": 400,
    "unknown_clue": 404,
    "unknown_agency": 422,
    "not_in_force": 422,
    "not_a_party": 403,
    "not_permitted": 403,
    "retransfer_forbidden": 403,
    "officer_not_authorised": 403,
    "wrong_stage": 409,
    "ruling_binds": 409,
    "feedback_missing": 409,
    "unknown_duty": 409,
    "too_late": 409,
    "nothing_to_undo": 409,
    "quorum_missing": 422,
    "leader_must_be_visiting": 422,
    "incomplete_transfer": 422,
    "manifest_mismatch": 422,
}
# What is no refusal by a rule: the way, the method, the house itself.
OTHER: Final[Mapping[int, tuple[str, str]]] = {
    404: ("not_found", "没有这个页面"),
    405: ("method_not_allowed", "这里只供查看，不接受提交"),
    500: ("internal", "程序出错，已记入日志；请稍后再试"),
    503: ("unavailable", "流程引擎和台账都连不上，请稍后再试"),
}


class Unavailable(Exception):
    """Neither the live workflow nor the ledger could be asked."""


def described(status: int) -> tuple[str, str]:
    """The code and the sentence of a status that no rule gave."""
    return OTHER.get(status, ("http_error", HTTPStatus(status).phrase))
