"""What the value of an option may be: one kind for each sort of value, text in, checked value out.

A kind refuses with :class:`Refused`, which has what is wrong and the remedy; the file, the section and
the option are added by the reader. Pure: nothing is looked up on this machine or on the network.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable
from dataclasses import dataclass
from ipaddress import IPv4Network, IPv6Network, ip_address, ip_network
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

Network = IPv4Network | IPv6Network

#: Longest value: Asterisk skips a call file's line over 1,024 bytes (pbx_spool.c), and a mail's header line
#: may have 998 (RFC 5322, 2.1.1); no value comes near unless by accident.
LONGEST_VALUE = 500


class Refused(ValueError):
    """A value that can't be taken: ``what`` goes after "option=value", ``remedy`` is what to do."""

    def __init__(self, what: str, remedy: str) -> None:
        super().__init__(f"{what}; {remedy}")
        self.what = what
        self.remedy = remedy


@dataclass(frozen=True, slots=True)
class Kind:
    """A sort of value.

    ``parse`` takes the text (stripped, not empty) and returns the value or raises :class:`Refused`.
    ``options`` is the text of the tables' column "Options". A ``secret`` value is never shown.
    ``folded``: the value may go on in further, indented lines.
    """

    parse: Callable[[str], Any]
    options: str = ""
    secret: bool = False
    folded: bool = False

    @staticmethod
    def write(value: Any) -> str:
        """A value as it is written in a file; ``parse`` reads it again."""
        if isinstance(value, bool):
            return "Yes" if value else "No"
        if isinstance(value, tuple):
            return ", ".join(map(Kind.write, value))
        if isinstance(value, IPv4Network | IPv6Network) and value.num_addresses == 1:
            return str(value.network_address)
        return "" if value is None else str(value)

    def read(self, text: str) -> Any:
        """The value of ``text``; raises :class:`Refused`. Whoever the value is for, it is one line of text."""
        if self.folded:
            text = " ".join(text.split())
        if "\n" in text:
            raise Refused(
                "goes on in the next line", "an indented line continues the one above it: write it flush left"
            )
        if control_characters(text):
            # Such a character would end a line of a call file, a mail header or the log, and begin one of its own.
            raise Refused("has a control character in it", "write it again by hand, without copying it")
        if len(text.encode()) > LONGEST_VALUE:
            raise Refused(f"is longer than {LONGEST_VALUE} bytes", "shorten it")
        return self.parse(text)


def control_characters(text: str) -> bool:
    """Whether ``text`` holds what ends a line or steers a terminal: controls (Cc), line and paragraph separators."""
    return any(unicodedata.category(character) in {"Cc", "Zl", "Zp"} for character in text)


TEXT = Kind(str)
SECRET = Kind(str, secret=True)

_YES_NO = {
    "yes": True,
    "true": True,
    "on": True,
    "1": True,
    "no": False,
    "false": False,
    "off": False,
    "0": False,
}


def _yes_no(text: str) -> bool:
    try:
        return _YES_NO[text.lower()]
    except KeyError:
        raise Refused("is neither yes nor no", "write Yes or No") from None


YES_NO = Kind(_yes_no, "Yes or No")


def whole(low: int, high: int, unit: str = "") -> Kind:
    """A whole number from ``low`` to ``high``, of ``unit`` (for the tables)."""

    def parse(text: str) -> int:
        if not re.fullmatch(r"[+-]?[0-9]{1,12}", text):
            raise Refused("is no whole number", f"write a number from {low} to {high}")
        number = int(text)
        if not low <= number <= high:
            raise Refused("is out of range", f"write a number from {low} to {high}")
        return number

    return Kind(parse, f"{low} to {high}{' ' + unit if unit else ''}")


#: 0: any free port, as the tests need it.
PORT = Kind(whole(0, 65535).parse)


def choice(*words: str) -> Kind:
    """One of ``words``, in any case."""
    listed = f"{', '.join(words[:-1])} or {words[-1]}"

    def parse(text: str) -> str:
        if text.lower() not in words:
            raise Refused("is unknown", f"write {listed}")
        return text.lower()

    return Kind(parse, listed)


