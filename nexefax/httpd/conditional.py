"""Conditions and ranges of a GET (RFC 9110 sections 13 and 14), pure."""

from __future__ import annotations

import re
from typing import NamedTuple

from nexefax.httpd.dates import parse_date
from nexefax.httpd.headers import Headers

_TAG = re.compile(r'(?:W/)?("[!\x23-\x7e\x80-\xff]*")')
_RANGE = re.compile(r"bytes=[ \t]*([0-9]{0,18})-([0-9]{0,18})[ \t]*", re.IGNORECASE)


class Selection(NamedTuple):
    """What is sent: the status (200, 206, 304 or 416) and the bytes from ``start``, ``length`` of them."""

    status: int
    start: int
    length: int


def select(method: str, headers: Headers, *, etag: str, modified: float, size: int) -> Selection:
    """Decide what a GET or HEAD of a representation gets.

    Args:
        etag: its strong entity tag, quoted.
        modified: when it changed, Unix seconds.
        size: its bytes.
    """
    seconds = int(modified)  # header dates have no fractions
    if "if-none-match" in headers:
        if _matches(headers.get("if-none-match"), etag):
            return Selection(304, 0, 0)
    elif "if-modified-since" in headers:
        since = parse_date(headers.get("if-modified-since"))
        if since is not None and seconds <= since:
            return Selection(304, 0, 0)
    whole = Selection(200, 0, size)
    # RFC 9110 section 14.2: Range is for GET alone.
    if method != "GET" or "range" not in headers or not _range_applies(headers, etag, seconds):
        return whole
    # Several ranges, other units and nonsense: to be ignored, says RFC 9110 section 14.2.
    asked = _RANGE.fullmatch(headers.get("range"))
    if asked is None:
        return whole
    first, last = asked.groups()
    if not first:
        if not last:
            return whole
        length = min(int(last), size)
        return Selection(206, size - length, length) if length else Selection(416, 0, 0)
    start = int(first)
    end = min(int(last), size - 1) if last else size - 1
    if last and int(last) < start:
        return whole
    if start >= size:
        return Selection(416, 0, 0)
    return Selection(206, start, end - start + 1)


def _matches(field: str, etag: str) -> bool:
    """Weak comparison (RFC 9110 section 8.8.3.2), as If-None-Match wants it."""
    return field.strip() == "*" or etag in _TAG.findall(field)


def _range_applies(headers: Headers, etag: str, seconds: int) -> bool:
    """If-Range (RFC 9110 section 13.1.5): strong comparison, or exactly this date."""
    condition = headers.get("if-range")
    if not condition:
        return True
    if condition.endswith('"'):
        return condition == etag
    return parse_date(condition) == seconds
