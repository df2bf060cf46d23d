"""Poppler: the independent reader, the first look, and the engine for what Ghostscript can't.

pdfinfo counts the pages and says their boxes; pdftoppm draws each page small and grey, by which it is decided how
the page is made black and white and whether anything should be on it; and it draws whole pages where Ghostscript
failed. What Ghostscript gets wrong silently, a second program that shares no code with it finds out.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum
from pathlib import Path
from typing import Final

from nexefax.fax.convert.attempt import attempt
from nexefax.fax.convert.geometry import Box, PageShape, Placement
from nexefax.fax.convert.magick import magick
from nexefax.fax.convert.runs import stretches
from nexefax.fax.convert.tone import Picture, read_pgm
from nexefax.process import Finished, Limits

# Pixels on the long side of the first look: 48 to the inch of a Letter page. Coarser, a thin grey rule is lost;
# finer, the look costs as much as the drawing.
LOOK: Final = 528

_MEMORY: Final = 2 << 30  # poppler draws the corpus's heaviest page in 300 MB, its address space is larger
_FILE: Final = 512 << 20
_OUTPUT: Final = 1 << 20  # pdfinfo writes 330 bytes a page; the rest is complaints


class Opening(Enum):
    """How pdfinfo fared with a document."""

    READ = "read"
    LOCKED = "a password is needed"
    CERTIFICATE = "only the owner of a certificate can open it"
    EMPTY = "no pages"
    BROKEN = "can't be read"


@dataclass(frozen=True, slots=True)
class Contents:
    """What pdfinfo says: the page count as written in the document, and the shapes of pages that are there."""

    opening: Opening
    count: int = 0
    shapes: tuple[PageShape, ...] = ()


async def contents(pdf: Path, *, most: int, scratch: Path, seconds: float) -> Contents:
    """Ask pdfinfo for the page count and the shapes of up to ``most`` pages; raises ChildMissing."""
    argv = ["pdfinfo", "-box", "-f", "1", "-l", str(most), str(pdf)]
    finished = await _run(argv, pdf, scratch, seconds)
    if finished is None:
        return Contents(Opening.BROKEN)
    return _contents(finished.stdout.decode("utf-8", "replace"), finished.stderr.decode("utf-8", "replace"))


async def look(pdf: Path, numbers: Sequence[int], *, scratch: Path, seconds: float) -> dict[int, Picture]:
    """Draw pages (ascending) small and grey; pages that could not be drawn are missing in the answer."""
    loop = asyncio.get_running_loop()
    deadline = loop.time() + seconds
    for first, last in stretches(numbers):
        left = deadline - loop.time()
        if left > 0:
            await _draw(pdf, first, last, ["-scale-to", str(LOOK)], scratch=scratch, seconds=left)
    return await asyncio.to_thread(_pictures, scratch)


async def draw(pdf: Path, page: Placement, *, scratch: Path, seconds: float) -> tuple[Path | None, bool]:
    """Draw one page in grey (PGM) as large as it lies on the fax, not yet turned.

    Returns the file in ``scratch``, None when there is none, and whether poppler complained.
    """
    across, down = page.shown
    scale = ["-scale-to-x", str(across), "-scale-to-y", str(down)]
    lying = page.shape.quarters % 2 == 1
    if lying:
        # pdftoppm 22.12 takes both sizes for those before /Rotate, and cuts the page: with square pixels it can't err.
        box = page.shape.box
        scale = ["-r", f"{max(across * 72 / box.height, down * 72 / box.width):.4f}"]
    finished = await _draw(pdf, page.number, page.number, scale, scratch=scratch, seconds=seconds)
    file = (await asyncio.to_thread(_files, scratch)).get(page.number)
    complaints = finished is None or b"Syntax Error" in finished.stderr
    if lying and file is not None:
        file = await _fitted(file, page.shown, scratch=scratch, seconds=seconds)
    return file, complaints


async def draw_only_page(pdf: Path, size: tuple[int, int], *, scratch: Path, seconds: float) -> Path | None:
    """Draw the one page of a PDF of ours, ``size`` pixels across and down; None when poppler found fault with it."""
    scale = ["-scale-to-x", str(size[0]), "-scale-to-y", str(size[1])]
    finished = await _draw(pdf, 1, 1, scale, scratch=scratch, seconds=seconds)
    if finished is None or finished.returncode != 0 or b"Error" in finished.stderr:
        return None
    return (await asyncio.to_thread(_files, scratch)).get(1)


async def _fitted(drawn: Path, size: tuple[int, int], *, scratch: Path, seconds: float) -> Path | None:
    fitted = scratch / "fitted.pgm"
    scale = ["-scale", f"{size[0]}x{size[1]}!", "-depth", "8"]
    finished = await magick(
        [f"pgm:{drawn}", *scale, f"pgm:{fitted}"], scratch=scratch, readable=[], seconds=seconds
    )
    return fitted if finished is not None and finished.returncode == 0 else None


async def _draw(
    pdf: Path, first: int, last: int, scale: Sequence[str], *, scratch: Path, seconds: float
) -> Finished | None:
    # Without anti-aliasing: text stays as sharp as the fax can show it, flat colours keep their true grey.
    argv = ["pdftoppm", "-gray", "-cropbox", "-aa", "no", "-aaVector", "no", *scale]
    argv += ["-f", str(first), "-l", str(last), str(pdf), str(scratch / "grey")]
    return await _run(argv, pdf, scratch, seconds)


async def _run(argv: Sequence[str], pdf: Path, scratch: Path, seconds: float) -> Finished | None:
    limits = Limits(
        seconds=seconds, cpu_seconds=int(seconds) + 1, memory=_MEMORY, file_size=_FILE, output=_OUTPUT
    )
    return await attempt(argv, scratch=scratch, readable=[pdf], limits=limits)


def _files(scratch: Path) -> dict[int, Path]:
    """Page numbers to files: pdftoppm writes as many digits as the document's page count has."""
    return {int(path.stem.rpartition("-")[2]): path for path in scratch.glob("grey-*.pgm")}


