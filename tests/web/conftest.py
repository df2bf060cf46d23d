"""A real site on a real server, with a real journal and real auth files; only the fax worker is stood in for."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from nexefax.httpd import HttpLimits, HttpServer
from nexefax.store import Journal
from nexefax.web import build_web, most_body_bytes
from tests.web.client import Client
from tests.web.ground import PASSWORD, Installation, Tray


@pytest.fixture
def installation(tmp_path: Path) -> Installation:
    return Installation(tmp_path / "etc")


@pytest.fixture
async def journal(tmp_path: Path) -> AsyncIterator[Journal]:
    folder = tmp_path / "data"
    folder.mkdir()
    journal = await Journal.open(folder)
    yield journal
    await journal.close()


@pytest.fixture
def tray() -> Tray:
    return Tray()


@dataclass(frozen=True)
class Running:
    """The server at work."""

    server: HttpServer
    port: int

    def cut_connections(self) -> None:
        """As a broken line would: nothing more is said."""
        for connection in tuple(self.server._connections):
            connection.abort()


@pytest.fixture
async def running(installation: Installation, journal: Journal, tray: Tray) -> AsyncIterator[Running]:
    async with build_web(lambda: installation.current, journal, tray) as site:
        server = HttpServer(
            site,
            limits=HttpLimits(body=most_body_bytes(installation.current)),
            trusted_proxies=installation.current.server.trusted_proxies,
            error_page=site.error_page,
        )
        yield Running(server, await server.start("127.0.0.1", 0))
        await server.close(1.0)


@pytest.fixture
def client(running: Running) -> Client:
    return Client(running.port)


@pytest.fixture
async def bob(client: Client) -> Client:
    """The client, signed in."""
    reply = await client.post("/api/login", {"account": "ACME", "user": "bob.smith", "password": PASSWORD})
    assert reply.status == 200, reply.text
    return client
