"""Answers as handlers make them."""

from __future__ import annotations

import http.cookies
import time
from email.utils import parsedate_to_datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nexefax.httpd import Response
from nexefax.httpd.dates import format_date, parse_date
from nexefax.httpd.response import StatusLines


def test_json_is_short_and_in_utf_8() -> None:
    response = Response.json({"result": "ok", "data": "ü"}, 201, {"X-A": "b"})
    assert (response.status, response.body) == (201, '{"result":"ok","data":"ü"}'.encode())
    assert dict(response.headers.items()) == {"x-a": "b", "content-type": "application/json"}
    with pytest.raises(ValueError, match="JSON"):
        Response.json(float("nan"))


def test_text_and_pages() -> None:
    assert Response.text("ü").headers.get("content-type") == "text/plain; charset=utf-8"
    assert Response.html("<p>ü").body == Response.html("<p>ü".encode()).body == "<p>ü".encode()
    assert Response.html("", headers={"Content-Type": "text/html"}).headers.get_all("content-type") == (
        "text/html",
    )


def test_redirects() -> None:
    response = Response.redirect("/login?to=/ü&x=%41", 303)
    assert (response.status, response.headers["location"]) == (303, "/login?to=/%C3%BC&x=%41")
    assert "\r" not in Response.redirect("/a\r\nSet-Cookie: b").headers["location"]


@pytest.mark.parametrize("status", [0, 100, 199, 600])
def test_a_status_that_is_none(status: int) -> None:
    with pytest.raises(ValueError, match="no status"):
        Response(status)


def test_cookies() -> None:
    response = Response()
    response.set_cookie("nexefax-session", "abc", max_age=60, secure=True)
    response.set_cookie("other", "", max_age=0, http_only=False, path="/x", same_site="Strict")
    response.set_cookie("third", "1")
    assert response.headers.get_all("set-cookie") == (
        "nexefax-session=abc; Path=/; Max-Age=60; Secure; HttpOnly; SameSite=Lax",
        "other=; Path=/x; Max-Age=0; SameSite=Strict",
        "third=1; Path=/; HttpOnly; SameSite=Lax",
    )
    assert repr(response) == "<Response 200>"


@pytest.mark.parametrize(
    ("name", "value", "path"),
    [
        ("a b", "", "/"),
        ("", "x", "/"),
        ("a", "x;y", "/"),
        ("a", 'x"', "/"),
        ("a", "x y", "/"),
        ("a", "x", "/;b"),
    ],
)
def test_cookies_that_can_not_be(name: str, value: str, path: str) -> None:
    with pytest.raises(ValueError, match="cookie"):
        Response().set_cookie(name, value, path=path)


@given(st.text(max_size=10))
def test_a_cookie_can_be_read_back(value: str) -> None:
    response = Response()
    try:
        response.set_cookie("c", value)
    except ValueError:
        return
    assert http.cookies.SimpleCookie(response.headers["set-cookie"])["c"].value == value


def test_status_lines_are_kept_for_a_second(monkeypatch: pytest.MonkeyPatch) -> None:
    lines = StatusLines()
    monkeypatch.setattr(time, "time", lambda: 784111777.9)
    first = lines.line(200)
    assert first == "HTTP/1.1 200 OK\r\nServer: NexeFax\r\nDate: Sun, 06 Nov 1994 08:49:37 GMT\r\n"
    assert lines.line(200) is first
    assert lines.line(599).startswith("HTTP/1.1 599 \r\n")
    monkeypatch.setattr(time, "time", lambda: 784111778.0)
    assert "08:49:38" in lines.line(200)


@given(st.integers(0, 253402300799))
def test_dates_go_there_and_back(seconds: int) -> None:
    text = format_date(seconds)
    assert parse_date(text) == seconds
    assert parsedate_to_datetime(text).timestamp() == seconds


@pytest.mark.parametrize(
    "text", ["Sun, 06 Nov 1994 08:49:37 GMT", "Sunday, 06-Nov-94 08:49:37 GMT", "Sun Nov  6 08:49:37 1994"]
)
def test_all_three_formats_are_read(text: str) -> None:
    assert parse_date(text) == 784111777


@given(st.text(max_size=40))
def test_any_text_is_a_date_or_none(text: str) -> None:
    seconds = parse_date(text)
    assert seconds is None or any(character.isdigit() for character in text)


@pytest.mark.parametrize("text", ["", "soon", "0", "yesterday at noon", "Sun, 99 Nov 99999 99:99:99 GMT"])
def test_dates_that_are_none(text: str) -> None:
    assert parse_date(text) is None
