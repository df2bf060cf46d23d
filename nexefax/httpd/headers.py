"""Header fields: several values for each name, names without case, nothing that could forge a line."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from functools import lru_cache

# RFC 9110 section 5.6.2.
TOKEN = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
# RFC 9110 section 5.5: visible characters, blanks, tabs, obs-text; all else could end the line early.
_FORBIDDEN = re.compile(r"[^\t\x20-\x7e\x80-\xff]")

# Written so by everybody, though not by the rule of capitals.
_SPELLING = {"etag": "ETag", "www-authenticate": "WWW-Authenticate", "te": "TE"}

HeaderSource = Mapping[str, str] | Iterable[tuple[str, str]]


# RFC 9110 section 7.6.1 and RFC 9112 section 6: how the message is framed is the server's to say, nobody else's.
_SERVERS_OWN = frozenset(
    (
        "connection",
        "content-length",
        "date",
        "keep-alive",
        "server",
        "trailer",
        "transfer-encoding",
        "upgrade",
    )
)


@lru_cache(maxsize=128)  # our own answers use a few dozen names
def _key(name: str) -> str:
    if not TOKEN.fullmatch(name):
        raise ValueError(f"{name!r} is no header name.")
    return name.lower()


class _LineStarts(dict[str, str]):
    """How a header line of our own begins, by key; our own answers use a few dozen names."""

    def __missing__(self, key: str) -> str:
        if key in _SERVERS_OWN:
            raise ValueError(f"The server writes the header {key} itself.")
        spelled = _SPELLING.get(key) or "-".join(part.capitalize() for part in key.split("-"))
        self[key] = start = f"{spelled}: "
        return start


_line_starts = _LineStarts()


def _check_value(name: str, value: str) -> None:
    if _FORBIDDEN.search(value):
        raise ValueError(f"The value of the header {name!r} holds characters that it may not: {value!r}")


class Headers:
    """Header fields in the order of their first appearance.

    What is set here is checked at once, so that the traceback of a bad value points at who set it.

    Args:
        source: pairs or a mapping; names are tokens, values latin-1 text without control characters.

    Raises:
        ValueError: a name or value that can't stand in a header line.
    """

    __slots__ = ("_fields",)

    def __init__(self, source: HeaderSource = ()) -> None:
        self._fields: dict[str, tuple[str, ...]] = {}
        pairs = source.items() if isinstance(source, Mapping) else source
        for name, value in pairs:
            self.add(name, value)

    @classmethod
    def received(cls, fields: dict[str, tuple[str, ...]]) -> Headers:
        """Headers from a parser that has checked them: lower-case names and their values."""
        headers = object.__new__(cls)
        headers._fields = fields
        return headers

    def add(self, name: str, value: str) -> None:
        """Add one more line of this name (Set-Cookie is the usual one)."""
        key = _key(name)
        if not value.isascii() or not value.isprintable():
            _check_value(name, value)
        self._fields[key] = (*self._fields.get(key, ()), value)

    def set(self, name: str, value: str) -> None:
        """Set the only value of this name."""
        self.remove(name)
        self.add(name, value)

    def setdefault(self, name: str, value: str) -> None:
        """Set the value unless the name is there already."""
        if _key(name) not in self._fields:
            self.add(name, value)

    def set_defaults(self, defaults: Headers) -> None:
        """Set all of ``defaults`` whose names are not there yet; cheap enough for every answer."""
        self._fields = {**defaults._fields, **self._fields}

    def remove(self, name: str) -> None:
        """Drop all lines of this name, if there are any."""
        self._fields.pop(name.lower(), None)

    def get(self, name: str, default: str = "") -> str:
        """All values of this name as one, joined as RFC 9110 section 5.3 says, or ``default``."""
        values = self._fields.get(name) or self._fields.get(name.lower())
        if values is None:
            return default
        return values[0] if len(values) == 1 else ", ".join(values)

    def get_all(self, name: str) -> tuple[str, ...]:
        """The values of this name, one for each line."""
        return self._fields.get(name.lower(), ())

    def items(self) -> Iterator[tuple[str, str]]:
        """Each line as (lower-case name, value)."""
        for key, values in self._fields.items():
            for value in values:
                yield key, value

    def lines(self) -> str:
        """The header block as it goes out, each line ended by CRLF."""
        starts = _line_starts
        return "".join(
            [f"{starts[key]}{value}\r\n" for key, values in self._fields.items() for value in values]
        )

    def copy(self) -> Headers:
        return Headers.received(self._fields.copy())

    def __contains__(self, name: object) -> bool:
        return isinstance(name, str) and name.lower() in self._fields

    def __getitem__(self, name: str) -> str:
        if name not in self:
            raise KeyError(name)
        return self.get(name)

    def __len__(self) -> int:
        return sum(map(len, self._fields.values()))

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Headers) and self._fields == other._fields

    __hash__ = None  # type: ignore[assignment]  # mutable, and Python marks that so

    def __repr__(self) -> str:
        return f"Headers({list(self.items())!r})"
