"""Delivery by sendmail: msmtp, a real one, into a real mail server; and programs that end as sendmail may."""

from __future__ import annotations

import asyncio
import shutil
from pathlib import Path

import pytest

from nexefax.errors import MailDelayed, MailError, MailRefused
from nexefax.fax.mail import Accepted, Attachment, Mailer
from tests.mail.letters import letter, parsed, settings, text_of
from tests.mail.servers import Mailbox, mail_server


def program(folder: Path, script: str) -> Path:
    path = folder / "sendmail"
    path.write_text(f"#!/bin/sh\n{script}\n")
    path.chmod(0o755)
    return path


def msmtp(folder: Path, port: int) -> Path:
    """msmtp with a configuration of its own: as /usr/sbin/sendmail it would read the machine's."""
    found = shutil.which("msmtp")
    assert found, "the Debian package msmtp is not installed"
    configuration = folder / "msmtprc"
    configuration.write_text(
        f"account default\nhost 127.0.0.1\nport {port}\nfrom nexefax@pbx.example.com\ntls off\n"
    )
    configuration.chmod(0o600)
    return program(folder, f'exec {found} -C {configuration} "$@"')


async def test_a_letter_arrives_through_a_real_sendmail(tmp_path: Path) -> None:
    mailbox = Mailbox()
    file = tmp_path / "fax.pdf"
    file.write_bytes(bytes(range(256)) * 1000)
    sent = letter(attachments=(Attachment(file, "fax.pdf", ("application", "pdf")),))
    async with mail_server(mailbox) as port:
        mailer = Mailer(settings(method="sendmail", sendmail=msmtp(tmp_path, port)), tmp_path)
        assert await mailer.deliver(sent) == Accepted()
    (envelope,) = mailbox.envelopes
    assert envelope.mail_from == "nexefax@pbx.example.com"
    assert sorted(envelope.rcpt_tos) == [f"{name}@example.com" for name in "abcd"]
    assert isinstance(envelope.content, bytes)
    assert b"d@example.com" not in envelope.content
    message = mailbox.message()
    assert message["Subject"] == sent.subject
    assert message["Message-ID"] == sent.message_id
    assert text_of(message) == sent.text
    (part,) = message.iter_attachments()
    assert part.get_content() == file.read_bytes()


@pytest.mark.parametrize(("answer", "kind"), [("550 no such user", MailRefused), ("450 later", MailDelayed)])
async def test_what_a_real_sendmail_is_refused(answer: str, kind: type, tmp_path: Path) -> None:
    mailbox = Mailbox(refuse={f"{name}@example.com": answer for name in "abcd"})
    async with mail_server(mailbox) as port:
        mailer = Mailer(settings(method="sendmail", sendmail=msmtp(tmp_path, port)), tmp_path)
        with pytest.raises(MailError) as raised:
            await mailer.deliver(letter())
    assert type(raised.value) is kind
    assert answer[4:] in str(raised.value)


async def test_sendmail_is_called_as_the_beta_called_it(tmp_path: Path) -> None:
    copy = tmp_path / "copy"
    script = f'printf "%s\\n" "$*" > {copy}.arguments; cat > {copy}'
    mailer = Mailer(settings(method="sendmail", sendmail=program(tmp_path, script)), tmp_path)
    await mailer.deliver(letter())
    assert (tmp_path / "copy.arguments").read_text() == "-t -oi\n"
    written = copy.read_bytes()
    assert b"\r" not in written
    assert parsed(written)["Bcc"] == "d@example.com"


@pytest.mark.parametrize(
    ("script", "kind", "words"),
    [
        ("echo 'no such user' >&2; exit 67", MailRefused, "EX_NOUSER): no such user"),
        ("echo 'bad message'; exit 65", MailRefused, "EX_DATAERR): bad message"),
        ("exit 67", MailRefused, "does not say why"),
        ("echo 'queue is full' >&2; exit 75", MailDelayed, "ended with 75: queue is full"),
        ("exit 69", MailDelayed, "ended with 69"),
        ("exit 78", MailDelayed, "ended with 78"),
        ("exit 1", MailDelayed, "ended with 1"),
        ("kill -KILL $$", MailDelayed, "ended with -9"),
        ("printf 'a\\nb\\033[2J\\377' >&2; exit 75", MailDelayed, "a b [2J\ufffd"),
        ("head -c 100000 /dev/zero | tr '\\0' x >&2; exit 75", MailDelayed, "x" * 400),
    ],
)
async def test_ends_of_sendmail(script: str, kind: type, words: str, tmp_path: Path) -> None:
    mailer = Mailer(settings(method="sendmail", sendmail=program(tmp_path, script)), tmp_path)
    with pytest.raises(MailError) as raised:
        await mailer.deliver(letter())
    assert type(raised.value) is kind
    assert words in str(raised.value)
    assert "\n" not in str(raised.value)
    assert len(str(raised.value)) < 700


async def test_no_sendmail_is_the_administrators(tmp_path: Path) -> None:
    mailer = Mailer(settings(method="sendmail", sendmail=tmp_path / "none"), tmp_path)
    with pytest.raises(MailDelayed, match=r"config\.conf"):
        await mailer.deliver(letter())


async def test_a_scratch_folder_that_can_not_be_made(tmp_path: Path) -> None:
    mailer = Mailer(settings(method="sendmail", sendmail=program(tmp_path, "exit 0")), tmp_path / "none")
    with pytest.raises(MailDelayed):
        await mailer.deliver(letter())


async def test_an_endless_sendmail_ends_with_its_task(tmp_path: Path) -> None:
    fifo = tmp_path / "fifo"
    fifo.touch()
    script = f"echo $$ > {fifo}; exec sleep 3600"
    mailer = Mailer(settings(method="sendmail", sendmail=program(tmp_path, script)), tmp_path)
    async with asyncio.TaskGroup() as group:
        delivery = group.create_task(mailer.deliver(letter()))
        while not (pid := await asyncio.to_thread(fifo.read_text)):
            await asyncio.sleep(0.01)
        delivery.cancel()
    assert delivery.cancelled()
    assert not Path(f"/proc/{pid.strip()}").exists()
