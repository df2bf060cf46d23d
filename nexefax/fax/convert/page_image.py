"""One page of a fax as a PNG for the web page, its pixels made square."""

from __future__ import annotations

import asyncio
import os
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from nexefax.durable import copy_file
from nexefax.errors import ChildFailed, TiffError
from nexefax.fax.convert.attempt import attempt
from nexefax.fax.convert.coding import FLIPPED
from nexefax.fax.convert.faxtiff import strip_of
from nexefax.fax.convert.magick import magick
from nexefax.fax.convert.pdf_file import PdfInfo, PdfPage, write_pdf
from nexefax.fax.convert.pictures import is_fax
from nexefax.fax.convert.tiff import Resolution, TiffPage, read_directories
from nexefax.process import Finished, Limits, scratch_directory

PNG_SECONDS: Final = 30.0  # a page takes 0.1 s

# Rows. ImageMagick as Debian and Ubuntu configure it refuses pictures of more than 16,000: longer pages, of two
# metres, are drawn by poppler, and no scaled PNG is higher.
LONGEST: Final = 16_000

Size = tuple[int, int]


async def page_png(tiff: Path, page: int, png: Path, *, width: int | None, tmp_dir: Path) -> None:
    """Draw page ``page`` (from 1) of a fax TIFF as a grey PNG of ``width`` pixels, proportions as on paper.

    With ``width`` None the page's own pixels are shown, not scaled and one bit each: what went over the line.
    ``png`` appears whole or not at all. Raises TiffError when the TIFF or the page can't be read, ChildMissing,
    ChildFailed, OSError.
    """
    found = (await asyncio.to_thread(read_directories, tiff))[page - 1 : page]
    if not found or page < 1:
        raise TiffError(f"The fax has no page {page}.")
    size = None if width is None else (width, _height(found[0], width))
    async with scratch_directory(tmp_dir) as room:
        source = room / "fax.tif"
        await asyncio.to_thread(_take, tiff, source)
        async with scratch_directory(room) as scratch:
            drawn = scratch / "page.png"
            if size is None and is_fax(found[0]):
                from nexefax.fax.convert.own_pixels import write_pixels

                finished = await write_pixels(source, page, drawn)
            elif found[0].length > LONGEST:
                finished = await _by_poppler(found[0], source, drawn, size)
            else:
                finished = await _by_imagemagick(page, source, drawn, size)
            if finished is None or finished.returncode != 0 or not await asyncio.to_thread(drawn.is_file):
                said = "" if finished is None else finished.stderr.decode("utf-8", "replace")[:500]
                raise ChildFailed(f"no picture could be made of page {page}: {said}")
            await asyncio.to_thread(copy_file, drawn, png)


async def _by_imagemagick(page: int, source: Path, drawn: Path, size: Size | None) -> Finished | None:
    # Averaging, not a sharper filter: half the time, and dithered greys come out as greys.
    scale = ["-scale", f"{size[0]}x{size[1]}!", "-depth", "4"] if size else []
    return await magick(
        [f"tiff:{source}[{page - 1}]", *scale, "-strip", f"png:{drawn}"],
        scratch=drawn.parent,
        readable=[source],
        seconds=PNG_SECONDS,
    )


async def _by_poppler(page: TiffPage, source: Path, drawn: Path, size: Size | None) -> Finished | None:
    pdf = source.with_name("page.pdf")
    across, down = size or (page.width, LONGEST)
    await asyncio.to_thread(_write_pdf, page, source, pdf)
    argv = [
        "pdftoppm",
        "-gray",
        "-png",
        "-singlefile",
        "-scale-to-x",
        str(across),
        "-scale-to-y",
        str(down),
    ]
    limits = Limits(seconds=PNG_SECONDS, cpu_seconds=30, memory=1 << 30, file_size=256 << 20)
    argv += [str(pdf), str(drawn.with_suffix(""))]
    return await attempt(argv, scratch=drawn.parent, readable=[pdf], limits=limits)


def _write_pdf(page: TiffPage, source: Path, pdf: Path) -> None:
    """Put the page's T.6 data into a PDF as it is; raises ChildFailed when it is no such data."""
    strip = strip_of(page, source, Resolution.FINE)
    data = strip.read().translate(FLIPPED) if strip.fill_order == 2 else strip.read()
    shown = PdfPage(page.width, page.length, Resolution.FINE.across, Resolution.FINE.down, data)
    with pdf.open("wb") as file:
        write_pdf(file, [shown], PdfInfo("", datetime.now(UTC)))


def _height(page: TiffPage, width: int) -> int:
    """Pixels of PNG height for a page: as on paper by its tags, which for a fax page may be missing or wrong."""
    dots = page.dots_per_inch or (Resolution.FINE.across, Resolution.FINE.down)
    if not 0.2 < dots[0] / dots[1] < 5:
        dots = (Resolution.FINE.across, Resolution.FINE.down)
    height = width * (page.length / dots[1]) / (max(page.width, 1) / dots[0])
    return min(max(1, round(height)), LONGEST)


def _take(tiff: Path, source: Path) -> None:
    """Have the TIFF under our own name, where a caged child may read it."""
    try:
        os.link(tiff, source, follow_symlinks=False)
    except OSError:
        copy_file(tiff, source)
