"""Letters as bytes: read again by the standard library, and looked at line by line."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import settings as trial
from hypothesis import strategies as st

from nexefax.errors import MailRefused
from nexefax.fax.mail import Attachment, TextAttachment
from nexefax.fax.message import MAX_FILE_NAME, MAX_NAME, MAX_SUBJECT, address, clean, compose
from tests.mail.letters import letter, parsed, sender_name_of, text_of

HEADERS = {
    "Date",
    "From",
    "To",
    "Cc",
    "Subject",
    "Message-ID",
    "Auto-Submitted",
    "X-Auto-Response-Suppress",
    "MIME-Version",
    "Content-Type",
    "Content-Transfer-Encoding",
}


def composed(**changes: object) -> bytes:
    return b"".join(compose(letter(**changes)))


def check_lines(message: bytes) -> None:
    assert message.endswith(b"\r\n")
    assert message.count(b"\r") == message.count(b"\n") == message.count(b"\r\n")
    assert message.isascii()
    assert max(map(len, message.split(b"\r\n"))) <= 998


def test_names_subjects_and_text_come_back() -> None:
    message = parsed(composed())
    assert set(message.keys()) == HEADERS
    assert message["Subject"] == "Neues Fax für Zoë: 電話番号"
    (sender,) = message["From"].addresses
    assert (sender.display_name, sender.addr_spec) == ("Zoë's Fäx, Inc.", "nexefax@pbx.example.com")
    assert [mailbox.addr_spec for mailbox in message["To"].addresses] == ["a@example.com", "b@example.com"]
    assert [mailbox.addr_spec for mailbox in message["Cc"].addresses] == ["c@example.com"]
    assert message["Date"].datetime == datetime(2026, 11, 22, 20, 9, tzinfo=UTC)
    assert message["Message-ID"] == "<20261122.1@pbx.example.com>"
    assert message["Auto-Submitted"] == "auto-generated"
    assert text_of(message) == "A fax has arrived.\n\n.\n.a line with a dot\nFrom: Ünal\n"
    assert b"d@example.com" not in composed()
    check_lines(composed())


def test_for_sendmail_hidden_recipients_are_named_and_lines_end_in_newlines() -> None:
    message = b"".join(compose(letter(), newline=b"\n", with_bcc=True))
    assert b"\r" not in message
    assert parsed(message)["Bcc"] == "d@example.com"
    assert parsed(b"".join(compose(letter(bcc=()), newline=b"\n", with_bcc=True)))["Bcc"] is None


def test_attachments_come_back(tmp_path: Path) -> None:
    pdf, empty, large = tmp_path / "1", tmp_path / "2", tmp_path / "3"
    pdf.write_bytes(b"%PDF-1.4\n.\n\r\n..\x00\xff" * 1000)
    empty.write_bytes(b"")
    large.write_bytes(bytes(range(256)) * 4096)
    message = composed(
        attachments=(
            Attachment(pdf, "fax-12025550100-20261122-2009.pdf", ("application", "pdf")),
            Attachment(empty, "Ünal & Söhne 電話.tiff", ("image", "tiff")),
            Attachment(large, "x" * 500 + ".tiff", ("image", "tiff")),
            TextAttachment("Grüße\nan alle\n", "details.txt"),
        )
    )
    check_lines(message)
    found = parsed(message)
    assert found.get_content_type() == "multipart/mixed"
    assert text_of(found).startswith("A fax has arrived.")
    parts = list(found.iter_attachments())
    assert [part.get_content_type() for part in parts] == [
        "application/pdf",
        "image/tiff",
        "image/tiff",
        "text/plain",
    ]
    assert [part.get_content_disposition() for part in parts] == ["attachment"] * 4
    assert parts[0].get_filename() == "fax-12025550100-20261122-2009.pdf"
    assert parts[0].get_content() == pdf.read_bytes()
    assert parts[1].get_content() == b""
    assert parts[2].get_content() == large.read_bytes()
    assert parts[2].get_filename() == "x" * (MAX_FILE_NAME - 5) + ".tiff"
    assert parts[3].get_content().replace("\r\n", "\n") == "Grüße\nan alle\n"


def test_a_name_beyond_ascii_has_a_plain_one_beside_it(tmp_path: Path) -> None:
    file = tmp_path / "fax"
    file.write_bytes(b"x")
    message = composed(attachments=(Attachment(file, "Ünal & Söhne 電話.pdf", ("application", "pdf")),))
    assert b'filename="_nal & S_hne __.pdf"' in message
    assert b"filename*=UTF-8''%C3%9Cnal%20%26%20S%C3%B6hne%20%E9%9B%BB%E8%A9%B1.pdf" in message
    # Programs that know RFC 2231 read that one: with the plain one taken out, so does the standard library.
    (part,) = parsed(message.replace(b' filename="_nal & S_hne __.pdf";\r\n', b"")).iter_attachments()
    assert part.get_filename() == "Ünal & Söhne 電話.pdf"


@pytest.mark.parametrize(
    ("name", "written"),
    [
        ("../../etc/passwd", "_.._etc_passwd"),
        ('a"b\\c/d:e*f?g<h>i|j.pdf', "a_b_c_d_e_f_g_h_i_j.pdf"),
        ("fax\r\nX-Evil: 1.pdf", "fax X-Evil_ 1.pdf"),
        (".hidden. ", "hidden"),
        ("...", "attachment"),
        ("", "attachment"),
        ("a." + "b" * 500, "a." + "b" * (MAX_FILE_NAME - 2)),
    ],
)
def test_names_of_attachments_are_safe(name: str, written: str, tmp_path: Path) -> None:
    file = tmp_path / "fax"
    file.write_bytes(b"x")
    (part,) = parsed(
        composed(attachments=(Attachment(file, name, ("application", "pdf")),))
    ).iter_attachments()
    assert part.get_filename() == written
    assert set(part.keys()) == {"Content-Type", "Content-Transfer-Encoding", "Content-Disposition"}


INJECTIONS = [
    "x\r\nBcc: evil@example.com",
    "x\nBcc: evil@example.com",
    "x\rBcc: evil@example.com",
    "x\r\n\r\n<b>body</b>",
    "x\x0bBcc: e@example.com\x0c\x1c\x1d\x1e\x85\u2028\u2029\0",
    "=?utf-8?q?x=0ABcc:_evil@example.com?=",
    '"; Bcc: evil@example.com',
    "\ud800\udcff",
]


@pytest.mark.parametrize("text", INJECTIONS)
def test_no_header_can_be_added(text: str) -> None:
    message = composed(subject=text, sender_name=text, text=text)
    check_lines(message)
    found = parsed(message)
    assert set(found.keys()) == HEADERS
    assert found["Subject"] == clean(text)
    assert found["From"].addresses[0].addr_spec == "nexefax@pbx.example.com"
    assert found["From"].addresses[0].display_name == clean(text)


@pytest.mark.parametrize(
    "bad",
    [
        "",
        "a",
        "@example.com",
        "a@",
        "a@b@c.com",
        "a b@example.com",
        "a@exa mple.com",
        "a@example.com\r\nBcc: e@example.com",
        "a@example.com\n",
        "a@example.com, e@example.com",
        "<a@example.com>",
        "a@[127.0.0.1]",
        '"a b"@example.com',
        ".a@example.com",
        "a..b@example.com",
        "a@example..com",
        "a@.example.com",
        "\ud800@example.com",
        "a@ex\u00fc..com",
        "a" * 250 + "@example.com",
        "a\0@example.com",
        "a@example.com>",
    ],
)
def test_odd_addresses_are_refused(bad: str) -> None:
    for changes in ({"to": (bad,)}, {"cc": (bad,)}, {"sender_address": bad}):
        with pytest.raises(MailRefused) as refused:
            composed(**changes)
        assert "\n" not in str(refused.value)
    with pytest.raises(MailRefused):
        compose(letter(bcc=(bad,)), with_bcc=True)


@pytest.mark.parametrize(
    ("text", "plain"),
    [
        ("a@example.com", "a@example.com"),
        ("o'neil+fax/2@ex-ample.example", "o'neil+fax/2@ex-ample.example"),
        ("root@localhost", "root@localhost"),
        ("fax@Zürich.example", "fax@xn--zrich-kva.example"),
        ("zoë@zürich.example", "zoë@xn--zrich-kva.example"),
    ],
)
def test_addresses(text: str, plain: str) -> None:
    assert address(text) == plain


@pytest.mark.parametrize(
    "bad", ["", "x", "<x>", "<x@y>\r\nBcc: e@example.com", "<x y@z>", "<é@z>", "<" + "x" * 300 + "@y>"]
)
def test_a_message_id_is_one(bad: str) -> None:
    with pytest.raises(MailRefused):
        composed(message_id=bad)


def test_a_letter_to_nobody_is_refused() -> None:
    with pytest.raises(MailRefused):
        composed(to=(), cc=(), bcc=())


def test_hidden_recipients_alone_are_enough() -> None:
    message = parsed(composed(to=(), cc=()))
    assert message["To"].addresses == ()
    assert message["Cc"] is None
    assert parsed(composed(to=()))["To"] is None


def test_long_names_and_subjects_are_cut() -> None:
    for letter_ in "xü電":
        message = composed(subject=letter_ * 1000, sender_name=letter_ * 1000, cc=())
        check_lines(message)
        assert parsed(message)["Subject"] == letter_ * MAX_SUBJECT
        assert sender_name_of(message) == letter_ * MAX_NAME


def test_a_sender_without_a_name() -> None:
    assert b"From: nexefax@pbx.example.com\r\n" in composed(sender_name="\r\n")


def test_plain_text_stays_readable_on_the_wire() -> None:
    message = composed(text="Plain words.\n")
    assert b"\r\n\r\nPlain words.\r\n" in message
    assert parsed(message)["Content-Transfer-Encoding"] == "7bit"
    assert parsed(composed(text="x" * 79))["Content-Transfer-Encoding"] == "quoted-printable"


any_text = st.text(st.characters(codec="utf-8"), max_size=400)


@trial(deadline=None)
@given(any_text, any_text)
def test_any_name_and_subject_comes_back_on_one_line(subject: str, name: str) -> None:
    message = composed(subject=subject, sender_name=name)
    check_lines(message)
    found = parsed(message)
    assert set(found.keys()) == HEADERS
    assert found["Subject"] == clean(subject)[:MAX_SUBJECT].strip() or "=?" in subject
    assert found["From"].addresses[0].addr_spec == "nexefax@pbx.example.com"


@trial(deadline=None)
@given(any_text)
def test_any_text_comes_back(text: str) -> None:
    message = composed(text=text)
    check_lines(message)
    kept = text.replace("\r\n", "\n").replace("\r", "\n")
    kept = "".join(letter_ for letter_ in kept if letter_ >= " " or letter_ in "\n\t")
    assert text_of(parsed(message)) == kept.rstrip("\n") + "\n"
