"""Webhooks of others, as a scripted HTTP server that keeps what it is told."""

from __future__ import annotations

import asyncio
import json
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from typing import Any

STALL = b"stall"  # take the request, and never answer
LATE = b"late"  # answer 204 when released


@dataclass(frozen=True)
class Told:
    """One request that arrived."""

    target: str
    headers: dict[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)


@dataclass
class Hook:
    """Answers with what ``answers`` says, one after another, then 204 for ever."""

    answers: list[bytes] = field(default_factory=list)
    told: asyncio.Queue[Told] = field(default_factory=asyncio.Queue)
    url: str = ""
    released: asyncio.Event = field(default_factory=asyncio.Event)

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(ConnectionError, asyncio.IncompleteReadError):
            first, *lines = (await reader.readuntil(b"\r\n\r\n")).decode().splitlines()
            headers = dict(line.split(": ", 1) for line in lines if line)
            body = await reader.readexactly(int(headers["Content-Length"]))
            answer = self.answers.pop(0) if self.answers else reply(204)
            await self.told.put(Told(first.split()[1], headers, body))
            if answer in (STALL, LATE):
                await self.released.wait()
            if answer != STALL:
                writer.write(reply(204) if answer == LATE else answer)
        writer.close()


def reply(status: int, *more: str) -> bytes:
    """An answer without a body."""
    return "\r\n".join((f"HTTP/1.1 {status} Whatever", "Content-Length: 0", *more, "", "")).encode()


@asynccontextmanager
async def open_hook(*answers: bytes, tls: ssl.SSLContext | None = None) -> AsyncIterator[Hook]:
    """A hook at an address of its own."""
    hook = Hook([*answers])
    server = await asyncio.start_server(hook.serve, "127.0.0.1", 0, ssl=tls)
    port = server.sockets[0].getsockname()[1]
    hook.url = f"http{'s' if tls else ''}://127.0.0.1:{port}/faxes?key=1"
    try:
        yield hook
    finally:
        hook.released.set()
        server.close()
