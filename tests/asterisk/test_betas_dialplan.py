"""An installation of NexeFax 0.0.1 beta whose program alone was replaced: its dialplan stays as it was."""

from __future__ import annotations

from tests.asterisk.conftest import Started


def test_a_fax_out_and_in(start_office: Started) -> None:
    office = start_office(beta=True)
    sent = office.send("1001", 2)
    office.wait_for_state(sent, "sent")
    (received,) = office.wait_for_received(1)
    assert (received.account, received.number, received.incomplete) == ("ACME", "+12025550154", False)
    assert [page.pixels for page in office.compare(sent, received.id)] == [0, 0]
    office.wait_for_mail("eFax sent to 1001")
    office.wait_for_mail("New eFax Received")
    assert not office.outcome(sent).exists() or "kind=sent" in office.outcome(sent).read_text()
    office.wait_for_empty_spool()


def test_nobody_answers_is_learned_from_outgoing_done(start_office: Started) -> None:
    """Its dialplan has no extension `failed`: nothing is reported, and only the archived call file tells."""
    office = start_office(beta=True, tx_wait_time="3")
    fax = office.wait_for_state(office.send("4001"), "failed")
    assert fax.reason == "nobody answered"
    assert office.asterisk.invites() == ["4001"]
    office.wait_for_empty_spool()
