"""Real servers on free ports."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any

import pytest

from nexefax.httpd import Handler, HttpLimits, HttpServer, Request, Response
from tests.httpd.client import Wire


async def echo(request: Request) -> Response:
    """What was asked, and how much was sent."""
    body = await request.read(1 << 30)
    return Response.json(
        [request.method, request.path, request.client, body[:100].decode("latin-1"), len(body)]
    )


@dataclass
class Serving:
    """A server at work, and what its handler noted."""

    server: HttpServer
    port: int
    notes: list[str] = field(default_factory=list)

    async def wire(self) -> Wire:
        return await Wire.open(self.port)


Serve = Callable[..., Awaitable[Serving]]


@pytest.fixture
async def serve() -> AsyncIterator[Serve]:
    running: list[HttpServer] = []

    async def start(handler: Handler = echo, *, limits: HttpLimits | None = None, **options: Any) -> Serving:
        server = HttpServer(handler, limits=limits, **options)
        running.append(server)
        return Serving(server, await server.start("127.0.0.1", 0))

    yield start
    for server in running:
        await server.close(0)
        assert not server._connections
