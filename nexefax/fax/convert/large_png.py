"""PNGs of more pixels than ImageMagick may hold: wrapped into a PDF, which can be drawn strip by strip.

The compressed rows of a PNG are what a PDF calls FlateDecode with a PNG predictor (ISO 32000-1 section 7.4.4.4), so
nothing is decoded for it; but all of it is checked first, since half a picture must not be sent as a whole one.
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO, Final

from nexefax.errors import DocumentError

MAX_PIXELS: Final = 400_000_000  # A3 at 1,200 dots per inch twice over; poppler takes twenty seconds then
_MOST_PALETTE: Final = 768  # bytes: 256 colours

_CHANNELS: Final = {0: 1, 2: 3, 3: 1}  # colour types without transparency, PNG section 11.2.2
_SIDE: Final = 720.0  # points of the page's longer side
_PIECE: Final = 1 << 20  # bytes that are inflated at once


def too_large(width: int, height: int) -> DocumentError:
    """What a sender is told whose picture has more pixels than can be read."""
    return DocumentError(
        f"The picture is too large: {width:,} x {height:,} pixels. Save it smaller, or as a JPEG, and send that."
    )


def wrap_png(png: Path, pdf: Path) -> None:
    """Write a PDF of one page that shows all of ``png``, of whatever size on paper; blocking.

    Raises DocumentError when the PNG is damaged, or of a kind (transparent, interlaced) that can't be taken over.
    """
    with png.open("rb") as source, pdf.open("wb") as target:
        source.seek(8)
        chunks = _chunks(source)
        header = next(chunks, (b"", b""))[1]
        if len(header) != 13:
            raise _damaged()
        width, height, bits, colour, _, _, interlace = struct.unpack(">IIBBBBB", header)
        if interlace or colour not in _CHANNELS or width * height > MAX_PIXELS:
            raise too_large(width, height)
        _write(target, chunks, (width, height), (bits, colour))


def _write(
    target: BinaryIO,
    chunks: Iterator[tuple[bytes, bytes]],
    size: tuple[int, int],
    kind: tuple[int, int],
) -> None:
    (width, height), (bits, colour) = size, kind
    row = (width * bits * _CHANNELS[colour] + 7) // 8 + 1
    rows = _Rows(row * height)
    places = {}
    palette, length, ended = b"", 0, False
    target.write(b"%PDF-1.6\n")
    for name, data in chunks:
        if name == b"PLTE":
            palette = data[:_MOST_PALETTE]
        elif name == b"tRNS":
            raise too_large(width, height)
        elif name == b"IDAT":
            if not length:
                places[4] = target.tell()
                space = _space(colour, palette)
                parts = f"/Predictor 15/Colors {_CHANNELS[colour]}/BitsPerComponent {bits}/Columns {width}"
                target.write(
                    f"4 0 obj\n<</Type/XObject/Subtype/Image/Width {width}/Height {height}/ColorSpace {space}"
                    f"/BitsPerComponent {bits}/Filter/FlateDecode/DecodeParms<<{parts}>>/Length 5 0 R>>\n"
                    "stream\n".encode()
                )
            rows.take(data)
            target.write(data)
            length += len(data)
        ended = ended or name == b"IEND"
    if not (ended and rows.complete):
        raise _damaged()
    target.write(b"\nendstream\nendobj\n")
    longest = _SIDE / max(size)
    across, down = f"{width * longest:.3f}", f"{height * longest:.3f}"
    content = f"{across} 0 0 {down} 0 0 cm /I Do"
    box = f"[0 0 {across} {down}]"
    for number, body in {
        1: "<</Type/Catalog/Pages 2 0 R>>",
        2: "<</Type/Pages/Count 1/Kids[3 0 R]>>",
        3: f"<</Type/Page/Parent 2 0 R/MediaBox{box}/Contents 6 0 R/Resources<</XObject<</I 4 0 R>>>>>>",
        5: str(length),
        6: f"<</Length {len(content)}>>\nstream\n{content}\nendstream",
    }.items():
        places[number] = target.tell()
        target.write(f"{number} 0 obj\n{body}\nendobj\n".encode())
    table = target.tell()
    entries = "".join(f"{places[number]:010d} 00000 n \n" for number in sorted(places))
    trailer = f"trailer\n<</Size 7/Root 1 0 R>>\nstartxref\n{table}\n%%EOF\n"
    target.write(f"xref\n0 7\n0000000000 65535 f \n{entries}{trailer}".encode())


class _Rows:
    """Checks that the compressed rows are all there and sound, without keeping them."""

    def __init__(self, expected: int) -> None:
        self._missing = expected
        self._inflate = zlib.decompressobj()

    @property
    def complete(self) -> bool:
        return self._missing == 0 and self._inflate.eof

    def take(self, data: bytes) -> None:
        try:
            while data and self._missing >= 0:
                self._missing -= len(self._inflate.decompress(data, _PIECE))
                data = self._inflate.unconsumed_tail
        except zlib.error:
            raise _damaged() from None


def _chunks(source: BinaryIO) -> Iterator[tuple[bytes, bytes]]:
    """The chunks' names and data to the end, with their checksums proved (PNG section 5.3)."""
    while len(head := source.read(8)) == 8:
        length, name = struct.unpack(">I4s", head)
        data = source.read(length)
        checksum = source.read(4)
        if len(data) != length or checksum != struct.pack(">I", zlib.crc32(data, zlib.crc32(name))):
            raise _damaged()
        yield name, data
        if name == b"IEND":
            return


def _space(colour: int, palette: bytes) -> str:
    if colour == 3:
        return f"[/Indexed/DeviceRGB {max(len(palette) // 3 - 1, 0)}<{palette.hex()}>]"
    return "/DeviceGray" if colour == 0 else "/DeviceRGB"


def _damaged() -> DocumentError:
    return DocumentError("The picture is damaged and can't be read. Open it, and save it again.")
