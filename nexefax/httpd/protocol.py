"""HTTP/1.1 without I/O: bytes in, request heads and pieces of bodies out.

httptools (llhttp) parses header lines, chunks and trailers. Around it this module does what a parser
leaves to the server: it finds the end of each head itself, so that the parser sees one message at a
time (pipelined requests wait as bytes, not as objects) and never more than the cap; and it refuses
what llhttp lets pass: a missing or doubled Host, HTTP/0.9, /2.0 and other protocols' names, two
blanks in the request line, codings before ``chunked``, ``chunked`` in HTTP/1.0, endless trailers.
"""

from __future__ import annotations

import re
from typing import NamedTuple

from httptools import HttpParserError, HttpParserInvalidMethodError, HttpParserUpgrade, HttpRequestParser

from nexefax.errors import HttpError
from nexefax.httpd.headers import Headers
from nexefax.httpd.limits import HttpLimits
from nexefax.httpd.target import Target, parse_target, valid_authority

_END_OF_HEAD = b"\r\n\r\n"
_METHOD = re.compile(rb"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
_VERSION = re.compile(rb"HTTP/[0-9]\.[0-9]")
# What may stand in a head. translate() with it leaves the bytes that may not: the other control characters.
_TEXT = bytes([9, 10, 13, *range(0x20, 0x7F), *range(0x80, 0x100)])
# RFC 9110 section 7.8: a server may ignore Upgrade. llhttp can't: it stops and loses the body, which every
# Java client meets, since it offers h2c with each request. So the parser must not see the field.
_UPGRADE = re.compile(rb"\r\nupgrade:", re.IGNORECASE)
# The most that is handed to the parser, and so to a reader, at once.
_PIECE = 65536


class RequestHead(NamedTuple):
    """One request without its body.

    ``length`` is the body's size in bytes, 0 for none, None for a chunked body. ``minor`` is the x of
    HTTP/1.x. ``expects_continue``: the client waits for "100 Continue" before it sends the body.
    """

    method: str
    raw_target: str
    target: Target
    minor: int
    headers: Headers
    length: int | None
    expects_continue: bool
    keep_alive: bool


class RequestParser:
    """Reads the requests of one connection, one after the other.

    ``receive`` takes bytes; ``next_head`` and then ``next_body`` give what they hold. None means that
    more bytes are needed. After an HttpError the connection can't be understood any more.
    """

    def __init__(self, limits: HttpLimits) -> None:
        self._limits = limits
        self._parser = HttpRequestParser(self)
        self._buffer = bytearray()
        self._searched = 0  # bytes at the buffer's start that hold no end of a head
        self._skipped_line = False
        self._fields: dict[str, list[str]] = {}
        self._in_head = True
        self._complete = False
        self._body: list[bytes] = []
        self._body_size = 0
        self._chunked = False
        self._remaining = 0  # bytes of a body with a Content-Length that are still to come
        self._framing = 0  # bytes since the last byte of a body that were not body

    @property
    def buffered(self) -> int:
        """Bytes received and not yet given out."""
        return len(self._buffer)

    @property
    def in_body(self) -> bool:
        """Whether the end of the current request's body is still to come."""
        return not self._in_head

    def receive(self, data: bytes | memoryview) -> None:
        """Take what the socket gave."""
        self._buffer += data

    # -- the head ------------------------------------------------------------------------------------

    def next_head(self) -> RequestHead | None:
        """The next request, or None while it is incomplete.

        Raises:
            HttpError: 400, 413, 414, 417, 431, 501 or 505; always with ``close``.
        """
        buffer = self._buffer
        if not self._skipped_line and buffer[:2] == b"\r\n":
            # RFC 9112 section 2.2: one empty line before a request is to be ignored.
            del buffer[:2]
            self._skipped_line = True
        end = buffer.find(_END_OF_HEAD, self._searched)
        if end < 0:
            self._judge_unfinished()
            return None
        end += 4
        if end > self._limits.head:
            raise self._too_large()
        raw = bytes(buffer[:end])
        del buffer[:end]
        self._searched = 0
        self._skipped_line = False
        return self._read_head(raw)

    def _judge_unfinished(self) -> None:
        """Refuse early what can't become a request, so that it doesn't wait for its timeout."""
        buffer = self._buffer
        size = len(buffer)
        if not size:
            return
        start = self._searched
        if size > self._limits.head or (
            size > self._limits.request_line + 2
            and buffer.find(b"\r\n", 0, self._limits.request_line + 2) < 0
        ):
            raise self._too_large()
        if start == 0 and not _METHOD.match(buffer, 0, 1) and buffer != b"\r":
            # A TLS handshake on the plain port, for one.
            raise _refused(400, "This is not an HTTP request.")
        if buffer.count(b"\n", start) != buffer.count(b"\r\n", max(0, start - 1)):
            raise _refused(400, "A line of the request does not end in CRLF.")
        self._searched = max(0, size - 3)

    def _too_large(self) -> HttpError:
        if self._buffer.find(b"\r\n", 0, self._limits.request_line + 2) < 0:
            return _refused(414, "The address of the request is too long.")
        return _refused(431, "The head of the request is too large.")

    def _read_head(self, raw: bytes) -> RequestHead:
        line_end = raw.find(b"\r\n")
        if line_end > self._limits.request_line:
            raise _refused(414, "The address of the request is too long.")
        lines = raw.count(b"\r\n")
        if lines - 2 > self._limits.header_count:
            raise _refused(431, "The request has too many header lines.")
        # RFC 9112 section 2.2 and 5.2. llhttp refuses these too; but where we look for the end of the head, its
        # idea of a line must be ours in any version of it.
        if raw.count(b"\n") != lines or raw.count(b"\r") != lines or b"\n " in raw or b"\n\t" in raw:
            raise _refused(400, "The lines of the request are broken.")
        if raw.translate(None, _TEXT):
            raise _refused(400, "The request holds control characters.")
        method, target, minor = self._read_request_line(raw[:line_end])
        self._parse_head(raw)
        headers = Headers.received(self._fields)
        self._fields = {}
        return self._judge_head(method, target, minor, headers)

    def _read_request_line(self, line: bytes) -> tuple[str, str, int]:
        try:
            method, target, version = line.split(b" ")
        except ValueError:
            raise _refused(400, "The first line of the request is broken.") from None
        if not _METHOD.fullmatch(method) or not target.isascii() or not target:
            raise _refused(400, "The first line of the request is broken.")
        if version == b"HTTP/1.1":
            minor = 1
        elif version == b"HTTP/1.0":
            minor = 0
        elif _VERSION.fullmatch(version):
            raise _refused(505, "This server speaks HTTP/1.1 and HTTP/1.0.")
        else:
            raise _refused(400, "The first line of the request is broken.")
        if method == b"CONNECT":
            raise _refused(501, "This server is no proxy.")
        return method.decode(), target.decode(), minor

    def _parse_head(self, raw: bytes) -> None:
        self._complete = False
        try:
            try:
                self._parser.feed_data(raw)
            except HttpParserUpgrade:
                self._parser = HttpRequestParser(self)
                self._fields = {}
                self._complete = False
                self._parser.feed_data(_UPGRADE.sub(b"\r\nx-ignored-upgrade:", raw))
        except HttpParserInvalidMethodError:
            raise _refused(501, "This server does not know the method of the request.") from None
        except HttpParserError as error:
            raise _refused(400, f"{error}.") from None
        self._in_head = self._complete

    def _judge_head(self, method: str, raw_target: str, minor: int, headers: Headers) -> RequestHead:
        """RFC 9112 sections 3.2, 6.1, 6.3, 9.3; RFC 9110 section 10.1.1."""
        hosts = headers.get_all("host")
        if len(hosts) > 1 or (not hosts and minor) or (hosts and not valid_authority(hosts[0])):
            raise _refused(400, "The request must name its host once, in a Host header.")
        try:
            target = parse_target(method, raw_target)
        except HttpError as error:
            raise _refused(error.status, error.detail) from None
        if target.authority is not None:
            headers.set("host", target.authority)
        length: int | None = 0
        self._chunked = False
        if not self._complete or "transfer-encoding" in headers:
            length = self._body_length(minor, headers)
        expects = headers.get("expect").strip().lower()
        if minor == 0:
            expects = ""  # RFC 9110 section 10.1.1: to be ignored in HTTP/1.0
        if expects and expects != "100-continue":
            raise _refused(417, "This server can only meet the expectation 100-continue.")
        connection = headers.get("connection").lower()
        if connection:
            options = [option.strip() for option in connection.split(",")]
            keep_alive = "close" not in options and (minor == 1 or "keep-alive" in options)
        else:
            keep_alive = minor == 1
        return RequestHead(
            method, raw_target, target, minor, headers, length, bool(expects) and length != 0, keep_alive
        )

    def _body_length(self, minor: int, headers: Headers) -> int | None:
        coding = headers.get("transfer-encoding")
        if coding:
            if minor == 0:
                raise _refused(400, "HTTP/1.0 knows no Transfer-Encoding.")
            if coding.strip().lower() != "chunked":
                raise _refused(501, "This server knows no transfer coding but chunked.")
            self._chunked = True
            self._body_size = 0
            self._framing = 0
            return None
        length = int(headers.get("content-length"))  # llhttp: one value, digits only, below 2**64
        if length > self._limits.body:
            raise self._body_too_large()
        self._remaining = length
        return length

    def _body_too_large(self) -> HttpError:
        return _refused(413, f"A request may hold at most {self._limits.body} bytes.")

    # -- the body ------------------------------------------------------------------------------------

    def next_body(self) -> bytes | None:
        """The next piece of the body, b"" once at its end, or None while more is needed.

        Raises:
            HttpError: 400 for broken chunks, 413 past the cap, 431 for endless trailers or extensions.
        """
        if self._in_head:
            return b""
        while not self._complete and (size := self._feedable()):
            with memoryview(self._buffer)[:size] as view:
                try:
                    self._parser.feed_data(view)
                except HttpParserError as error:
                    raise _refused(400, f"{error}.") from None
            del self._buffer[:size]
            body = b"".join(self._body)
            self._body.clear()
            if self._chunked:
                self._count(size, len(body))
            else:
                self._remaining -= size
            if body:
                return body
        if self._complete:
            self._in_head = True
            return b""
        return None

    def _feedable(self) -> int:
        """How many bytes the parser may have: never past the end of this message."""
        size = min(len(self._buffer), _PIECE)
        if not self._chunked:
            return min(size, self._remaining)
        end = self._buffer.find(_END_OF_HEAD, 0, size)
        if end >= 0:
            return end + 4
        # A chunked body ends at an empty line, so the next request can begin only behind CRLFCRLF. What may
        # be its first half waits.
        for half in (b"\r\n\r", b"\r\n", b"\r"):
            if self._buffer.endswith(half, 0, size):
                return size - len(half)
        return size

    def _count(self, fed: int, body: int) -> None:
        self._body_size += body
        if self._body_size > self._limits.body:
            raise self._body_too_large()
        self._framing = 0 if body else self._framing + fed
        if self._framing > self._limits.head:
            raise _refused(431, "The chunked body carries too much beside its data.")

    # -- called by httptools -------------------------------------------------------------------------

    def on_header(self, name: bytes, value: bytes) -> None:
        if self._in_head:  # trailers (RFC 9110 section 6.5) are read over: nothing here needs them
            key = name.decode("latin-1").lower()
            self._fields.setdefault(key, []).append(value.decode("latin-1").strip(" \t"))

    def on_body(self, body: bytes) -> None:
        self._body.append(body)

    def on_message_complete(self) -> None:
        self._complete = True


def _refused(status: int, detail: str) -> HttpError:
    return HttpError(status, detail, close=True)
