"""One installation as it stands in an office: Asterisk, NexeFax beside it, a mail server, and people."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from email.message import EmailMessage
from pathlib import Path

import asterisk_program
from compare_pages import PageDifference, compare_faxes
from mail_catcher import MailCatcher
from nexefax.fax import records
from nexefax.fax.records import Attempt, Fax
from nexefax.store import read_only
from private_asterisk import PrivateAsterisk
from private_nexefax import PrivateNexeFax, free_port
from tests.asterisk.lines import MACHINES, OUR_DIALPLAN, beta_dialplan
from tests.documents import write_pdf
from web_client import WebClient

# A limit for a slow machine, never a duration: the longest call here is given up by spandsp after 76 s.
PATIENCE = 240.0

ACCOUNTS = {
    "ACME": {
        "tx_number": "+12025550154",
        "tx_name": "ACME Corporation",
        "rx_email_to": "front.desk@acme.example",
        "tx_notify_success": "yes",
        "tx_notify_failure": "yes",
    },
    "Smith-Sons": {
        "tx_number": "+12025550177",
        "tx_name": "Smith & Söhne",
        "rx_email_to": "smith@sons.example",
        "tx_notify_success": "yes",
        "tx_notify_failure": "yes",
        "tx_resolution": "standard",
    },
}


class Office:
    """A running installation. ``options`` are added to config.conf's [general]."""

    def __init__(
        self, folder: Path, asterisk: PrivateAsterisk, agi_port: int, options: Mapping[str, str]
    ) -> None:
        self.folder = folder
        self.asterisk = asterisk
        self.mail = MailCatcher(folder / "mails")
        self.nexefax = PrivateNexeFax(
            folder / "n",
            asterisk.spool,
            ACCOUNTS,
            general={
                "tx_channel": asterisk.trunk,
                "ast_control": str(asterisk.control_socket),
                "tx_max_retries": "0",
                "tx_retry_time": "1",
                "sweep_interval": "1",
            }
            | dict(options),
            email={"method": "smtp", "smtp_host": "127.0.0.1", "smtp_port": str(self.mail.port)},
            port_fagi=agi_port,
        )

    def start(self) -> None:
        """Start all three."""
        self.mail.start()
        self.asterisk.start()
        self.nexefax.write_config()
        for account in ACCOUNTS:
            self.nexefax.add_user(account, "bob", "secret")
        self.nexefax.start()

    def close(self) -> None:
        """Stop all three."""
        self.nexefax.stop()
        self.asterisk.close()
        self.mail.stop()

    def send(self, number: str, pages: int = 1, *, account: str = "ACME") -> int:
        """Hand a document in at the page, and return its fax's number."""
        client = WebClient(self.nexefax.url)
        client.sign_in(account, "bob", "secret")
        document = write_pdf(
            self.folder / f"{account}-{number}.pdf", pages, words=f"{account} to {number}, page"
        )
        return client.send(number, document)

    def fax(self, fax_id: int) -> Fax:
        """A fax's row in the journal."""
        fax = read_only(self.nexefax.data_dir, lambda c: records.load_fax(c, fax_id))
        assert fax is not None
        return fax

    def attempts(self, fax_id: int) -> list[Attempt]:
        """A fax's dialled attempts."""
        return read_only(self.nexefax.data_dir, lambda c: records.attempts_of(c, fax_id))

    def received(self) -> list[Fax]:
        """Faxes that came in, by number."""
        states = ("received", "converting", "delivering", "delivered", "undeliverable")
        faxes = read_only(self.nexefax.data_dir, lambda c: records.faxes_in(c, *states))
        return sorted((fax for fax in faxes if fax.direction == "in"), key=lambda fax: fax.id)

    def wait_for_state(self, fax_id: int, *states: str) -> Fax:
        """Wait until a fax is in one of these states."""
        self.asterisk.wait_until(
            lambda: self.fax(fax_id).state in states, f"fax {fax_id} is {' or '.join(states)}", PATIENCE
        )
        return self.fax(fax_id)

    def wait_for_received(self, count: int, state: str = "delivered") -> list[Fax]:
        """Wait until so many faxes came in and are in this state."""
        self.asterisk.wait_until(
            lambda: [fax.state for fax in self.received()].count(state) >= count,
            f"{count} received faxes are {state}",
            PATIENCE,
        )
        return [fax for fax in self.received() if fax.state == state]

    def wait_for_mail(self, subject: str, to: str = "") -> EmailMessage:
        """Wait for a mail with this in its subject."""
        return self.mail.wait_for(
            lambda mail: subject in str(mail["Subject"]) and to in str(mail["To"]), PATIENCE
        )

    def wait_for_line(self, text: str, seconds: float = PATIENCE) -> None:
        """Wait until Asterisk's log says so."""
        self.asterisk.wait_until(lambda: text in self.asterisk.log_text(), f"its log says {text!r}", seconds)

    def wait_for_started(self, fax_id: int) -> None:
        """Wait until the first attempt was answered and SendFAX begins."""
        started = self.nexefax.data_dir / "out" / str(fax_id) / "1.started"
        self.asterisk.wait_until(started.exists, f"fax {fax_id} is answered", PATIENCE)

    def wait_for_pages(self, count: int) -> None:
        """Wait until a receiving session has so many pages."""

        def arrived() -> bool:
            shown = self.asterisk.rx("fax show sessions")
            numbers = [line.split() for line in shown.splitlines() if " receive " in line]
            pages = (
                re.search(
                    r"^Page Number\s*: (\d+)", self.asterisk.rx(f"fax show session {words[2]}"), re.MULTILINE
                )
                for words in numbers
            )
            return any(found is not None and int(found[1]) > count for found in pages)

        self.asterisk.wait_until(arrived, f"{count} pages arrived", PATIENCE)

    def wait_for_empty_spool(self) -> None:
        """Wait until nothing of ours is left in Asterisk's folders."""
        folders = [self.asterisk.spool / name for name in ("outgoing", "outgoing_done", "nexefax", "tmp")]
        self.asterisk.wait_until(
            lambda: not [path for folder in folders for path in folder.iterdir()],
            "the spool is empty",
            PATIENCE,
        )

    def sent_tiff(self, fax_id: int) -> Path:
        """The TIFF that was dialled."""
        return self.nexefax.data_dir / "out" / str(fax_id) / "fax.tiff"

    def compare(self, sent: int, received: int) -> list[PageDifference]:
        """What arrived against what was dialled."""
        return compare_faxes(self.sent_tiff(sent), self.nexefax.data_dir / "in" / str(received) / "fax.tiff")

    def outcome(self, fax_id: int, attempt: int = 1) -> Path:
        """The file that the dialplan leaves."""
        return self.nexefax.data_dir / "out" / str(fax_id) / f"{attempt}.outcome"

    def log_of(self, fax_id: int) -> str:
        """What the log says about a fax."""
        return "\n".join(line for line in self.nexefax.log_text().splitlines() if f"fax {fax_id}:" in line)


