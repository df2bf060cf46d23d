"""A fax comes in through the whole daemon, from our dialplan, the beta's, or nobody's."""

import os
import subprocess
import time
from email.message import EmailMessage
from pathlib import Path

import pytest

from tests.daemon.conftest import ACME, House, wait_until
from tests.daemon.scripted_asterisk import nudge, outcome_line
from tests.documents import write_pdf

NAME = "nexefax-ACME-20261122-200905-12025550100-1700000000.4.tiff"
SAID = {
    "account": "ACME", "caller": "12025550100", "name": "Dr. Müller", "status": "SUCCESS", "pages": 2, "rate": 14400,
    "resolution": "204x196", "station": "+1 202 555 0100", "mode": "T.38", "uniqueid": "1700000000.4",
}  # fmt: skip


@pytest.fixture
def tiff(tmp_path: Path) -> bytes:
    pdf = write_pdf(tmp_path / "in.pdf", 2)
    out = tmp_path / "in.tiff"
    subprocess.run(
        ["gs", "-q", "-dSAFER", "-dBATCH", "-dNOPAUSE", "-sDEVICE=tiffg4", "-r204x196", "-g1728x2287", "-dFIXEDMEDIA",
         "-dPDFFitPage", f"-sOutputFile={out}", pdf],
        check=True,
    )  # fmt: skip
    return out.read_bytes()


def pdf_of(mail: EmailMessage) -> tuple[str, bytes]:
    attached = [part for part in mail.iter_attachments() if part.get_content_type() == "application/pdf"]
    assert len(attached) == 1
    return str(attached[0].get_filename()), attached[0].get_content()


def test_a_received_fax_is_mailed_and_then_cleared_away(house: House, tiff: bytes, tmp_path: Path) -> None:
    path = house.receive(tiff, NAME, outcome_line("received", SAID))
    nudge(house.nexefax.port_fagi, "received", NAME)
    mail = house.wait_for_mail("New eFax Received")
    name, pdf = pdf_of(mail)
    assert name.startswith("fax-12025550100-")
    (tmp_path / "out.pdf").write_bytes(pdf)
    info = subprocess.run(
        ["pdfinfo", tmp_path / "out.pdf"], capture_output=True, text=True, check=True
    ).stdout
    assert "Pages:           2" in info
    text = str(mail.get_body(("plain",)).get_content())  # type: ignore[union-attr]
    for word in ("12025550100", "Dr. Müller", "+1 202 555 0100", "14400", "204x196"):
        assert word in text.replace(",", "").replace("\u202f", "")
    wait_until(lambda: not path.exists())
    assert list(path.parent.iterdir()) == []
    assert house.fax(1).state == "delivered"


def test_the_betas_receive_finds_its_fax_by_the_unique_id(house: House, tiff: bytes) -> None:
    path = house.receive(tiff, NAME, None)
    other = house.receive(tiff, NAME.replace("000.4", "000.5"), None)
    nudge(
        house.nexefax.port_fagi,
        "receive",
        uniqueid="1700000000.4",
        callerid="12025550100",
        calleridname="unknown",
    )
    house.wait_for_mail("New eFax Received")
    wait_until(lambda: not path.exists())
    assert other.exists()
    fax = house.fax(1)
    assert (fax.account, fax.number, fax.incomplete) == ("ACME", "12025550100", False)


def test_a_partial_fax_is_delivered_and_marked(house: House, tiff: bytes) -> None:
    said = SAID | {"status": "FAILED", "error": "HANGUP", "text": "The call dropped prematurely", "pages": 1}
    house.receive(tiff, NAME, outcome_line("received", said))
    nudge(house.nexefax.port_fagi, "received", NAME)
    mail = house.wait_for_mail("New eFax Received")
    assert "incomplete" in str(mail.get_body(("plain",)).get_content()).lower()  # type: ignore[union-attr]
    assert house.fax(1).incomplete is True


