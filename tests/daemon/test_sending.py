"""A fax goes out through the whole daemon, with every end that a call may have."""

import subprocess
import threading
from pathlib import Path

import pytest

from tests.daemon.conftest import House, wait_until
from tests.daemon.scripted_asterisk import Answer, nudge, read_call_file, sent, unanswered
from web_client import Refused


def test_a_document_is_faxed_and_its_sender_told(house: House) -> None:
    house.answers.append(lambda _call: sent(2))
    fax_id = house.sign_in().send("+1 (202) 555-0100", house.pdf(2), subject="Results", message="As agreed")
    fax = house.wait_for_state(fax_id, "sent")
    assert (fax.number, fax.pages, fax.pages_done, fax.user, fax.subject) == (
        "+12025550100",
        2,
        2,
        "bob",
        "Results",
    )
    call = house.asterisk.calls[0]
    assert call.keys["Channel"] == "PJSIP/trunk/sip:+12025550100@127.0.0.1"
    assert call.keys["CallerID"] == '"ACME Corporation" <12025550154>'
    assert {key: call.keys[key] for key in ("MaxRetries", "Context", "Extension", "Account", "Archive")} == {
        "MaxRetries": "0", "Context": "nexefax", "Extension": "send", "Account": "ACME", "Archive": "yes",
    }  # fmt: skip
    tiff = Path(call.variables["FAXFILE"])
    info = subprocess.run(["tiffinfo", tiff], capture_output=True, text=True, check=True).stdout
    assert info.count("Image Width: 1728") == 2
    mail = house.wait_for_mail("eFax sent to +12025550100")
    assert mail["To"] == "front.desk@acme.example"
    wait_until(lambda: not list((house.nexefax.spool / "outgoing_done").iterdir()))
    assert f"fax {fax_id}: sent: 2 pages confirmed in attempt 1" in house.nexefax.log_text()


def test_busy_is_tried_again_and_then_told(house: House) -> None:
    house.answers += [lambda _call: unanswered(5), lambda _call: unanswered(0, cause=17)]
    fax_id = house.sign_in().send("2025550100", house.pdf())
    fax = house.wait_for_state(fax_id, "failed")
    assert (fax.reason, fax.attempts) == ("the line was busy", 2)
    assert [attempt.cause for attempt in house.attempts(fax_id)] == ["busy", "busy"]
    mail = house.wait_for_mail("eFax failed to send to 2025550100")
    assert "the line was busy" in str(mail.get_body(("plain",)).get_content()).lower()  # type: ignore[union-attr]


def test_success_is_believed_only_with_all_pages(house: House) -> None:
    house.answers += [lambda _call: sent(1, error="HANGUP"), lambda _call: sent(1)]
    fax_id = house.sign_in().send("2025550100", house.pdf(2))
    assert house.wait_for_state(fax_id, "sent").pages_done == 2
    assert [attempt.cause for attempt in house.attempts(fax_id)] == ["page-not-confirmed", "sent"]
    # what had arrived is not sent again
    assert [attempt.first_page for attempt in house.attempts(fax_id)] == [1, 2]


def test_an_outcome_that_happened_while_the_daemon_was_down_is_found(house: House) -> None:
    hold = threading.Event()
    house.answers.append(lambda _call: Answer({"status": "SUCCESS", "pages": 1}, hold=hold))
    fax_id = house.sign_in().send("2025550100", house.pdf())
    house.wait_for_state(fax_id, "calling")
    wait_until(lambda: house.asterisk.calls)
    house.nexefax.kill()
    hold.set()
    wait_until(lambda: list((house.nexefax.spool / "outgoing_done").iterdir()))
    house.nexefax.start()
    house.wait_for_state(fax_id, "sent")
    assert len(house.asterisk.calls) == 1


