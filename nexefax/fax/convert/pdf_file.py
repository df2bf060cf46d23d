"""A PDF of fax pages, written directly: one image a page (ISO 32000-1 sections 7.5, 8.9.5 and 7.4.6).

T.6 data goes into a PDF as it is (CCITTFaxDecode with K -1), so this is lossless by construction, takes a
millisecond for ten pages, and gives each page its own size. Nothing of a received file gets in but pixels.
"""

from __future__ import annotations

import hashlib
import unicodedata
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import BinaryIO, Final

MAX_TEXT: Final = 255  # characters of a title or a name: more is no name
_LARGEST: Final = 14_400.0  # user units of a page's side, ISO 32000-1 annex C; beyond, the unit grows
_SMALLEST: Final = 3.0

# Where an image's unit square lies on its page (of width w and height h as displayed) for each value of the tag
# Orientation, TIFF 6.0 page 36: a, b, c, d, e, f of the matrix in multiples of w or h.
_PLACES: Final = {
    1: (1, 0, 0, 1, 0, 0),
    2: (-1, 0, 0, 1, 1, 0),
    3: (-1, 0, 0, -1, 1, 1),
    4: (1, 0, 0, -1, 0, 1),
    5: (0, -1, -1, 0, 1, 1),
    6: (0, -1, 1, 0, 0, 1),
    7: (0, 1, 1, 0, 0, 0),
    8: (0, 1, -1, 0, 1, 0),
}


@dataclass(frozen=True, slots=True)
class PdfInfo:
    """What the PDF says about itself: ``author`` is the caller, ``account`` the subject; ``created`` is aware."""

    title: str
    created: datetime
    author: str = ""
    account: str = ""


@dataclass(frozen=True, slots=True)
class PdfPage:
    """One page: ``data`` is T.6, most significant bit first, or with ``samples`` 1 or 3 deflated bytes a pixel.

    ``across`` and ``down`` are dots per inch of the data as it lies; ``orientation`` turns it (TIFF 6.0).
    """

    width: int
    length: int
    across: float
    down: float
    data: bytes
    samples: int = 0
    min_is_black: bool = False
    orientation: int = 1

    @property
    def size(self) -> tuple[float, float]:
        """Points across and down, as displayed."""
        points = self.width * 72 / self.across, self.length * 72 / self.down
        return (points[1], points[0]) if self.orientation in (5, 6, 7, 8) else points


def write_pdf(file: BinaryIO, pages: Iterable[PdfPage], info: PdfInfo) -> int:
    """Write a PDF and return how many pages it has; blocking. Pages are taken one at a time."""
    writer = _Writer(file)
    file.write(b"%PDF-1.6\n%\xe2\xe3\xcf\xd3\n")
    kids = []
    for page in pages:
        kids.append(writer.last + 1)
        for body in _page_objects(page, writer.last + 1):
            writer.add(body)
    writer.add(b"".join(_info(info)), number=3)
    listed = b" ".join(b"%d 0 R" % kid for kid in kids)
    writer.add(b"<</Type/Pages/Count %d/Kids[%b]>>" % (len(kids), listed), number=2)
    shown = b"/ViewerPreferences<</DisplayDocTitle true>>"
    writer.add(b"<</Type/Catalog/Pages 2 0 R%b>>" % shown, number=1)
    writer.end(hashlib.blake2b(repr(info).encode(), digest_size=16).hexdigest().encode())
    return len(kids)


class _Writer:
    """Objects and where they lie; 1 to 3 are the catalog, the page tree and the information dictionary."""

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self._places: dict[int, int] = {}
        self.last = 3

    def add(self, body: bytes, *, number: int = 0) -> None:
        if not number:
            self.last += 1
            number = self.last
        self._places[number] = self._file.tell()
        self._file.write(b"%d 0 obj\n%b\nendobj\n" % (number, body))

    def end(self, identity: bytes) -> None:
        start = self._file.tell()
        rows = [b"%010d 00000 n \n" % self._places[number] for number in range(1, self.last + 1)]
        self._file.write(b"xref\n0 %d\n0000000000 65535 f \n%b" % (self.last + 1, b"".join(rows)))
        self._file.write(
            b"trailer\n<</Size %d/Root 1 0 R/Info 3 0 R/ID[<%b><%b>]>>\nstartxref\n%d\n%%%%EOF\n"
            % (self.last + 1, identity, identity, start)
        )


def _page_objects(page: PdfPage, number: int) -> Iterator[bytes]:
    """The page, its content and its image, whose numbers follow each other."""
    width, height = page.size
    unit = max(1.0, width / _LARGEST, height / _LARGEST)
    width, height = width / unit, height / unit
    box = max(width, _SMALLEST), max(height, _SMALLEST)
    sides = b" ".join(map(_number, box))
    units = b"/UserUnit " + _number(unit) if unit > 1 else b""
    parts = b"/Contents %d 0 R/Resources<</XObject<</F %d 0 R>>>>" % (number + 1, number + 2)
    yield b"<</Type/Page/Parent 2 0 R/MediaBox[0 0 %b]%b%b>>" % (sides, units, parts)
    a, b, c, d, e, f = _PLACES.get(page.orientation, _PLACES[1])
    values = (a * width, b * height, c * width, d * height, e * width, f * height + box[1] - height)
    content = b"q %b cm /F Do Q" % b" ".join(map(_number, values))
    yield b"<</Length %d>>stream\n%b\nendstream" % (len(content), content)
    if page.samples:
        colours = b"/DeviceRGB" if page.samples == 3 else b"/DeviceGray"
        form = b"/ColorSpace%b/BitsPerComponent 8/Filter/FlateDecode" % colours
    else:
        form = (
            b"/ColorSpace/DeviceGray/BitsPerComponent 1/Filter/CCITTFaxDecode"
            b"/DecodeParms<</K -1/Columns %d/Rows %d/BlackIs1 %b>>"
            % (page.width, page.length, b"true" if page.min_is_black else b"false")
        )
    yield (
        b"<</Type/XObject/Subtype/Image/Width %d/Height %d%b/Length %d>>stream\n%b\nendstream"
        % (page.width, page.length, form, len(page.data), page.data)
    )


def _number(value: float) -> bytes:
    return f"{value:.3f}".rstrip("0").rstrip(".").encode()


def _info(info: PdfInfo) -> Iterator[bytes]:
    yield b"<<"
    for key, text in ((b"Title", info.title), (b"Author", info.author), (b"Subject", info.account)):
        if text := tidy(text):
            yield b"/%b%b" % (key, _text(text))
    yield b"/Producer(NexeFax)/CreationDate(%b)>>" % _date(info.created)


def tidy(text: str) -> str:
    """One line without control characters, surrogates or unassigned ones, at most `MAX_TEXT` characters."""
    plain = "".join(" " if unicodedata.category(letter)[0] in "CZ" else letter for letter in text)
    return " ".join(plain.split())[:MAX_TEXT]


def _text(text: str) -> bytes:
    """A text string (ISO 32000-1 section 7.9.2.2) in hexadecimal, so that nothing in it needs escaping."""
    if text.isascii():
        return b"<%b>" % text.encode().hex().encode()
    return b"<FEFF%b>" % text.encode("utf-16-be").hex().encode()


def _date(moment: datetime) -> bytes:
    """A date with its zone (ISO 32000-1 section 7.9.4)."""
    zone = moment.strftime("%z")
    return (
        f"D:{moment:%Y%m%d%H%M%S}{zone[:3]}'{zone[3:5]}'".encode()
        if zone
        else f"D:{moment:%Y%m%d%H%M%S}".encode()
    )
