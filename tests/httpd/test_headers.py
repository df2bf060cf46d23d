"""Header fields: no name and no value can forge a line."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nexefax.httpd import Headers


def test_names_have_no_case_and_values_an_order() -> None:
    headers = Headers([("Set-Cookie", "a=1"), ("X-One", "1")])
    headers.add("set-cookie", "b=2")
    assert headers.get("SET-COOKIE") == "a=1, b=2"
    assert headers["x-one"] == "1"
    assert headers.get_all("Set-Cookie") == ("a=1", "b=2")
    assert list(headers.items()) == [("set-cookie", "a=1"), ("set-cookie", "b=2"), ("x-one", "1")]
    assert len(headers) == 3
    assert "x-ONE" in headers
    assert 7 not in headers


def test_what_is_missing() -> None:
    headers = Headers()
    assert headers.get("x") == ""
    assert headers.get("x", "y") == "y"
    assert headers.get_all("x") == ()
    with pytest.raises(KeyError):
        headers["x"]
    headers.remove("x")


def test_setting_replaces_and_defaults_do_not() -> None:
    headers = Headers({"A": "1"})
    headers.set("a", "2")
    headers.setdefault("A", "3")
    headers.setdefault("B", "4")
    headers.set_defaults(Headers({"a": "5", "c": "6"}))
    assert dict(headers.items()) == {"c": "6", "a": "2", "b": "4"}


def test_a_copy_is_its_own() -> None:
    headers = Headers({"A": "1"})
    other = headers.copy()
    assert other == headers
    other.add("A", "2")
    assert headers.get("a") == "1"
    assert other != headers
    assert headers != {"a": "1"}
    assert repr(headers) == "Headers([('a', '1')])"


def test_lines_are_spelled_as_everybody_does() -> None:
    headers = Headers({"etag": '"x"', "content-type": "text/plain", "x-frame-options": "DENY"})
    assert headers.lines() == 'ETag: "x"\r\nContent-Type: text/plain\r\nX-Frame-Options: DENY\r\n'


@pytest.mark.parametrize("name", ["", "a b", "a:", "a\r\n", "ä", "a\0", "(a)"])
def test_what_is_no_name_is_refused(name: str) -> None:
    with pytest.raises(ValueError, match="no header name"):
        Headers({name: "x"})


@pytest.mark.parametrize("value", ["a\r\nB: c", "a\nb", "a\rb", "a\0", "a\x1b", "a\x7f", "\u2028", "€"])
def test_what_is_no_value_is_refused(value: str) -> None:
    with pytest.raises(ValueError, match="holds characters"):
        Headers({"X": value})


def test_tabs_and_latin_letters_may_stand_in_a_value() -> None:
    assert Headers({"X": "a\tü"}).lines() == "X: a\tü\r\n"


@pytest.mark.parametrize(
    "name", ["Content-Length", "transfer-encoding", "Connection", "DATE", "Server", "Upgrade"]
)
def test_the_servers_own_headers_are_refused(name: str) -> None:
    with pytest.raises(ValueError, match="writes the header"):
        Headers({name: "1"}).lines()


@given(st.text(max_size=8), st.text(max_size=8))
def test_a_header_is_one_line_or_none(name: str, value: str) -> None:
    try:
        lines = Headers({name: value}).lines()
    except ValueError:
        return
    assert lines.endswith("\r\n")
    assert lines.count("\r") == lines.count("\n") == 1
    assert lines.encode("latin-1").isascii() or not value.isascii()
