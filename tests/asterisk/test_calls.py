"""Calls that are ended, and faxes that go on where they were, on a real line."""

from __future__ import annotations

import sqlite3
import time

from compare_pages import compare_faxes
from nexefax.store import JOURNAL_NAME
from tests.asterisk.conftest import Started
from tests.asterisk.office import Office


def channel_of(office: Office, fax_id: int) -> str:
    return (office.nexefax.data_dir / "out" / str(fax_id) / "1.started").read_text().strip()


def test_a_fax_whose_line_dropped_goes_on_there(start_office: Started) -> None:
    office = start_office(tx_max_retries="2")
    sent = office.send("2001", 5, account="Smith-Sons")
    office.wait_for_state(sent, "calling")
    office.wait_for_pages(2)
    office.asterisk.rx(f"channel request hangup {channel_of(office, sent)}")
    fax = office.wait_for_state(sent, "sent")
    first, second = office.attempts(sent)
    assert (first.cause, second.cause) == ("dropped", "sent")
    assert first.sentence == f"the line dropped on page {second.first_page} of 5"
    # the receiver may have begun the page after the next, before its confirmation was heard
    confirmed = first.pages or 0
    assert second.first_page == confirmed + 1 in (2, 3)
    assert (fax.pages_done, fax.counted) == (5, 0)
    part, rest = office.wait_for_received(2)
    assert (part.incomplete, rest.incomplete) == (True, False)
    folder, received = office.nexefax.data_dir / "out" / str(sent), office.nexefax.data_dir / "in"
    # what was confirmed had arrived, and the rest is what was sent then, with its line
    arrived = received / str(part.id) / "fax.tiff"
    before = compare_faxes(folder / "1.tiff", arrived, pages=confirmed)
    after = compare_faxes(folder / "2.tiff", received / str(rest.id) / "fax.tiff")
    assert [page.pixels for page in before] == [0] * confirmed
    assert [page.pixels for page in after] == [0] * (5 - confirmed)
    office.wait_for_empty_spool()


def test_what_rings_is_not_sent_after_it_was_cancelled(start_office: Started) -> None:
    office = start_office(tx_max_retries="2", tx_wait_time="30")
    sent = office.send("4009")
    office.asterisk.wait_until(office.asterisk.invites, "it is dialled", 60)
    assert office.nexefax.command("queue", "cancel", str(sent)).returncode == 0
    assert office.fax(sent).cancelled_by == "the administrator"
    fax = office.wait_for_state(sent, "cancelled")
    assert fax.reason == "cancelled by the administrator"
    assert "CANCELLED" in office.outcome(sent).read_text()
    assert not (office.nexefax.data_dir / "out" / str(sent) / "1.started").exists()
    office.asterisk.wait_until(lambda: not office.asterisk.channels(), "the call ended", 60)
    assert office.asterisk.invites() == ["4009"]
    office.wait_for_empty_spool()
    assert office.received() == []


def test_what_runs_is_hung_up(start_office: Started) -> None:
    office = start_office(tx_max_retries="2")
    sent = office.send("1001", 9)
    office.wait_for_state(sent, "calling")
    office.wait_for_pages(2)
    asked = time.monotonic()
    assert office.nexefax.command("queue", "cancel", str(sent)).returncode == 0
    fax = office.wait_for_state(sent, "cancelled")
    assert fax.reason.startswith("cancelled by the administrator; ")
    assert fax.pages_done is not None
    assert 0 < fax.pages_done < 9
    assert time.monotonic() - asked < 60  # nine pages take minutes: it did not end by itself
    (received,) = office.wait_for_received(1)
    assert received.incomplete
    assert office.asterisk.invites() == ["1001"]
    office.wait_for_empty_spool()


def test_a_number_that_needs_sound_is_called_so(start_office: Started) -> None:
    """What was learnt of a number: V.17 off, sound instead of T.38, no error correction."""
    office = start_office()
    with sqlite3.connect(office.nexefax.data_dir / JOURNAL_NAME) as journal:
        journal.execute("INSERT INTO line_memory VALUES ('2001', 'no-v17 audio no-ecm', ?)", (time.time(),))
    journal.close()
    sent = office.send("2001", account="Smith-Sons")
    fax = office.wait_for_state(sent, "sent")
    (attempt,) = office.attempts(sent)
    assert (attempt.line_settings, attempt.mode) == ("no-v17 audio no-ecm", "audio")
    assert fax.bitrate == 9600
    (received,) = office.wait_for_received(1)
    assert received.bitrate == 9600
    assert "mode=audio" in office.outcome(sent).read_text()
