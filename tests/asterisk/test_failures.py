"""Calls that come to nothing, or to half a fax: everybody is told what happened, in words."""

from __future__ import annotations

from tests.asterisk.conftest import Started
from tests.asterisk.office import words

NOBODY = "PJSIP/trunk/sip:${TO}@127.0.0.1:9"  # port 9, discard: nothing listens there


def test_nobody_takes_the_call(start_office: Started) -> None:
    """Busy, no answer, refused and unknown numbers; each dialled as often as tx_max_retries says."""
    office = start_office(tx_max_retries="1", tx_wait_time="4")
    expected = {
        "4000": ("busy", "the line was busy"),
        "4001": ("no-answer", "nobody answered"),
        "4004": ("refused", "the call was refused"),
        "9999": ("unallocated", "the number does not exist"),
    }
    faxes = {number: office.send(number) for number in expected}
    for number, fax_id in faxes.items():
        cause, reason = expected[number]
        fax = office.wait_for_state(fax_id, "failed")
        assert (fax.reason, fax.pages_done or 0) == (reason, 0)
        assert [attempt.cause for attempt in office.attempts(fax_id)] == [cause, cause]
        notice = office.wait_for_mail(f"eFax failed to send to {number}")
        assert reason in words(notice).lower()
    assert sorted(office.asterisk.invites()) == sorted([*expected, *expected])
    office.wait_for_empty_spool()


def test_the_network_leads_nowhere(start_office: Started) -> None:
    office = start_office(tx_channel=NOBODY)
    fax = office.wait_for_state(office.send("1001"), "failed")
    assert fax.reason in ("nobody answered", "the number could not be reached")
    assert fax.attempts == 1


def test_a_trunk_that_does_not_exist(start_office: Started) -> None:
    """Then there is no channel at all, and only the extension `failed` reports."""
    office = start_office(tx_channel="PJSIP/${TO}@no-such-trunk")
    fax = office.wait_for_state(office.send("1001"), "failed")
    assert fax.reason == "the number could not be reached"
    assert "kind=failed" in office.outcome(fax.id).read_text()


def test_somebody_says_hello_and_hangs_up(start_office: Started) -> None:
    office = start_office()
    fax = office.wait_for_state(office.send("4002"), "failed")
    assert fax.reason.startswith("somebody answered, but no fax machine")


def test_nobody_says_anything(start_office: Started) -> None:
    office = start_office()
    fax = office.wait_for_state(office.send("4003"), "failed")
    assert fax.reason.startswith("somebody answered, but no fax machine")


def test_the_line_drops_in_the_middle(start_office: Started) -> None:
    """The receiving side goes away: what came is delivered as incomplete, the sender hears how far it got."""
    office = start_office()
    sent = office.send("4005", 9)
    fax = office.wait_for_state(sent, "failed")
    assert fax.pages_done is not None
    assert 0 < fax.pages_done < 9
    assert fax.reason == f"the line dropped on page {fax.pages_done + 1} of 9"
    (received,) = office.wait_for_received(1)
    assert received.incomplete
    assert received.pages is not None
    assert fax.pages_done <= received.pages < 9
    letter = office.wait_for_mail("New eFax Received")
    assert "incomplete" in words(letter).lower()


def test_the_sender_hangs_up_first(start_office: Started) -> None:
    """The sending side goes away in the middle of a page: our dialplan never gets past ReceiveFAX."""
    office = start_office()
    sent = office.send("1001", 9)
    office.wait_for_state(sent, "calling")
    office.wait_for_pages(1)
    channel = (office.nexefax.data_dir / "out" / str(sent) / "1.started").read_text()
    office.asterisk.rx(f"channel request hangup {channel}")
    (received,) = office.wait_for_received(1)
    assert received.incomplete
    assert received.pages is not None
    assert 0 < received.pages < 9
    fax = office.wait_for_state(sent, "failed")
    assert fax.reason.startswith("the line dropped on page ")
    office.wait_for_empty_spool()