def test_asterisk_away_leaves_the_call_file_waiting(house: House) -> None:
    house.asterisk.stop()
    fax_id = house.sign_in().send("2025550100", house.pdf())
    house.wait_for_state(fax_id, "calling")
    waiting = wait_until(lambda: next((house.nexefax.spool / "outgoing").iterdir(), None))
    assert read_call_file(waiting).variables["FAXTO"] == "2025550100"
    house.nexefax.kill()
    house.nexefax.start()
    house.answers.append(lambda _call: sent(1))
    house.asterisk.start()
    house.wait_for_state(fax_id, "sent")
    assert house.fax(fax_id).attempts == 1


def test_a_missing_spool_costs_no_attempt(house: House) -> None:
    outgoing = house.nexefax.spool / "outgoing"
    house.asterisk.stop()
    outgoing.rename(outgoing.with_name("away"))
    fax_id = house.sign_in().send("2025550100", house.pdf())
    fax = wait_until(lambda: fax if (fax := house.fax(fax_id)).reason else None)
    assert (fax.state, fax.attempts) == ("ready", 0)
    assert "outgoing is missing; is Asterisk installed" in fax.reason
    assert "outgoing can't be written: faxes wait" in house.nexefax.command("status").stdout


def test_the_betas_dialplan_reports_by_fastagi_alone(house: House) -> None:
    house.answers.append(lambda _call: Answer(None, started=False, status="Completed"))
    fax_id = house.sign_in().send("2025550100", house.pdf())
    call = wait_until(lambda: next(iter(house.asterisk.calls), None))
    nudge(house.nexefax.port_fagi, "send/post", "SUCCESS", "", "/etc/passwd", accountcode="ACME")
    nudge(house.nexefax.port_fagi, "send/post", "FAILED", "", call.variables["FAXFILE"], accountcode="OTHER")
    nudge(
        house.nexefax.port_fagi,
        "send/post",
        "FAILED",
        "HANGUP",
        call.variables["FAXFILE"],
        accountcode="acme",
    )
    house.answers.append(lambda _call: sent(1))
    house.wait_for_state(fax_id, "sent")
    assert [attempt.cause for attempt in house.attempts(fax_id)] == ["dropped", "sent"]
    log = house.nexefax.log_text()
    assert "'/etc/passwd', which is no fax of ours" in log
    assert "came from account 'OTHER'" in log


def test_the_betas_dialplan_without_failed_is_learned_from_outgoing_done(house: House) -> None:
    house.answers += [lambda _call: Answer(None, started=False, status="Expired"), lambda _call: sent(1)]
    fax_id = house.sign_in().send("2025550100", house.pdf())
    house.wait_for_state(fax_id, "sent")
    assert [attempt.cause for attempt in house.attempts(fax_id)] == ["no-answer", "sent"]


@pytest.mark.parametrize(
    ("number", "content", "said"),
    [
        ("555-FAX", b"%PDF-1.4", "can't be dialled"),
        ("2025550100\nApplication: System", b"%PDF-1.4", "can't be dialled"),
        ("2025550100", b"\x7fELF\x02\x01\x01\x00", "of a kind that can't be faxed"),
        ("2025550100", b"", "empty"),
        ("2025550100", b"%!PS\n%%PDF-1.4\nshowpage", "PostScript"),
    ],
)
def test_what_cannot_be_sent_is_refused_at_once(house: House, number: str, content: bytes, said: str) -> None:
    document = house.nexefax.folder / "x.pdf"
    document.write_bytes(content)
    with pytest.raises(Refused, match=said):
        house.sign_in().send(number, document)
    assert not list((house.nexefax.data_dir / "out").iterdir())


def test_a_document_that_cannot_be_rendered_fails_with_a_sentence(house: House) -> None:
    document = house.nexefax.folder / "x.pdf"
    document.write_bytes(house.pdf().read_bytes()[:300])
    fax_id = house.sign_in().send("2025550100", document)
    fax = house.wait_for_state(fax_id, "failed")
    assert fax.attempts == 0
    assert fax.reason.endswith((".", ")"))
    house.wait_for_mail("eFax failed to send to 2025550100")
