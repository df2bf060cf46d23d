"""One mail to one SMTP server, by aiosmtplib, and what became of it.

Faults are sorted by whose they are: what is wrong with this mail or its recipients (5xx after MAIL) is final;
what is wrong with the server, the network, the certificate or the configuration is not, because no fax may be lost
to a mistyped password. When the connection ends between the last byte and the server's answer, the mail may have been
taken: it is tried again under the same Message-ID, since twice is better than never.
"""

from __future__ import annotations

import asyncio
import contextlib
import ssl
from collections.abc import Sequence
from dataclasses import dataclass
from ipaddress import ip_address
from typing import TYPE_CHECKING

from nexefax.config import Email
from nexefax.errors import MailDelayed, MailError, MailRefused, MailServerDown, MailTooLarge
from nexefax.fax.message import clean

if TYPE_CHECKING:
    from aiosmtplib import SMTP, SMTPResponse, SMTPResponseException

# What is kept of a server's words; RFC 5321, 4.5.3.1.5 lets a reply line have 512 bytes, and there may be many.
_WORDS = 400
# How fast a line must at least take the mail, beside smtp_timeout: 128 kbit/s, the upstream of an old DSL line.
_BYTES_PER_SECOND = 16_000
# Sent, but not yet on its way: enough to keep a line full.
_UNSENT_BYTES = 512 * 1024
# For the server's goodbye, which tells nothing any more.
_QUIT_SECONDS = 5.0
# Tries after which the mail goes to those who are accepted, though others are refused for now (4xx). Greylisting
# lasts five minutes, and these take six at least (outbox.py); a full mailbox must not keep the fax from everybody.
PATIENT_TRIES = 5


@dataclass(frozen=True, slots=True)
class Accepted:
    """The server has the mail. ``refused`` are the recipients that it does not deliver to, with its words."""

    refused: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True, slots=True)
class Envelope:
    """Who sends to whom; ``utf8`` when an address needs SMTPUTF8 (RFC 6531)."""

    sender: str
    recipients: tuple[str, ...]

    @property
    def utf8(self) -> bool:
        """Say whether an address is not ASCII."""
        return not "".join((self.sender, *self.recipients)).isascii()


def tls_context(settings: Email) -> ssl.SSLContext:
    """Return how the mail server's certificate is judged. Blocks. Raises OSError for a bad ``smtp_ca_file``.

    A server on this machine need not prove who it is, unless ``smtp_ca_file`` says how: its certificate names
    the host, not 127.0.0.1, and nobody stands in between.
    """
    if settings.smtp_verify and settings.smtp_ca_file is not None:
        return ssl.create_default_context(cafile=settings.smtp_ca_file)
    context = ssl.create_default_context()
    if not settings.smtp_verify or _is_this_machine(settings.smtp_host):
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    return context


async def submit(settings: Email, envelope: Envelope, pieces: Sequence[bytes], *, attempt: int) -> Accepted:
    """Hand the message ``pieces`` (whole CRLF lines) over. ``attempt`` counts from 1.

    Raises MailRefused or MailDelayed, whose sentence has the server's own words.
    """
    from aiosmtplib import SMTP, SMTPException

    client: SMTP | None = None
    is_open = False
    try:
        context = await asyncio.to_thread(tls_context, settings) if settings.smtp_mode else None
        client = SMTP(
            hostname=settings.smtp_host,
            port=settings.smtp_port,
            timeout=settings.smtp_timeout,
            use_tls=settings.smtp_mode == "ssl",
            start_tls=False,
            tls_context=context,
        )
        await _open(client, settings)
        is_open = True
        accepted = await _transact(
            client, envelope, pieces, settings.smtp_timeout, patient=attempt < PATIENT_TRIES
        )
        with contextlib.suppress(SMTPException, OSError):
            await client.quit(timeout=_QUIT_SECONDS)
    except (SMTPException, OSError) as error:
        sentence = _complaint(error, settings)
        raise (MailDelayed(sentence) if is_open else MailServerDown(sentence)) from error
    finally:
        if client is not None:
            client.close()
    return accepted


async def _open(client: SMTP, settings: Email) -> None:
    """Connect, encrypt and log in; whatever goes wrong here is no fault of the mail."""
    from aiosmtplib import SMTPAuthenticationError, SMTPException

    await client.connect()
    if settings.smtp_mode == "tls":
        await client.ehlo()
        if not client.supports_extension("starttls"):
            raise MailServerDown(
                f"NO MAIL IS SENT: {_server(settings)} offers no STARTTLS, and with smtp_mode=tls nothing goes in the"
                " clear; correct smtp_port or smtp_mode in config.conf, [email]."
            )
        await client.starttls()
    if not settings.smtp_auth:
        return
    try:
        await client.login(settings.smtp_auth_user, settings.smtp_auth_pass)
    except SMTPAuthenticationError as error:
        raise MailServerDown(
            f"NO MAIL IS SENT: {_server(settings)} does not let the user {settings.smtp_auth_user!r} in"
            f" ({_words(error)}); correct smtp_auth_user and smtp_auth_pass in config.conf, [email]."
        ) from error
    except SMTPException as error:
        if not client.is_connected:
            raise
        raise MailServerDown(
            f"NO MAIL IS SENT: {_server(settings)} offers no login that can be used ({clean(error.message)});"
            " see smtp_auth and smtp_mode in config.conf, [email]."
        ) from error


