"""Who uses the daemon in the soak: people who hand documents in, and callers whose faxes Asterisk received."""

from __future__ import annotations

import socket
import sqlite3
import threading
import time
from pathlib import Path

from nexefax.config import load
from nexefax.control_client import tell_daemon
from nexefax.errors import JournalError
from private_nexefax import PrivateNexeFax
from tests.bench.rough_world import DOCUMENTS, RECEIVED, Luck
from tests.daemon.crashes import fax_tiff
from tests.daemon.scripted_asterisk import nudge, outcome_line
from tests.documents import pdf_bytes
from web_client import Refused, WebClient

QUIET = "QUIET"  # the account that is not told what was sent
WRITERS = ("ACME", QUIET, QUIET)  # the accounts of those who hand in
AT_ONCE = 120  # faxes under way each way: a daemon that is not drowned, and never idle


class People:
    """Hands in half of ``faxes`` and leaves the other half in the spool, as fast as they are worked off.

    ``accepted`` are the numbers of faxes answered with "ok", ``left`` the names of TIFFs that were received.
    """

    def __init__(self, nexefax: PrivateNexeFax, luck: Luck, faxes: int) -> None:
        self.accepted: set[int] = set()
        self.left: set[str] = set()
        self.ended = 0
        self._nexefax = nexefax
        self._luck = luck
        self._numbers = iter(range(faxes // 2))
        self._lock = threading.Lock()
        self._ended = {"out": 0, "in": 0}
        folder = nexefax.folder
        self._documents = [folder / "one.pdf", folder / "two.pdf"]
        for pages, path in enumerate(self._documents, 1):
            path.write_bytes(pdf_bytes(pages))
        self._damaged, self._none = folder / "damaged.pdf", folder / "none.pdf"
        self._damaged.write_bytes(pdf_bytes(2)[:900])
        self._none.write_bytes(bytes(range(256)) * 8)
        self._tiff = fax_tiff(folder)
        self._callers = range(faxes - faxes // 2)
        self._threads: list[threading.Thread] = []

    def start(self) -> None:
        """Begin."""
        self._threads = [
            threading.Thread(target=self._write, args=(account,), name=f"writer {number}", daemon=True)
            for number, account in enumerate(WRITERS)
        ]
        self._threads.append(threading.Thread(target=self._call, name="caller", daemon=True))
        for thread in self._threads:
            thread.start()

    def busy(self) -> bool:
        """Whether somebody has something left to do."""
        return any(thread.is_alive() for thread in self._threads)

    def look(self) -> None:
        """Count what has ended."""
        journal = sqlite3.connect(
            f"file:{self._nexefax.data_dir}/journal.sqlite3?mode=ro", uri=True, timeout=30
        )
        rows = journal.execute(
            "SELECT direction, count(*) FROM fax WHERE state IN"
            " ('sent', 'failed', 'cancelled', 'delivered', 'undeliverable') GROUP BY direction"
        ).fetchall()
        journal.close()
        self._ended |= dict(rows)
        self.ended = sum(self._ended.values())

    def hasten(self, fax: int) -> None:
        """Have a fax tried at once."""
        tell_daemon(load(self._nexefax.config_dir), f"/faxes/{fax}/retry")

    def _write(self, account: str) -> None:
        client = WebClient(self._nexefax.url)
        client.sign_in(account, "bob", "secret")
        while True:
            with self._lock:
                number = next(self._numbers, None)
            if number is None:
                return
            while len(self.accepted) - self._ended["out"] > AT_ONCE:
                time.sleep(0.1)
            self._hand_in(client, number)

    def _hand_in(self, client: WebClient, number: int) -> None:
        document = self._documents[number % 2]
        fault = self._luck.draw(DOCUMENTS)
        to = f"2025{number:06}"
        match fault:
            case "upload cut":
                self._cut_upload(client, document)
            case "number refused":
                self._insist(client, "not a number", document, number)
            case "damaged":
                self._insist(client, to, self._damaged, number)
            case "no document":
                self._insist(client, to, self._none, number)
            case "handed in twice":
                first = self._insist(client, to, document, number)
                if first != self._insist(client, to, document, number):
                    raise AssertionError(f"fax {first} was taken twice")
            case _:
                fax = self._insist(client, to, document, number)
                if fault == "cancelled" and fax is not None:
                    self._cancel(fax)

    def _insist(self, client: WebClient, to: str, document: Path, number: int) -> int | None:
        """Hand in until it is taken, or refused for good: None then."""
        while True:
            try:
                fax = client.send(to, document, request_id=f"soak-{number}")
            except Refused as refusal:
                if refusal.status < 500:
                    return None
                time.sleep(0.2)  # a journal that is locked
            else:
                self.accepted.add(fax)
                return fax

    def _cut_upload(self, client: WebClient, document: Path) -> None:
        head = (
            "POST /api/send HTTP/1.1\r\nHost: localhost\r\nContent-Type: multipart/form-data; boundary=x\r\n"
            f"Cookie: nexefax-session={client.session}\r\nContent-Length: 100000\r\n\r\n"
            '--x\r\nContent-Disposition: form-data; name="fax_file"; filename="cut.pdf"\r\n\r\n'
        )
        with socket.create_connection(("127.0.0.1", self._nexefax.port_http)) as peer:
            peer.sendall(head.encode() + document.read_bytes())

    def _cancel(self, fax: int) -> None:
        try:
            tell_daemon(load(self._nexefax.config_dir), f"/faxes/{fax}/cancel")
        except JournalError as error:
            if "locked" not in str(error):
                raise

    def _call(self) -> None:
        for number in self._callers:
            while len(self.left) - self._ended["in"] > AT_ONCE:
                time.sleep(0.1)
            self._arrive(number, self._luck.draw(RECEIVED))

    def _arrive(self, number: int, fault: str) -> None:
        unique, caller = f"1700000000.{number}", f"30355{number:06}"
        account = "NOBODY" if fault == "unknown account" else "ACME"
        name = f"nexefax-{account}-20261122-200905-{caller}-{unique}.tiff"
        said = {"account": account, "caller": caller, "status": "SUCCESS", "pages": 1, "uniqueid": unique}
        if fault == "incomplete":
            said |= {"status": "FAILED", "error": "HANGUP", "text": "The call dropped prematurely"}
        tiff = {"cut TIFF": self._tiff[:-300], "no TIFF at all": b"this is no TIFF"}.get(fault, self._tiff)
        path = self._nexefax.spool / "tmp" / name
        if fault != "without a page":
            path.write_bytes(tiff)
            self.left.add(name)
        port = self._nexefax.port_fagi
        if fault == "by the beta's dialplan":
            while path.exists():  # its call is the only report, and the journal may be locked just then
                nudge(port, "receive", uniqueid=unique, callerid=caller)
                time.sleep(0.2)
            return
        path.with_name(f"{name}.outcome").write_text(outcome_line("received", said))
        if fault != "never reported":
            nudge(port, "received", "nexefax-nobody.tiff" if fault == "reported for another" else name)
        if fault == "reported twice":
            nudge(port, "received", name)
