"""A page's own pixels as a PNG, however long it is: libtiff decodes it, and its rows are packed as they are."""

from __future__ import annotations

import asyncio
import struct
import zlib
from pathlib import Path
from typing import Final

from nexefax.errors import TiffError
from nexefax.fax.convert.attempt import attempt
from nexefax.fax.convert.tiff import read_directories
from nexefax.process import Finished, Limits

_SECONDS: Final = 30.0
_FILE: Final = 64 << 20  # a page of 25,000 rows has 5 MB
_ONE_STRIP: Final = "1000000"  # rows


async def write_pixels(tiff: Path, page: int, png: Path) -> Finished | None:
    """Write black and white page ``page`` (from 1) of ``tiff`` as a PNG beside which a caged child may work.

    Returns how libtiff fared, None when it took too long; lines that it can't decode are as it leaves them. Raises
    TiffError when it wrote something else, ChildMissing.
    """
    plain = png.with_name("plain.tif")
    argv = ["tiffcp", "-i", "-f", "msb2lsb", "-c", "none", "-r", _ONE_STRIP, f"{tiff},{page - 1}", str(plain)]
    limits = Limits(seconds=_SECONDS, cpu_seconds=int(_SECONDS), memory=1 << 30, file_size=_FILE)
    finished = await attempt(argv, scratch=png.parent, readable=[tiff], limits=limits)
    if finished is not None and finished.returncode == 0:
        await asyncio.to_thread(_pack, plain, png)
    return finished


def _pack(plain: Path, png: Path) -> None:
    (page, *_) = read_directories(plain)
    row = -(-page.width // 8)
    if not page.bilevel or page.fill_order == 2 or page.strip_counts != (row * page.length,):
        raise TiffError("The page is not black and white.")
    with plain.open("rb") as file:
        file.seek(page.strip_offsets[0])
        data = file.read(row * page.length)
    if page.photometric == 0:  # min-is-white, where a PNG's 0 is black (PNG section 4.2)
        data = data.translate(bytes(range(255, -1, -1)))
    rows = b"".join(b"\0" + data[at : at + row] for at in range(0, len(data), row))  # \0: no filter
    header = struct.pack(">IIBBBBB", page.width, page.length, 1, 0, 0, 0, 0)
    chunks = ((b"IHDR", header), (b"IDAT", zlib.compress(rows)), (b"IEND", b""))
    packed = (
        struct.pack(">I", len(body)) + name + body + struct.pack(">I", zlib.crc32(name + body))
        for name, body in chunks
    )
    png.write_bytes(b"\x89PNG\r\n\x1a\n" + b"".join(packed))
