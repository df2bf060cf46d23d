"""A received page's pixels: where they lie, what is known of them, and which pages can have any.

Everything here blocks on the disk, but for the questions about tags: call it in a thread.
"""

from __future__ import annotations

import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum
from pathlib import Path
from typing import Final

from nexefax.errors import TiffError
from nexefax.fax.convert.coding import FLIPPED
from nexefax.fax.convert.fresh_tiff import CCITT, Strip, rows_per_strip, strips_of
from nexefax.fax.convert.salvage import MAX_LINES, MAX_WIDTH, Salvaged
from nexefax.fax.convert.tiff import Compression, TiffPage, survey

MAX_PIXELS: Final = 400_000_000  # of a bilevel page: 50 MB, a fax of 29 m
MAX_COLOUR_PIXELS: Final = 40_000_000  # of any other: 120 MB, A4 at 600 dots per inch

LEAST_LINES: Final = 24  # good ones, before data without a directory is believed to be a page

_EOFB: Final = 0x001001  # end of facsimile block, T.6 section 2.4.1.1


@dataclass(frozen=True, slots=True)
class Picture:
    """A page's pixels in files: T.6, or with ``samples`` 3 bytes of red, green and blue."""

    strips: tuple[Strip, ...]
    width: int
    length: int
    samples: int = 0
    flipped: bool = False
    min_is_black: bool = False

    def load(self) -> tuple[bytes, int]:
        """The data as a PDF takes it, and its samples a pixel (grey is found out); blocking."""
        data = b"".join(_read(strip) for strip in self.strips)
        if not self.samples:
            return (data.translate(FLIPPED) if self.flipped else data), 0
        if data[0::3] == data[1::3] == data[2::3]:
            return zlib.compress(data[0::3]), 1
        return zlib.compress(data), 3

    def is_uniform(self) -> bool:
        """Whether all pixels are alike, as of a page of which libtiff decoded nothing; blocking."""
        data = b"".join(_read(strip) for strip in self.strips)
        if self.samples:
            return not data.strip(data[:1])
        # T.6 writes a line like the one above as a single one; the first and the end take less than 24 bytes
        return len(data) <= self.length // 8 + 24 and not data[16 : self.length // 8 - 8].strip(b"\xff")


@dataclass(frozen=True, slots=True)
class Decoded:
    """What became of a page: its picture, None when nothing can be read.

    ``salvaged`` says how our own reader fared, where it was needed; ``suspect`` that libtiff complained of what
    only libtiff can read. ``black`` is the share of black pixels, known for min-is-black pages only.
    """

    page: TiffPage
    picture: Picture | None
    salvaged: Salvaged | None = None
    suspect: bool = False
    black: float | None = None

    @property
    def is_nothing(self) -> bool:
        """Whether a page that was only guessed at is none: no lines that hold together."""
        read = self.salvaged
        return self.page.carved and (read is None or read.lines - 2 * read.damaged < LEAST_LINES)

    @property
    def whole(self) -> bool:
        """Whether the picture has all that can be had of this page: a damaged line stays damaged."""
        read = self.salvaged
        if self.picture is None or self.suspect:
            return False
        return read is None or read.complete

    @property
    def intact(self) -> bool:
        """Whether every pixel is as the file says, tags and all."""
        read = self.salvaged
        if not self.whole or read is None:
            return self.whole
        return not read.damaged and not read.relabelled and read.lines == self.page.length


class Route(Enum):
    """How a page is read: by libtiff, which only reads it, writes it as T.6, or as colours; or by ourselves."""

    READ = "read"
    FAX = "fax"
    COLOUR = "colour"
    OURS = "ours"


def route(page: TiffPage) -> Route:
    """The way for a page; libtiff reads none whose length is not known."""
    if page.length == 0:
        return Route.OURS
    if is_single_strip(page):
        return Route.READ
    return Route.FAX if is_fax(page) else Route.COLOUR


