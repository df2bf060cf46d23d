"""What kind of document a file is, by its first bytes; its name is never asked."""

from __future__ import annotations

import codecs
import re
from enum import Enum
from pathlib import Path
from typing import Final

from nexefax.errors import DocumentError

# Readers look for %PDF within the first 1,024 bytes (ISO 32000-1, annex H, note 13); the rest is for text and for
# the names at the beginning of an office document, which is a ZIP archive.
_HEAD: Final = 8192
_PDF_HEAD: Final = 1024

# What may stand before the first word of a file: byte order marks, white space, the Ctrl-D of old print jobs.
_LEADING: Final = b"\x00\x04\t\n\f\r \xef\xbb\xbf"

_BINARY: Final = re.compile(rb"[\x00-\x06\x0e-\x1a\x1c-\x1f]")
_OFFICE_NAMES: Final = re.compile(
    rb"\[Content_Types\]\.xml|_rels/\.rels|docProps/|word/|xl/|ppt/|mimetypeapplication/vnd\.oasis\.opendocument"
)

_CHOICES: Final = "Send a PDF, a TIFF, PNG or JPEG picture, or plain text."


class Kind(Enum):
    """Documents that can be faxed."""

    PDF = "PDF"
    TIFF = "TIFF"
    PNG = "PNG"
    JPEG = "JPEG"
    TEXT = "text"
    OFFICE = "office document"


def recognise(path: Path) -> Kind:
    """What the file is; blocking. Raises DocumentError when it is nothing that can be faxed."""
    with path.open("rb") as file:
        head = file.read(_HEAD)
    start = head.lstrip(_LEADING)
    if not head:
        raise DocumentError("The document is empty: it has 0 bytes. Choose the file again.")
    if start.startswith(b"%!") or head.startswith(b"\xc5\xd0\xd3\xc6"):
        raise DocumentError("The document is PostScript, which can't be faxed. Print it to a PDF.")
    picture = _picture(head)
    if picture is not None:
        return picture
    if b"%PDF-" in head[:_PDF_HEAD]:
        return Kind.PDF
    if _is_office(head):
        return Kind.OFFICE
    if _is_text(head):
        return _text(start)
    raise DocumentError(f"The document is of a kind that can't be faxed. {_CHOICES}")


def _picture(head: bytes) -> Kind | None:
    if head.startswith((b"II*\0", b"MM\0*", b"II+\0", b"MM\0+")):
        return Kind.TIFF
    if head.startswith(b"\x89PNG\r\n\x1a\n"):
        return Kind.PNG
    return Kind.JPEG if head.startswith(b"\xff\xd8\xff") else None


def _is_office(head: bytes) -> bool:
    if head.startswith(b"PK\x03\x04"):
        return bool(_OFFICE_NAMES.search(head))
    return head.startswith((b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", b"{\\rtf"))


def _is_text(head: bytes) -> bool:
    """Whether the beginning could be text: UTF-8 or marked UTF-16, without bytes that no text has."""
    if head.startswith((b"\xff\xfe", b"\xfe\xff")):
        return True
    try:
        codecs.getincrementaldecoder("utf-8")().decode(head)
    except UnicodeDecodeError:
        return _is_latin(head)
    return not _BINARY.search(head)


def _is_latin(head: bytes) -> bool:
    """Whether it looks like text in an older code: told to the sender as such, rather than as "a kind"."""
    return not _BINARY.search(head) and sum(byte < 0x80 for byte in head) > 0.7 * len(head)


def _text(start: bytes) -> Kind:
    """Text, unless it is the source of something that a viewer would show quite differently."""
    begin = start[:256].lower()
    if begin.startswith((b"<!doctype html", b"<html", b"<?xml", b"<svg")):
        raise DocumentError("The document is a web page or XML, which can't be faxed. Print it to a PDF.")
    if re.match(rb"(mime-version|content-type|received|return-path|--[^\r\n]+\r?\ncontent-)", begin):
        raise DocumentError("The document is a mail. Save what is attached to it, and send that.")
    return Kind.TEXT
