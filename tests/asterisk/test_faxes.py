"""Faxes from the page to the mail, through a real Asterisk that is both fax machines."""

from __future__ import annotations

import pytest

from tests.asterisk.conftest import Started
from tests.asterisk.office import Office, words

PAGE_LENGTH = {"fine": 2_000, "standard": 1_000}  # a page has at least so many rows


def went_whole(office: Office, sent: int, received: int, *, mode: str, resolution: str, pages: int) -> None:
    """Both sides say so, and every pixel below the header line arrived."""
    fax, (attempt,) = office.fax(sent), office.attempts(sent)
    assert (fax.state, fax.pages, fax.pages_done, attempt.mode) == ("sent", pages, pages, mode)
    came = office.fax(received)
    assert (came.state, came.pages, came.incomplete, came.station) == (
        "delivered",
        pages,
        False,
        "+12025550154",
    )
    compared = office.compare(sent, received)
    assert [(page.pixels, page.header_rows) for page in compared] == [
        (0, 32 if resolution == "fine" else 16)
    ] * pages
    assert all(page.total // 1728 > PAGE_LENGTH[resolution] for page in compared)


@pytest.mark.parametrize("resolution", ["fine", "standard"])
@pytest.mark.parametrize("pages", [1, 5])
@pytest.mark.parametrize("mode", ["T38", "audio"])
def test_what_arrives_is_what_was_sent(start_office: Started, mode: str, pages: int, resolution: str) -> None:
    office = start_office(audio=mode == "audio", tx_resolution=resolution)
    sent = office.send("1001", pages)
    (received,) = office.wait_for_received(1)
    office.wait_for_state(sent, "sent")
    went_whole(office, sent, received.id, mode=mode, resolution=resolution, pages=pages)
    notice = office.wait_for_mail("eFax sent to 1001")
    assert notice["To"] == "front.desk@acme.example"
    letter = office.wait_for_mail("New eFax Received")
    text = words(letter)
    assert "+12025550154" in text
    assert "ACME Corporation" in text
    (pdf,) = (part for part in letter.iter_attachments() if part.get_content_type() == "application/pdf")
    assert pdf.get_content().startswith(b"%PDF-")
    assert office.asterisk.invites() == ["1001"]
    office.wait_for_empty_spool()


def test_two_accounts_fax_each_other(start_office: Started) -> None:
    office = start_office()
    to_smith = office.send("2001", account="ACME")
    to_acme = office.send("1001", account="Smith-Sons")
    received = {fax.account: fax for fax in office.wait_for_received(2)}
    for fax in (to_smith, to_acme):
        office.wait_for_state(fax, "sent")
    assert [page.pixels for page in office.compare(to_smith, received["Smith-Sons"].id)] == [0]
    assert [page.pixels for page in office.compare(to_acme, received["ACME"].id)] == [0]
    assert [page.header_rows for page in office.compare(to_acme, received["ACME"].id)] == [16]
    assert received["ACME"].number == "+12025550177"
    assert received["ACME"].caller_name == "Smith & Söhne"
    assert office.attempts(to_smith)[0].station == "+1 202 555 0177"
    for account, number in (("smith@sons.example", "1001"), ("front.desk@acme.example", "2001")):
        office.wait_for_mail("New eFax Received", account)
        office.wait_for_mail(f"eFax sent to {number}", account)
    assert len(office.mail.mails()) == 4


def test_a_fax_for_an_unknown_account_is_kept(start_office: Started) -> None:
    office = start_office()
    office.send("3001")
    (received,) = office.wait_for_received(1, "undeliverable")
    assert received.account == "nobody-here"
    assert "nobody-here" in office.log_of(received.id)
    assert (office.nexefax.data_dir / "in" / str(received.id) / "fax.tiff").exists()


def test_asterisk_16_as_well(start_office: Started) -> None:
    office = start_office(suite="bullseye", tx_wait_time="5")
    assert office.asterisk.program.version[0] == 16
    sent, busy, silent = office.send("1001"), office.send("4000"), office.send("4001")
    (received,) = office.wait_for_received(1)
    office.wait_for_state(sent, "sent")
    went_whole(office, sent, received.id, mode="T38", resolution="fine", pages=1)
    assert office.wait_for_state(busy, "failed").reason == "the line was busy"
    assert office.wait_for_state(silent, "failed").reason == "nobody answered"
