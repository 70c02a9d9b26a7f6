"""What a gateway answered, and what follows from it. Pure.

A status of 200 says only that the gateway heard: chat robots refuse in the body.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from typing import Any, Final, Literal

from domain.masking import MASK, masked

SAID_MOST: Final = 200  # letters kept of what a gateway says
RETRY_AFTER_MOST: Final = timedelta(hours=1)
_TOO_BUSY: Final = frozenset({408, 425, 429})
# "Busy" and "too often", which pass; any other number is a refusal that asking again won't change.
_PASSING: Final[Mapping[str, frozenset[str]]] = {
    "wecom": frozenset({"-1", "45009", "45033"}),
    "dingtalk": frozenset({"-1", "130101", "130102", "410100"}),
    "feishu": frozenset({"-1", "11232", "11233", "99991400"}),
}

Ending = Literal["accepted", "retry", "refused"]


@dataclass(frozen=True)
class Outcome:
    """`retry`: it may go another time; `refused`: not by this channel. `after`: how long the gateway asks us to wait."""

    ending: Ending
    http_status: int | None = None
    code: str | None = None
    said: str | None = None
    after: timedelta | None = None

    def cleaned(self, secrets: Iterable[str]) -> Outcome:
        """Without secrets, without people's numbers, and short."""
        return replace(self, code=clean(self.code, secrets), said=clean(self.said, secrets))


def clean(text: str | None, secrets: Iterable[str]) -> str | None:
    """The text as it may be kept and shown."""
    if text is None:
        return None
    for secret in secrets:
        if secret:
            text = text.replace(secret, MASK)
    return masked(" ".join(text.split()))[:SAID_MOST]


def judge(kind: str, status: int, headers: Mapping[str, str], body: bytes, now: datetime) -> Outcome:
    """What an HTTP answer means on a channel of that kind."""
    said = _sentence(body)
    if status in _TOO_BUSY or status >= 500:
        return Outcome("retry", status, None, said, retry_after(headers.get("Retry-After"), now))
    if not 200 <= status < 300:
        return Outcome("refused", status, None, said)
    return _webhook(status, body) if kind == "webhook" else _robot(kind, status, body)


def _robot(kind: str, status: int, body: bytes) -> Outcome:
    """A chat robot's answer: `errcode` (WeCom, DingTalk), `code` or `StatusCode` (Feishu); 0 is yes."""
    answer = _object(body)
    code = next((answer[k] for k in ("errcode", "code", "StatusCode") if k in answer), None)
    said = next(
        (str(answer[k]) for k in ("errmsg", "msg", "StatusMessage") if answer.get(k)), _sentence(body)
    )
    if code is None:
        return Outcome("retry", status, None, f"看不懂网关的答复：{said}")
    if str(code) == "0":
        return Outcome("accepted", status, "0", said)
    ending: Ending = "retry" if str(code) in _PASSING[kind] else "refused"
    return Outcome(ending, status, str(code), said)


def _webhook(status: int, body: bytes) -> Outcome:
    """Any 2xx is yes, unless the body is an object that says no in one of the usual ways."""
    answer = _object(body)
    code = next((answer[k] for k in ("errcode", "code") if isinstance(answer.get(k), int | str)), None)
    said = next((str(answer[k]) for k in ("errmsg", "msg", "message", "error") if answer.get(k)), None)
    no = answer.get("success") is False or answer.get("ok") is False
    no = no or (code is not None and str(code).lower() not in ("0", "200", "ok", "success"))
    return Outcome("retry" if no else "accepted", status, None if code is None else str(code), said)


def retry_after(value: str | None, now: datetime) -> timedelta | None:
    """The header's seconds or date, at most an hour; None where there is none that makes sense."""
    if value is None:
        return None
    try:
        wait = timedelta(seconds=int(value))
    except (ValueError, OverflowError):
        try:
            at = parsedate_to_datetime(value)
        except ValueError:
            return None
        wait = (at if at.tzinfo else at.replace(tzinfo=UTC)) - now
    return min(max(wait, timedelta()), RETRY_AFTER_MOST)


def _object(body: bytes) -> dict[str, Any]:
    try:
        found = json.loads(body)
    except (ValueError, RecursionError):
        return {}
    return found if isinstance(found, dict) else {}


def _sentence(body: bytes) -> str | None:
    return body[: SAID_MOST * 4].decode("utf-8", "replace") or None
