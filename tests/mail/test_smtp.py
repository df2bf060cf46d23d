"""Delivery by SMTP: to real servers in every mode, and to servers that refuse, stall and vanish."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from nexefax.errors import MailDelayed, MailError, MailRefused, MailServerDown, MailTooLarge
from nexefax.fax.mail import Accepted, Attachment, Mailer
from nexefax.fax.smtp import PATIENT_TRIES, tls_context
from tests.mail.letters import letter, settings, text_of
from tests.mail.servers import (
    Certificates,
    Mailbox,
    authenticate,
    dialogue,
    mail_server,
    make_certificates,
    scripted_server,
)


@pytest.fixture(scope="module")
def certificates(tmp_path_factory: pytest.TempPathFactory) -> Certificates:
    return make_certificates(tmp_path_factory.mktemp("certificates"))


@pytest.fixture
async def mailbox() -> AsyncIterator[Mailbox]:
    yield Mailbox()


async def deliver(port: int, tmp_path: Path, *, attempt: int = 1, **changes: Any) -> Accepted:
    configured = settings(method="smtp", smtp_port=port, **{"smtp_timeout": 30} | changes)
    return await Mailer(configured, tmp_path).deliver(letter(), attempt=attempt)


async def refusal(port: int, tmp_path: Path, *, attempt: int = 1, **changes: Any) -> MailError:
    with pytest.raises(MailError) as raised:
        await deliver(port, tmp_path, attempt=attempt, **changes)
    assert "\n" not in str(raised.value)
    return raised.value


async def test_a_letter_arrives_as_it_was(mailbox: Mailbox, tmp_path: Path) -> None:
    file = tmp_path / "fax.pdf"
    file.write_bytes(bytes(range(256)) * 20_000)
    async with mail_server(mailbox) as port:
        sent = letter(attachments=(Attachment(file, "fax.pdf", ("application", "pdf")),))
        configured = settings(method="smtp", smtp_port=port)
        assert await Mailer(configured, tmp_path).deliver(sent) == Accepted()
    (envelope,) = mailbox.envelopes
    assert envelope.mail_from == "nexefax@pbx.example.com"
    assert envelope.rcpt_tos == ["a@example.com", "b@example.com", "c@example.com", "d@example.com"]
    assert isinstance(envelope.content, bytes)
    assert mailbox.options == [[f"SIZE={len(envelope.content)}"]]
    assert b"d@example.com" not in envelope.content
    message = mailbox.message()
    assert text_of(message) == sent.text
    assert message["Message-ID"] == sent.message_id
    assert message["Subject"] == sent.subject
    (part,) = message.iter_attachments()
    assert part.get_content() == file.read_bytes()


async def test_dots_at_the_beginning_of_lines_come_through(mailbox: Mailbox, tmp_path: Path) -> None:
    text = ".\n..\n.a\n\n.\nb.\n"
    async with mail_server(mailbox) as port:
        configured = settings(method="smtp", smtp_port=port)
        await Mailer(configured, tmp_path).deliver(letter(text=text))
    assert text_of(mailbox.message()) == text


async def test_starttls(mailbox: Mailbox, tmp_path: Path, certificates: Certificates) -> None:
    async with mail_server(mailbox, tls_context=certificates.context(), require_starttls=True) as port:
        await deliver(port, tmp_path, smtp_mode="tls", smtp_ca_file=certificates.authority)
        assert isinstance(await refusal(port, tmp_path), MailDelayed)
    assert mailbox.sessions[0].ssl is not None
    assert len(mailbox.envelopes) == 1


async def test_tls_from_the_beginning(mailbox: Mailbox, tmp_path: Path, certificates: Certificates) -> None:
    async with mail_server(mailbox, tls=certificates.context()) as port:
        await deliver(port, tmp_path, smtp_mode="ssl", smtp_ca_file=certificates.authority)
    assert len(mailbox.envelopes) == 1


@pytest.mark.parametrize("mode", ["tls", "ssl"])
async def test_a_certificate_of_another_authority_is_not_trusted(
    mode: str, mailbox: Mailbox, tmp_path: Path, certificates: Certificates
) -> None:
    stranger = make_certificates(tmp_path)
    options: dict[str, Any] = {"tls_context" if mode == "tls" else "tls": certificates.context()}
    async with mail_server(mailbox, **options) as port:
        error = await refusal(port, tmp_path, smtp_mode=mode, smtp_ca_file=stranger.authority)
        assert isinstance(error, MailDelayed)
        assert "smtp_ca_file" in str(error)
        assert "smtp_verify" in str(error)
        assert mailbox.envelopes == []
        # Unless the administrator says that it need not be; and a server on this machine need not be at all.
        await deliver(port, tmp_path, smtp_mode=mode, smtp_ca_file=stranger.authority, smtp_verify=False)
        await deliver(port, tmp_path, smtp_mode=mode)
    assert len(mailbox.envelopes) == 2


async def test_a_certificate_for_another_host_is_not_trusted(mailbox: Mailbox, tmp_path: Path) -> None:
    elsewhere = make_certificates(tmp_path, "192.0.2.1")
    async with mail_server(mailbox, tls=elsewhere.context()) as port:
        error = await refusal(port, tmp_path, smtp_mode="ssl", smtp_ca_file=elsewhere.authority)
    assert isinstance(error, MailDelayed)
    assert "can't be trusted" in str(error)


@pytest.mark.parametrize(
    ("host", "verify", "mode"),
    [
        ("mail.example.com", True, ssl.CERT_REQUIRED),
        ("192.0.2.1", True, ssl.CERT_REQUIRED),
        ("mail.example.com", False, ssl.CERT_NONE),
        ("127.0.0.1", True, ssl.CERT_NONE),
        ("::1", True, ssl.CERT_NONE),
        ("LocalHost.", True, ssl.CERT_NONE),
    ],
)
def test_only_a_server_on_this_machine_need_not_prove_itself(
    host: str, verify: bool, mode: ssl.VerifyMode
) -> None:
    context = tls_context(settings(smtp_host=host, smtp_verify=verify))
    assert context.verify_mode == mode
    assert context.check_hostname is (mode == ssl.CERT_REQUIRED)


async def test_a_missing_authority_is_the_administrators(mailbox: Mailbox, tmp_path: Path) -> None:
    async with mail_server(mailbox) as port:
        error = await refusal(port, tmp_path, smtp_mode="tls", smtp_ca_file=tmp_path / "none.pem")
    assert isinstance(error, MailDelayed)


async def test_without_starttls_nothing_goes_in_the_clear(mailbox: Mailbox, tmp_path: Path) -> None:
    async with mail_server(mailbox) as port:
        error = await refusal(port, tmp_path, smtp_mode="tls")
    assert isinstance(error, MailDelayed)
    assert "STARTTLS" in str(error)
    assert mailbox.envelopes == []


@pytest.mark.parametrize("code", [b"454 not now", b"554 never"])
async def test_a_server_that_takes_starttls_back(code: bytes, tmp_path: Path) -> None:
    script = dialogue(b"220 mail\r\n", b"250-mail\r\n250 STARTTLS\r\n", code + b"\r\n")
    async with scripted_server(script) as port:
        error = await refusal(port, tmp_path, smtp_mode="tls")
    assert isinstance(error, MailDelayed)
    assert code.decode() in str(error)


@pytest.mark.filterwarnings(
    "ignore:Requiring AUTH while not requiring TLS"
)  # the last server is so on purpose
async def test_login(mailbox: Mailbox, tmp_path: Path, certificates: Certificates) -> None:
    options: dict[str, Any] = {"authenticator": authenticate, "auth_required": True}
    user: dict[str, Any] = {"smtp_auth": True, "smtp_auth_user": "fax", "smtp_auth_pass": "pässword"}
    async with mail_server(mailbox, tls_context=certificates.context(), **options) as port:
        await deliver(port, tmp_path, smtp_mode="tls", **user)
        error = await refusal(port, tmp_path, smtp_mode="tls", **user | {"smtp_auth_pass": "wrong"})
        assert isinstance(error, MailDelayed)
        assert "smtp_auth_pass" in str(error)
        assert "wrong" not in str(error)
        error = await refusal(port, tmp_path, smtp_mode="tls")
        assert isinstance(error, MailDelayed)
        assert "530" in str(error)
        # In the clear this server offers no login.
        error = await refusal(port, tmp_path, **user)
        assert isinstance(error, MailDelayed)
        assert "login" in str(error)
    async with mail_server(mailbox, auth_require_tls=False, **options) as port:
        await deliver(port, tmp_path, **user)
    assert len(mailbox.envelopes) == 2


async def test_a_server_that_vanishes_at_the_login(tmp_path: Path) -> None:
    script = dialogue(b"220 mail\r\n", b"250-mail\r\n250 AUTH PLAIN\r\n", then=vanish)
    async with scripted_server(script) as port:
        error = await refusal(port, tmp_path, smtp_auth=True, smtp_auth_user="fax", smtp_auth_pass="x")
    assert isinstance(error, MailDelayed)


async def vanish(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    writer.transport.abort()


@pytest.mark.parametrize(
    ("answers", "kind", "attempt"),
    [
        ({"b@example.com": "550 5.1.1 no such user"}, Accepted, 1),
        ({"b@example.com": "450 4.2.0 greylisted"}, MailDelayed, 1),
        ({"b@example.com": "450 4.2.0 greylisted"}, MailDelayed, PATIENT_TRIES - 1),
        ({"b@example.com": "452 4.2.2 mailbox full"}, Accepted, PATIENT_TRIES),
    ],
)
async def test_one_recipient_is_refused(
    answers: dict[str, str], kind: type, attempt: int, mailbox: Mailbox, tmp_path: Path
) -> None:
    mailbox.refuse = answers
    async with mail_server(mailbox) as port:
        if kind is not Accepted:
            error = await refusal(port, tmp_path, attempt=attempt)
            assert type(error) is kind
            assert "b@example.com: 450 4.2.0 greylisted" in str(error)
            assert mailbox.envelopes == []
            return
        accepted = await deliver(port, tmp_path, attempt=attempt)
    assert accepted.refused == tuple(answers.items())
    (envelope,) = mailbox.envelopes
    assert envelope.rcpt_tos == ["a@example.com", "c@example.com", "d@example.com"]


@pytest.mark.parametrize(
    ("last", "kind"),
    [("550 no such user", MailRefused), ("421 busy", MailDelayed), ("451 later", MailDelayed)],
)
@pytest.mark.parametrize("attempt", [1, PATIENT_TRIES])
async def test_every_recipient_is_refused(
    last: str, kind: type, attempt: int, mailbox: Mailbox, tmp_path: Path
) -> None:
    mailbox.refuse = {f"{name}@example.com": "550 no such user" for name in "abc"} | {"d@example.com": last}
    async with mail_server(mailbox) as port:
        error = await refusal(port, tmp_path, attempt=attempt)
    assert type(error) is kind
    assert f"d@example.com: {last}" in str(error)
    assert mailbox.envelopes == []


@pytest.mark.parametrize(
    ("at_mail", "at_data", "kind"),
    [
        ("", "554 5.7.1 that is spam", MailRefused),
        ("", "552 5.3.4 too large", MailTooLarge),
        ("", "552 5.2.2 mailbox full", MailRefused),
        ("", "451 4.3.0 disk full", MailDelayed),
        ("", "421 4.3.2 shutting down", MailDelayed),
        ("", "354 what?", MailDelayed),
        ("452 4.3.1 disk full", "", MailServerDown),
        ("552 5.3.4 too large", "", MailTooLarge),
        ("553 5.7.1 not your address", "", MailServerDown),
    ],
)
async def test_answers_of_the_server(
    at_mail: str, at_data: str, kind: type, mailbox: Mailbox, tmp_path: Path
) -> None:
    mailbox.at_mail, mailbox.at_data = at_mail, at_data
    async with mail_server(mailbox) as port:
        error = await refusal(port, tmp_path)
    assert type(error) is kind
    assert (at_mail or at_data) in str(error)
    if at_mail.startswith("553"):
        assert "from_email" in str(error)


HELLO = (b"220 mail\r\n", b"250 mail\r\n")
ENVELOPE = (b"250 OK\r\n",) * 5  # MAIL, and four recipients


@pytest.mark.parametrize(
    "answers",
    [
        (b"554 no mail here\r\n",),
        (b"421 busy\r\n",),
        (b"220 mail\r\n", b"550 who are you\r\n"),
        (b"garbage\r\n",),
        (b"220 " + b"x" * 100_000 + b"\r\n",),
        (*HELLO, b"250 OK\r\n", b"421 going down\r\n"),
    ],
    ids=["greeting 554", "greeting 421", "EHLO 550", "garbage", "endless line", "RCPT 421"],
)
async def test_a_server_in_trouble_says_nothing_against_the_mail(
    answers: tuple[bytes, ...], tmp_path: Path
) -> None:
    async with scripted_server(dialogue(*answers, then=vanish)) as port:
        assert isinstance(await refusal(port, tmp_path), MailDelayed)


@pytest.mark.parametrize("count", range(9))
async def test_a_server_that_vanishes_at_any_step(count: int, tmp_path: Path) -> None:
    answers = (*HELLO, *ENVELOPE, b"354 go on\r\n")[:count]
    async with scripted_server(dialogue(*answers, then=vanish)) as port:
        assert isinstance(await refusal(port, tmp_path), MailDelayed)


async def test_data_refused_at_once(tmp_path: Path) -> None:
    for answer, kind in ((b"554 no\r\n", MailRefused), (b"451 later\r\n", MailDelayed)):
        async with scripted_server(dialogue(*HELLO, *ENVELOPE, answer)) as port:
            assert type(await refusal(port, tmp_path)) is kind


async def test_a_connection_that_ends_with_the_last_good_answer(tmp_path: Path) -> None:
    async def read_it_all_and_leave(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n.\r\n")

    script = dialogue(*HELLO, *ENVELOPE, b"354 go on\r\n", then=read_it_all_and_leave)
    async with scripted_server(script) as port:
        assert isinstance(await refusal(port, tmp_path), MailDelayed)


@pytest.mark.parametrize("count", [0, 1, 2, 7, 8])
async def test_a_server_that_stalls(count: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async def wait(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read()

    answers = (*HELLO, *ENVELOPE, b"354 go on\r\n")[:count]
    async with scripted_server(dialogue(*answers, then=wait)) as port:
        error = await refusal(port, tmp_path, smtp_timeout=0.05)
    assert isinstance(error, MailDelayed)
    assert "in time" in str(error)


async def test_nobody_listens(tmp_path: Path) -> None:
    async with scripted_server(vanish) as port:
        pass
    error = await refusal(port, tmp_path)
    assert isinstance(error, MailDelayed)
    assert f"127.0.0.1:{port}" in str(error)


async def test_a_goodbye_that_never_comes_changes_nothing(tmp_path: Path) -> None:
    async def take_it_and_vanish(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n.\r\n")
        writer.write(b"250 taken\r\n")
        await reader.readline()
        writer.transport.abort()

    script = dialogue(*HELLO, *ENVELOPE, b"354 go on\r\n", then=take_it_and_vanish)
    async with scripted_server(script) as port:
        assert await deliver(port, tmp_path) == Accepted()


LARGE = 8 << 20


@pytest.fixture
def large(tmp_path: Path) -> Attachment:
    file = tmp_path / "fax.tiff"
    with file.open("wb") as sparse:
        sparse.truncate(LARGE)
    return Attachment(file, "fax.tiff", ("image", "tiff"))


async def test_a_server_that_reads_late_gets_everything(
    large: Attachment, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    full = asyncio.Event()
    received = bytearray()
    sleep = asyncio.sleep

    async def seen_sleep(seconds: float) -> None:
        if seconds:  # the sender waits: every buffer on the way is full
            full.set()
        await sleep(seconds)

    async def read_late(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.transport.pause_reading()  # type: ignore[attr-defined]  # this transport reads as well
        await full.wait()
        writer.transport.resume_reading()  # type: ignore[attr-defined]
        while not received.endswith(b"\r\n.\r\n"):
            received.extend(await reader.read(1 << 20))
        writer.write(b"250 taken\r\n")
        await reader.readline()

    monkeypatch.setattr(asyncio, "sleep", seen_sleep)
    script = dialogue(*HELLO, *ENVELOPE, b"354 go on\r\n", then=read_late)
    async with scripted_server(script) as port:
        mailer = Mailer(settings(method="smtp", smtp_port=port), tmp_path)
        assert await mailer.deliver(letter(attachments=(large,))) == Accepted()
    assert received.count(b"AAAA") * 3 >= LARGE - 3


async def test_a_server_that_refuses_before_it_has_read_everything(large: Attachment, tmp_path: Path) -> None:
    async def refuse(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read(1000)
        writer.write(b"552 too large\r\n")
        await reader.read()

    script = dialogue(*HELLO, *ENVELOPE, b"354 go on\r\n", then=refuse)
    async with scripted_server(script) as port:
        mailer = Mailer(settings(method="smtp", smtp_port=port), tmp_path)
        with pytest.raises(MailRefused, match="too large"):
            await mailer.deliver(letter(attachments=(large,)))


async def test_a_server_that_vanishes_in_the_middle_of_the_mail(large: Attachment, tmp_path: Path) -> None:
    async def read_some_and_vanish(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read(1000)
        writer.transport.abort()

    script = dialogue(*HELLO, *ENVELOPE, b"354 go on\r\n", then=read_some_and_vanish)
    async with scripted_server(script) as port:
        mailer = Mailer(settings(method="smtp", smtp_port=port), tmp_path)
        with pytest.raises(MailDelayed):
            await mailer.deliver(letter(attachments=(large,)))


async def test_a_cancelled_delivery_lets_go_of_the_connection(tmp_path: Path) -> None:
    reached, gone = asyncio.Event(), asyncio.Event()

    async def wait(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        reached.set()
        await reader.read()
        gone.set()

    async with scripted_server(dialogue(*HELLO, *ENVELOPE, b"354 go on\r\n", then=wait)) as port:
        mailer = Mailer(settings(method="smtp", smtp_port=port), tmp_path)
        async with asyncio.TaskGroup() as group:
            delivery = group.create_task(mailer.deliver(letter()))
            await reached.wait()
            delivery.cancel()
        await gone.wait()
    assert delivery.cancelled()


async def test_addresses_beyond_ascii_need_a_server_that_knows_them(mailbox: Mailbox, tmp_path: Path) -> None:
    foreign = letter(to=("zoë@zürich.example",), cc=(), bcc=())
    async with mail_server(mailbox) as port:
        with pytest.raises(MailRefused, match="beyond ASCII"):
            await Mailer(settings(method="smtp", smtp_port=port), tmp_path).deliver(foreign)
    async with mail_server(mailbox, enable_SMTPUTF8=True) as port:
        await Mailer(settings(method="smtp", smtp_port=port), tmp_path).deliver(foreign)
    (envelope,) = mailbox.envelopes
    assert envelope.rcpt_tos == ["zoë@xn--zrich-kva.example"]
    assert envelope.smtp_utf8
    assert "SMTPUTF8" in mailbox.options[0]
    assert isinstance(envelope.content, bytes)
    assert "To: zoë@xn--zrich-kva.example".encode() in envelope.content


async def test_a_file_that_can_not_be_read_is_waited_for(tmp_path: Path) -> None:
    missing = Attachment(tmp_path / "none", "fax.pdf", ("application", "pdf"))
    with pytest.raises(MailDelayed, match="can't be read"):
        await Mailer(settings(method="smtp"), tmp_path).deliver(letter(attachments=(missing,)))
