"""Pictures of more pixels than ImageMagick may hold, brought to a size that it may.

A JPEG is reduced by libjpeg while it is read. A PNG or TIFF goes through a PDF of the same pixels, which poppler draws
strip by strip.
"""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Final

from nexefax.fax.convert.attempt import attempt
from nexefax.fax.convert.large_png import MAX_PIXELS, too_large, wrap_png
from nexefax.fax.convert.poppler import draw_only_page
from nexefax.process import Finished, Limits

# Of one picture in ImageMagick: 8 bytes a pixel, and Debian's policy keeps 256 MiB in memory. It refuses what is more.
IMAGEMAGICK_PIXELS: Final = 33_000_000
JPEG_FACTORS: Final = 8  # libjpeg reduces by whole factors up to this

_MEMORY: Final = 2 << 30  # tiff2pdf holds a strip, which may be the whole page
_FILE: Final = 2 << 30


def reduction(form: str, size: tuple[int, int]) -> int:
    """The whole factor by which a picture of so many pixels is to be reduced, 1 for none.

    What is left is still more than a fax shows. Raises DocumentError when there are too many for that.
    """
    pixels = size[0] * size[1]
    factor = next(f for f in range(1, 1_000) if pixels <= IMAGEMAGICK_PIXELS * f * f or f == 999)
    if pixels > MAX_PIXELS or (form == "jpeg" and factor > JPEG_FACTORS):
        raise too_large(*size)
    return factor


async def reduce(
    form: str, source: Path, number: int, size: tuple[int, int], *, scratch: Path, seconds: float
) -> Path | None:
    """Draw picture ``number`` (from 1) of a PNG or TIFF in grey, ``size`` pixels across and down, upright.

    Returns a PGM in ``scratch``; None when the picture is damaged. Raises DocumentError when it can't be taken.
    """
    pdf = scratch / "picture.pdf"
    if form == "png":
        await asyncio.to_thread(wrap_png, source, pdf)
    elif not await _wrap_tiff(source, number, pdf, scratch=scratch, seconds=seconds):
        return None
    return await draw_only_page(pdf, size, scratch=scratch, seconds=seconds)


async def _wrap_tiff(source: Path, number: int, pdf: Path, *, scratch: Path, seconds: float) -> bool:
    """Have libtiff decode one page, which proves it sound, and make a PDF of that."""
    page = scratch / "page.tif"
    for argv in (
        ["tiffcp", "-c", "zip", f"{source},{number - 1}", str(page)],
        ["tiff2pdf", "-z", "-o", str(pdf), str(page)],
    ):
        limits = Limits(seconds=seconds, cpu_seconds=int(seconds) + 1, memory=_MEMORY, file_size=_FILE)
        finished = await attempt(argv, scratch=scratch, readable=[source], limits=limits)
        if not _is_sound(finished):
            return False
    return True


def _is_sound(finished: Finished | None) -> bool:
    complaints = b"" if finished is None else finished.stderr
    return (
        finished is not None
        and finished.returncode == 0
        and b"rror" not in complaints
        and b"Fax" not in complaints
    )
