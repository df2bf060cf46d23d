"""A real site on a real server, with a real journal and real auth files; only the fax worker is stood in for."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from nexefax.store import Journal
from tests.web.client import Client
from tests.web.composing import Desk, open_desk
from tests.web.ground import PASSWORD, Installation, Tray
from tests.web.office import Office, run_office
from tests.web.running import Running, open_journal, run_site


@pytest.fixture
def installation(tmp_path: Path) -> Installation:
    return Installation(tmp_path / "etc")


@pytest.fixture
async def journal(tmp_path: Path) -> AsyncIterator[Journal]:
    async with open_journal(tmp_path / "data") as journal:
        yield journal


@pytest.fixture
def tray() -> Tray:
    return Tray()


@pytest.fixture
async def running(installation: Installation, journal: Journal, tray: Tray) -> AsyncIterator[Running]:
    async with run_site(installation, journal, tray) as running:
        yield running


@pytest.fixture
def client(running: Running) -> Client:
    return Client(running.port)


@pytest.fixture
async def bob(client: Client) -> Client:
    """The client, signed in."""
    reply = await client.post("/api/login", {"account": "ACME", "user": "bob.smith", "password": PASSWORD})
    assert reply.status == 200, reply.text
    return client


@pytest.fixture
async def office(installation: Installation, journal: Journal, tmp_path: Path) -> AsyncIterator[Office]:
    """The site before a real worker, with bob.smith of ACME signed in."""
    async with run_office(tmp_path, installation, journal) as office:
        yield office


@pytest.fixture
async def desk(installation: Installation, journal: Journal, tmp_path: Path) -> AsyncIterator[Desk]:
    """The site before a worker that renders."""
    async with open_desk(installation, journal, tmp_path) as desk:
        yield desk


@pytest.fixture
async def still(installation: Installation, journal: Journal, tmp_path: Path) -> AsyncIterator[Desk]:
    """The same, but nothing is drawn."""
    async with open_desk(installation, journal, tmp_path, works=False) as desk:
        yield desk
