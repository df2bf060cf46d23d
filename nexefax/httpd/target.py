"""The request target (RFC 9112 section 3.2): from the raw bytes to a path that can't mislead anybody."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from functools import lru_cache
from typing import NamedTuple
from urllib.parse import unquote_to_bytes

from nexefax.errors import HttpError

# RFC 3986: unreserved, sub-delims, ":", "@", "%", "/" and "?"; beside them what browsers leave bare
# in a query ('[', ']', '|', '^', '`', '{', '}', '"', '<', '>', '\\'). "#" never leaves a browser.
_TARGET = re.compile(r"[!\"$-~]*")
_BROKEN_PERCENT = re.compile(r"%(?![0-9A-Fa-f]{2})")
_DOT_SEGMENT = re.compile(r"(?:^|/)\.{1,2}(?:/|$)")
# Encoded slashes and backslashes would let one path look like another to a proxy in front.
_FORBIDDEN_IN_PATH = re.compile(r"[\x00-\x1f\x7f\\]")
_ENCODED_SLASH = re.compile(r"%(?:2[Ff]|5[Cc])")
_ABSOLUTE = re.compile(r"https?://([^/?#]*)([^#]*)", re.IGNORECASE)
# RFC 3986 section 3.2.2: a name, an IPv4 address or a bracketed IPv6 address, and a port. No user info.
_AUTHORITY = re.compile(r"(?:[A-Za-z0-9._~!$&'()*+,;=%-]*|\[[0-9A-Fa-f:.]+\])(?::[0-9]{0,5})?")
# Pairs in a query: a filter form has ten.
MAX_PAIRS = 200


class Target(NamedTuple):
    """``path`` is decoded and free of dot segments, control characters and backslashes; ``query`` is raw;
    ``authority`` is given in the absolute form only, and then replaces the Host header."""

    path: str
    query: str
    authority: str | None


@lru_cache(maxsize=256)
def valid_authority(text: str) -> bool:
    """Whether the text may stand in a Host header; an empty one may (RFC 9110 section 7.2)."""
    return _AUTHORITY.fullmatch(text) is not None


def parse_target(method: str, raw: str) -> Target:
    """Read the target of a request.

    Raises:
        HttpError: 400, for everything that RFC 9112 section 3.2 does not know or that is ambiguous.
    """
    if not _TARGET.fullmatch(raw):
        raise HttpError(400, "The address of the request holds characters that it may not.")
    if raw[:1] == "/":
        path, _, query = raw.partition("?")
        return Target(decode_path(path), query, None)
    if raw == "*":
        if method != "OPTIONS":
            raise HttpError(400, "Only OPTIONS may ask for *.")
        return Target("*", "", None)
    absolute = _ABSOLUTE.fullmatch(raw)
    if absolute is None or not absolute[1] or not valid_authority(absolute[1]):
        raise HttpError(400, "The address of the request is not one that this server knows.")
    path, _, query = absolute[2].partition("?")
    return Target(decode_path(path or "/"), query, absolute[1])


def decode_path(raw: str) -> str:
    """Decode a path once and refuse what could mean two things.

    Raises:
        HttpError: 400 for broken percent signs, encoded slashes, control characters, dot segments.
    """
    path = raw
    if "%" in raw:
        if _BROKEN_PERCENT.search(raw) or _ENCODED_SLASH.search(raw):
            raise HttpError(400, "The path holds a percent sign that can't be read.")
        try:
            path = unquote_to_bytes(raw).decode()
        except UnicodeDecodeError:
            raise HttpError(400, "The path is no UTF-8 text.") from None
    if "\\" in path or ("/." in path and _DOT_SEGMENT.search(path)) or _FORBIDDEN_IN_PATH.search(path):
        raise HttpError(400, "The path holds characters or steps that it may not.")
    return path


def decode_pairs(raw: str, *, limit: int = MAX_PAIRS) -> list[tuple[str, str]]:
    """Decode ``a=1&b=2`` (a query or an urlencoded form) into pairs; ``+`` is a blank.

    Raises:
        HttpError: 400 for broken percent signs, text that is no UTF-8, NUL, or more than ``limit`` pairs.
    """
    if not raw:
        return []
    if raw.count("&") >= limit:
        raise HttpError(400, f"More than {limit} values at once.")
    if _BROKEN_PERCENT.search(raw):
        raise HttpError(400, "A value holds a percent sign that can't be read.")
    pairs = []
    for piece in raw.split("&"):
        if piece:
            name, _, value = piece.replace("+", " ").partition("=")
            try:
                pair = (unquote_to_bytes(name).decode(), unquote_to_bytes(value).decode())
            except UnicodeDecodeError:
                raise HttpError(400, "A value is no UTF-8 text.") from None
            if "\0" in pair[0] or "\0" in pair[1]:
                raise HttpError(400, "A value holds a NUL character.")
            pairs.append(pair)
    return pairs


class Query(Mapping[str, str]):
    """The values behind the question mark; ``query["a"]`` is the first ``a``, ``get_all`` has the others."""

    __slots__ = ("_pairs",)

    def __init__(self, pairs: list[tuple[str, str]]) -> None:
        self._pairs = pairs

    def __getitem__(self, name: str) -> str:
        for key, value in self._pairs:
            if key == name:
                return value
        raise KeyError(name)

    def get_all(self, name: str) -> tuple[str, ...]:
        """All values of this name, in their order."""
        return tuple(value for key, value in self._pairs if key == name)

    def __iter__(self) -> Iterator[str]:
        return iter(dict(self._pairs))

    def __len__(self) -> int:
        return len(dict(self._pairs))

    def __repr__(self) -> str:
        return f"Query({self._pairs!r})"