def _pictures(scratch: Path) -> dict[int, Picture]:
    found: dict[int, Picture] = {}
    for number, path in _files(scratch).items():
        if path.stat().st_size <= LOOK * LOOK + 64:
            picture = read_pgm(path.read_bytes())
            if picture is not None:
                found[number] = picture
    return found


_BOX: Final = r"^Page +([0-9]+) (MediaBox|CropBox): +(\S+) +(\S+) +(\S+) +(\S+)$"


def _contents(said: str, complaints: str) -> Contents:
    if "Incorrect password" in complaints:
        return Contents(Opening.LOCKED)
    if "security handler" in complaints:
        return Contents(Opening.CERTIFICATE)
    if "Invalid page count 0" in complaints or re.search(r"^Pages: +0$", said, re.MULTILINE):
        return Contents(Opening.EMPTY)
    count = re.search(r"^Pages: +([0-9]+)$", said, re.MULTILINE)
    if count is None:
        return Contents(Opening.BROKEN)
    rotations = dict(re.findall(r"^Page +([0-9]+) rot: +(-?[0-9]+)$", said, re.MULTILINE))
    sizes = re.findall(r"^Page +([0-9]+) size: +(\S+) x (\S+) pts", said, re.MULTILINE)
    boxes: dict[tuple[str, str], Box] = {}
    for number, name, *sides in re.findall(_BOX, said, re.MULTILINE):
        box = _box(sides)
        if box is not None:
            boxes[number, name] = box
    shapes = []
    for number, across, down in sizes:
        box = _visible(boxes.get((number, "MediaBox")), boxes.get((number, "CropBox")))
        if box is not None and float(across) > 0 and float(down) > 0:
            shapes.append(PageShape(int(number), box, round(int(rotations.get(number, 0)) / 90) % 4))
    return Contents(Opening.READ if shapes else Opening.EMPTY, int(count[1]), tuple(shapes))


def _visible(media: Box | None, crop: Box | None) -> Box | None:
    if media is not None and crop is not None:
        return crop.within(media) or media
    return crop or media


def _box(sides: Sequence[str]) -> Box | None:
    try:
        left, bottom, right, top = (float(side) for side in sides)
    except ValueError:
        return None
    box = Box(min(left, right), min(bottom, top), max(left, right), max(bottom, top))
    return box if box.width > 0 and box.height > 0 else None
