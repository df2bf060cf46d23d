"""Letters as bytes: RFC 5322 messages with MIME attachments (RFC 2045 to 2047, 2231), in pieces.

Headers and text are made by the standard library's email package. The frame around the attachments is written
here: the package would keep four copies of a fax in memory and hold the interpreter for each. Nothing that a
caller or a user chose can add a header: control characters in names and subjects become spaces, addresses with
anything unusual in them are refused.
"""

from __future__ import annotations

import binascii
import re
import secrets
import unicodedata
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from urllib.parse import quote

from nexefax.errors import MailRefused

# Letters of a subject or a name that are kept: a header line may have 998 bytes (RFC 5322, 2.1.1), and no mail
# program shows more.
MAX_SUBJECT = 200
MAX_NAME = 100
# Letters of an attachment's name, 9 bytes each at most when percent-encoded: below 998 with its parameter.
MAX_FILE_NAME = 80
# RFC 5321, 4.5.3.1.3: a path has 256 bytes with its < and >.
MAX_ADDRESS = 254
# Read and encoded at once: large enough to be fast, small enough to be memory for a moment only. A multiple of 57,
# which is a line of base64 (76 letters).
_READ_BYTES = 57 * 4096

# Dot-atoms (RFC 5322, 3.2.3) and letters beyond ASCII (RFC 6532), then a domain. Quoted local parts and address
# literals are left out: whoever has one is not known to us, and they may hold anything.
_ADDRESS = re.compile(
    r"[\w!#$%&'*+/=?^`{|}~-]+(?:\.[\w!#$%&'*+/=?^`{|}~-]+)*@[\w-]+(?:\.[\w-]+)*",
)
_MESSAGE_ID = re.compile(r"<[!-;=?-~]+@[!-;=?-~]+>")  # RFC 5322, 3.6.4, as make_msgid writes it


@dataclass(frozen=True, slots=True)
class Attachment:
    """A file to be mailed: what it is called there, and its type, such as ``("application", "pdf")``."""

    path: Path
    name: str
    subtype: tuple[str, str]

    def read(self) -> Iterator[bytes]:
        """Yield the content in pieces of _READ_BYTES. Raises OSError."""
        with self.path.open("rb") as file:
            while piece := file.read(_READ_BYTES):
                yield piece


@dataclass(frozen=True, slots=True)
class TextAttachment:
    """A text to be mailed as a file."""

    text: str
    name: str
    subtype: tuple[str, str] = ("text", "plain")

    def read(self) -> Iterator[bytes]:
        """Yield the content, with the line ends that every editor knows."""
        yield self.text.replace("\n", "\r\n").encode("utf-8", "replace")


@dataclass(frozen=True, slots=True)
class Letter:
    """What is mailed to whom. ``message_id`` has its angle brackets; ``date`` knows its zone."""

    message_id: str
    date: datetime
    sender_name: str
    sender_address: str
    to: tuple[str, ...]
    cc: tuple[str, ...]
    bcc: tuple[str, ...]
    subject: str
    text: str
    attachments: tuple[Attachment | TextAttachment, ...] = ()

    @property
    def recipients(self) -> tuple[str, ...]:
        """Every address once, hidden ones too."""
        return tuple(dict.fromkeys((*self.to, *self.cc, *self.bcc)))


def compose(letter: Letter, *, newline: bytes = b"\r\n", with_bcc: bool = False) -> list[bytes]:
    """Return the message in pieces of whole lines, each ending in ``newline`` and at most 998 bytes long.

    Reads the attachments: call it in a thread. With ``with_bcc`` hidden recipients stand in a Bcc header, which
    ``sendmail -t`` takes out; without it, nothing in the message names them. Raises MailRefused when it can't
    be made of this letter, and OSError when an attachment can't be read.
    """
    # Neither base64 nor quoted-printable has "=_", and nobody can guess the rest.
    boundary = f"=_{secrets.token_hex(16)}"
    headers = [*_headers(letter, with_bcc=with_bcc), "MIME-Version: 1.0"]
    if not letter.attachments:
        return [_lines((*headers, *_text_part(letter.text)), newline)]
    headers.append(f'Content-Type: multipart/mixed; boundary="{boundary}"')
    # The line end before a boundary is the boundary's (RFC 2046, 5.1.1): the text has its own.
    pieces = [_lines((*headers, "", f"--{boundary}", *_text_part(letter.text), ""), newline)]
    for attachment in letter.attachments:
        pieces.append(_lines((f"--{boundary}", *_attachment_headers(attachment), ""), newline))
        pieces.extend(_base64(piece, newline) for piece in attachment.read())
    pieces.append(_lines((f"--{boundary}--",), newline))
    return pieces


def address(text: str) -> str:
    """Return ``text`` as an address for header and envelope, its domain in ASCII. Raises MailRefused."""
    local, _, domain = text.rpartition("@")
    try:
        plain = f"{local}@{domain.encode('idna').decode()}" if not domain.isascii() else text
        good = len(plain.encode()) <= MAX_ADDRESS and _ADDRESS.fullmatch(plain)
    except UnicodeError:
        good = False
    if not good:
        raise MailRefused(f"{clean(text)!r} is no mail address; correct it in the configuration.")
    return plain


