"""The parser: whole, byte by byte, pipelined, with anything behind; and all that it refuses."""

from __future__ import annotations

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from nexefax.errors import HttpError
from nexefax.httpd.limits import HttpLimits
from nexefax.httpd.protocol import RequestHead, RequestParser
from tests.httpd.client import request

LIMITS = HttpLimits(request_line=200, head=1000, header_count=10, body=5000)
CHUNKED = b"POST /c HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n"
PIPELINE = (
    request("/1?q=1", Accept="*/*")
    + request("/2", "POST", b"hello")
    + b"\r\n"
    + CHUNKED + b"3;x=y\r\nabc\r\n4\r\n\r\n\r\n\r\n0\r\nTrailer: x\r\n\r\n"
    + request("/4", "POST", b"", Connection="Upgrade, HTTP2-Settings", Upgrade="h2c")
    + request("/5", "PUT", b"x" * 3000, UPGRADE="websocket", Connection="upgrade")
    + request("/6", "HEAD", Connection="close")
)  # fmt: skip
Outcome = tuple[str, str, bytes]


def read_all(parser: RequestParser) -> list[Outcome]:
    """All requests that are complete by now, as (method, path, body)."""
    found = []
    while not parser.in_body and (head := parser.next_head()) is not None:
        body = b""
        while piece := parser.next_body():
            body += piece
        assert piece is not None, "the body is not whole"
        found.append((head.method, head.target.path, body))
    return found


def read_in_steps(data: bytes, sizes: list[int]) -> list[Outcome | int]:
    """The requests in ``data``, given in pieces; a refusal's status ends the list."""
    parser = RequestParser(LIMITS)
    found: list[Outcome | int] = []
    head: RequestHead | None = None
    body = b""
    position = 0
    sizes = [*sizes, len(data)]
    try:
        for size in sizes:
            parser.receive(data[position : position + size])
            position += size
            while True:
                if head is None:
                    head = parser.next_head()
                    body = b""
                    if head is None:
                        break
                piece = parser.next_body()
                if piece is None:
                    break
                body += piece
                if not piece:
                    found.append((head.method, head.target.path, body))
                    head = None
    except HttpError as error:
        assert error.close
        found.append(error.status)
    return found


EXPECTED = [
    ("GET", "/1", b""),
    ("POST", "/2", b"hello"),
    ("POST", "/c", b"abc\r\n\r\n"),
    ("POST", "/4", b""),
    ("PUT", "/5", b"x" * 3000),
    ("HEAD", "/6", b""),
]


def test_a_pipeline_at_once() -> None:
    parser = RequestParser(LIMITS)
    parser.receive(PIPELINE)
    assert read_all(parser) == EXPECTED
    assert parser.buffered == 0


def test_a_pipeline_byte_by_byte() -> None:
    assert read_in_steps(PIPELINE, [1] * len(PIPELINE)) == EXPECTED


@given(st.lists(st.integers(1, 400), max_size=40))
def test_a_pipeline_in_any_pieces(sizes: list[int]) -> None:
    assert read_in_steps(PIPELINE, sizes) == EXPECTED


def test_pipelined_requests_wait_as_bytes() -> None:
    parser = RequestParser(LIMITS)
    parser.receive(request("/1") * 1000)
    assert parser.next_head() is not None
    assert parser.buffered == len(request("/1")) * 999


def head_of(data: bytes, limits: HttpLimits = LIMITS) -> RequestHead:
    parser = RequestParser(limits)
    parser.receive(data)
    head = parser.next_head()
    assert head is not None
    return head


def test_what_a_head_says() -> None:
    head = head_of(
        b"POST http://other.example/a%20b?c=d HTTP/1.1\r\nHost: h\r\nX-A: \t 1 \t\r\nx-a:2\r\nX-Empty:\r\n"
        b"Content-Length: 4\r\nExpect: 100-Continue\r\n\r\n"
    )
    assert (head.method, head.target.path, head.target.query, head.minor) == ("POST", "/a b", "c=d", 1)
    assert head.headers.get("host") == "other.example"  # RFC 9112 section 3.2.2
    assert head.headers.get_all("x-a") == ("1", "2")
    assert head.headers["x-empty"] == ""
    assert (head.length, head.expects_continue, head.keep_alive) == (4, True, True)


