"""What a handler gives back."""

from __future__ import annotations

import json
import re
import time
from collections.abc import AsyncIterator
from dataclasses import dataclass
from http import HTTPStatus
from pathlib import Path
from typing import Any
from urllib.parse import quote

from nexefax.httpd.dates import format_date
from nexefax.httpd.headers import TOKEN, Headers, HeaderSource

_REASONS = {status.value: status.phrase for status in HTTPStatus}
# RFC 6265 section 4.1.1: what a cookie's value may hold.
_COOKIE_VALUE = re.compile(r"[!#-+\--:<-\[\]-~]*")
_JSON = Headers({"Content-Type": "application/json"})
_TEXT = Headers({"Content-Type": "text/plain; charset=utf-8"})
_HTML = Headers({"Content-Type": "text/html; charset=utf-8"})


@dataclass(frozen=True, slots=True)
class FileBody:
    """A file as the body. It is read in threads; conditions and ranges of the request are honoured.

    Args:
        path: the file; 404 when it is missing.
        etag: a strong entity tag without quotes; by default made from size and time of change.
    """

    path: Path
    etag: str = ""


Body = bytes | FileBody | AsyncIterator[bytes]


class Response:
    """An answer. The server adds Date, Server, Content-Length or Transfer-Encoding, and Connection.

    Args:
        status: 200 to 599.
        headers: further header fields.
        body: bytes, a file, or an iterator whose pieces go out as they come; the client's disconnect
            cancels it where it waits.
        endless: the iterator has no end of its own (server-sent events): closing the server ends it
            without grace.
    """

    __slots__ = ("body", "endless", "headers", "status")

    def __init__(
        self, status: int = 200, headers: HeaderSource = (), body: Body = b"", *, endless: bool = False
    ) -> None:
        if not 200 <= status <= 599:
            raise ValueError(f"{status} is no status of an answer.")
        self.status = status
        self.headers = Headers(headers) if headers else Headers.received({})
        self.body = body
        self.endless = endless

    @classmethod
    def _typed(cls, media_type: Headers, body: Body, status: int, headers: HeaderSource) -> Response:
        response = cls(status, headers, body)
        response.headers.set_defaults(media_type)
        return response

    @classmethod
    def json(cls, value: Any, status: int = 200, headers: HeaderSource = ()) -> Response:
        """A value as JSON in UTF-8."""
        body = json.dumps(value, ensure_ascii=False, separators=(",", ":"), allow_nan=False).encode()
        return cls._typed(_JSON, body, status, headers)

    @classmethod
    def text(cls, text: str, status: int = 200, headers: HeaderSource = ()) -> Response:
        """Plain text in UTF-8."""
        return cls._typed(_TEXT, text.encode(), status, headers)

    @classmethod
    def html(cls, text: str | bytes, status: int = 200, headers: HeaderSource = ()) -> Response:
        """A page in UTF-8."""
        body = text.encode() if isinstance(text, str) else text
        return cls._typed(_HTML, body, status, headers)

    @classmethod
    def redirect(cls, url: str, status: int = 302) -> Response:
        """Send the client elsewhere; characters beyond ASCII are percent-encoded."""
        return cls(status, {"Location": quote(url, safe="%/:=&?~#+!$,;'@()*[]")})

    @classmethod
    def events(cls, events: AsyncIterator[bytes]) -> Response:
        """Server-sent events, already framed by the iterator; nginx is told not to buffer them."""
        return cls(
            200,
            {"Content-Type": "text/event-stream", "Cache-Control": "no-store", "X-Accel-Buffering": "no"},
            events,
            endless=True,
        )

    def set_cookie(
        self,
        name: str,
        value: str,
        *,
        max_age: int | None = None,
        path: str = "/",
        http_only: bool = True,
        secure: bool = False,
        same_site: str = "Lax",
    ) -> None:
        """Add a cookie (RFC 6265 section 4.1); ``max_age`` 0 deletes it, None lasts as long as the browser.

        Raises:
            ValueError: a name, value or path that a cookie can't have.
        """
        if not TOKEN.fullmatch(name) or not _COOKIE_VALUE.fullmatch(value) or ";" in path:
            raise ValueError(f"The cookie {name!r} can't be written.")
        parts = [f"{name}={value}", f"Path={path}"]
        if max_age is not None:
            parts.append(f"Max-Age={max_age}")
        if secure:
            parts.append("Secure")
        if http_only:
            parts.append("HttpOnly")
        parts.append(f"SameSite={same_site}")
        self.headers.add("Set-Cookie", "; ".join(parts))

    def __repr__(self) -> str:
        return f"<Response {self.status}>"


class StatusLines:
    """Status line, Server and Date: the same for all answers with one status within one second."""

    __slots__ = ("_lines", "_second")

    def __init__(self) -> None:
        self._second = 0
        self._lines: dict[int, str] = {}

    def line(self, status: int) -> str:
        """The first lines of an answer, each ended by CRLF."""
        second = int(time.time())
        if second != self._second:
            self._second = second
            self._lines.clear()
        line = self._lines.get(status)
        if line is None:
            reason = _REASONS.get(status, "")
            line = f"HTTP/1.1 {status} {reason}\r\nServer: NexeFax\r\nDate: {format_date(second)}\r\n"
            self._lines[status] = line
        return line
