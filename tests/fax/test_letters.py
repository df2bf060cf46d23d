"""Letters put together from the files: attached, or too large for it, to a real mail server."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import replace
from email.message import EmailMessage
from pathlib import Path
from typing import Any

import pytest

from nexefax.errors import ChildFailed, ChildMissing, MailDelayed, MailRefused, MailTooLarge
from nexefax.fax import mail_records, records, reports
from nexefax.fax.letters import Letters
from tests.convert.fax_pages import STANDARD, drawing, write_tiff
from tests.convert.fax_pages import fax as page_of
from tests.fax.workshop import Workshop, open_workshop
from tests.mail.letters import text_of
from tests.mail.servers import Mailbox, mail_server

MEGABYTE = 1 << 20


@pytest.fixture
async def shop(tmp_path: Path) -> AsyncIterator[Workshop]:
    async with open_workshop(tmp_path) as opened:
        yield opened


def configure(shop: Workshop, **changes: Any) -> None:
    """Set options of [email], of [server] (public_url) and of [general] (retention_days, rx_format)."""
    parts = {"server": ("public_url",), "general": ("retention_days", "rx_format")}
    for section, names in parts.items():
        mine = {name: changes.pop(name) for name in names if name in changes}
        shop.config = replace(shop.config, **{section: replace(getattr(shop.config, section), **mine)})
    shop.config = replace(shop.config, email=replace(shop.config.email, method="smtp", **changes))


async def received(shop: Workshop, megabytes: float, **more: object) -> records.Fax:
    fax = await shop.add(direction="in", state="delivering", number="12025550100", pages=3, **more)
    shop.folders.received_fax(fax.id).mkdir()
    shop.folders.received_pdf(fax.id).write_bytes(b"%PDF" + bytes(int(megabytes * MEGABYTE) - 4))
    shop.folders.received_tiff(fax.id).write_bytes(b"II*")
    return fax


async def delivered(shop: Workshop, fax: records.Fax, kind: str = "received", **box: str) -> EmailMessage:
    mailbox = Mailbox(**box)  # type: ignore[arg-type]  # texts only
    mail = mail_records.Mail(1, fax.id, kind, "waiting", "<1@pbx.example>", 1.8e9, 1.8e9, 1.8e9, 1, "")
    async with mail_server(mailbox, data_size_limit=64 * MEGABYTE) as port:
        configure(shop, smtp_host="127.0.0.1", smtp_port=port)
        await Letters(shop.journal, shop.folders, lambda: shop.config).deliver(mail, fax)
    return mailbox.message()


def names(message: EmailMessage) -> list[str]:
    return [part.get_filename() or "" for part in message.iter_attachments()]


@pytest.mark.parametrize(("megabytes", "attached"), [(2.0, True), (2.000001, False)])
async def test_up_to_mail_max_mb_the_fax_itself_is_mailed(
    shop: Workshop, megabytes: float, attached: bool
) -> None:
    configure(shop, mail_max_mb=2, public_url="https://fax.example.com")
    message = await delivered(shop, await received(shop, megabytes))
    assert bool(names(message)) == attached
    assert ("https://fax.example.com/faxes/1/fax.pdf" in text_of(message)) != attached


async def test_a_link_takes_the_place_of_the_fax(shop: Workshop) -> None:
    configure(shop, mail_max_mb=2, public_url="https://fax.example.com/office", retention_days=90)
    message = await delivered(shop, await received(shop, 3))
    assert names(message) == []
    assert text_of(message).split("\n\n")[1].split("\n") == [
        "The fax has 3.0 MB, more than a mail may carry here, so it is not attached. It is here:",
        "https://fax.example.com/office/faxes/1/fax.pdf",
        "Sign in to the account ACME to open it. It is kept there for 90 days.",
    ]
    assert "Attached" not in text_of(message)
    assert message["Message-ID"] == "<1@pbx.example>"


async def test_together_they_may_be_too_large(shop: Workshop) -> None:
    configure(shop, mail_max_mb=1, rx_format="both", public_url="http://fax", retention_days=0)
    message = await delivered(shop, await received(shop, 1))
    text = text_of(message)
    assert "http://fax/faxes/1/fax.pdf\nhttp://fax/faxes/1/fax.tiff\n" in text
    assert "It is kept there" not in text, "for ever"


async def test_without_an_address_the_mail_says_who_finds_the_fax(shop: Workshop) -> None:
    configure(shop, mail_max_mb=1)
    text = text_of(await delivered(shop, await received(shop, 2)))
    assert (
        f"under its number, 1: ask your administrator, who finds it in {shop.folders.received_fax(1)}."
        in text
    )
    assert "public_url" in text
    assert "http" not in text


@pytest.mark.parametrize(("kind", "state"), [("sent", "sent"), ("failed", "failed")])
async def test_notices_keep_their_details(shop: Workshop, kind: str, state: str) -> None:
    configure(shop, mail_max_mb=1, public_url="https://fax.example.com")
    fax = await shop.add_ready(state=state, reason="the line was busy")
    shop.folders.fax_tiff(fax.id).write_bytes(bytes(MEGABYTE + 1))
    message = await delivered(shop, fax, kind)
    assert [name for name in names(message) if not name.endswith("-report.pdf")] == ["details.txt"]
    assert "https://fax.example.com/faxes/1/fax.tiff" in text_of(message)


class Strict(Mailbox):
    """A server that takes no large data, and says so after it has read them."""

    async def handle_DATA(self, *arguments: Any) -> str:
        content = arguments[-1].content  # the envelope
        if len(content) > 100_000:
            return "552 5.3.4 message size exceeds fixed limit"
        return await super().handle_DATA(*arguments)


async def test_a_server_that_takes_less_than_mail_max_mb_gets_the_link(
    shop: Workshop, caplog: pytest.LogCaptureFixture
) -> None:
    fax = await received(shop, 1)
    configure(shop, public_url="https://fax.example.com")
    mail = mail_records.Mail(1, fax.id, "received", "waiting", "<1@pbx.example>", 1.8e9, 1.8e9, 1.8e9, 1, "")
    mailbox = Strict()
    async with mail_server(mailbox) as port:
        configure(shop, smtp_host="127.0.0.1", smtp_port=port)
        await Letters(shop.journal, shop.folders, lambda: shop.config).deliver(mail, fax)
    assert "https://fax.example.com/faxes/1/fax.pdf" in text_of(mailbox.message())
    assert mailbox.message()["Message-ID"] == "<1@pbx.example>"
    assert "fax 1: " in caplog.text
    assert "mail_max_mb" in caplog.text


async def test_a_server_that_takes_not_even_the_link_refuses(shop: Workshop) -> None:
    fax = await received(shop, 1)
    with pytest.raises(MailTooLarge):
        await delivered(shop, fax, at_mail="552 5.3.4 too large")
    configure(shop, mail_max_mb=20)
    with pytest.raises(MailRefused):
        await delivered(shop, fax, at_data="554 5.7.1 no")


async def test_what_bounces_goes_to_people_and_causes_nothing(shop: Workshop) -> None:
    """RFC 3834: no machine is to answer; a report of a failure goes to from_email, never to NexeFax."""
    fax = await received(shop, 1)
    mailbox = Mailbox()
    mail = mail_records.Mail(1, fax.id, "received", "waiting", "<1@pbx.example>", 1.8e9, 1.8e9, 1.8e9, 1, "")
    configure(shop, from_email="nexefax@pbx.example")
    async with mail_server(mailbox) as port:
        configure(shop, smtp_host="127.0.0.1", smtp_port=port)
        await Letters(shop.journal, shop.folders, lambda: shop.config).deliver(mail, fax)
    (envelope,) = mailbox.envelopes
    assert envelope.mail_from == "nexefax@pbx.example"
    message = mailbox.message()
    assert message["Auto-Submitted"] == "auto-generated"
    assert message["X-Auto-Response-Suppress"] == "All"
    for header in ("Reply-To", "Return-Receipt-To", "Disposition-Notification-To"):
        assert message[header] is None


async def forwarded(shop: Workshop, fax: records.Fax, note: str = "", **more: Any) -> EmailMessage:
    mailbox = Mailbox()
    mail = mail_records.Mail(1, fax.id, "forwarded", "waiting", "<1@pbx.example>", 1.8e9, 1.8e9, 1.8e9, 1, "")
    mail = replace(mail, address="gray@clinic.example", note=note, **({"user": "bob.smith"} | more))
    async with mail_server(mailbox, data_size_limit=64 * MEGABYTE) as port:
        configure(shop, smtp_host="127.0.0.1", smtp_port=port)
        await Letters(shop.journal, shop.folders, lambda: shop.config).deliver(mail, fax)
    assert mailbox.envelopes[0].rcpt_tos == ["gray@clinic.example"]
    return mailbox.message()


async def test_a_forwarded_fax_comes_as_pdf_with_the_note(shop: Workshop) -> None:
    fax = await received(shop, 0.1, caller_name="Praxis", incomplete=True, pages_done=3)
    message = await forwarded(shop, fax, "Please look\nat page 2\u2028Subject: x")
    assert message["Subject"] == "Fax from 12025550100"
    assert message["To"] == "gray@clinic.example"
    assert message["Cc"] is None
    assert [name.endswith(".pdf") for name in names(message)] == [True]
    paragraphs = text_of(message).split("\n\n")
    assert paragraphs[:2] == [
        "bob.smith of ACME forwards a fax to you.",
        "Please look\nat page 2\nSubject: x",
    ]
    assert paragraphs[2].startswith("INCOMPLETE: The line dropped after 3 pages")
    assert "From: 12025550100 (Praxis)\n" in text_of(message)


async def test_hostile_words_stay_in_their_places(shop: Workshop) -> None:
    fax = await received(shop, 0.1)
    fax = replace(fax, number="1\r\nBcc: eve@x.example", caller_name="\nX: y", subject="a\nb")
    message = await forwarded(shop, fax, "x\r\n.\r\nMAIL FROM:<eve@x.example>", user="bob\r\nBcc: z")
    assert message["Bcc"] is None
    assert message["Subject"] == "Fax from 1 Bcc: eve@x.example"
    assert "MAIL FROM:<eve@x.example>" in text_of(message)


async def test_a_forwarded_fax_that_was_sent_comes_as_pdf_too(shop: Workshop) -> None:
    fax = await shop.add(state="sent", pages=1, to_name="Dr. Gray")
    shop.folders.sent_fax(fax.id).mkdir()
    write_tiff(shop.folders.fax_tiff(fax.id), [page_of(drawing(1728, 1146, seed=1), tags=STANDARD)])
    message = await forwarded(shop, fax)
    assert message["Subject"] == "Fax to 2025550100"
    (pdf,) = message.iter_attachments()
    assert pdf.get_content_type() == "application/pdf"
    assert pdf.get_content().startswith(b"%PDF-")
    configure(shop, mail_max_mb=1, public_url="https://fax.example.com")
    shop.config = replace(shop.config, email=replace(shop.config.email, mail_max_mb=0))
    message = await forwarded(shop, fax)
    assert names(message) == []
    assert "https://fax.example.com/faxes/1/fax.tiff\n" in text_of(message)


async def test_a_received_fax_without_pdf_is_forwarded_as_tiff(shop: Workshop) -> None:
    fax = await received(shop, 0.1)
    shop.folders.received_pdf(fax.id).unlink()
    assert [name.endswith(".tiff") for name in names(await forwarded(shop, fax))] == [True]


async def test_what_is_no_longer_kept_is_forwarded_to_nobody(shop: Workshop) -> None:
    mail = mail_records.Mail(1, 1, "forwarded", "waiting", "<1@x.example>", 1.8e9, 1.8e9, 1.8e9, 1, "")
    letters = Letters(shop.journal, shop.folders, lambda: shop.config)
    gone = await shop.add(direction="in", state="delivered", pages=1, files_deleted=2.0)
    with pytest.raises(MailRefused, match="its pages are no longer kept"):
        await letters.deliver(mail, gone)
    for direction in ("in", "out"):
        missing = await shop.add(direction=direction, state="delivered", pages=1)
        with pytest.raises(MailDelayed, match="its files are missing in .*/" + direction):
            await letters.deliver(mail, missing)


async def sent(shop: Workshop) -> records.Fax:
    fax = await shop.add(state="sent", pages=1, pages_done=1)
    shop.folders.sent_fax(fax.id).mkdir()
    write_tiff(shop.folders.fax_tiff(fax.id), [page_of(drawing(1728, 1146, seed=1), tags=STANDARD)])
    return fax


async def test_the_notice_of_success_carries_the_report(
    shop: Workshop, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def draw(_facts: object, destination: Path, *, tmp_dir: Path) -> None:
        destination.write_bytes(b"%PDF-the report")

    monkeypatch.setattr(reports, "draw_report", draw)
    fax = await sent(shop)
    message = await delivered(shop, fax, "sent")
    tiff, report, details = names(message)
    assert (tiff.endswith(".tiff"), report.endswith("-report.pdf"), details) == (True, True, "details.txt")
    assert f"Attached: {tiff}, {report}, details.txt" in text_of(message)
    shop.config = replace(shop.config, email=replace(shop.config.email, mail_max_mb=0))
    assert names(await delivered(shop, fax, "sent")) == [report, details], (
        "what is large stays away, not the report"
    )
    assert not any(
        name.endswith(".pdf") for name in names(await delivered(shop, replace(fax, state="failed"), "failed"))
    )


@pytest.mark.parametrize(
    "error",
    [
        ChildMissing("WeasyPrint is not installed"),
        ChildFailed("it broke"),
        OSError(28, "No space left"),
        ValueError("a mistake of ours"),
    ],
)
async def test_a_report_that_can_not_be_made_keeps_no_mail_back(
    shop: Workshop, error: Exception, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    async def draw(*_: object, **__: object) -> None:
        raise error

    monkeypatch.setattr(reports, "draw_report", draw)
    tiff, details = names(await delivered(shop, await sent(shop), "sent"))
    assert (tiff.endswith(".tiff"), details) == (True, "details.txt")
    assert "fax 1: its mail goes without the confirmation report" in caplog.text
    assert str(error) in caplog.text
