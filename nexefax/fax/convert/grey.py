"""Grey pictures to fax pages, by Ghostscript's imager: one pixel stays one pixel."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Final

from nexefax.fax.convert.faxtiff import Strip
from nexefax.fax.convert.geometry import Box, PageShape, Placement
from nexefax.fax.convert.ghostscript import FAX_DEVICE, numbers, page_strip, run_driver, string, transfer
from nexefax.fax.convert.tone import PGM_HEAD, Tone, read_pgm_head
from nexefax.fax.convert.work import Work
from nexefax.process import scratch_directory

GREY_SECONDS: Final = 60.0  # for one page, which takes 0.1 s


async def fax_page(
    work: Work, grey: Path, page: Placement, tone: Tone, *, name: str, whole: bool = False
) -> Strip | None:
    """`make_fax_page` in a scratch directory of its own; the page's file is kept as ``name``."""
    async with scratch_directory(work.room) as scratch:
        strip = await make_fax_page(grey, page, tone, scratch=scratch, seconds=GREY_SECONDS, whole=whole)
        return None if strip is None else await work.keep_later(strip, name)


async def make_fax_page(
    grey: Path, page: Placement, tone: Tone, *, scratch: Path, seconds: float, whole: bool = False
) -> Strip | None:
    """Make a fax page of a grey picture, pixel by pixel: a PGM of ``page.shown`` pixels, not yet turned.

    With ``whole`` it is a picture of the whole fax page. What poppler drew and what was a photo from the start gets
    the same screens as what Ghostscript draws itself. None when ``grey`` is no such PGM or Ghostscript failed.
    Raises ChildMissing.
    """
    laid = page.drawn if whole else page
    offset = await asyncio.to_thread(_pixels_at, grey, laid.shown)
    if offset is None:
        return None
    spots = [page.spot(spot) for spot in tone.spots]
    program = _grey_program(grey, offset, laid, tone, spots)
    await run_driver(grey, program, FAX_DEVICE, page, scratch=scratch, seconds=seconds)
    return await asyncio.to_thread(page_strip, scratch / "page-00001.tif", page)


def _grey_program(
    grey: Path, offset: int, page: Placement, tone: Tone, spots: Sequence[tuple[float, float, float, float]]
) -> list[str]:
    width, height = page.shown
    # PostScript's image matrix maps the unit square to pixels from the top; here the unit square is the page.
    square = replace(page, shape=PageShape(page.number, Box(0, 0, 1, 1)))
    picture = [
        f"gsave [{numbers(square.matrix)}] concat",
        f"Grey {offset} setfileposition {width} {height} 8 [{width} 0 0 -{height} 0 {height}]",
        "{ Grey Row readstring pop } image grestore",
    ]
    program = [
        f"<< /PageSize [{numbers(page.paper)}] >> setpagedevice",
        f"/Grey {string(grey)} (r) file def /Row {width} string def",
        f"Screen {transfer(tone)} settransfer",
        *picture,
    ]
    if spots and not tone.photo:
        rectangles = " ".join(numbers(spot) for spot in spots)
        program += [f"[{rectangles}] rectclip 1 setgray clippath fill"]
        program += [f"{transfer(replace(tone, photo=True))} settransfer", *picture]
    return [*program, "showpage"]


def _pixels_at(grey: Path, size: tuple[int, int]) -> int | None:
    """Where the pixels begin in a PGM file that has just these pixels, None when it has not."""
    with grey.open("rb") as file:
        head = read_pgm_head(file.read(PGM_HEAD))
    if head is None or head[:2] != size or grey.stat().st_size != head[2] + size[0] * size[1]:
        return None
    return head[2]
