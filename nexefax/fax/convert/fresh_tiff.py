"""Image data of a received TIFF under directories of our own, for libtiff's tools.

What a stranger's file says about itself never reaches a tool: the data is copied as it is, with the few tags that
decoding it needs, each checked. So its texts can't get into the result, its chain of pages can't loop,
and its pages stay in the order of the file (tiff2pdf sorts them by a tag).
"""

from __future__ import annotations

import struct
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import BinaryIO, Final

from nexefax.errors import TiffError
from nexefax.fax.convert.tiff import Compression, TiffPage
from nexefax.fax.convert.tiff_tags import ASCII, KINDS, Directory, Layout, Source

MAX_COPY: Final = 512 << 20  # bytes of image data for one tool: a fax has 3 MB in 100 pages

# What decoding may need beside the tags of a fax: planes, predictor, colours, tiles, samples, JPEG, YCbCr.
_TILES: Final = (322, 323)
_DECODING: Final = (284, 317, 320, *_TILES, 332, 338, 339, 347, 529, 530, 531, 532)
_MAX_VALUE: Final = 1 << 20  # bytes of one of them; a palette of 16 bits takes 400 KB

CCITT: Final = frozenset(
    {Compression.MODIFIED_HUFFMAN, Compression.T4, Compression.T6, Compression.WORD_ALIGNED_HUFFMAN}
)


@dataclass(frozen=True, slots=True)
class Strip:
    """A piece of image data in a file: a strip, or a tile."""

    path: Path
    offset: int
    size: int


@dataclass(frozen=True, slots=True)
class FreshPage:
    """A page to be written: tag → type, count, value in the file's byte order; and its data."""

    tags: Mapping[int, tuple[int, int, bytes]]
    strips: tuple[Strip, ...]
    tiled: bool


def strips_of(page: TiffPage, path: Path, file_size: int) -> tuple[Strip, ...]:
    """The strips of a page as far as the file has them: missing counts are derived, the rest is cut."""
    ends = sorted({*page.strip_offsets, file_size})
    counts = page.strip_counts
    if len(counts) != len(page.strip_offsets):  # libtiff derives them too (TIFFEstimate StripByteCounts)
        following = dict(pairwise(ends))
        counts = tuple(following.get(offset, offset) - offset for offset in page.strip_offsets)
    return tuple(
        Strip(path, offset, min(count, file_size - offset))
        if 0 <= offset < file_size and count > 0
        else Strip(path, 0, 0)
        for offset, count in zip(page.strip_offsets, counts, strict=True)
    )


def fresh_pages(path: Path, pages: Sequence[TiffPage]) -> tuple[str, list[FreshPage]]:
    """Take pages of a file for `write_fresh`: its byte order and the pages; blocking.

    Raises `TiffError` and `OSError`.
    """
    with Source(path) as source:
        layout = Layout.of(source)
        return layout.order, [_fresh(source, layout, path, page) for page in pages]


def _fresh(source: Source, layout: Layout, path: Path, page: TiffPage) -> FreshPage:
    fax = page.compression in CCITT
    strips = strips_of(page, path, source.size)
    numbers = {
        256: (4, (page.width,)),
        257: (4, (page.length,)),
        258: (3, (1,) if fax else page.bits_per_sample or (1,)),
        259: (3, (page.compression,)),
        262: (3, (_photometric(page, fax=fax),)),
        266: (3, (2 if page.fill_order == 2 else 1,)),
        277: (3, (1 if fax else page.samples,)),
    }
    if not page.tiled:
        numbers[278] = (4, (rows_per_strip(page),))
    if page.compression == Compression.T4:
        numbers[292] = (4, (page.t4_options & 0xFFFFFFFF,))
    try:
        tags = {
            tag: (kind, len(values), struct.pack(f"{layout.order}{len(values)}{KINDS[kind]}", *values))
            for tag, (kind, values) in numbers.items()
        }
    except struct.error as error:
        raise TiffError(f"Page {page.number} of the TIFF has numbers that no page can have.") from error
    if page.tiled or not fax:
        directory = Directory.at(source, layout, page.offset)
        for tag in _TILES if fax else _DECODING:
            value = directory.raw(tag, _MAX_VALUE) if directory else None
            if value is not None and value[0] != ASCII and value[0] < 16:  # classic TIFF has no 64-bit types
                tags[tag] = value
    return FreshPage(tags, strips, page.tiled)


