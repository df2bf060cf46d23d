"""A client that sends any bytes it likes and reads answers as strictly as RFC 9112 asks."""

from __future__ import annotations

import asyncio
import socket
import struct
from dataclasses import dataclass
from types import TracebackType

PATIENCE = 20.0  # seconds: only a hanging server meets it


@dataclass(frozen=True)
class Reply:
    status: int
    headers: dict[str, str]  # lower-case names; the last of a name
    body: bytes
    lines: tuple[str, ...]

    @property
    def text(self) -> str:
        return self.body.decode()


class Wire:
    """One connection."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader = reader
        self.writer = writer

    @classmethod
    async def open(cls, port: int) -> Wire:
        return cls(*await asyncio.open_connection("127.0.0.1", port))

    async def __aenter__(self) -> Wire:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.writer.transport.abort()

    async def send(self, data: bytes) -> None:
        self.writer.write(data)
        await self.writer.drain()

    def reset(self) -> None:
        """Vanish without a farewell: with no time to linger the kernel resets the connection."""
        self.writer.get_extra_info("socket").setsockopt(
            socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0)
        )
        self.writer.transport.abort()

    def end(self) -> None:
        """End our side, as `nc -N` does."""
        self.writer.write_eof()

    async def ask(self, data: bytes, *, head: bool = False) -> Reply:
        await self.send(data)
        return await self.reply(head=head)

    async def reply(self, *, head: bool = False) -> Reply:
        """The next answer; ``head`` when it answers a HEAD."""
        async with asyncio.timeout(PATIENCE):
            block = await self.reader.readuntil(b"\r\n\r\n")
            first, *lines = block[:-4].decode("latin-1").split("\r\n")
            version, status, _ = first.split(" ", 2)
            assert version == "HTTP/1.1"
            headers = {}
            for line in lines:
                name, colon, value = line.partition(": ")
                assert colon, line
                headers[name.lower()] = value
            code = int(status)
            if head or code in (100, 204, 304):
                body = b""
            elif "content-length" in headers:
                body = await self.reader.readexactly(int(headers["content-length"]))
            elif headers.get("transfer-encoding") == "chunked":
                body = await self._chunks()
            else:
                body = await self.reader.read()
            return Reply(code, headers, body, tuple(lines))

    async def _chunks(self) -> bytes:
        body = b""
        while size := int(await self.reader.readline(), 16):
            body += await self.reader.readexactly(size)
            assert await self.reader.readexactly(2) == b"\r\n"
        assert await self.reader.readexactly(2) == b"\r\n"
        return body

    async def rest(self) -> bytes:
        """All that comes until the server closes."""
        async with asyncio.timeout(PATIENCE):
            return await self.reader.read()

    async def closed(self) -> bool:
        """Whether the server ends the connection with nothing more to say; a reset counts."""
        try:
            return await self.rest() == b""
        except ConnectionError:
            return True


def request(
    target: str = "/", method: str = "GET", body: bytes | None = None, /, version: str = "1.1", **headers: str
) -> bytes:
    """A request as a well-behaved client would send it; ``_`` in names of headers stands for a dash."""
    lines = [f"{method} {target} HTTP/{version}", "Host: fax.example"]
    if body is not None:
        lines.append(f"Content-Length: {len(body)}")
    lines += [f"{name.replace('_', '-')}: {value}" for name, value in headers.items()]
    return "\r\n".join((*lines, "", "")).encode("latin-1") + (body or b"")
