"""What a handler reads from a request."""

from __future__ import annotations

from collections.abc import AsyncIterator
from ipaddress import ip_network

import pytest

from nexefax.errors import HttpError
from nexefax.httpd import Headers, Peer, Request
from nexefax.httpd.target import parse_target


async def pieces(*parts: bytes) -> AsyncIterator[bytes]:
    for part in parts:
        yield part


def make(
    target: str = "/", body: AsyncIterator[bytes] | None = None, length: int | None = 0, **headers: str
) -> Request:
    fields = Headers({name.replace("_", "-"): value for name, value in headers.items()})
    peer = Peer("127.0.0.1", [ip_network("127.0.0.0/8")])
    if body is None:
        return Request("POST", parse_target("POST", target), fields, peer)
    return Request("POST", parse_target("POST", target), fields, peer, body=body, length=length)


def test_plain_facts() -> None:
    request = make("/a%20b?x=1&x=2", Host="fax.example", X_Forwarded_For="1.2.3.4", X_Forwarded_Proto="https")
    assert (request.path, request.query["x"], request.query.get_all("x")) == ("/a b", "1", ("1", "2"))
    assert request.query is request.query
    assert (request.host, request.client, request.secure) == ("fax.example", "1.2.3.4", True)
    assert repr(request) == "<Request POST /a b>"
    assert request.params == {}


def test_a_query_that_can_not_be_read() -> None:
    request = make("/?a=%")
    with pytest.raises(HttpError) as caught:
        _ = request.query
    assert caught.value.status == 400


def test_cookies() -> None:
    request = make()
    request.headers.add("Cookie", 'a=1; b="2"; a=3; nonsense; =4;;c=x=y ')
    request.headers.add("Cookie", "d=5")
    assert request.cookies == {"a": "1", "b": "2", "": "4", "c": "x=y", "d": "5"}
    assert request.cookies is request.cookies
    assert make().cookies == {}


async def test_reading() -> None:
    assert await make().read(0) == b""
    assert await make(body=pieces(b"ab", b"c"), length=3).read(3) == b"abc"
    assert await make(body=pieces(b"ab", b"c"), length=None).read(3) == b"abc"


@pytest.mark.parametrize("length", [3, None])
async def test_reading_too_much(length: int | None) -> None:
    with pytest.raises(HttpError) as caught:
        await make(body=pieces(b"ab", b"c"), length=length).read(2)
    assert caught.value.status == 413
    assert not caught.value.close


def test_has_length() -> None:
    assert not make().has_length
    assert make(Content_Length="0").has_length
    assert make(Transfer_Encoding="chunked").has_length
