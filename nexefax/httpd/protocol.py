"""HTTP/1.1 without I/O: bytes in, request heads and pieces of bodies out.

httptools (llhttp) parses header lines, chunks and trailers. Around it this module does what a parser
leaves to the server: it finds the end of each head itself, so that the parser sees one message at a
time (pipelined requests wait as bytes, not as objects) and never more than the cap; and it refuses
what llhttp lets pass: a missing or doubled Host, HTTP/0.9, /2.0 and other protocols' names, two
blanks in the request line, codings before ``chunked``, ``chunked`` in HTTP/1.0, endless trailers.
"""

from __future__ import annotations

import re
from functools import lru_cache
from typing import NamedTuple

from httptools import HttpParserError, HttpParserInvalidMethodError, HttpParserUpgrade, HttpRequestParser

from nexefax.errors import HttpError
from nexefax.httpd.headers import Headers
from nexefax.httpd.limits import HttpLimits
from nexefax.httpd.request_line import METHOD, read_request_line
from nexefax.httpd.target import Target, valid_authority

_END_OF_HEAD = b"\r\n\r\n"
# RFC 9110 section 7.8: a server may ignore Upgrade. llhttp can't: it stops and loses the body, which every
# Java client meets, since it offers h2c with each request. So the parser must not see the field.
_UPGRADE = re.compile(rb"\r\nupgrade:", re.IGNORECASE)
# The most that is handed to the parser, and so to a reader, at once.
_PIECE = 65536
# Who asks for the same again, with the same headers (a poll, a proxy's health check), is not parsed again: that
# saves a sixth of a small answer's time. Larger heads are not worth their memory.
_REMEMBERED = 1024


@lru_cache(maxsize=256)  # clients send some twenty names
def _key(name: bytes) -> str:
    return name.decode("latin-1").lower()


class RequestHead(NamedTuple):
    """One request without its body.

    ``length`` is the body's size in bytes, 0 for none, None for a chunked body. ``minor`` is the x of
    HTTP/1.x. ``expects_continue``: the client waits for "100 Continue" before it sends the body. ``headers``
    are not to be changed: the next request may share them.
    """

    method: str
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
        self._fields: dict[str, tuple[str, ...]] = {}
        self._last_raw = b""
        self._last_head: RequestHead | None = None
        self.in_body = False  # the end of the current request's body is still to come
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
        if not buffer:
            return None
        if buffer[0] == 13 and not self._skipped_line and buffer.startswith(b"\r\n"):
            # RFC 9112 section 2.2: one empty line before a request is to be ignored.
            del buffer[:2]
            self._skipped_line = True
        end = buffer.find(_END_OF_HEAD, self._searched) + 4
        if end == 3:
            self._judge_unfinished()
            return None
        if end > self._limits.head:
            raise self._too_large()
        if end == len(buffer):
            raw = bytes(buffer)
            buffer.clear()
        else:
            raw = bytes(buffer[:end])
            del buffer[:end]
        self._searched = 0
        self._skipped_line = False
        if raw == self._last_raw and self._last_head is not None:
            return self._last_head
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
        if start == 0 and not METHOD.match(buffer, 0, 1) and buffer != b"\r":
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
        """Parse one whole head; RFC 9112 sections 3.2, 6.1, 6.3, 9.3 and RFC 9110 section 10.1.1."""
        line_end = raw.find(b"\r\n")
        if line_end > self._limits.request_line:
            raise _refused(414, "The address of the request is too long.")
        # Where we look for CRLFCRLF, llhttp must see the same end of the head. It does: it refuses a bare CR or
        # LF, folded lines and control characters (tests/httpd/test_protocol.py holds it to that).
        if raw.count(b"\n") - 2 > self._limits.header_count:
            raise _refused(431, "The request has too many header lines.")
        method, target, minor = read_request_line(raw[:line_end])
        self._feed_head(raw)
        fields = self._fields
        self._fields = {}
        hosts = fields.get("host")
        if hosts is None:
            if minor:
                raise _refused(400, "The request names no host.")
        elif len(hosts) > 1 or not valid_authority(hosts[0]):
            raise _refused(400, "The request must name one host, in one Host header.")
        if target.authority is not None:
            fields["host"] = (target.authority,)
        headers = Headers.received(fields)
        length: int | None = 0
        if not self._complete:
            length = self._body_length(minor, headers)
        expects = False
        if "expect" in fields and minor:  # RFC 9110 section 10.1.1: HTTP/1.0 knows no expectations
            if headers.get("expect").lower() != "100-continue":
                raise _refused(417, "This server can only meet the expectation 100-continue.")
            expects = length != 0
        keep_alive = minor == 1
        if "connection" in fields:
            options = {option.strip() for option in headers.get("connection").lower().split(",")}
            keep_alive = "close" not in options and (keep_alive or "keep-alive" in options)
        head = RequestHead(method, target, minor, headers, length, expects, keep_alive)
        if length == 0 and len(raw) <= _REMEMBERED:
            self._last_raw = raw
            self._last_head = head
        return head

    def _feed_head(self, raw: bytes) -> None:
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
        self.in_body = not self._complete

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
        self._chunked = False
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
        if not self.in_body:
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
            self.in_body = False
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
        if not self.in_body:  # trailers (RFC 9110 section 6.5) are read over: nothing here needs them
            key = _key(name)
            text = value.decode("latin-1").strip(" \t")
            self._fields[key] = (*self._fields[key], text) if key in self._fields else (text,)

    def on_body(self, body: bytes) -> None:
        self._body.append(body)

    def on_message_complete(self) -> None:
        self._complete = True


def _refused(status: int, detail: str) -> HttpError:
    return HttpError(status, detail, close=True)
