"""Gateways on loopback: real HTTP and SMTP servers that answer as they are told to."""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass, field
from email import message_from_bytes, policy
from email.message import EmailMessage
from typing import Any

from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP, Envelope, Session


@dataclass
class Answer:
    """One answer; `drip` sends the body a byte every so many seconds, `cut` ends the connection instead."""

    status: int = 200
    body: Any = field(default_factory=lambda: {"errcode": 0, "errmsg": "ok"})
    headers: dict[str, str] = field(default_factory=dict)
    delay: float = 0.0
    drip: float = 0.0
    cut: bool = False


@dataclass
class Heard:
    """One request as it came."""

    path: str
    headers: dict[str, str]
    body: Any


@dataclass
class Gateway:
    """An HTTP server. `answers` are given in order, the last one for ever; `most` at once is counted."""

    answers: list[Answer] = field(default_factory=lambda: [Answer()])
    heard: list[Heard] = field(default_factory=list)
    port: int = 0
    now: int = 0
    most: int = 0

    @property
    def base(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.now += 1
        self.most = max(self.most, self.now)
        try:
            await self._answer(reader, writer)
        except (OSError, asyncio.IncompleteReadError):
            pass
        finally:
            self.now -= 1
            writer.close()

    async def _answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
        headers = dict(line.split(": ", 1) for line in head[1:] if line)
        body = await reader.readexactly(int(headers.get("Content-Length", 0)))
        self.heard.append(Heard(head[0].split(" ")[1], headers, json.loads(body)))
        answer = self.answers[min(len(self.heard), len(self.answers)) - 1]
        await asyncio.sleep(answer.delay)
        if answer.cut:
            return
        said = answer.body if isinstance(answer.body, bytes) else json.dumps(answer.body).encode()
        lines = {"Content-Length": str(len(said)), "Connection": "close", **answer.headers}
        writer.write(f"HTTP/1.1 {answer.status} X\r\n".encode())
        writer.write("".join(f"{k}: {v}\r\n" for k, v in lines.items()).encode() + b"\r\n")
        if not answer.drip:
            writer.write(said)
        else:
            for i in range(len(said)):
                writer.write(said[i : i + 1])
                await writer.drain()
                await asyncio.sleep(answer.drip)
        await writer.drain()


@contextlib.asynccontextmanager
async def gateway(*answers: Answer) -> AsyncIterator[Gateway]:
    made = Gateway(list(answers) or [Answer()])
    server = await asyncio.start_server(made._serve, "127.0.0.1", 0)
    made.port = server.sockets[0].getsockname()[1]
    try:
        yield made
    finally:
        server.close()


@dataclass
class Post:
    """An SMTP server. `says` gives the answer to a recipient, "250 OK" for the others; `data` that to the message."""

    says: dict[str, list[str]] = field(default_factory=dict)
    data: str = "250 OK"
    port: int = 0
    taken: list[tuple[list[str], EmailMessage]] = field(default_factory=list)

    async def handle_RCPT(  # noqa: N802
        self, server: SMTP, session: Session, envelope: Envelope, address: str, options: list[str]
    ) -> str:
        said = self.says.get(address, ["250 OK"])
        answer = said.pop(0) if len(said) > 1 else said[0]
        if answer.startswith("250"):
            envelope.rcpt_tos.append(address)
        return answer

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:  # noqa: N802
        if self.data.startswith("250"):
            content = envelope.content
            assert isinstance(content, bytes)
            mail = message_from_bytes(content, policy=policy.default)
            assert isinstance(mail, EmailMessage)
            self.taken.append((list(envelope.rcpt_tos), mail))
        return self.data


@contextlib.contextmanager
def post_office(**says: Any) -> Iterator[Post]:
    made = Post(**says)
    controller = Controller(made, hostname="127.0.0.1", port=0)
    # port 0: aiosmtpd looks itself up under the number it was given, so the real one is put in first
    import socket

    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        controller.port = made.port = probe.getsockname()[1]
    controller.start()
    try:
        yield made
    finally:
        controller.stop()