def test_a_fax_for_nobody_is_kept_until_its_account_is_there(house: House, tiff: bytes) -> None:
    name = NAME.replace("ACME", "NO-BODY")
    path = house.receive(tiff, name, outcome_line("received", SAID | {"account": "NO-BODY"}))
    nudge(house.nexefax.port_fagi, "received", name)
    fax = house.wait_for_state(1, "undeliverable")
    assert "no account 'NO-BODY' in accounts.conf" in fax.reason
    assert path.exists()
    assert "fax 1: CAN'T BE DELIVERED" in house.nexefax.log_text()
    house.nexefax.accounts = {"ACME": ACME, "No-Body": ACME}
    house.nexefax.write_config()
    house.nexefax.reload()
    house.wait_for_state(1, "delivered")
    wait_until(lambda: not path.exists())


def test_what_was_missed_is_found_at_start_and_what_is_written_is_left(house: House, tiff: bytes) -> None:
    house.nexefax.stop()
    reported = house.receive(tiff, NAME, outcome_line("received", SAID))
    old = house.receive(tiff, NAME.replace("000.4", "000.5"), None)
    young = house.receive(tiff, NAME.replace("000.4", "000.6"), None)
    half = house.receive(tiff, NAME.replace("000.4", "000.7"), outcome_line("received", SAID)[:-4])
    written = house.receive(tiff, NAME.replace("000.4", "000.8"), None)
    past = time.time() - 3_600
    for path in (old, written):
        os.utime(path, (past, past))
    with written.open("ab"):
        house.nexefax.start()
        wait_until(lambda: not reported.exists() and not old.exists())
        assert (young.exists(), half.exists(), written.exists()) == (True, True, True)
        log = house.nexefax.log_text()
        assert f"({reported.name})" in log
        assert f"({old.name}), incomplete" in log
    wait_until(lambda: not written.exists())
    assert (young.exists(), half.exists()) == (True, True)
    texts = [str(mail.get_body(("plain",)).get_content()) for mail in house.mail.mails()]  # type: ignore[union-attr]
    assert sum("did not report the end of this call" in text.replace("\n", " ") for text in texts) == 2


def test_a_call_without_a_page_is_told_in_the_log(house: House) -> None:
    rx_dir = house.nexefax.spool / "tmp"
    said = SAID | {"status": "FAILED", "pages": 0, "text": "Timed out waiting for initial communication"}
    (rx_dir / f"{NAME}.outcome").write_text(outcome_line("received", said))
    nudge(house.nexefax.port_fagi, "received", NAME)
    wait_until(lambda: not list(rx_dir.iterdir()))
    assert "call from 12025550100 for ACME ended without a page: Timed out" in house.nexefax.log_text()
    assert house.mail.mails() == []


def test_rubbish_is_delivered_as_it_came(house: House) -> None:
    house.receive(b"II*\0rubbish that is no fax", NAME, outcome_line("received", SAID))
    nudge(house.nexefax.port_fagi, "received", NAME)
    mail = house.wait_for_mail("New eFax Received")
    types = [part.get_content_type() for part in mail.iter_attachments()]
    assert types == ["image/tiff"]


def test_a_mail_server_that_is_away_loses_nothing(house: House, tiff: bytes) -> None:
    house.mail.stop()
    path = house.receive(tiff, NAME, outcome_line("received", SAID))
    nudge(house.nexefax.port_fagi, "received", NAME)
    wait_until(lambda: "mail not delivered, next try in" in house.nexefax.log_text())
    assert (house.fax(1).state, path.exists()) == ("delivering", True)
    house.mail.start()
    house.nexefax.kill()
    house.nexefax.start()
    house.wait_for_mail("New eFax Received")
    house.wait_for_state(1, "delivered")


def test_the_same_nudge_twice_makes_one_fax(house: House, tiff: bytes) -> None:
    house.receive(tiff, NAME, outcome_line("received", SAID))
    for _ in range(5):
        nudge(house.nexefax.port_fagi, "received", NAME)
    house.wait_for_state(1, "delivered")
    assert len(house.mail.mails()) == 1
