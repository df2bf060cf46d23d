"""Plain text to fax pages: UTF-8 in any script, laid out by Pango through the program paps.

paps writes PostScript of its own, in which the text is outlines of glyphs: none of it is PostScript from the user.
Ghostscript draws that straight to fax pages.
"""

from __future__ import annotations

import asyncio
import logging
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from nexefax.errors import ChildFailed, DocumentError
from nexefax.fax.convert.attempt import attempt
from nexefax.fax.convert.faxtiff import Strip, strips_of
from nexefax.fax.convert.geometry import Box, PageShape, Placement
from nexefax.fax.convert.ghostscript import FAX_DEVICE, run_driver
from nexefax.fax.convert.postscript import string
from nexefax.fax.convert.reading_direction import reads_leftwards
from nexefax.fax.convert.work import Run, Work, check_page_count
from nexefax.process import Limits, scratch_directory

log = logging.getLogger("nexefax.convert")

# 80 columns of ten points on A4; the margins are what a fax machine needs to feed.
FONT: Final = "Monospace 10"
PAPER: Final = Box(0, 0, 595.28, 841.89)
_LAYOUT: Final = (
    "--paper=a4",
    "--left-margin=57",
    "--right-margin=57",
    "--top-margin=50",
    "--bottom-margin=50",
)

# Bytes. 500 pages of dense text have 2 MB, but paps' answer is held in memory: 6 bytes for each of text, or 30 of
# a script with many glyphs.
LONGEST_TEXT: Final = 1 << 20
_ANSWER: Final = 48 << 20

_LAYOUT_SECONDS: Final = 30.0  # paps lays out 1 MB in 2 s
_DRAW_SECONDS: Final = 110.0  # Ghostscript draws 20 pages in a second

# What Pango would show as boxes with numbers in them. Tabs, line feeds and form feeds (a new page) stay.
_CONTROLS: Final = re.compile("[\x00-\x08\x0b\x0e-\x1f\x7f-\x9f\ufeff]")


def decode(data: bytes) -> str:
    """The text in a file: UTF-8, or UTF-16 with a byte order mark. Raises DocumentError when it is neither."""
    encoding = "utf-16" if data.startswith((b"\xff\xfe", b"\xfe\xff")) else "utf-8"
    try:
        text = data.decode(encoding)
    except UnicodeDecodeError:
        raise DocumentError("The text is not in UTF-8. Save it as UTF-8, or print it to a PDF.") from None
    text = text.replace("\r\n", "\n").replace("\r", "\n")
    return _CONTROLS.sub("", text)


async def render_text(work: Work) -> list[str]:
    """Make fax pages of a text file and deliver them; returns notes for the sender (there are none).

    Raises DocumentError when the text is not UTF-8, empty, or too long; ChildMissing without paps.
    """
    data = await asyncio.to_thread(_read, work.source)
    if len(data) > LONGEST_TEXT:
        raise DocumentError(f"The text is longer than {LONGEST_TEXT >> 20} MB. Send it in parts.")
    text = decode(data)
    if not text.strip():
        raise DocumentError("The text is empty.")
    async with work.turns.turn(), scratch_directory(work.room) as scratch:
        postscript, pages = await _lay_out(text, work, scratch)
        check_page_count(pages, work.settings.max_pages)
        numbers = work.settings.wanted(range(1, pages + 1))
        strips = await _draw(postscript, [work.lay(PageShape(number, PAPER)) for number in numbers], work)
    await work.deliver(Run(tuple(numbers), tuple(strips), ("paps",) * len(strips)))
    return []


def _read(source: Path) -> bytes:
    with source.open("rb") as file:
        return file.read(LONGEST_TEXT + 1)


async def _lay_out(text: str, work: Work, scratch: Path) -> tuple[Path, int]:
    """Have paps lay out the text: where the PostScript is, and how many pages it has."""
    argv = ["paps", f"--font={FONT}", *_LAYOUT, *(["--rtl"] if reads_leftwards(text) else [])]
    limits = Limits(
        seconds=_LAYOUT_SECONDS, cpu_seconds=30, memory=1 << 30, file_size=64 << 20, output=_ANSWER
    )
    source, result = work.room / "text.txt", work.room / "text.ps"
    await asyncio.to_thread(source.write_text, text, "utf-8")
    finished = await attempt([*argv, str(source)], scratch=scratch, readable=[source], limits=limits)
    pages = re.findall(rb"^%%Page: ", finished.stdout, re.MULTILINE) if finished else []
    if finished is None or not finished.stdout.rstrip().endswith(b"%%EOF"):
        raise DocumentError("The text can't be laid out on pages. Print it to a PDF, and send that.")
    await asyncio.to_thread(result.write_bytes, finished.stdout)
    return result, len(pages)


async def _draw(postscript: Path, pages: Sequence[Placement], work: Work) -> list[Strip]:
    """Draw pages of the text, all those at once that lie the same way."""
    strips: dict[int, Strip] = {}
    for turn in sorted({page.turn for page in pages}):
        strips |= await _draw_alike(postscript, [page for page in pages if page.turn == turn], work)
    return [strips[page.number] for page in pages]


async def _draw_alike(postscript: Path, pages: Sequence[Placement], work: Work) -> dict[int, Strip]:
    # The paper is fixed to the fax page's and the matrix set once: paps' own setpagedevice changes neither.
    page = pages[0]
    chosen = " ".join(f"{page.number} true" for page in pages)
    program = [
        f"<< /PageSize [{page.paper[0]:.6f} {page.paper[1]:.6f}] >> setpagedevice",
        f"<< /BeginPage {{ pop [{' '.join(f'{value:.9f}' for value in page.matrix)}] concat }} >> setpagedevice",
        # EndPage is asked at each showpage (reason 0) whether to put the page out; what is not must be wiped away.
        f"/Chosen << {chosen} >> def /At 0 def",
        "/Wanted { /At At 1 add store Chosen At known dup not { erasepage } if } def",
        "<< /EndPage { exch pop 2 eq { false } { Wanted } ifelse } >> setpagedevice",
        "/setpagedevice { pop } def",
        f"{string(postscript)} run",
    ]
    async with scratch_directory(work.room) as scratch:
        await run_driver([postscript], program, FAX_DEVICE, page, scratch=scratch, seconds=_DRAW_SECONDS)
        files = [scratch / f"page-{number:05d}.tif" for number in range(1, len(pages) + 1)]
        try:
            return await asyncio.to_thread(_collect, files, pages, work)
        except (ChildFailed, OSError) as error:
            log.warning("Ghostscript drew no good page of a text: %s", error)
            raise DocumentError("The text can't be drawn. Print it to a PDF, and send that.") from None


def _collect(files: Sequence[Path], pages: Sequence[Placement], work: Work) -> dict[int, Strip]:
    return {
        page.number: work.keep(strips_of(file, lengths=[page.length])[0], f"text-{page.number}.tif")
        for page, file in zip(pages, files, strict=True)
    }
