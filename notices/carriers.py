"""A channel's carrier by its kind."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Final, Protocol

from notices.config import Channel
from notices.gateways import DingTalk, Feishu, Webhook, WeCom
from notices.mail import Mail
from notices.message import Message
from notices.outcome import Outcome


class Carrier(Protocol):
    """Takes a message out of the house; blocks until the gateway has answered, or its time is up."""

    def carry(self, message: Message) -> Outcome: ...


_CARRIERS: Final[Mapping[str, Callable[[Channel], Carrier]]] = {
    "wecom": WeCom,
    "dingtalk": DingTalk,
    "feishu": Feishu,
    "mail": Mail,
    "webhook": Webhook,
}


def carry(channel: Channel, message: Message) -> Outcome:
    """Sends the message, once. What goes wrong is in the answer, without the channel's secrets."""
    try:
        outcome = _CARRIERS[channel.kind](channel).carry(message)
    except Exception as err:  # whatever a plugin stumbles over, the other channels go on
        outcome = Outcome("refused", said=f"渠道不能用（{type(err).__name__}）")
    return outcome.cleaned(channel.secrets)
