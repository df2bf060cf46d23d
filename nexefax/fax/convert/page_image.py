"""One page of a fax as a PNG for the web page, its pixels made square."""

from __future__ import annotations

import asyncio
import os
from pathlib import Path
from typing import Final

from nexefax.durable import copy_file
from nexefax.errors import ChildFailed, TiffError
from nexefax.fax.convert.magick import magick
from nexefax.fax.convert.tiff import Resolution, TiffPage, read_directories
from nexefax.process import scratch_directory

PNG_SECONDS: Final = 30.0  # a page takes 0.1 s
LARGEST: Final = 20_000  # pixels of PNG height: five sheets of A4 at 2,400 pixels of width


async def page_png(tiff: Path, page: int, png: Path, *, width: int, tmp_dir: Path) -> None:
    """Draw page ``page`` (from 1) of a fax TIFF as a grey PNG of ``width`` pixels, proportions as on paper.

    ``png`` appears whole or not at all. Raises TiffError when the TIFF or the page can't be read, ChildMissing,
    ChildFailed, OSError.
    """
    found = (await asyncio.to_thread(read_directories, tiff))[page - 1 : page]
    if not found or page < 1:
        raise TiffError(f"The fax has no page {page}.")
    height = _height(found[0], width)
    async with scratch_directory(tmp_dir) as room:
        source = room / "fax.tif"
        await asyncio.to_thread(_take, tiff, source)
        async with scratch_directory(room) as scratch:
            drawn = scratch / "page.png"
            # Averaging, not a sharper filter: half the time, and dithered greys come out as greys.
            scale = ["-scale", f"{width}x{height}!", "-depth", "4", "-strip"]
            finished = await magick(
                [f"tiff:{source}[{page - 1}]", *scale, f"png:{drawn}"],
                scratch=scratch,
                readable=[source],
                seconds=PNG_SECONDS,
            )
            if finished is None or finished.returncode != 0:
                said = "" if finished is None else finished.stderr.decode("utf-8", "replace")[:500]
                raise ChildFailed(f"ImageMagick made no picture of page {page}: {said}")
            await asyncio.to_thread(copy_file, drawn, png)


def _height(page: TiffPage, width: int) -> int:
    """Pixels of PNG height for a page: as on paper by its tags, which for a fax page may be missing or wrong."""
    dots = page.dots_per_inch or (Resolution.FINE.across, Resolution.FINE.down)
    if not 0.2 < dots[0] / dots[1] < 5:
        dots = (Resolution.FINE.across, Resolution.FINE.down)
    height = width * (page.length / dots[1]) / (max(page.width, 1) / dots[0])
    return min(max(1, round(height)), LARGEST)


def _take(tiff: Path, source: Path) -> None:
    """Have the TIFF under our own name, where a caged child may read it."""
    try:
        os.link(tiff, source, follow_symlinks=False)
    except OSError:
        copy_file(tiff, source)
