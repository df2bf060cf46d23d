"""The whole daemon in a process of its own, a real mail server, and a scripted Asterisk."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from email.message import EmailMessage
from pathlib import Path
from typing import TypeVar

import pytest

from mail_catcher import MailCatcher
from nexefax.fax import records
from nexefax.fax.records import Attempt, Fax
from nexefax.store import read_only
from private_nexefax import PrivateNexeFax
from tests.daemon.scripted_asterisk import Answer, CallFile, ScriptedAsterisk
from tests.documents import write_pdf
from web_client import WebClient

T = TypeVar("T")
WAIT = 60.0  # seconds; a limit for a slow machine, never a duration

ACME = {
    "tx_number": "12025550154",
    "tx_name": "ACME Corporation",
    "rx_email_to": "front.desk@acme.example",
    "tx_notify_success": "yes",
}


@dataclass
class House:
    """One installation: daemon, spool, mails, and who plays Asterisk."""

    nexefax: PrivateNexeFax
    mail: MailCatcher
    asterisk: ScriptedAsterisk
    answers: list[Callable[[CallFile], Answer]] = field(default_factory=list)

    def sign_in(self, account: str = "ACME", user: str = "bob", password: str = "secret") -> WebClient:
        client = WebClient(self.nexefax.url)
        client.sign_in(account, user, password)
        return client

    def pdf(self, pages: int = 1) -> Path:
        path = self.nexefax.folder / f"document-{pages}.pdf"
        write_pdf(path, pages)
        return path

    def find_fax(self, fax_id: int) -> Fax | None:
        return read_only(self.nexefax.data_dir, lambda c: records.load_fax(c, fax_id))

    def fax(self, fax_id: int) -> Fax:
        fax = self.find_fax(fax_id)
        assert fax is not None
        return fax

    def attempts(self, fax_id: int) -> list[Attempt]:
        return read_only(self.nexefax.data_dir, lambda c: records.attempts_of(c, fax_id))

    def wait_for_state(self, fax_id: int, *states: str) -> Fax:
        def look() -> Fax | None:
            fax = self.find_fax(fax_id)
            return fax if fax is not None and fax.state in states else None

        return wait_until(look, lambda: self.find_fax(fax_id))

    def wait_for_mail(self, subject: str) -> EmailMessage:
        return self.mail.wait_for(lambda message: subject in str(message["Subject"]), WAIT)

    def receive(self, tiff: bytes, name: str, outcome: str | None) -> Path:
        """Leave in rx_dir what the dialplan leaves; the outcome file comes last."""
        path = self.nexefax.spool / "tmp" / name
        path.write_bytes(tiff)
        if outcome is not None:
            path.with_name(f"{name}.outcome").write_text(outcome)
        return path


def wait_until(look: Callable[[], T | None], describe: Callable[[], object] = lambda: "it never came") -> T:
    deadline = time.monotonic() + WAIT
    while time.monotonic() < deadline:
        found = look()
        if found is not None and found is not False:
            return found
        time.sleep(0.05)
    raise AssertionError(f"not in {WAIT} s: {describe()}")


@contextmanager
def open_house(
    folder: Path,
    accounts: Mapping[str, Mapping[str, str]] | None = None,
    *,
    start: bool = True,
    behave: Callable[[CallFile], Answer] | None = None,
    general: Mapping[str, str] | None = None,
) -> Iterator[House]:
    """One installation below ``folder`` in which "bob" of each account may sign in with "secret"; ended on leaving.

    ``behave`` answers the calls; without it each takes the next of the house's ``answers``. ``general`` are options of
    config.conf, [general].
    """
    mail = MailCatcher(folder / "mails")
    mail.start()
    nexefax = PrivateNexeFax(
        folder,
        folder / "spool",
        accounts or {"ACME": ACME},
        general={"tx_retry_time": "1", "tx_max_retries": "1", "sweep_interval": "1",
                 "ast_control": str(folder / "spool" / "asterisk.ctl")} | dict(general or {}),
        email={"method": "smtp", "smtp_port": str(mail.port), "from_email": "fax@pbx.example"},
    )  # fmt: skip
    nexefax.write_config()
    for account in nexefax.accounts:
        nexefax.add_user(account, "bob", "secret")
    answers: list[Callable[[CallFile], Answer]] = []

    def next_answer(call: CallFile) -> Answer:
        return answers.pop(0)(call)

    asterisk = ScriptedAsterisk(nexefax.spool, nexefax.port_fagi, behave or next_answer)
    asterisk.start()
    if start:
        nexefax.start()
    try:
        yield House(nexefax, mail, asterisk, answers)
    finally:
        asterisk.stop()
        nexefax.stop()
        mail.stop()


@pytest.fixture
def house(tmp_path: Path) -> Iterator[House]:
    with open_house(tmp_path) as here:
        yield here
