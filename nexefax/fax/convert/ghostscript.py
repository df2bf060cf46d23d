"""Pages of a PDF by Ghostscript, each laid where `nexefax.fax.convert.geometry` says.

Ghostscript's own switches for this (-dPDFFitPage, -dUseCropBox, -dFIXEDMEDIA) shift, cut and shrink pages
(version 10.00), and a file named on its command line may be PostScript. So a small PostScript program of our own
drives the PDF interpreter by its documented procedures (pdf_main.ps: runpdfbegin, pdfgetpage, pdfshowpage_init,
pdfshowpage_setpage, pdfshowpage_finish): the file is read as PDF whatever it holds, and between _setpage and _finish
each page gets its paper, its matrix, its clip and its transfer function. All pages of a run take one process.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from nexefax.errors import ChildBroken, ChildFailed
from nexefax.fax.convert.attempt import attempt
from nexefax.fax.convert.faxtiff import Strip, strips_of
from nexefax.fax.convert.geometry import Box, PageShape, Placement
from nexefax.fax.convert.postscript import PDF_PROLOGUE, PROLOGUE, SHAPES, numbers, string, transfer
from nexefax.fax.convert.screen import postscript
from nexefax.fax.convert.tone import LINE_ART, Tone
from nexefax.process import Finished, Limits

_LOG: Final = "pages.log"  # what the driver says of each page; unlike stdout it survives a kill and no flood
_LOG_CAP: Final = 1 << 20  # bytes read of it: 200 for each of 5,000 pages

FAX_DEVICE: Final = ("-sDEVICE=tiffg4", "-dMaxStripSize=0", "-sOutputFile=page-%05d.tif")
# Drawn three times as fine and averaged: a scan of 600 dots to the inch keeps its strokes, where Ghostscript by itself
# would take every third pixel and leave the others out. One strip, 8 bits a pixel, not compressed.
_FINER: Final = 3
_GREY_DEVICE: Final = (
    "-sDEVICE=tiffscaled8",
    "-dMaxStripSize=0",
    f"-dDownScaleFactor={_FINER}",
    "-sOutputFile=page-%05d.tif",
)
_NOWHERE: Final = ("-sDEVICE=nullpage",)

_MEMORY: Final = 1 << 30  # one document of the corpus asks for 1.8 GB; poppler draws it in 300 MB
_OUTPUT: Final = 1 << 20  # of messages: 500 pages with 2 KB of complaints each
_FILE: Final = 256 << 20  # 4 GiB of pages never come from one run; the biggest grey page has 40 MB


@dataclass(frozen=True, slots=True)
class Drawn:
    """What came of one page: its strip, or None; whether Ghostscript complained while it drew."""

    number: int
    strip: Strip | None
    complaints: bool
    unit: float | None  # the page's /UserUnit where it is not the one expected; the page was not drawn then


@dataclass(frozen=True, slots=True)
class Grey:
    """The same of a page in grey: a TIFF of the whole fax page, or None."""

    number: int
    picture: Path | None
    complaints: bool
    unit: float | None


async def draw(
    pdf: Path, pages: Sequence[Placement], tones: Mapping[int, Tone], *, scratch: Path, seconds: float
) -> tuple[int, list[Drawn]]:
    """Draw pages of ``pdf`` (an absolute path of our own) as T.6, one file a page, within ``scratch``.

    ``tones`` maps page numbers to how they are made black and white, `LINE_ART` for those not named. Whatever
    happens to one page, also that time runs out on it, the pages before it are returned. The number is how many
    pages Ghostscript finds in the document. Raises ChildMissing.
    """
    body = [_page(page, tones.get(page.number, LINE_ART)) for page in pages]
    program = _pdf_program(pdf, body)
    finished = await run_driver([pdf], program, FAX_DEVICE, pages[0], scratch=scratch, seconds=seconds)
    return await asyncio.to_thread(_collect, finished, pages, scratch)


async def draw_in_grey(
    pdf: Path, pages: Sequence[Placement], *, scratch: Path, seconds: float
) -> tuple[int, list[Grey]]:
    """Draw pages in grey as they lie on the fax, margins and all, one file a page; else as `draw`."""
    program = _pdf_program(pdf, [_page(page, None) for page in pages])
    finished = await run_driver(
        [pdf], program, _GREY_DEVICE, pages[0], scratch=scratch, seconds=seconds, finer=_FINER
    )
    return await asyncio.to_thread(_collect_grey, finished, pages, scratch)


async def shapes(pdf: Path, *, most: int, scratch: Path, seconds: float) -> tuple[int, list[PageShape]]:
    """What Ghostscript says of a document that the other reader can't open: page count and up to ``most`` shapes.

    Raises ChildMissing.
    """
    program = _pdf_program(pdf, [SHAPES % most])
    await run_driver([pdf], program, _NOWHERE, None, scratch=scratch, seconds=seconds)
    return _shapes(await asyncio.to_thread(_read_log, scratch))


def _pdf_program(pdf: Path, body: Sequence[str]) -> list[str]:
    count = "(@pages ) Say pdfpagecount Number Say (\\n) Say"
    return [PDF_PROLOGUE, f"{string(pdf)} (r) file runpdfbegin", count, *body, "runpdfend"]


def _page(page: Placement, tone: Tone | None) -> str:
    box = page.shape.box
    visible = f"{box.left} {box.bottom} {box.width:.6f} {box.height:.6f}"
    where = f"[{numbers(page.paper)}] [{numbers(page.matrix)}] [{visible}]"
    return f"{page.number} {where} {transfer(tone)} {page.shape.unit} Page"


async def run_driver(
    sources: Sequence[Path],
    body: Sequence[str],
    device: Sequence[str],
    page: Placement | None,
    *,
    scratch: Path,
    seconds: float,
    finer: int = 1,
) -> Finished | None:
    """Run Ghostscript; None when it took too long or broke its limits: what it logged and drew is still there.

    Raises ChildMissing, and ChildBroken when Ghostscript does not even begin.
    """
    driver, log = scratch / "driver.ps", scratch / _LOG
    screen = f"/Screen {{ {postscript(page.resolution)} }} bind def" if page else ""
    opened = f"/Log {string(log)} (w) file def"
    program = "\n".join(["%!PS", opened, screen, PROLOGUE, *body, "quit", ""])
    await asyncio.to_thread(driver.write_text, program, "ascii")
    across, down = (page.resolution.across, page.resolution.down) if page else (72, 72)
    argv = [
        "gs",
        "-q",
        "-dSAFER",
        "-dBATCH",
        "-dNOPAUSE",
        "-dNOPROMPT",
        "-dNOPLATFONTS",
        "-dPrinted=true",  # annotations and fields as they print, not as they look on a screen
        "-dUseFastColor=true",  # luminance as poppler has it: the tones judged are the tones drawn
        *(f"--permit-file-read={source}" for source in sources),
        f"--permit-file-write={log}",
        f"-r{across * finer}x{down * finer}",
        *device,
        str(driver),
    ]
    limits = Limits(
        seconds=seconds, cpu_seconds=int(seconds) + 1, memory=_MEMORY, file_size=_FILE, output=_OUTPUT
    )
    finished = await attempt(argv, scratch=scratch, readable=sources, limits=limits)
    if finished is not None and not await asyncio.to_thread(log.exists):
        # It did not come as far as our first line, so the document has no part in it.
        said = (finished.stderr or finished.stdout)[:300].decode("utf-8", "replace").strip()
        raise ChildBroken(f"Ghostscript does not work here (version 10 is needed): {said}")
    return finished


def _read_log(scratch: Path) -> str:
    try:
        with (scratch / _LOG).open("rb") as file:
            return file.read(_LOG_CAP).decode("latin-1")
    except FileNotFoundError:
        return ""


def _collect(finished: Finished | None, pages: Sequence[Placement], scratch: Path) -> tuple[int, list[Drawn]]:
    count, marks = _marks(finished, pages, scratch)
    drawn = []
    for page, (file, complaints, unit) in zip(pages, marks, strict=True):
        strip = page_strip(file, page) if file is not None else None
        drawn.append(Drawn(page.number, strip, complaints, unit))
    return count, drawn


def _collect_grey(
    finished: Finished | None, pages: Sequence[Placement], scratch: Path
) -> tuple[int, list[Grey]]:
    count, marks = _marks(finished, pages, scratch)
    return count, [
        Grey(page.number, file, complaints, unit)
        for page, (file, complaints, unit) in zip(pages, marks, strict=True)
    ]


def _marks(
    finished: Finished | None, pages: Sequence[Placement], scratch: Path
) -> tuple[int, list[tuple[Path | None, bool, float | None]]]:
    """What the driver wrote down of each page: its file, whether there were complaints, another /UserUnit."""
    log = _read_log(scratch)
    marks = _by_page(log)
    said = _by_page(finished.stdout.decode("latin-1")) if finished else {}
    noise = _by_page(finished.stderr.decode("latin-1")) if finished else {}
    found = []
    for page in pages:
        mark = marks.get(page.number, "")
        file = re.search(r"^@file ([0-9]+)$", mark, re.MULTILINE)
        unit = re.search(r"^@unit ([0-9.e+-]+)$", mark, re.MULTILINE)
        complaints = _complains(said.get(page.number, ""), noise.get(page.number, ""))
        path = scratch / f"page-{int(file[1]):05d}.tif" if file else None
        found.append((path, complaints, _real(unit[1]) if unit else None))
    return _count(log), found


def _count(log: str) -> int:
    found = re.search(r"^@pages ([0-9]+)$", log, re.MULTILINE)
    return int(found[1]) if found else 0


def page_strip(file: Path, page: Placement) -> Strip | None:
    try:
        return strips_of(file, lengths=[page.length])[0]
    except (ChildFailed, OSError):
        return None


def _by_page(text: str) -> dict[int, str]:
    parts = re.split(r"^@page ([0-9]+)$", text, flags=re.MULTILINE)
    return {int(number): said for number, said in zip(parts[1::2], parts[2::2], strict=True)}


def _complains(said: str, noise: str) -> bool:
    """Whether Ghostscript reported an error, or one of its decoders did, on stdout or stderr."""
    return "Error" in said or bool(re.search(r"rror|ERROR|failed", noise))


def _real(text: str) -> float:
    try:
        value = float(text)
    except ValueError:
        return 1.0
    return value if 0.001 < value < 1000 else 1.0


def _shapes(said: str) -> tuple[int, list[PageShape]]:
    found: list[PageShape] = []
    for line in re.findall(r"^@shape(.*)$", said, re.MULTILINE):
        media, crop, rotate, unit = (part.split() for part in line.split(";"))
        box = _box(media)
        inner = _box(crop)
        if box and inner:
            box = inner.within(box) or box
        if box:
            quarters = round(_degrees(rotate) / 90) % 4
            found.append(PageShape(len(found) + 1, box, quarters, _real(unit[0])))
    return _count(said), found


def _degrees(words: Sequence[str]) -> float:
    try:
        return float(words[0])
    except (ValueError, IndexError):
        return 0.0


def _box(words: Sequence[str]) -> Box | None:
    try:
        left, bottom, right, top = (float(word) for word in words)
    except ValueError:
        return None
    box = Box(min(left, right), min(bottom, top), max(left, right), max(bottom, top))
    return box if box.width > 0 and box.height > 0 else None
