"""NexeFax or Asterisk dies while a fax is on the line: none is lost, none is dialled twice for one attempt."""

from __future__ import annotations

from tests.asterisk.conftest import Started


def test_nexefax_is_down_while_the_fax_ends(start_office: Started) -> None:
    office = start_office()
    sent = office.send("1001")
    office.wait_for_started(sent)
    office.nexefax.kill()
    outcome = office.outcome(sent)
    office.asterisk.wait_until(lambda: not office.asterisk.channels(), "the call ended", 120)
    assert "status=SUCCESS" in outcome.read_text()
    office.nexefax.start()
    office.wait_for_state(sent, "sent")
    (received,) = office.wait_for_received(1)
    assert [page.pixels for page in office.compare(sent, received.id)] == [0]
    office.wait_for_mail("eFax sent to 1001")
    office.wait_for_mail("New eFax Received")
    assert office.asterisk.invites() == ["1001"]
    assert len(office.mail.mails()) == 2
    office.wait_for_empty_spool()


def test_nexefax_is_down_while_nobody_answers(start_office: Started) -> None:
    office = start_office(tx_wait_time="4")
    sent = office.send("4001")
    office.asterisk.wait_until(office.asterisk.invites, "it is dialled", 60)
    office.nexefax.kill()
    office.asterisk.wait_until(office.outcome(sent).exists, "the outcome is written", 60)
    office.nexefax.start()
    assert office.wait_for_state(sent, "failed").reason == "nobody answered"
    assert office.asterisk.invites() == ["4001"]


def test_asterisk_is_killed_in_the_middle_of_a_page(start_office: Started) -> None:
    """What became of the first attempt can't be known; it is not dialled again by Asterisk, but tried again by us."""
    office = start_office(tx_max_retries="1")
    sent = office.send("1001", 3)
    office.wait_for_started(sent)
    office.wait_for_line("receiving FAX")
    office.asterisk.wait_until(
        lambda: "T.38" in office.asterisk.rx("fax show sessions"), "pages are on the line", 60
    )
    office.asterisk.kill()
    office.asterisk.start()
    fax = office.wait_for_state(sent, "sent")
    assert [attempt.cause for attempt in office.attempts(sent)] == ["unknown", "sent"]
    assert fax.doubtful
    assert office.asterisk.invites() == ["1001", "1001"]
    (received,) = office.wait_for_received(1)
    assert [page.pixels for page in office.compare(sent, received.id)] == [0, 0, 0]
    office.wait_for_mail("eFax sent to 1001")


def test_both_are_killed_while_it_rings(start_office: Started) -> None:
    office = start_office(tx_max_retries="0", tx_wait_time="60")
    sent = office.send("4001")
    office.asterisk.wait_until(office.asterisk.invites, "it is dialled", 60)
    office.nexefax.kill()
    office.asterisk.kill()
    office.asterisk.start()
    office.nexefax.start()
    fax = office.wait_for_state(sent, "failed")
    assert "restarted" in fax.reason
    assert office.asterisk.invites() == ["4001"]
    office.wait_for_empty_spool()


def test_asterisk_comes_back_to_a_fax_that_waits(start_office: Started) -> None:
    office = start_office()
    office.asterisk.stop()
    sent = office.send("1001")
    office.wait_for_state(sent, "calling")
    office.asterisk.start()
    office.wait_for_state(sent, "sent")
    assert office.asterisk.invites() == ["1001"]