async def _transact(
    client: SMTP, envelope: Envelope, pieces: Sequence[bytes], seconds: float, *, patient: bool
) -> Accepted:
    from aiosmtplib import SMTPRecipientRefused, SMTPSenderRefused

    await client.ehlo()
    options = []
    size = sum(map(len, pieces))
    if client.supports_extension("size"):
        options.append(f"SIZE={size}")
    if envelope.utf8:
        if not client.supports_extension("smtputf8"):
            raise MailRefused(
                "An address has letters beyond ASCII, and the mail server can't handle such ones."
            )
        options.append("SMTPUTF8")
    encoding = "utf-8" if envelope.utf8 else "ascii"
    try:
        await client.mail(envelope.sender, options=options, encoding=encoding)
    except SMTPSenderRefused as error:
        if error.code == 552:  # RFC 1870, 6.1: the size, which MAIL announces
            raise MailTooLarge(f"The mail is too large for the mail server: {_words(error)}") from error
        raise MailServerDown(
            f"NO MAIL IS SENT: the mail server refuses the sender {envelope.sender}: {_words(error)};"
            " see from_email and smtp_auth in config.conf, [email]."
        ) from error
    refused: list[SMTPRecipientRefused] = []
    for recipient in envelope.recipients:
        try:
            await client.rcpt(recipient, encoding=encoding)
        except SMTPRecipientRefused as error:
            refused.append(error)
    _judge_recipients(refused, len(envelope.recipients), patient=patient)
    response = await _send_data(client, pieces, seconds + size / _BYTES_PER_SECOND)
    if response.code != 250:
        raise _final(f"The mail server refuses the mail: {_words(response)}", response.code)
    return Accepted(tuple((error.recipient, _words(error)) for error in refused))


def _judge_recipients(refused: Sequence[SMTPResponseException], count: int, *, patient: bool) -> None:
    """Raise when the mail should not go on to the recipients that were not refused."""
    said = "; ".join(f"{error.args[2]}: {_words(error)}" for error in refused)
    for_now = any(error.code < 500 for error in refused)
    if for_now and (patient or len(refused) == count):
        raise MailDelayed(f"The mail server refuses recipients for now: {said}")
    if len(refused) == count:
        raise MailRefused(f"The mail server refuses every recipient: {said}")


async def _send_data(client: SMTP, pieces: Sequence[bytes], seconds: float) -> SMTPResponse:
    """Send the mail itself and return the server's answer.

    aiosmtplib's own ``data`` copies the message three times and holds the loop while it does: 0.8 s for 20 MB.
    Here the loop sees one piece at a time.
    """
    from aiosmtplib import SMTPDataError, SMTPException

    start = await client.execute_command(b"DATA")
    if start.code != 354:
        raise _final(f"The mail server refuses the mail: {_words(start)}", start.code)
    protocol, transport = client.protocol, client.transport
    if protocol is None or not isinstance(transport, asyncio.Transport):
        raise SMTPDataError(421, "the connection ended")
    failure: SMTPException | None = None
    response: SMTPResponse | None = None
    async with asyncio.TaskGroup() as group:
        writing = group.create_task(_write(transport, pieces), name="smtp data")
        try:  # at once, since a server may refuse before it has read everything
            response = await protocol.read_response(timeout=seconds)
        except SMTPException as error:
            failure = error
        writing.cancel()
    if response is None:
        raise failure or SMTPDataError(421, "no answer")
    return response


async def _write(transport: asyncio.Transport, pieces: Sequence[bytes]) -> None:
    for piece in (*pieces, None):
        if transport.is_closing():  # the one who waits for the answer hears why
            return
        transport.write(b".\r\n" if piece is None else _stuffed(piece))
        # A transport tells its protocol when it is drained, not us, and the protocol is aiosmtplib's.
        while transport.get_write_buffer_size() > _UNSENT_BYTES:  # noqa: ASYNC110 - there is no event to wait for
            await asyncio.sleep(0.01)
        await asyncio.sleep(0)


def _stuffed(piece: bytes) -> bytes:
    """Double the dots at the beginning of lines (RFC 5321, 4.5.2). ``piece`` begins with a line."""
    stuffed = piece.replace(b"\r\n.", b"\r\n..")
    return b"." + stuffed if stuffed.startswith(b".") else stuffed


def _final(sentence: str, code: int) -> MailError:
    # RFC 1870, 6.3: 552 after the data is the size; but some say so of a full mailbox (RFC 3463: X.2.2).
    if code == 552 and "5.2.2" not in sentence:
        return MailTooLarge(sentence)
    return MailRefused(sentence) if 500 <= code < 600 else MailDelayed(sentence)


def _complaint(error: Exception, settings: Email) -> str:
    """Say what kept the mail from being sent, when that says nothing against the mail."""
    from aiosmtplib import SMTPResponseException

    server = _server(settings)
    cause: BaseException | None = error
    while cause is not None:
        if isinstance(cause, ssl.SSLCertVerificationError):
            return (
                f"NO MAIL IS SENT: the certificate of {server} can't be trusted ({cause.verify_message}); name its"
                " authority by smtp_ca_file in config.conf, [email], or write smtp_verify=No there."
            )
        cause = cause.__cause__ or cause.__context__
    if isinstance(error, SMTPResponseException):
        return f"{server} does not work now: {_words(error)}"
    if isinstance(error, TimeoutError):
        return f"{server} did not answer in time ({clean(str(error))})"
    return f"{server} can't be used: {clean(str(error))}"


def _server(settings: Email) -> str:
    return f"the mail server {settings.smtp_host}:{settings.smtp_port}"


def _words(said: SMTPResponse | SMTPResponseException) -> str:
    return clean(f"{said.code} {said.message}")[:_WORDS]


def _is_this_machine(host: str) -> bool:
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host.casefold().rstrip(".") == "localhost"