@pytest.mark.parametrize(
    ("version", "connection", "kept"),
    [
        ("1.1", None, True), ("1.1", "close", False), ("1.1", "x, CLOSE", False), ("1.1", "keep-alive, close", False),
        ("1.0", None, False), ("1.0", "keep-alive", True), ("1.0", "Keep-Alive, close", False), ("1.0", "x", False),
    ],
)  # fmt: skip
def test_keeping_the_connection(version: str, connection: str | None, kept: bool) -> None:
    headers = {} if connection is None else {"Connection": connection}
    assert head_of(request(version=version, **headers)).keep_alive is kept


def test_an_expectation_without_a_body_or_in_http_1_0_is_none() -> None:
    assert not head_of(request(Expect="100-continue")).expects_continue
    assert not head_of(request("/", "POST", b"", Expect="100-continue")).expects_continue
    assert not head_of(request("/", "POST", b"x", version="1.0", Expect="100-continue")).expects_continue
    assert not head_of(request(version="1.0", Expect="miracles")).expects_continue


def test_http_1_0_needs_no_host() -> None:
    assert head_of(b"GET / HTTP/1.0\r\n\r\n").headers.get("host") == ""
    assert head_of(b"GET / HTTP/1.1\r\nHost:\r\n\r\n").headers.get("host") == ""


def test_caps_are_met_exactly() -> None:
    path = "/" + "a" * (LIMITS.request_line - len("GET / HTTP/1.1"))
    assert head_of(request(path)).target.path == path
    padded = request(X="y" * (LIMITS.head - len(request(X=""))))
    assert len(padded) == LIMITS.head
    head_of(padded)
    head_of(request(**{f"X{n}": "y" for n in range(LIMITS.header_count - 1)}))
    assert head_of(request("/", "POST", b"x" * LIMITS.body)).length == LIMITS.body


