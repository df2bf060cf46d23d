"""Paths and queries: decoded once, refused where they could mean two things."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nexefax.errors import HttpError
from nexefax.httpd.target import MAX_PAIRS, Query, Target, decode_pairs, parse_target, valid_authority


@pytest.mark.parametrize(
    ("raw", "path", "query"),
    [
        ("/", "/", ""),
        ("/a/b?c=d&e", "/a/b", "c=d&e"),
        ("/a?b?c", "/a", "b?c"),
        ("/%41%C3%BC", "/Aü", ""),
        ("/a%2Eb", "/a.b", ""),
        ("/a%2541", "/a%41", ""),  # decoded once
        ("/.well-known/x", "/.well-known/x", ""),
        ("/a..b/...", "/a..b/...", ""),
        ("//a", "//a", ""),
        ("/a;b=c/[d]|e", "/a;b=c/[d]|e", ""),
    ],
)
def test_origin_form(raw: str, path: str, query: str) -> None:
    assert parse_target("GET", raw) == Target(path, query, None)


@pytest.mark.parametrize(
    ("raw", "target"),
    [
        ("http://fax.example/a?b", Target("/a", "b", "fax.example")),
        ("HTTPS://fax.example:8443", Target("/", "", "fax.example:8443")),
        ("http://[::1]:80?x", Target("/", "x", "[::1]:80")),
    ],
)
def test_absolute_form(raw: str, target: Target) -> None:
    assert parse_target("GET", raw) == target


def test_asterisk_form() -> None:
    assert parse_target("OPTIONS", "*").path == "*"
    with pytest.raises(HttpError):
        parse_target("GET", "*")


@pytest.mark.parametrize(
    "raw",
    [
        "", "a", "a/b", "*x", "fax.example:80", "ftp://h/", "http:///x", "http://u@h/", "http://h:1x/", "http://[::1/",
        "/#a", "/a b", "/ü", "/\0", "/a\r", "/\x7f",
        "/%", "/%4", "/%zz", "/%u0041", "/%ff", "/%c0%af", "/%ed%a0%80",
        "/%00", "/a%0d%0ab", "/%1b", "/%7f",
        "/a%2fb", "/a%2Fb", "/a%5cb", "/a%5Cb", "/a\\b",
        "/.", "/..", "/../a", "/a/..", "/a/./b", "/a/../b", "/%2e%2e/a", "/a/%2E", "/a/.%2e/b", "http://h/../a",
    ],
)  # fmt: skip
def test_what_is_refused(raw: str) -> None:
    with pytest.raises(HttpError) as caught:
        parse_target("GET", raw)
    assert caught.value.status == 400


@given(
    st.text(st.characters(min_codepoint=0x20, max_codepoint=0x7E), max_size=30).map(lambda text: "/" + text)
)
def test_a_path_has_nothing_dangerous_in_it(raw: str) -> None:
    try:
        path = parse_target("GET", raw).path
    except HttpError as error:
        assert error.status == 400
        return
    assert path.startswith("/")
    assert not {".", ".."} & set(path.split("/"))
    assert not any(character in "\\\x7f" or character < " " for character in path)


@pytest.mark.parametrize(
    "text", ["", "localhost", "fax.example:3298", "127.0.0.1", "[::1]", "[fe80::1]:80", "a_b", "xn--4ca:"]
)
def test_authorities(text: str) -> None:
    assert valid_authority(text)


@pytest.mark.parametrize(
    "text", ["a b", "a/b", "u@h", "a:b", "h:123456", "[::1", "::1", "ü", "a\tb", "a,b c"]
)
def test_what_is_no_authority(text: str) -> None:
    assert not valid_authority(text)


def test_pairs() -> None:
    assert decode_pairs("") == []
    assert decode_pairs("a=1&b=%C3%BC+x&&c&=d&a=2%26") == [
        ("a", "1"), ("b", "ü x"), ("c", ""), ("", "d"), ("a", "2&"),
    ]  # fmt: skip


@pytest.mark.parametrize("raw", ["a=%", "%x=1", "a=%ff", "%ff", "a=%00", "%00", "&" * MAX_PAIRS])
def test_pairs_that_are_refused(raw: str) -> None:
    with pytest.raises(HttpError) as caught:
        decode_pairs(raw)
    assert caught.value.status == 400


def test_a_query_is_a_mapping() -> None:
    query = Query([("a", "1"), ("b", "2"), ("a", "3")])
    assert query["a"] == "1"
    assert query.get("z", "-") == "-"
    assert query.get_all("a") == ("1", "3")
    assert query.get_all("z") == ()
    assert list(query) == ["a", "b"]
    assert len(query) == 2
    assert "a" in repr(query)
