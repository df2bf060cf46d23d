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

from nexefax.errors import ChildFailed
from nexefax.fax.convert.attempt import attempt
from nexefax.fax.convert.faxtiff import Strip, strips_of
from nexefax.fax.convert.geometry import Box, PageShape, Placement
from nexefax.fax.convert.screen import postscript
from nexefax.fax.convert.tone import LINE_ART, Tone
from nexefax.process import Finished, Limits

_PROLOGUE: Final = """
/Complaints (%stderr) (w) file def
/Say { Log exch writestring Log flushfile } bind def
/Announce { dup Say dup print flush Complaints exch writestring Complaints flushfile } bind def
/Number { 20 string cvs } bind def
/Drawn { currentpagedevice /PageCount get } bind def
"""

_PDF_PROLOGUE: Final = """
/Page { % number paper matrix box transfer unit
  /Unit exch def /Transfer exch def /Visible exch def /Matrix exch def /Paper exch def /At exch def
  (\\n@page ) Announce At Number Announce (\\n) Announce
  At pdfgetpage
  dup null eq { pop } {
    dup /UserUnit known { dup /UserUnit get } { 1 } ifelse
    dup Unit sub abs 0.001 gt {
      (@unit ) Say Number Say (\\n) Say pop
    } {
      pop
      pdfshowpage_init
      pdfshowpage_setpage
      << /PageSize Paper >> setpagedevice
      Matrix concat
      Visible aload pop rectclip
      /Transfer load settransfer
      Screen
      Drawn exch pdfshowpage_finish
      Drawn ne { (@file ) Say Drawn Number Say (\\n) Say } if
    } ifelse
  } ifelse
} bind def
"""

_SHAPES: Final = """
/Numbers { { ( ) Say Number Say } forall } bind def
1 1 pdfpagecount %d .min {
  pdfgetpage dup null ne {
    (@shape) Say
    dup /MediaBox known { dup /MediaBox get } { [0 0 612 792] } ifelse Numbers
    dup /CropBox known { dup /CropBox get } { [] } ifelse (;) Say Numbers
    dup /Rotate known { dup /Rotate get } { 0 } ifelse (; ) Say Number Say
    dup /UserUnit known { dup /UserUnit get } { 1 } ifelse (; ) Say Number Say
    (\\n) Say
  } if pop
} for
"""

_LOG: Final = "pages.log"  # what the driver says of each page; unlike stdout it survives a kill and no flood
_LOG_CAP: Final = 1 << 20  # bytes read of it: 200 for each of 5,000 pages

FAX_DEVICE: Final = ("-sDEVICE=tiffg4", "-dMaxStripSize=0", "-sOutputFile=page-%05d.tif")
GREY_DEVICE: Final = ("-sDEVICE=pgmraw", "-sOutputFile=page-%05d.pgm")
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


async def draw(
    pdf: Path, pages: Sequence[Placement], tones: Mapping[int, Tone], *, scratch: Path, seconds: float
) -> tuple[int, list[Drawn]]:
    """Draw pages of ``pdf`` (an absolute path of our own) as T.6, one file a page, within ``scratch``.

    ``tones`` maps page numbers to how they are made black and white, `LINE_ART` for those not named. Whatever
    happens to one page, also that time runs out on it, the pages before it are returned. The number is how many
    pages Ghostscript finds in the document. Raises ChildMissing.
    """
    body = [_page(page, tones.get(page.number, LINE_ART)) for page in pages]
    finished = await run_driver(
        pdf, _pdf_program(pdf, body), FAX_DEVICE, pages[0], scratch=scratch, seconds=seconds
    )
    return await asyncio.to_thread(_collect, finished, pages, scratch)


async def draw_in_grey(
    pdf: Path, page: Placement, *, scratch: Path, seconds: float
) -> tuple[Path | None, bool]:
    """Draw one page in grey as it lies on the fax, margins and all: a PGM in ``scratch``, None when it failed.

    The second value tells whether Ghostscript complained. Raises ChildMissing.
    """
    body = [_page(page, None)]
    finished = await run_driver(
        pdf, _pdf_program(pdf, body), GREY_DEVICE, page, scratch=scratch, seconds=seconds
    )
    _, drawn = await asyncio.to_thread(_collect, finished, [page], scratch)
    file = scratch / "page-00001.pgm"
    return (file if await asyncio.to_thread(file.is_file) else None), drawn[0].complaints


