"""A received fax as a PDF: lossless where it is sound, mended and marked where it is not.

The order of trust: what spandsp wrote whole goes into the PDF as it is; else libtiff decodes it, and says
nothing; else our own reader keeps every scan line that can be read and counts the rest; a page that nobody
can read is named; and where that is every page, the TIFF itself is what is delivered. Nothing is judged away: blank
pages, noise and negatives stay as they came.
"""

from __future__ import annotations

import asyncio
import logging
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final, Literal

from nexefax.durable import copy_file
from nexefax.errors import TiffError
from nexefax.fax.convert.decoding import decode
from nexefax.fax.convert.lost_pages import recover
from nexefax.fax.convert.notes import damaged_lines, page_notes, unreadable_note
from nexefax.fax.convert.paper import paper
from nexefax.fax.convert.pdf_file import PdfInfo, PdfPage, write_pdf
from nexefax.fax.convert.pictures import Decoded
from nexefax.fax.convert.tiff import Survey, survey
from nexefax.process import scratch_directory

log = logging.getLogger("nexefax.convert")

TIMEOUT: Final = 120.0  # seconds for all pages of a fax, as convert_timeout


@dataclass(frozen=True, slots=True)
class Received:
    """What became of a received TIFF.

    ``outcome`` is ``lossless`` (every pixel of the TIFF is in the PDF), ``repaired`` (the PDF has what could
    be read) or ``unreadable`` (there is no PDF). ``pages`` are those in the PDF, ``resolution`` is for
    people, ``notes`` are sentences for the recipient, without a full stop. ``damaged`` counts bad scan lines by page,
    ``pdf`` is None where there is none, and ``tiff_wanted`` says that the TIFF holds something the PDF does not,
    so that it should be delivered too.
    """

    outcome: Literal["lossless", "repaired", "unreadable"]
    pages: int
    resolution: str
    notes: tuple[str, ...]
    pdf: Path | None
    damaged: Mapping[int, int] = field(default_factory=dict)
    tiff_wanted: bool = False


async def to_pdf(
    tiff: Path,
    pdf: Path,
    *,
    info: PdfInfo,
    tmp_dir: Path,
    timeout: float = TIMEOUT,  # noqa: ASYNC109 - nothing is cancelled: what is not decoded by then is left out
) -> Received:
    """Make ``pdf`` of the received ``tiff``; it is durable and whole when this returns.

    What no page can be read of is no error: the outcome says so. Raises ChildMissing when libtiff's tools are
    not installed, and OSError when the disk fails; then there is no ``pdf``, and the same call may be tried again.
    """
    tiff = await asyncio.to_thread(tiff.absolute)  # the children work elsewhere
    deadline = asyncio.get_running_loop().time() + timeout
    found = await asyncio.to_thread(_survey, tiff)
    if found is None:
        note = unreadable_note(await asyncio.to_thread(_beginning, tiff))
        return Received("unreadable", 0, "", (note,), None, tiff_wanted=True)
    async with scratch_directory(tmp_dir) as scratch:
        pages = await decode(tiff, found.pages, scratch=scratch, deadline=deadline)
        pages = [page for page in pages if not page.is_nothing]
        shown = [page for page in pages if page.picture is not None]
        if not shown:
            return Received("unreadable", 0, "", (unreadable_note(b"II"),), None, tiff_wanted=True)
        made = scratch / "fax.pdf"
        await asyncio.to_thread(_write, made, shown, info)
        await asyncio.to_thread(copy_file, made, pdf)
    damaged = {page.page.number: count for page in pages if (count := damaged_lines(page))}
    lossless = all(page.intact for page in pages) and not found.fault
    return Received(
        "lossless" if lossless else "repaired",
        len(shown),
        _resolution(shown),
        tuple(page_notes(pages, found.fault)),
        pdf,
        damaged,
        tiff_wanted=bool(found.fault) or not all(page.whole for page in pages),
    )


def _survey(tiff: Path) -> Survey | None:
    """The pages of a TIFF, sought for where its directories are broken; None when there is none."""
    try:
        found = survey(tiff)
    except TiffError as error:
        log.warning("%s: %s", tiff, error)
        return recover(tiff, None)
    return recover(tiff, found) if found.fault else found


def _beginning(tiff: Path) -> bytes:
    with tiff.open("rb") as file:
        return file.read(1024)


def _write(path: Path, pages: Sequence[Decoded], info: PdfInfo) -> None:
    with path.open("xb") as file:
        write_pdf(file, _pdf_pages(pages), info)


def _pdf_pages(pages: Sequence[Decoded]) -> Iterator[PdfPage]:
    """Load one page after the other, so that a long fax is never in memory as a whole."""
    for page, picture in ((page, page.picture) for page in pages if page.picture):
        data, samples = picture.load()
        size = paper(page.page)
        yield PdfPage(
            picture.width,
            picture.length,
            size.across,
            size.down,
            data,
            samples=samples,
            min_is_black=picture.min_is_black,
            orientation=page.page.orientation,
        )


def _resolution(pages: Sequence[Decoded]) -> str:
    """The resolutions of the pages for people, the commonest first."""
    return ", ".join(words for words, _ in Counter(paper(page.page).words for page in pages).most_common(3))
