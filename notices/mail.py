"""Mail: apprise's connection, with what the server says of each recipient."""

from __future__ import annotations

import smtplib
from collections.abc import Mapping
from email.message import EmailMessage
from email.utils import formatdate
from typing import Any, Final

from apprise.exception import AppriseException
from apprise.plugins.email.base import NotifyEmail
from apprise.plugins.email.smtp import AppriseSMTPController

from notices.config import Channel
from notices.message import Message
from notices.outcome import Ending, Outcome

_PORTS: Final = {"tls": 465, "starttls": 587, "none": 25}
_MODES: Final = {"tls": "ssl", "starttls": "starttls", "none": "insecure"}
_PASSING: Final = range(400, 500)  # greylisting among them: come again later


class _Connection(AppriseSMTPController):
    """apprise's, that doesn't swallow what the server says."""

    _socket: Any

    def __enter__(self) -> _Connection:
        super().__enter__()
        return self

    def deliver(self, message: EmailMessage) -> Mapping[str, tuple[int, bytes]]:
        """Those whom the server refused while it took the message for others."""
        refused: Mapping[str, tuple[int, bytes]] = self._socket.send_message(message)
        return refused


class Mail(NotifyEmail):
    """One message to all the channel's recipients."""

    def __init__(self, channel: Channel) -> None:
        options = channel.options
        security = options["security"]
        port = options.get("port") or _PORTS[security]
        super().__init__(
            smtp_host=options["host"],
            from_addr=options["from"],
            secure_mode=_MODES[security],
            targets=list(options["to"]),
            host=options["host"],
            port=port,
            user=options.get("user"),
            password=options.get("password"),
        )
        self._to, self._from, self._seconds = tuple(options["to"]), options["from"], channel.timeout
        self._connection = _Connection(
            options["host"], port, _MODES[security], user=self.user, password=self.password,
            socket_connect_timeout=self._seconds,
        )  # fmt: skip

    def carry(self, message: Message) -> Outcome:
        """A message that some recipients got is accepted, and says whom it did not reach: a second one would
        reach the others twice."""
        try:
            with self._connection as connected:
                refused = connected.deliver(self._message(message))
        except smtplib.SMTPRecipientsRefused as err:
            code, said = next(iter(err.recipients.values()))
            passing = any(c in _PASSING for c, _ in err.recipients.values())
            return Outcome("retry" if passing else "refused", None, str(code), _text(said))
        except smtplib.SMTPResponseException as err:
            return Outcome(_ending(err), None, str(err.smtp_code), _text(err.smtp_error))
        except TimeoutError:
            return Outcome("retry", said=f"{self._seconds} 秒内没有答复，是否已收下不得而知")
        except (smtplib.SMTPException, OSError) as err:
            return Outcome("retry", said=f"连不上邮件服务器（{type(err).__name__}）")
        except AppriseException as err:
            return Outcome("refused", said=f"邮件服务器的设置不能用（{type(err).__name__}）")
        return _accepted(len(self._to), refused)

    def _message(self, message: Message) -> EmailMessage:
        mail = EmailMessage()
        mail["Subject"], mail["From"], mail["To"] = message.subject, self._from, ", ".join(self._to)
        mail["Date"] = formatdate(localtime=False)
        mail["Message-ID"] = f"<{message.id}@{self._from.rpartition('@')[2].strip('>')}>"
        mail["Auto-Submitted"] = "auto-generated"
        mail.set_content(message.text)
        mail.add_alternative(message.html, subtype="html")
        return mail


def _ending(err: smtplib.SMTPResponseException) -> Ending:
    return "retry" if err.smtp_code in _PASSING else "refused"


def _accepted(recipients: int, refused: Mapping[str, tuple[int, bytes]]) -> Outcome:
    if not refused:
        return Outcome("accepted", None, "250", None)
    code, said = next(iter(refused.values()))
    return Outcome(
        "accepted", None, "250", f"{recipients} 个收件人中 {len(refused)} 个没有收下：{code} {_text(said)}"
    )


def _text(said: Any) -> str:
    return said.decode("utf-8", "replace") if isinstance(said, bytes) else str(said)
