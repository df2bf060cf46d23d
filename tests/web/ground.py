"""What the web tests stand on: real configuration files, real htpasswd files, and a tray for documents."""

from __future__ import annotations

import subprocess
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from nexefax import config
from nexefax.config import Config
from nexefax.errors import DocumentError
from nexefax.fax.number import clean_number
from nexefax.fax.records import Fax
from nexefax.fax.submission import Submission

PASSWORD = "correct horse"
ACCOUNTS = """
[ACME]
rx_email_to=front@acme.example
tx_number=12025550154
tx_name=ACME Corporation

[Quiet]
rx_email_to=quiet@example.org
tx_number=4930123456
tx_name=Quiet & Sons <GmbH>
"""


def htpasswd(file: Path, user: str, password: str, *options: str) -> None:
    """Set a password as administrators do."""
    new = () if file.exists() else ("-c",)
    subprocess.run(["htpasswd", "-b", *(options or ("-B", "-C", "4")), *new, file, user, password], check=True,
                   capture_output=True)  # fmt: skip


class Installation:
    """A configuration folder that tests may change; ``current`` is what a daemon would have read last."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.auth = folder / "auth"
        self.tmp = folder / "tmp"
        for made in (self.auth, self.tmp):
            made.mkdir(parents=True)
        (folder / "accounts.conf").write_text(ACCOUNTS)
        self.configure()
        htpasswd(self.auth / "ACME", "bob.smith", PASSWORD)

    def configure(self, server: str = "max_upload_mb=1", general: str = "") -> None:
        """Write config.conf with these lines in [server] and [general], and read it all."""
        (self.folder / "config.conf").write_text(
            f"[general]\ntx_channel=PJSIP/${{TO}}@trunk\ntmp_dir={self.tmp}\n{general}\n[server]\n{server}\n"
        )
        self.reload()

    def reload(self) -> None:
        self.current: Config = config.load(self.folder)

    def leftovers(self) -> list[str]:
        """Uploaded files that nobody removed."""
        return sorted(path.name for path in self.tmp.rglob("*") if path.is_file())


@dataclass
class Taken:
    """One submission with the document's bytes, since the file itself is removed."""

    submission: Submission
    document: bytes


@dataclass
class Tray:
    """Stands in for the fax worker: takes documents as it does, and keeps them."""

    taken: list[Taken] = field(default_factory=list)
    failure: Exception | None = None
    numbers: dict[str, int] = field(default_factory=dict)
    next_fax: int = 12  # the number of the first
    after: Callable[[], None] = lambda: None

    async def accept(self, submission: Submission) -> int:
        if self.failure is not None:
            raise self.failure
        clean_number(submission.number)
        document = submission.document.read_bytes()
        if not document.startswith(b"%PDF-"):
            raise DocumentError("This is not a PDF.")
        fax = self.numbers.get(submission.request_id, 0)
        if not fax:
            fax = self.next_fax + len(self.taken)
            self.taken.append(Taken(submission, document))
            if submission.request_id:
                self.numbers[submission.request_id] = fax
        self.after()
        return fax

    async def cancel(self, fax_id: int, by: str) -> Fax | None:
        raise AssertionError("not asked of the tray")

    async def retry_now(self, fax_id: int, by: str) -> Fax | None:
        raise AssertionError("not asked of the tray")

    async def resend(self, fax_id: int, by: str, number: str = "", request_id: str = "") -> int:
        raise AssertionError("not asked of the tray")

    async def forward(
        self, fax_id: int, addresses: Sequence[str], *, note: str, by: str, request_id: str = ""
    ) -> Fax | None:
        raise AssertionError("not asked of the tray")
