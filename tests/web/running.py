"""The real site on a real server, for as long as a context lasts."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from nexefax.fax.desk import Desk
from nexefax.httpd import Handler, HttpServer
from nexefax.store import Journal
from nexefax.web import build_web, http_limits
from nexefax.web.api import Outgoing
from tests.web.ground import Installation


@dataclass(frozen=True)
class Running:
    """The server at work."""

    server: HttpServer
    port: int

    def cut_connections(self) -> None:
        """As a broken line would: nothing more is said."""
        for connection in tuple(self.server._connections):
            connection.abort()


@asynccontextmanager
async def open_journal(folder: Path) -> AsyncIterator[Journal]:
    folder.mkdir()
    journal = await Journal.open(folder)
    try:
        yield journal
    finally:
        await journal.close()


@asynccontextmanager
async def run_site(
    installation: Installation, journal: Journal, tray: Outgoing, *, desk: Desk | None = None
) -> AsyncIterator[Running]:
    async with build_web(lambda: installation.current, journal, tray, desk=desk) as site:
        server = HttpServer(
            site,
            limits=http_limits(),
            trusted_proxies=installation.current.server.trusted_proxies,
            error_page=site.error_page,
        )
        try:
            yield Running(server, await server.start("127.0.0.1", 0))
        finally:
            await server.close(1.0)


@asynccontextmanager
async def serve(handler: Handler) -> AsyncIterator[int]:
    """A server for ``handler`` alone; its port."""
    server = HttpServer(handler)
    try:
        yield await server.start("127.0.0.1", 0)
    finally:
        await server.close(1.0)
