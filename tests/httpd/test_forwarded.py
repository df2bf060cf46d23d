"""Who the client is, behind proxies that may be trusted and others that may not."""

from __future__ import annotations

from ipaddress import ip_network

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nexefax.httpd import Headers, Peer

PROXIES = (ip_network("127.0.0.1/32"), ip_network("::1/128"), ip_network("10.0.0.0/8"))


def client(address: str, *forwarded: str) -> str:
    return Peer(address, PROXIES).client(Headers([("X-Forwarded-For", value) for value in forwarded]))


@pytest.mark.parametrize(
    ("address", "forwarded", "expected"),
    [
        ("203.0.113.5", [], "203.0.113.5"),
        ("203.0.113.5", ["1.2.3.4"], "203.0.113.5"),  # no proxy of ours
        ("127.0.0.1", [], "127.0.0.1"),
        ("127.0.0.1", ["1.2.3.4"], "1.2.3.4"),
        ("::1", ["1.2.3.4, 10.1.1.1"], "1.2.3.4"),
        ("127.0.0.1", ["6.6.6.6, 1.2.3.4"], "1.2.3.4"),  # what stands left of the first stranger is his word
        ("127.0.0.1", ["6.6.6.6", "1.2.3.4"], "1.2.3.4"),
        ("127.0.0.1", ["10.0.0.1, 10.0.0.2"], "10.0.0.1"),
        ("127.0.0.1", ["1.2.3.4, unknown"], "127.0.0.1"),
        ("127.0.0.1", ["", " , "], "127.0.0.1"),
        ("127.0.0.1", ["[2001:db8::1]:4711"], "2001:db8::1"),
        ("127.0.0.1", ["2001:DB8::1"], "2001:db8::1"),
        ("127.0.0.1", ["1.2.3.4:5678"], "1.2.3.4"),
        ("127.0.0.1", ["::ffff:1.2.3.4"], "1.2.3.4"),
        ("::ffff:127.0.0.1", ["1.2.3.4"], "1.2.3.4"),  # IPv4 on a socket for both
        ("::ffff:203.0.113.5", ["1.2.3.4"], "203.0.113.5"),
        ("", [], "unix"),
        ("", ["1.2.3.4"], "1.2.3.4"),
        ("unknown", ["1.2.3.4"], "unknown"),
    ],
)
def test_the_client(address: str, forwarded: list[str], expected: str) -> None:
    assert client(address, *forwarded) == expected


def test_endless_hops_are_not_walked() -> None:
    assert client("127.0.0.1", "6.6.6.6," + "10.0.0.9," * 5000 + "10.0.0.1") == "10.0.0.9"


@pytest.mark.parametrize(
    ("address", "protocol", "secure"),
    [
        ("127.0.0.1", "https", True), ("127.0.0.1", "HTTPS ", True), ("127.0.0.1", "https, http", False),
        ("127.0.0.1", "http, https", True), ("127.0.0.1", "", False), ("203.0.113.5", "https", False),
    ],
)  # fmt: skip
def test_secure(address: str, protocol: str, secure: bool) -> None:
    assert Peer(address, PROXIES).secure(Headers({"X-Forwarded-Proto": protocol})) is secure


@given(st.text(st.characters(min_codepoint=0x20, max_codepoint=0x7E), max_size=60))
def test_a_client_is_always_one_word(text: str) -> None:
    found = client("127.0.0.1", text)
    assert found
    assert not set(found) & set(" ,\"'<>\\")
