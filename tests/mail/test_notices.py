"""What people read about their faxes."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import settings as trial
from hypothesis import strategies as st

from nexefax.config import Account
from nexefax.fax import letter_text, notices
from nexefax.fax.mail import Attachment, Letter
from nexefax.fax.message import compose
from nexefax.fax.records import Attempt, Fax
from tests.mail.letters import parsed, settings, text_of

ZONE = timezone(timedelta(hours=1))
RECEIVED_AT = datetime(2026, 11, 22, 20, 9, tzinfo=ZONE).timestamp()
ACCOUNT = Account(
    id="ACME",
    rx_email_to=("a@example.com", "b@example.com"),
    rx_email_cc=("c@example.com",),
    rx_email_bcc=("d@example.com",),
    tx_number="12025550154",
    tx_name="ACME Corporation",
)


def received(**changes: Any) -> Fax:
    values: dict[str, Any] = {
        "id": 12,
        "direction": "in",
        "account": "ACME",
        "state": "delivering",
        "created": RECEIVED_AT,
        "changed": RECEIVED_AT + 5,
        "number": "12025550100",
        "caller_name": "Example, Inc.",
        "station": "+1 202 555 0199",
        "pages": 3,
        "pages_done": 3,
        "resolution": "fine (204x196)",
        "bitrate": 14400,
    }
    return Fax(**values | changes)


def sent(**changes: Any) -> Fax:
    values: dict[str, Any] = {
        "direction": "out",
        "state": "sent",
        "caller_name": "",
        "user": "bob.smith",
        "subject": "Invoice 17",
        "message": "Dear all,\nhere it is.",
        "document_name": "Rechnung für März.pdf",
        "resolution": "fine",
        "attempts": 2,
        "max_attempts": 6,
    }
    return received(**values | changes)


ATTEMPTS = (
    Attempt(12, 1, RECEIVED_AT, RECEIVED_AT + 600, RECEIVED_AT + 20, "busy", "the line was busy"),
    Attempt(
        12,
        2,
        RECEIVED_AT + 300,
        RECEIVED_AT + 900,
        RECEIVED_AT + 400,
        "sent",
        "every page was confirmed",
        3,
        14400,
        "+1 202 555 0199",
        "T.38",
    ),
    Attempt(12, 3, RECEIVED_AT + 600, RECEIVED_AT + 900),
)


def common(**changes: Any) -> dict[str, Any]:
    return {
        "message_id": "<12@example.com>",
        "date": datetime(2026, 11, 22, tzinfo=UTC),
        "attachments": (),
        "zone": ZONE,
    } | changes


def received_letter(fax: Fax, account: Account = ACCOUNT, **changes: Any) -> Letter:
    return notices.received_letter(fax, account, settings(), **common(**changes))


def lines(letter: Letter) -> list[str]:
    return letter.text.split("\n")


def test_a_received_fax_says_who_called_when_and_how_much() -> None:
    pdf = Attachment(Path("/nowhere/fax.pdf"), "fax-12025550100-20261122-2009.pdf", ("application", "pdf"))
    letter = received_letter(received(), attachments=[pdf])
    assert letter.subject == "New eFax Received"
    assert (letter.to, letter.cc, letter.bcc) == (
        ("a@example.com", "b@example.com"),
        ("c@example.com",),
        ("d@example.com",),
    )
    assert (letter.sender_name, letter.sender_address) == ("NexeFax", "nexefax@pbx.example.com")
    assert letter.attachments == (pdf,)
    assert lines(letter) == [
        "A fax has arrived from 12025550100.",
        "",
        "From: 12025550100 (Example, Inc.)",
        "Station ID: +1 202 555 0199",
        "For: ACME",
        "Received: Sunday, 22 November 2026, 20:09 (UTC+01:00)",
        "Pages: 3",
        "Resolution: fine (204x196)",
        "Speed: 14,400 bit/s",
        "Fax no.: 12",
        "",
        "Attached: fax-12025550100-20261122-2009.pdf",
        "",
    ]


def test_an_accounts_subject_comes_first() -> None:
    account = Account(
        id="X", rx_email_to=("a@b.c",), tx_number="1", tx_name="X", rx_email_subject="Neues Fax für X"
    )
    assert received_letter(received(), account).subject == "Neues Fax für X"


def test_what_is_not_known_is_left_out() -> None:
    fax = received(
        number="", caller_name="", station="", pages=None, pages_done=None, resolution="", bitrate=None
    )
    assert lines(received_letter(fax)) == [
        "A fax has arrived from an unknown number.",
        "",
        "From: unknown number",
        "For: ACME",
        "Received: Sunday, 22 November 2026, 20:09 (UTC+01:00)",
        "Fax no.: 12",
        "",
    ]
    assert "from +1 202 555 0199." in received_letter(received(number="")).text
    assert "From: 123\n" in received_letter(received(number="123", caller_name="123")).text


@pytest.mark.parametrize(
    ("pages_done", "sentence"),
    [
        (2, "The line dropped after 2 pages; this fax is incomplete."),
        (1, "The line dropped after 1 page; this fax is incomplete."),
        (0, "The line dropped on the first page; this fax is incomplete."),
        (None, "This fax may be incomplete."),
    ],
)
def test_an_incomplete_fax_is_marked(pages_done: int | None, sentence: str) -> None:
    letter = received_letter(received(incomplete=True, pages_done=pages_done))
    assert lines(letter)[2] == f"INCOMPLETE: {sentence}"
    assert "INCOMPLETE" not in received_letter(received()).text


def test_notes_are_sentences() -> None:
    fax = received(notes=("page 2 has 14 damaged lines", "The fax file is damaged: half a page!"))
    assert (
        "\n\nPlease note:\n- Page 2 has 14 damaged lines.\n- The fax file is damaged: half a page!\n"
        in received_letter(fax).text
    )


def test_a_sent_fax() -> None:
    tiff = Attachment(Path("/nowhere/fax.tiff"), "fax.tiff", ("image", "tiff"))
    letter = notices.sent_letter(sent(), ATTEMPTS[:2], ACCOUNT, settings(), **common(attachments=[tiff]))
    assert letter.subject == "eFax sent to 12025550100"
    assert (letter.to, letter.cc, letter.bcc) == (ACCOUNT.rx_email_to, ACCOUNT.rx_email_cc, ())
    assert [attachment.name for attachment in letter.attachments] == ["fax.tiff", "details.txt"]
    assert lines(letter) == [
        "The fax to 12025550100 was sent. Every page was confirmed by the receiving machine.",
        "",
        "To: 12025550100",
        "Station ID: +1 202 555 0199",
        "Subject: Invoice 17",
        "Document: Rechnung für März.pdf",
        "From: ACME Corporation, 12025550154",
        "Handed in: Sunday, 22 November 2026, 20:09 (UTC+01:00) by bob.smith",
        "Pages: 3",
        "Resolution: fine",
        "Speed: 14,400 bit/s",
        "Fax no.: 12",
        "",
        "Attempts:",
        "1. 22 November 20:09: the line was busy.",
        "2. 22 November 20:14: every page was confirmed.",
        "",
        "Attached: fax.tiff, details.txt",
        "",
    ]


def details(letter: Letter) -> str:
    return b"".join(letter.attachments[-1].read()).decode()


def test_the_details_of_a_fax_hold_everything() -> None:
    fax = sent(notes=("page 3 is slow",))
    text = details(notices.sent_letter(fax, ATTEMPTS, ACCOUNT, settings(), **common())).replace("\r\n", "\n")
    assert text.startswith("Result: sent\nTo: 12025550100\n")
    assert "Ended: Sunday, 22 November 2026, 20:09 (UTC+01:00)\nAttempts: 3 of at most 6\n" in text
    assert "\n\nMessage:\nDear all,\nhere it is.\n\n" in text
    assert "- Page 3 is slow.\n" in text
    assert "1. 22 November 20:09: the line was busy.\n   took 20 s\n" in text
    assert "   3 pages; 14,400 bit/s; T.38; station ID +1 202 555 0199; took 100 s\n" in text
    assert text.endswith("3. 22 November 20:19: its end is not known.\n")


def test_a_failed_fax() -> None:
    fax = sent(pages_done=2, reason="the line dropped on page 3 of 3", doubtful=True)
    letter = notices.failed_letter(fax, ATTEMPTS[:1], ACCOUNT, settings(), **common())
    assert letter.subject == "eFax failed to send to 12025550100"
    assert lines(letter)[:6] == [
        "The fax to 12025550100 could not be sent: the line dropped on page 3 of 3.",
        "",
        "It was tried once, and will not be tried again. To send it, hand it in anew.",
        "",
        "How one of the attempts ended could not be learned, so the fax may have arrived once more.",
        "",
    ]
    assert "Pages: 3, of which 2 arrived" in letter.text
    assert "may have arrived once more" in details(letter)
    assert "Reason: the line dropped on page 3 of 3" in details(letter)


def test_a_fax_that_was_never_dialled() -> None:
    fax = sent(pages=None, pages_done=None, bitrate=None, station="", message="", reason="")
    letter = notices.failed_letter(fax, (), ACCOUNT, settings(), **common())
    assert "could not be sent: no reason is known.\n\nIt was never dialled, and" in letter.text
    assert "Attempts:" not in letter.text
    assert "Pages:" not in letter.text
    assert "Message" not in details(letter)


def test_hundreds_of_attempts_are_not_all_listed() -> None:
    attempts = [Attempt(12, number, RECEIVED_AT, RECEIVED_AT) for number in range(1, 501)]
    letter = notices.failed_letter(sent(), attempts, ACCOUNT, settings(), **common())
    assert "It was tried 500 times" in letter.text
    assert "\n471. " in letter.text
    assert "\n470. " not in letter.text


@pytest.mark.parametrize(
    ("number", "stem"),
    [
        ("12025550100", "fax-12025550100-20261122-2009"),
        ("+1 (202) 555-0100", "fax-1-202-555-0100-20261122-2009"),
        ("", "fax-unknown-20261122-2009"),
        ("../../etc/passwd", "fax-etc-passwd-20261122-2009"),
        ("Ünal\r\n", "fax-nal-20261122-2009"),
        ("電話", "fax-unknown-20261122-2009"),
        ("-rf *", "fax-rf-20261122-2009"),
        ("9" * 500, f"fax-{'9' * 32}-20261122-2009"),
    ],
)
def test_names_of_files_are_readable_and_safe(number: str, stem: str) -> None:
    assert notices.file_stem(received(number=number), ZONE) == stem


def test_times_are_the_machines_unless_told_otherwise() -> None:
    moment = datetime.fromtimestamp(RECEIVED_AT, UTC).astimezone()
    offset = moment.strftime("%z")
    assert letter_text.time_in_words(RECEIVED_AT).endswith(f"{moment:%H:%M} (UTC{offset[:3]}:{offset[3:]})")
    assert letter_text.time_in_words(0, UTC) == "Thursday, 1 January 1970, 00:00 (UTC+00:00)"
    assert notices.file_stem(received()).endswith(f"{moment:%Y%m%d-%H%M}")


hostile = st.text(max_size=60) | st.sampled_from(
    ["\r\nBcc: e@example.com\r\n\r\n", "\n\nFax no.: 99", "\u2028x"]
)


@trial(deadline=None)
@given(
    st.dictionaries(
        st.sampled_from(["number", "caller_name", "station", "subject", "document_name", "user"]), hostile
    )
)
def test_what_others_chose_stays_on_its_line(values: dict[str, str]) -> None:
    plain = notices.sent_letter(sent(), ATTEMPTS, ACCOUNT, settings(), **common())
    letter = notices.sent_letter(sent(**values), ATTEMPTS, ACCOUNT, settings(), **common())
    assert len(lines(letter)) <= len(lines(plain))
    message = parsed(b"".join(compose(letter)))
    assert message["Bcc"] is None
    assert message["To"].addresses[0].addr_spec == "a@example.com"
    assert text_of(message).count("\nFax no.: ") == 1
