"""The fax TIFF that SendFAX gets: one strip of T.6 for each page, written in pure Python.

Engines leave one small TIFF a page, each with its own idea of tags. Here their strips are copied, as they are, under
directories of our own (TIFF 6.0 section 2, RFC 2306 for fax): what res_fax_spandsp reads is always of one shape,
pages of several engines stand in order, and joining 117 pages takes milliseconds.
"""

from __future__ import annotations

import struct
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, Final

from nexefax.errors import ChildFailed, TiffError
from nexefax.fax.convert.coding import FLIPPED
from nexefax.fax.convert.tiff import FAX_WIDTH, Compression, Resolution, TiffPage, read_directories

# A page of 1728 x 23,000 pixels in the worst T.6 (twice its raw bits); anything bigger is no page of ours.
MAX_STRIP: Final = 16 << 20

_LAST_OFFSET: Final = 0xFFFFFFFF  # classic TIFF: 32-bit offsets


@dataclass(frozen=True, slots=True)
class Strip:
    """One page's T.6 data in a file: min-is-white, `FAX_WIDTH` wide."""

    path: Path
    offset: int
    size: int
    length: int  # rows
    fill_order: int
    resolution: Resolution

    def read(self) -> bytes:
        """The data itself; blocking."""
        with self.path.open("rb") as file:
            file.seek(self.offset)
            return file.read(self.size)


def strips_of(
    path: Path, *, lengths: Sequence[int] | None = None, resolutions: Sequence[Resolution] | None = None
) -> list[Strip]:
    """The pages of a TIFF that is a fax already, checked; blocking.

    ``lengths`` are the rows that each page must have, ``resolutions`` what its tags are taken for. Raises ChildFailed,
    in words for the log, when a page is not one strip of T.6, 1728 wide, at a resolution of T.4, or when pages or
    rows are missing.
    """
    try:
        pages = read_directories(path)
    except TiffError as error:
        raise ChildFailed(str(error)) from error
    if lengths is not None and [page.length for page in pages] != list(lengths):
        raise ChildFailed(
            f"the TIFF has pages of {[page.length for page in pages]} rows, not {list(lengths)}"
        )
    known = [page.resolution for page in pages] if resolutions is None else resolutions
    return [strip_of(page, path, resolution) for page, resolution in zip(pages, known, strict=True)]


def strip_of(page: TiffPage, path: Path, resolution: Resolution | None) -> Strip:
    """One page of a TIFF as `strips_of` takes it."""
    size = page.strip_counts[0] if len(page.strip_counts) == 1 else 0
    good = (
        page.width == FAX_WIDTH
        and page.length > 0
        and page.bilevel
        and page.compression == Compression.T6
        and page.photometric == 0
        and page.orientation == 1
        and not page.tiled
        and len(page.strip_offsets) == 1
        and 0 < size <= MAX_STRIP
        and page.strip_offsets[0] + size <= path.stat().st_size
    )
    if not good or resolution is None:
        raise ChildFailed(f"page {page.number} of the TIFF is no fax page: {page}")
    return Strip(path, page.strip_offsets[0], size, page.length, page.fill_order, resolution)


def is_blank(strip: Strip) -> bool:
    """Whether a page is white all over, exactly: T.6 then has one bit a row (mode V0) and the end; blocking."""
    whole, rest = divmod(strip.length, 8)
    if strip.size > whole + 4:  # EOFB is 24 bits, ITU-T T.6 section 2.4.1.1
        return False
    data = strip.read()
    if strip.fill_order == 2:
        data = data.translate(FLIPPED)
    bits = int.from_bytes(data, "big")
    tail = len(data) * 8 - strip.length
    return tail >= 0 and bits >> tail == (1 << (whole * 8 + rest)) - 1


def write_fax(path: Path, strips: Iterable[Strip]) -> None:
    """Write a fax TIFF of these pages; blocking, not yet fsynced (see `nexefax.durable`).

    Raises ChildFailed when a strip is shorter than it says or the file would pass the 4 GiB of TIFF.
    """
    pages = list(strips)
    with path.open("wb") as file:
        file.write(struct.pack("<2sHI", b"II", 42, 0))
        link = 4  # where the offset of the next directory is to be written
        for number, strip in enumerate(pages):
            where = file.tell()
            data = strip.read()
            if len(data) != strip.size or where + strip.size + 1024 > _LAST_OFFSET:
                raise ChildFailed(f"page {number + 1} can't be copied from {strip.path.name}")
            file.write(data + b"\0" * (len(data) % 2))  # directories begin at even offsets
            link = _directory(file, strip, where=where, link=link, pages=(number, len(pages)))


def _directory(file: BinaryIO, strip: Strip, *, where: int, link: int, pages: tuple[int, int]) -> int:
    start = file.tell()
    short, long, rational = 3, 4, 5
    entries = [
        (254, long, 1, 2),  # one page of several
        (256, short, 1, FAX_WIDTH),
        (257, long, 1, strip.length),
        (258, short, 1, 1),
        (259, short, 1, Compression.T6.value),
        (262, short, 1, 0),  # min-is-white
        (266, short, 1, strip.fill_order),
        (273, long, 1, where),
        (274, short, 1, 1),
        (277, short, 1, 1),
        (278, long, 1, strip.length),
        (279, long, 1, strip.size),
        (282, rational, 1, 0),
        (283, rational, 1, 8),
        (293, long, 1, 0),  # T6Options
        (296, short, 1, 2),  # inches
        (297, short, 2, pages[0] | pages[1] << 16),
    ]
    after = start + 2 + 12 * len(entries) + 4
    directory = struct.pack("<H", len(entries))
    for tag, kind, count, value in entries:
        directory += struct.pack("<HHII", tag, kind, count, value + after if kind == rational else value)
    directory += struct.pack("<I", 0)
    directory += struct.pack("<4I", strip.resolution.across, 1, strip.resolution.down, 1)
    file.write(directory)
    file.seek(link)
    file.write(struct.pack("<I", start))
    file.seek(0, 2)
    return after - 4
