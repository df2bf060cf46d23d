"""Any bytes at all to a real server: documented answers only, no hanging, no mistake in the log."""

from __future__ import annotations

import asyncio
import logging

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from nexefax.errors import HttpError
from nexefax.httpd import HttpLimits, HttpServer, Request, Response
from tests.httpd.client import Wire, request
from tests.httpd.conftest import echo
from tests.httpd.test_protocol import CHUNKED, SOUP

STATUSES = {100, 200, 400, 403, 413, 414, 417, 431, 501, 505}
LIMITS = HttpLimits(request_line=300, head=2000, body=3000, receive_buffer=500, linger_timeout=0.2)


async def moody(asked: Request) -> Response:
    """Reads, half reads, refuses or ignores the body, by the path."""
    match len(asked.path) % 4:
        case 0:
            return await echo(asked)
        case 1:
            raise HttpError(403, "No.")
        case 2:
            async for _ in asked.body:
                break
    return Response.text("x")


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None, max_examples=60)
@given(
    st.lists(
        st.one_of(SOUP, st.sampled_from([request("/ab", "POST", b"x" * 2000), CHUNKED + b"3\r\nabc\r\n"])),
        max_size=6,
    ),
    st.booleans(),
)
async def test_any_soup(caplog: pytest.LogCaptureFixture, courses: list[bytes], leave: bool) -> None:
    caplog.set_level(logging.INFO, "nexefax.http")
    server = HttpServer(moody, limits=LIMITS)
    port = await server.start("127.0.0.1", 0)
    async with await Wire.open(port) as wire:
        try:
            for course in courses:
                await wire.send(course)
                await asyncio.sleep(0)
            if leave:
                wire.reset()
            else:
                wire.end()
                while True:
                    assert (await wire.reply()).status in STATUSES
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
    async with await Wire.open(port) as wire:  # it still serves others
        assert (await wire.ask(request("/abc"))).status == 200
    async with asyncio.timeout(20):
        await server.close(20)
    assert [record.getMessage() for record in caplog.records if record.levelno >= logging.WARNING] == []
