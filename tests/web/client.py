"""A small HTTP client with a cookie jar, on the standard library's, run off the loop."""

from __future__ import annotations

import asyncio
import http.client
import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode

BOUNDARY = "tests-own-boundary"
Upload = tuple[str, bytes]


@dataclass(frozen=True)
class Reply:
    status: int
    headers: http.client.HTTPMessage
    body: bytes

    @property
    def text(self) -> str:
        return self.body.decode()

    @property
    def json(self) -> Any:
        return json.loads(self.body)

    @property
    def location(self) -> str | None:
        return self.headers["Location"]


class Client:
    """Keeps the session's cookie as a browser does, unless ``cookie`` is set by hand."""

    def __init__(self, port: int) -> None:
        self.port = port
        self.cookie = ""

    async def get(self, path: str, **headers: str) -> Reply:
        return await self.ask("GET", path, None, headers)

    async def post(self, path: str, fields: Mapping[str, str] | bytes = b"", **headers: str) -> Reply:
        """Post a form, urlencoded."""
        body = fields if isinstance(fields, bytes) else urlencode(fields).encode()
        return await self.ask(
            "POST", path, body, {"Content-Type": "application/x-www-form-urlencoded", **headers}
        )

    async def post_multipart(
        self, path: str, fields: Mapping[str, str], files: Mapping[str, Upload] | None = None, **headers: str
    ) -> Reply:
        """Post a form as multipart/form-data."""
        body = multipart(fields, files or {})
        kind = f"multipart/form-data; boundary={BOUNDARY}"
        return await self.ask("POST", path, body, {"Content-Type": kind, **headers})

    async def send(self, method: str, path: str, value: object = None, **headers: str) -> Reply:
        """Make a request of the API, with ``value`` as JSON; None for no body."""
        if value is None:
            return await self.ask(method, path, None, headers)
        body = json.dumps(value).encode()
        return await self.ask(method, path, body, {"Content-Type": "application/json", **headers})

    async def ask(self, method: str, path: str, body: bytes | None, headers: Mapping[str, str]) -> Reply:
        """Make one request; header names are given with underscores for dashes."""
        sent = {name.replace("_", "-"): value for name, value in headers.items()}
        if self.cookie:
            sent.setdefault("Cookie", f"nexefax-session={self.cookie}")
        reply = await asyncio.to_thread(self._ask, method, path, body, sent)
        for line in reply.headers.get_all("Set-Cookie") or ():
            self.cookie = line.split(";")[0].removeprefix("nexefax-session=")
        return reply

    def _ask(self, method: str, path: str, body: bytes | None, headers: Mapping[str, str]) -> Reply:
        connection = self.connect()
        try:
            connection.request(method, path, body, dict(headers))
            response = connection.getresponse()
            return Reply(response.status, response.headers, response.read())
        finally:
            connection.close()

    def connect(self) -> http.client.HTTPConnection:
        return http.client.HTTPConnection("127.0.0.1", self.port, timeout=30)


def multipart(fields: Mapping[str, str], files: Mapping[str, Upload]) -> bytes:
    """A form as browsers write it (RFC 7578)."""
    parts = []
    for name, value in fields.items():
        parts.append(f'Content-Disposition: form-data; name="{name}"\r\n\r\n{value}'.encode())
    for name, (filename, content) in files.items():
        head = (
            f'Content-Disposition: form-data; name="{name}"; filename="{filename}"\r\n'
            "Content-Type: application/pdf\r\n\r\n"
        )
        parts.append(head.encode() + content)
    return b"".join(b"--%b\r\n%b\r\n" % (BOUNDARY.encode(), part) for part in parts) + (
        f"--{BOUNDARY}--\r\n".encode()
    )
