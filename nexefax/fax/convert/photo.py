"""Pictures to fax pages: PNG, JPEG, and TIFFs that are no faxes; by ImageMagick to grey, then as pages of a PDF."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from nexefax.errors import DocumentError
from nexefax.fax.convert.faxtiff import Strip
from nexefax.fax.convert.geometry import PAPER_WIDTH, Box, PageShape, Placement
from nexefax.fax.convert.grey import GreyPage, fax_page
from nexefax.fax.convert.large_picture import reduce, reduction
from nexefax.fax.convert.magick import magick
from nexefax.fax.convert.picture_size import Density, density, dimensions
from nexefax.fax.convert.poppler import LOOK
from nexefax.fax.convert.tone import PGM_HEAD, choose_tone, read_pgm, read_pgm_head
from nexefax.fax.convert.work import Run, Work, missing_sentence
from nexefax.process import scratch_directory

PICTURE_SECONDS: Final = 60.0  # for one picture; a photo of 12 megapixels takes a second

SHEET: Final = 841.89  # points: a picture of unknown size is shown on a sheet of A4
SCREEN_DOTS: Final = 96  # to the inch: a small picture of unknown size is shown as large as on a screen

# What libjpeg, libpng and libtiff say of data that ends early or makes no sense. ImageMagick goes on, and exits with
# 0, but half a picture must not be sent as a whole one. Of odd tags and profiles they only warn.
_BROKEN: Final = re.compile(
    rb"(?i)premature end|corrupt|truncated|not enough (?:image )?data|read error|bad code word|crc error|"
    rb"decoding error|line length mismatch|invalid (?:block|distance|code)|Fax[34]Decode|insufficient image data"
)


@dataclass(frozen=True, slots=True)
class Frame:
    """One picture in a file: its place there, dots per inch where they are known, and its pixels.

    Both are across and down: as it is shown for a PNG or TIFF, as it lies for a JPEG, which may have to be turned.
    """

    number: int  # from 1
    dots: Density | None
    size: tuple[int, int]


async def render_picture(work: Work, form: str) -> list[str]:
    """Make one fax page of a PNG or JPEG (``form`` is ImageMagick's name of it) and deliver it; returns notes."""
    work.settings.wanted([1])
    dots = await asyncio.to_thread(density, work.source)
    size = await asyncio.to_thread(dimensions, work.source)
    return await render_frames(work, form, [Frame(1, dots, size)])


async def render_frames(work: Work, form: str, frames: Sequence[Frame]) -> list[str]:
    """Make fax pages of the pictures in a file and deliver them one by one; returns notes for the sender.

    Raises DocumentError when one of them can't be read.
    """
    failed: list[int] = []
    for frame in frames:
        strip = await draw_frame(work, form, frame)
        if strip is None:
            failed.append(frame.number)
        elif not failed:
            await work.deliver(Run((frame.number,), (strip,), ("magick",)))
    if failed and len(frames) == 1:
        raise DocumentError("The picture is damaged and can't be read. Open it, and save it again.")
    if failed:
        raise DocumentError(missing_sentence(failed, [frame.number for frame in frames]))
    return []


async def draw_frame(work: Work, form: str, frame: Frame) -> Strip | None:
    """Make a fax page of one picture in a file; None when it can't be read."""
    async with work.turns.turn(), scratch_directory(work.room) as scratch:
        return await _Frame(work, form, frame, scratch).draw()


class _Frame:
    """One picture on its way to a fax page, in a scratch directory of its own."""

    def __init__(self, work: Work, form: str, frame: Frame, scratch: Path) -> None:
        self._work, self._form, self._frame, self._scratch = work, form, frame, scratch
        self._factor = reduction(form, frame.size)
        self._reduced = max(frame.size[0] // self._factor, 1), max(frame.size[1] // self._factor, 1)
        self._grey = scratch / "grey.pgm"
        self._look = scratch / "look.pgm"

    async def draw(self) -> Strip | None:
        """The fax page, None when the picture can't be read."""
        upright = await self._upright()
        size = None if upright is None else await asyncio.to_thread(_size, upright)
        if upright is None or size is None:
            return None
        page = self._work.lay(shape_of(size, self._frame, self._factor))
        if not await self._fitted(upright, size, page):
            return None
        look = await asyncio.to_thread(self._look.read_bytes)
        halftone = self._work.settings.halftone_of(self._frame.number)
        tone = await asyncio.to_thread(choose_tone, read_pgm(look), halftone)
        grey = GreyPage(self._grey, page, tone)
        return await fax_page(self._work, grey, name=f"picture-{self._frame.number}.tif")

    async def _upright(self) -> Path | None:
        """The picture in grey, as it is meant to be held (EXIF's orientation), on white where it is transparent."""
        upright = self._scratch / "upright.pgm"
        width, height = self._reduced
        if self._factor > 1 and self._form != "jpeg":
            return await reduce(
                self._form,
                self._work.source,
                self._frame.number,
                (width, height),
                scratch=self._scratch,
                seconds=PICTURE_SECONDS,
            )
        hint = ["-define", f"jpeg:size={width}x{height}"] if self._factor > 1 else []
        what = f"{self._form}:{self._work.source}[{self._frame.number - 1}]"
        white = ["-auto-orient", "-background", "white", "-alpha", "remove", "-alpha", "off"]
        grey = ["-colorspace", "Gray", "-depth", "8"]
        done = await self._magick([*hint, what, *white, *grey, f"pgm:{upright}"], self._work.source)
        return upright if done else None

    async def _fitted(self, upright: Path, size: tuple[int, int], page: Placement) -> bool:
        """Scale the picture to the pixels that it gets, and to a look at it."""
        across, down = page.shown
        small = ["-scale", f"{LOOK}x{LOOK}", f"pgm:{self._look}"]
        # Averaging is enough for reducing, and five times as fast; enlarging needs a filter.
        way = "-scale" if across <= size[0] else "-resize"
        scale = [way, f"{across}x{down}!", "-write", f"pgm:{self._grey}", *small]
        return await self._magick([f"pgm:{upright}", *scale], upright)

    async def _magick(self, arguments: Sequence[str], source: Path) -> bool:
        finished = await magick(arguments, scratch=self._scratch, readable=[source], seconds=PICTURE_SECONDS)
        return finished is not None and finished.returncode == 0 and not _BROKEN.search(finished.stderr)


def shape_of(size: tuple[int, int], frame: Frame, factor: int = 1) -> PageShape:
    """The shape of a picture of so many pixels: its true size, or one that fits a sheet where that is unknown.

    ``factor`` is by how much it was reduced.
    """
    width, height = size
    if frame.dots is not None:
        across, down = frame.dots[0] / factor, frame.dots[1] / factor
    else:
        across = down = max(SCREEN_DOTS, width * 72 / PAPER_WIDTH, height * 72 / SHEET)
    return PageShape(frame.number, Box(0, 0, width * 72 / across, height * 72 / down))


def _size(picture: Path) -> tuple[int, int] | None:
    with picture.open("rb") as file:
        head = read_pgm_head(file.read(PGM_HEAD))
    return None if head is None else head[:2]
