"""Writes one answer: its head, its framing, and a body of bytes, of a file or of an iterator."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Protocol

from nexefax.httpd.dates import format_date
from nexefax.httpd.files import OpenedFile, open_selected, read_piece
from nexefax.httpd.headers import Headers
from nexefax.httpd.protocol import RequestHead
from nexefax.httpd.response import FileBody, Response, StatusLines
from nexefax.httpd.threads import run_to_end

# A body up to this goes out in one write with its head: copying costs less than a second packet.
_TOGETHER = 65536
_BODILESS = frozenset((204, 304))  # RFC 9110 section 6.4.1


class Outlet(Protocol):
    """Where an answer is written to."""

    def write(self, data: bytes) -> None:
        """Hand over bytes; never waits."""

    async def drain(self) -> None:
        """Wait while the peer is behind."""


class Answer:
    """One answer on its way out.

    Args:
        outlet: where it goes.
        lines: the server's status lines.
        head: what was asked; None when it could not be read.
        keep_alive: whether the connection shall stay open; an answer that can only end with the
            connection makes it False.

    ``status`` and ``size`` (bytes of the body as sent) are for the log; ``status`` is 0 as long as nothing
    has been written.
    """

    __slots__ = ("_head", "_lines", "_outlet", "keep_alive", "size", "status")

    def __init__(self, outlet: Outlet, lines: StatusLines, head: RequestHead | None) -> None:
        self._outlet = outlet
        self._lines = lines
        self._head = head
        self.keep_alive = False
        self.status = 0
        self.size = 0

    async def send(self, response: Response) -> None:
        """Write the answer; returns when the socket has it, but for what fits its buffer.

        Raises:
            ValueError: a header that can't be sent; nothing has been written.
            HttpError, OSError: the file can't be sent; ``status`` says whether the head is out already.
        """
        body = response.body
        if isinstance(body, bytes):
            self.send_bytes(response, body)
            await self._outlet.drain()
        elif isinstance(body, FileBody):
            await self._send_file(response, body)
        else:
            await self._send_pieces(response, body)

    def send_bytes(self, response: Response, body: bytes) -> None:
        """Write an answer whose body is at hand, without waiting; raises as ``send``."""
        status = response.status
        if status in _BODILESS:
            self._begin(status, response.headers, "")
        elif self._head is not None and self._head.method == "HEAD":
            self._begin(status, response.headers, f"Content-Length: {len(body)}\r\n")
        else:
            self._begin(status, response.headers, f"Content-Length: {len(body)}\r\n", body)

    def _begin(self, status: int, headers: Headers, framing: str, body: bytes = b"") -> None:
        if not self.keep_alive:
            framing += "Connection: close\r\n"
        elif self._head is not None and self._head.minor == 0:
            framing += "Connection: keep-alive\r\n"
        head = f"{self._lines.line(status)}{headers.lines()}{framing}\r\n".encode("latin-1")
        self.status = status
        self.size = len(body)
        if self.size <= _TOGETHER:
            self._outlet.write(head + body)
        else:
            self._outlet.write(head)
            self._outlet.write(body)

    async def _send_file(self, response: Response, body: FileBody) -> None:
        head = self._head
        method, asked = ("GET", Headers()) if head is None else (head.method, head.headers)
        if response.status != 200 or method not in ("GET", "HEAD"):
            asked = Headers()  # RFC 9110 section 13.2.1: conditions ask about a GET's 200
        opened: OpenedFile = await run_to_end(open_selected, body.path, body.etag, method, asked)
        try:
            chosen = opened.selection
            headers = response.headers.copy()
            headers.setdefault("ETag", opened.etag)
            headers.setdefault("Last-Modified", format_date(opened.modified))
            headers.setdefault("Accept-Ranges", "bytes")
            status = response.status
            framing = f"Content-Length: {chosen.length}\r\n"
            if chosen.status == 206:
                last = chosen.start + chosen.length - 1
                headers.set("Content-Range", f"bytes {chosen.start}-{last}/{opened.size}")
                status = 206
            elif chosen.status == 416:
                headers.set("Content-Range", f"bytes */{opened.size}")
                status = 416
            elif chosen.status == 304:
                headers.remove("content-type")
                framing = ""
                status = 304
            self._begin(status, headers, framing, opened.first)
            await self._outlet.drain()
            while opened.rest is not None and self.size < chosen.length:
                piece = await run_to_end(read_piece, opened.rest, chosen.length - self.size)
                self._outlet.write(piece)
                self.size += len(piece)
                await self._outlet.drain()
        finally:
            if opened.rest is not None:
                await run_to_end(opened.rest.close)

    async def _send_pieces(self, response: Response, pieces: AsyncIterator[bytes]) -> None:
        try:
            head = self._head
            if response.status in _BODILESS or (head is not None and head.method == "HEAD"):
                self._begin(response.status, response.headers, "")
                return
            chunked = head is None or head.minor == 1
            if not chunked:  # RFC 9112 section 6.3: only the connection's end can end it
                self.keep_alive = False
            self._begin(
                response.status, response.headers, "Transfer-Encoding: chunked\r\n" if chunked else ""
            )
            await self._outlet.drain()
            async for piece in pieces:
                if piece:
                    self.size += len(piece)
                    self._outlet.write(b"%x\r\n%b\r\n" % (len(piece), piece) if chunked else piece)
                    await self._outlet.drain()
            if chunked:
                self._outlet.write(b"0\r\n\r\n")
        finally:
            # A generator left in the middle must give back what it holds now, not when it is collected.
            close = getattr(pieces, "aclose", None)
            if close is not None:
                await close()
