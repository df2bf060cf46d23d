"""The parts behind the worker, in this process, on a private configuration: where a fault must be forced."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from nexefax import config
from nexefax.config import Account, Config
from nexefax.fax import records
from nexefax.fax.bookkeeper import Bookkeeper
from nexefax.fax.folders import Folders
from nexefax.fax.receiving import Receiving
from nexefax.fax.sending import Sending
from nexefax.fax.submission import Submission
from nexefax.store import Journal
from private_nexefax import PrivateNexeFax
from tests.documents import write_pdf

ACME = {"tx_number": "12025550154", "tx_name": "ACME", "rx_email_to": "a@acme.example"}


@dataclass
class Workshop:
    """One installation without a daemon."""

    nexefax: PrivateNexeFax
    journal: Journal
    folders: Folders
    config: Config
    letters: int = 0

    def __post_init__(self) -> None:
        self.bookkeeper = Bookkeeper(self.journal, lambda: self.config, self._count)
        self.sending = Sending(self.bookkeeper, self.folders)
        self.receiving = Receiving(self.bookkeeper, self.folders)

    def _count(self) -> None:
        self.letters += 1

    @property
    def account(self) -> Account:
        account = self.config.account("ACME")
        assert account is not None
        return account

    @property
    def outgoing(self) -> Path:
        return self.nexefax.spool / "outgoing"

    @property
    def rx_dir(self) -> Path:
        return self.nexefax.spool / "tmp"

    def submission(self, request_id: str = "") -> Submission:
        document = write_pdf(self.nexefax.folder / "document.pdf")
        return Submission(self.account, "bob", "2025550100", document, "document.pdf", request_id=request_id)

    async def fax(self, fax_id: int = 1) -> records.Fax:
        fax = await self.journal.read(lambda c: records.load_fax(c, fax_id))
        assert fax is not None
        return fax

    async def attempts(self, fax_id: int = 1) -> list[records.Attempt]:
        return await self.journal.read(lambda c: records.attempts_of(c, fax_id))

    async def add(self, **more: object) -> records.Fax:
        """Enter a fax as it might be found."""
        values: dict[str, object] = {
            "id": 0, "direction": "out", "account": "ACME", "state": "queued", "created": 1.0, "changed": 1.0,
            "number": "2025550100", "max_attempts": 2,
        }  # fmt: skip
        made = records.Fax(**(values | more))  # type: ignore[arg-type]  # fields by name
        return await self.fax(await self.journal.write(lambda c: records.add_fax(c, made)))

    async def add_ready(self, **more: object) -> records.Fax:
        """Enter a fax that is rendered and due."""
        values: dict[str, object] = {"state": "ready", "pages": 1, "next_try": 1.0, "line_seconds": 10.0}
        fax = await self.add(**(values | more))
        self.folders.sent_fax(fax.id).mkdir()
        self.folders.fax_tiff(fax.id).write_bytes(b"II*")
        return fax

    def receive(self, name: str, outcome: str | None, content: bytes = b"II*rubbish") -> Path:
        path = self.rx_dir / name
        path.write_bytes(content)
        if outcome is not None:
            path.with_name(f"{name}.outcome").write_text(outcome)
        return path


@asynccontextmanager
async def open_workshop(folder: Path) -> AsyncIterator[Workshop]:
    nexefax = PrivateNexeFax(folder, folder / "spool", {"ACME": ACME})
    nexefax.write_config()
    (folder / "scratch").mkdir()
    loaded = config.load(nexefax.config_dir)
    folders = Folders(nexefax.data_dir)
    folders.prepare()
    journal = await Journal.open(nexefax.data_dir)
    try:
        yield Workshop(nexefax, journal, folders, loaded)
    finally:
        await journal.close()