def _photometric(page: TiffPage, *, fax: bool) -> int:
    """What the samples mean; where it is missing, a fax is min-is-white, and the rest as libtiff takes it."""
    if fax:
        return 1 if page.photometric == 1 else 0
    if page.photometric is None:
        return 2 if page.samples > 2 else 1
    return page.photometric


def rows_per_strip(page: TiffPage) -> int:
    """Lines in each strip but the last, between 1 and the page's length."""
    return max(1, min(page.rows_per_strip or page.length, page.length))


def write_fresh(path: Path, order: str, pages: Iterable[FreshPage]) -> None:
    """Write pages as a classic TIFF of byte order ``order`` (``<`` or ``>``); blocking.

    Data that pages share is written once. Raises `TiffError` for more than `MAX_COPY`.
    """
    with path.open("wb") as file:
        file.write(struct.pack(order + "2sHI", b"II" if order == "<" else b"MM", 42, 0))
        link = 4  # where the offset of the next directory goes
        places: dict[Strip, int] = {}
        for page in pages:
            for strip in page.strips:
                if strip not in places:
                    places[strip] = file.tell()
                    _copy(strip, file)
            start = _write_directory(file, order, page, [places[strip] for strip in page.strips])
            file.seek(link)
            file.write(struct.pack(order + "I", start))
            link = file.seek(0, 2) - 4


def _copy(strip: Strip, file: BinaryIO) -> None:
    if file.tell() + strip.size > MAX_COPY:
        raise TiffError("The TIFF has more image data than any fax.")
    with strip.path.open("rb") as source:
        source.seek(strip.offset)
        data = source.read(strip.size)
    file.write(data + bytes(len(data) % 2 + 2 * (not data)))  # even offsets; no two strips at one place


def _write_directory(file: BinaryIO, order: str, page: FreshPage, offsets: Sequence[int]) -> int:
    """Write a directory at the file's end and return where it is.

    Values that don't fit into it come first, so that its last four bytes, the link, are the file's last.
    """
    counts = [strip.size for strip in page.strips]
    tags = dict(page.tags)
    for tag, values in ((324 if page.tiled else 273, offsets), (325 if page.tiled else 279, counts)):
        tags[tag] = (4, len(values), struct.pack(f"{order}{len(values)}I", *values))
    start = file.seek(0, 2)
    entries = b""
    outside = b""
    for tag, (kind, count, value) in sorted(tags.items()):
        place = value.ljust(4, b"\0")
        if len(value) > 4:
            place = struct.pack(order + "I", start + len(outside))
            outside += value + bytes(len(value) % 2)
        entries += struct.pack(order + "HHI", tag, kind, count) + place
    file.write(outside)
    file.write(struct.pack(order + "H", len(tags)) + entries + bytes(4))
    return start + len(outside)


def plain_page(width: int, length: int, path: Path, offset: int) -> FreshPage:
    """A page of bare pixels, rows of bits (1 black) at ``offset`` of ``path``; written in byte order ``<``."""
    long, short = 4, 3
    numbers = {256: (long, width), 257: (long, length), 258: (short, 1), 259: (short, 1), 262: (short, 0)}
    numbers |= {266: (short, 1), 277: (short, 1), 278: (long, length)}
    tags = {tag: (kind, 1, struct.pack("<" + KINDS[kind], value)) for tag, (kind, value) in numbers.items()}
    return FreshPage(tags, (Strip(path, offset, length * -(-width // 8)),), tiled=False)
