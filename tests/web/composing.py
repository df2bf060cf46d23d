"""Somebody who composes faxes through the API."""

from __future__ import annotations

import asyncio
import io
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from PIL import Image

from nexefax.fax.records import Fax
from nexefax.fax.worker import Worker
from nexefax.store import Journal
from tests.web.client import Client, Reply
from tests.web.ground import PASSWORD, Installation
from tests.web.office import Office, make_folders, spool_options
from tests.web.running import run_site

JSON = {"Content-Type": "application/json"}


@dataclass
class Composer:
    """One user at the API of drafts."""

    client: Client

    async def ask(self, method: str, path: str, body: object = None) -> Reply:
        sent = None if body is None else json.dumps(body).encode()
        return await self.client.ask(method, f"/api/drafts{path}", sent, JSON if sent else {})

    async def begin(self, **content: object) -> str:
        reply = await self.ask("POST", "", {})
        assert reply.status == 201, reply.text
        draft: str = reply.json["id"]
        if content:
            await self.change(draft, **content)
        return draft

    async def change(self, draft: str, **content: object) -> Any:
        reply = await self.ask("PATCH", f"/{draft}", content)
        assert reply.status == 200, reply.text
        return reply.json

    async def add(self, draft: str, document: bytes, name: str = "scan.pdf") -> Reply:
        path = f"/api/drafts/{draft}/documents?name={name}"
        return await self.client.ask("POST", path, document, {"Content-Type": "application/octet-stream"})

    async def send(self, draft: str) -> list[Any]:
        """The faxes that a draft became."""
        reply = await self.ask("POST", f"/{draft}/send", {})
        assert reply.status == 201, reply.text
        faxes: list[Any] = reply.json["faxes"]
        return faxes

    async def look(self, draft: str) -> Any:
        reply = await self.ask("GET", f"/{draft}")
        assert reply.status == 200, reply.text
        return reply.json

    async def wait(self, draft: str) -> Any:
        """The draft when all of it is drawn."""
        async with asyncio.timeout(60):
            while (seen := await self.look(draft))["busy"]:
                await asyncio.sleep(0.02)
        return seen

    async def pixels(self, page: Any) -> Image.Image:
        """A page's own pixels, as its picture shows them."""
        reply = await self.client.get(f"{page['image']}&size=full")
        assert reply.status == 200, reply.text
        return Image.open(io.BytesIO(reply.body)).convert("1")


@dataclass
class Desk:
    """The site, with a worker that renders."""

    office: Office
    worker: Worker
    bob: Composer
    general: str

    def nobody(self) -> Client:
        """A client that is not signed in."""
        return Client(self.office.port)

    async def files(self, fax_id: int) -> list[str]:
        """What a rendered fax's folder has when its parts are cleared away."""
        async with asyncio.timeout(60):
            while any(path.suffix == ".json" for path in self.folder(fax_id).iterdir()):
                await asyncio.sleep(0.02)
        # an attempt's files have its number
        return sorted(path.name for path in self.folder(fax_id).iterdir() if not path.name[0].isdigit())

    async def rendered(self, fax_id: int) -> Fax:
        """The fax when it is rendered: it waits for its time, or for an Asterisk that never calls."""
        async with asyncio.timeout(60):
            while (fax := await self.office.load(fax_id)).state in ("queued", "rendering"):
                await asyncio.sleep(0.02)
        assert fax.state in ("ready", "calling"), fax.reason
        return fax

    def folder(self, fax_id: int) -> Path:
        return self.office.folders.sent_fax(fax_id)

    def pages(self, fax_id: int) -> list[Image.Image]:
        """The pixels of all pages that are dialled."""
        found = []
        with Image.open(self.folder(fax_id) / "fax.tiff") as tiff:
            for at in range(getattr(tiff, "n_frames", 1)):
                tiff.seek(at)
                found.append(tiff.convert("1"))
        return found

    async def composer(self, account: str, user: str) -> Composer:
        """Another user, signed in."""
        return Composer(await self.office.signed_in(account, user))


@asynccontextmanager
async def open_desk(
    installation: Installation, journal: Journal, folder: Path, *, works: bool = True
) -> AsyncIterator[Desk]:
    """A site whose worker renders, and calls into a spool that nobody looks at; without ``works`` it does nothing."""
    data_dir = folder / "data"
    general = f"data_dir={data_dir}\nmin_free_mb=0\n{spool_options(folder)}"
    installation.configure(general=general)
    worker = Worker(journal, lambda: installation.current)
    await worker.recover()
    async with run_site(installation, journal, worker, desk=worker.desk) as running:
        bob = Client(running.port)
        fields = {"account": "ACME", "user": "bob.smith", "password": PASSWORD}
        assert (await bob.post("/api/login", fields)).status == 200
        office = Office(installation, journal, worker, make_folders(data_dir), running.port, bob, running)
        desk = Desk(office, worker, Composer(bob), general)
        if not works:
            yield desk
            return
        work = asyncio.create_task(worker.run())
        try:
            yield desk
        finally:
            work.cancel()
            with suppress(asyncio.CancelledError):
                await work