H = b"Host: h\r\n"
REFUSED = {
    "no request line": (400, b"\r\n\r\n"),
    "two empty lines before it": (400, b"\r\n\r\nGET / HTTP/1.1\r\n" + H + b"\r\n"),
    "a TLS handshake": (400, b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03"),
    "lower case is another method": (501, b"get / HTTP/1.1\r\n" + H + b"\r\n"),
    "an unknown method": (501, b"BREW / HTTP/1.1\r\n" + H + b"\r\n"),
    "a method that is no token": (400, b"G(T / HTTP/1.1\r\n" + H + b"\r\n"),
    "CONNECT": (501, b"CONNECT h:80 HTTP/1.1\r\n" + H + b"\r\n"),
    "two blanks": (400, b"GET  / HTTP/1.1\r\n" + H + b"\r\n"),
    "a blank at the end": (400, b"GET / HTTP/1.1 \r\n" + H + b"\r\n"),
    "a tab": (400, b"GET\t/ HTTP/1.1\r\n" + H + b"\r\n"),
    "a leading blank": (400, b" GET / HTTP/1.1\r\n" + H + b"\r\n"),
    "no version, HTTP/0.9": (400, b"GET /\r\n\r\n"),
    "HTTP/0.9": (505, b"GET / HTTP/0.9\r\n" + H + b"\r\n"),
    "HTTP/1.7": (505, b"GET / HTTP/1.7\r\n" + H + b"\r\n"),
    "HTTP/2.0": (505, b"GET / HTTP/2.0\r\n" + H + b"\r\n"),
    "HTTP/2 with prior knowledge": (505, b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"),
    "HTTP/11.1": (400, b"GET / HTTP/11.1\r\n" + H + b"\r\n"),
    "http/1.1": (400, b"GET / http/1.1\r\n" + H + b"\r\n"),
    "RTSP": (400, b"GET / RTSP/1.0\r\n" + H + b"\r\n"),
    "a letter beyond ASCII": (400, b"GET /\xc3\xbc HTTP/1.1\r\n" + H + b"\r\n"),
    "a fragment": (400, b"GET /#a HTTP/1.1\r\n" + H + b"\r\n"),
    "a way up": (400, b"GET /a/../b HTTP/1.1\r\n" + H + b"\r\n"),
    "NUL in the address": (400, b"GET /\0 HTTP/1.1\r\n" + H + b"\r\n"),
    "no host": (400, b"GET / HTTP/1.1\r\n\r\n"),
    "two hosts": (400, b"GET / HTTP/1.1\r\n" + H + H + b"\r\n"),
    "two hosts in HTTP/1.0": (400, b"GET / HTTP/1.0\r\n" + H + H + b"\r\n"),
    "a host that is none": (400, b"GET / HTTP/1.1\r\nHost: a b\r\n\r\n"),
    "a host with a path": (400, b"GET / HTTP/1.1\r\nHost: a/b\r\n\r\n"),
    "a line without CR": (400, b"GET / HTTP/1.1\n" + H + b"\n"),
    "one header without CR": (400, b"GET / HTTP/1.1\r\nHost: h\nX: y\r\n\r\n"),
    "CR alone": (400, b"GET / HTTP/1.1\r\nHost: h\rX: y\r\n\r\n"),
    "a folded line": (400, b"GET / HTTP/1.1\r\nHost: h\r\nX: y\r\n z\r\n\r\n"),
    "a folded first line": (400, b"GET / HTTP/1.1\r\n Host: h\r\n\r\n"),
    "a folded empty value": (400, b"GET / HTTP/1.1\r\nHost: h\r\nX:\r\n\tz\r\n\r\n"),
    "NUL in a value": (400, b"GET / HTTP/1.1\r\nHost: h\r\nX: a\0b\r\n\r\n"),
    "a control character": (400, b"GET / HTTP/1.1\r\nHost: h\r\nX: a\x1bb\r\n\r\n"),
    "DEL": (400, b"GET / HTTP/1.1\r\nHost: h\r\nX: a\x7fb\r\n\r\n"),
    "a blank before the colon": (400, b"GET / HTTP/1.1\r\nHost : h\r\n\r\n"),
    "no name": (400, b"GET / HTTP/1.1\r\n" + H + b": x\r\n\r\n"),
    "no colon": (400, b"GET / HTTP/1.1\r\n" + H + b"Xyz\r\n\r\n"),
    "a name that is no token": (400, b"GET / HTTP/1.1\r\n" + H + b"X@Y: z\r\n\r\n"),
    "a letter beyond ASCII in a name": (400, b"GET / HTTP/1.1\r\n" + H + b"X\xfc: z\r\n\r\n"),
    "two lengths": (400, b"POST / HTTP/1.1\r\n" + H + b"Content-Length: 1\r\nContent-Length: 2\r\n\r\nab"),
    "the same length twice": (400, b"POST / HTTP/1.1\r\n" + H + b"Content-Length: 1\r\nContent-Length: 1\r\n\r\na"),
    "a list of lengths": (400, b"POST / HTTP/1.1\r\n" + H + b"Content-Length: 1, 1\r\n\r\na"),
    "a signed length": (400, b"POST / HTTP/1.1\r\n" + H + b"Content-Length: +1\r\n\r\na"),
    "a negative length": (400, b"POST / HTTP/1.1\r\n" + H + b"Content-Length: -1\r\n\r\na"),
    "a length in hexadecimal": (400, b"POST / HTTP/1.1\r\n" + H + b"Content-Length: 0x1\r\n\r\na"),
    "an empty length": (400, b"POST / HTTP/1.1\r\n" + H + b"Content-Length: \r\n\r\na"),
    "a length beyond 64 bits": (400, b"POST / HTTP/1.1\r\n" + H + b"Content-Length: 99999999999999999999\r\n\r\n"),
    "length and chunks": (400, CHUNKED[:-2] + b"Content-Length: 1\r\n\r\n0\r\n\r\n"),
    "chunks and length": (400, CHUNKED.replace(H, H + b"Content-Length: 1\r\n") + b"0\r\n\r\n"),
    "chunks in HTTP/1.0": (400, CHUNKED.replace(b"1.1", b"1.0") + b"0\r\n\r\n"),
    "gzip, then chunks": (501, CHUNKED.replace(b"chunked", b"gzip, chunked") + b"0\r\n\r\n"),
    "chunks, then gzip": (400, CHUNKED.replace(b"chunked", b"chunked, gzip") + b"0\r\n\r\n"),
    "chunks twice": (400, CHUNKED[:-2] + b"Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n"),
    "an unknown coding": (400, CHUNKED.replace(b"chunked", b"xchunked") + b"0\r\n\r\n"),
    "identity": (400, CHUNKED.replace(b"chunked", b"identity") + b"0\r\n\r\n"),
    "an empty coding": (400, CHUNKED.replace(b"chunked", b"") + b"0\r\n\r\n"),
    "a stranger's expectation": (417, b"POST / HTTP/1.1\r\n" + H + b"Expect: 200-ok\r\nContent-Length: 1\r\n\r\na"),
    "two expectations": (417, b"GET / HTTP/1.1\r\n" + H + b"Expect: 100-continue\r\nExpect: x\r\n\r\n"),
    "a body too large": (413, b"POST / HTTP/1.1\r\n" + H + b"Content-Length: 5001\r\n\r\n"),
    "too long a line": (414, b"GET /" + b"a" * 300 + b" HTTP/1.1\r\n" + H + b"\r\n"),
    "too long a line, unfinished": (414, b"GET /" + b"a" * 300),
    "an endless line": (414, b"GET /" + b"a" * 3000),
    "an endless line behind an empty one": (414, b"\r\nGET /" + b"a" * 3000),
    "too large a head": (431, b"GET / HTTP/1.1\r\n" + H + b"X: " + b"a" * 2000 + b"\r\n\r\n"),
    "an endless head": (431, b"GET / HTTP/1.1\r\n" + H + b"X: " + b"a" * 2000),
    "too many headers": (431, b"GET / HTTP/1.1\r\n" + H + b"X: y\r\n" * 11 + b"\r\n"),
    "a chunk that is no number": (400, CHUNKED + b"x\r\nabc\r\n0\r\n\r\n"),
    "a chunk with a prefix": (400, CHUNKED + b"0x1\r\na\r\n0\r\n\r\n"),
    "a chunk with a sign": (400, CHUNKED + b"+1\r\na\r\n0\r\n\r\n"),
    "a chunk beyond 64 bits": (400, CHUNKED + b"fffffffffffffffff\r\na\r\n0\r\n\r\n"),
    "a chunk that is too long": (400, CHUNKED + b"3\r\nabcd\r\n0\r\n\r\n"),
    "a chunk ended by LF": (400, CHUNKED + b"3\nabc\n0\n\n"),
    "a blank behind a chunk's size": (400, CHUNKED + b"3 \r\nabc\r\n0\r\n\r\n"),
    "NUL in an extension": (400, CHUNKED + b"3;\0\r\nabc\r\n0\r\n\r\n"),
    "chunks too large": (413, CHUNKED + b"1000\r\n" + b"x" * 4096 + b"\r\n1000\r\n" + b"x" * 4096 + b"\r\n0\r\n\r\n"),
    "endless trailers": (431, CHUNKED + b"0\r\n" + b"X: y\r\n" * 2000 + b"\r\n"),
    "an endless trailer": (431, CHUNKED + b"0\r\nX: " + b"y" * 2000),
    "an endless extension": (431, CHUNKED + b"3;" + b"x" * 2000),
    "a length among the trailers": (400, CHUNKED + b"0\r\nContent-Length: 5\r\n\r\n"),
    "a coding among the trailers": (400, CHUNKED + b"0\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"),
}  # fmt: skip


@pytest.mark.parametrize(("status", "data"), REFUSED.values(), ids=REFUSED.keys())
def test_what_is_refused(status: int, data: bytes) -> None:
    assert read_in_steps(data, [])[-1] == status


@pytest.mark.parametrize(("status", "data"), REFUSED.values(), ids=REFUSED.keys())
def test_what_is_refused_byte_by_byte(status: int, data: bytes) -> None:
    # Some are found out before they are whole, by another of their faults; never later, and never not.
    assert read_in_steps(data, [1] * len(data))[-1] in {status, 400, 414, 431}


@pytest.mark.parametrize("data", [b"\x16", b"GET / HTTP/1.1\n", b"\rG", b"GET / HTTP/1.1\r\nX: y\n"])
def test_what_can_become_no_request_is_refused_at_once(data: bytes) -> None:
    assert read_in_steps(data, [1] * len(data)) == [400]


@pytest.mark.parametrize(
    "data", [b"", b"\r", b"\r\n", b"G", b"\r\nGET / HTTP/1.1\r", b"GET / HTTP/1.1\r\nHost: h\r\n\r"]
)
def test_what_is_incomplete_is_no_mistake(data: bytes) -> None:
    assert read_in_steps(data, [1] * len(data)) == []


def test_trailing_bytes_belong_to_the_next_request() -> None:
    parser = RequestParser(LIMITS)
    parser.receive(request("/1", "POST", b"abc") + b"GET /2")
    assert read_all(parser) == [("POST", "/1", b"abc")]
    parser.receive(b" HTTP/1.1\r\nHost: h\r\n\r\n")
    assert read_all(parser) == [("GET", "/2", b"")]


def test_a_body_comes_in_pieces_of_bounded_size() -> None:
    parser = RequestParser(HttpLimits())
    parser.receive(request("/", "POST", b"x" * 200_000))
    assert parser.next_head() is not None
    pieces = []
    while piece := parser.next_body():
        pieces.append(len(piece))
    assert sum(pieces) == 200_000
    assert max(pieces) <= 65536


def test_a_body_behind_an_upgrade_is_not_lost() -> None:
    """httptools gives up where Connection: upgrade meets Upgrade, and drops the body (its issue 124)."""
    parser = RequestParser(LIMITS)
    data = (
        CHUNKED[:-2]
        + b"Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABk\r\n\r\n"
    )
    parser.receive(data + b"3\r\nabc\r\n0\r\n\r\n" + request("/next"))
    assert read_all(parser) == [("POST", "/c", b"abc"), ("GET", "/next", b"")]


def test_a_switch_among_the_trailers_is_none() -> None:
    parser = RequestParser(LIMITS)
    parser.receive(CHUNKED + b"0\r\nConnection: upgrade\r\nUpgrade: x\r\n\r\n" + request("/next"))
    assert read_all(parser) == [("POST", "/c", b""), ("GET", "/next", b"")]


STATUSES = {400, 413, 414, 417, 431, 501, 505}
SOUP = st.lists(
    st.one_of(
        st.sampled_from(
            [
                b"GET ", b"POST ", b"OPTIONS * ", b"/", b"/a?b=%41", b"http://h", b" HTTP/1.1\r\n", b" HTTP/1.0\r\n",
                H, b"Content-Length: 3\r\n", b"Transfer-Encoding: chunked\r\n",
                b"Connection: upgrade\r\nUpgrade: x\r\n",
                b"Expect: 100-continue\r\n", b"Connection: close\r\n", b"\r\n", b"\r\n\r\n", b"\n", b"\r", b"abc",
                b"3\r\nabc\r\n",
                b"0\r\n\r\n", b"0\r\n", b"X: y\r\n", b" ", b"\0", b"\x80", CHUNKED, request("/x", "PUT", b"abc"),
            ]
        ),
        st.binary(max_size=6),
    ),
    max_size=25,
).map(b"".join)  # fmt: skip


@given(SOUP, st.lists(st.integers(1, 50), max_size=20))
@example(CHUNKED + b"0\r\n\r\n" + CHUNKED, [len(CHUNKED) + 4])
def test_any_soup_has_one_meaning_however_it_is_cut(soup: bytes, sizes: list[int]) -> None:
    """No other error than HttpError, documented statuses only, and the same requests in any pieces.

    What is refused early, byte by byte, may be called by another of its faults: the requests before it count.
    """
    whole = read_in_steps(soup, [])
    pieces = read_in_steps(soup, sizes)
    assert {found for found in [*whole, *pieces] if isinstance(found, int)} <= STATUSES
    assert [found for found in whole if not isinstance(found, int)] == [
        found for found in pieces if not isinstance(found, int)
    ]
    assert (isinstance(whole[-1], int) if whole else False) == (
        isinstance(pieces[-1], int) if pieces else False
    )


def test_the_same_again_is_not_parsed_again() -> None:
    parser = RequestParser(HttpLimits())
    for data, remembered in (
        (request("/1"), True),
        (request("/1", X="y" * 1024), False),
        (request("/1", "POST", b"abc"), False),
        (request("/1", "POST", b"", Connection="keep-alive"), True),
    ):
        heads = []
        for _ in range(2):
            parser.receive(data + request("/2", "PUT", b"x"))
            heads.append(parser.next_head())
            while parser.next_body():
                pass
            parser_next = parser.next_head()
            assert parser_next is not None
            assert parser_next.method == "PUT"
            while parser.next_body():
                pass
        assert heads[0] == heads[1] or not remembered
        assert (heads[0] is heads[1]) is remembered
        assert [head and head.length for head in heads] == [3 if b"abc" in data else 0] * 2
