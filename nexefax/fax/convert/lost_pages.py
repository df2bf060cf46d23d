"""Pages of a TIFF whose chain of directories is broken: found by looking through the whole file.

A fax that was cut off by a crash or a full disk, or hurt on the way, loses the directory that stands behind its data,
or the link to the next one. The pages themselves are mostly there: directories are recognised by
how they begin, and what lies behind the last of them is the beginning of one more page.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Final

from nexefax.errors import TiffError
from nexefax.fax.convert.fresh_tiff import CCITT
from nexefax.fax.convert.salvage import MAX_LINES, MAX_WIDTH
from nexefax.fax.convert.tiff import FAX_WIDTH, MAX_PAGES, MAX_STRIPS, Compression, Survey, TiffPage, page_of
from nexefax.fax.convert.tiff_tags import Directory, Layout, Source

MAX_SEARCHED: Final = 256 << 20  # bytes of a file: 10,000 pages of fax
_BLOCK: Final = 1 << 20
_LEAST: Final = 64  # bytes behind the last directory that may be a page

# A directory of 4 to 64 tags whose first is NewSubfileType or ImageWidth, of one SHORT or LONG value
_BEGINNING: Final = {
    "<": re.compile(rb"[\x04-\x40]\0(?:\xfe\0|\0\x01)[\x03\x04]\0\x01\0\0\0", re.DOTALL),
    ">": re.compile(rb"\0[\x04-\x40](?:\0\xfe|\x01\0)\0[\x03\x04]\0\0\0\x01", re.DOTALL),
}
_LONGEST: Final = 10  # bytes of such a beginning

_UNKNOWN: Final = TiffPage(
    number=1,
    offset=0,
    width=FAX_WIDTH,
    length=0,
    bits_per_sample=(1,),
    samples=1,
    compression=Compression.T6,
    photometric=0,
    fill_order=1,
    t4_options=0,
    orientation=1,
    rows_per_strip=None,
    strip_offsets=(),
    strip_counts=(),
    tiled=False,
    x_resolution=None,
    y_resolution=None,
    unit=2,
    subfile=0,
    bad_lines=None,
    clean_data=None,
    bad_run=None,
)


def recover(path: Path, found: Survey | None) -> Survey | None:
    """Add to what `survey` found of a broken TIFF (None: no page) what can be found without its chain; blocking.

    A page whose directory is lost comes last, ``carved``: whether its data is any, the decoder must tell. None when the
    file is no TIFF. Raises OSError.
    """
    pages = list(found.pages) if found else []
    with Source(path) as source:
        try:
            layout = Layout.of(source)
        except TiffError:
            return None
        if layout.big or (found and not found.cut):
            return found
        known = {page.offset for page in pages}
        strips_left = MAX_STRIPS - sum(2 * len(page.strip_offsets) for page in pages)
        more = 0
        for offset in _beginnings(source, layout.order):
            directory = Directory.at(source, layout, offset)
            if offset in known or directory is None or len(pages) == MAX_PAGES:
                continue
            page = page_of(directory, number=len(pages) + 1, offset=offset, strips_left=strips_left)
            if _is_page(page, source.size):
                pages.append(page)
                more += 1
                strips_left -= 2 * len(page.strip_offsets)
        start = max([8, *(_end(source, layout, page) for page in pages)])
        if source.size - start >= _LEAST:
            pages.append(_carved(pages, start, source.size))
    if not pages:
        return None
    fault = found.fault if found else "its first directory can't be read"
    if more:
        fault += f"; {more} page{'s were' if more > 1 else ' was'} found in it all the same"
    return Survey(tuple(pages), fault, cut=True)


def _beginnings(source: Source, order: str) -> Iterator[int]:
    """Where a directory may begin."""
    for start in range(0, min(source.size, MAX_SEARCHED), _BLOCK):
        block = source.bytes(start, min(_BLOCK + _LONGEST - 1, source.size - start)) or b""
        for match in _BEGINNING[order].finditer(block):
            yield start + match.start()


def _is_page(page: TiffPage, size: int) -> bool:
    """Whether a directory that nothing leads to can be true."""
    return (
        0 < page.width <= MAX_WIDTH
        and 0 < page.length <= MAX_LINES
        and len(page.strip_offsets) == len(page.strip_counts) > 0
        and all(
            offset > 0 and offset + count <= size
            for offset, count in zip(page.strip_offsets, page.strip_counts, strict=True)
        )
    )


def _end(source: Source, layout: Layout, page: TiffPage) -> int:
    """Where all that belongs to a page ends."""
    directory = Directory.at(source, layout, page.offset)
    ends = [offset + count for offset, count in zip(page.strip_offsets, page.strip_counts, strict=False)]
    return max(
        [directory.extent(page.offset) if directory else 0, *(end for end in ends if end <= source.size)]
    )


def _carved(pages: list[TiffPage], start: int, size: int) -> TiffPage:
    """A page of what lies behind all others, written as the last of them was."""
    like = pages[-1] if pages and pages[-1].compression in CCITT else _UNKNOWN
    return replace(
        like,
        number=len(pages) + 1,
        offset=0,
        length=0,
        rows_per_strip=None,
        strip_offsets=(start,),
        strip_counts=(size - start,),
        tiled=False,
        bad_lines=None,
        clean_data=None,
        bad_run=None,
        software=b"",
        carved=True,
    )
