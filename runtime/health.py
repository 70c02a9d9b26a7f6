"""A worker's health over HTTP: `/healthz` while the process lives, `/readyz` while it can do its work."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Final

READ_SECONDS: Final = 5.0
CHECK_SECONDS: Final = 3.0

Check = Callable[[], Awaitable[bool]]


@asynccontextmanager
async def health_server(port: int, ready: Check, host: str = "127.0.0.1") -> AsyncIterator[int]:
    """Serves until the block ends; gives the port (`port` 0: a free one). OSError where it is taken."""

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            line = await asyncio.wait_for(reader.readline(), READ_SECONDS)
            status, word = await _answer(line.decode("latin-1").split(" ")[1:2], ready)
            body = f"{word}\n".encode()
            head = f"HTTP/1.1 {status}\r\nContent-Type: text/plain\r\nContent-Length: {len(body)}\r\n"
            writer.write(head.encode() + b"Connection: close\r\n\r\n" + body)
            await writer.drain()
        except (OSError, TimeoutError, ValueError):
            pass  # whoever asked is gone, or did not speak HTTP
        finally:
            writer.close()

    server = await asyncio.start_server(answer, host, port)
    async with server:
        yield server.sockets[0].getsockname()[1]


async def _answer(path: list[str], ready: Check) -> tuple[str, str]:
    if path == ["/healthz"]:
        return "200 OK", "ok"
    if path == ["/readyz"]:
        return ("200 OK", "ok") if await _holds(ready) else ("503 Service Unavailable", "not ready")
    return "404 Not Found", "not found"


async def _holds(check: Check) -> bool:
    try:
        return await asyncio.wait_for(check(), CHECK_SECONDS)
    except Exception:  # whatever is wrong, it is not ready
        return False
