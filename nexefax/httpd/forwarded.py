"""Who is at the other end: the peer of the socket, and what trusted proxies say of the client."""

from __future__ import annotations

from collections.abc import Iterable
from functools import lru_cache
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address

from nexefax.httpd.headers import Headers

Network = IPv4Network | IPv6Network
Networks = frozenset[Network]

# Hops looked at in X-Forwarded-For, from the right; nobody has more proxies that are all trusted.
_MAX_HOPS = 16


@lru_cache(maxsize=512)
def _address(text: str) -> IPv4Address | IPv6Address | None:
    """An address as sockets and proxies write it: with or without brackets, port and scope."""
    text = text.strip()
    if text.startswith("["):
        text = text[1:].partition("]")[0]
    elif text.count(":") == 1:
        text = text.partition(":")[0]
    try:
        address = ip_address(text)
    except ValueError:
        return None
    if isinstance(address, IPv6Address) and address.ipv4_mapped is not None:
        return address.ipv4_mapped  # how an IPv4 client looks on a socket that listens on "::"
    return address


@lru_cache(maxsize=512)
def _trusted(text: str, proxies: Networks) -> bool:
    address = _address(text)
    return address is not None and any(
        address.version == network.version and address in network for network in proxies
    )


class Peer:
    """The other end of a connection.

    Args:
        address: the peer's address; "" for a Unix socket. Whoever may open that socket is trusted: its
            file mode decides.
        proxies: the networks whose X-Forwarded headers are believed.
    """

    __slots__ = ("_proxies", "_trusted", "address")

    def __init__(self, address: str, proxies: Iterable[Network] = ()) -> None:
        self.address = str(_address(address) or address) or "unix"
        self._proxies = frozenset(proxies)
        self._trusted = not address or _trusted(address, self._proxies)

    def client(self, headers: Headers) -> str:
        """The client's address: the right-most hop of X-Forwarded-For that is no trusted proxy."""
        if not self._trusted or "x-forwarded-for" not in headers:
            return self.address
        client = self.address
        for hop in reversed(headers.get("x-forwarded-for").rsplit(",", _MAX_HOPS)[-_MAX_HOPS:]):
            address = _address(hop)
            if address is None:  # "unknown", or made up: what stands left of it is no better
                break
            client = str(address)
            if not _trusted(client, self._proxies):
                break
        return client

    def secure(self, headers: Headers) -> bool:
        """Whether the nearest trusted proxy was reached by HTTPS."""
        if not self._trusted:
            return False
        return headers.get("x-forwarded-proto").rpartition(",")[2].strip().lower() == "https"