def _path(text: str) -> Path:
    if not text.startswith("/"):
        raise Refused("is no absolute path", "begin it with /")
    return Path(text)


PATH = Kind(_path)


# Dot-atoms of RFC 5321, 4.1.2; a host name without a dot is fine inside a house, and so are underscores.
_ADDRESS = re.compile(
    r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+(?:\.[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+)*"
    r"@[A-Za-z0-9_](?:[A-Za-z0-9_-]*[A-Za-z0-9_])?(?:\.[A-Za-z0-9_](?:[A-Za-z0-9_-]*[A-Za-z0-9_])?)*"
)
#: RFC 5321, 4.5.3.1: a path has 256 bytes with its < and >.
_LONGEST_ADDRESS = 254


def is_address(text: str) -> bool:
    """Whether ``text`` is a mail address like name@example.com, without a name before it."""
    return len(text) <= _LONGEST_ADDRESS and _ADDRESS.fullmatch(text) is not None


def _address(text: str) -> str:
    named = re.fullmatch(r"[^<>@]*<([^<>]*)>", text)
    address = named[1].strip() if named else text
    if not is_address(address):
        raise Refused(f"has {address!r} in it, which is no mail address", "write one like fax@example.com")
    return address


def _addresses(text: str) -> tuple[str, ...]:
    parts = [part.strip() for part in text.split(",")]
    addresses = tuple(dict.fromkeys(_address(part) for part in parts if part))
    if not addresses:
        raise Refused("has no mail address in it", "write one like fax@example.com")
    return addresses


ADDRESS = Kind(_address, "A mail address")
ADDRESSES = Kind(_addresses, "One mail address, or several separated by commas (,)", folded=True)


def _host(text: str) -> str:
    bare = text[1:-1] if text.startswith("[") and text.endswith("]") else text
    try:
        return str(ip_address(bare))
    except ValueError:
        pass
    # Four numbers with dots are a mistyped address, not a name.
    if re.fullmatch(r"[0-9.]+", text) or not re.fullmatch(
        r"[A-Za-z0-9_](?:[A-Za-z0-9_.-]{0,251}[A-Za-z0-9_.])?", text
    ):
        raise Refused("is neither an IP address nor a host name", "write one like 127.0.0.1")
    return text


HOST = Kind(_host, "IP address or host name")


def _networks(text: str) -> tuple[Network, ...]:
    networks = []
    for part in filter(None, (part.strip() for part in text.split(","))):
        try:
            networks.append(ip_network(part, strict=False))
        except ValueError:
            raise Refused(
                f"has {part!r} in it, which is no IP address or network",
                "write them like 192.0.2.1 or 192.0.2.0/24, separated by commas",
            ) from None
    return tuple(dict.fromkeys(networks))


NETWORKS = Kind(_networks, "IP addresses or networks, separated by commas", folded=True)


def _url(text: str) -> str:
    parts = urlsplit(text)
    if parts.scheme not in ("http", "https") or not parts.hostname or parts.query or parts.fragment:
        raise Refused("is no address of a web page", "write one like https://fax.example.com")
    if re.search(r"[^!-~]", text) or "@" in parts.netloc:
        raise Refused(
            "has something in it that does not belong there", "write one like https://fax.example.com"
        )
    return text.rstrip("/")


URL = Kind(_url, "The address of a web page")


def _hook_url(text: str) -> str:
    try:
        parts = urlsplit(text)
        whole = parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
    except ValueError:  # no port, or half an IPv6 address
        whole = False
    if not whole or parts.fragment or "@" in parts.netloc or re.search(r"[^!-~]", text):
        raise Refused(
            "is no address that can be called",
            "write one like https://example.com/faxes?key=1, without a user",
        )
    return text


HOOK_URL = Kind(_hook_url, "An address that begins with https:// or http://")


def _users(text: str) -> tuple[str, ...]:
    names = [part.strip() for part in text.split(",")]
    wrong = next((name for name in names if ":" in name), None)
    if wrong is not None:
        raise Refused(f"has {wrong!r} in it, which no user can be called", "write names separated by commas")
    return tuple(dict.fromkeys(name for name in names if name))


USERS = Kind(_users, "Names of users, separated by commas", folded=True)
