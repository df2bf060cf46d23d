"""The whole daemon with two accounts, each with faxes of every kind and people who may see them."""

from __future__ import annotations

import http.client
import json
import subprocess
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import bcrypt

from tests.daemon.conftest import House, open_house, wait_until
from tests.daemon.scripted_asterisk import Answer, CallFile, nudge, outcome_line, sent, unanswered
from tests.documents import pdf_bytes, write_pdf

PASSWORD = "secret"
BUSY = "12025550100"  # waits for its next try for an hour
REACHED = "12025550199"
ACCOUNTS = {
    "ACME": {"tx_number": "12025550154", "tx_name": "ACME Corporation", "rx_email_to": "front@acme.example",
             "admins": "bob"},
    "Other": {"tx_number": "4930123456", "tx_name": "Other & Sons", "rx_email_to": "desk@other.example",
              "admins": "bob"},
}  # fmt: skip


@dataclass(frozen=True)
class Reply:
    status: int
    headers: Mapping[str, str]  # lower-case names
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)


@dataclass(frozen=True)
class Caller:
    """Somebody, by what is sent along: a cookie, a token, or nothing."""

    name: str
    port: int
    headers: Mapping[str, str] = field(default_factory=dict)

    def ask(self, method: str, path: str, body: bytes | None = None, **headers: str) -> Reply:
        """One request; header names with underscores for dashes. Of an endless answer only the head is read."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=30)
        try:
            sent_along = {name.replace("_", "-"): value for name, value in headers.items()}
            connection.request(method, path, body, {**self.headers, **sent_along})
            response = connection.getresponse()
            found = {name.lower(): value for name, value in response.getheaders()}
            endless = found.get("content-type", "").startswith("text/event-stream")
            return Reply(response.status, found, b"" if endless else response.read())
        finally:
            connection.close()

    def ask_json(self, method: str, path: str, value: object) -> Reply:
        """A request with a JSON body."""
        return self.ask(method, path, json.dumps(value).encode(), Content_Type="application/json")

    def done(self, method: str, path: str, value: object = None) -> Any:
        """What an answer says that must be good; JSON, or None for no content."""
        reply = self.ask(method, path) if value is None else self.ask_json(method, path, value)
        assert reply.status in (200, 201, 204), f"{method} {path}: {reply.status} {reply.body!r}"
        return reply.json if reply.body else None


@dataclass
class Ground:
    """The house, and who can be in it."""

    house: House

    @property
    def port(self) -> int:
        return self.house.nexefax.port_http

    def nobody(self) -> Caller:
        return Caller("nobody", self.port)

    def person(self, account: str, user: str) -> Caller:
        """A user who has just signed in."""
        session = self.house.sign_in(account, user, PASSWORD).session
        return Caller(f"{user} of {account}", self.port, {"Cookie": f"nexefax-session={session}"})

    def program(self, person: Caller, *scopes: str) -> Caller:
        """A program with a token that the person has just made."""
        made = person.done("POST", "/api/tokens", {"name": "Test", "scopes": list(scopes)})
        name = f"a token of {person.name} for {' and '.join(scopes)}"
        return Caller(name, self.port, {"Authorization": f"Bearer {made['token']}"})

    def send(self, account: str, number: str, state: str) -> int:
        """A fax of bob's that has come to ``state``."""
        fax = self.house.sign_in(account, "bob", PASSWORD).send(
            number, self.house.pdf(2), subject=f"A secret of {account}", message=f"Words of {account}"
        )
        self.house.wait_for_state(fax, state)
        return fax

    def draft(self, person: Caller, pages: int = 2) -> str:
        """A draft of somebody's, whose pages are drawn."""
        draft: str = person.done("POST", "/api/drafts", {})["id"]
        added = person.ask("POST", f"/api/drafts/{draft}/documents?name=Secret+plan.pdf", pdf_bytes(pages))
        assert added.status == 201, added.body
        person.done(
            "PATCH",
            f"/api/drafts/{draft}",
            {"subject": "A secret draft", "cover": True, "recipients": [{"number": REACHED}]},
        )
        wait_until(lambda: not person.done("GET", f"/api/drafts/{draft}")["busy"])
        return draft

    def receive(self, account: str, tiff: bytes, times: int = 1) -> None:
        """Faxes that came in and were mailed."""
        for time in range(1, times + 1):
            name = f"nexefax-{account}-20261122-20090{time}-{REACHED}-1700000000.{time}.tiff"
            said = {"account": account, "caller": REACHED, "name": f"Dr. Gray {time}", "status": "SUCCESS", "pages": 2,
                    "rate": 14400, "resolution": "204x196", "station": "+1 202 555 0199", "mode": "T.38",
                    "uniqueid": f"1700000000.{time}"}  # fmt: skip
            self.house.receive(tiff, name, outcome_line("received", said))
            nudge(self.house.nexefax.port_fagi, "received", name)


def behave(call: CallFile) -> Answer:
    if BUSY in call.keys["Channel"]:
        return unanswered(5, 17)
    return sent(2)


@contextmanager
def open_ground(folder: Path, *, more_general: Mapping[str, str] | None = None) -> Iterator[Ground]:
    """Each account has bob (an administrator) and alice; who sends to ``BUSY`` waits for an hour."""
    general = {"tx_retry_time": "3600", "tx_max_retries": "5", **(more_general or {})}
    with open_house(folder, ACCOUNTS, behave=behave, general=general, start=False) as house:
        for account in ACCOUNTS:
            # Hashes of little work: there are many sign-ins here.
            lines = [
                f"{user}:{bcrypt.hashpw(PASSWORD.encode(), bcrypt.gensalt(4)).decode()}\n"
                for user in ("alice", "bob")
            ]
            (house.nexefax.config_dir / "auth" / account).write_text("".join(lines))
        config = house.nexefax.config_dir / "config.conf"
        config.write_text(
            config.read_text().replace("[logging]\n", "[logging]\ndebug=yes\n")
        )  # each request is told
        house.nexefax.start()
        yield Ground(house)


def fax_tiff(folder: Path) -> bytes:
    """Two pages as a fax machine sends them."""
    out = folder / "fax.tiff"
    subprocess.run(
        ["gs", "-q", "-dSAFER", "-dBATCH", "-dNOPAUSE", "-sDEVICE=tiffg4", "-r204x196", "-g1728x2287", "-dFIXEDMEDIA",
         "-dPDFFitPage", f"-sOutputFile={out}", write_pdf(folder / "fax.pdf", 2)],
        check=True,
    )  # fmt: skip
    return out.read_bytes()
