"""An office with faxes: the site before a real worker, which does not run, so that nothing happens by itself."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from nexefax.fax import records
from nexefax.fax.folders import Folders
from nexefax.fax.records import Fax
from nexefax.fax.worker import Worker
from nexefax.store import Journal
from tests.web.client import Client, Reply
from tests.web.ground import PASSWORD, Installation, htpasswd
from tests.web.running import Running, run_site

OUT = Fax(
    id=0, direction="out", account="ACME", state="sent", created=1.8e9, changed=1.8e9 + 60,
    number="12025550199", to_name="Dr. Gray", user="bob.smith", subject="Lab results", document_name="lab.pdf",
    pages=2, pages_done=2, resolution="fine (204x196)",
)  # fmt: skip
IN = Fax(
    id=0, direction="in", account="ACME", state="delivered", created=1.8e9, changed=1.8e9 + 60,
    number="4930123456", caller_name="Praxis Groß", station="+49 30 123456", pages=1,
)  # fmt: skip


@dataclass
class Office:
    """What tests of the API about faxes work with."""

    installation: Installation
    journal: Journal
    worker: Worker
    folders: Folders
    port: int
    bob: Client
    running: Running
    sequence: list[int] = field(default_factory=list)

    async def add(self, fax: Fax) -> int:
        return await self.journal.write(lambda connection: records.add_fax(connection, fax))

    async def load(self, fax_id: int) -> Fax:
        fax = await self.journal.read(lambda connection: records.load_fax(connection, fax_id))
        assert fax is not None
        return fax

    async def timeline(self, fax_id: int) -> list[str]:
        events = await self.journal.read(lambda connection: records.events_of(connection, fax_id))
        return [text for _, text in events]

    async def listed(self, query: str = "", client: Client | None = None) -> list[int]:
        """The numbers of the faxes that the API lists for a query."""
        reply = await (client or self.bob).get(f"/api/faxes?{query}")
        assert reply.status == 200, reply.text
        return [fax["id"] for fax in reply.json["faxes"]]

    async def signed_in(self, account: str, user: str) -> Client:
        """Another user, made and signed in."""
        htpasswd(self.installation.auth / account, user, PASSWORD)
        client = Client(self.port)
        fields = {"account": account, "user": user, "password": PASSWORD}
        assert (await client.post("/api/login", fields)).status == 200
        return client


async def do(client: Client, fax: int, action: str, body: bytes = b"", **headers: str) -> Reply:
    """Post an action; with a body, as JSON."""
    sent = {"Content-Type": "application/json", **headers} if body else headers
    return await client.ask("POST", f"/api/faxes/{fax}/{action}", body or None, sent)


def problem(reply: Reply) -> dict[str, Any]:
    """The problem that a reply must be."""
    assert reply.headers["Content-Type"] == "application/problem+json", reply.text
    found: dict[str, Any] = reply.json
    assert found["status"] == reply.status
    assert found["detail"].endswith((".", "?"))
    return found


def make_folders(folder: Path) -> Folders:
    folders = Folders(folder)
    folders.prepare()
    return folders


@asynccontextmanager
async def run_office(folder: Path, installation: Installation, journal: Journal) -> AsyncIterator[Office]:
    """The site in ``folder``, with bob.smith of ACME signed in; the journal is that of ``folder/data``."""
    data_dir = folder / "data"
    installation.configure(general=f"data_dir={data_dir}\nmin_free_mb=0\n{spool_options(folder)}")
    worker = Worker(journal, lambda: installation.current)
    async with run_site(installation, journal, worker, desk=worker.desk) as running:
        bob = Client(running.port)
        fields = {"account": "ACME", "user": "bob.smith", "password": PASSWORD}
        assert (await bob.post("/api/login", fields)).status == 200
        yield Office(installation, journal, worker, make_folders(data_dir), running.port, bob, running)


def spool_options(folder: Path) -> str:
    """Folders of a spool that no Asterisk looks into, as lines of [general]."""
    options = []
    for option in ("ast_call_dir", "ast_staging_dir", "ast_done_dir", "rx_dir"):
        (folder / option).mkdir()
        options.append(f"{option}={folder / option}")
    return "\n".join(options)
