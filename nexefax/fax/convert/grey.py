"""Grey pictures to fax pages, by Ghostscript's imager: one pixel stays one pixel."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

from nexefax.errors import TiffError
from nexefax.fax.convert.faxtiff import Strip
from nexefax.fax.convert.geometry import Box, PageShape, Placement
from nexefax.fax.convert.ghostscript import FAX_DEVICE, page_strip, run_driver
from nexefax.fax.convert.postscript import numbers, string, transfer
from nexefax.fax.convert.tiff import Compression, read_directories
from nexefax.fax.convert.tone import PGM_HEAD, Tone, read_pgm_head
from nexefax.fax.convert.work import Work
from nexefax.process import scratch_directory

GREY_SECONDS: Final = 60.0  # for one page, which takes 0.1 s


@dataclass(frozen=True, slots=True)
class GreyPage:
    """A grey picture that becomes a fax page as ``tone`` says.

    A PGM of ``page.shown`` pixels, not yet turned; or, when ``whole``, a PGM or a TIFF with one strip of bytes of the
    whole fax page.
    """

    picture: Path
    page: Placement
    tone: Tone
    whole: bool = False

    @property
    def laid(self) -> Placement:
        """Where the picture lies."""
        return self.page.drawn if self.whole else self.page


async def fax_page(work: Work, grey: GreyPage, *, name: str) -> Strip | None:
    """Make one page in a scratch directory of its own; the page's file is kept as ``name``."""
    async with scratch_directory(work.room) as scratch:
        (strip,) = await make_fax_pages([grey], scratch=scratch, seconds=GREY_SECONDS)
        return None if strip is None else await work.keep_later(strip, name)


async def make_fax_pages(greys: Sequence[GreyPage], *, scratch: Path, seconds: float) -> list[Strip | None]:
    """Make fax pages of grey pictures, pixel by pixel, in ``scratch``.

    What poppler drew and what was a photo from the start gets the same screens as what Ghostscript draws itself. None
    where a picture is not of the size it should be or Ghostscript failed. Raises ChildMissing.
    """
    offsets = await asyncio.to_thread(lambda: [_pixels_at(grey.picture, grey.laid.shown) for grey in greys])
    good = [(grey, offset) for grey, offset in zip(greys, offsets, strict=True) if offset is not None]
    if not good:
        return [None] * len(greys)
    program = [line for grey, offset in good for line in _program(grey, offset)]
    sources = [grey.picture for grey, _ in good]
    await run_driver(sources, program, FAX_DEVICE, good[0][0].page, scratch=scratch, seconds=seconds)
    return await asyncio.to_thread(_collect, greys, [offset is not None for offset in offsets], scratch)


def _collect(greys: Sequence[GreyPage], drawn: Sequence[bool], scratch: Path) -> list[Strip | None]:
    files = (scratch / f"page-{number:05d}.tif" for number in itertools.count(1))
    return [
        page_strip(next(files), grey.page) if done else None for grey, done in zip(greys, drawn, strict=True)
    ]


def _program(grey: GreyPage, offset: int) -> list[str]:
    laid, tone = grey.laid, grey.tone
    width, height = laid.shown
    # PostScript's image matrix maps the unit square to pixels from the top; here the unit square is the page.
    square = replace(laid, shape=PageShape(laid.number, Box(0, 0, 1, 1)))
    picture = [
        f"gsave [{numbers(square.matrix)}] concat",
        f"Grey {offset} setfileposition {width} {height} 8 [{width} 0 0 -{height} 0 {height}]",
        "{ Grey Row readstring pop } image grestore",
    ]
    program = [
        f"<< /PageSize [{numbers(laid.paper)}] >> setpagedevice",
        f"/Grey {string(grey.picture)} (r) file def /Row {width} string def",
        f"Screen {transfer(tone)} settransfer",
        *picture,
    ]
    spots = [grey.page.spot(spot) for spot in tone.spots]
    if spots and not tone.photo:
        rectangles = " ".join(numbers(spot) for spot in spots)
        program += [f"gsave [{rectangles}] rectclip 1 setgray clippath fill"]
        program += [f"{transfer(replace(tone, photo=True))} settransfer", *picture, "grestore"]
    return [*program, "Grey closefile showpage"]


def _pixels_at(grey: Path, size: tuple[int, int]) -> int | None:
    """Where the pixels begin in a file that has just these pixels, None when it has not; blocking."""
    try:
        with grey.open("rb") as file:
            start = file.read(PGM_HEAD)
        head = _tiff_head(grey) if start.startswith(b"II*\0") else read_pgm_head(start)
        if head is None or head[:2] != size or grey.stat().st_size < head[2] + size[0] * size[1]:
            return None
    except (OSError, TiffError):
        return None
    return head[2]


def _tiff_head(grey: Path) -> tuple[int, int, int] | None:
    """Width, length and where the pixels begin in a TIFF of one strip of bytes, 0 being black."""
    (page, *_) = read_directories(grey)
    plain = page.compression == Compression.NONE and page.bits_per_sample == (8,) and page.photometric == 1
    if not plain or len(page.strip_offsets) != 1 or page.strip_counts != (page.width * page.length,):
        return None
    return page.width, page.length, page.strip_offsets[0]