def clean(text: str) -> str:
    """Return ``text`` on one line: control characters and lone surrogates become spaces, runs of spaces one."""
    if not text.isprintable():
        text = "".join(
            " " if unicodedata.category(letter) in ("Cc", "Cs", "Zl", "Zp") else letter for letter in text
        )
    return " ".join(text.split())


def _headers(letter: Letter, *, with_bcc: bool) -> Iterator[str]:
    from email.utils import format_datetime

    if not _MESSAGE_ID.fullmatch(letter.message_id) or len(letter.message_id) > MAX_ADDRESS:
        raise MailRefused(f"{clean(letter.message_id)!r} is no Message-ID.")
    if not letter.recipients:
        raise MailRefused("The mail has no recipient.")
    yield f"Date: {format_datetime(letter.date)}"
    yield _mailbox("From", letter.sender_name, address(letter.sender_address))
    if letter.to or not letter.cc:
        yield _address_list("To", letter.to) if letter.to else "To: undisclosed-recipients:;"
    if letter.cc:
        yield _address_list("Cc", letter.cc)
    if letter.bcc and with_bcc:
        yield _address_list("Bcc", letter.bcc)
    yield _unstructured("Subject", clean(letter.subject)[:MAX_SUBJECT])
    yield f"Message-ID: {letter.message_id}"
    # RFC 3834, section 5: nobody's holiday notice is to answer this. Exchange listens to its own header only.
    yield "Auto-Submitted: auto-generated"
    yield "X-Auto-Response-Suppress: All"


def _address_list(name: str, addresses: Sequence[str]) -> str:
    return f"{name}: " + ",\n ".join(address(text) for text in addresses)


def _mailbox(header: str, name: str, mailbox: str) -> str:
    from email.utils import quote as quote_string

    name = clean(name)[:MAX_NAME]
    if not name:
        return f"{header}: {mailbox}"
    plain = name.isascii() and "=?" not in name
    named = f'{header}: "{quote_string(name)}"' if plain else _unstructured(header, name)
    fits = len(named.rpartition("\n")[2]) + len(mailbox) < 76
    return f"{named} <{mailbox}>" if fits else f"{named}\n <{mailbox}>"


def _unstructured(header: str, text: str) -> str:
    """Encode (RFC 2047) and fold what is not ASCII, or would be read as encoded; the rest is short enough as it is."""
    from email.header import Header

    if text.isascii() and "=?" not in text:
        return f"{header}: {text}"
    return f"{header}: {Header(text, 'utf-8', header_name=header).encode()}"


def _text_part(text: str) -> Iterator[str]:
    from email.message import MIMEPart
    from email.policy import SMTP

    # Control characters but tabs and newlines show as nothing good anywhere; CR alone breaks lines in the wire.
    text = text.replace("\r\n", "\n").replace("\r", "\n").encode("utf-8", "replace").decode()
    text = "".join(letter for letter in text if letter >= " " or letter in "\n\t").rstrip("\n") + "\n"
    part = MIMEPart(SMTP)
    part.set_content(text, charset="utf-8", cte=_transfer_encoding(text))
    yield from part.as_string().replace("\r\n", "\n").removesuffix("\n").split("\n")


def _transfer_encoding(text: str) -> str:
    # 7bit as long as no line needs wrapping; everything else as quoted-printable, which people can still read.
    plain = text.isascii() and all(len(line) <= 78 for line in text.split("\n"))
    return "7bit" if plain else "quoted-printable"


def _attachment_headers(attachment: Attachment | TextAttachment) -> Iterator[str]:
    main, sub = attachment.subtype
    name = _file_name(attachment.name)
    fallback = name.encode("ascii", "replace").decode().replace("?", "_")
    charset = "; charset=utf-8" if isinstance(attachment, TextAttachment) else ""
    yield f'Content-Type: {main}/{sub}{charset};\n name="{fallback}"'
    yield "Content-Transfer-Encoding: base64"
    disposition = f'Content-Disposition: attachment;\n filename="{fallback}"'
    if (
        fallback != name
    ):  # RFC 2231, section 4; the plain one first, for programs that don't know it (RFC 6266, 5)
        disposition += f";\n filename*=UTF-8''{quote(name, safe='')}"
    yield disposition


def _file_name(name: str) -> str:
    """Return a name that is one everywhere: no path, no reserved letters of Windows, no leading dots."""
    name = re.sub(r'[\\/:*?"<>|]+', "_", clean(name)).strip(". ")
    extension = match[0] if (match := re.search(r"\.[A-Za-z0-9]{1,10}$", name)) else ""
    stem = name.removesuffix(extension)[: MAX_FILE_NAME - len(extension)]
    return f"{stem}{extension}" or "attachment"


def _lines(lines: Iterable[str], newline: bytes) -> bytes:
    text = "".join(f"{line}\n" for line in lines)
    return text.encode().replace(b"\n", newline)


def _base64(piece: bytes, newline: bytes) -> bytes:
    encoded = binascii.b2a_base64(piece, newline=False)
    lines = [encoded[start : start + 76] for start in range(0, len(encoded), 76)]
    return newline.join(lines) + newline
