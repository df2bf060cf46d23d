"""Documents to checked fax TIFFs: the way from what a user sends to what SendFAX gets."""

from __future__ import annotations

import asyncio
import logging
import os
import shutil
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from nexefax.errors import DocumentError
from nexefax.fax.convert.assemble import place_fax
from nexefax.fax.convert.document import Kind, recognise
from nexefax.fax.convert.faxtiff import Strip, is_blank, write_fax
from nexefax.fax.convert.linetime import USUAL_RATE, line_seconds, slow_page_notes
from nexefax.fax.convert.pdf import render_pdf
from nexefax.fax.convert.slots import Slots, Turns
from nexefax.fax.convert.tiff import FAX_WIDTH
from nexefax.fax.convert.work import RenderSettings, Run, Work
from nexefax.process import scratch_directory

log = logging.getLogger("nexefax.convert")


@dataclass(frozen=True, slots=True)
class RenderedPage:
    """One page of the fax: pixels, bytes of T.6 data, whether it is white all over, who drew it."""

    number: int  # in its document, from 1
    width: int
    length: int
    bytes: int
    blank: bool
    engine: str

    def seconds_at(self, rate: int) -> float:
        """Seconds that the page holds the line at ``rate`` bit/s."""
        return line_seconds(self.bytes, rate)


@dataclass(frozen=True, slots=True)
class Rendering:
    """A document that became a fax; ``engine`` names all that took part, ``notes`` are sentences for its sender."""

    pages: tuple[RenderedPage, ...]
    engine: str
    notes: tuple[str, ...] = ()


OnRun = Callable[[Path, Sequence[RenderedPage]], Awaitable[None]]


async def render(
    document: Path,
    destination: Path,
    *,
    settings: RenderSettings,
    tmp_dir: Path,
    on_run: OnRun | None = None,
    slots: Slots | None = None,
) -> Rendering:
    """Make the fax TIFF of a document at ``destination``: checked, fsynced and renamed into place.

    ``on_run`` is awaited with a TIFF of some pages (gone when it returns) and what they are, in their order, as soon
    as they are ready, the first ones early. ``slots`` are shared by all documents being rendered; waiting for them
    does not count towards the settings' timeout. Cancelling ends all children. Raises DocumentError, a plain
    sentence for the sender; ChildMissing when a program is not installed; OSError when a disk fails.
    """
    async with scratch_directory(tmp_dir) as room:
        try:
            async with asyncio.timeout(settings.timeout) as limit:
                turns = (slots or Slots()).document(limit)
                return await _render(
                    document, destination, settings=settings, room=room, on_run=on_run, turns=turns
                )
        except ExceptionGroup as group:
            raise _first(group) from None
        except TimeoutError:
            raise DocumentError(
                f"The document takes longer than {settings.timeout:.0f} seconds to render. Print it to a new PDF, "
                "or send it in parts."
            ) from None


async def _render(
    document: Path,
    destination: Path,
    *,
    settings: RenderSettings,
    room: Path,
    on_run: OnRun | None,
    turns: Turns,
) -> Rendering:
    source = room / "document"
    await asyncio.to_thread(_take, document, source)
    kind = await asyncio.to_thread(recognise, source)
    strips: list[Strip] = []
    pages: list[RenderedPage] = []

    async def deliver(run: Run) -> None:
        part = await asyncio.to_thread(_pages, run)
        strips.extend(run.strips)
        pages.extend(part)
        if on_run is not None:
            preview = room / "run.tif"
            await asyncio.to_thread(write_fax, preview, run.strips)
            await on_run(preview, part)

    notes = await _draw(kind, Work(source, room, settings, turns, deliver))
    await asyncio.to_thread(place_fax, destination, strips)
    slow = slow_page_notes(
        {page.number: page.seconds_at(USUAL_RATE) for page in pages}, settings.page_minutes
    )
    return Rendering(tuple(pages), "+".join(sorted({page.engine for page in pages})), (*notes, *slow))


async def _draw(kind: Kind, work: Work) -> list[str]:
    # Most documents are PDFs: what the other kinds need is loaded with the first of them.
    match kind:
        case Kind.PDF:
            return await render_pdf(work)
        case Kind.TIFF:
            from nexefax.fax.convert.tiff_document import render_tiff

            return await render_tiff(work)
        case Kind.PNG | Kind.JPEG:
            from nexefax.fax.convert.photo import render_picture

            return await render_picture(work, kind.value.lower())
        case Kind.TEXT:
            from nexefax.fax.convert.plaintext import render_text

            return await render_text(work)
        case Kind.OFFICE:
            from nexefax.fax.convert.office import render_office

            return await render_office(work)


def _first(group: ExceptionGroup[Exception]) -> Exception:
    """What a group of tasks failed of, as one error; the others fell with it."""
    error = group.exceptions[0]
    return _first(error) if isinstance(error, ExceptionGroup) else error


def _take(document: Path, source: Path) -> None:
    """Have the document under our own name: what a user calls it never comes near a command line."""
    try:
        os.link(document, source, follow_symlinks=False)
    except OSError:  # another filesystem, or one without links
        shutil.copyfile(document, source)


def _pages(run: Run) -> list[RenderedPage]:
    return [
        RenderedPage(number, FAX_WIDTH, strip.length, strip.size, is_blank(strip), engine)
        for number, strip, engine in zip(run.numbers, run.strips, run.engines, strict=True)
    ]