def words(mail: EmailMessage) -> str:
    """A mail's text."""
    body = mail.get_body(("plain",))
    assert body is not None
    return str(body.get_content())


@contextmanager
def open_office(
    folder: Path, *, suite: str = "sid", beta: bool = False, audio: bool = False, **options: str
) -> Iterator[Office]:
    """A running installation below ``folder``: the Asterisk of a Debian ``suite``, the beta's dialplan or ours.

    ``audio``: the trunk knows no T.38. ``options`` are for config.conf.
    """
    port = free_port()
    asterisk = (asterisk_with_betas_dialplan if beta else asterisk_with_our_dialplan)(folder, suite, port)
    if audio:
        options["tx_channel"] = asterisk.audio_trunk
    office = Office(folder, asterisk, port, options)
    try:
        office.start()
        yield office
    finally:
        office.close()


def asterisk_with_our_dialplan(folder: Path, suite: str, agi_port: int) -> PrivateAsterisk:
    """Asterisk with the dialplan that NexeFax brings, and machines that answer."""
    spool = folder / "a" / "spool"
    return PrivateAsterisk(
        asterisk_program.find(suite),
        folder / "a",
        dialplan=MACHINES + OUR_DIALPLAN,
        variables={
            "NEXEFAX_RX_DIR": str(spool / "tmp"),
            "NEXEFAX_AGI": f"agi://127.0.0.1:{agi_port}",
            "NEXEFAX_LONG": "12025550100" * 30,
        },
    )


def asterisk_with_betas_dialplan(folder: Path, suite: str, agi_port: int) -> PrivateAsterisk:
    """Asterisk with the beta's dialplan, and machines that answer."""
    dialplan = beta_dialplan(folder / "a" / "spool" / "tmp", f"agi://127.0.0.1:{agi_port}")
    return PrivateAsterisk(asterisk_program.find(suite), folder / "a", dialplan=MACHINES + dialplan)
