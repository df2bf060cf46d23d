"""The first line of a request (RFC 9112 section 3)."""

from __future__ import annotations

import re
from functools import lru_cache
from typing import NamedTuple

from nexefax.errors import HttpError
from nexefax.httpd.target import Target, parse_target

METHOD = re.compile(rb"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
_VERSION = re.compile(rb"HTTP/[0-9]\.[0-9]")


class RequestLine(NamedTuple):
    """The first line of a request; ``minor`` is the x of HTTP/1.x."""

    method: str
    target: Target
    minor: int


@lru_cache(maxsize=64)  # pages ask for the same few addresses again and again; 64 times 8 KiB at the most
def read_request_line(line: bytes) -> RequestLine:
    """Read the first line of a request.

    Raises:
        HttpError: 400, 501 or 505, with ``close``.
    """
    try:
        method, raw_target, version = line.split(b" ")
    except ValueError:
        raise HttpError(400, "The first line of the request is broken.", close=True) from None
    if not METHOD.fullmatch(method) or not raw_target.isascii():
        raise HttpError(400, "The first line of the request is broken.", close=True)
    if version == b"HTTP/1.1":
        minor = 1
    elif version == b"HTTP/1.0":
        minor = 0
    elif _VERSION.fullmatch(version):
        raise HttpError(505, "This server speaks HTTP/1.1 and HTTP/1.0.", close=True)
    else:
        raise HttpError(400, "The first line of the request is broken.", close=True)
    if method == b"CONNECT":
        raise HttpError(501, "This server is no proxy.", close=True)
    try:
        target = parse_target(method.decode(), raw_target.decode())
    except HttpError as error:
        raise HttpError(error.status, error.detail, close=True) from None
    return RequestLine(method.decode(), target, minor)