def is_fax(page: TiffPage) -> bool:
    """Whether a page has black and white only; CCITT data has, whatever the other tags say."""
    return page.compression in CCITT or (page.bilevel and page.photometric in (0, 1, None))


def is_single_strip(page: TiffPage) -> bool:
    """Whether a page is one strip of T.6, black on white: its data can go into a PDF as it is, once it is sound."""
    return (
        page.compression == Compression.T6
        and page.photometric in (0, None)
        and not page.tiled
        and len(page.strip_offsets) == len(page.strip_counts) == 1
        and rows_per_strip(page) == page.length
        and 0 < page.width <= MAX_WIDTH
        and 0 < page.length <= MAX_LINES
    )


def single_strip(page: TiffPage, path: Path) -> Picture:
    """The picture of such a page."""
    strips = strips_of(page, path, path.stat().st_size)
    return Picture(strips, page.width, page.length, flipped=page.fill_order == 2)


def written_by_spandsp(page: TiffPage, path: Path) -> bool:
    """Whether a page is T.6 that spandsp wrote on this machine, to its end.

    spandsp decodes what comes over the line and encodes it anew for its file (spandsp's t4_rx.c), so that such
    data is sound unless the machine went down meanwhile: then its end or blocks of it are missing or zeros.
    Decoding it would tell no more, and take most of the time of a conversion.
    """
    if not page.software.startswith(b"Spandsp ") or not is_single_strip(page):
        return False
    (strip,) = strips_of(page, path, path.stat().st_size)
    data = _read(strip).rstrip(b"\0")
    if (strip.size,) != page.strip_counts or b"\0\0\0" in data:
        return False
    tail = int.from_bytes(data[-8:].translate(FLIPPED) if page.fill_order == 2 else data[-8:], "big")
    return tail > 0 and (tail // (tail & -tail)) & 0xFFFFFF == _EOFB


def _read(strip: Strip) -> bytes:
    with strip.path.open("rb") as file:
        file.seek(strip.offset)
        return file.read(strip.size)


def can_be(page: TiffPage) -> bool:
    """Whether a page is of a size that can be; the length of CCITT data may be missing."""
    if page.width <= 0 or not page.strip_offsets:
        return False
    if page.compression in CCITT and page.length == 0:
        return True
    most = MAX_PIXELS if is_fax(page) else MAX_COLOUR_PIXELS
    return 0 < page.width * page.length <= most


def collect(
    result: Path, pages: Sequence[TiffPage], *, fax: bool, lengths_may_differ: bool = False
) -> dict[int, Picture]:
    """The pages that libtiff wrote, in their order, as far as they are what was asked for; blocking."""
    found: dict[int, Picture] = {}
    try:
        written = survey(result).pages
    except (TiffError, FileNotFoundError):
        return found
    size = result.stat().st_size
    for page, made in zip(pages, written, strict=False):
        kind = made.compression == Compression.T6 if fax else made.samples == 3
        same = made.width == page.width and (made.length == page.length or lengths_may_differ)
        strips = strips_of(made, result, size)
        if not kind or not same or not strips or not all(strip.size for strip in strips):
            break
        if fax and len(strips) != 1:
            break
        if not fax and sum(strip.size for strip in strips) != page.width * page.length * 3:
            break
        found[page.number] = Picture(
            strips,
            made.width,
            made.length,
            samples=0 if fax else 3,
            flipped=fax and made.fill_order == 2,
            min_is_black=fax and made.photometric == 1,
        )
    return found


def shares_of_black(result: Path, pages: Sequence[TiffPage]) -> dict[int, float]:
    """How much of each page is black, of a TIFF that has the same pages uncompressed; blocking."""
    shares: dict[int, float] = {}
    size = result.stat().st_size
    for page, made in zip(pages, survey(result).pages, strict=True):
        if made.photometric != 1:
            continue
        white = sum(
            int.from_bytes(_read(strip), "big").bit_count() for strip in strips_of(made, result, size)
        )
        shares[page.number] = max(0.0, 1 - white / (made.width * made.length))
    return shares
