"""The one exception of the core: a refusal with a code of the contract and a Chinese sentence."""

from __future__ import annotations

CODES = (
    "invalid_input",
    "unknown_clue",
    "unknown_agency",
    "not_a_party",
    "not_permitted",
    "wrong_stage",
    "incomplete_transfer",
    "officer_not_authorised",
    "quorum_missing",
    "leader_must_be_visiting",
    "manifest_mismatch",
    "retransfer_forbidden",
    "feedback_missing",
    "unknown_duty",
    "not_in_force",
    "ruling_binds",
    "too_late",
    "nothing_to_undo",
)


MESSAGE_MAX = 600


class DomainError(Exception):
    """A command is refused; nothing has changed.

    `code` is one of CODES, `message` a Chinese sentence that names what is wrong and what to do.
    """

    def __init__(self, code: str, message: str) -> None:
        assert code in CODES, code
        # what was sent may be quoted in it: keep it printable, and a sentence
        message = message.encode("utf-8", "replace").decode()
        message = message if len(message) <= MESSAGE_MAX else message[:MESSAGE_MAX] + "…"
        super().__init__(message)
        self.code = code
        self.message = message

    def __str__(self) -> str:
        return f"{self.code}: {self.message}"
