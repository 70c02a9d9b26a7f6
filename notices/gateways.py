"""Chat robots and webhooks: apprise's plugins, made to read what the gateway says and not only its status.

apprise takes HTTP 200 for a success and drops the body; the robots of WeCom, DingTalk and Feishu refuse with
200 and a number in the body. What apprise knows of addresses, tokens and signatures is used as it is.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import time
from datetime import UTC, datetime
from typing import Any, Final

import requests
from apprise.plugins.custom_json import NotifyJSON
from apprise.plugins.dingtalk import NotifyDingTalk
from apprise.plugins.feishu import NotifyFeishu
from apprise.plugins.wecombot import NotifyWeComBot

from notices.config import Channel
from notices.message import Message, cut
from notices.outcome import Outcome, judge

CONNECT_SECONDS: Final = 4.0
READ_MOST: Final = 64 * 1024  # bytes of an answer; the rest is not looked at
WECOM_BYTES: Final = 4000  # its robot takes 4096 of markdown
ROBOT_BYTES: Final = 18_000  # DingTalk and Feishu take 20,000


class _Reading:
    """Posts, and says what came back."""

    def __init__(self, channel: Channel) -> None:
        self._kind, self._timeout = channel.kind, float(channel.timeout)

    def post(
        self, url: str, payload: object, headers: dict[str, str], params: dict[str, str] | None = None
    ) -> Outcome:
        """Never raises for what the network or the gateway does; nothing of the address is in what it says."""
        deadline = time.monotonic() + self._timeout
        try:
            with requests.post(
                url,
                data=json.dumps(payload, ensure_ascii=False).encode(),
                headers={
                    "Content-Type": "application/json; charset=utf-8",
                    "User-Agent": "ClueFlow",
                    **headers,
                },
                params=params,
                timeout=(min(CONNECT_SECONDS, self._timeout), self._timeout),
                allow_redirects=False,
                stream=True,
            ) as answer:
                body = _read(answer, deadline)
                return judge(self._kind, answer.status_code, answer.headers, body, datetime.now(UTC))
        except (requests.Timeout, TimeoutError):
            return Outcome("retry", said=f"{self._timeout:.0f} 秒内没有答复，是否已收下不得而知")
        except (requests.exceptions.InvalidURL, requests.exceptions.InvalidHeader) as err:
            return Outcome("refused", said=f"地址或请求头不能用（{type(err).__name__}）")
        except (requests.RequestException, OSError) as err:
            return Outcome("retry", said=f"连不上（{type(err).__name__}）")


def _read(answer: requests.Response, deadline: float) -> bytes:
    """The body as far as it is looked at. A gateway that drips holds nobody longer than one that is silent."""
    body = b""
    for part in answer.iter_content(8192):
        body += part
        if len(body) >= READ_MOST:
            break
        if time.monotonic() > deadline:
            raise TimeoutError
    return body


class WeCom(NotifyWeComBot):
    """A robot of a WeCom group."""

    def __init__(self, channel: Channel) -> None:
        super().__init__(key=channel.options["key"])
        self._reading = _Reading(channel)
        if base := channel.options.get("base"):
            self.api_url = f"{base.rstrip('/')}/cgi-bin/webhook/send?key={self.key}"

    def carry(self, message: Message) -> Outcome:
        content = cut(f"**{message.heading}**\n{message.markdown}", WECOM_BYTES)
        return self._reading.post(self.api_url, {"msgtype": "markdown", "markdown": {"content": content}}, {})


class DingTalk(NotifyDingTalk):
    """A robot of a DingTalk group; signed where it has a secret."""

    def __init__(self, channel: Channel) -> None:
        super().__init__(token=channel.options["token"], secret=channel.options.get("secret"))
        self._reading = _Reading(channel)
        self._url = self.notify_url.format(token=self.token)
        if base := channel.options.get("base"):
            self._url = f"{base.rstrip('/')}/robot/send?access_token={self.token}"

    def carry(self, message: Message) -> Outcome:
        text = cut(f"### {message.heading}\n\n{message.markdown}", ROBOT_BYTES)
        payload = {"msgtype": "markdown", "markdown": {"title": message.heading, "text": text}}
        url = self._url
        if self.secret:  # apprise's signature is quoted already: as a parameter it would be quoted twice
            timestamp, signature = self.get_signature()
            url = f"{url}&timestamp={timestamp}&sign={signature}"
        return self._reading.post(url, payload, {})


class Feishu(NotifyFeishu):
    """A robot of a Feishu group; signed where it has a secret."""

    def __init__(self, channel: Channel) -> None:
        super().__init__(token=channel.options["token"])
        self._reading, self._secret = _Reading(channel), channel.options.get("secret")
        self._url = self.notify_url.format(token=self.token).rstrip("/")
        if base := channel.options.get("base"):
            self._url = f"{base.rstrip('/')}/open-apis/bot/v2/hook/{self.token}"

    def carry(self, message: Message) -> Outcome:
        card = {
            "header": {"title": {"tag": "plain_text", "content": message.heading}},
            "elements": [{"tag": "markdown", "content": cut(message.markdown, ROBOT_BYTES)}],
        }
        return self._reading.post(self._url, {**self._signed(), "msg_type": "interactive", "card": card}, {})

    def _signed(self) -> dict[str, str]:
        if not self._secret:
            return {}
        timestamp = str(int(time.time()))
        digest = hmac.new(f"{timestamp}\n{self._secret}".encode(), b"", hashlib.sha256).digest()
        return {"timestamp": timestamp, "sign": base64.b64encode(digest).decode()}


class Webhook(NotifyJSON):
    """Any system that takes JSON; a second copy carries the same `Idempotency-Key`."""

    def __init__(self, channel: Channel) -> None:
        super().__init__(host="webhook", headers=dict(channel.options.get("headers", {})))
        self._reading, self._url = _Reading(channel), channel.options["url"]

    def carry(self, message: Message) -> Outcome:
        headers: dict[str, Any] = {**self.headers, "Idempotency-Key": message.id}
        return self._reading.post(self._url, message.data, headers)