async def shapes(pdf: Path, *, most: int, scratch: Path, seconds: float) -> tuple[int, list[PageShape]]:
    """What Ghostscript says of a document that the other reader can't open: page count and up to ``most`` shapes.

    Raises ChildMissing.
    """
    await run_driver(
        pdf, _pdf_program(pdf, [_SHAPES % most]), _NOWHERE, None, scratch=scratch, seconds=seconds
    )
    return _shapes(await asyncio.to_thread(_read_log, scratch))


def _pdf_program(pdf: Path, body: Sequence[str]) -> list[str]:
    count = "(@pages ) Say pdfpagecount Number Say (\\n) Say"
    return [_PDF_PROLOGUE, f"{string(pdf)} (r) file runpdfbegin", count, *body, "runpdfend"]


def numbers(values: Sequence[float]) -> str:
    return " ".join(f"{value:.9f}" for value in values)


def string(path: Path) -> str:
    """A PostScript string; hexadecimal, so that no character of a path means anything."""
    return f"<{str(path).encode().hex()}>"


def _page(page: Placement, tone: Tone | None) -> str:
    box = page.shape.box
    visible = f"{box.left} {box.bottom} {box.width:.6f} {box.height:.6f}"
    where = f"[{numbers(page.paper)}] [{numbers(page.matrix)}] [{visible}]"
    return f"{page.number} {where} {transfer(tone)} {page.shape.unit} Page"


def transfer(tone: Tone | None) -> str:
    """PostScript's transfer function (PLRM 7.3): grey 0 is black. Without a tone greys stay as they are."""
    if tone is None:
        return "{}"
    if tone.photo:
        span = max(1, tone.white - tone.black)
        return f"{{{tone.black / 255:.4f} sub {255 / span:.4f} mul 0 .max 1 .min}}"
    return f"{{{(tone.threshold - 0.5) / 255:.4f} ge {{1}} {{0}} ifelse}}"


async def run_driver(
    source: Path,
    body: Sequence[str],
    device: Sequence[str],
    page: Placement | None,
    *,
    scratch: Path,
    seconds: float,
) -> Finished | None:
    """Run Ghostscript; None when it took too long or broke its limits: what it logged and drew is still there.

    Raises ChildMissing, and ChildFailed when Ghostscript does not even begin.
    """
    driver, log = scratch / "driver.ps", scratch / _LOG
    screen = f"/Screen {{ {postscript(page.resolution)} }} bind def" if page else ""
    opened = f"/Log {string(log)} (w) file def"
    program = "\n".join(["%!PS", opened, screen, _PROLOGUE, *body, "quit", ""])
    await asyncio.to_thread(driver.write_text, program, "ascii")
    resolution = f"{page.resolution.across}x{page.resolution.down}" if page else "72x72"
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
        f"--permit-file-read={source}",
        f"--permit-file-write={log}",
        f"-r{resolution}",
        *device,
        str(driver),
    ]
    limits = Limits(
        seconds=seconds, cpu_seconds=int(seconds) + 1, memory=_MEMORY, file_size=_FILE, output=_OUTPUT
    )
    finished = await attempt(argv, scratch=scratch, readable=[source], limits=limits)
    if finished is not None and finished.returncode != 0 and not await asyncio.to_thread(log.exists):
        # It did not come as far as our first line, so the document has no part in it.
        said = (finished.stderr or finished.stdout)[:300].decode("utf-8", "replace").strip()
        raise ChildFailed(f"Ghostscript does not work here (version 10 is needed): {said}")
    return finished


def _read_log(scratch: Path) -> str:
    try:
        with (scratch / _LOG).open("rb") as file:
            return file.read(_LOG_CAP).decode("latin-1")
    except FileNotFoundError:
        return ""


def _collect(finished: Finished | None, pages: Sequence[Placement], scratch: Path) -> tuple[int, list[Drawn]]:
    log = _read_log(scratch)
    marks = _by_page(log)
    said = _by_page(finished.stdout.decode("latin-1")) if finished else {}
    noise = _by_page(finished.stderr.decode("latin-1")) if finished else {}
    drawn = []
    for page in pages:
        mark = marks.get(page.number, "")
        file = re.search(r"^@file ([0-9]+)$", mark, re.MULTILINE)
        unit = re.search(r"^@unit ([0-9.e+-]+)$", mark, re.MULTILINE)
        strip = page_strip(scratch / f"page-{int(file[1]):05d}.tif", page) if file else None
        complaints = _complains(said.get(page.number, ""), noise.get(page.number, ""))
        drawn.append(Drawn(page.number, strip, complaints, _real(unit[1]) if unit else None))
    return _count(log), drawn


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
