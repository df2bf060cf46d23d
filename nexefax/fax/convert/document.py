"""What kind of document a file is, by its first bytes; its name is never asked."""

from __future__ import annotations

from enum import Enum
from pathlib import Path
from typing import Final

from nexefax.errors import DocumentError

_HEAD: Final = 1024  # readers look for %PDF within the first 1,024 bytes (ISO 32000-1, annex H, note 13)


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
    if not head:
        raise DocumentError("The document is empty. Choose the file again.")
    if head.lstrip(b"\x00\t\n\f\r \x04\xef\xbb\xbf").startswith(b"%!") or head.startswith(
        b"\xc5\xd0\xd3\xc6"
    ):
        raise DocumentError("The document is PostScript, which can't be faxed. Save or print it as a PDF.")
    if head.startswith((b"II*\0", b"MM\0*", b"II+\0", b"MM\0+")):
        return Kind.TIFF
    if head.startswith(b"\x89PNG\r\n\x1a\n"):
        return Kind.PNG
    if head.startswith(b"\xff\xd8\xff"):
        return Kind.JPEG
    if b"%PDF-" in head:
        return Kind.PDF
    raise DocumentError("The document is no PDF and nothing else that can be faxed.")
