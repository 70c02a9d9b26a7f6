"""One message as a channel carries it, whatever the channel."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Message:
    """`id` is the same however often it is sent, so that a receiver can tell a second copy.

    `subject` is one line, `heading` the same with nothing in it that a chat robot acts on; `text` is plain,
    `html` for mail, `markdown` for chat robots, `data` for webhooks.
    """

    id: str
    subject: str
    heading: str
    text: str
    html: str
    markdown: str
    data: dict[str, object]


def cut(text: str, most: int) -> str:
    """The text within `most` bytes of UTF-8, never within a letter; what was cut ends in an ellipsis."""
    raw = text.encode()
    if len(raw) <= most:
        return text
    return raw[: most - 3].decode("utf-8", "ignore") + "…"
